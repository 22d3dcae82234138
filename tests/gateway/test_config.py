import pytest

from gateway.cli import configuration, main, parser
from gateway.config import load
from triage.errors import ConfigError


def test_file_environment_and_command_line_have_the_last_word_in_this_order(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('[dicom]\nport = 1\nae_title = "SITE"\n[http]\nport = 2\n')
    environment = {"STROKE_GATEWAY__HTTP__PORT": "3", "STROKE_GATEWAY__DICOM__PORT": "4"}
    arguments = parser().parse_args(["run", "--config", str(file), "--dicom-port", "5"])
    config = configuration(arguments, environment)
    assert (config.dicom.port, config.http.port, config.dicom.ae_title) == (5, 3, "SITE")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[dicom]\nprot = 1\n", r"dicom\.prot: unknown key"),
        ("[dikom]\nport = 1\n", r"dikom: unknown key"),
        ("[dicom]\nport = 99999\n", r"dicom\.port"),
        ('[dicom]\nae_title = "LONGER THAN SIXTEEN"\n', r"dicom\.ae_title"),
        ('[[alerts.levels]]\nname = "a"\nwebhooks = [{ url = "http://x", secret = "short" }]\n', r"secret"),
        ('[viewer]\ntemplate = "https://p/{patient_name}"\n', r"viewer template .* may use only"),
        ("[dicom\n", r"gateway\.toml"),
    ],
)
def test_a_wrong_key_is_named(tmp_path, text, named):
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=named):
        load(file, {})


def test_an_unknown_environment_key_is_named():
    with pytest.raises(ConfigError, match=r"dicom\.prot: unknown key"):
        load(None, {"STROKE_GATEWAY__DICOM__PROT": "1"})


def test_a_missing_file_is_named(tmp_path, capsys):
    assert main(["worker", "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err


def test_secrets_do_not_show_in_a_printed_configuration():
    config = load(
        None,
        {
            "STROKE_GATEWAY__ORTHANC__PASSWORD": "a-very-secret-word",
            "STROKE_GATEWAY__ALERTS__LEVELS": '[{ name = "team", apprise = ["ntfy://a-very-secret-word@host/x"] }]',
        },
    )
    assert "a-very-secret-word" not in repr(config)


def test_senders_of_orders_keep_the_clock_of_the_site_unless_they_say_another():
    def zones(**sections):
        config = load(None, {}, sections)
        return config.site.time_zone, config.orders.time_zone

    assert zones() == ("Asia/Ho_Chi_Minh", "Asia/Ho_Chi_Minh")
    assert zones(site={"time_zone": "Europe/Paris"}) == ("Europe/Paris", "Europe/Paris")
    assert zones(site={"time_zone": "UTC"}, orders={"time_zone": "Asia/Tokyo"}) == ("UTC", "Asia/Tokyo")
