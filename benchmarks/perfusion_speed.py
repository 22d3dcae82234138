"""How fast the perfusion analysis is, beside its peers in the same run: times, ratios, peak memory.

``.venv/bin/python -m benchmarks.perfusion_speed [--growth]`` prints a table and writes nothing. ``make peers`` before it
installs the peers in an environment of their own; without them their rows are left out.

One phantom patient of 16 x 45 x 512 x 512 is analysed with its arrays in memory. With ``--growth`` the same head is read
frame by frame as 80 slices of 1.25 mm and as 320 slices of 0.5 mm; its slices are repeated, not drawn anew.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.perfusion_timing import VOXELS
from benchmarks.phantom import Patient, make_patient
from gateway.processes import ONE_BLAS_THREAD

PATIENT = Patient(seed=8, motion_mm=3.0, motion_deg=3.0, noise_hu=10.0)
"""The scan of the bounds: 16 x 45 x 512 x 512, motion up to 3 mm and 3 degrees."""

HERE = Path(__file__).parent
PEERS = HERE.parent / ".cache" / "peers" / "bin" / "python"
"""Python of the environment that ``make peers`` makes."""

WHOLE_S, ALIGNMENT_S, DECONVOLUTION_S = 4.0, 2.0, 0.3
PEAK_MIB = 2.5 * 1000**3 / 1024**2
IN_PLANE_MM, ALIGNMENT_MM, ALIGNMENT_RATIO = 0.08, 0.6, 10.0
GROWTH_RATIO, LARGE_MIB = 6.0, 8.0 * 1000**3 / 1024**2
WIDTH = 120


class Row(NamedTuple):
    """One line of the table; `met` is None where there is no bound."""

    what: str
    bound: str
    found: str
    met: bool | None


def rows(*, growth: bool = False, peers: Path = PEERS) -> list[Row]:
    """Measure everything anew; about a minute, and two more with `growth`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store(folder)
        found = [*of_analysis(folder, peers), *of_alignment(folder)]
        return [*found, *of_growth(folder)] if growth else found


def store(folder: Path) -> None:
    """Write the phantom patient for the children."""
    phantom = make_patient(PATIENT)
    series, motion = phantom.series, phantom.truth.motion
    np.save(folder / "hu.npy", series.hu)
    np.savez(
        folder / "scan.npz",
        shape=series.geometry.shape,
        affine=series.geometry.affine,
        time_s=series.time_s,
        translation_mm=motion.translation_mm,
        rotation_deg=motion.rotation_deg,
    )


def of_analysis(folder: Path, peers: Path) -> Iterator[Row]:
    """Whole analysis, its stages, its memory, and the peers' deconvolution of the same curves."""
    times = child(folder, "analysis")
    voxels, some_s = times.pop("voxels"), times.pop("deconvolution_of_some")
    yield at_most("whole analysis", times.pop("total"), WHOLE_S, "s")
    yield at_most("of which alignment with resampling", times.pop("motion"), ALIGNMENT_S, "s")
    yield at_most("of which deconvolution", times.pop("deconvolution"), DECONVOLUTION_S, "s")
    yield at_most("peak memory, arrays included", times.pop("peak_mib"), PEAK_MIB, "MiB")
    for stage, seconds in times.items():
        yield Row(f"of which {stage}", "", f"{seconds:.2f} s", None)
    yield Row(
        f"deconvolution of {VOXELS} of {voxels:.0f} curves",
        "",
        f"{some_s:.3f} s, all scaled {some_s * voxels / VOXELS:.2f} s",
        None,
    )
    if peers.exists():
        for peer, seconds in of_peers(peers, folder).items():
            found = f"{seconds:.3f} s, all scaled {seconds * voxels / VOXELS:.2f} s: {seconds / some_s:.1f} x ours"
            yield Row(f"the same by {peer}", "", found, None)


