"""OpenID Connect against a provider of the tests' own, made to check PKCE as a real one does, and against forgers."""

import base64
import hmac
import json
import time
import warnings
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import ValidationError

from benchmarks.running import free_port
from gateway.api.callers import COOKIE
from gateway.identity import oidc
from gateway.identity.directory import person_for, roles_of
from gateway.identity.oidc import Identified, Provider, challenge_of
from gateway.identity.settings import Oidc
from gateway.ledger.accesses import Action
from gateway.team.people import Role
from tests.api.staging import close_site, open_site, serving
from tests.identity.conftest import House, now
from triage.errors import InputError, TemporaryError

with warnings.catch_warnings(record=True):  # the provider's own libraries are deprecated
    import oidc_provider_mock
    from flask import request
    from oidc_provider_mock._server import _threaded_server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the provider's libraries

ROLES = {"neuro": ["stroke_doctor"], "boss": ["administrator", "radiologist"]}
US = "http://127.0.0.1/login/oidc/back"


@contextmanager
def a_provider():
    """The provider's address; it takes a code only with the verifier of its challenge (RFC 7636 section 4.6)."""
    app = oidc_provider_mock.app(require_nonce=True)
    challenges, asked = {}, []

    @app.after_request
    def remember(answer):
        code = parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("code")
        if request.path.endswith("/authorize") and code:
            assert request.args["code_challenge_method"] == "S256"
            challenges[code[0]] = request.args["code_challenge"]
        return answer

    @app.before_request
    def check():
        if request.path.endswith("/token"):
            asked.append(dict(request.form))
            fits = challenges.get(request.form["code"]) == challenge_of(request.form.get("code_verifier", ""))
            return None if fits else ({"error": "invalid_grant"}, 400)
        return None

    with _threaded_server(app) as server:
        yield SimpleNamespace(url=f"http://localhost:{server.server_port}", asked=asked)


@pytest.fixture(scope="module")
def provider():
    with a_provider() as found:
        yield found


@pytest.fixture(scope="module")
def at_home(provider, tmp_path_factory):
    """A site that knows its own address, which the provider sends browsers back to."""
    port = free_port()
    settings = {"issuer": provider.url, "client_id": "gateway", "client_secret": "s3cret", "roles": ROLES}
    http = {"public_url": f"http://127.0.0.1:{port}"}
    site = open_site(tmp_path_factory.mktemp("oidc"), http=http, identity={"oidc": settings})
    with serving(site, port) as url:
        yield House(site, url)
    close_site(site)


def known(provider, subject, groups, **claims) -> None:
    body = {"groups": groups, "preferred_username": subject, "name": f"Dr {subject}", **claims}
    httpx.put(f"{provider.url}/users/{subject}", json=body, trust_env=False).raise_for_status()


def travel(browser, subject, wanted="/times"):
    """To the provider, log in there, and back; returns our answer."""
    away = browser.get("/login/oidc", params={"next": wanted})
    assert away.status_code == 303
    back = httpx.post(away.headers["location"], data={"sub": subject}, trust_env=False)
    assert back.status_code == 302, back.text
    return browser.get(back.headers["location"])


def test_somebody_of_a_known_group_comes_in_with_its_roles(at_home, provider):
    known(provider, "hoa", ["neuro", "canteen"])
    with at_home.browser() as browser:
        assert "Log in with" in browser.get("/login").text
        done = travel(browser, "hoa")
        assert done.headers["location"] == "/times"
        assert browser.get("/times").status_code == 200
        person = at_home.site.ledger.people.by_subject(provider.url, "hoa")
        assert (person.login, person.name, person.roles) == ("hoa", "Dr hoa", {Role.STROKE_DOCTOR})
        assert provider.asked[-1]["code_verifier"]
        known(provider, "hoa", ["boss"])
        assert travel(browser, "hoa").headers["location"] == "/times"
    again = at_home.site.ledger.people.by_subject(provider.url, "hoa")
    assert (again.id, again.roles) == (person.id, {Role.ADMINISTRATOR, Role.RADIOLOGIST})


