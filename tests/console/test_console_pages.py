"""The console as a person meets it: real pages in a real browser."""

from datetime import UTC, datetime

import pytest

from gateway.ledger.records import case_id_of
from tests.api.staging import a_result

PHONE = {"width": 360, "height": 740}
LIVE = "#connection:not([hidden])"


def test_the_token_in_a_link_logs_in_and_leaves_no_trace(chromium, shown):
    site, ids, url = shown
    context = chromium.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{url}/cases/{ids['fresh']}#token={site.access.token}")
    page.wait_for_url(f"{url}/cases/{ids['fresh']}")
    assert page.inner_text("h1") == "CANARY TUẤN"
    assert not any(site.access.token in address for address in asked)
    assert site.access.token not in page.evaluate("location.href + JSON.stringify(localStorage)")
    context.close()


def test_a_wrong_token_is_refused_in_words(chromium, shown):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{shown[2]}/login")
    page.fill("#token", "wrong")
    page.click("button")
    assert "not the access token" in page.inner_text("[role=alert]")
    context.close()


def test_the_list_shows_every_state_without_a_name(a_page, shown):
    _, ids, _ = shown
    a_page.wait_for_selector(LIVE)
    rows = {name: a_page.inner_text(f"#case-{case_id}") for name, case_id in ids.items()}
    assert "41 images" in rows["receiving"]
    assert "LEFT hemisphere" in rows["fresh"]
    assert "DEFUSE 3 imaging met" in rows["fresh"]
    assert "1 failed delivery" in rows["fresh"]
    assert "Not acknowledged" in rows["fresh"]
    assert "Do not trust the numbers" in rows["severe"]
    assert "3.2" not in rows["severe"]
    assert "Look at the images" in rows["not_analysed"]
    assert "no position was imaged repeatedly" in rows["no_perfusion"]
    assert "Dr Lê, stroke team" in rows["done"]
    assert "CANARY" not in a_page.content()
    assert a_page.title().startswith("(3) ")


def test_the_case_page_answers_first(a_page, shown):
    a_page.goto(f"/cases/{shown[1]['fresh']}")
    first = a_page.inner_text(".answer-first")
    for text in (
        "LEFT hemisphere",
        "18",
        "(12–24)",
        "112.7",
        "(101–125)",
        "94",
        "6.12",
        "4.90 or more",
        "3.3 s",
    ):
        assert text in first
    assert "Methods differ" not in first
    whole = a_page.inner_text("main")
    for text in (
        "CANARY TUẤN",
        "1950-01-02",
        "vessel occlusion",
        "Changes if core > 70 ml.",
        "core 14.7 ml, hypoperfused 127.1 ml",
        "Territory, by position: an estimate",
        "middle cerebral 104.2 ml, anterior cerebral 8.5 ml",
        "tissue of the other hemisphere with Tmax below 4 s",
        "core 20 ml, hypoperfused 117 ml: within the intervals",
        "the head moved by 3.1 mm",
        "16 slices x 60 frames",
        "EMR his failed.",
        "unknown patient identifier",
        "trying again, 2 attempts",
        "In the archive",
    ):
        assert text in whole
    a_page.wait_for_function("[...document.images].filter(i => i.complete && i.naturalWidth).length >= 1")
    assert a_page.locator(".picture").count() == 5
    assert "Research use. Not for primary diagnosis." in a_page.inner_text("footer")


def test_numbers_that_must_not_be_trusted_stay_hidden_until_asked_for(a_page, shown):
    a_page.goto(f"/cases/{shown[1]['severe']}")
    assert "Do not trust the numbers" in a_page.inner_text("h2")
    assert not a_page.is_visible("dl.numbers")
    a_page.click("text=Show the numbers anyway")
    assert a_page.is_visible("dl.numbers")


def test_nothing_beside_the_numbers_is_shown_when_they_are_not_trusted(a_page, shown):
    severe, fresh = (text_of(a_page, shown[1][name]) for name in ("severe", "fresh"))
    for text in ("Beside these numbers", "Fixed threshold", "middle cerebral", "Changes if", "127.1 ml"):
        assert text not in severe
        assert text in fresh, "the search must be able to find it"


