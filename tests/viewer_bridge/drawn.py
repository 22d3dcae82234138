"""Cases drawn by hand: small enough to read, odd enough to find mistakes."""

from dataclasses import replace

import numpy as np
import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from triage.results import INFARCT_CORE, NO_TASKS
from triage.types import (
    Agreement,
    Analysis,
    ArterialInput,
    Criterion,
    Estimator,
    Findings,
    Geometry,
    Interval,
    ModelFinding,
    Motion,
    PerfusionMaps,
    QualityFlag,
    SecondOpinion,
    Severity,
    Side,
    Status,
    Territory,
    TissueClass,
    TriageResult,
)

STUDY_UID = "2.25.100"
SERIES_UID = "2.25.200"
FRAME_UID = "2.25.300"
PATIENT_NAME = "NGUYỄN^VĂN ĐỨC"
PATIENT_ID = "BN-0001"

TILTED = Geometry(
    (8, 64, 64),
    np.array(
        [
            [0.0, 0.0, 2.0, -64.0],
            [1.294, 1.932, 0.0, -60.0],
            [-4.830, 0.518, 0.0, 50.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
    FRAME_UID,
)
"""Slices from the vertex down, gantry tilted by 15 degrees."""


def ellipsoid(shape, centre, radii):
    grid = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    return sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)) < 1


def head(shape, seed=0):
    """Skull, brain, ventricles and a left-sided lesion; returns mean_hu, brain, core, hypoperfused."""
    z, y, x = shape
    centre = (0.45 * z, y / 2, x / 2)
    outer = ellipsoid(shape, centre, (0.75 * z, 0.44 * y, 0.36 * x))
    brain = ellipsoid(shape, centre, (0.70 * z, 0.40 * y, 0.32 * x))
    ventricle = ellipsoid(shape, (0.5 * z, y / 2, 0.46 * x), (0.2 * z, 0.14 * y, 0.03 * x)) | ellipsoid(
        shape, (0.5 * z, y / 2, 0.54 * x), (0.2 * z, 0.14 * y, 0.03 * x)
    )
    grey = brain & ~ellipsoid(shape, centre, (0.62 * z, 0.33 * y, 0.26 * x))
    mean_hu = np.full(shape, -1000.0, np.float32)
    mean_hu[outer] = 900.0
    mean_hu[brain], mean_hu[grey], mean_hu[ventricle] = 32.0, 40.0, 8.0
    mean_hu[outer] += np.random.default_rng(seed).normal(0, 2.5, int(outer.sum())).astype(np.float32)
    risk = ellipsoid(shape, (0.5 * z, 0.48 * y, 0.70 * x), (0.3 * z, 0.20 * y, 0.14 * x)) & brain
    core = ellipsoid(shape, (0.5 * z, 0.48 * y, 0.70 * x), (0.15 * z, 0.09 * y, 0.06 * x)) & brain
    return mean_hu, brain & ~ventricle, core, risk


def make_findings(shape=(16, 128, 128), *, lesion=True, geometry=None):
    z, y, x = shape
    spacing = (5.0, 220.0 / y, 220.0 / x)
    geometry = geometry or Geometry.axial(shape, spacing, (-110.0, -110.0, -20.0), FRAME_UID)
    mean_hu, brain, core, risk = head(shape)
    if not lesion:
        core, risk = np.zeros_like(core), np.zeros_like(risk)
    rng = np.random.default_rng(1)
    texture = rng.normal(1.0, 0.12, shape)
    grey = np.where(mean_hu > 36, 1.0, 0.5)

    def painted(base, in_risk, in_core):
        values = np.where(core, in_core, np.where(risk, in_risk, base)) * texture
        return np.where(brain, values, np.nan).astype(np.float32)

    maps = PerfusionMaps(
        cbf_ml_per_100g_min=painted(55 * grey, 18, 6),
        cbv_ml_per_100g=painted(4 * grey, 3.6, 1.2),
        mtt_s=painted(4.4, 9, 11),
        tmax_s=painted(1.6, 8, 11),
        ttp_s=painted(9, 14, 17),
        brain=brain,
    )
    time_s = np.arange(40.0)
    curve = 200 * np.exp(-(((time_s - 12) / 4) ** 2))
    voxel = np.array([[z // 2, y // 2, x // 2]])
    arterial = ArterialInput(
        time_s,
        curve,
        curve * 1.2,
        voxel,
        voxel,
        venous_scale=1.2,
        candidate_hu=np.stack([curve, curve * 0.7]),
        candidate_scores=np.array([0.9, 0.4]),
        candidate_voxels=np.concatenate([voxel, voxel + 1]),
    )
    motion = Motion(np.zeros((40, 3)), np.ones((40, 3)), dropped=np.array([12, 13, 30]))
    labels = np.where(brain, TissueClass.TISSUE, TissueClass.OUTSIDE).astype(np.uint8)
    network_core = np.roll(core, (1, 2), axis=(1, 2)) & brain
    return Findings(geometry, mean_hu, maps, core, risk, labels, arterial, motion, network_core)


def network(core_ml, agreement=Agreement.AGREE, text="volume and place agree", **others):
    """A network's row in a result."""
    row = ModelFinding(
        "ctp-core-unet",
        "0.1.0",
        "0" * 64,
        float(core_ml),
        hypoperfused_ml=88.8,
        expected_core_ml=float(core_ml) * 1.1,
        overlap=0.71,
        agreement=agreement,
        text=text,
        task=INFARCT_CORE,
        trained_on="simulated patients",
    )
    return replace(row, **others)


def make_result(findings):
    ml = findings.geometry.voxel_ml
    core_ml, risk_ml = findings.core.sum() * ml, findings.hypoperfused.sum() * ml
    volumes = {f"tmax_gt_{s}": risk_ml * f for s, f in ((4, 1.4), (6, 1.0), (8, 0.6), (10, 0.3))}
    volumes |= {f"rcbf_lt_{p}": core_ml * f for p, f in ((20, 0.5), (30, 1.0), (34, 1.2), (38, 1.5))}
    return TriageResult(
        status=Status.ANALYSED,
        reason=None,
        study_uid=STUDY_UID,
        series_uid=SERIES_UID,
        side=Side.LEFT if core_ml else Side.NONE,
        core_ml=float(core_ml),
        hypoperfused_ml=float(risk_ml),
        mismatch_ml=float(risk_ml - core_ml),
        mismatch_ratio=float(risk_ml / core_ml) if core_ml else None,
        hypoperfusion_intensity_ratio=0.31 if core_ml else None,
        cbv_index=0.82 if core_ml else None,
        volumes_ml=volumes,
        criteria={
            "defuse3": Criterion(
                met=True,
                missing=("age", "NIHSS"),
                text="DEFUSE 3 imaging criteria met; age and NIHSS are not known here",
                changes_if="core > 70 ml",
            )
        },
        models=(network(core_ml * 0.93),),
        tasks={**NO_TASKS, "infarct_core": "ctp-core-unet"},
        quality=(
            QualityFlag("motion", Severity.WARNING, "Head moved 3.1 mm; frames were aligned."),
            QualityFlag("simulated", Severity.INFO, "Core model trained on simulated data only."),
        ),
        timing_s={"total": 2.4},
        versions={"stroke-gateway": "0.1.0"},
        estimator=Estimator.DECONVOLUTION,
        intervals={
            "core_ml": Interval(core_ml * 0.8, core_ml * 1.25 + 1),
            "hypoperfused_ml": Interval(risk_ml * 0.9, risk_ml * 1.1 + 1),
            "mismatch_ml": Interval((risk_ml - core_ml) * 0.9, (risk_ml - core_ml) * 1.1 + 1),
            "mismatch_ratio": Interval(2.109, None),
        },
        nominal_ml={"core_ml": core_ml * 0.7, "hypoperfused_ml": risk_ml * 1.3},
        territories_ml={Territory.MIDDLE: risk_ml * 0.9, Territory.ANTERIOR: risk_ml * 0.1},
        reference="the other hemisphere's tissue with Tmax below 4 s",
        opinions=(
            SecondOpinion(
                "fixed threshold", float(core_ml), float(risk_ml), agrees=True, text="same volumes"
            ),
        ),
    )


def make_analysis(shape=(16, 128, 128), *, lesion=True, geometry=None):
    findings = make_findings(shape, lesion=lesion, geometry=geometry)
    return Analysis(make_result(findings), findings)


def make_source(**changes):
    """Header of one CT perfusion image, as a scanner in Việt Nam writes it."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "2.25.201"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = STUDY_UID, SERIES_UID, FRAME_UID
    ds.PatientName, ds.PatientID, ds.IssuerOfPatientID = PATIENT_NAME, PATIENT_ID, "BVDK"
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "19520311", "M", "074Y"
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20260101", "101010", "1", "ACC-77"
    ds.StudyDescription, ds.ReferringPhysicianName = "CT tưới máu não", "TRẦN^THỊ BÌNH"
    ds.SeriesDate, ds.SeriesTime, ds.ContentDate, ds.ContentTime = "20260101", "101012", "20260101", "101112"
    ds.AcquisitionDate, ds.AcquisitionTime = "20260101", "101112"
    ds.Modality, ds.Manufacturer, ds.KVP, ds.PatientPosition = "CT", "TEST", "80", "HFS"
    ds.SeriesNumber, ds.InstanceNumber, ds.SliceThickness = 4, 1, "5"
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def refused(reason="Only 12 frames; a bolus needs at least 20 s of scanning."):
    quality = (QualityFlag("too_short", Severity.SEVERE, "The scan ended before the bolus had passed."),)
    return Analysis(
        TriageResult(Status.NOT_ANALYSED, reason, STUDY_UID, SERIES_UID, quality=quality), findings=None
    )


def distrusted(analysis):
    flag = QualityFlag("truncated", Severity.SEVERE, "The scan ended before the bolus had passed.")
    return replace(analysis, result=replace(analysis.result, quality=(flag,)))


def without_core(analysis):
    """Hypoperfusion alone: a true zero, and a ratio that is not defined."""
    findings = replace(analysis.findings, core=np.zeros_like(analysis.findings.core))
    result = replace(
        analysis.result,
        core_ml=0.0,
        mismatch_ml=analysis.result.hypoperfused_ml,
        mismatch_ratio=None,
        intervals={**analysis.result.intervals, "core_ml": Interval(0.0, 4.2)},
    )
    return Analysis(result, findings)


def without_input(analysis):
    """The same scan when no artery could be found: the time to peak alone, nothing else to be trusted."""
    old = analysis.findings
    nothing = np.full(old.geometry.shape, np.nan, np.float32)
    empty = np.zeros(old.geometry.shape, bool)
    maps = PerfusionMaps(nothing, nothing, nothing, nothing, old.maps.ttp_s, old.maps.brain)
    flag = QualityFlag(
        "no_arterial_input", Severity.SEVERE, "no artery was found: the time to peak is all there is"
    )
    result = TriageResult(
        Status.ANALYSED,
        None,
        STUDY_UID,
        SERIES_UID,
        quality=(flag,),
        estimator=Estimator.TIME_TO_PEAK,
        timing_s={"total": 2.4},
    )
    return Analysis(
        result, replace(old, maps=maps, core=empty, hypoperfused=empty, arterial=None, network_core=None)
    )
