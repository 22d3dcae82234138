"""An analysis as DICOM objects in the patient's study, each kind in a new series of its own."""

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain

from pydicom import Dataset

from triage.errors import InputError
from triage.types import Analysis, TriageResult
from viewer_bridge.origin import Origin, creation_time
from viewer_bridge.pages import map_pages, summary_page
from viewer_bridge.reference_series import reference_series
from viewer_bridge.secondary_capture import page_series
from viewer_bridge.segmentation import segmentation
from viewer_bridge.superseding import rejection_note


def result_objects(
    analysis: Analysis,
    source: Dataset,
    *,
    revision: int,
    software_version: str,
    created_at: datetime | None = None,
    former: Sequence[Sequence[Dataset]] = (),
) -> list[Dataset]:
    """Return every object to publish, pages first: they matter most and stand alone; what rejects others comes last.

    The same arguments give the same bytes, so publishing twice is harmless.

    Parameters
    ----------
    analysis
        Not analysed: one page with the reason. Severe quality flag: no segmentation, because masks travel without
        their warning.
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

    Raises
    ------
    InputError
        The header belongs to another study or series than the result, or the revision is not positive.
    """
    _check(analysis.result, source, revision)
    latest = former[-1] if former else ()
    origin = Origin(source, revision, software_version, created_at or creation_time(source), latest)
    summary = summary_page(analysis, software_version=software_version)
    maps = map_pages(analysis, software_version=software_version)
    return [
        *page_series([summary, *maps.values()], origin),
        *_volumes(analysis, origin),
        *rejection_note(list(chain.from_iterable(former)), origin),
    ]


def file_bytes(ds: Dataset) -> bytes:
    """Return an object as a DICOM file, ready to upload or to save."""
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _volumes(analysis: Analysis, origin: Origin) -> Iterator[Dataset]:
    if analysis.findings is None:
        return
    reference = reference_series(analysis.findings, origin)
    yield from reference
    if analysis.result.trusted:
        yield from segmentation(analysis.findings, reference, origin)


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
