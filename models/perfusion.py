"""The deconvolution graph as a `triage.deconvolution.Deconvolver`, and which runs here: the graph or numpy, its equal."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np

from models.providers import CPU_ONLY
from models.registry import DEFAULT_THREADS, find, open_model
from models.running import Model
from models.spec import ModelSpec, Task
from triage import deconvolution as numpys
from triage.deconvolution import Deconvolver, FlowResidue, InverseBank, deconvolve, inverse_bank
from triage.errors import InputError
from triage.types import Float32, ModelFinding

BLOCK_VOXELS = 4096
"""Voxels handed to the graph at once, so that their residues stay in the processor's cache."""

CURVES = 4096
"""Curves of the trial: one block of the graph, two of numpy."""

ROUNDS = 2
"""Turns that both take; the shortest of each counts, for nothing else on the machine makes it shorter."""

CLEARLY = 0.6
"""Share of the graph's time below which numpy takes its place.

Both give the same maps within rounding, yet a voxel on the fence may fall to either side: two analyses of one scan should
not differ because one of them was measured while the machine was busy. There, 25 measurements of the same two gave
ratios from 0.73 to 1.84, with a median of 0.95."""

EQUAL = 1e-4
"""Largest relative difference of two peaks that are the same."""

SEED = 20260101
SAMPLES, STEP_S, NOISE_HU = 60, 1.0, 2.0
"""A minute at one sample per second, with noise that keeps several inverses busy."""


@dataclass(frozen=True, slots=True)
class OnnxDeconvolver:
    """Callable like `triage.deconvolution.deconvolve`; knows the model it runs."""

    model: Model

    @property
    def spec(self) -> ModelSpec:
        """Identity of the graph, for the result's list of models."""
        return self.model.spec

    def __call__(self, tissue_hu: Float32, bank: InverseBank) -> FlowResidue:
        """Peak of the residue of every tissue curve, float32 ``(V, N)``, block by block.

        Raises
        ------
        InputError
            The curves do not fit the bank, or are not float32.
        """
        if tissue_hu.ndim != 2:
            raise InputError(f"tissue curves must be (V, N), got {tissue_hu.shape}")
        settings = {
            "operators": np.ascontiguousarray(bank.operators),
            "dt_s": np.array(bank.dt_s, np.float32),
            "oscillation_limit": np.array(bank.oscillation_limit, np.float32),
            "first_lag": np.array(bank.first_lag, np.float32),
        }
        peak = np.empty(len(tissue_hu), np.float32)
        tmax = np.empty(len(tissue_hu), np.float32)
        for start in range(0, len(tissue_hu), BLOCK_VOXELS):
            block = slice(start, start + BLOCK_VOXELS)
            found = self.model.run({"tissue_hu": np.ascontiguousarray(tissue_hu[block]), **settings})
            peak[block], tmax[block] = found["peak_per_s"], found["tmax_s"]
        return FlowResidue(peak, tmax)


