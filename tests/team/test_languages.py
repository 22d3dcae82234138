"""The pages that everybody passes through speak the language of whoever reads them, down to what they refuse."""

import ast
import re
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from string import Formatter

import pytest

from gateway.api.reader import LANGUAGE_COOKIE
from gateway.console.rota_week import Desk, holes_ahead, when
from gateway.console.words.channels import CHANNELS
from gateway.console.words.entry import ENTRIES
from gateway.console.words.factors import FACTORS
from gateway.console.words.frame import FRAMES
from gateway.console.words.me import ME
from gateway.console.words.moments import MOMENTS
from gateway.console.words.passing import PASSING
from gateway.console.words.plan import PLANS
from gateway.console.words.refusals import TABLE, refusal
from gateway.console.words.roles import ROLES
from gateway.console.words.rota import ROTAS
from gateway.identity.attempts import LOGIN
from gateway.team.contact_list import ADDRESSES, a_contact
from gateway.team.contacts import ChannelKind
from gateway.team.people import Role
from gateway.team.rota import Rota, Shift
from tests.team.conftest import DESK, OWN, PHONE, grave, now, too_wide
from viewer_bridge.report.wording.language import Language

DOCTOR = Role.STROKE_DOCTOR
SUBJECTS = (CHANNELS, ENTRIES, FACTORS, FRAMES, ME, MOMENTS, PASSING, PLANS, ROLES, ROTAS)
THE_SAME = {"E-mail", "Zalo", "MQTT", "Webhook", "Notification", "Sessions"}
"""English words that are words of another language as well, and names."""
OTHERS = [Language.VIETNAMESE, Language.FRENCH]
PASSWORD = "bốn con trâu gặm cỏ"

REFUSING = {
    "api": "entry guard identity login me passes phone problems welcome",
    "console": "me me_account people rota",
    "identity": "accounts attempts directory oidc passkeys passwords proving",
    "ledger": "ledger statements",
    "team": "arranging contact_list rota",
}
TO_PROGRAMS = (
    "send the access token as",
    "say the length of the body",
    "at most 7 bytes",
    "Weasis is not offered",
    "this is no link of this case",
    "the picture of this alert is not drawn",
    "this revision has no such picture",
)
"""Nobody who fills in a form is told these."""


def sentences(words, path="") -> dict[str, str]:
    """Every text of a subject by its place."""
    if isinstance(words, str):
        return {path: words}
    if isinstance(words, tuple):
        return {
            place: text
            for n, word in enumerate(words)
            for place, text in sentences(word, f"{path}.{n}").items()
        }
    assert is_dataclass(words), path
    inner = ((f"{path}.{field.name}", getattr(words, field.name)) for field in fields(words))
    return {place: text for name, word in inner for place, text in sentences(word, name).items()}


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: type(subject[Language.ENGLISH]).__name__)
def test_every_language_says_everything_with_the_same_blanks(subject):
    english = sentences(subject[Language.ENGLISH])
    for language in OTHERS:
        words = sentences(subject[language])
        assert words.keys() == english.keys()
        for place, text in words.items():
            assert text.strip(), (language, place)
            assert blanks(text) == blanks(english[place]), (language, place)
            letters = re.sub(r"\{\w+\}|[\W\d_]", "", text)
            same = len(letters) > 3 and text == english[place]
            assert not same or text in THE_SAME, (language, place, text)


def said_in(module: str) -> set[str]:
    """What a module may refuse, with 7 for what differs from time to time."""
    tree = ast.parse(Path(f"gateway/{module.replace('.', '/')}.py").read_text("utf-8"))
    constants = vars(import_module(f"gateway.{module}"))
    local = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {"InputError", "TemporaryError", "Problem", "require", "__init__"}
    refusing = [call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) in names]
    parts = [part for call in refusing for part in call.args]
    parts = [local.get(part.id, part) if isinstance(part, ast.Name) else part for part in parts]
    found = {text for part in parts if (text := spelled(part, constants))}
    return {text for text in found if " " in text}


def spelled(part: ast.expr, constants: dict[str, object]) -> str:
    if isinstance(part, ast.Name):
        value = constants.get(part.id, "")
        return value if isinstance(value, str) else ""
    if isinstance(part, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in part.values)
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else ""


