"""Where a graph is computed: providers of ONNX Runtime by the site's choice, the processor always behind them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import onnxruntime as ort

ORT_QUIET = 4
"""Only fatal messages: everything else arrives as an exception."""


class Provider(StrEnum):
    """By the names of the configuration."""

    CPU = "cpu"
    CUDA = "cuda"
    OPENVINO = "openvino"


ORT_NAME: Mapping[Provider, str] = MappingProxyType(
    {
        Provider.CPU: "CPUExecutionProvider",
        Provider.CUDA: "CUDAExecutionProvider",
        Provider.OPENVINO: "OpenVINOExecutionProvider",
    }
)

CPU_ONLY: tuple[str, ...] = (Provider.CPU,)


def chosen(allowed: Sequence[str], offered: Sequence[str]) -> tuple[Provider, ...]:
    """Of the providers that a site allows those that the run time offers, in the site's order, the CPU last.

    Examples
    --------
    >>> [str(p) for p in chosen(["cuda", "cpu"], ["CPUExecutionProvider"])]
    ['cpu']
    """
    usable = [one for one in map(Provider, allowed) if ORT_NAME[one] in offered and one is not Provider.CPU]
    return (*dict.fromkeys(usable), Provider.CPU)


def open_session(graph: bytes, threads: int, allowed: Sequence[str]) -> ort.InferenceSession:
    """Load a graph; `threads` bounds those of one operator, and operators run one after the other."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ORT_QUIET
    options.use_deterministic_compute = True
    # Idle threads must sleep: the listener shares these cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    bounded = {Provider.OPENVINO: {"num_of_threads": str(threads)}}
    providers = chosen(allowed, ort.get_available_providers())
    named = [(ORT_NAME[provider], bounded.get(provider, {})) for provider in providers]
    return ort.InferenceSession(graph, options, providers=named)


def of_session(session: ort.InferenceSession) -> Provider:
    """The provider that a session came to use first."""
    return next(ours for ours, theirs in ORT_NAME.items() if theirs == session.get_providers()[0])
