"""What scanners of four makers do differently, as a table.

The makers' names are there because receivers meet them in (0008,0070); the habits are those that public threads and
sample images show, not a maker's specification.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian


@dataclass(frozen=True, slots=True)
class PrivateElement:
    """One element of a private block."""

    group: int
    creator: str
    offset: int
    vr: str
    value: str | int | float


@dataclass(frozen=True, slots=True)
class Vendor:
    """Habits of one maker.

    Attributes
    ----------
    signed, bits_stored, intercept_hu
        Pixels are stored as HU minus intercept, with or without sign.
    padding
        Stored value outside the circle of reconstruction, or None where that is air.
    slice_major, head_first
        Instance numbers run through all times of one slice before the next; start at the top slice.
    numbers_time, counts_time, counts_images
        Temporal Position Identifier, Number of Temporal Positions, Images in Acquisition are there.
    acquisition_per_frame
        Acquisition Number counts frames.
    has_date_time
        Acquisition DateTime is there.
    slice_step_s
        Difference between the acquisition times of neighbouring slices of a frame; 0 gives a frame one time.
    time_digits
        Fractional digits of times.
    content_is_acquisition
        Content Time repeats Acquisition Time; otherwise it is the time of reconstruction.
    """

    manufacturer: str
    model: str
    software: str
    kernel: str
    perfusion_name: str
    perfusion_type: tuple[str, ...]
    transfer_syntax: UID
    signed: bool
    bits_stored: int
    intercept_hu: int
    padding: int | None
    slice_major: bool
    head_first: bool
    numbers_time: bool
    counts_time: bool
    counts_images: bool
    acquisition_per_frame: bool
    has_date_time: bool
    slice_step_s: float
    time_digits: int
    content_is_acquisition: bool
    private: tuple[PrivateElement, ...]


VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {
        "siemens": Vendor(
            manufacturer="SIEMENS",
            model="SOMATOM Definition AS+",
            software="syngo CT 2012B",
            kernel="H20f",
            perfusion_name="NeuroVPCT  5.0  H20f",
            perfusion_type=("ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI DUAL"),
            transfer_syntax=ExplicitVRLittleEndian,
            signed=False,
            bits_stored=12,
            intercept_hu=-1024,
            padding=None,
            slice_major=True,
            head_first=True,
            numbers_time=False,
            counts_time=False,
            counts_images=False,
            acquisition_per_frame=False,
            has_date_time=True,
            slice_step_s=0.001,
            time_digits=6,
            content_is_acquisition=True,
            private=(
                PrivateElement(0x0019, "SIEMENS CT VA0  COAD", 0xB0, "DS", "11.2"),
                PrivateElement(0x0021, "SIEMENS MED", 0x11, "DS", "0"),
            ),
        ),
        "ge": Vendor(
            manufacturer="GE MEDICAL SYSTEMS",
            model="Revolution CT",
            software="revo_ct_21b.32",
            kernel="STANDARD",
            perfusion_name="CTP 8CM",
            perfusion_type=("ORIGINAL", "PRIMARY", "AXIAL"),
            transfer_syntax=ImplicitVRLittleEndian,
            signed=True,
            bits_stored=16,
            intercept_hu=-1024,
            padding=-2000,
            slice_major=True,
            head_first=False,
            numbers_time=True,
            counts_time=True,
            counts_images=True,
            acquisition_per_frame=False,
            has_date_time=False,
            slice_step_s=0.0005,
            time_digits=6,
            content_is_acquisition=False,
            private=(
                PrivateElement(0x0009, "GEMS_IDEN_01", 0x01, "LO", "CT_REVOLUTION"),
                PrivateElement(0x0019, "GEMS_ACQU_01", 0x02, "SL", 912),
                PrivateElement(0x0027, "GEMS_IMAG_01", 0x35, "SS", 2),
            ),
        ),
        "philips": Vendor(
            manufacturer="Philips",
            model="iCT 256",
            software="4.1.6",
            kernel="UB",
            perfusion_name="Brain Perfusion Jog",
            perfusion_type=("ORIGINAL", "PRIMARY", "AXIAL", "PERFUSION"),
            transfer_syntax=ExplicitVRLittleEndian,
            signed=False,
            bits_stored=12,
            intercept_hu=-1024,
            padding=None,
            slice_major=False,
            head_first=False,
            numbers_time=True,
            counts_time=False,
            counts_images=False,
            acquisition_per_frame=False,
            has_date_time=False,
            slice_step_s=0.0,
            time_digits=2,
            content_is_acquisition=True,
            private=(PrivateElement(0x00E1, "ELSCINT1", 0x50, "DS", "0"),),
        ),
        "canon": Vendor(
            manufacturer="CANON_MEC",
            model="Aquilion ONE",
            software="V10.4SP0001",
            kernel="FC41",
            perfusion_name="4D Perfusion  5.0",
            perfusion_type=("ORIGINAL", "PRIMARY", "AXIAL"),
            transfer_syntax=ExplicitVRLittleEndian,
            signed=True,
            bits_stored=16,
            intercept_hu=0,
            padding=None,
            slice_major=False,
            head_first=False,
            numbers_time=False,
            counts_time=False,
            counts_images=False,
            acquisition_per_frame=True,
            has_date_time=True,
            slice_step_s=0.0,
            time_digits=3,
            content_is_acquisition=False,
            private=(PrivateElement(0x7005, "TOSHIBA_MEC_CT3", 0x08, "DS", "5"),),
        ),
    }
)
