"""What the listener accepts: kinds of objects, and how their bytes may be encoded."""

from pydicom import uid
from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification

STORAGE_CLASSES = (
    uid.CTImageStorage,
    uid.EnhancedCTImageStorage,
    uid.LegacyConvertedEnhancedCTImageStorage,
    uid.MRImageStorage,
    uid.EnhancedMRImageStorage,
    uid.EnhancedMRColorImageStorage,
    uid.LegacyConvertedEnhancedMRImageStorage,
    uid.MRSpectroscopyStorage,
    uid.PositronEmissionTomographyImageStorage,
    uid.XRayAngiographicImageStorage,
    uid.EnhancedXAImageStorage,
    uid.XRay3DAngiographicImageStorage,
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    uid.GrayscaleSoftcopyPresentationStateStorage,
    uid.ColorSoftcopyPresentationStateStorage,
    uid.PseudoColorSoftcopyPresentationStateStorage,
    uid.BlendingSoftcopyPresentationStateStorage,
    uid.AdvancedBlendingPresentationStateStorage,
    uid.BasicTextSRStorage,
    uid.EnhancedSRStorage,
    uid.ComprehensiveSRStorage,
    uid.Comprehensive3DSRStorage,
    uid.XRayRadiationDoseSRStorage,
    uid.EnhancedXRayRadiationDoseSRStorage,
    uid.PatientRadiationDoseSRStorage,
    uid.PerformedImagingAgentAdministrationSRStorage,
    uid.KeyObjectSelectionDocumentStorage,
    uid.EncapsulatedPDFStorage,
    uid.EncapsulatedCDAStorage,
    uid.SegmentationStorage,
    uid.SurfaceSegmentationStorage,
    uid.ParametricMapStorage,
    uid.SpatialRegistrationStorage,
    uid.DeformableSpatialRegistrationStorage,
    uid.SpatialFiducialsStorage,
    uid.RealWorldValueMappingStorage,
    uid.RawDataStorage,
)
"""CT and MR, and what scanners and workstations send along with them (PS3.4 annex B.5)."""

TRANSFER_SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
)
"""In order of preference. Explicit VR comes first because the acceptor's order decides: a sender that offers both would
otherwise re-encode. Uncompressed comes before compressed because decoding costs far more than the network."""


def presentation_contexts() -> list[PresentationContext]:
    """All contexts the listener supports: verification, and every storage class in every transfer syntax."""
    storage = [build_context(sop_class, list(TRANSFER_SYNTAXES)) for sop_class in STORAGE_CLASSES]
    return [build_context(Verification, list(TRANSFER_SYNTAXES[:2])), *storage]
