"""Nothing unverified is loaded, and what is loaded keeps its contract."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from models.registry import find_spec, load_manifest, open_model
from models.spec import ElementType, ModelSpec, Task, TensorSpec
from triage.errors import ConfigError, InputError

WEIGHTS = Path(str(files("models"))) / "weights"
CARDS = Path(str(files("models"))) / "cards"
SPECS = load_manifest()


@pytest.fixture
def spec():
    return find_spec("deconvolution")


def placed(tmp_path, spec, graph, *, honest_digest):
    """Put `graph` where `spec` expects it; an honest digest lets it past the first check."""
    (tmp_path / spec.file).write_bytes(graph)
    return replace(spec, sha256=hashlib.sha256(graph).hexdigest()) if honest_digest else spec


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
def test_every_model_of_the_manifest_opens(spec):
    assert open_model(spec).spec is spec


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
def test_every_model_has_a_card_that_states_version_training_data_and_research_use(spec):
    card = " ".join((CARDS / spec.card).read_text("utf-8").split())
    assert f"# {spec.name} {spec.version}" in card
    assert spec.training_data in card
    assert "Research use, not for primary diagnosis" in card


def test_no_weights_lie_about_that_the_manifest_does_not_know():
    assert {f.name for f in WEIGHTS.iterdir()} == {spec.file for spec in SPECS}


@pytest.mark.parametrize("damage", ["one bit", "truncated", "empty", "text"])
def test_a_damaged_file_is_refused_before_it_is_loaded(tmp_path, spec, damage, monkeypatch):
    graph = (WEIGHTS / spec.file).read_bytes()
    flipped = bytearray(graph)
    flipped[len(graph) // 2] ^= 1
    bad = {"one bit": bytes(flipped), "truncated": graph[:-100], "empty": b"", "text": b"<html>"}[damage]
    placed(tmp_path, spec, bad, honest_digest=False)
    monkeypatch.setattr("models.registry.ort.InferenceSession", lambda *_a, **_k: pytest.fail("was loaded"))
    with pytest.raises(ConfigError, match=r"deconvolution\.onnx.*sha256.*reinstall"):
        open_model(spec, folder=tmp_path)


@pytest.mark.parametrize("bad", [b"", b"<html>", b"\x08\x08\x42\x02\x10\x11"])
def test_a_file_that_is_no_graph_is_refused_even_with_the_right_digest(tmp_path, spec, bad):
    other = placed(tmp_path, spec, bad, honest_digest=True)
    with pytest.raises(ConfigError, match=r"deconvolution\.onnx is not usable"):
        open_model(other, folder=tmp_path)


def test_a_truncated_graph_is_refused_even_with_the_right_digest(tmp_path, spec):
    graph = (WEIGHTS / spec.file).read_bytes()
    for length in range(50, len(graph), 997):
        other = placed(tmp_path, spec, graph[:length], honest_digest=True)
        with pytest.raises(ConfigError, match="not usable"):
            open_model(other, folder=tmp_path)


def test_a_swapped_graph_with_other_arrays_is_refused(tmp_path, spec):
    onnx = pytest.importorskip("onnx", reason="the onnx package is in the train extra")
    text = '<ir_version: 8, opset_import: ["" : 17]> other (float[V] x) => (float[V] y) { y = Neg (x) }'
    other = placed(tmp_path, spec, onnx.parser.parse_model(text).SerializeToString(), honest_digest=True)
    with pytest.raises(ConfigError, match="its arrays are x float32 with 1 axes"):
        open_model(other, folder=tmp_path)


def test_a_graph_whose_output_has_another_size_than_promised_is_refused(tmp_path, spec):
    onnx = pytest.importorskip("onnx", reason="the onnx package is in the train extra")
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[V] x) => (float[W] y) { y = Concat<axis=0> (x, x) }'
    x, y = (TensorSpec(name, ElementType.FLOAT32, ("V",)) for name in "xy")
    doubling = replace(spec, inputs=(x,), outputs=(y,), warm_up={"V": 3})
    doubling = placed(
        tmp_path, doubling, onnx.parser.parse_model(text).SerializeToString(), honest_digest=True
    )
    with pytest.raises(ConfigError, match="y has 6 along V, expected 3"):
        open_model(doubling, folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"opset": 18}, "operator set 17, the manifest says 18"),
        ({"outputs": (TensorSpec("peak_per_s", ElementType.FLOAT32, ("V",)),)}, "tmax_s float32 with 1 axes"),
        ({"sha256": "0" * 64}, "the manifest says 0000"),
        ({"file": "absent.onnx"}, "absent.onnx cannot be read"),
    ],
)
def test_a_manifest_that_promises_something_else_is_refused(spec, change, said):
    with pytest.raises(ConfigError, match=said):
        open_model(replace(spec, **change))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("tissue_hu", np.ones((5, 13), np.float32)),
        ("tissue_hu", np.ones((5, 12), np.float64)),
        ("tissue_hu", np.ones(12, np.float32)),
        ("dt_s", np.ones(1, np.float32)),
        ("more", np.ones(1, np.float32)),
    ],
)
def test_arrays_that_do_not_fit_the_contract_are_the_callers_mistake(spec, name, array):
    good = {
        "tissue_hu": np.ones((5, 12), np.float32),
        "operators": np.ones((2, 16, 12), np.float32),
        "dt_s": np.array(1, np.float32),
        "oscillation_limit": np.array(0.035, np.float32),
        "first_lag": np.array(-6, np.float32),
    }
    model = open_model(spec)
    assert model.run(good)["tmax_s"].shape == (5,)
    with pytest.raises(InputError):
        model.run({**good, name: array})


def table(**change):
    plain = {
        "name": "m",
        "task": "infarct-core",
        "version": "1",
        "file": "m.onnx",
        "card": "m.md",
        "sha256": "a" * 64,
        "opset": 17,
        "licence": "MIT",
        "training_data": "simulated patients",
        "intended_use": "research",
        "limits": ["some"],
        "inputs": [{"name": "x", "type": "float32", "axes": ["V", 4]}],
        "outputs": [{"name": "y", "type": "uint8", "axes": ["V"]}],
        "warm_up": {"V": 2},
    }
    return {**plain, **change}


def test_a_complete_table_makes_a_spec_that_identifies_itself_in_a_result():
    spec = ModelSpec.from_table(table())
    assert spec.task is Task.INFARCT_CORE
    assert spec.finding(12.5).core_ml == 12.5
    assert spec.finding().sha256 == spec.sha256


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha256": "A" * 64}, "sha256 must be 64 hex digits"),
        ({"file": "../../etc/passwd"}, "not a plain file name"),
        ({"card": "/m.md"}, "not a plain file name"),
        ({"training_data": ""}, "leaves training_data empty"),
        ({"limits": []}, "leaves limits empty"),
        ({"task": "horoscope"}, "task must be one of"),
        ({"opset": 0}, "opset must be positive"),
        ({"colour": "red"}, "unknown keys colour"),
        ({"warm_up": {}}, "warm_up must size exactly"),
        ({"outputs": []}, "inputs and outputs are both needed"),
        ({"inputs": [{"name": "x", "type": "text", "axes": []}]}, "type must be one of"),
        ({"inputs": [{"name": "x y", "type": "float32", "axes": []}]}, "is not a name"),
        ({"inputs": [{"name": "x", "axes": []}]}, "lacks type"),
    ],
)
def test_a_manifest_entry_that_is_not_sound_is_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        ModelSpec.from_table(table(**change))


@pytest.mark.parametrize("text", [None, "models = [", "other = 1"])
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "manifest.toml").write_text(text)
    with pytest.raises(ConfigError, match="reinstall"):
        load_manifest(tmp_path)


def test_two_models_of_one_name_are_refused(tmp_path):
    entry = (Path(str(files("models"))) / "manifest.toml").read_text("utf-8")
    (tmp_path / "manifest.toml").write_text(entry + entry)
    with pytest.raises(ConfigError, match="two models share a name"):
        load_manifest(tmp_path)


def test_an_unknown_model_is_named_together_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'ghost'; the manifest has .*deconvolution"):
        find_spec("ghost")


def test_building_the_graph_again_gives_the_digest_of_the_manifest(tmp_path, spec):
    onnx = pytest.importorskip("onnx", reason="the onnx package is in the train extra")
    script = Path(str(files("models"))) / "training" / "build_deconvolution.py"
    out = tmp_path / "again.onnx"
    done = subprocess.run(
        [sys.executable, script, out], capture_output=True, text=True, timeout=120, check=True
    )
    assert hashlib.sha256(out.read_bytes()).hexdigest() == spec.sha256, onnx.__version__
    assert spec.sha256 in done.stdout


def test_idle_models_hold_no_more_threads_than_asked_for(spec):
    def threads():
        return len(list(Path("/proc/self/task").iterdir()))

    before = threads()
    kept = [open_model(spec, threads=2) for _ in range(2)]
    assert threads() - before <= len(kept)
