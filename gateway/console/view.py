"""A case as its pages show it; computed from what the API shows, so the two cannot disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlsplit

from gateway.console import wording
from gateway.console.timeline import Timeline
from gateway.console.wording import seconds_between
from gateway.revision import UNCHANGED
from triage.results import INFARCT_CORE, Agreement, Estimator, ModelFinding, Severity
from viewer_bridge.figures import (
    ABOUT_VOLUMES,
    GRAVEST_FIRST,
    named,
    network_said,
    territories,
    without_model,
)


@dataclass(frozen=True, slots=True)
class Light:
    """How far the numbers can be trusted, in one word."""

    level: str
    text: str


NETWORK_LIGHTS = {
    Agreement.AGREE: Light("good", "Network agrees"),
    Agreement.DIFFER: Light("warning", "Network differs"),
    Agreement.CONTRADICT: Light("severe", "Network contradicts"),
}
SILENT = Light("none", "Network gave no core")


@dataclass(frozen=True, slots=True)
class Network:
    """A network as the page says it: whether it agrees, its core, who it is, and what it says."""

    light: Light
    core_ml: float | None
    name: str
    reason: str
    said: str

    @classmethod
    def of(cls, model: ModelFinding) -> Self:
        """Put a row of the result into words."""
        light = NETWORK_LIGHTS[model.agreement] if model.agreement else SILENT
        return cls(light, model.core_ml, named(model), model.text, network_said(model))


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
        return self.analysed and not any(flag["severity"] == Severity.SEVERE for flag in self._flags)

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
    def networks(self) -> list[Network]:
        """Networks that looked for the core."""
        models = map(ModelFinding.from_json, (self.result or {})["models"])
        return [Network.of(model) for model in models if model.task == INFARCT_CORE]

    @property
    def without_model(self) -> list[str]:
        """What no installed model does."""
        return without_model((self.result or {})["tasks"])

    @property
    def territories(self) -> list[tuple[str, float]]:
        """Hypoperfused volumes by territory, the largest first."""
        return list(territories((self.result or {})["territories_ml"]))

    @property
    def quality(self) -> Sequence[Mapping[str, str]]:
        """Quality flags, the gravest first; without trust those that rest on the volumes are left out."""
        told = (flag for flag in self._flags if self.trusted or flag["code"] not in ABOUT_VOLUMES)
        return sorted(told, key=lambda flag: GRAVEST_FIRST.index(flag["severity"]))

    @property
    def _flags(self) -> Sequence[Mapping[str, str]]:
        flags: Sequence[Mapping[str, str]] = (self.result or {}).get("quality", ())
        return flags

    @property
    def light(self) -> Light | None:
        """Quality at a glance; None without a result."""
        if not self.analysed:
            return None
        warnings = sum(flag["severity"] == "warning" for flag in self.quality)
        if not self.trusted:
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
    def revised(self) -> str:
        """What a later revision changed; empty for a first one."""
        if self.plain["revision"] == 1:
            return ""
        news = self.plain["announcement"]
        if news is None:
            came = self.plain.get("exchange", {}).get("received")
            return "another hospital's result came first" if came else "late images re-opened the case"
        return "; ".join(news["change"]) or (wording.RESULT_REPLACED if news["rings"] else UNCHANGED)

    @property
    def viewers(self) -> list[tuple[str, str]]:
        """What the study can be opened in, by name; ours on whatever host this page was asked from."""
        links = self.plain["links"]
        return [
            (title, _here(links[name]) if name in wording.OUR_VIEWERS else links[name])
            for name, title in wording.VIEWERS.items()
            if links[name]
        ]

    @property
    def deliveries(self) -> list[Mapping[str, Any]]:
        """Deliveries of the present revision and of the alert that stands, failed ones first."""
        told = [d["revision"] for d in self.plain["deliveries"] if d["kind"] == "availability"]
        current = {"alert": self.plain["alert_revision"], "availability": max(told, default=0)}
        mine = [
            delivery
            for delivery in self.plain["deliveries"]
            if delivery["revision"] == current.get(delivery["kind"], self.plain["revision"])
        ]
        return sorted(mine, key=lambda d: d["state"] != "failed")

    @property
    def theirs(self) -> Self | None:
        """The case with the numbers of whoever handed it over last in place of ours; None where nobody did."""
        received = sorted(self.plain["exchange"]["received"], key=lambda one: str(one["announced_at"]))
        return self.with_result_of(received[-1]) if received else None

    def with_result_of(self, received: Mapping[str, Any]) -> Self:
        """The case with a partner's numbers, and when its last image came there."""
        result, revision = received["result"], received["revision"]
        scanned_at = received["scanned_at"]
        times = {**self.times, "last_perfusion_image_at": scanned_at, "last_image_at": scanned_at}
        told = {"result": result, "state": result["status"], "revision": revision, "times": times}
        plain = {**self.plain, **told}
        return replace(self, plain=plain)

    @property
    def handed_over(self) -> str:
        """How a case that a partner handed over stands."""
        received = self.plain["exchange"]["received"]
        return "wants an answer" if not all(one["answers"] for one in received) else "answered"

    @property
    def answers(self) -> list[str]:
        """What other hospitals say to this case, in a word each."""
        sent = self.plain["exchange"]["sent"]
        said = ((one["title"], (one["answers"] or [one["held"]])[0]) for one in sent)
        return [f"{title}: {wording.ANSWERS[found['word']][0]}" for title, found in said if found]

    @property
    def failures(self) -> list[Mapping[str, Any]]:
        """Deliveries that nobody will try again."""
        return [d for d in self.deliveries if d["state"] == "failed"]

    @property
    def timeline(self) -> Timeline:
        """Where the time went."""
        return Timeline(self.times)

    @property
    def alert_s(self) -> float | None:
        """Seconds from the last image to the alert; None where an earlier alert stands, and where another hospital analysed."""
        if self.plain["state"] == "received":
            return None
        seconds = seconds_between(self.timeline.origin, self.times["alert_sent_at"])
        return seconds if seconds is None or seconds >= 0 else None

    @property
    def transfer_s(self) -> float | None:
        """Seconds over which the images arrived."""
        return seconds_between(self.times["first_image_at"], self.times["last_image_at"])


def _here(address: str) -> str:
    """An address of ours without the host that it was made for."""
    return urlsplit(address)._replace(scheme="", netloc="").geturl()
