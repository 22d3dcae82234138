"""Time the deconvolution of dcmri and osipy on stored curves; run by the Python of ``make peers``, not by ours.

``.cache/peers/bin/python benchmarks/perfusion_peers.py curves.npz`` prints one JSON object: median seconds by peer. Each
makes what a map needs: the height and the place of the residue's peak.
"""

import json
import sys
import time
from collections.abc import Callable

import dcmri
import numpy as np
from numpy.typing import NDArray
from osipy.dsc.deconvolution.svd import SVDDeconvolutionParams, deconvolve_oSVD

Array = NDArray[np.floating]

RUNS = 3
TRUNCATION = 0.1
"""Share of the largest singular value; dcmri takes one for all voxels."""


def with_dcmri(curves: Array, artery: Array, time_s: Array) -> tuple[Array, Array]:
    residue = dcmri.deconv(curves.T, artery, time_s[1] - time_s[0], method="TSVD", tol=TRUNCATION)
    return residue.max(axis=0), time_s[residue.argmax(axis=0)]


def with_osipy(curves: Array, artery: Array, time_s: Array) -> tuple[Array, Array]:
    found = deconvolve_oSVD(curves, artery, time_s, params=SVDDeconvolutionParams(method="oSVD"))
    return found.cbf, found.delay


def median_s(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


if __name__ == "__main__":
    stored = np.load(sys.argv[1])
    given = [stored[name] for name in ("curves", "artery", "time_s")]
    peers = {"dcmri": with_dcmri, "osipy": with_osipy}
    print(json.dumps({name: median_s(lambda peer=peer: peer(*given)) for name, peer in peers.items()}))
