"""A case as the API shows it: numbers, times, deliveries; never a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.config import Config
from gateway.ledger.announcements import Announcement, standing_of
from gateway.ledger.records import Case, CaseState, Delivery
from triage.errors import InputError
from triage.results import TriageResult
from viewer_bridge.links import viewer_link
from viewer_bridge.uids import Role, result_uid


def case_json(
    case: Case,
    told: Sequence[Announcement],
    deliveries: Sequence[Delivery],
    images: Mapping[str, int],
    conflicts: Sequence[Mapping[str, Any]],
    config: Config,
) -> dict[str, Any]:
    """Plain values, ready for ``json.dumps``; `images` counts received objects by forward state."""
    return {
        "id": case.id,
        "study_uid": case.study_uid,
        "state": case.state.value,
        "revision": case.revision,
        "reason": case.reason,
        "proof": case.proof,
        "alert_revision": standing_of(case, told),
        "announcement": _announcement(case, told),
        "acknowledged_by": case.acknowledged_by,
        "result": case.result,
        "times": dict(case.times),
        "images": {"received": sum(images.values()), **images},
        "conflicts": list(conflicts),
        "deliveries": [delivery_json(delivery) for delivery in deliveries],
        "links": links(case, config),
    }


def _announcement(case: Case, told: Sequence[Announcement]) -> dict[str, Any] | None:
    """What the team was told of the present revision; null until it is."""
    news = next((news for news in told if news.revision == case.revision), None)
    if news is None:
        return None
    return {"rings": news.rings, "supersedes": news.former, "change": list(news.reasons)}


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """One delivery; its identifier stays between us and the receiver."""
    names = (
        "revision",
        "kind",
        "target",
        "state",
        "attempts",
        "detail",
        "queued_at",
        "updated_at",
        "done_at",
    )
    return {name: getattr(delivery, name) for name in names}


def links(case: Case, config: Config) -> dict[str, str | None]:
    """Where a person looks at the case; null where the site has no such place."""
    base_url = config.http.base_url
    here = f"{base_url}/cases/{case.id}"
    archive = f"{here}/archive" if config.orthanc.url else None
    return {"case": here, "viewer": _viewer(case, config), "explorer": archive}


def _viewer(case: Case, config: Config) -> str | None:
    if config.viewer.ohif_dir is None:
        return None
    try:
        return viewer_link(config.http.base_url, case.study_uid, _series_to_open(case))
    except InputError:
        return None


def _series_to_open(case: Case) -> str:
    """Our series that the viewer shows first: the newest segmentation, else the pages; none before there is a result."""
    if not case.result or not case.perfusion_series_uid:
        return ""
    result = TriageResult.from_json(case.result)
    segmented = result.trusted and bool(result.hypoperfused_ml or result.core_ml)
    role = Role.SEGMENTATION if segmented else Role.PAGES
    concluded = case.state in {CaseState.ANALYSED, CaseState.NOT_ANALYSED}
    return result_uid(case.perfusion_series_uid, role, case.revision - (not concluded))
