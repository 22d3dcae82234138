"""The deconvolution graph as a `triage.deconvolution.Deconvolver`."""

from dataclasses import dataclass

import numpy as np

from models.registry import DEFAULT_THREADS, Model, find_spec, open_model
from models.spec import ModelSpec
from triage.deconvolution import FlowResidue, InverseBank
from triage.errors import InputError
from triage.types import Float32

BLOCK_VOXELS = 4096
"""Voxels handed to the graph at once, so that their residues stay in the processor's cache."""


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


def load_deconvolver(threads: int = DEFAULT_THREADS) -> OnnxDeconvolver:
    """Open the installed deconvolution graph, verified and warmed up.

    Raises
    ------
    ConfigError
        The graph is not the one of the manifest.
    """
    return OnnxDeconvolver(open_model(find_spec("deconvolution"), threads))
