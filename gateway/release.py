"""Which release of what computes a result."""

from importlib.metadata import version

SOFTWARE_VERSION = version("stroke-gateway")
_NAMED = ("stroke-gateway", "numpy", "scipy", "SimpleITK", "onnxruntime", "pydicom")


def versions() -> dict[str, str]:
    """Versions of what computes a result."""
    return {name: version(name) for name in _NAMED}
