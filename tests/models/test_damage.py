"""A file that is not the one of the manifest is refused, whatever happened to it: every single time."""

import hashlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from models.registry import find, open_model
from models.shelves import Installed, distribution
from tests.models.small_networks import graph, onnx, shelve, shelved
from triage.errors import ConfigError

FLIPS, CUTS, EXTRA = 400, 200, 20


@pytest.fixture
def installed(tmp_path):
    """A copy of the installed model that may be damaged."""
    model = find("deconvolution")
    (tmp_path / model.spec.file).write_bytes(model.file.read_bytes())
    return Installed(model.spec, replace(distribution(), weights=tmp_path))


def damaged(rng, whole):
    """Kinds of damage with the bytes they leave."""
    for at in rng.choice(len(whole), FLIPS, replace=False):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << int(rng.integers(8))
        yield "flipped", bytes(flipped)
    for length in {0, 1, len(whole) - 1, *rng.integers(0, len(whole), CUTS).tolist()}:
        yield "cut", whole[:length]
    for count in range(1, EXTRA + 1):
        yield "longer", whole + b"\0" * count


def refused(model):
    try:
        open_model(model)
    except ConfigError as exc:
        return str(model.file) in str(exc) and "reinstall" in str(exc)
    return False


def test_flipped_cut_and_longer_files_are_refused_each_and_every_one(installed):
    whole = installed.file.read_bytes()
    told, tried = Counter(), Counter()
    for kind, raw in damaged(np.random.default_rng(8), whole):
        installed.file.write_bytes(raw)
        tried[kind] += 1
        told[kind] += refused(installed)
    assert told == tried
    assert tried["flipped"] == FLIPS
    installed.file.write_bytes(whole)
    assert not refused(installed), "the file as it was is still taken"


def test_without_the_digest_some_damage_would_go_unnoticed(installed):
    whole = bytearray(installed.file.read_bytes())
    at = whole.index(b"stroke-gateway")  # the producer's name: any letter is a sound graph
    whole[at] ^= 1
    spec = replace(installed.spec, sha256=hashlib.sha256(whole).hexdigest())
    installed.file.write_bytes(whole)
    assert not refused(Installed(spec, installed.shelf))
    assert refused(installed)


def test_two_files_that_changed_places_are_both_refused(tmp_path):
    shelve(tmp_path, name="one")
    shelve(
        tmp_path,
        graph("probability = Sigmoid (image)", opset=18),
        opset=18,
        name="two",
        task="brain_mask",
        image=BRAIN,
    )
    files = [tmp_path / f"{name}.onnx" for name in ("one", "two")]
    for name in ("one", "two"):
        assert open_model(shelved(tmp_path, name)).spec.name == name
    first, second = (file.read_bytes() for file in files)
    for file, raw in zip(files, (second, first), strict=True):
        file.write_bytes(raw)
    for name in ("one", "two"):
        with pytest.raises(ConfigError, match=rf"{name}\.onnx is not usable.*sha256"):
            open_model(shelved(tmp_path, name))


BRAIN = """
layout = "slices"
spacing_mm = [0, 1.8, 1.8]
volumes = [{ name = "mean_hu", low = 0, high = 80 }]
classes = [{ name = "brain", threshold = 0.5 }]
"""


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (graph(shapes=("S, 2, H, W", "S, 2, H, W")), r"image float32 \(S, 2, H, W\)"),
        (graph(shapes=("S, 1, 64, W", "S, 1, 64, W")), "named axes must be free"),
        (
            graph("probability = ReduceMax <axes = [1], keepdims = 0> (image)", ("S, 1, H, W", "S, H, W")),
            r"probability float32 \(S, H, W\)",
        ),
        (
            graph("probability = Concat <axis = 1> (image, image)", ("S, 1, H, W", "S, C, H, W")),
            r"probability float32 \(S, 2, H, W\), the manifest says",
        ),
        (graph(opset=18), "it uses operator set 18, the manifest says 17"),
        (graph("probability = Horoscope (image)"), "ONNX Runtime says"),
    ],
    ids=["channels", "fixed size", "axes", "classes", "operator set", "unknown operator"],
)
def test_a_graph_of_another_shape_or_operator_set_is_refused_even_with_the_right_digest(
    tmp_path, weights, said
):
    with pytest.raises(ConfigError, match=said):
        open_model(shelved(shelve(tmp_path, weights)))


def test_weights_in_a_second_file_are_refused(tmp_path):
    model = onnx.load_from_string(graph("probability = Mul (image, w)"))
    tensor = onnx.numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")
    model.graph.initializer.append(tensor)
    onnx.save(model, tmp_path / "apart.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    shelve(tmp_path, (tmp_path / "apart.onnx").read_bytes())
    with pytest.raises(ConfigError, match="its weights lie in a second file"):
        open_model(shelved(tmp_path))
