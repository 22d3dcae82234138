"""The scanner's account of its steps and the images: in every order, missing, too short, given up."""

import json
from dataclasses import asdict, replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from dicom_scp.accounts import DISCONTINUED, NO_ACCOUNT, PerformedCount
from dicom_scp.arrival import Arrival, AssociationKind
from dicom_scp.mpps import Scheduled, Series, Step, StepStatus
from gateway.analysis import remarked
from gateway.jobs.orders import AnalyseOrder
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import CaseState
from gateway.readiness import NOT_COME
from gateway.refusal import refused
from gateway.steps.analysis import _run
from tests.gateway.shelf import SERIES as SHELF_SERIES
from tests.gateway.shelf import Archive, a_shelf
from tests.gateway.test_studies import SERIES, SLICES, STUDY, WHOLE, Sender
from triage.types import Analysis
from viewer_bridge.report.wording.language import Language
from viewer_bridge.report.wording.phrases import translated

UIDS = tuple(header.sop_instance_uid for header in WHOLE)
OTHER = Series("1.2.8", ("1.2.8.1",))


def step(uid="1.9", status=StepStatus.COMPLETED, images=UIDS, series_uid=SERIES, **other) -> Step:
    made = (Series(series_uid, images), OTHER) if images is not None else ()
    return Step(uid, status, "CT01", "CT", (Scheduled(STUDY),), made, **other)


