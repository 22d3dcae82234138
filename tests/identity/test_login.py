"""Proofs: what opens, what does not, how often one may try, and that a refusal says nothing of who exists."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher, extract_parameters

from gateway import logs
from gateway.api.callers import COOKIE
from gateway.api.entry import BROWSER_COOKIE
from gateway.identity import passwords
from gateway.identity.attempts import ADDRESS, LOGIN, SECOND, Subject, TooFastError, claim, succeeded
from gateway.identity.passwords import Passwords
from gateway.identity.proving import Browser, Proving
from gateway.identity.vault import Vault
from gateway.team.people import Role
from tests.api.staging import close_site, open_site, serving
from tests.identity.conftest import OWN, PASSWORD, House, now
from triage.errors import ConfigError, InputError, TemporaryError

HERE = Browser("192.0.2.1")


def test_a_password_opens_and_a_wrong_one_does_not(house):
    person = house.person()
    with house.browser() as browser:
        wrong = house.log_in(browser, person, "something else entirely")
        assert wrong.status_code == 401
        assert COOKIE not in wrong.cookies
        right = house.log_in(browser, person, next="/cases/1")
        assert right.headers["location"] == "/cases/1"
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert browser.get("/").status_code == 200


def test_letters_may_be_composed_in_any_way(house):
    person = house.person(password="mật khẩu của tôi dài")
    proving = Proving(house.accounts)
    assert proving.password(person.login.upper(), "mật khẩu của tôi dài", HERE, now()) == person


def test_hashes_are_argon2id_with_at_least_what_owasp_asks_for(house):
    kept = house.site.ledger.credentials.password_of(house.person().id)
    parameters = extract_parameters(kept)
    assert kept.startswith("$argon2id$")
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) >= (19 * 1024, 2, 1)
    assert PASSWORD not in kept


def test_a_hash_of_former_years_is_made_anew_at_the_next_login(house):
    person = house.person()
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(passwords._normal(PASSWORD))
    house.site.ledger.credentials.set_password(person.id, weak, now())
    Proving(house.accounts).password(person.login, PASSWORD, HERE, now())
    assert house.site.ledger.credentials.password_of(person.id) != weak


def test_who_exists_shows_neither_in_words_nor_in_work(house):
    """The work is counted, not timed: one verification of a hash of the same cost, whoever is asked for."""
    known, closed, without = house.person(), house.person(), house.person(password="")
    house.accounts.disable(closed, now())
    work = Passwords()
    accounts = replace(house.accounts, passwords=work)
    said = set()
    for login in (known.login, closed.login, without.login, "nobody", "' OR 1=1 --"):
        before = work.verifications
        with pytest.raises(InputError) as refused:
            Proving(accounts).password(login, "wrong wrong wrong", Browser(login), now())
        said.add(str(refused.value))
        assert work.verifications == before + 1
    with pytest.raises(InputError):
        Proving(accounts).password(closed.login, PASSWORD, HERE, now())
    assert len(said) == 1
    with house.browser() as browser:
        pages = [
            browser.post("/login", data={"login": who, "password": "x"}) for who in (known.login, "nobody")
        ]
        assert {page.status_code for page in pages} == {401}
        assert pages[0].text == pages[1].text
        assert {name.lower() for name in pages[0].headers} == {name.lower() for name in pages[1].headers}


def test_guessing_gets_slower_for_a_login_that_exists_and_for_one_that_does_not(house):
    for login in (house.person().login, "nobody-at-all"):
        with house.browser() as browser:
            answers = [
                browser.post("/login", data={"login": login, "password": "x"}) for _ in range(LOGIN.free + 1)
            ]
            assert [answer.status_code for answer in answers] == [401] * LOGIN.free + [429]
            assert int(answers[-1].headers["retry-after"]) >= 1
            assert re.search(r"wait \d+ s", answers[-1].text)


def test_a_stranger_who_guesses_keeps_nobody_out_who_was_here_before(house):
    person = house.person()
    with house.browser() as own, house.browser() as stranger:
        assert house.log_in(own, person).status_code == 303
        assert BROWSER_COOKIE in own.cookies
        own.post("/logout", headers=OWN)
        for _ in range(LOGIN.free + 3):
            house.log_in(stranger, person, "x")
        assert house.log_in(stranger, person).status_code == 429
        assert house.log_in(own, person).status_code == 303


def test_guesses_at_the_same_moment_are_all_counted(house):
    attempts, subjects = house.site.ledger.attempts, (Subject(LOGIN, "login", "at once"),)

    def guess(_: int) -> bool:
        try:
            claim(attempts, subjects, 1000.0)
        except TooFastError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(24))) == LOGIN.free


def test_waiting_is_bounded_forgotten_and_given_back(house):
    attempts, subject = house.site.ledger.attempts, Subject(LOGIN, "login", "patient")
    moment, waited = 0.0, []
    for _ in range(40):
        try:
            claim(attempts, (subject,), moment)
        except TooFastError as exc:
            waited.append(exc.wait_s)
            moment += exc.wait_s
    assert 1 <= min(waited) < max(waited) <= LOGIN.longest_s
    claim(attempts, (subject,), moment + LOGIN.longest_s + 1)
    claim(attempts, (subject,), moment + 2 * 3600)
    claim(attempts, (subject,), moment + 2 * 3600)
    shared = Subject(ADDRESS, "address", "192.0.2.77")
    for _ in range(ADDRESS.free * 2):
        claim(attempts, (shared,), 1.0)
        succeeded(attempts, (shared,), 1.0)


def test_no_more_hashes_at_once_than_the_cores_can_bear():
    work = Passwords()
    taken = [work._turn() for _ in range(passwords.AT_ONCE + passwords.MOST_WAITING)]
    for _ in taken:
        assert work._waiting.acquire(blocking=False)
    with pytest.raises(TemporaryError, match="too many people"):
        work.fits("x", None)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "12 to 256"),
        ("aaaaaaaaaaaaaaaaaa", "repeats"),
        ("hoa.nguyen dẫn đầu", "login or the name"),
        ("NGUYỄN thắng lợi mãi", "login or the name"),
        ("qwertyuiop cộng thêm", "neighbouring"),
        ("tôi đếm 12345678 nhé", "neighbouring"),
        ("Mật khẩu 2026", "first that are tried"),
        ("x" * 300, "12 to 256"),
    ],
)
def test_a_password_that_would_be_guessed_is_refused_with_the_reason(password, why):
    with pytest.raises(InputError, match=why):
        passwords.check(password, "hoa.nguyen", "Nguyễn Thị Hoa")
    passwords.check(PASSWORD, "hoa.nguyen", "Nguyễn Thị Hoa")


def test_a_one_time_code_is_asked_for_and_good_once(house):
    person = house.person()
    app = house.seed(person)
    with house.browser() as browser, house.browser() as again:
        assert house.log_in(browser, person, next="/times").headers["location"] == "/login/second?next=/times"
        assert browser.get("/login/second").status_code == 200
        code = app.now()
        assert browser.post("/login/second", data={"code": "000000"}, headers=OWN).status_code == 401
        done = browser.post("/login/second", data={"code": code, "next": "/times"}, headers=OWN)
        assert done.headers["location"] == "/times"
        house.log_in(again, person)
        assert again.post("/login/second", data={"code": code}, headers=OWN).status_code == 401, "a replay"


def test_codes_from_beyond_the_neighbouring_steps_are_refused(house):
    person = house.person()
    app, moment = house.seed(person), datetime(2030, 1, 1, tzinfo=UTC)
    for steps, fits in ((-2, False), (2, False), (-1, True), (1, True), (0, False)):
        code = app.at(moment + timedelta(seconds=30 * steps))
        assert house.accounts.spend_code(person, code, moment) is fits, "and none before one that was used"


def test_a_second_factor_is_not_guessed(house):
    person = house.person()
    house.seed(person)
    proving = Proving(house.accounts)
    for _ in range(SECOND.free):
        with pytest.raises(InputError):
            proving.second(person, "000000", now())
    with pytest.raises(TooFastError):
        proving.second(person, "000000", now())


def test_a_recovery_code_opens_once(house):
    person = house.person()
    house.seed(person)
    code, *others = house.accounts.new_recovery_codes(person)
    proving = Proving(house.accounts)
    assert proving.second(person, code.upper(), now()) == "password and recovery code"
    with pytest.raises(InputError):
        proving.second(person, code, now())
    with pytest.raises(InputError):
        proving.second(house.person(), others[0], now())
    assert house.accounts.factors(person.id).recovery_left == len(others) == 9


def test_roles_that_need_a_second_factor_set_one_up_before_anything_else(house):
    person = house.person(Role.ADMINISTRATOR)
    with house.browser() as browser:
        assert (
            house.log_in(browser, person, next="/people").headers["location"] == "/login/enrol?next=/people"
        )
        assert browser.get("/").status_code == 303, "nothing opens yet"
        page = browser.get("/login/enrol?next=/people").text
        assert "<svg" in page
        assert " style=" not in page
        seed = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
        assert browser.post("/login/enrol", data={"code": "123"}, headers=OWN).status_code == 400
        done = browser.post(
            "/login/enrol", data={"code": pyotp.TOTP(seed).now(), "next": "/people"}, headers=OWN
        )
        assert len(re.findall(r"<li><code>[a-z0-9-]{14}</code>", done.text)) == 10
        assert browser.get("/").status_code == 200
        with pytest.raises(InputError, match="another one up"):
            house.accounts.drop_totp(person)
        browser.post("/logout", headers=OWN)
        house.log_in(browser, person)
        assert browser.get("/login/enrol").status_code == 409, "whoever has only the password adds no factor"


def test_a_welcome_link_lets_its_person_choose_a_password_once(house):
    person = house.person(password="")
    address = house.accounts.welcome(person, now())
    path = address.removeprefix(house.accounts.base_url)
    with house.browser() as browser:
        for _ in range(2):
            assert person.login in browser.get(path).text, "a preview uses nothing up"
        both = {"password": PASSWORD, "again": PASSWORD}
        refused = browser.post(path, data=both, headers={"Sec-Fetch-Site": "cross-site"})
        assert refused.status_code == 403
        assert "differ" in browser.post(path, data={**both, "again": "x"}, headers=OWN).text
        assert "12 to 256" in browser.post(path, data={"password": "x", "again": "x"}, headers=OWN).text
        assert browser.post(path, data=both, headers=OWN).status_code == 303
        assert browser.get("/").status_code == 200
        over = browser.get(path)
        assert over.status_code == 410
        assert "ask an administrator" in over.text
    late = house.accounts.welcome(person, now() - timedelta(hours=house.accounts.settings.welcome_hours + 1))
    assert house.accounts.welcomed(late.rpartition("/")[2], now()) is None


def test_a_reset_takes_everything_and_begins_anew(house):
    person = house.person()
    app = house.seed(person)
    address = house.accounts.reset(person, now())
    factors = house.accounts.factors(person.id)
    assert (factors.password, factors.totp, factors.recovery_left) == (False, False, 0)
    with house.browser() as browser:
        assert house.log_in(browser, person).status_code == 401
        path = address.removeprefix(house.accounts.base_url)
        fresh = "bảy con mèo ngủ trưa"
        assert browser.post(path, data={"password": fresh, "again": fresh}, headers=OWN).status_code == 303
    assert not house.accounts.spend_code(person, app.now(), now())


def test_the_present_password_is_asked_for_before_a_new_one(house):
    person = house.person()
    with pytest.raises(InputError, match="present"):
        house.accounts.change_password(person, "not mine at all", "bảy con mèo ngủ trưa", now())
    house.accounts.change_password(person, PASSWORD, "bảy con mèo ngủ trưa", now())


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_another_site_logs_nobody_in(house, headers):
    person = house.person()
    with house.browser() as browser:
        data = {"login": person.login, "password": PASSWORD}
        assert browser.post("/login", data=data, headers=headers).status_code == 403
        assert browser.post("/login", data=data, headers={"Origin": house.url}).status_code == 303


def test_the_token_can_be_kept_from_browsers(tmp_path):
    site = open_site(tmp_path, identity={"console_token": False})
    with serving(site) as url:
        house = House(site, url)
        with house.browser() as browser:
            assert browser.post("/login", data={"token": site.access.token}).status_code == 401
            assert browser.get("/api/v1/cases", headers=site.bearer).status_code == 200
            assert 'id="token"' not in browser.get("/login").text
    close_site(site)


def test_a_copy_of_the_database_is_nobodys_second_factor(fresh_house):
    person = fresh_house.person()
    seed = fresh_house.accounts.begin_totp(person).seed
    folder = fresh_house.site.config.site.data_dir
    with sqlite3.connect(folder / "ledger.db") as copy:
        dump = "\n".join(copy.iterdump())
    assert seed not in dump
    assert PASSWORD not in dump
    assert (folder / "identity-key").stat().st_mode & 0o777 == 0o600
    (folder / "identity-key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Vault.open(folder)


def test_no_name_login_password_or_code_is_in_the_logs(fresh_house, capfd):
    logs.configure("debug", "api")
    house, login, secret = fresh_house, "canary.login", "CANARY mật khẩu dài"
    person = house.person(Role.ADMINISTRATOR, login=login, password=secret)
    with house.browser() as browser:
        house.log_in(browser, person, "CANARY wrong")
        browser.post("/login", data={"login": "CANARY.nobody", "password": "CANARY"})
        browser.post("/login", data={"token": "CANARY-token"})
        browser.get("/welcome/CANARY")
        browser.get("/a/CANARY")
        house.log_in(browser, person, secret)
        page = browser.get("/login/enrol").text
        seed = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
        browser.post("/login/enrol", data={"code": "CANARY"}, headers=OWN)
        browser.post("/login/enrol", data={"code": pyotp.TOTP(seed).now()}, headers=OWN)
        assert browser.get("/").status_code == 200
        browser.post("/no/such/CANARY", headers={"Sec-Fetch-Site": "cross-site"})
        browser.post("/logout", headers=OWN)
    said = "".join(capfd.readouterr())
    assert said.count("login refused") == 3
    assert "canary" not in said.lower()
    assert seed not in said
    assert "canary" not in repr((person, house.accounts.factors(person.id), house.accounts)).lower()
    noted = [entry.detail + entry.action for entry in house.site.ledger.accesses.latest()]
    assert not any("canary" in line.lower() for line in noted)