def test_somebody_without_a_role_or_with_a_closed_account_is_refused(at_home, provider):
    known(provider, "cook", ["canteen"])
    known(provider, "gone", ["neuro"])
    with at_home.browser() as browser:
        refused = travel(browser, "cook")
        assert refused.status_code == 401
        assert "none of your groups" in refused.text
        assert at_home.site.ledger.people.by_login("cook") is None
        assert travel(browser, "gone").status_code == 303
        person = at_home.site.ledger.people.by_login("gone")
        known(provider, "gone", [])
        assert travel(browser, "gone").status_code == 401
        assert at_home.accounts.sessions.of(person.id, now()) == [], "who lost the role is out everywhere"
        known(provider, "gone", ["neuro"])
        at_home.accounts.disable(person, now())
        assert "đã đóng" in travel(browser, "gone").text, "in the language of whoever was here last"
    failures = [
        entry for entry in at_home.site.ledger.accesses.latest() if entry.action == Action.LOGIN_FAILED
    ]
    assert len(failures) >= 3


def test_a_provider_gives_nobody_the_account_of_somebody_else(at_home, provider):
    local = at_home.person(Role.ADMINISTRATOR, login="chief")
    known(provider, "evil", ["neuro"], preferred_username="Chief")
    with at_home.browser() as browser:
        refused = travel(browser, "evil")
        assert refused.status_code == 401
        assert COOKIE not in refused.cookies
    settings = at_home.site.config.identity.oidc.model_copy(update={"adopt_logins": True})
    claims = {"groups": ["neuro"], "preferred_username": "chief"}
    adopted = person_for(at_home.site.ledger, settings, Identified("trusted", claims), now())
    assert (adopted.id, adopted.roles) == (local.id, {Role.STROKE_DOCTOR}), (
        "the table is the word that counts"
    )


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_the_way_back_leads_to_our_own_pages_only(at_home, provider, wanted):
    known(provider, "hoa", ["neuro"])
    with at_home.browser() as browser:
        assert travel(browser, "hoa", wanted).headers["location"] == "/"


def test_an_answer_fits_the_browser_that_asked_and_no_other(at_home, provider):
    """Login CSRF: whoever sends his own answer to somebody else logs nobody in."""
    known(provider, "hoa", ["neuro"])
    with at_home.browser() as mine, at_home.browser() as theirs:
        away = mine.get("/login/oidc").headers["location"]
        answer = httpx.post(away, data={"sub": "hoa"}, trust_env=False).headers["location"]
        assert "as it went" in theirs.get(answer).text, "without a journey of its own"
        theirs.get("/login/oidc")
        assert theirs.get(answer).status_code == 401, "with another journey's state"
        changed = answer.replace("state=", "state=x")
        assert mine.get(changed).status_code == 401
    with at_home.browser() as browser:
        browser.get("/login/oidc")
        said = browser.get("/login/oidc/back?error=access_denied")
        assert said.status_code == 401
        assert COOKIE not in said.cookies