@pytest.fixture
def sender(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield Sender(ledger)
    ledger.engine.dispose()


def report(sender: Sender, told: Step) -> None:
    """The scanner begins a step, or ends one."""
    performed = sender.ledger.performed
    if not performed.begin(told, "CT01", (None,), sender.now):
        assert performed.change(performed.get(told.uid), told, sender.now)


@pytest.mark.parametrize(
    ("steps", "here", "expected"),
    [
        ([], "abc", NO_ACCOUNT),
        ([step(images=tuple("abc"))], "abc", PerformedCount(3, 3, 0)),
        ([step(images=tuple("abc"))], "ab", PerformedCount(3, 2, 0)),
        ([step(images=tuple("ab"))], "abc", PerformedCount(2, 2, 1)),
        ([step(images=())], "abc", PerformedCount(0, 0, 3)),
        ([step(images=tuple("abc"), status=StepStatus.IN_PROGRESS)], "abc", NO_ACCOUNT),
        ([step(images=tuple("abc"), series_uid="1.7")], "abc", NO_ACCOUNT),
        ([step(images=tuple("ab")), step("1.8", images=("c",))], "abc", PerformedCount(3, 3, 0)),
        ([step(images=tuple("ab")), step("1.8", StepStatus.IN_PROGRESS, ("c",))], "ab", NO_ACCOUNT),
        ([step(images=tuple("ab"), status=StepStatus.DISCONTINUED)], "ab", PerformedCount(2, 2, 0, True)),
        ([step(images=None, status=StepStatus.DISCONTINUED)], "ab", PerformedCount(discontinued=True)),
        (
            [step(images=None, status=StepStatus.DISCONTINUED), step("1.8", images=tuple("ab"))],
            "ab",
            PerformedCount(2, 2),
        ),
    ],
)
def test_an_account_is_compared_image_by_image(steps, here, expected):
    found = PerformedCount.of(steps, SERIES, set(here))
    if expected.counted == 0:
        found = replace(found, beyond=expected.beyond)
    assert found == expected


def test_an_account_that_names_too_few_proves_nothing():
    short = PerformedCount.of([step(images=tuple("ab"))], SERIES, set("abc"))
    assert (short.is_met, short.missing, short.text) == (False, 0, "")
    raw = Series(SERIES, tuple("ab"), others=("c",))
    told = replace(step(), series=(raw,))
    assert PerformedCount.of([told], SERIES, set("abc")).is_met


def test_an_account_before_the_images_ends_the_wait_with_the_last_image(sender):
    sender.open("a")
    report(sender, step())
    sender.send(WHOLE[:-1])
    sender.wait(5)
    assert sender.analyses == []
    sender.send(WHOLE[-1:])
    sender.wait(1)
    assert len(sender.analyses) == 1, "though the sender is still connected"
    assert f"MPPS: {len(WHOLE)} of {len(WHOLE)} images" in sender.case.proof


def test_an_account_between_the_images(sender):
    report(sender, step(status=StepStatus.IN_PROGRESS, images=None))
    sender.open("a")
    sender.send(WHOLE[:80])
    sender.wait(2)
    report(sender, step())
    sender.send(WHOLE[80:])
    sender.wait(1)
    assert len(sender.analyses) == 1
    assert "MPPS" in sender.case.proof


def test_an_account_after_the_images(sender):
    """The sender keeps its association open, so that nothing else would end the wait before the quiet time."""
    sender.open("a")
    sender.send(WHOLE)
    sender.wait(10)
    assert sender.analyses == []
    report(sender, step())
    sender.wait(1)
    assert len(sender.analyses) == 1
    assert sender.ledger.performed.remarks_of(sender.case.id, 1) == ()


def test_without_an_account_nothing_changes(sender):
    report(sender, step(status=StepStatus.IN_PROGRESS, images=None))
    sender.open("a")
    sender.send(WHOLE)
    sender.close("a")
    sender.wait(1)
    assert len(sender.analyses) == 1, "a step in progress holds up nothing"
    assert "MPPS" not in sender.case.proof


def test_an_account_that_is_wrong_changes_nothing(sender):
    """It names fewer than came: neither a proof nor a shortage."""
    report(sender, step(images=UIDS[:50]))
    sender.open("a")
    sender.send(WHOLE[:100])
    sender.wait(10)
    assert sender.analyses == []
    sender.send(WHOLE[100:])
    sender.close("a")
    sender.wait(1)
    assert len(sender.analyses) == 1
    assert "MPPS" not in sender.case.proof
    assert sender.ledger.performed.remarks_of(sender.case.id, 1) == ()


def test_images_that_were_counted_are_waited_for_and_then_missed(sender):
    """A full rectangle and the end of the association are no end while the scanner has counted more."""
    report(sender, step())
    part = WHOLE[: -5 * SLICES]
    sender.open("a")
    sender.send(part)
    sender.close("a")
    sender.wait(19)
    assert sender.analyses == []
    sender.wait(3)
    assert len(sender.analyses) == 1
    assert f"MPPS: {len(part)} of {len(WHOLE)} images; taken as complete after 20 s" in sender.case.proof
    assert sender.ledger.performed.remarks_of(sender.case.id, 1) == (NOT_COME.format(5 * SLICES),)
    sender.conclude()
    sender.send(WHOLE[-5 * SLICES :], "b")
    sender.wait(1)
    assert [key[-2:] for key in sender.analyses] == ["r1", "r2"]
    assert sender.ledger.performed.remarks_of(sender.case.id, 2) == ()


def test_a_scan_that_was_given_up_is_analysed_at_once_and_says_so(sender):
    part = WHOLE[: -5 * SLICES - 3]
    report(sender, step(status=StepStatus.DISCONTINUED, images=tuple(h.sop_instance_uid for h in part)))
    sender.open("a")
    sender.send(part)
    sender.wait(1)
    assert len(sender.analyses) == 1
    assert sender.ledger.performed.remarks_of(sender.case.id, 1) == (DISCONTINUED,)


def test_a_scan_that_was_given_up_early_is_not_closed_in_silence(sender):
    """Too little to be recognised as perfusion, though more than a still image."""
    part = WHOLE[: 5 * SLICES + 3]
    report(sender, step(status=StepStatus.DISCONTINUED, images=tuple(h.sop_instance_uid for h in part)))
    sender.open("a")
    sender.send(part)
    sender.close("a")
    sender.wait(22)
    assert (sender.case.state, len(sender.analyses)) == (CaseState.ANALYSING, 1)
    assert DISCONTINUED in sender.case.proof
    assert sender.ledger.performed.remarks_of(sender.case.id, 1) == (DISCONTINUED,)


def test_a_connection_that_broke_is_no_end_but_the_account_is(sender):
    sender.open("a")
    sender.send(WHOLE)
    sender.close("a", AssociationKind.ABORTED)
    sender.wait(5)
    assert sender.analyses == []
    report(sender, step())
    sender.wait(1)
    assert len(sender.analyses) == 1


def test_another_study_is_not_concerned(sender):
    told = replace(step(), scheduled=(Scheduled("1.77"),))
    report(sender, told)
    sender.open("a")
    sender.send(WHOLE)
    sender.wait(5)
    assert sender.analyses == []


def test_the_result_says_what_the_scanner_said(tmp_path):
    """It goes with the order of the analysis, through JSON, into the result and the languages of the report."""
    remarks, orders = (NOT_COME.format(12), DISCONTINUED), []
    with a_shelf(tmp_path, Archive()) as shelf:
        shelf.receive("1.2.1")
        ledger = shelf.desk.ledger
        (case,) = ledger.cases.latest()
        ledger.performed.remark(case.id, 1, remarks)
        analysts = SimpleNamespace(analyse=lambda _key, order, _timeout_s: orders.append(order))
        _run(replace(shelf.desk, analysts=analysts), replace(case, perfusion_series_uid=SHELF_SERIES), 1)
    order = AnalyseOrder(**json.loads(json.dumps(asdict(orders[0]))))
    result = remarked(
        Analysis(refused("it cannot be read", "1.2", "1.2.3"), findings=None), order.remarks
    ).result
    assert [flag.text for flag in result.quality if flag.code == "incomplete"] == list(remarks)
    for remark in remarks:
        words = {translated(remark, language) for language in Language}
        assert len(words) == len(Language)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_both_databases_keep_what_the_scanner_said(tmp_path, request, kind):
    sqlite = f"sqlite:///{tmp_path / 'ledger.db'}"
    url = sqlite if kind == "sqlite" else request.getfixturevalue("a_postgres_url")
    ledger = Ledger.open(url)
    study, now = "1.2.826.99", Sender(ledger).now
    more = {"reason_code": "110501", "reason": "Equipment failure", "started": ("20260301", "080000")}
    told = replace(step("1.9.99", StepStatus.DISCONTINUED, **more), scheduled=(Scheduled(study),))
    assert ledger.performed.begin(told, "CT01", (None,), now)
    assert not ledger.performed.begin(told, "CT01", (None,), now + timedelta(1))
    ledger.performed.remark("a", 1, ("one", "two"))
    ledger.performed.remark("a", 1, ("three",))
    ledger.engine.dispose()
    again = Ledger.open(url)
    (known,) = again.performed.of_study(study)
    assert (known.step, known.begun_at, known.version) == (told, now, 1)
    assert again.performed.mark(study) == (("1.9.99", 1),)
    assert again.performed.remarks_of("a", 1) == ("three",)
    assert not again.performed.change(replace(known, version=0), told, now)
    assert again.performed.change(known, told, now)
    header = replace(WHOLE[0], study_uid=study, sop_instance_uid="1.2.826.99.1")
    again.arrivals.record(Arrival(header, "99.dcm", "d99", 10, "1.2", now, "CT01", "GW", "a"))
    (image,) = again.arrivals.images(study)
    case = again.cases.open(study, now)
    again.cases.saw(case.id, image.arrival_id, now)
    again.cases.close_without_perfusion(case.id, 1, "none", now)
    since, until = now - timedelta(hours=1), now + timedelta(hours=1)
    assert again.availability.due(since, until) == [], "the archive has not got it"
    again.holdings.forwarded({image.arrival_id: "o"}, now)
    assert again.availability.due(since, until) == [(case.id, study, 1, image.arrival_id)]
    again.availability.told(study, 1, image.arrival_id)
    assert again.availability.due(since, until) == []
    assert again.availability.number(study) == 1
    assert [r.sop_instance_uid for r in again.availability.in_archive(study)[SERIES]] == ["1.2.826.99.1"]
    again.engine.dispose()
