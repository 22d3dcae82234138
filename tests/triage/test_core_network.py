"""A network beside the thresholds: what it finds is told, and nothing that it does reaches the first result."""

import json
import threading
from dataclasses import dataclass
from time import monotonic

import numpy as np
import pytest

from triage import core_network
from triage.analysis import Method, analyse
from triage.artefacts import SMALLEST_CLUSTER_ML
from triage.disagreement import LEAST_OVERLAP, NO_CORE_ML, Pair, verdict
from triage.errors import AnalysisError, InputError
from triage.results import INFARCT_CORE
from triage.second_engine import CoreProbability, Volume
from triage.types import Agreement, Interval, ModelFinding, Severity, Side, TriageResult

IDENTITY = ModelFinding("ctp-core", "0.1.0", "a" * 64, task=INFARCT_CORE, trained_on="simulated patients")
SOON_S = 0.05


@dataclass(frozen=True)
class Network:
    """Says what `look` makes of the evidence."""

    look: object
    finding: ModelFinding = IDENTITY

    def __call__(self, evidence, deadline_s):
        assert deadline_s > 0
        return self.look(evidence)


def like_the_rule(evidence):
    starved = evidence.volumes[Volume.RELATIVE_CBF] < 0.30
    late = evidence.volumes[Volume.TMAX] > 6
    core = (starved & late).astype(np.float32)
    return CoreProbability(core, late.astype(np.float32))


def opposite(evidence):
    """The core mirrored: on a head that lies straight, the other side."""
    said = like_the_rule(evidence)
    return CoreProbability(np.ascontiguousarray(said.core[:, :, ::-1]), None)


def nothing(evidence):
    return CoreProbability(np.zeros(evidence.geometry.shape, np.float32), None)


def unable(_evidence):
    raise AnalysisError("the graph gave up")


def broken(_evidence):
    raise ZeroDivisionError("Nguyen Van A")


def other_grid(_evidence):
    return CoreProbability(np.zeros((2, 2, 2), np.float32), None)


def no_probability(evidence):
    return CoreProbability(np.full(evidence.geometry.shape, 7.0, np.float32), None)


def silent(evidence):
    return CoreProbability(np.full(evidence.geometry.shape, np.nan, np.float32), None)


def plain(result):
    """The result without what a network adds."""
    return {**result.to_json(), "models": (), "quality": (), "timing_s": {}}


@pytest.fixture(scope="module")
def alone(drawn):
    return analyse(drawn.series, clock=monotonic)


@pytest.fixture(scope="module")
def asked(drawn):
    def ask(look):
        analysis = analyse(drawn.series, clock=monotonic, method=Method(core_model=Network(look)))
        (finding,) = analysis.result.networks
        assert (finding.name, finding.sha256, finding.trained_on) == (
            "ctp-core",
            "a" * 64,
            "simulated patients",
        )
        return analysis, finding

    return ask


def test_a_network_stands_beside_the_first_result_and_does_not_change_it(asked, alone):
    analysis, finding = asked(like_the_rule)
    assert plain(analysis.result) == plain(alone.result)
    assert analysis.result.quality == alone.result.quality
    assert finding.agreement is Agreement.AGREE
    assert finding.core_ml == pytest.approx(analysis.result.core_ml, rel=0.35, abs=5)
    assert finding.overlap > LEAST_OVERLAP
    assert finding.expected_core_ml == pytest.approx(finding.core_ml, rel=0.5)
    core = analysis.findings.network_core
    assert core.sum() * analysis.findings.geometry.voxel_ml == pytest.approx(finding.core_ml)
    assert "core_model" in analysis.result.timing_s
    assert TriageResult.from_json(json.loads(json.dumps(analysis.result.to_json()))) == analysis.result


def test_one_that_sees_the_core_on_the_other_side_contradicts(asked, alone):
    analysis, finding = asked(opposite)
    assert plain(analysis.result) == plain(alone.result)
    assert (finding.agreement, finding.text) == (Agreement.CONTRADICT, "the cores lie on different sides")
    assert finding.hypoperfused_ml is None


