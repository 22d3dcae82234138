"""Does a model keep its contract? Every check by name, with what was found."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from models.card_text import facts
from models.network import Network
from models.perfusion import OnnxDeconvolver, share_equal
from models.providers import CPU_ONLY
from models.registry import DEFAULT_THREADS, open_model
from models.shelves import Installed
from models.spec import Task
from models.trials import TRIALS, Trial
from triage.core_network import DEADLINE_S
from triage.errors import AnalysisError
from triage.types import Float32

MB = 1e6
KILO = 1024
"""proc(5) tells sizes in these."""

PATIENCE_S = 60.0
"""A model that takes longer for one scan is not waited for."""

CARD = "card says what the manifest says"
NOT_JUDGED = None

EQUAL_SHARE = 0.98
"""Share of curves of the trial in which graph and numpy must agree; the others lie on a fence of rounding."""


@dataclass(frozen=True, slots=True)
class Row:
    """One check: what was looked at, what was found, and whether it is as it must be; None when nothing is asked."""

    check: str
    found: str
    met: bool | None


def examine(
    installed: Installed, threads: int = DEFAULT_THREADS, providers: Sequence[str] = CPU_ONLY
) -> Iterator[Row]:
    """Verify a model and run it on made-up evidence, one row after the other.

    Raises
    ------
    ConfigError
        The model cannot be opened; the message says why and what to do.
    """
    spec = installed.spec
    yield Row("manifest and card", f"{spec.name} {spec.version}, {spec.task}", met=True)
    model = open_model(installed, threads, providers)
    yield Row("digest, operator set, arrays", f"sha256 {spec.sha256[:12]}..., ONNX {spec.opset}", met=True)
    yield Row("provider", f"{model.provider}, {threads} threads", NOT_JUDGED)
    told = facts(spec) in installed.card.read_text("utf-8")
    yield Row(CARD, "word for word" if told else "it does not", told)
    if spec.image is not None:
        yield from _on_evidence(Network(model, spec.image))
    elif spec.task is Task.DECONVOLUTION:
        share = share_equal(OnnxDeconvolver(model))
        yield Row("equals numpy within 1e-4", f"{share:.1%} of curves", share >= EQUAL_SHARE)


def _on_evidence(network: Network) -> Iterator[Row]:
    yield from _costs(network)
    for trial in TRIALS:
        yield _row(trial.name, partial(_ran, network, trial))


def _costs(network: Network) -> Iterator[Row]:
    """Memory of the first scan on the usual grid, and time of the second; a failure is told by a row of its own."""
    evidence = TRIALS[0].evidence()
    held_mb = _reset_peak_mb()
    with suppress(AnalysisError):
        network(evidence, PATIENCE_S)
        more_mb = _memory_mb("VmHWM") - held_mb
        started = perf_counter()
        network(evidence, PATIENCE_S)
        took_s = perf_counter() - started
        yield Row("time on the usual grid", f"{took_s:.2f} s of {DEADLINE_S:g} s", took_s <= DEADLINE_S)
        yield Row("memory on the usual grid", f"{more_mb:.0f} MB beside the scan's own", NOT_JUDGED)


def _row(name: str, check: Callable[[], str]) -> Row:
    try:
        return Row(name, check(), met=True)
    except AnalysisError as exc:
        return Row(name, str(exc), met=False)


def _ran(network: Network, trial: Trial) -> str:
    """Run twice on one trial; returns what came out.

    Raises
    ------
    AnalysisError
        The network failed, answered what is no probability, or not the same twice.
    """
    evidence = trial.evidence()
    first, second = (network(evidence, PATIENCE_S) for _ in range(2))
    if not np.array_equal(first, second):
        raise AnalysisError("two runs on the same evidence gave different answers")
    return f"{_shape(trial.shape)}: {_said(first)}"


def _said(answer: Float32) -> str:
    return f"probabilities {answer.min():.3f} to {answer.max():.3f}, the same twice"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _reset_peak_mb() -> float:
    """Forget the largest resident size so far; returns the present one."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _memory_mb("VmRSS")


def _memory_mb(kind: str) -> float:
    """Resident size of this process, present or largest, as proc(5) tells it."""
    status = Path("/proc/self/status").read_text("ascii")
    return float(status.partition(f"{kind}:")[2].split()[0]) * KILO / MB
