"""Template messages (ZNS) of the hospital's official account on Zalo: to a telephone number, in words that were approved.

Every answer has HTTP status 200 and says in its body how it went. An access token lasts about a day and is got with a refresh
token that serves once: the next one comes with the answer, and is on disk before the new access token is used.
"""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gateway.alerts.lines import single
from gateway.alerts.notice import Notice
from gateway.channels.settings import Part, Zalo
from gateway.channels.site import ChannelSite
from gateway.channels.target import Outcome, Target, redacted
from gateway.channels.tokens import Token, TokenFile
from triage.errors import InputError, TemporaryError

ACCEPTED = 0
EXPIRED = frozenset({-124, -216})
"""Codes that speak of the access token."""

UNKNOWN = -100
"""The service does not know what went wrong, and asks to try again; every other code wants a person."""

ENABLED = "ENABLE"
"""State of a template that may be sent."""

EARLY_S = 60.0
"""An access token is renewed so long before its end when a message needs it."""

PROBE_EARLY_S = 7200.0
"""The hourly probe renews it earlier, so that no alert waits for that."""

USUAL_LIFE_S = 86_400.0
"""When the answer does not say."""


def send(target: Target, notice: Notice, key: str, site: ChannelSite, _picture: Path | None) -> Outcome:
    """Send the template of the notice's language; raises as `gateway.channels.sending.send`."""
    check(target, site)
    Account(site, redacted(target)).tell(_message(target, notice, key, site.settings.zalo))
    return Outcome.SENT


def probe(target: Target, site: ChannelSite) -> None:
    """Ask for the state of the template, with the token that messages need; it is renewed in good time."""
    check(target, site)
    Account(site, redacted(target)).look()


def check(target: Target, site: ChannelSite) -> None:
    """An account, and a telephone number."""
    if not site.settings.zalo.app_id:
        raise InputError(f"{redacted(target)}: [channels.zalo] is not set up")
    if not phone(target.address):
        raise InputError(f"{redacted(target)}: no telephone number; write it as +84...")


def phone(text: str) -> str:
    """A telephone number as the service wants it, or nothing when it is none.

    >>> phone("+84 912 345 678"), phone("0912345678"), phone("ten")
    ('84912345678', '84912345678', '')
    """
    digits = "".join(sign for sign in text if sign not in " .-()+")
    if not (digits.isascii() and digits.isdecimal() and 9 <= len(digits) <= 15):
        return ""
    return f"84{digits[1:]}" if digits.startswith("0") else digits


@dataclass(frozen=True, slots=True)
class Account:
    """The official account; `receiver` is how errors call the target."""

    site: ChannelSite
    receiver: str

    def tell(self, message: Mapping[str, Any]) -> None:
        """POST a message; with a token that is refused, once more with a new one."""
        body = json.dumps(message, ensure_ascii=False).encode()
        self._with_token(EARLY_S, "POST", self._zalo.message_url, body)

    def look(self) -> None:
        """GET the state of the Vietnamese template, which every site has."""
        query = urlencode({"template_id": self._zalo.templates["vi"]})
        plain = self._with_token(PROBE_EARLY_S, "GET", f"{self._zalo.template_url}?{query}", b"")
        data = plain.get("data")
        state = data.get("status", ENABLED) if isinstance(data, dict) else ENABLED
        if state != ENABLED:
            raise InputError(f"{self.receiver}: Zalo's state of the template is not {ENABLED}; ask Zalo why")

    @property
    def _zalo(self) -> Zalo:
        return self.site.settings.zalo

    def _with_token(self, early_s: float, method: str, url: str, body: bytes) -> dict[str, Any]:
        tokens = TokenFile(self.site.folder / "zalo.json", self._zalo.refresh_token)
        token = tokens.current(self._renew, time.time() + early_s)
        plain = self._asked(method, url, _json_headers(token), body)
        if _code(plain) in EXPIRED:
            token = tokens.after(token, self._renew)
            plain = self._asked(method, url, _json_headers(token), body)
        self._judge(_code(plain))
        return plain

    def _judge(self, code: int | None) -> None:
        if code is None:
            raise TemporaryError(f"{self.receiver}: the answer is not Zalo's")
        if code == UNKNOWN:
            raise TemporaryError(f"{self.receiver}: Zalo answered {code}")
        if code != ACCEPTED:
            raise InputError(f"{self.receiver}: Zalo refused with {code}; look it up in its documentation")

    def _renew(self, refresh_token: str) -> Token:
        """Trade a refresh token in, which serves once."""
        form = {
            "refresh_token": refresh_token,
            "app_id": self._zalo.app_id,
            "grant_type": "refresh_token",
        }
        headers = {
            "secret_key": self._zalo.app_secret,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        plain = self._asked("POST", self._zalo.token_url, headers, urlencode(form).encode())
        if not (plain.get("access_token") and plain.get("refresh_token")):
            raise InputError(
                f"{self.receiver}: Zalo gave no token (answered {_code(plain)}); put a new refresh token from its "
                "developer page into [channels.zalo]"
            )
        until_s = time.time() + _life_s(plain.get("expires_in"))
        return Token(str(plain["access_token"]), str(plain["refresh_token"]), until_s)

    def _asked(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        try:
            answer = self.site.web.ask(method, url, headers, body)
        except TemporaryError as exc:
            raise TemporaryError(f"{self.receiver}: {exc}") from None
        answer.judge(self.receiver, "check the addresses of [channels.zalo]")
        try:
            plain = json.loads(answer.body)
        except ValueError:
            plain = None
        if not isinstance(plain, dict):
            raise TemporaryError(f"{self.receiver}: the answer is not Zalo's")
        return plain


def _json_headers(token: str) -> dict[str, str]:
    return {"access_token": token, "Content-Type": "application/json; charset=utf-8"}


def _code(plain: Mapping[str, Any]) -> int | None:
    """What the body says, whatever the status; None when it says nothing."""
    code = plain.get("error")
    return code if isinstance(code, int) else None


def _life_s(told: object) -> float:
    """How long a token lasts; the number comes as text.

    >>> _life_s("90000"), _life_s(None)
    (90000.0, 86400.0)
    """
    try:
        return float(str(told))
    except ValueError:
        return USUAL_LIFE_S


def _message(target: Target, notice: Notice, key: str, zalo: Zalo) -> dict[str, Any]:
    """Parameters by the names of the template; the key becomes an identifier without a secret in it."""
    longest = zalo.longest_field
    parts: Mapping[Part, str] = {
        "headline": single(notice.headline, longest),
        "lines": single(" ".join(notice.lines[:2]), longest),
        "link": notice.link,
        "disclaimer": single(notice.disclaimer, longest),
    }
    template = zalo.templates.get(notice.language.value) or zalo.templates["vi"]
    return {
        "phone": phone(target.address),
        "template_id": template,
        "template_data": {name: parts[part] for name, part in zalo.fields.items()},
        "tracking_id": uuid.uuid5(uuid.NAMESPACE_OID, key).hex,
    }
