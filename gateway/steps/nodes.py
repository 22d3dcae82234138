"""Result objects to further PACS nodes, each by a rule of its own and a delivery of its own.

What a node has accepted is remembered, so that after an outage only the rest goes; a repeat of an object would do no harm.
Objects go one after another in the order of `gateway.steps.parcels`, the images they were computed from at the end. A node
that refuses an object gets the others, and the delivery ends with the reason; one that refuses the pages gets no numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock
from time import monotonic

from dicom_scp.requestor import Callee
from dicom_scp.tls import TlsSettings, client_context
from dicom_scp.uids import IMPLICIT_VR
from gateway.config import Config
from gateway.desk import Desk
from gateway.jobs.orders import OBJECTS, SIGNED
from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.records import Case, DeliveryKind
from gateway.pacs.settings import PacsNode
from gateway.pacs.storing import Load, Reply, Verdict, replies
from gateway.steps.parcels import Kind, Parcel, parcels_in
from gateway.storage.restoration import missing_from
from triage.errors import ConfigError, InputError, TemporaryError
from triage.results import Status

SOURCE = "source"
"""Among a node's objects: the images of the analysed series."""

LONGEST_S = 300.0
"""Sending in one attempt: what is left goes with the next, so that a slow line is never taken for one that is stuck."""
NOTED_TOGETHER = 25
"""Accepted objects that one commit remembers: a kill repeats at most so many."""

SYNTAXES = {IMPLICIT_VR: "implicit little endian"}

_gate = Lock()
_places: dict[str, BoundedSemaphore] = {}
"""Associations with each node that may be open at once."""


@dataclass(slots=True)
class _Outcome:
    """What became of one attempt."""

    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    remarks: dict[str, int] = field(default_factory=dict)
    put_off: str = ""
    has_no_pages: bool = False
    """The node refuses them, and no numbers go without the page that says what they are worth."""

    def count(self, remark: str) -> None:
        """One more of these."""
        if remark:
            self.remarks[remark] = self.remarks.get(remark, 0) + 1


def wanting(config: Config, case: Case) -> list[PacsNode]:
    """Nodes that get something of this result; a later revision goes to all, since it rejects what they may have."""
    return [node for node in config.pacs.nodes if case.revision > 1 or _is_wanted(node, case)]


def _is_wanted(node: PacsNode, case: Case) -> bool:
    return node.results == "all" or (case.result or {}).get("status") == Status.ANALYSED.value


def send(desk: Desk, case: Case, target: str, key: str) -> str:
    """Send what the node has not accepted yet; returns what it took, with its remarks.

    Raises
    ------
    TemporaryError
        The node is away, has no room now, or there was too much for one attempt.
    InputError
        It refuses an object for good, or is no longer configured.
    """
    node = _node(desk, target)
    for revision in range(1, case.revision):
        desk.ledger.handovers.forget(delivery_id_of(case.id, revision, DeliveryKind.NODE, target))
    return _send_all(
        desk, node, key, lambda: [*_results(desk, case, node, OBJECTS), *_images(desk, case, node)]
    )


def send_signed(desk: Desk, case: Case, target: str, key: str) -> str:
    """Send what a physician has signed off, as far as the node gets such objects; raises like `send`."""
    node = _node(desk, target)
    return _send_all(desk, node, key, lambda: list(_results(desk, case, node, SIGNED)))


def _send_all(desk: Desk, node: PacsNode, key: str, collected: Callable[[], list[tuple[Load, str]]]) -> str:
    with _place(node):
        loads = collected()
        known = desk.ledger.handovers.accepted(key)
        waiting = [(load, kind) for load, kind in loads if load.sop_instance_uid not in known]
        outcome = _send(desk, node, waiting, key)
    there = len(known) + len(outcome.accepted)
    if outcome.put_off:
        raise TemporaryError(f"{outcome.put_off}; {there} of {len(loads)} objects are there")
    if outcome.refused:
        raise InputError(
            f"{len(loads) - there} of {len(loads)} objects are not at {node.ae_title}: {outcome.refused[0]}"
        )
    desk.ledger.handovers.forget(key)
    remarks = "".join(f"; {count}: {remark}" for remark, count in outcome.remarks.items())
    return f"{len(loads)} objects{remarks}"


