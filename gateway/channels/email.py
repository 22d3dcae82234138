"""Mail through the hospital's own server: plain text in UTF-8, and the picture shown in it."""

import hashlib
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.charset import BASE64, Charset
from email.header import Header
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from html import escape
from pathlib import Path

from gateway.alerts.notice import Notice
from gateway.channels.site import ChannelSite
from gateway.channels.target import Outcome, Target, redacted
from triage.errors import InputError, TemporaryError

PERMANENT = range(500, 600)
"""Replies that mean: never so (RFC 5321, 4.2.1)."""

LONGEST_ADDRESS = 254

PICTURE_ID = "picture"
"""How the text refers to the picture; it has no other name."""

PICTURE_WAIT_S, LOOK_S = 0.15, 0.01
"""The picture is drawn right after the result, while the alert is on its way here."""

DARK, LIGHT, FAINT = "#0a0b0e", "#eef0f4", "#9aa0ac"


def send(target: Target, notice: Notice, key: str, site: ChannelSite, picture: Path | None) -> Outcome:
    """Hand a mail to the server; raises as `gateway.channels.sending.send`.

    The Message-ID follows from `key`: a repeat is the same mail, and mail programs show it once.
    """
    check(target, site)
    message = letter(notice, key, site.settings.smtp.sender, target.address, picture)
    with _translated(target), site.post.caller() as server:
        server.send_message(message, site.settings.smtp.sender, [target.address])
    return Outcome.SENT


def probe(target: Target, site: ChannelSite) -> None:
    """Greet, log in, ask whether mail to this address would be taken, and take it back."""
    check(target, site)
    with _translated(target), site.post.caller() as server:
        for code, said in (server.mail(site.settings.smtp.sender), server.rcpt(target.address)):
            if code // 100 != 2:
                raise smtplib.SMTPResponseException(code, said)
        server.rset()


def check(target: Target, site: ChannelSite) -> None:
    """A server, and an address that is one."""
    if not site.settings.smtp.host:
        raise InputError(f"{redacted(target)}: [channels.smtp] is not set up")
    if not is_address(target.address):
        raise InputError(f"{redacted(target)}: not a mail address; check its spelling")


def is_address(text: str) -> bool:
    """Whether a text is one bare mail address, and nothing that could become a header.

    >>> is_address("le@benhvien.vn"), is_address("Lê <le@benhvien.vn>"), is_address("a@b.c" + chr(10) + "Bcc: x@y.z")
    (True, False, False)
    """
    name, at, host = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not set(text) & set(' ,;:<>()[]"\\')
    return bool(name and at and host and plain and len(text) <= LONGEST_ADDRESS)


def letter(notice: Notice, key: str, sender: str, receiver: str, picture: Path | None) -> MIMEMultipart:
    """The mail of a notice: text, the same as HTML without script or anything from outside, and the picture in it."""
    house, image = sender.rpartition("@")[2], _read(picture)
    message = MIMEMultipart("alternative")
    message["From"], message["To"] = sender, receiver
    message["Subject"] = Header(notice.headline, _utf_8())  # type: ignore[assignment]  # as the library documents
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{_named(key)}@{house}>"
    message["References"] = f"<{_named(notice.tag)}@{house}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = notice.language.value
    if notice.urgent:
        message["Importance"], message["X-Priority"] = "high", "1"
    message.attach(_text(f"{notice.body}\n", "plain"))
    page = MIMEMultipart("related")
    page.attach(_text(_page(notice, has_picture=bool(image)), "html"))
    if image:
        shown = MIMEImage(image, "png")
        shown["Content-ID"], shown["Content-Disposition"] = f"<{PICTURE_ID}>", "inline"
        page.attach(shown)
    message.attach(page)
    return message


def _text(text: str, subtype: str) -> MIMEText:
    return MIMEText(text, subtype, _utf_8())  # type: ignore[arg-type]  # a charset as well as its name, by its source


def _utf_8() -> Charset:
    """UTF-8 in base64, whatever other libraries of this process have told the standard library about it."""
    charset = Charset("utf-8")
    charset.header_encoding = charset.body_encoding = BASE64
    return charset


def _page(notice: Notice, *, has_picture: bool) -> str:
    lines = "".join(f"<p style='margin:0 0 6px'>{escape(line)}</p>" for line in notice.lines)
    shown = f"<p><img src='cid:{PICTURE_ID}' width='480' alt=''></p>" if has_picture else ""
    link = escape(notice.link, quote=True)
    return (
        f"<html lang='{notice.language.value}'><body style='background:{DARK};color:{LIGHT};"
        f"font:16px sans-serif;padding:12px'><h1 style='font-size:18px'>{escape(notice.headline)}</h1>{lines}"
        f"<p><a href='{link}' style='color:{LIGHT}'>{link}</a></p>{shown}"
        f"<p style='color:{FAINT}'>{escape(notice.disclaimer)}</p></body></html>\n"
    )


def _read(picture: Path | None) -> bytes:
    """The picture when it is there, or comes in a moment; a mail without it beats one that waits."""
    end_s = time.monotonic() + PICTURE_WAIT_S
    while picture:
        try:
            return picture.read_bytes()
        except OSError:
            if time.monotonic() > end_s:
                break
            time.sleep(LOOK_S)
    return b""


def _named(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


@contextmanager
def _translated(target: Target) -> Iterator[None]:
    """Errors of the mail server, without what it says: servers repeat addresses in their replies."""
    receiver = redacted(target)
    try:
        yield
    except smtplib.SMTPAuthenticationError:
        raise InputError(f"{receiver}: the mail server refused the login; check [channels.smtp]") from None
    except smtplib.SMTPRecipientsRefused as exc:
        raise _refused(receiver, *(code for code, _ in exc.recipients.values())) from None
    except smtplib.SMTPResponseException as exc:
        raise _refused(receiver, exc.smtp_code) from None
    except smtplib.SMTPNotSupportedError as exc:
        raise InputError(
            f"{receiver}: the mail server cannot do what [channels.smtp] asks ({type(exc).__name__})"
        ) from None
    except (OSError, smtplib.SMTPException) as exc:
        raise TemporaryError(f"{receiver}: {type(exc).__name__}") from None


def _refused(receiver: str, *codes: int) -> InputError | TemporaryError:
    code = max(codes, default=0)
    if code in PERMANENT:
        return InputError(f"{receiver}: the mail server refused with {code}; its own log says why")
    return TemporaryError(f"{receiver}: the mail server answered {code}")
