"""What a card must say, written from the manifest: card and manifest cannot tell different things."""

from models.contracts import TASKS
from models.image_contract import Channel, ImageContract, Layout
from models.spec import ModelSpec

RESEARCH_USE = "Research use, not for primary diagnosis."


def facts(spec: ModelSpec) -> str:
    """The part of a card that follows from its manifest entry, in Markdown; a card contains it word for word."""
    rows = {
        "Task": f"{spec.task}: {TASKS[spec.task].question}",
        "What the gateway makes of it": TASKS[spec.task].reading,
        "Weights": f"`{spec.file}`, sha256 `{spec.sha256}`",
        "Operator set": f"ONNX {spec.opset}",
        "Licence": spec.licence,
        "Training data": spec.training_data,
        "Intended use": spec.intended_use,
        **_arrays(spec),
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in rows.items())
    parts = [f"**{RESEARCH_USE}**", f"| | |\n|---|---|\n{table}"]
    if spec.image is not None:
        parts.append(_channels(spec.image))
    parts.append("## Measured performance\n\n" + _bullets(spec.performance))
    parts.append("## Limits\n\n" + _bullets(spec.limits))
    return "\n\n".join(parts)


def _arrays(spec: ModelSpec) -> dict[str, str]:
    rows = {
        "Input": "; ".join(f"`{tensor}`" for tensor in spec.inputs),
        "Output": "; ".join(f"`{tensor}`" for tensor in spec.outputs),
    }
    if spec.image is not None:
        rows["Axes and grid"] = _grid(spec.image)
        rows["Classes"] = ", ".join(f"{one.name} from {one.threshold:g}" for one in spec.image.classes)
    return rows


def _grid(image: ImageContract) -> str:
    """Spell the grid of an imaging model in one sentence."""
    z, y, x = image.spacing_mm
    slices = f"slices every {z:g} mm" if z else "slices as they come"
    beside = f", each with {image.neighbours} on either side" if image.neighbours else ""
    around = (
        "whole field"
        if image.around_brain_mm is None
        else f"the brain and {image.around_brain_mm:g} mm around it"
    )
    order = "a batch of slices (S, C, H, W)" if image.layout is Layout.SLICES else "one head (1, C, Z, Y, X)"
    padded = " x ".join(map(str, image.multiple))
    return f"{order}; {slices}{beside}; pixels of {y:g} x {x:g} mm; {around}; padded to multiples of {padded}"


def _channels(image: ImageContract) -> str:
    head = (
        "| Channel | Volume | Side | Clipped to | Offset | Scale | Missing |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(_channel(number, channel) for number, channel in enumerate(image.channels))


def _channel(number: int, channel: Channel) -> str:
    side = "opposite" if channel.mirrored else "same"
    clip = f"{channel.low:g} to {channel.high:g}"
    return f"| {number} | {channel.volume} | {side} | {clip} | {channel.offset:g} | {channel.scale:g} | {channel.missing:g} |"


def _bullets(texts: tuple[str, ...]) -> str:
    return "\n".join(f"* {text}" for text in texts)
