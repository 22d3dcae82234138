"""Everything that Apprise knows: Telegram, ntfy, Matrix, SMS gateways, Zalo bots and some 170 more.

Apprise gives one verdict and no reason, and knows nothing of keys: a repeat may arrive twice.
"""

import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import apprise

from gateway.alerts.notice import Notice, NoticeKind
from gateway.channels.limit import leash
from gateway.channels.signature import KEY_HEADER, header_text
from gateway.channels.site import ChannelSite
from gateway.channels.target import Outcome, Target, redacted
from triage.errors import InputError, TemporaryError

TYPES = {
    NoticeKind.ALERT: apprise.NotifyType.INFO,
    NoticeKind.TAKEN: apprise.NotifyType.SUCCESS,
    NoticeKind.TEST: apprise.NotifyType.INFO,
}
"""Every other kind is a warning."""

HTTPS_PORT = 443
PORTS = {"http": 80, "https": HTTPS_PORT}


def send(target: Target, notice: Notice, key: str, _site: ChannelSite, _picture: Path | None) -> Outcome:
    """Send through the service that the address names; raises as `gateway.channels.sending.send`."""
    service = _service(target)
    if isinstance(headers := getattr(service, "headers", None), dict):
        headers[KEY_HEADER] = header_text(key)
    caller = apprise.Apprise(asset=service.asset)
    caller.add(service)
    outcome = caller.notify(
        title=notice.headline,
        body=notice.body,
        notify_type=TYPES.get(notice.kind, apprise.NotifyType.WARNING),
        body_format=apprise.NotifyFormat.TEXT,
        timeout=leash().left_s,
    )
    if not outcome:
        raise TemporaryError(f"{redacted(target)}: not delivered ({outcome.status.name.lower()})")
    return Outcome.SENT


def probe(target: Target, _site: ChannelSite) -> None:
    """Reach the service's host, where the service names one, and say nothing to it."""
    service = _service(target)
    if where := _host(service):
        try:
            socket.create_connection(where, leash().left_s).close()
        except OSError as exc:
            raise TemporaryError(f"{redacted(target)}: {type(exc).__name__}") from None


def check(target: Target, _site: ChannelSite) -> None:
    """Apprise knows the service and the address is whole; the services are loaded, so that no alert waits for that."""
    _service(target)


def _service(target: Target) -> apprise.NotifyBase:
    asset = apprise.AppriseAsset(app_id="stroke-gateway", async_mode=False)
    service = apprise.Apprise.instantiate(target.address, asset=asset)
    if service is None:
        raise InputError(f"{redacted(target)}: not an Apprise address; check its spelling")
    return service


def _host(service: apprise.NotifyBase) -> tuple[str, int] | None:
    """Host and port that a service talks to; most have a fixed address of their own."""
    with suppress(ValueError, AttributeError):
        parts = urlsplit(str(service.notify_url))
        if parts.hostname and "{" not in parts.hostname:
            return parts.hostname, parts.port or PORTS.get(parts.scheme, HTTPS_PORT)
    host, port = getattr(service, "host", None), getattr(service, "port", None)
    return (str(host), int(port or PORTS["https" if service.secure else "http"])) if host else None
