"""The table ``[models]``: networks that the site brings, and where they are computed."""

from pathlib import Path
from typing import Literal

from gateway.section import Section

ProviderName = Literal["cuda", "openvino", "cpu"]


class ModelSettings(Section):
    """Networks of the site's own; see docs/bring-your-own-model.md."""

    folder: Path | None = None
    """Holds ``manifest.toml``, weights and cards; a model in it takes the place of ours of the same task."""
    providers: tuple[ProviderName, ...] = ("cuda", "openvino", "cpu")
    """What may be used when ONNX Runtime offers it, the most wanted first; the CPU always stands behind."""