def text_of(page, case_id):
    page.goto(f"/cases/{case_id}")
    return page.inner_text("main")


def test_an_uncertain_class_and_another_answer_stand_out(a_page, shown):
    assert "DEFUSE 3 imaging met, uncertain" in a_page.inner_text(f"#case-{shown[1]['unsure']}")
    a_page.goto(f"/cases/{shown[1]['unsure']}")
    assert "Methods differ. Second-best artery: core 41 ml" in a_page.inner_text(".answer-first .flags")
    assert "Fixed threshold" not in a_page.inner_text(".answer-first")
    assert "Uncertain: that is inside the 90 % interval" in a_page.inner_text(".criteria")
    assert "Uncertain" not in text_of(a_page, shown[1]["fresh"])


def test_a_networks_core_stands_beside_the_first_with_a_word_and_its_training(a_page, shown):
    learned = "ctp-core 0.1.0 (trained on simulated patients)"
    told = {}
    assert "Network contradicts" in a_page.inner_text(f"#case-{shown[1]['fresh']}")
    assert "Network" not in a_page.inner_text(f"#case-{shown[1]['done']}")
    for name in ("done", "fresh", "unsure"):
        a_page.goto(f"/cases/{shown[1][name]}")
        told[name] = a_page.inner_text(".answer-first .beside")
        assert learned in told[name]
        models = a_page.inner_text("section[aria-labelledby=beside-title]")
        assert "hemorrhage, large vessel occlusion, ASPECTS" in models
    assert told["done"].startswith("Network agrees\ncore 105.6 ml")
    assert told["fresh"].startswith("Network contradicts\ncore 120.0 ml")
    assert "core limits of trials lie between the two: 21, 31, 50, 51, 70 ml" in told["fresh"]
    assert told["unsure"].startswith("Network gave no core")
    assert "no answer within 1.5 s" in told["unsure"]
    a_page.goto(f"/cases/{shown[1]['severe']}")
    assert a_page.locator(".answer-first .beside").count() == 0


def test_without_an_arterial_input_there_is_a_map_and_no_number(a_page, shown):
    assert "No volumes: look at the images" in a_page.inner_text(f"#case-{shown[1]['no_input']}")
    a_page.goto(f"/cases/{shown[1]['no_input']}")
    assert a_page.inner_text("h2") == "No volumes: look at the images"
    assert a_page.locator("dl.numbers").count() == 0
    assert " ml" not in a_page.inner_text("main")
    assert [a_page.locator("img").nth(n).get_attribute("alt") for n in range(2)] == [
        "Summary page",
        "Time to peak, no arterial input: not Tmax",
    ]


def test_a_new_study_and_its_growth_appear_without_a_reload(a_page, shown):
    site, _, _ = shown
    a_page.wait_for_selector(LIVE)
    a_page.evaluate("window.same = true")
    site.receive("1.2.50", 3, ago_s=1)
    row = f"#case-{case_id_of('1.2.50')}"
    a_page.wait_for_selector(row)
    site.receive("1.2.50", 4, start=4, ago_s=1)
    a_page.wait_for_selector(f"{row} >> text=7 images")
    assert a_page.evaluate("window.same")


def test_result_pictures_and_deliveries_arrive_on_the_open_page(a_page, shown):
    site, _, _ = shown
    case = site.receive("1.2.51", 3, ago_s=5)
    a_page.goto(f"/cases/{case.id}")
    a_page.wait_for_selector(LIVE)
    a_page.evaluate("window.same = true")
    site.conclude("1.2.51", a_result("1.2.51"))
    a_page.wait_for_selector("h2 >> text=LEFT hemisphere")
    assert a_page.inner_text("#news") == "LEFT hemisphere"
    assert not a_page.is_visible(".acknowledge")
    a_page.click("#computed summary")
    site.alert("1.2.51")
    a_page.wait_for_selector(".acknowledge")
    assert a_page.locator("#computed[open]").count() == 1
    a_page.fill("#by", "half typed")
    site.publish("1.2.51")
    a_page.wait_for_selector(".picture")
    assert a_page.input_value("#by") == "half typed"
    assert a_page.evaluate("document.activeElement.id") == "by"
    assert site.get("1.2.51").times["alert_opened_at"]
    assert a_page.evaluate("window.same")


