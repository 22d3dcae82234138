"""Mail at a real server, with TLS and without: what is in it, and what each refusal means."""

import email
import io
from email.policy import default

import pytest
from PIL import Image

from gateway.channels.sending import Outcome, Target, check, probe, send
from gateway.team.contacts import ChannelKind
from tests.channels.peers import closed_port
from triage.errors import ConfigError, InputError, TemporaryError

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
"""The peer does not count TLS from the first byte as TLS."""

KEY = "7d9f2c1e-call"


def to(address="le@benhvien.vn"):
    return Target(ChannelKind.EMAIL, address)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "alert.png"
    Image.new("RGB", (480, 300), (10, 11, 14)).save(path)
    return path


def opened(box):
    return [email.message_from_bytes(envelope.content, policy=default) for envelope, _ in box.mails]


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mail_arrives_with_its_words_and_picture(mail_server, open_site, notice, picture, security):
    settings, box = mail_server(security)
    assert send(to(), notice, KEY, open_site(smtp=settings), picture) is Outcome.SENT
    (mail,) = opened(box)
    ((envelope, session),) = box.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("stroke@benhvien.vn", ["le@benhvien.vn"])
    assert bool(session.authenticated) == (security != "none")
    assert mail["Subject"] == notice.headline
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text.get_content().strip() == notice.body
    assert all(line in page.get_content() for line in notice.lines)
    assert "cid:picture" in page.get_content()
    (image,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert image["Content-ID"] == "<picture>"
    assert Image.open(io.BytesIO(image.get_content())).size == (480, 300)
    assert image.get_filename() is None


def test_without_a_picture_the_mail_goes_all_the_same(mail_server, open_site, notice, tmp_path):
    settings, box = mail_server()
    send(to(), notice, KEY, open_site(smtp=settings), tmp_path / "not yet.png")
    (mail,) = opened(box)
    assert "cid:" not in mail.get_body(("html",)).get_content()


def test_a_repeat_is_the_same_mail_and_another_call_another(mail_server, open_site, notice):
    settings, box = mail_server()
    site = open_site(smtp=settings)
    for key in (KEY, KEY, "another"):
        send(to(), notice, key, site)
    first, again, other = (mail["Message-ID"] for mail in opened(box))
    assert first == again != other
    assert KEY not in first
    assert len({mail["References"] for mail in opened(box)}) == 1


def test_mails_share_a_connection(mail_server, open_site, notice):
    settings, box = mail_server("starttls")
    site = open_site(smtp=settings)
    for _ in range(3):
        send(to(), notice, KEY, site)
    assert (len(box.mails), len(box.sessions)) == (3, 1)


@pytest.mark.parametrize(("address", "error"), [("full@x.vn", TemporaryError), ("gone@x.vn", InputError)])
def test_a_refusal_is_for_now_or_for_good_and_names_no_address(
    mail_server, open_site, notice, address, error
):
    settings, box = mail_server()
    site = open_site(smtp=settings)
    for act in (lambda: send(to(address), notice, KEY, site), lambda: probe(to(address), site)):
        with pytest.raises(error, match=r"452|550") as caught:
            act()
        assert address.split("@")[0] not in str(caught.value)
    assert box.mails == []


def test_a_wrong_password_asks_for_a_person(mail_server, open_site, notice):
    settings, _ = mail_server("tls")
    with pytest.raises(InputError, match="login") as caught:
        send(to(), notice, KEY, open_site(smtp={**settings, "password": "hunter2"}))
    assert "hunter2" not in str(caught.value)


def test_a_server_without_tls_gets_no_password(mail_server, open_site, notice):
    settings, box = mail_server("none")
    with pytest.raises(InputError, match="SMTPNotSupportedError"):
        send(to(), notice, KEY, open_site(smtp={**settings, "security": "starttls"}))
    assert box.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_nobody_vouches_for_gets_nothing(mail_server, open_site, notice, security):
    settings, box = mail_server(security)
    with pytest.raises(TemporaryError, match="SSLCertVerificationError"):
        send(to(), notice, KEY, open_site(smtp={**settings, "authorities": None}))
    assert box.mails == []


def test_a_server_that_is_away_may_come_back(open_site, notice):
    with pytest.raises(TemporaryError, match="ConnectionRefusedError"):
        send(to(), notice, KEY, open_site(smtp={"host": "127.0.0.1", "port": closed_port()}))


def test_a_probe_asks_whether_mail_would_be_taken_and_sends_none(mail_server, open_site):
    settings, box = mail_server("starttls")
    probe(to(), open_site(smtp=settings))
    assert (box.mails, box.resets) == ([], 1)


@pytest.mark.parametrize("address", ["", "le", "le@", "Lê <le@x.vn>", "a@b.c\r\nBcc: x@y.z", "a@b.c, d@e.f", "a@" + "b" * 300])  # fmt: skip
def test_an_address_that_is_none_stops_the_start_and_the_sending(mail_server, open_site, notice, address):
    settings, box = mail_server()
    site = open_site(smtp=settings)
    with pytest.raises(ConfigError, match="not a mail address"):
        check(to(address), site)
    with pytest.raises(InputError):
        send(to(address), notice, KEY, site)
    assert box.mails == []


def test_without_a_server_a_mail_address_is_no_channel(open_site):
    with pytest.raises(ConfigError, match=r"\[channels.smtp\]"):
        check(to(), open_site())
