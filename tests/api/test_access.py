"""The site's token; the sessions that it opens are in tests/identity."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.access import Access
from triage.errors import ConfigError


def test_the_token_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    first = Access.open(tmp_path / "data")
    assert Access.open(tmp_path / "data") == first
    assert len(first.token) >= 40
    assert (tmp_path / "data" / "access-token").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["access-token"]


def test_processes_that_start_together_agree_on_one_token(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: Access.open(tmp_path).token, range(32)))
    assert len(tokens) == 1


def test_a_token_that_others_can_read_stops_the_start(tmp_path):
    Access.open(tmp_path)
    (tmp_path / "access-token").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Access.open(tmp_path)


def test_a_token_that_is_cut_off_stops_the_start(tmp_path):
    Access.open(tmp_path)
    (tmp_path / "access-token").write_text("short")
    with pytest.raises(ConfigError, match="too short"):
        Access.open(tmp_path)


def test_a_signature_serves_one_purpose_and_one_site(tmp_path):
    access, other = Access.open(tmp_path / "a"), Access.open(tmp_path / "b")
    assert access.seal(b"x", "text") == access.seal(b"x", "text")
    assert len({access.seal(b"x", "text"), access.seal(b"y", "text"), other.seal(b"x", "text")}) == 3


def test_the_token_does_not_show_in_a_repr(tmp_path):
    access = Access.open(tmp_path)
    assert access.token not in repr(access)
