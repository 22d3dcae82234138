"""The numbers for machines: a Comprehensive 3D SR by the Measurement Report template.

Core and penumbra are measurement groups on their segments; every other number stands in a group on the brain. A scan
that was not analysed has the same numbers without values, and the reason.

References
----------
PS3.16 TID 1500 (Measurement Report), TID 1411 (Volumetric ROI), TID 1501 (Measurement Group), CID 6042 (Status of
Results). PS3.3 A.35.13 (Comprehensive 3D SR), C.17.2 (Predecessor Documents).
"""

from collections.abc import Iterator, Sequence

from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    ContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    ReferencedSegment,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom import Dataset
from pydicom.sr.coding import Code

from triage.results import Estimator, ModelFinding, SecondOpinion, Side, Status, TriageResult
from viewer_bridge.figures import shown_flags, without_model
from viewer_bridge.objects import codes
from viewer_bridge.objects.measurements import (
    PROPERTY,
    agreement,
    algorithm,
    coded,
    drop_placeholders,
    number,
    quality_finding,
    remark,
    share,
    verdict,
    volume,
)
from viewer_bridge.objects.origin import MANUFACTURER, RESEARCH_USE, Origin
from viewer_bridge.objects.segmentation import ALGORITHM_NAME, tracking_uid
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role, derived_uid
from viewer_bridge.quantities import CORE, FURTHER_VOLUMES, HYPOPERFUSED, MISMATCH, RATIOS, Quantity

KIND = SERIES[Role.MEASUREMENTS]

LESION = ((1, "core", codes.INFARCT, CORE), (2, "penumbra", codes.ISCHEMIA, MISMATCH))
"""Segment number and tracking name, what it is, and its volume; the penumbra is the mismatch."""

HYPOPERFUSED_SAID = "Hypoperfused volume"
"""Of a network: it draws its own line, not that of Tmax > 6 s."""

PREDECESSORS = (Role.MEASUREMENTS, Role.VERIFIED)
"""Series of former revisions whose documents a report follows."""

LATERAL = {Side.LEFT, Side.RIGHT, Side.BILATERAL}


def measurement_report(
    result: TriageResult, evidence: Sequence[Dataset], segments: Sequence[Dataset], origin: Origin
) -> Dataset:
    """Return the report; preliminary and unverified, because no physician has looked at it.

    Parameters
    ----------
    evidence
        Objects of ours that the report is based on, at least one.
    segments
        The object of `segmentation`, or nothing when there is none; its source images are among `evidence`.
    origin
        Source and run; the former report of a revision becomes its predecessor.
    """
    content = MeasurementReport(
        observation_context=_observer(origin),
        procedure_reported=codes.PERFUSION_CT,
        imaging_measurements=list(_groups(result, segments, origin)),
        title=codes.REPORT,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(codes.ENGLISH),
    )
    ds = Comprehensive3DSR(
        evidence=[*evidence, *segments],
        content=content,
        **origin.placed(KIND),
        **origin.device,
        is_complete=True,
        is_final=False,
        is_verified=False,
        previous_versions=[ds for role in PREDECESSORS for ds in origin.former_objects(role)] or None,
    )
    drop_placeholders(ds)
    origin.stamp(ds, KIND)
    return ds


def _observer(origin: Origin) -> ObservationContext:
    device = DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", origin.software_version),
        name=MANUFACTURER,
        manufacturer_name=MANUFACTURER,
        model_name=MANUFACTURER,
    )
    return ObservationContext(observer_device_context=ObserverContext(codes.DEVICE, device))


def _groups(result: TriageResult, segments: Sequence[Dataset], origin: Origin) -> Iterator[ContentSequence]:
    for segment, name, kind, quantity in LESION:
        yield _lesion(segment, name, kind, number(result, quantity, codes.VOLUME), segments, result, origin)
    yield _group(
        "hypoperfused",
        origin,
        [number(result, HYPOPERFUSED, codes.VOLUME)],
        algorithm_id=_ours(result, origin),
        finding_type=codes.HYPOPERFUSION,
        finding_sites=_sites(result),
    )
    yield _brain(result, origin)
    yield from (_opinion(place, opinion, origin) for place, opinion in enumerate(_opinions(result)))
    yield from (_network(model, origin) for model in result.networks if result.trusted)


def _lesion(
    segment: int,
    name: str,
    kind: Code,
    measured: Measurement,
    segments: Sequence[Dataset],
    result: TriageResult,
    origin: Origin,
) -> ContentSequence:
    """The group of a segment; where it has no voxels, or must not be shown, there is nothing to point at."""
    what = {
        "finding_category": codes.ABNORMAL_STRUCTURE,
        "finding_type": kind,
        "finding_sites": _sites(result),
        "algorithm_id": _ours(result, origin),
    }
    drawn = [ds for ds in segments if segment in _drawn(ds)]
    if not drawn:
        return _group(name, origin, [measured], **what)
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(name, origin),
        referenced_segment=ReferencedSegment.from_segmentation(drawn[0], segment_number=segment),
        measurements=[measured],
        **what,
    )


