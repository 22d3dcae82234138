"""Nothing unverified is loaded, and what is loaded keeps its contract."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from models.card_text import facts
from models.registry import find, open_model
from models.shelves import Installed, distribution, of_site
from models.spec import ElementType, ModelSpec, Task, TensorSpec
from triage.errors import ConfigError, InputError

WEIGHTS = Path(str(files("models"))) / "weights"
CARDS = Path(str(files("models"))) / "cards"
SHELF = distribution()
INSTALLED = SHELF.models()


@pytest.fixture
def spec():
    return find("deconvolution").spec


def beside(spec, folder):
    """`spec` with its weights in another folder."""
    return Installed(spec, replace(SHELF, weights=folder))


def placed(tmp_path, spec, graph, *, honest_digest):
    """Put `graph` where `spec` expects it; an honest digest lets it past the first check."""
    (tmp_path / spec.file).write_bytes(graph)
    return replace(spec, sha256=hashlib.sha256(graph).hexdigest()) if honest_digest else spec


@pytest.mark.parametrize("model", INSTALLED, ids=lambda m: m.spec.name)
def test_every_model_of_the_manifest_opens(model):
    assert open_model(model).spec is model.spec


@pytest.mark.parametrize("model", INSTALLED, ids=lambda m: m.spec.name)
def test_every_card_says_word_for_word_what_the_manifest_says(model):
    card = model.card.read_text("utf-8")
    assert card.startswith(f"# {model.spec.name} {model.spec.version}\n")
    assert facts(model.spec) in card, "stroke-gateway models check prints what belongs into the card"
    assert model.spec.sha256 in card
    assert model.spec.training_data in card
    assert "Research use, not for primary diagnosis" in card


def test_a_card_of_another_digest_or_figure_would_be_noticed(spec):
    card = find("deconvolution").card.read_text("utf-8")
    for change in (
        {"sha256": "0" * 64},
        {"performance": ("better",)},
        {"limits": ("none",)},
        {"licence": "none"},
    ):
        assert facts(replace(spec, **change)) not in card


def test_no_weights_lie_about_that_the_manifest_does_not_know():
    assert {f.name for f in WEIGHTS.iterdir()} == {model.spec.file for model in INSTALLED}


@pytest.mark.parametrize("damage", ["one bit", "truncated", "empty", "text"])
def test_a_damaged_file_is_refused_before_it_is_loaded(tmp_path, spec, damage, monkeypatch):
    graph = (WEIGHTS / spec.file).read_bytes()
    flipped = bytearray(graph)
    flipped[len(graph) // 2] ^= 1
    bad = {"one bit": bytes(flipped), "truncated": graph[:-100], "empty": b"", "text": b"<html>"}[damage]
    placed(tmp_path, spec, bad, honest_digest=False)
    monkeypatch.setattr("models.providers.ort.InferenceSession", lambda *_a, **_k: pytest.fail("was loaded"))
    with pytest.raises(ConfigError, match=r"deconvolution\.onnx.*sha256.*reinstall"):
        open_model(beside(spec, tmp_path))


@pytest.mark.parametrize("bad", [b"", b"<html>", b"\x08\x08\x42\x02\x10\x11"])
def test_a_file_that_is_no_graph_is_refused_even_with_the_right_digest(tmp_path, spec, bad):
    other = placed(tmp_path, spec, bad, honest_digest=True)
    with pytest.raises(ConfigError, match=r"deconvolution\.onnx is not usable"):
        open_model(beside(other, tmp_path))


def test_a_truncated_graph_is_refused_even_with_the_right_digest(tmp_path, spec):
    graph = (WEIGHTS / spec.file).read_bytes()
    for length in range(50, len(graph), 997):
        other = placed(tmp_path, spec, graph[:length], honest_digest=True)
        with pytest.raises(ConfigError, match="not usable"):
            open_model(beside(other, tmp_path))


def test_a_swapped_graph_with_other_arrays_is_refused(tmp_path, spec):
    onnx = pytest.importorskip("onnx", reason="the onnx package is in the train extra")
    text = '<ir_version: 8, opset_import: ["" : 17]> other (float[V] x) => (float[V] y) { y = Neg (x) }'
    other = placed(tmp_path, spec, onnx.parser.parse_model(text).SerializeToString(), honest_digest=True)
    with pytest.raises(ConfigError, match=r"its arrays are x float32 \(V\)"):
        open_model(beside(other, tmp_path))


def test_a_graph_whose_output_has_another_size_than_promised_is_refused(tmp_path, spec):
    onnx = pytest.importorskip("onnx", reason="the onnx package is in the train extra")
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[V] x) => (float[W] y) { y = Concat<axis=0> (x, x) }'
    x, y = (TensorSpec(name, ElementType.FLOAT32, ("V",)) for name in "xy")
    doubling = replace(spec, inputs=(x,), outputs=(y,), warm_up={"V": 3})
    doubling = placed(
        tmp_path, doubling, onnx.parser.parse_model(text).SerializeToString(), honest_digest=True
    )
    with pytest.raises(ConfigError, match="y has 6 along V, expected 3"):
        open_model(beside(doubling, tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"opset": 18}, "operator set 17, the manifest says 18"),
        (
            {"outputs": (TensorSpec("peak_per_s", ElementType.FLOAT32, ("V",)),)},
            r"tmax_s float32 \(V\), the manifest says peak_per_s float32 \(V\)",
        ),
        ({"sha256": "0" * 64}, "the manifest says 0000"),
        ({"file": "absent.onnx"}, "absent.onnx cannot be read"),
    ],
)
def test_a_manifest_that_promises_something_else_is_refused(spec, change, said):
    with pytest.raises(ConfigError, match=said):
        open_model(Installed(replace(spec, **change), SHELF))


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
    model = open_model(find(spec.name))
    assert model.run(good)["tmax_s"].shape == (5,)
    with pytest.raises(InputError):
        model.run({**good, name: array})


def table(**change):
    plain = {
        "name": "m",
        "task": "infarct_core",
        "version": "1",
        "file": "m.onnx",
        "card": "m.md",
        "sha256": "a" * 64,
        "opset": 17,
        "licence": "MIT",
        "training_data": "simulated patients",
        "intended_use": "research",
        "limits": ["some"],
        "performance": ["none measured"],
        "inputs": [{"name": "x", "type": "float32", "axes": ["V", 4]}],
        "outputs": [{"name": "y", "type": "uint8", "axes": ["V"]}],
        "warm_up": {"V": 2},
    }
    return {**plain, **change}


def test_a_complete_table_makes_a_spec_that_identifies_itself_in_a_result():
    spec = ModelSpec.from_table(table())
    assert spec.task is Task.INFARCT_CORE
    assert spec.finding("why").text == "why"
    assert (spec.finding().sha256, spec.finding().task) == (spec.sha256, "infarct_core")


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


@pytest.mark.parametrize(
    "text", [None, "models = [", "other = 1", "models = 5", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "manifest.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=r"manifest\.toml: no readable list of models; correct it"):
        of_site(tmp_path).models()


@pytest.mark.parametrize("shared", ["name", "task"])
def test_two_models_of_one_name_or_task_are_refused(tmp_path, shared):
    entry = "[[models]]" + SHELF.manifest.read_text("utf-8").split("[[models]]")[1]
    other = entry.replace('name = "deconvolution"', 'name = "other"') if shared == "task" else entry
    (tmp_path / "manifest.toml").write_text(entry + other)
    with pytest.raises(ConfigError, match=f"two models share a {shared}"):
        of_site(tmp_path).models()


def test_an_unknown_model_is_named_together_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'ghost'; the manifest has .*deconvolution"):
        find("ghost")


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
    kept = [open_model(find(spec.name), threads=2) for _ in range(2)]
    assert threads() - before <= len(kept)