def test_whatever_is_refused_is_refused_in_every_language():
    modules = [f"{folder}.{name}" for folder, names in REFUSING.items() for name in names.split()]
    found = {text for module in modules for text in said_in(module)} | {
        advice for _, advice in ADDRESSES.values()
    }
    assert len(found) > 60
    wanted = {text for text in found if not text.startswith(TO_PROGRAMS)}
    for language in OTHERS:
        assert [text for text in sorted(wanted) if TABLE.said(text, language) is None] == []
    assert TABLE.said("a sentence that is new", Language.FRENCH) is None, "the control"
    for _, phrase in TABLE.rows:
        counts = {text.count("{}") for text in (phrase.english, phrase.vietnamese, phrase.french)}
        assert len(counts) == 1, phrase.english


def test_a_refusal_without_a_translation_says_that_it_is_english():
    assert refusal("too many wrong attempts: wait 8 s and try again", Language.VIETNAMESE).text == (
        "Sai quá nhiều lần: hãy chờ 8 giây rồi thử lại."
    )
    assert refusal("HTTP.x is odd", Language.FRENCH).language is Language.ENGLISH


def lang(text: str) -> str:
    return re.search(r'<html lang="(\w+)">', text)[1]


def test_before_the_login_it_is_what_was_chosen_then_what_the_browser_asks_for(team, doctors):
    with team.client() as client:
        del client.headers["Authorization"]
        for asked, shown in (
            ("", "vi"),
            ("de", "vi"),
            ("de, fr-CH;q=0.9", "fr"),
            ("en-US,en;q=0.9,vi;q=0.8", "en"),
        ):
            client.headers["Accept-Language"] = asked
            assert lang(client.get("/login").text) == shown
        chosen = client.get("/login", params={"language": "vi", "next": "/rota"}).text
        assert 'value="/rota"' in chosen
        assert lang(client.get("/login").text) == "vi", (
            "the browser asks for English, but Vietnamese was chosen"
        )
        wrong = client.post("/login", data={"login": "x", "password": "y"}, headers=OWN).text
        assert "Tên đăng nhập và mật khẩu không khớp." in wrong
        client.cookies.set(LANGUAGE_COOKIE, "klingon<script>")
        assert client.get("/login", params={"language": "klingon"}).status_code == 422


def test_a_person_is_spoken_to_in_their_own_language_from_the_first_link_on(team, doctors):
    person = team.person("BS Lê Chi", DOCTOR, Role.ADMINISTRATOR, language=Language.FRENCH)
    path = team.accounts.welcome(person, now()).removeprefix(team.accounts.base_url)
    with team.client() as client:
        del client.headers["Authorization"]
        assert "Bienvenue, BS Lê Chi" in client.get(path).text
        same = {"password": "aaaaaaaaaaaaaaaaaa", "again": "aaaaaaaaaaaaaaaaaa"}
        assert "répète quelques caractères" in client.post(path, data=same, headers=OWN).text
        both = {"password": PASSWORD, "again": PASSWORD}
        assert client.post(path, data=both, headers=OWN).headers["location"].startswith("/login/enrol")
        enrol = client.get("/login/enrol").text
        assert (lang(enrol), "Ajouter un second facteur" in enrol) == ("fr", True)
        assert "Ce code est faux" in client.post("/login/enrol", data={"code": "1"}, headers=OWN).text
        assert "a servi ou a expiré" in client.get(path, headers={"Accept-Language": "fr"}).text


def test_waiting_after_wrong_guesses_is_said_in_the_reader_s_language(team, doctors):
    with team.client() as client:
        del client.headers["Authorization"]
        client.headers["Accept-Language"] = "vi"
        said = [
            client.post("/login", data={"login": "nobody at all", "password": "x"}, headers=OWN).text
            for _ in range(LOGIN.free + 1)
        ]
    assert re.search(r"hãy chờ \d+ giây", said[-1])


