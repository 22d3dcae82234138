"""Webhooks and FHIR answers, settings, and the preview."""

import io
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from benchmarks.running import free_port
from benchmarks.small_phone import SmallPhone
from gateway import cli
from gateway.config import load
from gateway.emr.mapping import MAPPING, UNITS, Form
from gateway.emr.outlets import outlet_of
from gateway.emr.settings import FhirDestination, WebhookDestination
from gateway.hl7.mllp import UnreachableError
from tests.emr.test_peers import now
from triage.errors import ConfigError, InputError, TemporaryError
from viewer_bridge.report.wording.language import Language

CANARY = "NGUYỄN"


def test_a_webhook_gets_signed_json_once_by_its_key(make_told):
    with SmallPhone() as phone:
        where = WebhookDestination(name="a", kind="webhook", url=phone.url, secret=phone.secret)
        with closing(outlet_of(where, now)) as outlet:
            for _ in range(2):
                assert outlet.send(make_told()) == "accepted under key CTRL0001"
            (told,) = phone.alerts
            assert phone.requests == 2
            by_key = {one["key"]: one for one in told["observations"]}
            assert (by_key["core-volume"]["value"], by_key["core-volume"]["unit"]) == ("34.2", "mL")
            assert told["patient"]["name"].startswith(CANARY)
            phone.down = True
            with pytest.raises(UnreachableError, match="503"):
                outlet.send(make_told())
        wrong = where.model_copy(update={"secret": "0" * 16})
        with closing(outlet_of(wrong, now)) as outlet, pytest.raises(UnreachableError, match="credentials"):
            outlet.send(make_told())


@pytest.fixture
def answering():
    """A web server that answers as it is told."""

    class Handler(BaseHTTPRequestHandler):
        answer = (200, b"{}")

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            Handler.headers_seen = dict(self.headers)
            status, content = Handler.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    Handler.url = f"http://127.0.0.1:{server.server_port}/fhir"
    yield Handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((401, b""), UnreachableError),
        ((404, b""), UnreachableError),
        ((503, b""), UnreachableError),
        ((429, b""), TemporaryError),
        ((500, CANARY.encode()), TemporaryError),
        ((422, CANARY.encode()), InputError),
        ((412, b""), InputError),
        ((200, b"not json"), TemporaryError),
        ((200, b"[]"), TemporaryError),
        (
            (200, b'{"entry": [{"response": {"status": "201 Created"}}, {"response": {"status": "409"}}]}'),
            InputError,
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_answer_says_who_waits_for_what(make_told, answering, answer, kind):
    answering.answer = answer
    where = FhirDestination(name="a", kind="fhir", url=answering.url, token="secret-token")
    with closing(outlet_of(where, now)) as outlet, pytest.raises(kind) as caught:
        outlet.send(make_told())
    assert type(caught.value) is kind
    assert CANARY not in str(caught.value)
    assert answering.headers_seen["Authorization"] == "Bearer secret-token"
    assert "secret-token" not in f"{where!r} {caught.value}"


def test_a_server_that_is_away_is_away(make_told):
    where = FhirDestination(name="a", kind="fhir", url=f"http://127.0.0.1:{free_port()}/")
    with closing(outlet_of(where, now)) as outlet, pytest.raises(UnreachableError, match="ConnectError"):
        outlet.send(make_told())


def test_every_row_has_a_name_in_every_language_and_a_unit_that_is_valid_outside_dicom():
    for entry in MAPPING.values():
        assert all(entry.text_in(language) for language in Language)
        assert (entry.unit is not None) == (entry.form in {Form.NUMBER, Form.RANGE})
    assert not [unit for pair in UNITS.values() for unit in pair if "[" in unit]


CONFIGURED = """
[[emr.destinations]]
name = "his"
host = "127.0.0.1"
port = 2575
language = "vi"
include_pdf = true
statuses = { P = "R" }
overrides = { "core-volume" = { code = "CV", scheme = "L" }, "software" = { omit = true } }
[[emr.destinations]]
name = "fhir"
kind = "fhir"
url = "http://127.0.0.1/fhir"
"""


@pytest.fixture
def site_file(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(CONFIGURED + f'[site]\ndata_dir = "{tmp_path / "data"}"\n')
    return path


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('"core-volume"', '"core-volum"', "there is no 'core-volum'; there are analysis-status"),
        ('P = "R"', 'P = "F"', "P may be sent as P, R, S, not as F"),
        ('name = "fhir"', 'name = "his"', "two destinations have the same name"),
        ("http://127.0.0.1/fhir", "http://me:secret@host/", "not a usable http or https address"),
        ('kind = "fhir"', 'kind = "fax"', "fax"),
    ],
)
def test_a_wrong_destination_is_an_error_at_the_start(site_file, was, becomes, said):
    text = site_file.read_text()
    assert was in text
    site_file.write_text(text.replace(was, becomes))
    with pytest.raises(ConfigError, match=said) as caught:
        load(site_file, {})
    assert "secret" not in str(caught.value)


def test_a_preview_shows_the_site_s_own_words_and_nobody(site_file, capsys):
    assert cli.main(["emr", "preview", "his", "--config", str(site_file)]) == 0
    shown = capsys.readouterr().out
    assert "|CV^Lõi nhồi máu^L||0.0|mL^mL^UCUM|||||R|" in shown
    assert "Software" not in shown
    assert "SAMPLE" in shown
    assert "^AP^PDF^Base64^" in shown
    assert cli.main(["emr", "preview", "fhir", "--config", str(site_file)]) == 0
    assert '"ifNoneExist"' in capsys.readouterr().out


def test_a_person_is_written_to_a_terminal_only(site_file, capsys, monkeypatch):
    asked = ["emr", "preview", "his", "--config", str(site_file), "--case", "x", "--with-patient"]
    assert cli.main(asked) == 2
    assert "terminal only" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert cli.main(asked) == 2


def test_pause_and_resume_from_the_command_line(site_file, capsys):
    for verb, said in (("pause", "its queue is kept"), ("resume", "it goes on")):
        assert cli.main(["emr", verb, "his", "--config", str(site_file)]) == 0
        assert said in capsys.readouterr().out
    assert cli.main(["emr", "pause", "nope", "--config", str(site_file)]) == 2
    assert cli.main(["emr", "list", "--config", str(site_file)]) == 0
    assert "fhir\tfhir\tthere\t0 waiting\t0 dead" in capsys.readouterr().out
