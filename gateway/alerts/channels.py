"""How an alert leaves: Apprise services and signed webhooks.

A sender returns when the receiver has accepted the alert. `TemporaryError` means: try again with the same key.
`InputError` means: a person must change something first. Addresses carry secrets, so neither says more of one
than `redacted` does.

References
----------
RFC 2104 (HMAC). The ``Idempotency-Key`` header follows the IETF HTTPAPI draft of that name.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import apprise
import httpx

from gateway.alerts.message import Alert
from triage.errors import ConfigError, InputError, TemporaryError
from triage.results import Status

TIMEOUT_S = 10.0
"""Longest wait for one receiver; the next attempt belongs to the workflow."""

TIMESTAMP_HEADER = "X-Stroke-Gateway-Timestamp"
SIGNATURE_HEADER = "X-Stroke-Gateway-Signature"
KEY_HEADER = "Idempotency-Key"

TRY_AGAIN = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS})
"""The 4xx answers that speak of now and not of the message (RFC 9110, RFC 8470, RFC 6585)."""

DIGEST_LENGTH = 8
"""Hex digits of an address's digest: enough to tell a site's receivers apart."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One configured receiver; `secret` signs webhooks and is empty for Apprise services."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    timeout_s: float = TIMEOUT_S


def redacted(url: str) -> str:
    """Scheme and digest of an address, for logs and pages.

    >>> redacted("ntfy://token@example.org/stroke")
    'ntfy#289aeac7'
    """
    return f"{_scheme(url)}#{hashlib.sha256(url.encode()).hexdigest()[:DIGEST_LENGTH]}"


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over ``timestamp.body``, as hex; receivers compute the same and compare in constant time."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def send(channel: Channel, alert: Alert, key: str) -> None:
    """Hand `alert` to a channel by the sender of its scheme; raises like the senders."""
    SENDERS.get(_scheme(channel.url), _by_apprise)(channel, alert, key)


def check(channel: Channel) -> None:
    """Refuse at start what could never be delivered, and load the services, so that no alert waits for that.

    Raises
    ------
    ConfigError
        The address cannot be used, or a webhook has no secret.
    """
    try:
        if _scheme(channel.url) in SENDERS:
            _require_usable(channel.url, channel.secret)
        else:
            _service(channel.url)
    except InputError as exc:
        raise ConfigError(str(exc)) from exc


def send_webhook(url: str, secret: str, alert: Alert, key: str, timeout_s: float = TIMEOUT_S) -> None:
    """POST the alert as JSON with a timestamp, a signature and an idempotency key; redirects are not followed.

    Raises
    ------
    TemporaryError
        No answer, or one that asks to try again: 408, 425, 429, 5xx.
    InputError
        The receiver refused for good, the address cannot be used, or there is no secret.
    """
    _require_usable(url, secret)
    body = json.dumps(alert.to_json(), ensure_ascii=False, sort_keys=True).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: f"sha256={sign(secret, timestamp, body)}",
        KEY_HEADER: _header_text(key),
    }
    try:
        # The answer's body is of no interest, and unread it cannot keep us waiting.
        with httpx.stream("POST", url, content=body, headers=headers, timeout=timeout_s) as answer:
            status = answer.status_code
    except httpx.HTTPError as exc:
        raise TemporaryError(f"webhook {redacted(url)}: {type(exc).__name__}") from exc
    _judge(status, redacted(url))


def _require_usable(url: str, secret: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise InputError(f"webhook {redacted(url)}: the address cannot be used; check its spelling")
    if not secret:
        raise InputError(f"webhook {redacted(url)}: no secret is configured to sign with")


def _judge(status: int, receiver: str) -> None:
    if httpx.codes.is_success(status):
        return
    if status in TRY_AGAIN or httpx.codes.is_server_error(status):
        raise TemporaryError(f"webhook {receiver}: answered {status}")
    raise InputError(f"webhook {receiver}: refused with {status}; check its address and secret")


def send_apprise(url: str, alert: Alert, key: str, timeout_s: float = TIMEOUT_S) -> None:
    """Send the alert through the Apprise service that `url` names.

    Services that let a caller set headers (JSON, XML, form, e-mail) get `key` as ``Idempotency-Key``.

    Raises
    ------
    TemporaryError
        The service did not take it; Apprise does not tell why.
    InputError
        Apprise knows no such service, or the address is incomplete.
    """
    service = _service(url)
    if isinstance(headers := getattr(service, "headers", None), dict):
        headers[KEY_HEADER] = _header_text(key)
    kind = apprise.NotifyType.INFO if alert.status is Status.ANALYSED else apprise.NotifyType.WARNING
    caller = apprise.Apprise(asset=service.asset)
    caller.add(service)
    outcome = caller.notify(
        title=alert.headline,
        body=alert.body,
        notify_type=kind,
        body_format=apprise.NotifyFormat.TEXT,
        timeout=timeout_s,
    )
    if not outcome:
        raise TemporaryError(f"alert channel {redacted(url)}: not delivered ({outcome.status.name.lower()})")


def _service(url: str) -> apprise.NotifyBase:
    asset = apprise.AppriseAsset(app_id="stroke-gateway", async_mode=False)
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        raise InputError(f"alert channel {redacted(url)}: not an Apprise address; check its spelling")
    return service


def _header_text(key: str) -> str:
    """Percent-encode what an HTTP header cannot carry.

    >>> _header_text("alert:5f2:r1:trực đêm")
    'alert:5f2:r1:tr%E1%BB%B1c%20%C4%91%C3%AAm'
    """
    return quote(key, safe=":/")


def _by_webhook(channel: Channel, alert: Alert, key: str) -> None:
    send_webhook(channel.url, channel.secret, alert, key, channel.timeout_s)


def _by_apprise(channel: Channel, alert: Alert, key: str) -> None:
    send_apprise(channel.url, alert, key, channel.timeout_s)


SENDERS: dict[str, Callable[[Channel, Alert, str], None]] = {"http": _by_webhook, "https": _by_webhook}
"""Sender by scheme of the address; every other scheme is Apprise's to know."""


def _scheme(url: str) -> str:
    """Scheme of an address; one that cannot be parsed has none.

    >>> _scheme("JSON://host"), _scheme("no scheme"), _scheme("http://[")
    ('json', 'none', 'none')
    """
    try:
        return urlsplit(url).scheme or "none"
    except ValueError:
        return "none"
