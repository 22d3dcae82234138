"""The offline command in the habits of four vendors: volumes beside the truth, time and peak memory.

``.venv/bin/python -m benchmarks.vendors`` prints the table that the README quotes.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.phantom import Patient, Phantom, make_patient
from benchmarks.scanner import VENDORS, write_study
from triage.types import Interval
from viewer_bridge.figures import span

SEED = 3
"""A patient on whom nothing was tuned: the operating point was set on seeds from 100 upwards."""
KIB_PER_MIB = 1024
LOOK_S = 0.02
"""Time between two looks at the child."""
WIDTH = 130
"""Columns of the printed table, also where the output is no terminal."""


@dataclass(frozen=True)
class Run:
    """One child: what it printed and what it cost."""

    result: dict[str, Any]
    seconds: float
    peak_mib: float


def triage(folder: Path) -> Run:
    """Run ``stroke-gateway triage --json`` on a folder."""
    command = [sys.executable, "-m", "gateway.cli", "triage", str(folder), "--json"]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, stdout=out)
        peak_mib = 0.0
        while child.poll() is None:
            peak_mib = max(peak_mib, memory_mib(child.pid))
            time.sleep(LOOK_S)
        out.seek(0)
        result = json.loads(out.read())
    return Run(result, time.perf_counter() - started, peak_mib)


def memory_mib(pid: int) -> float:
    """Largest memory of a running process so far; ``wait4`` would count its parent's at the start too."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / KIB_PER_MIB if "VmHWM:" in status else 0.0


def row(vendor: str, phantom: Phantom) -> tuple[str, ...]:
    """Analyse one vendor's files."""
    with tempfile.TemporaryDirectory(prefix="stroke-gateway-") as name:
        write_study(phantom, Path(name), vendor, over_midnight=vendor == "ge")
        run = triage(Path(name))
    truth, result = phantom.truth, run.result
    return (
        vendor,
        f"{_volume(result, 'core_ml')} / {truth.core_ml:.1f}",
        f"{_volume(result, 'hypoperfused_ml')} / {truth.hypoperfused_ml:.1f}",
        f"{result['side']} / {truth.side}",
        f"{run.seconds:.1f}",
        f"{result['timing_s']['total']:.1f}",
        f"{run.peak_mib:.0f}",
    )


def _volume(result: dict[str, Any], key: str) -> str:
    """A volume with its 90 % interval; why there is none when there is none."""
    if result[key] is None:
        return str(result["reason"] or "not trusted")
    ends = result["intervals"].get(key)
    return f"{result[key]:.1f}{f' ({span(Interval(**ends))})' if ends else ''}"


def main() -> None:
    """Print the table."""
    phantom = make_patient(Patient(seed=SEED))
    table = Table(
        "vendor",
        "core (90 %) / truth, ml",
        "hypoperfused (90 %) / truth, ml",
        "side / truth",
        "command, s",
        "of it analysis, s",
        "peak memory, MiB",
        title="stroke-gateway triage, 16 slices x 45 frames x 512 x 512, 5 HU noise",
    )
    for vendor in VENDORS:
        table.add_row(*row(vendor, phantom))
    Console(width=WIDTH).print(table)


if __name__ == "__main__":
    main()
