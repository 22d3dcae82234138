"""Signed JSON to a receiver of the hospital's own."""

import json
import time
from pathlib import Path

from gateway.alerts.notice import Notice
from gateway.channels.signature import signed
from gateway.channels.site import ChannelSite
from gateway.channels.target import Outcome, Target, redacted
from gateway.channels.web import usable
from triage.errors import InputError, TemporaryError

REMEDY = "check its address and secret"


def send(target: Target, notice: Notice, key: str, site: ChannelSite, _picture: Path | None) -> Outcome:
    """POST the notice with timestamp, nonce, key and signature; raises as `gateway.channels.sending.send`."""
    check(target, site)
    body = json.dumps(notice.to_json(), ensure_ascii=False, sort_keys=True).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        **signed(target.secret, key, body, time.time()),
    }
    try:
        answer = site.web.post(target.address, body, headers)
    except TemporaryError as exc:
        raise TemporaryError(f"{redacted(target)}: {exc}") from None
    answer.judge(redacted(target), REMEDY)
    return Outcome.DELIVERED


def probe(target: Target, site: ChannelSite) -> None:
    """Ask what may be asked there (OPTIONS): whatever is answered, somebody is there."""
    check(target, site)
    try:
        answer = site.web.ask("OPTIONS", target.address, {})
    except TemporaryError as exc:
        raise TemporaryError(f"{redacted(target)}: {exc}") from None
    if answer.is_failure:
        raise TemporaryError(f"{redacted(target)}: answered {answer.status}")


def check(target: Target, _site: ChannelSite) -> None:
    """An address that can be asked, and a secret to sign with."""
    if not usable(target.address):
        raise InputError(f"{redacted(target)}: the address cannot be used; check its spelling")
    if not target.secret:
        raise InputError(f"{redacted(target)}: no secret is configured to sign with")
