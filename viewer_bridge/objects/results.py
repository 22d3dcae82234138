"""An analysis as DICOM objects in the patient's study, each kind in a new series of its own."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from pydicom import Dataset

from triage.errors import InputError
from triage.types import Analysis, TriageResult
from viewer_bridge.objects import codes
from viewer_bridge.objects.colour_series import colour_series
from viewer_bridge.objects.encapsulated_pdf import encapsulated_report, report_subject
from viewer_bridge.objects.key_objects import key_objects
from viewer_bridge.objects.measurement_report import measurement_report
from viewer_bridge.objects.origin import Origin, creation_time, in_zone_of
from viewer_bridge.objects.parametric_maps import parametric_maps
from viewer_bridge.objects.reference_series import reference_series
from viewer_bridge.objects.secondary_capture import page_series
from viewer_bridge.objects.segmentation import regions, segmentation
from viewer_bridge.objects.superseding import rejection_note
from viewer_bridge.pages.colour_maps import Rgb
from viewer_bridge.pages.quality import quality_page
from viewer_bridge.pages.summary import map_pages, summary_page
from viewer_bridge.report.pdf import report_pdf
from viewer_bridge.report.wording.language import Language

FIRST_PAGES = ("summary", "quality")
"""What must be read first; the key object note points at them."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What a site can choose.

    Attributes
    ----------
    regions
        Later tissue and the voxels of the curves, as a segmentation of their own.
    language
        Of the report for the record; pages and objects for machines are in English.
    report
        The report's file, where it is made already (`report_file`), such as one that was sealed; made here otherwise.
    """

    regions: bool = False
    language: Language = Language.VIETNAMESE
    report: bytes = field(default=b"", repr=False)


USUAL = Extras()


def drawn_pages(analysis: Analysis, software_version: str) -> dict[str, Rgb]:
    """Return every page by name, in reading order: summary, quality, then one for each map."""
    quality = quality_page(analysis, software_version=software_version)
    return {
        "summary": summary_page(analysis, software_version=software_version),
        **({} if quality is None else {"quality": quality}),
        **map_pages(analysis, software_version=software_version),
    }


def result_objects(
    analysis: Analysis,
    source: Dataset,
    *,
    revision: int,
    software_version: str,
    created_at: datetime | None = None,
    former: Sequence[Sequence[Dataset]] = (),
    pages: Mapping[str, Rgb] | None = None,
    extras: Extras = USUAL,
) -> list[Dataset]:
    """Return every object to publish, pages first: they matter most and stand alone; what rejects others comes last.

    The same arguments give the same bytes, so publishing twice is harmless.

    Parameters
    ----------
    analysis
        Not analysed: pages and reports with the reason. Severe quality flag: no segmentation and no map of values,
        because they travel without their warning.
    source
        Header of one image of the analysed series; patient and study are copied from it.
    revision
        From 1; each revision gets new series.
    software_version
        Of this product.
    created_at
        When the analysis ended; the time of the source image when not given.
    former
        Headers of the objects of every former revision that has any, the latest last: they are superseded.
    pages
        What `drawn_pages` returned; drawn here when not given.
    extras
        What the site has chosen.

    Raises
    ------
    InputError
        The header belongs to another study or series than the result, or the revision is not positive.
    """
    _check(analysis.result, source, revision)
    latest = former[-1] if former else ()
    when = in_zone_of(source, created_at) if created_at else creation_time(source)
    origin = Origin(source, revision, software_version, when, latest)
    made = list(_results(analysis, pages or drawn_pages(analysis, software_version), origin, extras))
    made += rejection_note(list(chain.from_iterable(former)), origin)
    for ds in made:
        codes.declare(ds)
    return made


def file_bytes(ds: Dataset) -> bytes:
    """Return an object as a DICOM file, ready to upload or to save."""
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _results(
    analysis: Analysis, pages: Mapping[str, Rgb], origin: Origin, extras: Extras
) -> Iterator[Dataset]:
    """Pages, then what leans on nothing, then what points at it."""
    captured = dict(zip(pages, page_series(list(pages.values()), origin), strict=True))
    yield from captured.values()
    reference, segments = [], []
    if analysis.findings is not None:
        reference = reference_series(analysis.findings, origin)
        yield from reference
        if analysis.result.trusted:
            segments = segmentation(analysis.findings, reference, origin)
            yield from segments
            yield from regions(analysis.findings, reference, origin) if extras.regions else ()
        yield from colour_series(analysis.findings, reference, origin)
        yield from parametric_maps(analysis, analysis.findings, reference, origin)
    yield encapsulated_report(extras.report or _report(analysis, origin, extras.language), origin)
    yield measurement_report(analysis.result, [*captured.values(), *reference], segments, origin)
    yield key_objects([captured[name] for name in FIRST_PAGES if name in captured], origin)


def report_file(
    analysis: Analysis,
    source: Dataset,
    *,
    revision: int,
    software_version: str,
    created_at: datetime,
    language: Language,
    document: str,
) -> bytes:
    """Return the report for the patient's record as `result_objects` would make it; `document` is its UUID.

    Raises
    ------
    InputError
        The header belongs to another study or series than the result, or the revision is not positive.
    """
    _check(analysis.result, source, revision)
    origin = Origin(source, revision, software_version, in_zone_of(source, created_at))
    return _report(analysis, origin, language, document)


def _report(analysis: Analysis, origin: Origin, language: Language, document: str = "") -> bytes:
    """The report for the patient's record."""
    return report_pdf(
        analysis,
        report_subject(origin),
        software_version=origin.software_version,
        created_at=origin.created_at,
        language=language,
        revision=origin.revision,
        document=document,
    )


def _check(result: TriageResult, source: Dataset, revision: int) -> None:
    """Refuse to write one patient's result into another patient's study."""
    for keyword, expected in (
        ("StudyInstanceUID", result.study_uid),
        ("SeriesInstanceUID", result.series_uid),
    ):
        found = str(source.get(keyword, ""))
        if not found or (expected and found != expected):
            raise InputError(
                f"result is of {keyword} {expected or 'unknown'}, the source header says {found or 'nothing'}"
            )
    if revision < 1:
        raise InputError(f"revisions count from 1, got {revision}")
