"""The phone page as a tired doctor meets it: one screen, one hand, three languages, with a keyboard and without sight."""

from itertools import cycle
from pathlib import Path

import pytest

from gateway.ledger.thread import PostKind
from tests.phone.staging import CLAIRE, HOA, LE, READER, SAM

AXE = Path(".cache/npm-peers/node_modules/axe-core/axe.min.js")
SMALLEST_TARGET = 44
SMALL_TARGETS = """[...document.querySelectorAll('a, button, summary, select, textarea, label.chip, input:not([type=hidden], [type=radio])')]
    .filter(e => e.checkVisibility() && !e.matches('.skip'))
    .map(e => [e.getBoundingClientRect(), e])
    .filter(([box]) => box.width && Math.min(box.width, box.height) < 43.9)
    .map(([box, e]) => `${e.outerHTML.slice(0, 80)} ${box.width}x${box.height}`)"""
WIDER = "document.documentElement.scrollWidth > innerWidth"
STATES = (
    "open", "taken", "untrusted", "no_volumes", "not_analysed", "uncertain", "nothing", "not_stroke", "drawing",
    "revised", "recalled", "receiving", "analysing", "no_perfusion", "recomputing",
)  # fmt: skip

UNLIKE = ("open", "taken", "untrusted", "not_analysed", "recalled", "home", "receiving", "open")
"""Screens that have something of their own; `benchmarks/phone.py` looks at every state in every language."""


def show(page, team_at, name):
    page.goto("/phone" if name == "home" else f"/phone/cases/{team_at[0].ids[name]}")
    if name != "home":
        page.wait_for_selector("#connection.on")
    return page


@pytest.mark.parametrize("language", READER)
def test_what_decides_is_on_the_first_screen(phone, team_at, language):
    page = show(phone(READER[language]), team_at, "open")
    assert page.get_attribute("html", "lang") == language.value
    bar = page.locator(".bar").bounding_box()["y"]
    for part in (
        "#finding",
        ".claim",
        ".age",
        "#who",
        ".stage >> nth=0",
        ".figures",
        ".lights",
        ".expected",
        ".research",
    ):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0, part
        assert part == ".research" or box["y"] + box["height"] <= bar + 1, f"{part} ends at {box} below {bar}"
    assert page.locator(".bar button").first.bounding_box()["y"] > 500, "the answer lies at the thumb"
    shown = page.inner_text(".screen")
    for text in ("18.4", "(12–24)", "112.7", "(101–125)", "94.3", "6.12", "(≥ 4.90)", "DEFUSE 3"):
        assert text in shown
    assert page.locator("img.grey").evaluate("i => i.complete && i.naturalWidth > 0")


def test_every_state_says_what_it_is_and_what_to_do(phone, team_at):
    page = phone(SAM)
    told = {name: show(page, team_at, name).inner_text(".screen") for name in STATES}
    assert "Do not trust the numbers" in told["untrusted"]
    assert "3.2" not in told["untrusted"]
    assert "Look at the images yourself" in told["untrusted"]
    assert "No volumes" in told["no_volumes"]
    assert "No result is not a negative result" in told["not_analysed"]
    assert "Methods contradict" in told["uncertain"]
    assert "Class uncertain" in told["uncertain"]
    assert "No lesion found" in told["nothing"]
    assert "You: not a stroke" in told["not_stroke"]
    assert "BS. Trần Hoa has it" in told["taken"]
    assert "as soon as they are drawn" in told["drawing"]
    assert "Revision 2 replaces 1. Before: Target mismatch." in told["revised"]
    assert "RECALLED" in told["recalled"]
    assert "RECALLED" not in told["revised"]
    assert "41 images so far" not in told["analysing"]
    assert "Images are arriving" in told["receiving"]
    assert "former result may not hold" in told["recomputing"]
    assert "Nothing to compute" in told["no_perfusion"]
    assert "arterial enhancement peaks at 31 HU only" in told["not_analysed"]