def _send(desk: Desk, node: PacsNode, waiting: Sequence[tuple[Load, str]], key: str) -> _Outcome:
    """Send on one association; what was accepted is noted, however it ends."""
    outcome, until, kinds = _Outcome(), monotonic() + LONGEST_S, dict(waiting)
    if not waiting:
        return outcome
    noted = 0
    try:
        for load, reply in replies(_callee(desk, node), list(kinds), lambda: _is_over(outcome, until)):
            _judge(outcome, kinds[load], load, reply)
            if len(outcome.accepted) - noted >= NOTED_TOGETHER:
                desk.ledger.handovers.note(key, outcome.accepted[noted:])
                noted = len(outcome.accepted)
    except TemporaryError as exc:
        outcome.put_off = str(exc)
    finally:
        desk.ledger.handovers.note(key, outcome.accepted[noted:])
    return outcome


def _is_over(outcome: _Outcome, until: float) -> bool:
    if monotonic() > until:
        outcome.put_off = outcome.put_off or "the rest follows"
    return bool(outcome.put_off) or outcome.has_no_pages


def _judge(outcome: _Outcome, kind: str, load: Load, reply: Reply) -> None:
    """Note how an object was answered."""
    name = f"{kind} {load.sop_instance_uid}"
    if reply.verdict is Verdict.LATER:
        outcome.put_off = f"{name}: {reply.reason}"
        return
    if reply.verdict is Verdict.REFUSED:
        outcome.refused.append(f"{name}: {reply.reason}")
        outcome.has_no_pages |= kind == Kind.PAGES
        return
    outcome.accepted.append(load.sop_instance_uid)
    outcome.count(reply.reason)
    if reply.converted_to:
        outcome.count(f"converted to {SYNTAXES.get(reply.converted_to, 'explicit little endian')}")


def _results(desk: Desk, case: Case, node: PacsNode, name: str) -> Iterator[tuple[Load, str]]:
    """Result objects of a sub-folder by the node's rule; the note that rejects former ones goes to everybody."""
    folder = desk.folder(case.id, case.revision) / name
    chosen = set(node.objects) if _is_wanted(node, case) else set()
    for parcel in parcels_in(folder, case.perfusion_series_uid or "", case.revision):
        if parcel.kind in chosen or parcel.kind is Kind.REJECTION:
            yield _load(parcel), parcel.kind.value


def _load(parcel: Parcel) -> Load:
    return Load(parcel.path, parcel.sop_class_uid, parcel.sop_instance_uid, parcel.transfer_syntax_uid)


def _images(desk: Desk, case: Case, node: PacsNode) -> Iterator[tuple[Load, str]]:
    """Images of the analysed series; those that left the spool are fetched back from the archive."""
    if SOURCE not in node.objects or not _is_wanted(node, case):
        return
    images = desk.ledger.holdings.of_series(case.study_uid, case.perfusion_series_uid or "")
    if trouble := missing_from(desk, images):
        raise TemporaryError(trouble)
    for image in images:
        path = desk.spooled(image.path)
        load = Load(path, image.sop_class_uid, image.sop_instance_uid, image.transfer_syntax_uid)
        yield load, SOURCE


def _node(desk: Desk, name: str) -> PacsNode:
    for node in desk.config.pacs.nodes:
        if node.name == name:
            return node
    raise InputError(f"PACS node {name} is no longer configured")


def _callee(desk: Desk, node: PacsNode) -> Callee:
    """Whom to call; files of TLS that do not serve are mended by a person, and then it goes on.

    Raises
    ------
    TemporaryError
        They do not serve.
    """
    calling = (node.calling_ae_title or desk.config.dicom.ae_title).strip()
    tls = None
    if node.tls:
        named = f"pacs.nodes ({node.name}).tls"
        settings = TlsSettings(node.tls.certificate, node.tls.key, node.tls.authorities, named)
        try:
            tls = client_context(settings, desk.now(), check_host=node.tls.check_host)
        except ConfigError as exc:
            raise TemporaryError(str(exc)) from exc
    return Callee(node.ae_title.strip(), node.host, node.port, calling, tls)


@contextmanager
def _place(node: PacsNode) -> Iterator[None]:
    """One of the node's places; whoever waits here holds up nobody but the same node's deliveries."""
    with _gate:
        place = _places.setdefault(node.name, BoundedSemaphore(node.max_at_once))
    with place:
        yield
