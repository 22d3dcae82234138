"""A case as its pages show it; computed from what the API shows, so the two cannot disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.console import wording
from gateway.console.wording import seconds_between
from triage.types import Estimator
from viewer_bridge.figures import territories

GOAL_S = 5.0
"""From the last image to the alert."""

MACHINE_STAGES = (
    ("Proven complete", "last_image_at", "complete_at"),
    ("Analysed", "complete_at", "analysed_at"),
    ("Alert sent", "analysed_at", "alert_sent_at"),
    ("In the archive", "alert_sent_at", "published_at"),
    ("EMR accepted", "alert_sent_at", "emr_accepted_at"),
)
"""What the gateway does: name, and the times between which it happens."""

PEOPLE_STAGES = (("Alert opened", "alert_opened_at"), ("Acknowledged", "acknowledged_at"))


@dataclass(frozen=True, slots=True)
class Stage:
    """A bar on the time line; positions are percent of its length, None until it happened."""

    name: str
    at: str | None
    total: str
    left: float = 0.0
    width: float = 0.0
    is_alert: bool = False


@dataclass(frozen=True, slots=True)
class Light:
    """How far the numbers can be trusted, in one word."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """A trial's imaging rule as the page says it."""

    name: str
    met: bool
    missing: Sequence[str]
    text: str
    changes_if: str
    certain: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """What the templates draw; `plain` is the case as the API shows it."""

    plain: Mapping[str, Any]
    mark: str

    @property
    def id(self) -> str:
        """Identifier of the case."""
        return str(self.plain["id"])

    @property
    def short_id(self) -> str:
        """Enough of the identifier to tell two cases apart on the telephone."""
        return self.id[:8]

    @property
    def state(self) -> str:
        """Word of the state."""
        return wording.STATES[self.plain["state"]]

    @property
    def times(self) -> Mapping[str, str | None]:
        """When things happened."""
        return self.plain["times"]  # type: ignore[no-any-return]  # the API's own shape

    @property
    def result(self) -> Mapping[str, Any] | None:
        """Numbers of the present revision; those of an earlier one are not shown as if they were news."""
        return self.plain["result"] if self.plain["state"] in {"analysed", "not_analysed"} else None

    @property
    def analysed(self) -> bool:
        """Whether there are numbers."""
        return bool(self.plain["state"] == "analysed" and self.result)

    @property
    def severe(self) -> list[str]:
        """Why the numbers must not be trusted."""
        return [flag["text"] for flag in self.quality if flag["severity"] == "severe"]

    @property
    def trusted(self) -> bool:
        """Whether the numbers may be shown as numbers."""
        return self.analysed and not self.severe

    @property
    def only_time_to_peak(self) -> bool:
        """Whether there was no arterial input, and so neither flow nor volumes."""
        return self.analysed and (self.result or {})["estimator"] == Estimator.TIME_TO_PEAK

    @property
    def doubt(self) -> str:
        """What is said in place of numbers that must not be trusted."""
        return "No volumes: look at the images" if self.only_time_to_peak else "Do not trust the numbers"

    @property
    def opinions(self) -> list[Mapping[str, Any]]:
        """The same scan by other methods, those that differ first."""
        return sorted((self.result or {})["opinions"], key=lambda opinion: bool(opinion["agrees"]))

    @property
    def territories(self) -> list[tuple[str, float]]:
        """Hypoperfused volumes by territory, the largest first."""
        return list(territories((self.result or {})["territories_ml"]))

    @property
    def quality(self) -> Sequence[Mapping[str, str]]:
        """Quality flags, worst first."""
        order = {"severe": 0, "warning": 1, "info": 2}
        flags = (self.result or {}).get("quality", ())
        return sorted(flags, key=lambda flag: order.get(flag["severity"], 0))

    @property
    def light(self) -> Light | None:
        """Quality at a glance; None without a result."""
        if not self.analysed:
            return None
        warnings = sum(flag["severity"] == "warning" for flag in self.quality)
        if self.severe:
            return Light("severe", "Do not trust")
        if warnings:
            return Light("warning", f"{warnings} warning{'s' * (warnings > 1)}")
        return Light("good", "Good quality")

    @property
    def side(self) -> str:
        """Where the lesion lies."""
        return wording.SIDES[(self.result or {}).get("side", "none")]

    @property
    def criteria(self) -> list[Criterion]:
        """Imaging rules of the trials, met ones first."""
        found = (self.result or {}).get("criteria", {})
        rules = [
            Criterion(**{**rule, "name": wording.CRITERIA.get(name, name)}) for name, rule in found.items()
        ]
        return sorted(rules, key=lambda rule: not rule.met)

    @property
    def open(self) -> bool:
        """Whether an alert waits for somebody."""
        return self.times["alert_sent_at"] is not None and self.times["acknowledged_at"] is None

    @property
    def deliveries(self) -> list[Mapping[str, Any]]:
        """Deliveries of the present revision, failed ones first."""
        mine = [d for d in self.plain["deliveries"] if d["revision"] == self.plain["revision"]]
        return sorted(mine, key=lambda d: d["state"] != "failed")

    @property
    def failures(self) -> list[Mapping[str, Any]]:
        """Deliveries that nobody will try again."""
        return [d for d in self.deliveries if d["state"] == "failed"]

    @property
    def alert_s(self) -> float | None:
        """Seconds from the last image to the alert."""
        return seconds_between(self.times["last_image_at"], self.times["alert_sent_at"])

    @property
    def transfer_s(self) -> float | None:
        """Seconds over which the images arrived."""
        return seconds_between(self.times["first_image_at"], self.times["last_image_at"])

    @property
    def scale_s(self) -> float:
        """Length of the time line; never shorter than the goal, so that fast looks fast."""
        ends = [self._since_last(end) for _, _, end in MACHINE_STAGES]
        return max([GOAL_S * 1.2, *(end for end in ends if end is not None)])

    @property
    def goal(self) -> float:
        """Where the goal lies on the time line, in percent."""
        return 100 * GOAL_S / self.scale_s

    @property
    def machine_stages(self) -> list[Stage]:
        """What the gateway did since the last image."""
        return [self._stage(*stage) for stage in MACHINE_STAGES]

    @property
    def people_stages(self) -> list[Stage]:
        """What people did since the alert."""
        sent = self.times["alert_sent_at"]
        stages = [
            (name, self.times[end], seconds_between(sent, self.times[end])) for name, end in PEOPLE_STAGES
        ]
        return [Stage(name, at, _text(seconds)) for name, at, seconds in stages]

    def _since_last(self, name: str) -> float | None:
        return seconds_between(self.times["last_image_at"], self.times[name])

    def _stage(self, name: str, start: str, end: str) -> Stage:
        end_s, start_s = self._since_last(end), self._since_last(start) or 0.0
        if end_s is None:
            return Stage(name, None, wording.NOTHING, is_alert=end == "alert_sent_at")
        left, right = (100 * max(0.0, s) / self.scale_s for s in (min(start_s, end_s), end_s))
        width = max(right - left, 0.6)
        return Stage(name, self.times[end], _text(end_s), left, width, is_alert=end == "alert_sent_at")


def _text(seconds: float | None) -> str:
    return wording.NOTHING if seconds is None else wording.duration(seconds)
