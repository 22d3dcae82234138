"""Web Push: a notice, encrypted for one browser, through the push service of its maker, which sees neither words nor person.

References
----------
RFC 8030 (Web Push: TTL, Urgency, Topic), RFC 8188 and RFC 8291 (encryption), RFC 8292 (VAPID).
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from py_vapid import Vapid02

from gateway.alerts.lines import single
from gateway.alerts.notice import QUIET, Notice
from gateway.channels.limit import leash, within
from gateway.channels.site import ChannelSite
from gateway.channels.target import Outcome, Target, digest, redacted
from gateway.channels.web import usable
from gateway.private_files import made_once
from gateway.team.contacts import Device
from triage.errors import ConfigError, GatewayError, InputError, TemporaryError

MOST_BYTES = 3_900
"""Of a payload: push services take 4,096 bytes of ciphertext (RFC 8291, 4), and some answer 413 a little below."""

MOST_LINES = 4
LINE_STEPS = (160, 110, 70, 40)
"""Characters of a line, tried in this order until the payload fits."""

TOKEN_LIFE_S = 12 * 3600
"""Of the word by which a push service knows us; at most 24 h (RFC 8292, 2)."""

GONE = frozenset({404, 410})
"""The subscription is no more (RFC 8030, 7.3)."""

POINT_BYTES = 65
AUTH_BYTES = 16
"""Lengths of a browser's public key and secret (RFC 8291, 3.2)."""

KEY_FILE = "vapid.pem"

DEVICES_AT_ONCE = 8

MARGIN_S = 0.3
"""Time to say what became of the others when one device hangs."""


class GoneError(InputError):
    """The push service does not know the device any more."""


def public_key(site: ChannelSite) -> str:
    """What a page hands to ``pushManager.subscribe`` as ``applicationServerKey``: base64url without padding."""
    point = _private_key(site).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


def payload_of(notice: Notice, key: str) -> bytes:
    """What the service worker reads: JSON of at most `MOST_BYTES`; `key` is the id of the call.

    The title is all that must be on a lock screen; the lines are few and short.
    """
    plain: dict[str, Any] = {
        "title": notice.headline,
        "tag": notice.tag,
        "link": notice.link,
        "call": key,
        "kind": notice.kind.value,
        "urgent": notice.urgent,
        "lang": notice.language.value,
        "disclaimer": notice.disclaimer,
    }
    for longest in LINE_STEPS:
        lines = [single(line, longest) for line in notice.lines[:MOST_LINES]]
        packed = json.dumps({**plain, "lines": lines}, ensure_ascii=False).encode()
        if len(packed) <= MOST_BYTES:
            return packed
    packed = json.dumps({**plain, "lines": []}, ensure_ascii=False).encode()
    if len(packed) > MOST_BYTES:
        raise InputError("a push cannot carry so long a link: shorten http.public_url")
    return packed


def send(target: Target, notice: Notice, key: str, site: ChannelSite, _picture: Path | None) -> Outcome:
    """Push to every device of a person; one that takes it is enough. Raises as `gateway.channels.sending.send`.

    Devices that are gone are reported to the site, whatever becomes of the others.
    """
    check(target, site)
    payload = payload_of(notice, key)
    failures: list[GatewayError] = []
    for device, failure in _each(target, partial(_push, site, notice, payload)):
        if isinstance(failure, GoneError):
            site.gone(device.id)
        if failure:
            failures.append(failure)
    if len(failures) == len(target.devices):
        raise next((found for found in failures if isinstance(found, TemporaryError)), failures[0])
    return Outcome.SENT


def probe(target: Target, site: ChannelSite) -> None:
    """Ask each push service what may be asked there; no device hears of it."""
    check(target, site)
    for origin in {_origin(device) for device in target.devices}:
        try:
            answer = site.web.ask("OPTIONS", f"{origin}/", {})
        except TemporaryError as exc:
            raise TemporaryError(f"{redacted(target)}: {exc}") from None
        if answer.is_failure:
            raise TemporaryError(f"{redacted(target)}: the push service answered {answer.status}")


