"""A stroke patient made from real human anatomy, with everything the analysis should find known.

``make_patient(Patient(...))`` returns the CT perfusion series, a non-contrast CT on the same grid and the truth.

The head is the MNI ICBM152 2009a average brain (grey and white matter at 1 mm, as nilearn ships them) with
cerebrospinal fluid, skull, scalp, arteries and veins around it. Tissue curves follow the indicator-dilution model

    C(t) = (rho / kappa) * CBF / 6000 * (Ca (x) R)(t - delay),   R(0) = 1,   INT R dt = MTT = 60 CBV / CBF

with kappa = 0.733 and rho = 1.05 g/ml, so that CBF is ml/100 g/min and CBV ml/100 g.

The truth is fair: every voxel of a truth mask fulfils the rule behind the mask (true Tmax above 6 s; for the core
also a flow below 30 % of the other side), and no other parenchyma does. Truth is in the pose of the frames before the
bolus. Patient left is +x.

`Anatomy.INDIVIDUAL` is the brain of one person, Colin 27 as Debian's package mricron-data ships it.

References
----------
Holmes 1998, J Comput Assist Tomogr 22:324 (one person's brain). Fonov 2011, NeuroImage 54:313 (anatomy). Østergaard 1996, MRM 36:715 (model). Manhart 2013, Phys Med Biol 58
(flow and volume of grey and white matter; arterial curve).
"""

from benchmarks.phantom.choices import Anatomy, Grain, Lesion, LesionTooLargeError, Occlusion, Residue, Ruin
from benchmarks.phantom.patient import make_patient
from benchmarks.phantom.schemes import Scheme
from benchmarks.phantom.settings import Patient, Phantom, Truth

__all__ = [
    "Anatomy",
    "Grain",
    "Lesion",
    "LesionTooLargeError",
    "Occlusion",
    "Patient",
    "Phantom",
    "Residue",
    "Ruin",
    "Scheme",
    "Truth",
    "make_patient",
]
