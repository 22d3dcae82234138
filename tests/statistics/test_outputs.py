"""What leaves the house: CSV, FHIR, rows of cases; and that nobody is in it."""

import csv
import io
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import cli
from gateway.access import Access
from gateway.ledger.records import case_id_of
from gateway.orders.order import Order
from gateway.statistics.edition import USE, Edition
from gateway.statistics.figures import month_of
from gateway.statistics.measure_report import bundle
from gateway.statistics.months import CalendarMonth
from gateway.statistics.registry import COLUMNS, ORDER_COLUMNS, described, registry_table
from gateway.statistics.suppression import suppressed
from gateway.statistics.table import BOM, HEADER, month_table, safe
from tests.api.staging import a_result, browser_like, serving
from tests.statistics.counting import a_record, keep

MONTH = CalendarMonth(2026, 3)
NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
PEERS = Path(__file__).parents[2] / ".cache/npm-peers"

VALIDATE = """
const { Fhir } = require("fhir");
const found = JSON.parse(require("fs").readFileSync(0, "utf8"));
const fhir = new Fhir();
console.log(JSON.stringify(found.map(one => fhir.validate(one, { errorOnUnexpected: true }))));
"""

ONLY_WARNING = ("warning", 'Code "text/plain" not found in value set')
"""The languages of an expression are an extensible set: criteria in words have none of it (R4, Expression.language)."""


@pytest.fixture(scope="session")
def an_edition(a_kept_march):
    return Edition.of(a_kept_march.config, NOW)


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def cells(text):
    return {(row["group"], row["code"]): row["value"] for row in read(text)}


def test_the_table_says_its_clock_its_notation_and_its_use(march, an_edition):
    text = month_table([month_of(MONTH, march)], an_edition)
    found = cells(text)
    assert text.startswith(",".join(HEADER) + "\r\n")
    assert {code: value for (group, code), value in found.items() if group == "about"} == {
        "use": USE,
        "site": "'=Bệnh viện <A>",
        "time_zone": "Asia/Ho_Chi_Minh",
        "from": "2026-03-01T00:00:00+07:00",
        "to": "2026-04-01T00:00:00+07:00",
        "written_at": "2026-04-01T16:00:00+07:00",
        "decimal_mark": ".",
        "suppressed_below": "0",
    }
    assert found["cases", "analysed"] == "5"
    assert found["last_image_to_alert", "median"] == "4"
    assert found["last_image_to_alert", "share_within_60_s"] == "0.857"
    assert found["confirmed_target_mismatch", "confirmed"] == "1"
    assert [found["confirmed_target_mismatch", code] for code in ("share", "low", "high")] == [
        "0.5",
        "0.121",
        "0.879",
    ]
    assert found["confirmed_lesion", "share"] == ""
    assert found["calls_email", "failed"] == "1"
    assert found["door_to_ct", "within_1200_s"] == "0"


def test_a_spreadsheet_that_wants_a_mark_gets_one(march, an_edition):
    text = month_table([month_of(MONTH, march)], an_edition, bom=True)
    assert text.encode().startswith(b"\xef\xbb\xbf")
    assert BOM not in text[1:]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "  =1", "|calc", "%0A", "\0=1"]
)
def test_no_text_is_a_formula(text):
    assert safe(text).startswith("'")
    [line] = csv.reader(io.StringIO(f'"{safe(text)}"'))
    assert line[0][0] == "'"


def test_a_suppressed_count_says_so(march, an_edition):
    found = cells(month_table([suppressed(month_of(MONTH, march), 5)], an_edition))
    assert found["cases", "not_analysed"] == "suppressed"
    assert found["cases", "analysing"] == "0"
    assert found["last_image_to_alert", "within_5_s"] == "suppressed"
    assert found["about", "suppressed_below"] == "5"
    assert found["confirmed_target_mismatch", "share"] == "suppressed"
    assert found["calls_push", "answered"] == "suppressed"


