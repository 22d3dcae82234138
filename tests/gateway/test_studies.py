"""However a study comes - partial, late, twice, in parallel, while it is acquired - its case ends in the right state."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import insert

from dicom_scp.arrival import Arrival, AssociationEvent, AssociationKind
from dicom_scp.headers import ImageHeader
from gateway.config import Intake as IntakeSettings
from gateway.intake import Intake
from gateway.ledger import views
from gateway.ledger.arrivals import row_of
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import CaseState
from gateway.ledger.schema import arrivals

STUDY, SERIES = "1.2", "1.2.3"
SLICES, FRAMES = 8, 20
START = datetime(2026, 3, 1, tzinfo=UTC)
RESULT = {"status": "analysed", "reason": None}


def image(number: int) -> ImageHeader:
    frame, place = divmod(number, SLICES)
    return ImageHeader(
        sop_instance_uid=f"1.2.3.{number + 1}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        study_uid=STUDY,
        series_uid=SERIES,
        modality="CT",
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        instance_number=number + 1,
        rows=512,
        columns=512,
        position_mm=(-100.0, -100.0, 5.0 * place),
        orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        pixel_spacing_mm=(0.5, 0.5),
        acquired_at_s=100 + 2.0 * frame + 0.01 * place,
    )


WHOLE = [image(number) for number in range(SLICES * FRAMES)]
ANNOUNCED = [replace(header, temporal_positions=FRAMES) for header in WHOLE]
LONG = [image(number) for number in range(SLICES * 45)]


class Sender:
    """A scanner, an intake that looks on, and a clock that both obey."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.now = ledger, START
        self.runs: list[str] = []
        client = SimpleNamespace(submit=lambda _, key, *__, **___: self.runs.append(key))
        settings = IntakeSettings(quiet_s=20, association_grace_s=2)
        self.intake = Intake(ledger, client, settings, analysis_timeout_s=300)

    @property
    def case(self):
        return self.ledger.cases.of_study(STUDY)

    @property
    def analyses(self) -> list[str]:
        return [key for key in self.runs if key.startswith("case:")]

    def open(self, name: str) -> None:
        self._tell(name, AssociationKind.OPENED)

    def close(self, name: str, how=AssociationKind.RELEASED) -> None:
        self._tell(name, how)

    def _tell(self, name: str, kind: AssociationKind) -> None:
        self.ledger.arrivals.record_association(AssociationEvent(name, "CT01", kind, self.now))

    def send(self, headers, association: str = "a", content: str = "") -> None:
        rows = []
        for header in headers:
            digest = hashlib.sha256(f"{header}{content}".encode()).hexdigest()
            arrival = Arrival(header, f"{digest}.dcm", digest, 10, "1.2", self.now, "CT01", "GW", association)
            rows.append(row_of(arrival))
        with self.ledger.engine.begin() as connection:
            connection.execute(insert(arrivals).prefix_with("OR IGNORE"), rows)

    def wait(self, seconds: float, step_s: float = 1.0) -> None:
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now = min(end, self.now + timedelta(seconds=step_s))
            self.intake.look(self.now)

    def conclude(self) -> None:
        assert self.ledger.cases.conclude(self.case.id, self.case.revision, RESULT, self.now)