def test_a_form_that_is_refused_says_so_in_the_person_s_language_and_leads_back(team, doctors):
    an = replace(doctors[0], language=Language.VIETNAMESE)
    team.site.ledger.people.change(an)
    team.accounts.set_password(an, PASSWORD, now())
    hours = {"person": an.id, "starts": "07:00", "ends": "19:00"}
    with team.client(an) as client:
        refused = client.post("/rota/stroke_doctor/shifts", data=hours)
        assert lang(refused.text) == "vi"
        assert "Hãy chọn ít nhất một ngày trong tuần." in refused.text
        assert 'href="/rota/stroke_doctor"' in refused.text
        address = client.post("/me/contacts", data={"kind": "email", "address": "chẳng phải"})
        assert "Hãy nhập địa chỉ email, ví dụ name@hospital.example." in address.text
        assert 'href="/me"' in address.text
        password = client.post("/me/password", data={"old": "không phải", "new": "năm con bò ngủ trưa"})
        assert (password.status_code, "Đây không phải mật khẩu hiện tại" in password.text) == (400, True)
        assert "Chưa có" not in client.get("/people").text, "none of the IT pages"
        forbidden = client.get("/people")
        assert (forbidden.status_code, "quản lý nhân sự" in forbidden.text) == (403, True)
        client.headers["Accept"] = "application/json"
        plain = client.post("/me/passkeys/remove", data={"passkey": "x"}).json()
        assert plain["detail"] == "there is no such passkey: load the page again"
        assert plain["said"] == "Không còn khóa truy cập này: hãy tải lại trang."
        program = client.post("/api/v1/me/test").json()
        assert "said" not in program
        assert "you have no channel yet" in program["detail"]


def test_who_changes_the_language_reads_the_next_page_and_the_next_login_in_it(team, doctors):
    an = doctors[0]
    with team.client(an) as client:
        assert lang(client.get("/me").text) == "en"
        client.post("/me/language", data={"language": "vi"})
        assert "Cảnh báo đến tôi qua đâu" in client.get("/me").text
        assert "Ca trực: Bác sĩ đột quỵ" in client.get("/me/duties.ics").text.replace("\r\n ", "")
        client.post("/logout")
        assert lang(client.get("/login").text) == "vi"


def test_a_hole_in_the_rota_is_told_by_the_weekdays_and_months_of_the_language(doctors):
    an = doctors[0]
    monday = datetime(2026, 11, 23, 3, tzinfo=UTC)
    plan = Rota((Shift("s", DOCTOR, an.id, 1, "07:00", "07:00"),), ())
    desk = Desk(plan, {an.id: an}, monday, UTC)
    said = {language: holes_ahead(replace(desk, language=language), DOCTOR)[1] for language in Language}
    assert said == {
        Language.VIETNAMESE: "07:00 T4\u00a025/11 đến 07:00 T3\u00a01/12",
        Language.ENGLISH: "Wed 25 Nov 07:00 to Tue 1 Dec 07:00",
        Language.FRENCH: "mer. 25 nov. 07:00 à mar. 1 déc. 07:00",
    }
    assert when(monday + timedelta(days=1), replace(desk, language=Language.FRENCH)) == "demain 03:00"


@pytest.mark.parametrize("language", OTHERS)
def test_the_pages_fit_a_phone_and_a_desk_and_are_accessible(team, doctors, chromium, language):
    an = replace(doctors[0], language=language)
    people = team.site.ledger.people
    people.change(an)
    people.set_contacts(an.id, [a_contact(an.id, ChannelKind.EMAIL, "nguyen.van.an@benhvien.example")])
    team.site.ledger.rota.drop_shift(team.site.ledger.rota.written().shifts[0].id)
    team.always(team.person("ĐD Lê Hoa", Role.CATH_LAB), Role.CATH_LAB)
    team.site.ledger.rota.drop_shift(team.site.ledger.rota.written().of(Role.CATH_LAB).shifts[2].id)
    welcome = team.accounts.welcome(team.person("BS Mới", DOCTOR, language=language), now())
    pages = (
        "/login",
        welcome.removeprefix(team.accounts.base_url),
        "/me",
        "/me/password",
        "/me/codes",
        "/rota",
    )
    with team.page(chromium, an, locale=language.value) as page:
        for address in (*pages, "/rota/stroke_doctor"):
            page.goto(address)
            assert page.get_attribute("html", "lang") == language.value
            page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            assert grave(page) == [], address
            for viewport in (PHONE, DESK):
                page.set_viewport_size(viewport)
                assert too_wide(page) == 0, (address, viewport)
        page.goto("/me")
        just_now = MOMENTS[language].just_now
        page.wait_for_function("() => document.querySelector('time[data-relative]').title.length > 10")
        assert just_now in page.inner_text("#account"), "the script says times in the same words"