@pytest.fixture(scope="session")
def checked():
    """Resources to what npm's fhir 4.12.0 says of each."""
    node = shutil.which("node")
    if not (node and (PEERS / "node_modules/fhir").exists()):
        pytest.skip("npm's fhir is not installed: make npm-peers")

    def check(resources):
        answer = subprocess.run(
            [node, "-e", VALIDATE],
            cwd=PEERS,
            input=json.dumps(resources),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(answer.stdout)

    return check


def test_the_reports_are_valid_fhir(checked, march, an_edition):
    whole = month_of(MONTH, march)
    bundles = [bundle(month, an_edition) for month in (whole, suppressed(whole, 5), month_of(MONTH, []))]
    found = [*bundles, *(entry["resource"] for each in bundles for entry in each["entry"])]
    verdicts = checked(found)
    assert {verdict["valid"] for verdict in verdicts} == {True}
    said = {(m["severity"], m["message"]) for verdict in verdicts for m in verdict["messages"]}
    assert said <= {ONLY_WARNING}
    broken = json.loads(json.dumps(bundles[0]["entry"][3]["resource"]))
    wrong = [
        {**broken, "status": "bogus"},
        {k: v for k, v in broken.items() if k != "measure"},
        {**broken, "more": 1},
    ]
    assert [verdict["valid"] for verdict in checked(wrong)] == [False, False, False]


def test_reports_and_definitions_tell_the_same_groups(march, an_edition):
    month = month_of(MONTH, march)
    resources = [entry["resource"] for entry in bundle(month, an_edition)["entry"]]
    defined = {f"{r['url']}|{r['version']}": r for r in resources if r["resourceType"] == "Measure"}
    reports = [r for r in resources if r["resourceType"] == "MeasureReport"]
    assert len(defined) == len(reports) == 3
    for report in reports:
        measure = defined[report["measure"]]
        assert [group["code"] for group in report["group"]] == [group["code"] for group in measure["group"]]
        codes = [group["code"]["coding"][0]["code"] for group in report["group"]]
        assert len(set(codes)) == len(codes)
        assert {"patient", "subject", "evaluatedResource"} & set(report) == set()
        assert report["period"]["end"] == "2026-03-31T23:59:59+07:00"
        assert USE in report["text"]["div"]
    within = {group["code"]["text"]: group for group in reports[1]["group"]}[
        "Last image to alert within 60 s"
    ]
    assert [population["count"] for population in within["population"]] == [7, 7, 6]
    assert within["measureScore"]["value"] == pytest.approx(6 / 7, abs=1e-4)
    assert bundle(month, an_edition) == bundle(month, an_edition), "a repeat is the same report"


def test_a_suppressed_count_is_masked_and_a_zero_is_a_zero(march, an_edition):
    cases = bundle(suppressed(month_of(MONTH, march), 5), an_edition)["entry"][3]["resource"]["group"][0]
    counts = {s["value"]["text"]: s["population"][0] for s in cases["stratifier"][0]["stratum"]}
    assert counts["Being analysed"]["count"] == 0
    assert "count" not in counts["Receiving"]
    assert counts["Receiving"]["_count"]["extension"][0]["valueCode"] == "masked"


def test_a_row_a_case(march, an_edition):
    access = Access("x" * 40)
    rows = read(registry_table(march, access, an_edition))
    assert list(rows[0]) == [column.name for column in COLUMNS]
    assert len({row["case"] for row in rows}) == len(march)
    first, large, *_ = rows
    assert first["first_image_at"] == "2026-03-10T11:00:00+07:00"
    assert (first["last_image_to_alert_s"], first["core_ml"], first["side"]) == ("4", "18.4", "left")
    assert (first["reliable"], first["emr_delivered"], first["alerts_delivered"]) == ("true", "1", "0")
    assert large["criteria_met"] == ""
    people = (
        "last_level_called",
        "calls_delivered",
        "calls_failed",
        "judgement",
        "alert_said",
        "alert_confirmed",
    )
    assert [first[name] for name in people] == ["2", "3", "1", "agree", "target_mismatch", "true"]
    assert [large[name] for name in ("judgement", "edited_core_ml", "edited_core_overlap")] == [
        "edit",
        "88",
        "0.81",
    ]
    assert rows[2]["judgement_reason"] == "old_infarct"
    assert first["scanned_at"] == first["first_image_at"]
    assert first["door_at"] == first["door_to_ct_s"] == ""
    severe = rows[3]
    assert (severe["reliable"], severe["core_ml"], severe["severe_quality"]) == ("false", "", "truncated")
    assert rows[5]["not_analysed_reason"] == "scan_too_short"
    assert {row["use"] for row in rows} == {USE}


def test_a_pseudonym_is_the_sites_own(march, an_edition):
    def named(secret):
        return [row["case"] for row in read(registry_table(march, Access(secret), an_edition))]

    assert named("x" * 40) == named("x" * 40)
    assert set(named("x" * 40)) & set(named("y" * 40)) == set()
    assert not any(
        name in case_id_of(record.case.study_uid).replace("-", "")
        for name in named("x" * 40)
        for record in march
    )


def test_order_numbers_stand_only_where_they_were_asked_for(march, an_edition):
    order = Order("k", placer="PL-1", filler="FI-1", accession_number="=ACC-1")
    text = registry_table(march, Access("x" * 40), an_edition, {"1.2.1": order})
    first, second, *_ = read(text)
    assert (first["accession_number"], first["placer_order"], first["study_uid"]) == (
        "'=ACC-1",
        "PL-1",
        "1.2.1",
    )
    assert second["accession_number"] == ""
    plain = registry_table(march, Access("x" * 40), an_edition)
    assert not any(column.name in plain.splitlines()[0].split(",") for column in ORDER_COLUMNS)


def run(capfdbinary, site, *arguments):
    code = cli.main(["statistics", *arguments, "--config", str(site.config.site.data_dir / "site.toml")])
    out, err = capfdbinary.readouterr()
    return code, out.decode(), err.decode()


@pytest.fixture
def a_commanded_site(a_kept_march):
    site = a_kept_march.config.site
    text = f'[site]\ndata_dir = "{site.data_dir}"\nname = "{site.name}"\ntime_zone = "{site.time_zone}"\n'
    (site.data_dir / "site.toml").write_text(text)
    return a_kept_march


def test_the_command_writes_month_registry_and_columns(capfdbinary, a_commanded_site):
    code, out, _ = run(capfdbinary, a_commanded_site, "month", "2026-03")
    assert code == 0
    assert cells(out)["cases", "analysed"] == "5"
    _, out, _ = run(capfdbinary, a_commanded_site, "month", "2026-03", "--fhir", "--suppress-below", "5")
    assert json.loads(out)["entry"][3]["resource"]["measure"].endswith("|1")
    assert "Counts below 5 are not shown" in out
    _, out, _ = run(
        capfdbinary, a_commanded_site, "registry", "--from", "2026-03-01", "--to", "2026-03-31", "--bom"
    )
    assert len(read(out.removeprefix(BOM))) == 9
    assert out.startswith(BOM)
    _, out, _ = run(capfdbinary, a_commanded_site, "columns")
    assert out == described()
    for arguments in (("month", "march"), ("registry", "--from", "2026-03-31", "--to", "2026-03-01")):
        code, out, err = run(capfdbinary, a_commanded_site, *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("stroke-gateway: ")


def test_a_time_zone_that_is_none_stops_at_the_start(capsys, tmp_path):
    (tmp_path / "site.toml").write_text('[site]\ntime_zone = "Saigon/Nowhere"\n')
    assert cli.main(["statistics", "columns", "--config", str(tmp_path / "site.toml")]) == 2
    assert "site.time_zone" in capsys.readouterr().err


@pytest.fixture(scope="session")
def served(a_kept_march):
    """The site with a case of today as well, and its address."""
    keep(a_kept_march.ledger, a_record("1.2.99", a_result("1.2.99"), first=datetime.now(UTC)))
    with serving(a_kept_march) as url:
        yield a_kept_march, url


ADDRESSES = (
    "/api/v1/statistics/months",
    "/api/v1/statistics/months/2026-03",
    "/api/v1/statistics/months/2026-03/csv?bom=true",
    "/api/v1/statistics/months/2026-03/fhir?suppress_below=5",
    "/api/v1/statistics/registry?from=2026-03-01&to=2026-03-31",
    "/statistics",
)


def test_the_interface_gives_the_same_and_only_to_whoever_may(served):
    site, url = served
    with browser_like(url) as client:
        for address in ADDRESSES:
            assert client.get(address, headers={"Accept": "application/json"}).status_code == 401
        client.headers.update(site.bearer)
        month = client.get(ADDRESSES[1]).json()
        assert (month["cases"], month["time_zone"], month["use"]) == (9, "Asia/Ho_Chi_Minh", USE)
        assert cells(client.get(ADDRESSES[2]).text.removeprefix(BOM))["cases", "analysed"] == "5"
        report = client.get(ADDRESSES[3])
        assert report.headers["content-type"] == "application/fhir+json"
        assert 'filename="stroke-statistics-2026-03.fhir.json"' in report.headers["content-disposition"]
        assert len(read(client.get(ADDRESSES[4]).text)) == 9
        assert client.get(ADDRESSES[0]).json()[0]["cases"] == 1
        assert [each["judged"] for each in month["predictive"]] == [2, 1, 0, 0]
        assert client.get(f"{ADDRESSES[1]}?suppress_below=5").json()["predictive"][0]["share"] is None
        for wrong in ("/api/v1/statistics/months/2026-13", "/api/v1/statistics/registry?from=x&to=y"):
            assert client.get(wrong).status_code == 400


def test_nobody_is_in_any_output(capfdbinary, served, a_commanded_site):
    """The canary acknowledged the alert, stands in every delivery, and is the patient of a staged study."""
    site, url = served
    site.receive("1.2.1")
    texts = [run(capfdbinary, a_commanded_site, *each) for each in (
        ("month", "2026-03"), ("month", "2026-03", "--fhir"), ("registry", "--from", "2026-03-01", "--to", "2026-12-31"),
    )]  # fmt: skip
    with browser_like(url) as client:
        client.headers.update(site.bearer)
        answers = [client.get(address).text for address in ADDRESSES]
    for text in (*answers, *(part for _, *parts in texts for part in parts)):
        assert not re.search(r"CANARY|TUẤN|19500102|1950-01-02", text)
        assert not any(
            record in text for record in ("1.2.1,", '"1.2.1"', case_id_of("1.2.1"), "the moon was full")
        )
    detailed = run(
        capfdbinary,
        a_commanded_site,
        "registry",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-31",
        "--with-orders",
    )
    assert case_id_of("1.2.1") in detailed[1], "the search above can find what it looks for"
    assert "CANARY" not in detailed[1]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_shows_a_month_a_row(chromium, served, width):
    site, url = served
    context = chromium.new_context(viewport={"width": width, "height": 800}, base_url=url)
    page = context.new_page()
    complaints = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.goto(f"/login#token={site.access.token}&next=/statistics")
    page.wait_for_url(f"{url}/statistics")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    months = page.locator(".months").first.locator("tbody tr")
    assert months.count() == 12
    first = months.first
    assert first.locator("td.figure").first.inner_text().split()[-1] == "1"
    with page.expect_download() as download:
        first.locator("text=CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    context.close()
    assert complaints == []