@pytest.fixture
def sender(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield Sender(ledger)
    ledger.engine.dispose()


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_partial_study_is_never_taken_for_a_whole_one(sender, part):
    """D1: it is analysed when nothing more comes, and says what is missing."""
    cut = int(len(LONG) * part) - 3
    sender.open("a")
    sender.send(LONG[:cut])
    sender.close("a", AssociationKind.ABORTED)
    sender.wait(19)
    assert sender.analyses == []
    sender.wait(3)
    assert len(sender.analyses) == 1
    assert "taken as complete after 20 s" in sender.case.proof
    assert "of 8 slices" in sender.case.proof


@pytest.mark.parametrize(
    ("images", "how", "state", "words"),
    [
        (WHOLE[: 5 * SLICES + 3], AssociationKind.ABORTED, CaseState.ANALYSING, "the sender broke off"),
        (WHOLE[: 5 * SLICES + 3], AssociationKind.RELEASED, CaseState.NO_PERFUSION, "imaged repeatedly"),
        (ANNOUNCED[: 5 * SLICES], AssociationKind.RELEASED, CaseState.ANALYSING, "did not come whole"),
        (WHOLE[: SLICES - 1], AssociationKind.ABORTED, CaseState.NO_PERFUSION, "the sender broke off"),
    ],
    ids=["aborted", "phases of an angiography", "announced", "aborted within a still image"],
)
def test_the_beginning_of_a_perfusion_series_is_not_closed_in_silence(sender, images, how, state, words):
    """D1: too little to be recognised; ordering the analysis makes the refusal that the team hears."""
    sender.open("a")
    sender.send(images)
    sender.close("a", how)
    sender.wait(19)
    assert sender.case.state is CaseState.RECEIVING
    sender.wait(3)
    case = sender.case
    assert (case.state, len(sender.analyses)) == (state, int(state is CaseState.ANALYSING))
    assert words in (case.proof or case.reason)


def test_a_beginning_that_is_sent_again_whole_is_one_study(sender):
    """B12, when the quiet timer ran out before: the refusal is superseded."""
    sender.open("a")
    sender.send(WHOLE[: 5 * SLICES + 3])
    sender.close("a", AssociationKind.ABORTED)
    sender.wait(22)
    sender.conclude()
    sender.open("b")
    sender.send(WHOLE, "b")
    sender.close("b")
    sender.wait(22)
    assert [key[-2:] for key in sender.analyses] == ["r1", "r2"]
    assert "20 of 20 frames" in sender.case.proof


def test_late_images_make_one_new_revision(sender):
    """D2: whatever their number, and another series does not."""
    sender.send(WHOLE[:-8])
    sender.wait(22)
    sender.conclude()
    sender.send(WHOLE[-8:-4])
    sender.wait(1)
    assert (sender.case.state, sender.case.revision) == (CaseState.RECEIVING, 2)
    sender.send(WHOLE[-4:])
    sender.wait(22)
    sender.conclude()
    assert [key[-2:] for key in sender.analyses] == ["r1", "r2"]
    other = [replace(h, series_uid="1.2.9", sop_instance_uid=f"{h.sop_instance_uid}.9") for h in WHOLE[:8]]
    sender.send(other)
    sender.wait(30)
    assert (sender.case.state, sender.case.revision) == (CaseState.ANALYSED, 2)


def test_images_that_come_during_an_analysis_are_late_ones(sender):
    sender.send(WHOLE[:-8])
    sender.wait(22)
    sender.send(WHOLE[-8:])
    sender.wait(5)
    assert sender.case.state is CaseState.ANALYSING
    sender.conclude()
    sender.wait(1)
    assert sender.case.revision == 2
    assert [key[-2:] for key in sender.analyses] == ["r1", "r2"]


@pytest.mark.parametrize("pause_s", [1.5, 2.0, 3.0, 4.5])
@pytest.mark.parametrize("associations", ["one", "one a frame"])
def test_a_study_sent_while_it_is_acquired_is_not_analysed_early(sender, associations, pause_s):
    """D3: after every frame the grid is a whole one, and for seconds nobody is connected."""
    if associations == "one":
        sender.open("a")
    for frame in range(FRAMES):
        name = "a" if associations == "one" else f"a{frame}"
        if associations != "one":
            sender.open(name)
        sender.send(WHOLE[frame * SLICES : (frame + 1) * SLICES], name)
        if associations != "one":
            sender.close(name)
        assert sender.analyses == [], f"after frame {frame}"
        if frame < FRAMES - 1:
            sender.wait(pause_s, step_s=0.25)
    if associations == "one":
        sender.close("a")
    sender.wait(2 * pause_s + 2)
    assert len(sender.analyses) == 1
    assert "20 of 20 frames" in sender.case.proof


def test_parallel_associations_are_waited_for(sender):
    for name in "abcd":
        sender.open(name)
    for number, name in enumerate("abcd"):
        sender.send(WHOLE[number::4], name)
    for name in "abc":
        sender.close(name)
    sender.wait(10)
    assert sender.analyses == []
    sender.close("d")
    sender.wait(3)
    assert len(sender.analyses) == 1


def test_an_aborted_study_that_is_sent_again_is_one_study(sender):
    """B12: aborted anywhere, sent again whole."""
    for number, cut in enumerate((1, 40, 99)):
        sender.open(f"a{number}")
        sender.send(WHOLE[:cut], f"a{number}")
        sender.close(f"a{number}", AssociationKind.ABORTED)
        sender.wait(1)
    sender.open("z")
    sender.send(WHOLE, "z")
    sender.close("z")
    sender.wait(5)
    assert len(sender.analyses) == 1
    assert views.image_counts(sender.ledger.engine, [STUDY]) == {STUDY: {"pending": len(WHOLE)}}


def test_everything_three_times_is_one_case_and_one_analysis(sender):
    """D4."""
    for _ in range(3):
        sender.send(WHOLE[::-1])
        sender.wait(1)
    sender.wait(25)
    sender.conclude()
    sender.send(WHOLE)
    sender.wait(25)
    assert len(sender.analyses) == 1
    assert sender.case.revision == 1
    assert views.conflict_counts(sender.ledger.engine) == (0, 0)


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_other_content_under_a_uid_is_kept_and_flagged(sender, moment):
    """D5: both digests stay, the first is analysed, the case says so."""
    sender.open("a")
    sender.send(WHOLE)
    if moment == "before":
        sender.send(WHOLE[5:6], content="changed")
    sender.close("a")
    sender.wait(25)
    if moment == "during":
        sender.send(WHOLE[5:6], content="changed")
        sender.wait(1)
    sender.conclude()
    if moment == "after":
        sender.send(WHOLE[5:6], content="changed")
    sender.wait(25)
    uid = WHOLE[5].sop_instance_uid
    assert views.conflicts_of(sender.ledger.engine, [STUDY]) == {STUDY: [uid]}
    first, second = views.versions_of(sender.ledger.engine, [uid])[uid]
    assert first["digest"] != second["digest"]
    analysed = sender.ledger.holdings.of_series(STUDY, SERIES)
    assert len(analysed) == len(WHOLE)
    assert first["digest"] in {stored.digest for stored in analysed}
    assert (sender.case.state, sender.case.revision, len(sender.analyses)) == (CaseState.ANALYSED, 1, 1)


@pytest.mark.parametrize("where", [{"series_uid": "1.2.9"}, {"study_uid": "1.7", "series_uid": "1.7.3"}])
def test_one_uid_in_two_places_is_flagged_in_both_and_overwrites_nothing(sender, where):
    """D6."""
    sender.send(WHOLE)
    sender.send([replace(WHOLE[0], **where)])
    sender.wait(25)
    flagged = views.conflicts_of(sender.ledger.engine, [STUDY, "1.7"])
    assert set(flagged) == {STUDY, where.get("study_uid", STUDY)}
    assert len(sender.ledger.holdings.of_series(STUDY, SERIES)) == len(WHOLE)
