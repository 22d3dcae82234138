"""Manifest to verified, warmed-up models; nothing unverified is ever loaded."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from models.opset import has_external_weights, opset_of
from models.providers import CPU_ONLY, open_session
from models.running import ORT_ERRORS, Array, Model
from models.shelves import Installed, by_task, distribution
from models.spec import ElementType, ModelSpec, Task, TensorSpec
from triage.errors import AnalysisError, ConfigError, InputError

DEFAULT_THREADS = 2
"""Threads one model may use; the product's promise is made for two cores."""

_ORT_TYPE = {
    "tensor(float)": ElementType.FLOAT32,
    "tensor(double)": ElementType.FLOAT64,
    "tensor(int64)": ElementType.INT64,
    "tensor(uint8)": ElementType.UINT8,
    "tensor(bool)": ElementType.BOOL,
}


def find(name: str) -> Installed:
    """Model of the installed manifest called `name`.

    Raises
    ------
    ConfigError
        There is none.
    """
    known = {model.spec.name: model for model in distribution().models()}
    if name not in known:
        raise ConfigError(f"no model is called {name!r}; the manifest has {', '.join(sorted(known))}")
    return known[name]


def open_model(
    installed: Installed, threads: int = DEFAULT_THREADS, providers: Sequence[str] = CPU_ONLY
) -> Model:
    """Verify the weights of a model, load them and run them once.

    The bytes that were hashed are the bytes that are loaded; a file swapped in between changes nothing.

    Parameters
    ----------
    threads
        Bound on threads within one operator; operators run one after the other.
    providers
        What the site allows, in its order of preference; the CPU always stands behind them.

    Raises
    ------
    ConfigError
        The file is missing, is not the one of the manifest, or does not keep its contract; the message names the
        file and what to do.
    """
    spec, file, remedy = installed.spec, installed.file, installed.shelf.remedy
    try:
        graph = file.read_bytes()
        verify(spec, graph)
        model = Model(spec, open_session(graph, threads, providers))
        _check_signature(spec, model.session)
        model.run(_trial(spec))
    except OSError as exc:
        raise ConfigError(f"{file} cannot be read; {remedy}") from exc
    except (ConfigError, InputError, AnalysisError) as exc:
        raise ConfigError(
            f"{file} is not usable as model {spec.name} {spec.version}: {exc}; {remedy}"
        ) from exc
    except ORT_ERRORS as exc:
        said = str(exc).replace("\n", " ")
        raise ConfigError(
            f"{file} is not usable as model {spec.name} {spec.version}: ONNX Runtime says {said}; {remedy}"
        ) from exc
    return model


def verify_all(
    site: Path | None, threads: int = DEFAULT_THREADS, providers: Sequence[str] = CPU_ONLY
) -> dict[Task, Model]:
    """Open every model by its task, the site's in place of ours: what a start must survive.

    Raises
    ------
    ConfigError
        Any of them is not what its manifest says.
    """
    return {task: open_model(model, threads, providers) for task, model in by_task(site).items()}


def verify(spec: ModelSpec, graph: bytes) -> None:
    """Hold the bytes of a graph against `spec`, before anything else looks at them.

    Raises
    ------
    ConfigError
        The digest or the operator set differs, or weights lie in a second file.
    """
    found = hashlib.sha256(graph).hexdigest()
    if found != spec.sha256:
        raise ConfigError(f"its sha256 is {found}, the manifest says {spec.sha256}")
    if (opset := opset_of(graph)) != spec.opset:
        raise ConfigError(f"it uses operator set {opset}, the manifest says {spec.opset}")
    if has_external_weights(graph):
        raise ConfigError(
            "its weights lie in a second file, which its sha256 does not cover: export one file"
        )


def _check_signature(spec: ModelSpec, session: ort.InferenceSession) -> None:
    for wanted, found in ((spec.inputs, session.get_inputs()), (spec.outputs, session.get_outputs())):
        offered = {node.name: node for node in found}
        fits = offered.keys() == {tensor.name for tensor in wanted} and all(
            _fits(tensor, offered[tensor.name]) for tensor in wanted
        )
        if not fits:
            raise ConfigError(
                f"its arrays are {_said(found)}, the manifest says {', '.join(map(str, wanted))}; "
                "named axes must be free in the graph"
            )


def _fits(tensor: TensorSpec, node: Any) -> bool:
    """Whether an array of a graph has the type and axes of `tensor`: fixed ones alike, named ones not fixed."""
    return (
        _ORT_TYPE.get(node.type) == tensor.type
        and len(node.shape) == tensor.rank
        and all(
            not isinstance(size, int) or size == axis
            for axis, size in zip(tensor.axes, node.shape, strict=True)
        )
    )


def _said(nodes: Sequence[Any]) -> str:
    return ", ".join(
        f"{node.name} {_ORT_TYPE.get(node.type, node.type)} ({', '.join(map(str, node.shape))})"
        for node in nodes
    )


def _trial(spec: ModelSpec) -> dict[str, Array]:
    """Arrays of ones in the warm-up sizes."""
    return {
        tensor.name: np.ones(
            [spec.warm_up[axis] if isinstance(axis, str) else axis for axis in tensor.axes], tensor.type
        )
        for tensor in spec.inputs
    }