def check(target: Target, site: ChannelSite) -> None:
    """A key of ours, and at least one device."""
    _private_key(site)
    if not target.devices:
        raise InputError(f"{redacted(target)}: no device takes pushes; switch them on on the phone's page")


def _each(target: Target, push: Callable[[Device], None]) -> Iterator[tuple[Device, GatewayError | None]]:
    """Push to all devices side by side; one that hangs does not take the others' word away. Most people have one."""
    if len(target.devices) == 1:
        yield target.devices[0], _failure(push, target.devices[0])
        return
    limit_s = leash().left_s - MARGIN_S

    def limited(device: Device) -> None:
        within(limit_s, partial(push, device), _named(device))

    with ThreadPoolExecutor(DEVICES_AT_ONCE) as pool:
        yield from zip(target.devices, pool.map(partial(_failure, limited), target.devices), strict=True)


def _failure(push: Callable[[Device], None], device: Device) -> GatewayError | None:
    try:
        push(device)
    except GatewayError as exc:
        return exc
    return None


def _push(site: ChannelSite, notice: Notice, payload: bytes, device: Device) -> None:
    named = _named(device)
    body = _encrypted(device, payload)
    headers = {
        **_identity(site, device),
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(site.settings.push.ttl_s),
        "Urgency": "normal" if notice.kind in QUIET else "high",
        "Topic": notice.tag,
    }
    try:
        answer = site.web.post(device.endpoint, body, headers)
    except TemporaryError as exc:
        raise TemporaryError(f"{named}: {exc}") from None
    if answer.status in GONE:
        raise GoneError(f"{named}: gone; the device must be added again")
    answer.judge(named, "switch pushes off and on again on that device")


def _named(device: Device) -> str:
    return f"push#{digest(device.id)}"


def _origin(device: Device) -> str:
    parts = urlsplit(device.endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def _encrypted(device: Device, payload: bytes) -> bytes:
    """Payload for one browser alone (RFC 8291); a key of our own is made for each."""
    point, secret = _bytes(device.p256dh), _bytes(device.auth)
    if not usable(device.endpoint) or len(point) != POINT_BYTES or len(secret) != AUTH_BYTES:
        raise InputError(f"{_named(device)}: its subscription is damaged; the device must be added again")
    try:
        packed: bytes = http_ece.encrypt(
            payload,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=point,
            auth_secret=secret,
            version="aes128gcm",
        )
    except (ValueError, http_ece.ECEException) as exc:
        raise InputError(
            f"{_named(device)}: its key is none ({type(exc).__name__}); the device must be added again"
        ) from None
    return packed


def _bytes(text: str) -> bytes:
    """Base64url with or without padding; nothing when it is none."""
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except ValueError:
        return b""


def _identity(site: ChannelSite, device: Device) -> Mapping[str, str]:
    """Who we are, signed for one push service (RFC 8292)."""
    claims = {
        "aud": _origin(device),
        "exp": int(time.time()) + TOKEN_LIFE_S,
        "sub": site.settings.push.contact,
    }
    signer = Vapid02(_private_key(site), conf={"no-strict": True})
    signed: dict[str, str] = signer.sign(claims)
    return signed


def _private_key(site: ChannelSite) -> ec.EllipticCurvePrivateKey:
    """The site's key; made once and kept, for every subscription is bound to it."""
    return site.once("vapid", lambda: _kept_key(site.folder / KEY_FILE))


def _kept_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        fresh = ec.generate_private_key(ec.SECP256R1())
        written = made_once(path, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        key = load_pem_private_key(written, None)
    except ValueError as exc:
        raise ConfigError(
            f"{path}: not a key; remove it, and have every device switch pushes on again"
        ) from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path}: not a key of the curve P-256; remove it, and switch pushes on again")
    return key
