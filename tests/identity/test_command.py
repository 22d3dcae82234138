"""``stroke-gateway people``: the first administrator, from the machine itself."""

import re
import tomllib
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config import Config
from gateway.ledger.accesses import Action
from tests.identity.conftest import OWN, PASSWORD


@pytest.fixture
def people(fresh_house, capsys):
    folder = ["--data-dir", str(fresh_house.site.config.site.data_dir)]

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["people", *words, *folder])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_first_administrator_comes_in_by_the_link_that_is_printed(fresh_house, people):
    code, out, _ = people("add", "Hoa", "--name", "Lê Thị  Hoa", "--role", "administrator", "--role", "it")
    assert code == 0
    path = re.search(r"/welcome/\S+", out)[0]
    with fresh_house.browser() as browser:
        both = {"password": PASSWORD, "again": PASSWORD}
        assert browser.post(path, data=both, headers=OWN).headers["location"].startswith("/login/enrol")
    listed = people("list")[1]
    assert listed == "hoa\tLê Thị Hoa\tadministrator, it\tactive\tpassword\n"
    noted = [
        entry.detail
        for entry in fresh_house.site.ledger.accesses.latest()
        if entry.action == Action.CHANGED_PEOPLE
    ]
    assert noted == ["Lê Thị Hoa added: administrator, it"]


def test_closing_opening_and_resetting(fresh_house, people):
    person = fresh_house.person(login="an")
    with fresh_house.browser(person) as browser:
        assert browser.get("/").status_code == 200
        assert people("disable", "an")[:2] == (0, "an is closed\n")
        assert browser.get("/").status_code == 303
        assert fresh_house.log_in(browser, person).status_code == 401
        assert people("enable", "an")[0] == 0
        assert fresh_house.log_in(browser, person).status_code == 303
        assert "/welcome/" in people("reset", "an")[1]
        assert fresh_house.log_in(browser, person).status_code == 401
    assert "cannot log in yet" in people("list")[1]


@pytest.mark.parametrize("verb", ["disable", "enable", "reset"])
def test_nobody_is_a_clear_refusal(people, verb):
    code, out, error = people(verb, "nobody")
    assert (code, out) == (2, "")
    assert "people list" in error


def test_a_login_is_given_once(people):
    assert people("add", "an", "--name", "An", "--role", "it")[0] == 0
    code, _, error = people("add", "AN ", "--name", "Anh", "--role", "it")
    assert code == 2
    assert "choose another" in error
    assert people("add", "b", "--name", " ", "--role", "it")[0] == 2


def test_the_settings_that_the_documentation_shows_are_accepted():
    page = (Path(__file__).parents[2] / "docs" / "identity.md").read_text("utf-8")
    shown = tomllib.loads(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    identity = Config.model_validate(shown).identity
    assert identity.oidc.roles["radiology"] == ("radiologist",)
    assert (identity.session_hours, identity.idle_hours) == (12, 4)
