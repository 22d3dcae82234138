"""A network at work: what it finds, and that whatever it does wrong ends in one sentence."""

import time
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from models import running
from models.infarct_core import load_core_model
from models.network import open_network
from models.providers import chosen
from models.running import Model
from models.trials import TRIALS, Trial
from tests.models.small_networks import graph, shelve, shelved
from triage.errors import AnalysisError, ConfigError
from triage.second_engine import Volume

SMALL = Trial("small", (3, 64, 64), (5.0, 1.8, 1.8))
BOTH = """
layout = "slices"
spacing_mm = [0, 1.8, 1.8]
around_brain_mm = 4
volumes = [{ name = "tmax_s", low = 0, high = 16, offset = 8, scale = 2, missing = -4 }]
classes = [{ name = "core", threshold = 0.5 }, { name = "hypoperfused", threshold = 0.3 }]
"""
ENDLESS = """
    many = Constant <value = int64 {1000000000}> ()
    on = Constant <value = bool {1}> ()
    probability = Loop (many, on, image) <
        body = turn (int64 i, bool going, float[S, 1, H, W] one) => (bool more, float[S, 1, H, W] other)
        { more = Identity (going)
          other = Sigmoid (one) }
    >
"""


@pytest.fixture(scope="module")
def evidence():
    return SMALL.evidence()


def late(evidence, box):
    """The same head with Tmax 12 s in `box`, 2 s elsewhere."""
    tmax = np.where(evidence.volumes[Volume.BRAIN] > 0, 2, np.nan).astype(np.float32)
    tmax[box] = np.where(np.isnan(tmax[box]), np.nan, 12)
    return replace(evidence, volumes=MappingProxyType({**evidence.volumes, Volume.TMAX: tmax}))


def test_late_tissue_is_found_where_it_is_and_nothing_is_said_outside_tissue(tmp_path, evidence):
    box = np.s_[1:2, 24:40, 34:44]
    scan = late(evidence, box)
    found = load_core_model(1, shelve(tmp_path))(scan, 5.0)
    tissue = scan.volumes[Volume.TISSUE] > 0
    assert found.core.shape == tissue.shape
    assert (np.isnan(found.core) == ~tissue).all()
    inner = np.zeros_like(tissue)
    inner[1:2, 26:38, 36:42] = True
    assert (found.core[inner & tissue] > found.core_threshold).all()
    inner[1:2, 22:42, 32:46] = True
    assert (found.core[~inner & tissue] < found.core_threshold).all()
    assert found.hypoperfused is None


def test_two_classes_come_with_their_own_thresholds(tmp_path, evidence):
    weights = graph(
        "p = Sigmoid (image) probability = Concat <axis = 1> (p, p)", ("S, 1, H, W", "S, 2, H, W")
    )
    found = load_core_model(1, shelve(tmp_path, weights, image=BOTH))(evidence, 5.0)
    np.testing.assert_array_equal(found.core, found.hypoperfused)
    assert (found.core_threshold, found.hypoperfused_threshold) == (0.5, 0.3)


def test_a_network_that_takes_the_head_whole_sees_what_one_sees_that_takes_slices(tmp_path, evidence):
    slices, whole = tmp_path / "slices", tmp_path / "whole"
    for folder in (slices, whole):
        folder.mkdir()
    shape = ("1, 1, Z, Y, X", "1, 1, Z, Y, X")
    image = BOTH.replace('"slices"', '"volume"').replace(', { name = "hypoperfused", threshold = 0.3 }', "")
    shelve(whole, graph(shapes=shape), image=image)
    shelve(slices, image=image.replace('"volume"', '"slices"'))
    one, other = (load_core_model(1, folder)(evidence, 5.0).core for folder in (slices, whole))
    np.testing.assert_array_equal(one, other)


def test_a_task_that_judges_the_head_answers_once(tmp_path, evidence):
    image = BOTH.replace('"core"', '"left"').replace('"hypoperfused"', '"right"')
    body = """
        axes = Constant <value = int64[3] {0, 2, 3}> ()
        top = ReduceMax <axes = [0, 2, 3], keepdims = 0> (image)
        row = Unsqueeze (top, first)
        p = Sigmoid (row)
        probability = Concat <axis = 1> (p, p)
    """.replace(
        "axes = Constant <value = int64[3] {0, 2, 3}> ()", "first = Constant <value = int64[1] {0}> ()"
    )
    weights = graph(body, ("S, 1, H, W", "1, 2"))
    shelve(tmp_path, weights, task="large_vessel_occlusion", image=image)
    answer = open_network(shelved(tmp_path))(evidence)
    assert answer.shape == (2,)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("zero = Sub (image, image) probability = Div (zero, zero)", "something that is no number"),
        ("one = Sigmoid (image) probability = Add (one, one)", "probabilities lie between 0 and 1"),
        ("probability = Neg (image)", "probabilities lie between 0 and 1"),
        ("probability = Transpose <perm = [0, 1, 3, 2]> (image)", "broke its contract: probability has"),
        ("probability = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (image)", "broke its contract"),
    ],
    ids=["no number", "above 1", "below 0", "turned", "too small"],
)
def test_whatever_a_network_answers_wrong_is_one_sentence(tmp_path, evidence, body, said, monkeypatch):
    monkeypatch.setattr("models.registry._trial", lambda _: {"image": np.ones((2, 1, 64, 64), np.float32)})
    monkeypatch.setattr("models.running.check_sizes", lenient(running.check_sizes))
    model = load_core_model(1, shelve(tmp_path, graph(body), image=BOTH.replace(SECOND, "")))
    monkeypatch.undo()
    with pytest.raises(AnalysisError, match=f"model mine 2.0.0 .*{said}"):
        model(late(evidence, np.s_[1:2, 24:40, 34:44]), 5.0)


