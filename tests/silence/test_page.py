"""The page of the sources, on a phone and on a desk, with everything that can be on it."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.ledger.records import utc_text
from gateway.ledger.sources_health import ClockReference, Probe
from gateway.ledger.sources_phantoms import ROOT
from gateway.ledger.troubles import TroubleKind
from gateway.silence.clock_watch import KERNEL, KERNEL_WORDS
from gateway.silence.scanner_watch import ScannerWatch
from tests.api.staging import close_site, open_site, serving
from tests.silence.test_watch import a_past

SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 900}}
HOSTILE = "<script>x=1</script>"


@pytest.fixture
def staged(tmp_path):
    site = open_site(tmp_path, silence={"phantom": {"enabled": True}})
    ledger, now = site.ledger, datetime.now(UTC)
    a_past(ledger, "CT01", now - timedelta(minutes=6))
    a_past(ledger, "CT_CAPCUU", now - timedelta(hours=11), lag_s=-250.0)
    a_past(ledger, "MR01", now - timedelta(minutes=50), days=3)
    a_past(ledger, "OLD_CT", now - timedelta(days=30))
    a_past(ledger, HOSTILE[:16], now - timedelta(minutes=9), days=2)
    ledger.sources.expect_no_more("OLD_CT", "Le", now)
    ScannerWatch(site.config, ledger).turn(now)
    ledger.troubles.open(
        TroubleKind.PHANTOM, "way", "the phantom did not come through: no worker began to compute it", now
    )
    ledger.troubles.open(TroubleKind.SCANNER_SILENT, "MR01", "x", now - timedelta(hours=9))
    ledger.troubles.close(TroubleKind.SCANNER_SILENT, "MR01", "it sends images again", now)
    rows = [
        Probe(
            f"k{kind}",
            kind,
            f"{kind}#28{n}aeac7",
            n + 1,
            utc_text(now + timedelta(minutes=9 * n)),
            utc_text(now),
        )
        for n, kind in enumerate(("email", "push", "zalo", "mqtt"))
    ]
    ledger.health.list_channels(rows, now)
    for row in rows[:2]:
        ledger.health.worked(row.key, now - timedelta(minutes=7), now + timedelta(minutes=50))
    for failures in range(3):
        dead = next(each for each in ledger.health.channels() if each.kind == "zalo")
        assert dead.failures == failures
        ledger.health.failed(
            dead, "the account's token was refused (HTTP 401)", now, now + timedelta(minutes=10)
        )
    ledger.health.saw_clock(ClockReference(KERNEL, KERNEL_WORDS[True], utc_text(now), None, 0.02))
    ledger.health.saw_clock(ClockReference("archive", "agrees", utc_text(now), -0.2, 0.6))
    ledger.health.saw_clock(ClockReference("partner Bach Mai", "differs", utc_text(now), 190.0, 0.6))
    for number, outcome in enumerate(("came_through", "came_through", "gave_way", "stuck")):
        at = now - timedelta(hours=4 - number)
        walk = ledger.phantoms.begin(f"{ROOT}{number}", "STROKEPHANTOM", at, to_archive=True)
        numbers = {"side": "left", "core_ml": 9.728, "hypoperfused_ml": 25.344}
        detail = "no worker began to compute it: is a worker running?" if outcome == "stuck" else ""
        ledger.phantoms.end(walk, outcome, detail, at + timedelta(seconds=4.2), numbers)
    yield site
    close_site(site)


@pytest.mark.parametrize("size", SIZES)
def test_a_person_of_it_sees_what_is_silent_and_says_what_is_not_expected(staged, chromium, size, tmp_path):
    with serving(staged) as url:
        context = chromium.new_context(viewport=SIZES[size], base_url=url)
        page = context.new_page()
        page.goto(f"/login#token={staged.access.token}&next=/sources")
        page.wait_for_url(f"{url}/sources")
        shown = page.inner_text("main")
        for words in (
            "3 troubles are open", "No images from CT_CAPCUU", "Clock of CT_CAPCUU is wrong", "Silent", "Learning",
            "usually sends every 20 min", "Not expected", "token was refused", "Dead", "Came through",
            "Gave way to a patient", "agrees within 0.8 s", "Over", "9.7 ml core", HOSTILE[:16],
        ):  # fmt: skip
            assert words.lower() in shown.lower(), words
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
        assert "3 troubles" in page.inner_text("#banner")
        page.screenshot(path=tmp_path / f"{size}.png", full_page=True)
        page.get_by_label("Do not expect CT_CAPCUU any more").click()
        page.get_by_role("button", name="Expect nothing more of CT_CAPCUU").click()
        page.get_by_label("Expect images of CT_CAPCUU again").click()
        page.get_by_label("Do not expect CT_CAPCUU any more").wait_for()
        assert "CT_CAPCUU" not in staged.ledger.sources.unexpected()
        assert set(
            context.request.get(
                "/api/v1/sources", headers={"Authorization": f"Bearer {staged.access.token}"}
            ).json()
        ) >= {"scanners", "channels"}
        context.close()