def of_peers(peers: Path, folder: Path) -> dict[str, float]:
    """Seconds of each peer, with one or with all BLAS threads, whichever is faster."""
    script = (HERE / "perfusion_peers.py", folder / "curves.npz")
    one, all_ = printed(peers, *script, **ONE_BLAS_THREAD), printed(peers, *script)
    return {peer: min(one[peer], all_[peer]) for peer in one}


def of_alignment(folder: Path) -> Iterator[Row]:
    """Finding the pose of a frame, ours and SimpleITK's Euler3D."""
    found = child(folder, "alignment")
    ratio = found["simpleitk_s"] / found["ours_s"]
    yield at_most("alignment error over the head, motion in plane", found["in_plane_mm"], IN_PLANE_MM, "mm")
    yield at_most("alignment error over the head, 3-D motion", found["ours_mm"], ALIGNMENT_MM, "mm")
    yield Row("the same by SimpleITK Euler3D", "", f"{found['simpleitk_mm']:.2f} mm", None)
    yield Row(
        "locating a frame: SimpleITK Euler3D over ours",
        f"at least {ALIGNMENT_RATIO:.0f} x",
        f"{ratio:.0f} x ({found['simpleitk_s']:.3f} and {found['ours_s']:.4f} s)",
        ratio >= ALIGNMENT_RATIO,
    )


def of_growth(folder: Path) -> Iterator[Row]:
    """Thin slices, many slices: read frame by frame."""
    thick, thin, large = (child(folder, task) for task in ("thick", "thin", "large"))
    ratio = thin["total"] / thick["total"]
    times = f"{thin['total']:.1f} and {thick['total']:.1f} s"
    yield Row(
        "80 slices over 16, frame by frame",
        f"at most {GROWTH_RATIO:.0f} x",
        f"{ratio:.1f} x ({times})",
        ratio <= GROWTH_RATIO,
    )
    for name, found in (("16 slices", thick), ("80 slices", thin)):
        yield Row(f"{name} x 45, peak memory frame by frame", "", f"{found['peak_mib']:.0f} MiB", None)
    yield at_most("320 slices x 24, peak memory frame by frame", large["peak_mib"], LARGE_MIB, "MiB")
    yield Row("320 slices x 24, whole analysis", "", f"{large['total']:.1f} s", None)


def at_most(what: str, found: float, bound: float, unit: str) -> Row:
    digits = 0 if unit == "MiB" else 2
    return Row(what, f"at most {bound:.{digits}f} {unit}", f"{found:.{digits}f} {unit}", found <= bound)


def child(folder: Path, task: str) -> dict[str, float]:
    """What a process of its own measured."""
    return printed(Path(sys.executable), "-m", "benchmarks.perfusion_timing", task, folder, **ONE_BLAS_THREAD)


def printed(python: Path, *arguments: str | Path, **environment: str) -> dict[str, float]:
    """Run Python and parse the JSON object that it prints; our children run as the gateway's do."""
    command = [str(python), *map(str, arguments)]
    return json.loads(
        subprocess.run(
            command,
            cwd=HERE.parent,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout
    )


def main() -> int:
    """Print the table; the exit code says whether all bounds are met."""
    parser = argparse.ArgumentParser(description="Speed of the perfusion analysis, beside its peers.")
    parser.add_argument("--growth", action="store_true", help="80 and 320 slices too")
    parser.add_argument("--peers", type=Path, default=PEERS, help="Python with dcmri and osipy")
    arguments = parser.parse_args()
    found = rows(growth=arguments.growth, peers=arguments.peers)
    table = Table("what", "bound", "found", "met")
    for row in found:
        table.add_row(row.what, row.bound, row.found, {None: "", True: "yes", False: "NO"}[row.met])
    Console(width=WIDTH).print(table)
    if not arguments.peers.exists():
        print("dcmri and osipy are left out: `make peers` installs them")
    return int(any(row.met is False for row in found))


if __name__ == "__main__":
    sys.exit(main())
