"""Looking for every forwarded object in the archive, twice: an archive's answer to an upload is no proof.

Orthanc commits its index without waiting for the disk, so a power cut can take back what it acknowledged. An object
counts as safe there when its bytes were seen soon after the upload, and again a day later from the archive's own disk.
What is missing at either look is forwarded again.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import structlog

from gateway.desk import Desk
from gateway.ledger.records import Cause, Stored
from gateway.storage.evidence import DAMAGED, Held, dataset_in, look

log = structlog.get_logger()

BATCH = 256
"""Looks per turn; each costs the archive about a millisecond."""

EXPLANATIONS = {
    Held.OTHER: "the archive holds another image under this SOP instance UID; this one is kept here",
    Held.DAMAGED: "the archive's own copy is damaged; delete it there, this one is kept here and can be sent again",
}


def look_for_new(desk: Desk) -> int:
    """First look at what was forwarded; returns how many are missing."""
    return _look(desk, desk.ledger.holdings.never_seen(BATCH), again=False)


def look_again(desk: Desk) -> int:
    """Second look at what was seen long enough ago; returns how many are missing."""
    before = desk.now() - timedelta(hours=desk.config.storage.second_sighting_after_hours)
    return _look(desk, desk.ledger.holdings.seen_once(before, BATCH), again=True)


def _look(desk: Desk, items: Sequence[Stored], *, again: bool) -> int:
    found: dict[Held, list[int]] = defaultdict(list)
    for item in items:
        held = sight(desk, item, thoroughly=again)
        if held is not None:
            found[held].append(item.arrival_id)
    note = desk.ledger.holdings.saw_again if again else desk.ledger.holdings.saw
    if found[Held.SAME]:
        note(found[Held.SAME], desk.now())
    if missing := found[Held.MISSING]:
        desk.ledger.holdings.forward_again(missing, "the archive has lost it: forwarded again")
        log.error("the archive has lost objects", count=len(missing))
    for held, explanation in EXPLANATIONS.items():
        for arrival_id in found[held]:
            desk.ledger.holdings.shadowed(arrival_id, explanation)
            log.warning("the archive holds something else", arrival=arrival_id, held=held)
    return len(missing)


def sight(desk: Desk, item: Stored, *, thoroughly: bool) -> Held | None:
    """What the archive has of an object; None, and quarantine, when our own bytes are wrong.

    Raises
    ------
    TemporaryError
        The archive is away.
    """
    try:
        file = desk.spooled(item.path).read_bytes()
    except OSError:
        file = b""
    if dataset_in(file, item) is None:
        desk.ledger.holdings.quarantine(item.arrival_id, Cause.DAMAGED, DAMAGED)
        return None
    return look(desk.orthanc, item, file, thoroughly=thoroughly)