def load_deconvolver(threads: int = DEFAULT_THREADS, providers: Sequence[str] = CPU_ONLY) -> OnnxDeconvolver:
    """Open the installed deconvolution graph, verified and warmed up.

    Raises
    ------
    ConfigError
        The graph is not the one of the manifest.
    """
    return OnnxDeconvolver(open_model(find("deconvolution"), threads, providers))


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds that each took for the same curves, and where the graph was computed."""

    graph_s: float
    numpy_s: float
    provider: str

    @property
    def prefers_numpy(self) -> bool:
        """Whether numpy was clearly faster."""
        return self.numpy_s < CLEARLY * self.graph_s

    def __str__(self) -> str:
        """Why, in figures.

        >>> str(Measured(graph_s=0.010, numpy_s=0.009, provider="cpu"))
        'the ONNX graph runs (cpu): 4096 curves took it 10.0 ms and numpy 9.0 ms'
        """
        name = "numpy runs" if self.prefers_numpy else "the ONNX graph runs"
        figures = f"{CURVES} curves took it {{}} and {{}} {{}}"
        times = f"{1e3 * self.numpy_s:.1f} ms", f"{1e3 * self.graph_s:.1f} ms"
        if self.prefers_numpy:
            return f"{name}: " + figures.format(times[0], f"the ONNX graph ({self.provider})", times[1])
        return f"{name} ({self.provider}): " + figures.format(times[1], "numpy", times[0])


@dataclass(frozen=True, slots=True)
class ChosenDeconvolver:
    """Callable like `triage.deconvolution.deconvolve`; `finding` says for the result which one runs and why."""

    deconvolve: Deconvolver
    finding: ModelFinding

    def __call__(self, tissue_hu: Float32, bank: InverseBank) -> FlowResidue:
        """Peak of the residue of every tissue curve, float32 ``(V, N)``."""
        return self.deconvolve(tissue_hu, bank)


def choose_deconvolver(
    threads: int = DEFAULT_THREADS, providers: Sequence[str] = CPU_ONLY
) -> ChosenDeconvolver:
    """Open the graph, verified and warmed up, and take it or numpy by what `measured` found in this process.

    Raises
    ------
    ConfigError
        The graph is not the one of the manifest.
    """
    graph = load_deconvolver(threads, providers)
    return chosen(graph, measured(threads, tuple(providers)))


def chosen(graph: OnnxDeconvolver, by: Measured) -> ChosenDeconvolver:
    """The faster one."""
    if by.prefers_numpy:
        return ChosenDeconvolver(deconvolve, _in_numpy(str(by)))
    return ChosenDeconvolver(graph, graph.spec.finding(text=str(by)))


def _in_numpy(text: str) -> ModelFinding:
    """Identity of the numpy computation: its version is the package's, its digest that of its source."""
    digest = hashlib.sha256(Path(numpys.__file__).read_bytes()).hexdigest()
    return ModelFinding(
        "deconvolution in numpy", version("stroke-gateway"), digest, text=text, task=Task.DECONVOLUTION
    )


@lru_cache(maxsize=1)
def measured(threads: int, providers: tuple[str, ...]) -> Measured:
    """Time both on the same made-up curves; once in a process, and known to those that it forks afterwards.

    Raises
    ------
    ConfigError
        The graph is not the one of the manifest.
    """
    graph = load_deconvolver(threads, providers)
    curves, bank = _curves()
    laps = [(_seconds(graph, curves, bank), _seconds(deconvolve, curves, bank)) for _ in range(ROUNDS)]
    graph_s, numpy_s = (min(lap) for lap in zip(*laps, strict=True))
    return Measured(graph_s, numpy_s, graph.model.provider)


def share_equal(graph: Deconvolver) -> float:
    """Share of made-up curves in which `graph` and numpy find the same peak within `EQUAL`."""
    curves, bank = _curves()
    found, wanted = graph(curves, bank), deconvolve(curves, bank)
    return float(np.isclose(found.peak_per_s, wanted.peak_per_s, rtol=EQUAL, atol=0).mean())


def _seconds(run: Deconvolver, curves: Float32, bank: InverseBank) -> float:
    begun = perf_counter()
    run(curves, bank)
    return perf_counter() - begun


def _curves() -> tuple[Float32, InverseBank]:
    """Noisy tissue behind a gamma-shaped bolus, late by 0 to 10 s."""
    rng = np.random.default_rng(SEED)
    time_s = np.arange(SAMPLES) * STEP_S
    after = np.maximum(time_s - 8, 0)
    bolus = 300 * (after / 4.5) ** 3 * np.exp(3 - after / 1.5)
    late, flow = rng.uniform(0, 10, (CURVES, 1)), rng.uniform(0.002, 0.015, (CURVES, 1))
    area = np.cumsum(bolus) * STEP_S
    washed_in = np.interp(time_s - late, time_s, area) - np.interp(time_s - late - 5, time_s, area)
    curves = flow * washed_in + rng.normal(0, NOISE_HU, washed_in.shape)
    return curves.astype(np.float32), inverse_bank(bolus, STEP_S)
