"""A case as the API shows it: numbers, times, deliveries; never a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.config import Config
from gateway.ledger.announcements import Announcement, standing_of
from gateway.ledger.records import Case, CaseState, Delivery
from gateway.ledger.thread import Post
from gateway.team.answering import holder_of
from triage.errors import InputError
from triage.results import Estimator, Status, TriageResult
from viewer_bridge.objects.uids import Role, result_uid
from viewer_bridge.viewers.hanging import Stage
from viewer_bridge.viewers.links import stroke_link, viewer_link


def case_json(
    case: Case,
    told: Sequence[Announcement],
    said: Sequence[Post],
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
        "holder": _holder(holder_of(said, standing_of(case, told))),
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


def _holder(found: Post | None) -> dict[str, Any] | None:
    """Who has the case now, or has said that it is no stroke; null while nobody does."""
    return {"name": found.name, "said": found.kind.value, "at": found.at} if found else None


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
    archive, settings = bool(config.orthanc.url), config.viewer
    return {
        "case": here,
        "viewer": _hosted(case, config),
        "explorer": f"{here}/archive" if archive else None,
        "orthanc_viewer": f"{here}/orthanc-viewer" if archive and settings.orthanc_web_viewer else None,
        "weasis": f"{here}/weasis" if archive and settings.weasis else None,
        "site_viewer": _own(case, config) if settings.template else None,
    }


def _hosted(case: Case, config: Config) -> str | None:
    """OHIF: hung for stroke when there is a result, else the study as it came."""
    if config.viewer.ohif_dir is None:
        return None
    try:
        return hung_link(case, config.http.base_url) or viewer_link(config.http.base_url, case.study_uid)
    except InputError:
        return None


def _own(case: Case, config: Config) -> str | None:
    """The site's own viewer, on our pages."""
    pages = series_of(case).get(Role.PAGES, "")
    try:
        return viewer_link(config.http.base_url, case.study_uid, pages, config.viewer.template)
    except InputError:
        return None


def hung_link(case: Case, base_url: str) -> str | None:
    """The hosted viewer on the newest result; None before there is one."""
    series = series_of(case)
    return stroke_link(base_url, case.study_uid, series, _stage(case)) if series else None


def series_of(case: Case) -> dict[Role, str]:
    """Our series of the newest revision that has a result; none before there is one."""
    if not case.result or not case.perfusion_series_uid:
        return {}
    concluded = case.state in {CaseState.ANALYSED, CaseState.NOT_ANALYSED}
    revision = case.revision - (not concluded)
    return {role: result_uid(case.perfusion_series_uid, role, revision) for role in Role}


def _stage(case: Case) -> Stage:
    """What there is to show of a result."""
    result = TriageResult.from_json(case.result or {})
    if result.status is Status.NOT_ANALYSED:
        return Stage.IMAGES
    return Stage.TIME_TO_PEAK if result.estimator is Estimator.TIME_TO_PEAK else Stage.MAPS
