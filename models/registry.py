"""Manifest to verified, warmed-up sessions; nothing unverified is ever loaded."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from models.opset import opset_of
from models.spec import ElementType, ModelSpec, TensorSpec
from triage.errors import AnalysisError, ConfigError, InputError

DEFAULT_THREADS = 2
"""Threads one model may use; the product's promise is made for two cores."""

ORT_QUIET = 4
"""Only fatal messages: everything else arrives as an exception."""

_ORT_TYPE = {
    "tensor(float)": ElementType.FLOAT32,
    "tensor(double)": ElementType.FLOAT64,
    "tensor(int64)": ElementType.INT64,
    "tensor(uint8)": ElementType.UINT8,
    "tensor(bool)": ElementType.BOOL,
}

_ORT_ERRORS = tuple(
    getattr(ort_errors, name)
    for name in (
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoModel",
        "NotImplemented",
        "RuntimeException",
    )
)

Array = NDArray[Any]


def _sizes(tensors: tuple[TensorSpec, ...], arrays: Mapping[str, Array], known: dict[str, int]) -> None:
    """Check arrays against their contract; `known` collects the size of every named axis.

    Raises
    ------
    InputError
        A name, element type, number of axes or size differs.
    """
    names = [tensor.name for tensor in tensors]
    if sorted(names) != sorted(arrays):
        raise InputError(f"arrays are {sorted(arrays)}, the contract has {sorted(names)}")
    for tensor in tensors:
        array = arrays[tensor.name]
        if array.dtype != tensor.type or array.ndim != tensor.rank:
            raise InputError(
                f"{tensor.name} is {array.dtype} with {array.ndim} axes, not {tensor.type} {tensor.axes}"
            )
        for axis, size in zip(tensor.axes, array.shape, strict=True):
            wanted = known.setdefault(axis, size) if isinstance(axis, str) else axis
            if size != wanted:
                raise InputError(f"{tensor.name} has {size} along {axis}, expected {wanted}")


@dataclass(frozen=True, slots=True)
class Model:
    """A verified model, ready to run; safe to call from several threads."""

    spec: ModelSpec
    session: ort.InferenceSession

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Compute every output of the contract.

        Raises
        ------
        InputError
            The arrays do not fit the contract.
        AnalysisError
            The run time gave up on arrays that do.
        """
        sizes: dict[str, int] = {}
        _sizes(self.spec.inputs, inputs, sizes)
        names = [tensor.name for tensor in self.spec.outputs]
        try:
            outputs = dict(zip(names, self.session.run(names, dict(inputs)), strict=True))
        except _ORT_ERRORS as exc:
            raise AnalysisError(f"model {self.spec.name} {self.spec.version} failed to run") from exc
        _sizes(self.spec.outputs, outputs, sizes)
        return outputs


def load_manifest(folder: Traversable | None = None) -> tuple[ModelSpec, ...]:
    """Read ``manifest.toml`` of the installed package, or of `folder`.

    Raises
    ------
    ConfigError
        The manifest cannot be read, a key is missing or unknown, or two models share a name.
    """
    manifest = (folder or files("models")) / "manifest.toml"
    try:
        tables = tomllib.loads(manifest.read_text("utf-8"))["models"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as exc:
        raise ConfigError(f"{manifest}: no readable list of models; reinstall the package") from exc
    specs = tuple(ModelSpec.from_table(table) for table in tables)
    if len({spec.name for spec in specs}) != len(specs):
        raise ConfigError(f"{manifest}: two models share a name")
    return specs


def find_spec(name: str) -> ModelSpec:
    """Entry of the installed manifest called `name`.

    Raises
    ------
    ConfigError
        There is none.
    """
    specs = {spec.name: spec for spec in load_manifest()}
    if name not in specs:
        raise ConfigError(f"no model is called {name!r}; the manifest has {', '.join(sorted(specs))}")
    return specs[name]


def open_model(spec: ModelSpec, threads: int = DEFAULT_THREADS, folder: Traversable | None = None) -> Model:
    """Verify the weights of `spec`, load them on the CPU and run them once.

    The bytes that were hashed are the bytes that are loaded; a file swapped in between changes nothing.

    Parameters
    ----------
    threads
        Bound on threads within one operator; operators run one after the other.
    folder
        Where the weights lie, when not in the installed package.

    Raises
    ------
    ConfigError
        The file is missing, is not the one of the manifest, or does not keep its contract; the message names the
        file and what to do.
    """
    file = (folder or files("models") / "weights") / spec.file
    try:
        graph = file.read_bytes()
        _verify(spec, graph)
        model = Model(spec, _session(graph, threads))
        _check_signature(spec, model.session)
        model.run(_trial(spec))
    except OSError as exc:
        raise ConfigError(f"{file} cannot be read; reinstall the package") from exc
    except (ConfigError, InputError, AnalysisError, *_ORT_ERRORS) as exc:
        raise ConfigError(
            f"{file} is not usable as model {spec.name} {spec.version}: {exc}; reinstall the package"
        ) from exc
    return model


def _verify(spec: ModelSpec, graph: bytes) -> None:
    found = hashlib.sha256(graph).hexdigest()
    if found != spec.sha256:
        raise ConfigError(f"its sha256 is {found}, the manifest says {spec.sha256}")
    if (opset := opset_of(graph)) != spec.opset:
        raise ConfigError(f"it uses operator set {opset}, the manifest says {spec.opset}")


def _session(graph: bytes, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ORT_QUIET
    options.use_deterministic_compute = True
    # Idle threads must sleep: the listener shares these cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _check_signature(spec: ModelSpec, session: ort.InferenceSession) -> None:
    for wanted, found in ((spec.inputs, session.get_inputs()), (spec.outputs, session.get_outputs())):
        promised = {tensor.name: (tensor.type, tensor.rank) for tensor in wanted}
        offered = {node.name: (_ORT_TYPE.get(node.type, node.type), len(node.shape)) for node in found}
        if promised != offered:
            raise ConfigError(f"its arrays are {_said(offered)}, the manifest says {_said(promised)}")


def _said(signature: Mapping[str, tuple[str, int]]) -> str:
    """Spell a signature.

    >>> _said({"tmax_s": ("float32", 1)})
    'tmax_s float32 with 1 axes'
    """
    return ", ".join(f"{name} {kind!s} with {rank} axes" for name, (kind, rank) in sorted(signature.items()))


def _trial(spec: ModelSpec) -> dict[str, Array]:
    """Arrays of ones in the warm-up sizes."""
    return {
        tensor.name: np.ones(
            [spec.warm_up[axis] if isinstance(axis, str) else axis for axis in tensor.axes], tensor.type
        )
        for tensor in spec.inputs
    }
