"""Pages as Secondary Capture images: the one form that every PACS and viewer shows."""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from viewer_bridge.objects.origin import Origin
from viewer_bridge.objects.packing import put_picture
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role
from viewer_bridge.pages.colour_maps import Rgb

KIND = SERIES[Role.PAGES]


def page_series(pages: Sequence[Rgb], origin: Origin) -> list[Dataset]:
    """Return one RGB image per page, in reading order, as one series.

    Parameters
    ----------
    pages
        uint8 ``(rows, columns, 3)``.
    origin
        Source and run.
    """
    return [_capture(page, origin, number) for number, page in enumerate(pages, start=1)]


def _capture(page: Rgb, origin: Origin, number: int) -> Dataset:
    ds = origin.blank(KIND, SecondaryCaptureImageStorage, number)
    ds.ConversionType = "WSD"
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.PatientOrientation = None
    put_picture(ds, page)
    return ds
