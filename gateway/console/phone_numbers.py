"""The four numbers of a result, and how far they can be believed, in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.alerts.wording import Words
from gateway.console.phone_words import Say
from gateway.console.view import Light
from gateway.console.wording import ratio, volume
from gateway.feedback.classes import MISMATCH_TRIALS
from gateway.feedback.expectation import Expectation
from triage.results import INFARCT_CORE, Agreement, Criterion, ModelFinding, Severity, TriageResult
from viewer_bridge.figures import shown_flags

LEVELS = {Agreement.AGREE: "good", Agreement.DIFFER: "warning", Agreement.CONTRADICT: "severe", None: "none"}
AGREES = {True: "good", False: "warning"}
GRAVEST = ("none", "good", "warning", "severe")
TRIALS = {"defuse_3": "DEFUSE 3", "extend": "EXTEND"}
VOLUMES = (("core", "core_ml"), ("hypoperfused", "hypoperfused_ml"), ("mismatch", "mismatch_ml"))
RATIO = "mismatch_ratio"

Marked = tuple[str, str]
"""A level and the words that carry it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the four numbers."""

    key: str
    value: str
    unit: str
    interval: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """A result that can be trusted; `plain` is the result as the API shows it.

    Attributes
    ----------
    record
        What became of such alerts; None where too few were judged.
    ours
        Whether it was computed here: only then is there a record of it.
    """

    result: TriageResult
    plain: Mapping[str, Any]
    say: Say
    record: Expectation | None
    ours: bool = True

    @property
    def figures(self) -> list[Figure]:
        """The four numbers with their intervals."""
        ends, value = self.plain["intervals"], self.plain[RATIO]
        found = [
            Figure(key, volume(self.plain[name]), "ml", self.say.interval(ends.get(name)))
            for key, name in VOLUMES
        ]
        under = "" if value is None else self.say.interval(ends.get(RATIO), 2)
        return [*found, Figure("ratio", ratio(value), "", under)]

    @property
    def met(self) -> str:
        """Trials whose imaging rule is met."""
        return ", ".join(title for title, rule in self._mismatches if rule.met)

    @property
    def lights(self) -> list[Light]:
        """Quality, other methods, and how certain the class is."""
        return [self._quality, self._agreement, self._certainty]

    @property
    def expected(self) -> str:
        """How often such alerts were right; nothing of another hospital's."""
        if not self.ours:
            return ""
        return f"{self.record.words(self.say.language)}." if self.record else self.say("expected_none")

    @property
    def remarks(self) -> list[Marked]:
        """Every remark on the scan, the gravest first."""
        return [(flag.severity.value, self._core(flag.text)) for flag in shown_flags(self.result)]

    @property
    def others(self) -> list[Marked]:
        """Every other method."""
        networks = [(LEVELS[model.agreement], self._network(model)) for model in self._networks]
        opinions = [
            (AGREES[opinion.agrees], self._core(f"{opinion.name}: {opinion.text}"))
            for opinion in self.result.opinions
        ]
        return networks + opinions

    @property
    def rules(self) -> list[Marked]:
        """The trials' imaging rules, met ones first."""
        found = sorted(self.result.criteria.values(), key=lambda rule: not rule.met)
        return [("met" if rule.met else "unmet", self._rule(rule)) for rule in found]

    @property
    def _mismatches(self) -> list[tuple[str, Criterion]]:
        known = self.result.criteria
        return [(TRIALS[name], known[name]) for name in MISMATCH_TRIALS if name in known]

    @property
    def _networks(self) -> list[ModelFinding]:
        return [model for model in self.result.models if model.task == INFARCT_CORE]

    @property
    def _quality(self) -> Light:
        count = sum(flag.severity is Severity.WARNING for flag in shown_flags(self.result))
        level = "warning" if count else "good"
        return Light(level, self.say(f"quality_{level}", n=count))

    @property
    def _agreement(self) -> Light:
        level = max((level for level, _ in self.others), key=GRAVEST.index, default="none")
        return Light(level, self.say(f"agreement_{level}"))

    @property
    def _certainty(self) -> Light:
        level = AGREES[all(rule.certain for _, rule in self._mismatches)]
        return Light(level, self.say(f"certainty_{level}"))

    def _network(self, model: ModelFinding) -> str:
        name, core = model.name, volume(model.core_ml)
        said = name if model.core_ml is None else self.say("network_said", name=name, core=core)
        return f"{said}: {self._core(model.text)}"

    def _rule(self, rule: Criterion) -> str:
        return self._core(rule.text) + ("" if rule.certain else f" ({self.say('uncertain')})")

    def _core(self, text: str) -> str:
        return Words(self.say.language).core(text)