def test_the_journey_asks_by_code_and_pkce_with_our_address_only(at_home, provider):
    with at_home.browser() as browser:
        away = urlsplit(browser.get("/login/oidc").headers["location"])
        asked = {name: values[0] for name, values in parse_qs(away.query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"] == f"{at_home.url}/login/oidc/back"
        assert len(asked["state"]) >= 32
        assert len(asked["nonce"]) >= 32
        cookie = browser.cookies["stroke_gateway_oidc"]
        assert asked["code_challenge"] not in cookie


class Forger:
    """A provider that answers what it is told to; everything about it is right unless a test changes it."""

    issuer = "https://login.example"

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.settings = Oidc(issuer=self.issuer, client_id="gateway", roles=ROLES)
        self.provider = Provider(self.settings, US, ask=self.ask)
        self.token = ""
        self.asked: list[str] = []

    def ask(self, address, form, _basic):
        self.asked.append(address)
        if address.endswith("openid-configuration"):
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            return {"issuer": self.issuer, **{name: f"{self.issuer}/{name}" for name in names}}
        return {"keys": [self.key.as_dict(private=False)]} if form is None else {"id_token": self.token}

    def finish(self, key=None, **changed):
        _, journey = self.provider.begin("/", now())
        claims = {"iss": self.issuer, "aud": "gateway", "sub": "1", "nonce": journey.nonce, "groups": "neuro"}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 300}
        claims = {name: value for name, value in (claims | changed).items() if value is not None}
        key = key or self.key
        self.token = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
        return self.provider.finish(journey, {"state": journey.state, "code": "c"}, now())


@pytest.fixture(scope="module")
def forger():
    return Forger()


def test_a_genuine_token_names_somebody(forger):
    who = forger.finish()
    assert (who.subject, roles_of(forger.settings, who.claims)) == ("1", {Role.STROKE_DOCTOR})
    assert forger.finish(aud=["gateway", "other"], azp="gateway").subject == "1"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["gateway", "other"]},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iat": None},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_for_this_login_is_refused(forger, changed):
    with pytest.raises(InputError):
        forger.finish(**changed)


def test_a_token_signed_by_somebody_else_is_refused(forger):
    with pytest.raises(InputError):
        forger.finish(key=RSAKey.generate_key(2048, {"kid": "1"}))
    public = forger.key.as_pem(private=False)
    for algorithm in ("none", "HS256"):
        _, journey = forger.provider.begin("/", now())
        claims = {"iss": forger.issuer, "aud": "gateway", "sub": "1", "nonce": journey.nonce}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 300}
        parts = [{"alg": algorithm, "kid": forger.key.kid}, claims]
        text = ".".join(unpadded(json.dumps(part).encode()) for part in parts)
        signature = hmac.digest(public, text.encode(), "sha256") if algorithm == "HS256" else b""
        forger.token = f"{text}.{unpadded(signature)}"
        with pytest.raises(InputError):
            forger.provider.finish(journey, {"state": journey.state, "code": "c"}, now())


def unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_a_provider_with_a_new_key_is_asked_again(forger):
    forger.finish()
    forger.key = RSAKey.generate_key(2048, {"kid": "2"})
    assert forger.finish().subject == "1"


def test_a_journey_ends(forger):
    _, journey = forger.provider.begin("/", now())
    late = now() + timedelta(seconds=oidc.JOURNEY_S + 1)
    with pytest.raises(InputError, match="too long"):
        forger.provider.finish(journey, {"state": journey.state, "code": "c"}, late)
    answer = {"state": journey.state, "code": "c", "iss": "https://evil.example"}
    with pytest.raises(InputError):
        forger.provider.finish(journey, answer, now())


def test_a_provider_that_is_away_or_somebody_else_is_a_sentence(forger, tmp_path):
    settings = {"issuer": "http://127.0.0.1:9", "client_id": "x", "roles": ROLES}
    site = open_site(tmp_path, identity={"oidc": settings})
    with serving(site) as url, House(site, url).browser() as browser:
        answer = browser.get("/login/oidc")
        assert answer.status_code == 503
        assert "does not answer" in answer.text
    close_site(site)
    liar = Provider(
        forger.settings.model_copy(update={"issuer": "https://other.example"}), US, ask=forger.ask
    )
    with pytest.raises(TemporaryError, match="otherwise"):
        liar.begin("/", now())


@pytest.mark.parametrize(
    "wrong", [{"issuer": "http://login.example"}, {"scopes": ["profile"]}, {"roles": {"a": ["x"]}}]
)
def test_settings_that_would_be_unsafe_stop_the_start(wrong):
    with pytest.raises(ValidationError):
        Oidc.model_validate({"issuer": "https://login.example", "client_id": "c", **wrong})