SECOND = ', { name = "hypoperfused", threshold = 0.3 }'


def lenient(check):
    """Opening would find the wrong size already; here it must be found at work."""

    def of_inputs(tensors, arrays, known):
        if tensors[0].name == "image":
            check(tensors, arrays, known)

    return of_inputs


def test_a_graph_that_never_ends_is_stopped_and_works_no_more(tmp_path, evidence, monkeypatch):
    monkeypatch.setattr("models.registry.Model.run", lambda *_: None)  # opening would never end either
    model = load_core_model(1, shelve(tmp_path, graph(ENDLESS)))
    monkeypatch.undo()
    begun = time.monotonic()
    with pytest.raises(AnalysisError, match=r"model mine 2.0.0 did not answer within 0\.\d s"):
        model(evidence, 0.3)
    assert time.monotonic() - begun < 5
    spent = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - spent < 0.2, "it still computes"


def test_a_graph_that_does_not_hear_is_left_behind(tmp_path, evidence):
    class Deaf:
        """A session inside one long operator."""

        def run(self, *_):
            time.sleep(3)
            return []

    core = load_core_model(1, shelve(tmp_path))
    network = replace(core.network, model=Model(core.network.spec, Deaf()))
    begun = time.monotonic()
    with pytest.raises(AnalysisError, match="did not answer"):
        replace(core, network=network)(evidence, 0.2)
    assert time.monotonic() - begun < 2.5


def test_a_study_without_what_the_network_looks_at_is_one_sentence(tmp_path, evidence):
    image = BOTH.replace("tmax_s", "non_contrast_hu").replace(SECOND, "")
    model = load_core_model(1, shelve(tmp_path, image=image))
    lacking = {name: v for name, v in evidence.volumes.items() if name is not Volume.NON_CONTRAST_HU}
    with pytest.raises(AnalysisError, match="this study has no non_contrast_hu, which the model needs"):
        model(replace(evidence, volumes=MappingProxyType(lacking)), 5.0)


def test_a_site_without_an_own_network_has_the_one_of_the_distribution_or_none(tmp_path):
    image = BOTH.replace("tmax_s", "mean_hu").replace('"core"', '"brain"').replace(SECOND, "")
    image = image.replace("around_brain_mm = 4", "")
    shelve(tmp_path, task="brain_mask", image=image)
    ours, theirs = load_core_model(1), load_core_model(1, tmp_path)
    assert (theirs and theirs.finding) == (ours and ours.finding)


@pytest.mark.parametrize(
    ("task", "image", "said"),
    [
        ("infarct_core", BOTH.replace('"core"', '"stroke"'), r"its classes are \(stroke, hypoperfused\)"),
        ("brain_mask", BOTH, "it may not look at brain, tmax_s"),
        ("hemorrhage", BOTH.replace("tmax_s", "mean_hu"), r"they must be \(hemorrhage\)"),
        ("aspects", BOTH.replace("tmax_s", "mean_hu"), r"\(caudate, lentiform"),
        ("deconvolution", BOTH, "this task has no image"),
    ],
)
def test_a_model_that_does_not_fit_its_task_is_refused(tmp_path, task, image, said):
    with pytest.raises(ConfigError, match=rf"manifest\.toml.*does not fit the task {task}.*{said}"):
        shelve(tmp_path, task=task, image=image)


@pytest.mark.parametrize(
    ("card", "said"),
    [("# other 2.0.0\n", "begins with '# other 2.0.0', not '# mine 2.0.0'"), (None, "cannot be read")],
)
def test_a_model_without_a_card_of_its_own_is_refused(tmp_path, card, said):
    shelve(tmp_path)
    if card is None:
        (tmp_path / "mine.md").unlink()
    else:
        (tmp_path / "mine.md").write_text(card)
    with pytest.raises(ConfigError, match=rf"mine\.md {said}"):
        load_core_model(1, tmp_path)


def test_the_usual_grid_is_the_first_trial_and_one_head_has_no_tissue():
    assert TRIALS[0].shape == (16, 256, 256)
    assert any(not trial.evidence().volumes[Volume.TISSUE].any() for trial in TRIALS)


@pytest.mark.parametrize(
    ("allowed", "offered", "wanted"),
    [
        (("cuda", "openvino", "cpu"), ["CPUExecutionProvider"], ["cpu"]),
        (("cuda", "cpu"), ["CUDAExecutionProvider", "CPUExecutionProvider"], ["cuda", "cpu"]),
        (
            ("openvino", "cuda"),
            ["CUDAExecutionProvider", "OpenVINOExecutionProvider"],
            ["openvino", "cuda", "cpu"],
        ),
        (("cpu",), ["CUDAExecutionProvider", "CPUExecutionProvider"], ["cpu"]),
        ((), ["CUDAExecutionProvider", "CPUExecutionProvider"], ["cpu"]),
    ],
)
def test_a_provider_is_used_that_is_allowed_and_offered_with_the_processor_behind(allowed, offered, wanted):
    assert list(chosen(allowed, offered)) == wanted
