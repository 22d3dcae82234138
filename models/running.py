"""A verified model at work: arrays in, arrays out, within a time limit."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from models.providers import Provider, of_session
from models.spec import ModelSpec, TensorSpec
from triage.errors import AnalysisError, InputError

GRACE_S = 0.1
"""A graph that is told to stop does so between two operators; one that does not is left behind after so long."""

ORT_ERRORS = (
    MemoryError,
    RuntimeError,
    ValueError,
    *(
        getattr(ort_errors, name)
        for name in (
            "EPFail",
            "Fail",
            "InvalidArgument",
            "InvalidGraph",
            "InvalidProtobuf",
            "NoModel",
            "NotImplemented",
            "RuntimeException",
        )
    ),
)
"""What ONNX Runtime raises for a graph that it cannot load or run; its own errors have no root of their own."""

Array = NDArray[Any]


def check_sizes(tensors: tuple[TensorSpec, ...], arrays: Mapping[str, Array], known: dict[str, int]) -> None:
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

    @property
    def provider(self) -> Provider:
        """Where it is computed."""
        return of_session(self.session)

    def run(self, inputs: Mapping[str, Array], deadline_s: float | None = None) -> dict[str, Array]:
        """Compute every output of the contract.

        Raises
        ------
        InputError
            The arrays do not fit the contract.
        AnalysisError
            The run time gave up on arrays that do, what came out does not fit, or it took longer than `deadline_s`.
        """
        sizes: dict[str, int] = {}
        check_sizes(self.spec.inputs, inputs, sizes)
        names = [tensor.name for tensor in self.spec.outputs]
        options = ort.RunOptions()

        def compute() -> list[Array]:
            return list(self.session.run(names, dict(inputs), options))

        try:
            found = compute() if deadline_s is None else self._in_time(compute, options, deadline_s)
            outputs = dict(zip(names, found, strict=True))
            check_sizes(self.spec.outputs, outputs, sizes)
        except ORT_ERRORS as exc:
            raise AnalysisError(f"{self} failed to run") from exc
        except InputError as exc:
            raise AnalysisError(f"{self} broke its contract: {exc}") from exc
        return outputs

    def __str__(self) -> str:
        """How sentences call it."""
        return f"model {self.spec.name} {self.spec.version}"

    def _in_time(
        self, compute: Callable[[], list[Array]], options: ort.RunOptions, deadline_s: float
    ) -> list[Array]:
        """Result of `compute` on a thread of its own, which is told to stop, and left behind if it does not."""
        done: list[list[Array]] = []
        failed: list[BaseException] = []

        def work() -> None:
            try:
                done.append(compute())
            except ORT_ERRORS as exc:
                failed.append(exc)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        worker.join(max(0.0, deadline_s))
        if worker.is_alive():
            options.terminate = True
            worker.join(GRACE_S)
        if done:
            return done[0]
        if options.terminate or not failed:
            raise AnalysisError(f"{self} did not answer within {max(0.0, deadline_s):.1f} s")
        raise failed[0]
