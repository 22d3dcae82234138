"""OpenID Connect: the hospital's own directory says who somebody is, and which groups they are in.

The authorization code flow with PKCE. What has to be remembered until the provider sends the browser back - state, nonce and
verifier - lies in a signed cookie of that browser, so that nobody else's answer fits and no table grows.

References
----------
OpenID Connect Core 1.0 sections 3.1 and 3.1.3.7 (what an ID token must hold), Discovery 1.0; RFC 7636 (PKCE, S256); RFC 9700
(best current practice: exact redirect address, issuer of the answer checked, no implicit flow).
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway.access import OTHERS, Access
from gateway.identity.settings import LOOPBACK, Oidc
from triage.errors import ConfigError, InputError, TemporaryError

PURPOSE = b"stroke-gateway openid 1"
CALLBACK = "/login/oidc/back"
JOURNEY_S = 600
"""How long somebody may stay at the provider."""
TIMEOUT_S = 5.0
KNOWN_S = 3600.0
"""Addresses and keys of the provider are asked for again so often; keys also when one is missing."""
LEEWAY_S = 60
"""By how much the two clocks may differ."""
LARGEST_ANSWER = 1 << 20
ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
]
"""Signatures by the provider's own key; never ``none``, and never by a secret that we know too."""

DAMAGED = "the login did not come back as it went: begin again at the login page"
REFUSED = "the provider did not log you in: begin again, or log in another way"
NOT_GENUINE = "the provider's answer is not genuine or has expired: begin again"

Ask = Callable[[str, Mapping[str, str] | None, tuple[str, str] | None], dict[str, Any]]
"""Address, form to post and client's name with secret, to the object that is answered: the seam to the network."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What the browser keeps while somebody is at the provider."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    next: str
    expires_s: int

    def signed(self, access: Access) -> str:
        """The cookie's value."""
        parts = (str(self.expires_s), self.state, self.nonce, self.verifier, self.next)
        text = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
        return f"{access.seal(PURPOSE, text)}.{text}"


@dataclass(frozen=True, slots=True)
class Identified:
    """Whom the provider means: its own name for somebody, and what it says of them."""

    subject: str
    claims: Mapping[str, Any] = field(repr=False)


@dataclass(slots=True)
class Provider:
    """One provider, asked when somebody logs in; what it says of itself is remembered for a while."""

    settings: Oidc
    redirect_uri: str
    ask: Ask = field(default_factory=lambda: asked)
    clock: Callable[[], float] = time.monotonic
    _about: dict[str, Any] = field(default_factory=dict)
    _keys: KeySet | None = None
    _since: float = 0.0

    def begin(self, wanted: str, now: datetime) -> tuple[str, Journey]:
        """Where to send the browser, and what it keeps meanwhile.

        Raises
        ------
        TemporaryError
            The provider does not answer.
        """
        journey = Journey(
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(48),
            wanted,
            int(now.timestamp()) + JOURNEY_S,
        )
        question = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": journey.state,
            "nonce": journey.nonce,
            "code_challenge": challenge_of(journey.verifier),
            "code_challenge_method": "S256",
        }
        address = self._endpoint("authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(question)}", journey

    def finish(self, journey: Journey, answer: Mapping[str, str], now: datetime) -> Identified:
        """Whom the provider's answer means.

        Raises
        ------
        InputError
            It is not the answer to this journey, or its ID token is not genuine.
        TemporaryError
            The provider does not answer.
        """
        if journey.expires_s <= now.timestamp():
            raise InputError("this took too long: begin again at the login page")
        if not hmac.compare_digest(answer.get("state", "").encode(), journey.state.encode()):
            raise InputError(DAMAGED)
        if answer.get("iss", self.settings.issuer) != self.settings.issuer or not answer.get("code"):
            raise InputError(REFUSED)
        claims = self._verified(self._token(answer["code"], journey.verifier), now)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), journey.nonce.encode()):
            raise InputError(NOT_GENUINE)
        return Identified(str(claims["sub"]), claims)

    def _token(self, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": verifier,
        }
        address, secret = self._endpoint("token_endpoint"), _secret(self.settings)
        basic = (self.settings.client_id, secret) if secret and self._wants_basic() else None
        if secret and basic is None:
            form["client_secret"] = secret
        found = self.ask(address, form, basic).get("id_token")
        if not isinstance(found, str):
            raise InputError(REFUSED)
        return found

    def _wants_basic(self) -> bool:
        """How the provider wants our secret: in a header, unless it names the form alone (Discovery section 3)."""
        ways = self._about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return "client_secret_basic" in ways

    def _verified(self, token: str, now: datetime) -> dict[str, Any]:
        """Claims of an ID token that the provider signed for us, now."""
        try:
            claims = self._decoded(token)
            registry = jwt.JWTClaimsRegistry(
                now=int(now.timestamp()),
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
            )
            registry.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as exc:
            raise InputError(NOT_GENUINE) from exc
        others = claims.get("aud") if isinstance(claims.get("aud"), list) else []
        if others and len(others) > 1 and claims.get("azp") != self.settings.client_id:
            raise InputError(NOT_GENUINE)
        return claims

    def _decoded(self, token: str) -> dict[str, Any]:
        """The claims, with the provider's keys asked for anew when the one that signed is not among them."""
        try:
            return dict(jwt.decode(token, self._key_set(), algorithms=ALGORITHMS).claims)
        except (JoseError, ValueError, KeyError):
            self._keys = None
            return dict(jwt.decode(token, self._key_set(), algorithms=ALGORITHMS).claims)

    def _key_set(self) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(self.ask(self._endpoint("jwks_uri"), None, None))  # type: ignore[arg-type]
        return self._keys

    def _endpoint(self, name: str) -> str:
        if not self._about or self.clock() - self._since > KNOWN_S:
            address = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
            about = self.ask(address, None, None)
            if about.get("issuer") != self.settings.issuer:
                raise TemporaryError("identity.oidc.issuer: the provider calls itself otherwise")
            self._about, self._keys, self._since = about, None, self.clock()
        return _safe(str(self._about.get(name, "")), name)


