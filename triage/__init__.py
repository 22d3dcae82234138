"""Acute-stroke CT perfusion analysis: arrays and frozen values in, the same out.

Conventions, stated once and valid everywhere in this project:

* Axes are ``T`` frames, ``Z`` slices, ``Y`` rows, ``X`` columns, in C order: ``(T, Z, Y, X)`` or ``(Z, Y, X)``.
  SimpleITK counts (x, y, z); only `Geometry.from_sitk` and `Geometry.to_sitk` convert.
* The world is DICOM patient space (LPS) in millimetres; positions are voxel centres.
* Units are in the name: ``_hu _s _mm _ml _ml_per_100g _ml_per_100g_min``. No suffix means no dimension.
* Time is float64 seconds from the first frame, per slice: ``time_s (T, Z)``. Never an index, never a constant step.
* Missing is NaN and outside the brain is NaN. Masks are bool, images float32, times and affines float64.
* Every constant has a name, a unit and a source.

Research use. Not for primary diagnosis.
"""
