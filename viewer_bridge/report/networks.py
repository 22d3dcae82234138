"""Networks in the report: the light on the first page, what each found, and what no model is installed for."""

from collections.abc import Iterator

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable, Spacer, Table

from triage.results import NO_MODEL, Agreement, ModelFinding, TriageResult
from viewer_bridge.pages.panels import with_unit
from viewer_bridge.report.sheet import ALARM, BODY, CAUTION, GREY, SMALL, WIDTH_PT, paragraph, style, table
from viewer_bridge.report.words import Words, capital

LIGHTS = {
    Agreement.AGREE: HexColor("#1b7a36"),
    Agreement.DIFFER: CAUTION,
    Agreement.CONTRADICT: ALARM,
}
"""As on the pages, dark enough for white paper; the word always stands beside."""


def lights(result: TriageResult, words: Words) -> Iterator[Flowable]:
    """What stands below the numbers: each network's core and whether it agrees."""
    for model in result.networks:
        yield Spacer(1, 4)
        yield _light(model, words)


def networks(result: TriageResult, words: Words) -> Iterator[Flowable]:
    """What each network found besides, and which tasks nothing does."""
    for model in result.networks:
        yield paragraph(f"{_named(model, words)} – {'; '.join(_figures(model, words))}", BODY)
    missing = [words(f"task_{task}") for task, model in result.tasks.items() if model == NO_MODEL]
    if missing:
        yield paragraph(words("no_model", tasks=", ".join(missing)), SMALL)


def _light(model: ModelFinding, words: Words) -> Table:
    colour = LIGHTS[model.agreement] if model.agreement else GREY
    verdict = words(f"network_{model.agreement}" if model.agreement else "network_silent")
    core = words("core_volume", ml=with_unit(model.core_ml, 1))
    headline = words("named", name=verdict, text=core) if model.agreement else verdict
    reason = f"{_named(model, words)}. {capital(words.core(model.text))}."
    cell = [paragraph(headline, style(10.5, colour, strong=True)), paragraph(reason, SMALL)]
    room = [("LEFTPADDING", (0, 0), (-1, -1), 6), ("TOPPADDING", (0, 0), (-1, -1), 1)]
    return table([[cell]], [WIDTH_PT], [("LINEBEFORE", (0, 0), (0, -1), 4, colour), *room])


def _named(model: ModelFinding, words: Words) -> str:
    learned = words("learned", data=words.core(model.learned_from)) if model.trained_on else ""
    return words("network", name=model.name, version=model.version, learned=learned)


def _figures(model: ModelFinding, words: Words) -> Iterator[str]:
    if model.core_ml is None:
        yield words.core(model.text)
        return
    yield words("core_volume", ml=with_unit(model.core_ml, 1))
    if model.expected_core_ml is not None:
        yield words("expected_core", ml=with_unit(model.expected_core_ml, 1))
    if model.hypoperfused_ml is not None:
        yield words("hypoperfused_volume", ml=with_unit(model.hypoperfused_ml, 1))
    if model.overlap is not None:
        yield words("overlap", dice=with_unit(model.overlap, 2))
