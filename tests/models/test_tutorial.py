"""docs/bring-your-own-model.md, followed to the letter except for the training."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.phantom import Patient, make_patient
from benchmarks.scanner import Part, write_study
from gateway import cli
from gateway.analysis import analyse_files, load_models
from gateway.config import load
from models.card_text import facts
from models.conformance import examine
from tests.models.small_networks import onnx, shelved
from triage.types import Status

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "bring-your-own-model.md").read_text("utf-8")
MANIFEST, CONFIG = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def network():
    """One convolution of the 12 channels of the page and a softmax of 3 classes, wrapped as on the page."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    late_is_core = np.zeros((3, 12, 3, 3), np.float32)
    late_is_core[2, 6, 1, 1] = 12  # Tmax of the middle slice, 0 to 1 for 0 to 25 s
    late_is_core[1, 6, 1, 1] = 8
    weights = {
        "w": late_is_core,
        "b": np.array([0, -2, -4], np.float32),
        "one": np.array([1, 1, 1], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["logits"], pads=[1, 1, 1, 1]),
        helper.make_node("Softmax", ["logits"], ["p"], axis=1),
        helper.make_node("Split", ["p", "one"], ["background", "penumbra", "core"], axis=1),
        helper.make_node("Add", ["core", "penumbra"], ["late"]),
        helper.make_node("Concat", ["core", "late"], ["probability"], axis=1),
    ]
    shapes = {"image": ["S", 12, "H", "W"], "probability": ["S", 2, "H", "W"]}
    values = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n, shape in shapes.items()]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "mine", values[:1], values[1:], tensors)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the page, with the digest of our weights, and its configuration."""
    folder = tmp_path_factory.mktemp("models")
    weights = network()
    digest = hashlib.sha256(weights).hexdigest()
    (folder / "mine.onnx").write_bytes(weights)
    (folder / "manifest.toml").write_text(re.sub(r'sha256 = "\w+"', f'sha256 = "{digest}"', MANIFEST))
    (folder / "mine.md").write_text("# mine 1.0.0\n")
    (folder / "mine.md").write_text(f"# mine 1.0.0\n\n{facts(shelved(folder).spec)}\n")
    (folder / "gateway.toml").write_text(CONFIG.replace("/etc/stroke-gateway/models", str(folder)))
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    small = Patient(matrix=64, slices=4, frames=30, core_ml=8, hypoperfused_ml=40)
    return write_study(make_patient(small), tmp_path_factory.mktemp("scanner"), "ge").files[Part.PERFUSION]


def test_the_model_of_the_page_keeps_its_contract(site):
    rows = list(examine(shelved(site), threads=1))
    assert [row for row in rows if row.met is False] == []
    shown = re.findall(
        r"^  (\S.*?)  +(?:met )?", PAGE[PAGE.index("$ stroke-gateway models check") :], re.MULTILINE
    )
    assert {row.check for row in rows} <= set(shown)


def test_from_the_configuration_to_a_result_that_names_the_model(site, images):
    config = load(site / "gateway.toml", {})
    assert config.models.folder == site
    models = load_models(1, config.models.folder)
    result = analyse_files(images, "1.2", "1.2.3", threads=1, models=models).result
    assert result.status is Status.ANALYSED
    (mine,) = (found for found in result.models if found.name == "mine")
    assert (mine.version, mine.sha256) == ("1.0.0", shelved(site).spec.sha256)
    assert mine.core_ml > 0
    assert mine.hypoperfused_ml > mine.core_ml
    assert "mine" in result.tasks["infarct_core"]
    assert result.tasks["hemorrhage"] == "no model installed"


def command(capsys, *arguments):
    code = cli.main(["models", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_list_names_every_task_and_what_nobody_does(site, capsys):
    code, out, _ = command(capsys, "list", "--config", site / "gateway.toml")
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert code == 0
    assert lines["infarct_core"] == ["mine", "1.0.0", "site", "cpu"]
    assert lines["deconvolution"][2:] == ["distribution", "cpu"]
    for task in ("brain_mask", "hemorrhage", "large_vessel_occlusion", "aspects"):
        assert lines[task] == ["no", "model", "installed"]
    assert re.search(r"Deconvolution: .* runs .*: 4096 curves took it .* ms", out)
    assert "not for primary diagnosis" in out


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("manifest.toml", 'name = "tmax_s"', 'name = "tmix_s"', "volume 'tmix_s' is unknown"),
        ("manifest.toml", "neighbours = 1", "neighbours = 2", r"image float32 \(S, 20, H, W\)"),
        ("manifest.toml", "opset = 18", "opset = 17", "operator set 18, the manifest says 17"),
        ("manifest.toml", 'sha256 = "', 'sha256 = "0', "sha256 must be 64 hex digits"),
        ("mine.md", "# mine 1.0.0", "# mine 0.9.0", "begins with '# mine 0.9.0'"),
    ],
)
def test_what_is_wrong_stops_with_a_sentence_that_names_the_file(
    site, tmp_path, capsys, file, old, new, said
):
    for source in site.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    text = (tmp_path / file).read_text()
    (tmp_path / file).write_text(text.replace(old, new))
    code, _, err = command(capsys, "check", tmp_path)
    assert code == 2
    assert re.search(rf"stroke-gateway: {re.escape(str(tmp_path))}/.*{said}.*correct it", err)


def test_a_card_that_tells_something_else_is_not_met_and_the_right_text_is_printed(site, tmp_path, capsys):
    for source in site.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    card = tmp_path / "mine.md"
    card.write_text(card.read_text().replace("Dice 0.55", "Dice 0.95"))
    code, out, _ = command(capsys, "check", tmp_path / "mine.onnx")
    assert code == 2
    assert "mine 1.0.0 does not keep its contract" in out
    assert "* Dice 0.55 on 40 held-out patients" in out


@pytest.mark.parametrize(
    ("name", "said"), [("absent", "does not exist"), ("other.onnx", "has no entry for other.onnx")]
)
def test_a_file_that_no_manifest_knows_is_named(site, capsys, name, said):
    if name == "other.onnx":
        (site / name).write_bytes(b"")
    code, _, err = command(capsys, "check", site / name)
    assert code == 2
    assert said in err
