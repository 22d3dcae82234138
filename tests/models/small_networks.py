"""Networks of a few operators, on a shelf as a site would make one."""

import hashlib
from pathlib import Path

import pytest

from models.card_text import facts
from models.shelves import of_site

onnx = pytest.importorskip("onnx", reason="the onnx package is in the train extra")

ENTRY = """
[[models]]
name = "{name}"
task = "{task}"
version = "2.0.0"
file = "{name}.onnx"
card = "{name}.md"
sha256 = "{sha256}"
opset = {opset}
licence = "MIT"
training_data = "none: written by hand for tests"
intended_use = "Tests. Research use, not for primary diagnosis."
limits = ["It is no network."]
performance = ["None was measured."]

[models.image]
{image}
"""

IMAGE = """
layout = "slices"
spacing_mm = [0, 1.8, 1.8]
volumes = [{ name = "tmax_s", low = 0, high = 16, offset = 8, scale = 2, missing = -4 }]
classes = [{ name = "core", threshold = 0.5 }]
"""


def graph(body="probability = Sigmoid (image)", shapes=("S, 1, H, W", "S, 1, H, W"), opset=17):
    """Serialise a graph from ``image`` to ``probability``."""
    text = (
        f'<ir_version: 8, opset_import: ["" : {opset}]> small (float[{shapes[0]}] image) '
        f"=> (float[{shapes[1]}] probability) {{ {body} }}"
    )
    return onnx.parser.parse_model(text).SerializeToString()


def shelve(folder: Path, weights=None, *, task="infarct_core", name="mine", image=IMAGE, opset=17, card=None):
    """Add a model to the manifest of `folder`, with its weights and its card; returns the folder."""
    weights = graph() if weights is None else weights
    (folder / f"{name}.onnx").write_bytes(weights)
    with (folder / "manifest.toml").open("a") as manifest:
        digest = hashlib.sha256(weights).hexdigest()
        manifest.write(ENTRY.format(name=name, task=task, sha256=digest, opset=opset, image=image))
    title = f"# {name} 2.0.0\n"
    (folder / f"{name}.md").write_text(title)
    if card is None:
        (model,) = (one for one in of_site(folder).models() if one.spec.name == name)
        (folder / f"{name}.md").write_text(f"{title}\n{facts(model.spec)}\n")
    else:
        (folder / f"{name}.md").write_text(card)
    return folder


def shelved(folder: Path, name="mine"):
    """The model of a folder, not loaded."""
    (model,) = (one for one in of_site(folder).models() if one.spec.name == name)
    return model