def test_acknowledging_works_and_every_list_sees_it(a_page, shown):
    site, _, _ = shown
    site.receive("1.2.52", 3, ago_s=5)
    site.conclude("1.2.52", a_result("1.2.52"))
    case = site.alert("1.2.52")
    other = a_page.context.new_page()
    other.goto("/")
    other.wait_for_selector(LIVE)
    a_page.goto(f"/cases/{case.id}")
    a_page.fill("#by", "Dr Trần")
    a_page.click("text=Acknowledge")
    a_page.wait_for_selector("text=Dr Trần has the case")
    other.wait_for_selector(f"#case-{case.id} >> text=Dr Trần")
    assert site.get("1.2.52").acknowledged_by == "Dr Trần"
    site.ledger.cases.reopen(site.get("1.2.52"))
    site.conclude("1.2.52", a_result("1.2.52"))
    site.alert("1.2.52")
    a_page.wait_for_selector("text=Revision 2")
    assert a_page.input_value("#by") == "Dr Trần"


def test_the_keyboard_alone_is_enough(a_page, shown):
    _, ids, url = shown
    case_id = ids["not_analysed"]
    a_page.focus(f"#case-{case_id} a")
    assert a_page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    a_page.keyboard.press("Enter")
    a_page.wait_for_url(f"{url}/cases/{case_id}")
    a_page.focus("#by")
    a_page.keyboard.type("night nurse")
    a_page.keyboard.press("Enter")
    a_page.wait_for_selector("text=night nurse has the case")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_scrolls_sideways(a_page, shown, width):
    a_page.set_viewport_size({"width": width, "height": 740})
    names = shown[1]
    for path in ("/", "/docs", "/jobs", "/times", *(f"/cases/{shown[1][name]}" for name in names)):
        a_page.goto(path)
        assert a_page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_phone_keeps_the_answer_button_under_the_thumb(a_page, shown):
    a_page.set_viewport_size(PHONE)
    a_page.goto(f"/cases/{shown[1]['fresh']}")
    for position in (0, 10_000):
        a_page.evaluate(f"scrollTo(0, {position})")
        box = a_page.locator(".acknowledge button").bounding_box()
        assert box["height"] >= 44
        assert box["y"] + box["height"] <= PHONE["height"]
        assert box["y"] > PHONE["height"] / 2


CONTRAST = """() => {
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [0, 0, 0];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const node = walker.currentNode.parentElement;
    if (!text || !node.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${text.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


def test_every_text_reaches_the_contrast_of_wcag_aa(a_page, shown):
    shown_cases = (f"/cases/{shown[1][name]}" for name in ("fresh", "severe", "unsure", "no_input"))
    for path in ("/", "/docs", "/times", *shown_cases):
        a_page.goto(path)
        a_page.wait_for_selector("main")
        assert a_page.evaluate(CONTRAST) == []
    a_page.evaluate("document.querySelector('h2').style.color = '#555'")
    assert a_page.evaluate(CONTRAST)


def test_a_lost_connection_is_said_so_and_comes_back(chromium, shown):
    site, _, url = shown
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{url}/login#token={site.access.token}")
    page.wait_for_selector("text=Live")
    page.route("**/api/v1/**", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("text=Not live: what you see may be old")
    page.unroute("**/api/v1/**")
    page.wait_for_selector("#connection:not(.stale)")
    context.close()


def test_a_session_that_ended_leads_to_the_login(chromium, shown):
    site, ids, url = shown
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{url}/cases/{ids['fresh']}#token={site.access.token}")
    page.wait_for_selector("text=Live")
    context.clear_cookies()
    site.ledger.cases.stamp(ids["fresh"], 1, "emr_accepted_at", datetime.now(UTC))
    page.wait_for_selector("#login")
    context.close()