def opened(word: str, access: Access) -> Journey:
    """The journey of a cookie.

    Raises
    ------
    InputError
        It was not made here, or there is none.
    """
    signature, _, text = word.partition(".")
    if not hmac.compare_digest(signature.encode(), access.seal(PURPOSE, text).encode()):
        raise InputError(DAMAGED)
    parts = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode() for part in text.split(".")]
    expires, state, nonce, verifier, wanted = parts
    return Journey(state, nonce, verifier, wanted, int(expires))


def challenge_of(verifier: str) -> str:
    """What the provider is shown of a verifier (RFC 7636 section 4.2); the example is that of its appendix B.

    >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def claim_at(claims: Mapping[str, Any], path: str) -> list[str]:
    """Words that a claim holds, one or several; dots lead into objects.

    >>> claim_at({"realm_access": {"roles": ["a", 1]}}, "realm_access.roles"), claim_at({"groups": "b"}, "groups")
    (['a', '1'], ['b'])
    """
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [] if found is None else [found]
    return [str(word) for word in listed]


def asked(address: str, form: Mapping[str, str] | None, basic: tuple[str, str] | None) -> dict[str, Any]:
    """The object that an address answers with; asked for by POST where there is a form.

    Raises
    ------
    InputError
        The provider refused.
    TemporaryError
        It does not answer, or not with an object.
    """
    try:
        method = "POST" if form is not None else "GET"
        answer = httpx.request(method, address, data=form, auth=basic, timeout=TIMEOUT_S)
        if 400 <= answer.status_code < 500 and form is not None:
            raise InputError(REFUSED)
        answer.raise_for_status()
        found = answer.json() if len(answer.content) <= LARGEST_ANSWER else None
    except (httpx.HTTPError, ValueError) as exc:
        raise TemporaryError(f"the login provider does not answer ({type(exc).__name__})") from exc
    if not isinstance(found, dict):
        raise TemporaryError("the login provider answers with something else than an object")
    return found


def _secret(settings: Oidc) -> str:
    path = settings.client_secret_file
    if path is None:
        return settings.client_secret
    try:
        if path.stat().st_mode & OTHERS:
            raise ConfigError(f"identity.oidc: {path} can be read by others: run `chmod 600` on it")
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"identity.oidc: {path} cannot be read ({type(exc).__name__})") from exc


def _safe(address: str, name: str) -> str:
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return address
    raise ConfigError(f"identity.oidc: the provider's {name} has no https address")
