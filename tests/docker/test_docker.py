"""The container files, as far as they can be judged without a container engine."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from yamllint import linter
from yamllint.config import YamlLintConfig

from gateway.cli import main
from gateway.config import load

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE_TEXT = (DOCKER / "compose.yaml").read_text("utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8")
IGNORED = (DOCKER / "Dockerfile.dockerignore").read_text("utf-8")
GATEWAY_SERVICES = ("listener", "worker", "api")
STYLE = "{extends: default, rules: {line-length: {max: 120}, braces: {max-spaces-inside: 1}}}"
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]*\}")
SECRET_NAME = re.compile("PASSWORD|SECRET|TOKEN|USERS|URL")


def instructions(name, text=DOCKERFILE):
    joined = text.replace("\\\n", " ")
    return [line.split(None, 1)[1] for line in joined.splitlines() if line.split(" ")[0] == name]


def images(text=DOCKERFILE, compose=COMPOSE):
    built = [line.split(" ")[0] for line in instructions("FROM", text)]
    return built + [service["image"] for service in compose["services"].values()]


def copied():
    return [
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    ]


def literal_secrets(compose):
    """Names of environment values that carry a secret by their name and a literal by their text."""
    found = []
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            rest = re.sub(r"https?://[a-z]+:\d+$", "", str(value))
            if SECRET_NAME.search(name) and rest and not REQUIRED.search(rest):
                found.append(name)
    return found


def pinned(image):
    tag = image.partition(":")[2]
    return bool(re.search(r"\d+\.\d+", tag)) and "latest" not in tag


def test_the_compose_file_is_tidy_yaml():
    assert [str(problem) for problem in linter.run(COMPOSE_TEXT, YamlLintConfig(STYLE))] == []


def test_every_image_is_pinned_to_a_version():
    assert images()
    assert [image for image in images() if not pinned(image)] == []


@pytest.mark.parametrize("loose", ["postgres", "postgres:latest", "postgres:17", "python:slim"])
def test_the_pin_check_can_fail(loose):
    assert not pinned(loose)


def test_the_image_runs_as_a_user_without_rights():
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    last = DOCKERFILE.rindex("\nUSER ")
    assert "\nRUN " not in DOCKERFILE[last:]


def test_everything_that_is_copied_exists_and_enters_the_build():
    allowed = {line[1:] for line in IGNORED.splitlines() if line.startswith("!")}
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source in allowed, source
    assert allowed == set(copied())


def test_nothing_else_enters_the_build():
    lines = [line for line in IGNORED.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"


def test_every_package_that_is_shipped_is_copied():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= set(copied())
    assert project["project"]["version"] in COMPOSE["services"]["api"]["image"]


def test_the_lock_file_bounds_the_installation():
    assert any("--constraint requirements.lock" in line for line in instructions("RUN"))


def test_no_password_is_written_down():
    assert literal_secrets(COMPOSE) == []
    assert set(REQUIRED.findall(COMPOSE_TEXT)) == {"POSTGRES_PASSWORD", "ORTHANC_PASSWORD"}
    assert not re.search(r"\$\{\w*PASSWORD(:?-[^}]*)?\}", COMPOSE_TEXT), "a password must not have a default"


def test_the_password_check_can_fail():
    for value in ("orthanc", "${POSTGRES_PASSWORD:-postgres}", "postgresql://u:p@postgres:5432/x"):
        assert literal_secrets({"services": {"x": {"environment": {"A_PASSWORD": value}}}}) == ["A_PASSWORD"]


@pytest.mark.parametrize("name", GATEWAY_SERVICES)
def test_each_service_runs_a_command_the_program_knows(name, capsys):
    command, flag, path = COMPOSE["services"][name]["command"]
    assert (flag, path) == ("--config", "/etc/stroke-gateway/gateway.toml")
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert flag in capsys.readouterr().out


@pytest.mark.parametrize("name", GATEWAY_SERVICES)
def test_gateway_services_hold_no_privileges(name):
    service = COMPOSE["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_archive_and_database_are_reachable_from_inside_only():
    for name in ("orthanc", "postgres"):
        assert COMPOSE["services"][name]["networks"] == ["inside"]
        assert "ports" not in COMPOSE["services"][name]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_everything_that_must_not_be_lost_lies_on_a_named_volume():
    named = {
        volume.split(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service["volumes"]
        if not volume.startswith(".")
    }
    assert named == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", ["listener", "api", "orthanc", "postgres"])
def test_each_service_that_answers_has_a_health_check(name):
    assert COMPOSE["services"][name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_services_wait_for_what_they_need():
    for service in COMPOSE["services"].values():
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in COMPOSE["services"][needed]


@pytest.mark.parametrize("password", ["0123456789", "a1b2c3", "true"])
@pytest.mark.parametrize("name", GATEWAY_SERVICES)
def test_the_program_accepts_file_and_environment_of_the_containers(name, password):
    environment = {
        key: REQUIRED.sub(password, value) for key, value in COMPOSE["services"][name]["environment"].items()
    }
    config = load(DOCKER / "gateway.toml", environment)
    assert config.orthanc.password == password
    assert config.orthanc.url == "http://orthanc:8042"
    assert config.database.url == f"postgresql://stroke:{password}@postgres:5432/stroke"
    assert str(config.site.data_dir) == "/var/lib/stroke-gateway"
    assert (config.dicom.port, config.http.port) == (11112, 8000)


def test_the_archive_accepts_the_user_the_gateway_logs_on_with():
    users = json.loads(COMPOSE["services"]["orthanc"]["environment"]["ORTHANC__REGISTERED_USERS"])
    assert set(users) == {COMPOSE["services"]["worker"]["environment"]["STROKE_GATEWAY__ORTHANC__USERNAME"]}


def test_the_commented_examples_are_valid_configuration(tmp_path):
    text = (DOCKER / "gateway.toml").read_text("utf-8")
    with_examples = re.sub(r"(?m)^# (?=\[\[|\w+ = )", "", text)
    assert with_examples != text
    (tmp_path / "gateway.toml").write_text(with_examples, "utf-8")
    config = load(tmp_path / "gateway.toml", {})
    assert config.alerts.levels
    assert config.emr.destinations
