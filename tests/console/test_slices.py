"""Slices on the case page, in a real browser: linked, windowed, by mouse, keys and finger, and honest on a slow line."""

import io

import numpy as np
import pytest
from PIL import Image

from gateway.ledger.records import case_id_of
from tests.api.staging import TRUNCATED, a_result, draw_slices
from tests.console.test_console_pages import CONTRAST, PHONE
from tests.viewer_bridge.drawn import distrusted, make_analysis

STUDY, DOUBTED = "1.2.60", "1.2.61"
COUNT = 6


@pytest.fixture(scope="module")
def sliced(shown):
    """The shown site with slices of one trusted and one doubted case."""
    site, _, url = shown
    analysis = make_analysis((COUNT, 64, 64))
    for study, drawn, flags in ((STUDY, analysis, ()), (DOUBTED, distrusted(analysis), (TRUNCATED,))):
        site.receive(study, 3, ago_s=90)
        site.conclude(study, a_result(study, *flags))
        site.alert(study)
        draw_slices(site, study, drawn)
        site.publish(study)
    return site, url


@pytest.fixture
def slices(a_page, sliced):
    a_page.goto(f"/cases/{case_id_of(STUDY)}")
    a_page.wait_for_selector("#slice")
    return a_page


def shown_slices(page):
    return page.evaluate("[...document.querySelectorAll('.view')].map(v => v.dataset.shown)")


def wait_for_slice(page, number):
    page.wait_for_function(
        "n => [...document.querySelectorAll('.view')].every(v => v.dataset.shown === n && !v.matches('.late'))",
        arg=str(number),
    )


def test_all_layers_move_together_by_slider_wheel_and_keys(slices):
    start = int(slices.input_value("#slice"))
    slices.focus("#slice")
    slices.keyboard.press("ArrowRight")
    wait_for_slice(slices, start + 1)
    assert slices.inner_text("#slice-said") == f"{start + 1} of {COUNT}"
    slices.locator(".view[data-layer=tmax] .stage").hover()
    slices.mouse.wheel(0, 100)
    slices.wait_for_function("n => Number(document.querySelector('#slice').value) < n", arg=start + 1)
    slices.focus(".views")
    slices.keyboard.press("End")
    wait_for_slice(slices, COUNT)
    slices.keyboard.press("Home")
    wait_for_slice(slices, 1)
    slices.keyboard.press("ArrowDown")
    assert shown_slices(slices) == ["1"] * 6, "there is nothing below the first"
    assert "slice 1" in slices.locator(".view img.map").first.get_attribute("alt")


def test_a_slice_that_is_not_here_yet_is_not_passed_off_as_another(slices):
    start = slices.input_value("#slice")
    slices.route("**/cbv-006.webp", lambda _route: None)  # it never comes
    slices.focus(".views")
    slices.keyboard.press("End")
    slices.wait_for_selector(".view[data-layer=tmax]:not(.late)[data-shown='6']")
    late = slices.locator(".view[data-layer=cbv]")
    assert "late" in late.get_attribute("class")
    assert late.locator(".at").inner_text() == start
    slices.keyboard.press("Home")
    wait_for_slice(slices, 1)
    slices.unroute_all(behavior="ignoreErrors")


def grey_at(page, part=(0.5, 0.5)):
    """Mean grey around a place of the CT as the browser paints it, overlay off."""
    stage = page.locator(".view[data-layer=ct] .stage")
    picture = np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("L")).astype(float)
    y, x = (int(size * at) for size, at in zip(picture.shape, part, strict=True))
    return picture[y - 3 : y + 4, x - 3 : x + 4].mean()


def test_the_window_shows_what_it_says(slices):
    """Brain of about 32 HU in the middle: 32 of 80 in the brain window, white in one that ends below it."""
    slices.click("#overlay")
    assert slices.locator(".over").is_hidden()
    place = (0.72, 0.5)
    assert slices.inner_text(".window") == "0 to 80 HU"
    hu = grey_at(slices, place) / 255 * 80
    for name, low, high in (("Stroke", 20, 50), ("Blood", 10, 140), ("Brain", 0, 80)):
        slices.click(f".looks >> text={name}")
        assert slices.inner_text(".window") == f"{low} to {high} HU"
        wanted = np.clip((hu - low) / (high - low), 0, 1) * 255
        assert abs(grey_at(slices, place) - wanted) < 12, name
    slices.fill("#level", "0")
    slices.fill("#width", "10")
    assert grey_at(slices, place) > 250
    slices.click("#overlay")
    assert slices.locator(".over").is_visible()


def test_the_value_under_the_mouse_is_read_in_every_layer(slices):
    box = slices.locator(".view[data-layer=cbf] .stage").bounding_box()
    slices.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5)
    slices.wait_for_function("() => [...document.querySelectorAll('.value')].every(v => v.textContent)")
    tmax = slices.inner_text(".view[data-layer=tmax] .value")
    assert 5 < float(tmax.lstrip("≥ ")) <= 12, "that is inside the drawn lesion"
    assert slices.locator(".cross:visible").count() == 6
    slices.mouse.move(box["x"] + box["width"] * 0.02, box["y"] + 3)
    slices.wait_for_function(
        "() => document.querySelector('.view[data-layer=cbf] .value').textContent === '–'"
    )
    slices.mouse.move(5, 5)
    assert slices.locator(".cross:visible").count() == 0


def test_what_cannot_be_trusted_has_no_overlay_and_no_values(a_page, sliced):
    a_page.goto(f"/cases/{case_id_of(DOUBTED)}")
    a_page.wait_for_selector("#slice")
    assert a_page.locator(".view").count() == 6
    assert a_page.locator("#overlay, .over, .slices[data-values]").count() == 0
    assert "hypoperfused" not in a_page.inner_text("#slices")


def test_a_live_change_leaves_the_slices_where_they_were(slices, sliced):
    site, _ = sliced
    slices.focus(".views")
    slices.keyboard.press("Home")
    wait_for_slice(slices, 1)
    slices.evaluate("document.querySelector('#slices').same = true")
    site.receive(STUDY, 1, start=4, ago_s=1)
    slices.wait_for_selector(".pairs div:has(dt:text-is('Received')) dd:text-is('4')")
    assert slices.evaluate("document.querySelector('#slices').same")
    assert slices.input_value("#slice") == "1"
    slices.keyboard.press("ArrowUp")
    wait_for_slice(slices, 2)


def test_on_a_phone_one_map_at_a_time_and_little_to_load(chromium, sliced):
    site, url = sliced
    context = chromium.new_context(viewport=PHONE, base_url=url, has_touch=True)
    page = context.new_page()
    page.goto(f"/login#token={site.access.token}&next=/cases/{case_id_of(STUDY)}")
    page.wait_for_selector("#slice")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(CONTRAST) == []
    page.locator(".view[data-layer=ct]").scroll_into_view_if_needed()
    width = page.locator(".stage").first.bounding_box()["width"]
    assert width > PHONE["width"] * 0.85
    page.tap("[data-to=tmax]")
    page.wait_for_selector("[data-to=tmax][aria-current]")
    page.wait_for_function(
        "() => Math.abs(document.querySelector('[data-layer=tmax]').getBoundingClientRect().x - 16) < 4"
    )
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.endsWith('.webp')).map(e => e.encodedBodySize)"
    )
    assert sizes
    assert max(sizes) < 100_000
    for button in page.locator("#slices button").all():
        assert button.bounding_box()["height"] >= 44
    context.close()
