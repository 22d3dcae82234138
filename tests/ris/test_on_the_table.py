"""A stroke code whose scan has begun is on every page, before and after its first image."""

from datetime import UTC, datetime, timedelta

import pytest

from dicom_scp.arrival import Arrival
from dicom_scp.headers import ImageHeader
from dicom_scp.mpps import Scheduled, Series, Step, StepStatus
from gateway.orders.order import OrderPriority
from gateway.ris.table import on_the_table
from tests.api.staging import close_site, open_site, serving
from tests.ris.conftest import an_order, placed

STUDY = "1.2.826.5"


def begin(ledger, number: int, status=StepStatus.IN_PROGRESS, **order) -> None:
    """A scanner begins the step of an order."""
    ordered = an_order(number, **order)
    placed(ledger, ordered)
    step = Step(f"1.9.{number}", status, f"CT{number:02}", "CT", (Scheduled(STUDY),))
    assert ledger.performed.begin(step, "CT01", (ordered.key,), datetime.now(UTC))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = open_site(tmp_path_factory.mktemp("site"))
    begin(site.ledger, 1, priority=OrderPriority.STROKE)
    begin(site.ledger, 2, priority=OrderPriority.URGENT)
    begin(site.ledger, 3, priority=OrderPriority.STROKE, status=StepStatus.COMPLETED)
    with serving(site) as url:
        yield site, url
    close_site(site)


def test_only_stroke_codes_in_progress_lie_there_and_not_for_ever(site):
    ledger, now = site[0].ledger, datetime.now(UTC)
    assert [(each.station_ae, each.case_id) for each in on_the_table(ledger, now, 3)] == [("CT01", None)]
    assert on_the_table(ledger, now + timedelta(hours=4), 3) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_shows_who_lies_on_the_table(site, chromium, width, tmp_path):
    site, url = site
    context = chromium.new_context(viewport={"width": width, "height": 500}, base_url=url)
    page = context.new_page()
    page.goto(f"/login#token={site.access.token}&next=/storage")
    page.wait_for_url(f"{url}/storage")
    text = page.inner_text("#banner")
    assert "Stroke code on the table CT01, since just now" in " ".join(text.split())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.screenshot(path=tmp_path / f"table-{width}.png")
    site.ledger.cases.open(STUDY, datetime.now(UTC))
    page.reload()
    assert page.locator("#banner a").get_attribute("href").startswith("/cases/")
    page.screenshot(path=tmp_path / f"images-{width}.png")
    context.close()


def test_a_case_says_what_the_scanner_counted_even_after_its_analysis(site, chromium):
    """The account came when the images had been taken as complete, and names one that did not come."""
    site, url = site
    sent, missing = "1.2.77.1.1", "1.2.77.1.2"
    header = ImageHeader(
        sop_instance_uid=sent, sop_class_uid="1.2", study_uid="1.2.77", series_uid="1.2.77.1"
    )
    now = datetime.now(UTC)
    site.ledger.arrivals.record(Arrival(header, "x.dcm", "d", 1, "1.2", now, "CT01", "GW", "a"))
    case = site.ledger.cases.open("1.2.77", now)
    site.ledger.cases.saw(case.id, 1, now)
    site.ledger.cases.complete(case.id, 1, "1.2.77.1", "16 of 16 slices", now)
    series = (Series("1.2.77.1", (sent, missing)),)
    step = Step("1.9.77", StepStatus.DISCONTINUED, "CT01", "CT", (Scheduled("1.2.77"),), series)
    assert site.ledger.performed.begin(step, "CT01", (None,), now)
    page = chromium.new_page(base_url=url)
    page.goto(f"/login#token={site.access.token}&next=/cases/{case.id}")
    page.wait_for_url(f"{url}/cases/{case.id}")
    assert "MPPS: 1 of 2 images; the scan was discontinued at the scanner" in page.inner_text("#live")
    page.close()