def _drawn(segmentation: Dataset) -> set[int]:
    """Numbers of the segments that have voxels."""
    frames = segmentation.PerFrameFunctionalGroupsSequence
    return {int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber) for frame in frames}


def _brain(result: TriageResult, origin: Origin) -> ContentSequence:
    """What is said of the brain as a whole: how it ended, ratios, volumes, side, criteria, quality."""
    numbers = [number(result, quantity) for quantity in _of_the_brain(result)]
    group = _group("brain", origin, numbers, algorithm_id=_ours(result, origin))
    said: list[ContentItem] = [_status(result)]
    if result.reason:
        said.append(remark(codes.COMMENT, f"Not analysed: {result.reason}"))
    if result.trusted:
        said.append(coded(codes.LATERALITY, codes.SIDES[result.side]))
        said += [verdict(name, criterion) for name, criterion in result.criteria.items()]
        if result.reference:
            said.append(remark(codes.NORMAL_REFERENCE, result.reference))
    said += [quality_finding(flag) for flag in shown_flags(result)]
    said += [remark(codes.NO_MODEL, task) for task in without_model(result.tasks)]
    said.append(remark(codes.COMMENT, RESEARCH_USE))
    group[0].ContentSequence.extend(said)
    return group


def _of_the_brain(result: TriageResult) -> Iterator[Quantity]:
    """Ratios always, with or without a value; of the further volumes those that the result has."""
    yield from RATIOS
    yield from (quantity for quantity in FURTHER_VOLUMES if quantity.printed(result))


def _status(result: TriageResult) -> ContentItem:
    if result.status is Status.NOT_ANALYSED:
        return coded(codes.STATUS, codes.FAILED)
    if result.estimator is Estimator.TIME_TO_PEAK:
        said = remark(codes.COMMENT, "Time to peak only, no arterial input: no volumes", PROPERTY)
        return coded(codes.STATUS, codes.PARTIALLY_SUCCEEDED, said)
    return coded(codes.STATUS, codes.SUCCEEDED if result.trusted else codes.PARTIALLY_SUCCEEDED)


def _opinions(result: TriageResult) -> Sequence[SecondOpinion]:
    return result.opinions if result.trusted else ()


def _opinion(place: int, opinion: SecondOpinion, origin: Origin) -> ContentSequence:
    """The same scan by another method, which is named as the algorithm."""
    volumes = ((CORE, opinion.core_ml), (HYPOPERFUSED, opinion.hypoperfused_ml))
    group = _group(
        f"other method {place + 1}",
        origin,
        [volume(codes.local(what.code, what.text), ml) for what, ml in volumes if ml is not None],
        finding_type=codes.OTHER_METHOD,
        algorithm_id=algorithm(opinion.name, origin.software_version),
    )
    group[0].ContentSequence.append(agreement(opinion))
    return group


def _network(model: ModelFinding, origin: Origin) -> ContentSequence:
    """What a network found, or that it found nothing; what it learned from stands beside its numbers."""
    further = (
        (codes.local(HYPOPERFUSED.code, HYPOPERFUSED_SAID), model.hypoperfused_ml),
        (codes.EXPECTED_VOLUME, model.expected_core_ml),
    )
    measured = [volume(codes.local(CORE.code, CORE.text), model.core_ml)]
    measured += [volume(name, ml) for name, ml in further if ml is not None]
    measured += [share(codes.OVERLAP, model.overlap)] if model.overlap is not None else []
    group = _group(
        f"model {model.name}",
        origin,
        measured,
        finding_type=codes.NETWORK,
        algorithm_id=algorithm(model.name, model.version, f"sha256 {model.sha256}"),
    )
    group[0].ContentSequence.extend(_said_of(model))
    return group


def _said_of(model: ModelFinding) -> Iterator[ContentItem]:
    if model.agreement is not None:
        why = remark(codes.COMMENT, model.text, PROPERTY)
        yield coded(codes.AGREEMENT, codes.AGREEMENTS[model.agreement], why)
    elif model.text:
        yield remark(codes.COMMENT, model.text)
    if model.trained_on:
        yield remark(codes.TRAINED_ON, model.trained_on)


def _group(name: str, origin: Origin, measurements: Sequence[Measurement], **what: object) -> ContentSequence:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(name, origin), measurements=measurements, **what
    )


def _tracking(name: str, origin: Origin) -> TrackingIdentifier:
    return TrackingIdentifier(uid=tracking_uid(name, origin), identifier=name)


def _ours(result: TriageResult, origin: Origin) -> AlgorithmIdentification:
    """Our own chain, with the estimator and the models in it as its parameters."""
    models = [f"model {model.name} {model.version} sha256 {model.sha256}" for model in result.models]
    how = [f"estimator {result.estimator}"] if result.estimator else []
    return algorithm(ALGORITHM_NAME, origin.software_version, *how, *models)


def _sites(result: TriageResult) -> list[FindingSite]:
    side = codes.SIDES[result.side] if result.trusted and result.side in LATERAL else None
    return [FindingSite(anatomic_location=codes.BRAIN, laterality=side)]