def test_refusals_are_told_in_the_readers_language(phone, team_at):
    assert "động mạch chỉ ngấm thuốc tối đa 31 HU" in show(phone(LE), team_at, "not_analysed").inner_text(
        ".screen"
    )
    assert "le passage veineux" in show(phone(CLAIRE), team_at, "recalled").inner_text(".screen")


def test_thumbs_find_every_button_and_nothing_is_wider_than_the_phone(phone, team_at):
    pages = cycle([phone(person) for person in READER.values()])
    for name, page in zip((*STATES, "home", "open", "open"), pages, strict=False):
        show(page, team_at, name)
        page.evaluate(
            "document.querySelectorAll('details').forEach(d => { d.removeAttribute('name'); d.open = true })"
        )
        assert page.evaluate(SMALL_TARGETS) == [], name
        assert not page.evaluate(WIDER), name
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert not page.evaluate(WIDER), f"{name} with text of twice the size"
        assert page.locator("#finding, #my-cases, .duty").first.is_visible()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: make npm-peers")
def test_axe_finds_nothing_serious_in_any_state_and_language(phone, team_at):
    pages = [phone(person) for person in READER.values()]
    walks = [(name, page) for name, page in zip(UNLIKE, cycle(pages), strict=False)]
    found = [fault for name, page in walks for fault in axe(show(page, team_at, name), name)]
    assert found == []
    page = show(pages[0], team_at, "open")
    page.evaluate("document.querySelector('img.grey').removeAttribute('alt')")
    assert axe(page, "planted") != [], "it can find something"


def axe(page, name):
    page.evaluate(
        "document.querySelectorAll('details').forEach(d => { d.removeAttribute('name'); d.open = true })"
    )
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        (name, fault["id"], [node["html"][:120] for node in fault["nodes"]])
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]


def test_a_keyboard_reaches_and_gives_every_answer(phone, team_at):
    team, _ = team_at
    page = show(phone(SAM), team_at, "nothing")
    reached = []
    for _step in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(e => e.id || e.textContent.trim() || e.ariaLabel || e.localName)(document.activeElement)"
            )
        )
        if reached[-1] == "I take it":
            break
    assert reached[0] == "Skip to content"
    assert {"I cannot", "Not a stroke", "comment", "Show patient"} <= set(reached)
    page.keyboard.press("Enter")
    page.wait_for_selector("#who.me")
    assert page.evaluate("document.activeElement !== document.body"), "the focus is not lost with the button"
    assert team.site.ledger.thread.of_case(team.ids["nothing"])[-1].kind is PostKind.TOOK


def test_pictures_move_by_button_key_and_swipe(phone, team_at):
    page = show(phone(LE), team_at, "uncertain")
    first = page.inner_text("#at")
    page.click("[data-step='1']")
    page.wait_for_function("f => document.querySelector('#at').textContent !== f", arg=first)
    page.wait_for_selector(".view[data-layer=ct]:not(.late)")
    assert page.get_attribute("img.grey", "alt").endswith(page.inner_text("#at"))
    page.focus(".views")
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#at") == first
    page.click("[data-to=tmax]")
    page.wait_for_selector("[data-to=tmax][aria-current=true]")
    src = page.get_attribute("img.map >> nth=0", "src")
    assert "/tiles/tmax-" in src


def test_my_page_says_duty_and_cases(phone, team_at):
    page = show(phone(LE), team_at, "home")
    assert "Đang trực đến" in page.inner_text(".duty")
    assert page.locator(".row-case.nobody").count() >= 3
    page.wait_for_function("() => document.querySelector('#push-state').textContent !== 'Đang kiểm tra…'")
    other = show(phone(HOA), team_at, "home")
    assert other.inner_text(".duty") == "Không trong ca trực"
    other.click("button[lang=fr]")
    assert other.get_attribute("html", "lang") == "fr"
    other.click("button[lang=vi]")
    assert other.get_attribute("html", "lang") == "vi"
