"""A CT scanner: writes a phantom as the DICOM files that scanners send.

``write_study(phantom, folder, "siemens")`` writes a scout, a non-contrast CT and the CT perfusion series (and with
``parts=tuple(Part)`` a CT angiography of 480 thin slices), one file per slice and time, in the habits of the vendor: transfer syntax, pixel representation, instance numbering, which clock and
count attributes are there, private blocks. `VENDORS` is the table of the habits.

Inputs that cannot be analysed: ``Patient(frames=12)`` is too short, ``Patient(bolus_hu=0)`` has no bolus,
``parts=NOT_PERFUSION`` has no perfusion series, and ``mixed_geometry=True`` changes the field of view half-way.
"""

from benchmarks.scanner.study import NOT_PERFUSION, USUAL, Part, Person
from benchmarks.scanner.vendors import VENDORS, Vendor
from benchmarks.scanner.writing import Written, write_study

__all__ = ["NOT_PERFUSION", "USUAL", "VENDORS", "Part", "Person", "Vendor", "Written", "write_study"]