def test_one_that_sees_nothing_where_the_rule_sees_much_contradicts(asked):
    analysis, finding = asked(nothing)
    assert analysis.result.core_ml > 10
    assert (finding.core_ml, finding.agreement) == (0.0, Agreement.CONTRADICT)
    assert finding.text == "only one method finds a core"


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        (unable, "the graph gave up"),
        (broken, "it stopped with ZeroDivisionError"),
        (other_grid, "its probabilities have the shape (2, 2, 2), the scan has (10, 128, 128)"),
        (no_probability, "what it says lies outside 0 to 1 and is no probability"),
        (silent, "it says nothing of the brain"),
    ],
)
def test_one_that_fails_is_told_and_changes_nothing(asked, alone, look, reason):
    analysis, finding = asked(look)
    assert plain(analysis.result) == plain(alone.result)
    assert (finding.core_ml, finding.agreement, finding.text) == (None, None, reason)
    (flag,) = [flag for flag in analysis.result.quality if flag.code == "core_model"]
    assert (flag.severity, flag.text) == (Severity.WARNING, f"the network ctp-core gave no core: {reason}")
    assert analysis.findings.network_core is None


def test_one_that_is_late_is_left_behind(asked, alone, monkeypatch):
    monkeypatch.setattr(core_network, "DEADLINE_S", SOON_S)
    begun, may_end = threading.Event(), threading.Event()

    def slow(evidence):
        begun.set()
        may_end.wait(30)
        return nothing(evidence)

    started = monotonic()
    analysis, finding = asked(slow)
    took_s = monotonic() - started
    assert begun.is_set()
    may_end.set()
    assert plain(analysis.result) == plain(alone.result)
    assert analysis.result.timing_s["core_model"] < 10 * SOON_S
    assert took_s < 30
    assert (finding.core_ml, finding.text) == (None, f"no answer within {SOON_S:g} s")
    (flag,) = [flag for flag in analysis.result.quality if flag.code == "core_model"]
    assert flag.severity is Severity.INFO


def test_a_scan_that_is_refused_asks_no_network(drawing):
    def never(_evidence):
        raise AssertionError

    method = Method(core_model=Network(never))
    result = analyse(drawing(frames=19).series, clock=monotonic, method=method).result
    assert result.networks == ()


def pair(first_ml, other_ml, **others):
    usual = {"interval": None, "first_side": Side.LEFT, "other_side": Side.LEFT, "overlap": 0.6}
    return Pair(first_ml, other_ml, **(usual | others))


@pytest.mark.parametrize(
    ("one", "agreement"),
    [
        (pair(0.0, 0.0, overlap=None, first_side=Side.NONE, other_side=Side.NONE), Agreement.AGREE),
        (pair(0.0, 5.0, overlap=0.0), Agreement.AGREE),
        (pair(0.0, 5.0, overlap=0.0, other_side=Side.RIGHT), Agreement.DIFFER),
        (pair(0.0, 5.1, overlap=0.0), Agreement.DIFFER),
        (pair(0.9, 10.1), Agreement.CONTRADICT),
        (pair(1.0, 10.1), Agreement.DIFFER),
        (pair(10.1, 0.9), Agreement.CONTRADICT),
        (pair(4.9, 4.9, overlap=0.0), Agreement.AGREE),
        (pair(5.0, 5.0, overlap=0.29), Agreement.DIFFER),
        (pair(5.0, 5.0, overlap=0.30), Agreement.AGREE),
        (pair(30.0, 30.0, other_side=Side.BILATERAL), Agreement.AGREE),
        (pair(30.0, 5.1, overlap=0.0, other_side=Side.RIGHT), Agreement.CONTRADICT),
        (pair(60.0, 80.0, interval=Interval(55, 65)), Agreement.AGREE),
        (pair(60.0, 120.0, interval=Interval(55, 65)), Agreement.CONTRADICT),
        (pair(60.0, 120.0, interval=Interval(55, 101)), Agreement.DIFFER),
        (pair(120.0, 60.0, interval=Interval(110, 130)), Agreement.CONTRADICT),
        (pair(110.0, 240.0, interval=Interval(105, 130)), Agreement.DIFFER),
    ],
)
def test_the_table_of_agreement_at_its_edges(one, agreement):
    assert verdict(one)[0] is agreement


def test_no_core_is_what_cleaning_drops():
    assert NO_CORE_ML == SMALLEST_CLUSTER_ML


def test_what_is_no_probability_is_refused_before_it_is_used():
    with pytest.raises(InputError, match=r"threshold 1\.0"):
        CoreProbability(np.zeros((1, 1, 1), np.float32), None, core_threshold=1.0)
