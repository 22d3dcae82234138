"""The pictures of the README: ``python -m benchmarks.screenshots [--to FOLDER] [PART ...]`` writes them, into ``docs`` at first.

``desk``: the demo's invented patient walks through a whole gateway, two invented doctors answer, and a real Chromium looks at
the case page and at the study in the hosted viewer. ``phones``: three people of a staged site look at their cases.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import structlog
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.demo import play, prepare
from benchmarks.running import RunningGateway, running_gateway
from benchmarks.small_emr import SmallEmr
from benchmarks.small_phone import SmallPhone
from tests.api.staging import close_site, serving
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.phone.staging import CLAIRE, LE, SAM, Team, stage_team

Pictures = Iterator[tuple[str, Image.Image]]

DOCTORS = {"minh": "BS Minh (invented)", "hoa": "BS Hoa (invented)"}
TOLD = ("NIHSS 14, well at 07:10. I am on my way to the CT.", "The angiography suite is ready in 15 minutes.")
"""What the team says; the first of them takes the case."""

CASE_PAGE, VIEWER_PAGE = {"width": 1280, "height": 1250}, {"width": 1280, "height": 740}
"""To the end of the maps; and the summary whole beside the others."""
PHONE, PHONE_SCALE, GAP_PX = {"width": 360, "height": 640}, 2, 24
PHONES = ((LE, "open", "ct"), (SAM, "taken", "tmax"), (CLAIRE, "not_analysed", None))
"""Who looks at which case, and the map that they tap."""
SHAPE = (16, 256, 256)

GROUND = "#3a444d"
STEP = 3
"""Of the 256 levels of a colour, those that are kept: no eye misses the others, and a fifth of the bytes is theirs."""
LONGEST_BYTES = 400_000
PATIENCE_S = 180.0
STILL_S = 4.0
"""The viewer says nowhere that it has drawn everything; a picture that has not changed for so long is whole."""
DRAWN = "() => [...document.querySelectorAll('.view img')].every(i => i.complete && i.naturalWidth)"
VIEWPORTS = "() => document.querySelectorAll('canvas.cornerstone-canvas').length >= 7"


def main() -> int:
    """Write the pictures; the exit code is 1 where one is heavier than a page should carry."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--to", type=Path, default=Path("docs"), metavar="FOLDER")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    sizes = []
    with (
        tempfile.TemporaryDirectory(prefix="screenshots-") as name,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS) as browser,
    ):
        for part in given.parts or PARTS:
            for what, picture in PARTS[part](browser, Path(name)):
                path = given.to / f"{what}.png"
                picture.point(rounded).save(path, optimize=True)
                sizes.append(path.stat().st_size)
                print(f"{path}: {picture.width} x {picture.height}, {sizes[-1]} B")
    return int(max(sizes) > LONGEST_BYTES)


def desk(browser: Browser, folder: Path) -> Pictures:
    """The case page and the viewer, as somebody with the site's token sees them."""
    with SmallPhone() as phone, SmallEmr() as emr:
        tables = {
            "alerts": {"levels": [{"name": "on duty", "role": "stroke_doctor"}]},
            "emr": {"destinations": [{"name": "emr", "host": "127.0.0.1", "port": emr.port}]},
        }
        _, written = prepare(folder / "scanner")
        with running_gateway(folder / "gateway", tables) as gateway:
            enter_doctors(gateway, phone)
            case = play(gateway, written)
            talk(phone)
            page = browser.new_page(viewport=CASE_PAGE, base_url=gateway.url)
            page.set_default_timeout(PATIENCE_S * 1000)
            page.goto(f"/login#token={gateway.token}&next=/cases/{case['id']}")
            page.wait_for_selector("#slice")
            page.wait_for_function(DRAWN)
            yield "case-page", still(page)
            page.set_viewport_size(VIEWER_PAGE)
            page.goto(case["links"]["viewer"])
            page.wait_for_function(VIEWPORTS)
            yield "viewer-page", still(page)
            page.close()


def enter_doctors(gateway: RunningGateway, phone: SmallPhone) -> None:
    """Both are on duty day and night, and have one phone between them."""
    channel = {"kind": "webhook", "address": phone.url, "secret": phone.secret}
    hours = {"role": "stroke_doctor", "weekdays": list(range(7)), "starts": "00:00", "ends": "00:00"}
    with gateway.api as api:
        for login, name in DOCTORS.items():
            person = {"name": name, "login": login, "roles": ["stroke_doctor"], "language": "en"}
            doctor = api.post("/api/v1/people", json=person).raise_for_status().json()["id"]
            api.put(f"/api/v1/people/{doctor}/contacts", json={"contacts": [channel]}).raise_for_status()
            api.post("/api/v1/rota/shifts", json={**hours, "person_id": doctor}).raise_for_status()


def talk(phone: SmallPhone) -> None:
    """The first takes the case; both say something, each by the link of their own alert."""
    own = {"Sec-Fetch-Site": "same-origin"}
    for number, (alert, words) in enumerate(zip(phone.alerts, TOLD, strict=True)):
        with httpx.Client(follow_redirects=True, trust_env=False, timeout=30, headers=own) as browser:
            page = browser.get(alert["link"]).raise_for_status().url
            if not number:
                browser.post(f"{page}/answer", data={"kind": "take"}).raise_for_status()
            browser.post(f"{page}/comment", data={"text": words}).raise_for_status()


def phones(browser: Browser, folder: Path) -> Pictures:
    """Three phones side by side, in three languages."""
    team = stage_team(folder / "team", SHAPE)
    with serving(team.site) as url:
        seen = [phone_of(browser, team, url, *what) for what in PHONES]
    close_site(team.site)
    width, height = seen[0].size
    row = Image.new("RGB", (len(seen) * (width + GAP_PX) - GAP_PX, height), GROUND)
    for number, picture in enumerate(seen):
        row.paste(picture, (number * (width + GAP_PX), 0))
    yield "phone-case", row


def phone_of(
    browser: Browser, team: Team, url: str, person: Any, name: str, layer: str | None
) -> Image.Image:
    """What one person sees of one case."""
    context = browser.new_context(viewport=PHONE, device_scale_factor=PHONE_SCALE, base_url=url)
    context.add_cookies([team.cookie(person, url)])
    page = context.new_page()
    page.goto(f"/phone/cases/{team.ids[name]}")
    page.wait_for_selector("#connection.on")
    if layer:
        page.click(f"[data-to={layer}]")
        page.wait_for_selector(f"[data-to={layer}][aria-current]")
    page.evaluate("document.activeElement.blur()")
    picture = still(page)
    context.close()
    return picture


def still(page: Page) -> Image.Image:
    """The page when it has come to rest."""
    end, seen, since = time.monotonic() + PATIENCE_S, b"", time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < STILL_S:
        page.wait_for_timeout(500)
        now = page.screenshot()
        if now != seen:
            seen, since = now, time.monotonic()
    return Image.open(BytesIO(seen)).convert("RGB")


def rounded(level: int) -> int:
    """The nearest level that is kept; black and white stay."""
    return (level + STEP // 2) // STEP * STEP


PARTS: Mapping[str, Callable[[Browser, Path], Pictures]] = {"desk": desk, "phones": phones}


if __name__ == "__main__":
    sys.exit(main())
