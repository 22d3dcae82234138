"""The page about alerts: its configuration loads, and what it says of the signature is what is sent."""

import re
import tomllib
from pathlib import Path

from gateway.alerts.wording import TEXTS
from gateway.channels import signature
from gateway.channels.sending import LIMIT_S, check
from gateway.channels.site import ChannelSite
from gateway.channels.target import Target
from gateway.config import Config
from gateway.team.contacts import ChannelKind
from viewer_bridge.pages.alert_picture import MOST_BYTES
from viewer_bridge.report.wording.language import Language

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")


def test_the_example_loads_and_names_channels_that_could_deliver(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    config = Config.model_validate(tomllib.loads(example))
    targets = [
        Target(ChannelKind.EMAIL, "le@hospital.example"),
        Target(ChannelKind.MQTT, "doctors/le"),
        Target(ChannelKind.ZALO, "+84 912 345 678"),
        *(Target(ChannelKind.APPRISE, url) for level in config.alerts.levels for url in level.apprise),
        *(
            Target(ChannelKind.WEBHOOK, one.url, one.secret)
            for level in config.alerts.levels
            for one in level.webhooks
        ),
    ]
    with ChannelSite(config.channels, tmp_path) as site:
        for target in targets:
            check(target, site)
    assert len(targets) == 6


def test_the_page_says_what_the_code_does():
    for name in (
        signature.TIMESTAMP_HEADER,
        signature.NONCE_HEADER,
        signature.KEY_HEADER,
        signature.SIGNATURE_HEADER,
    ):
        assert f"`{name}`" in PAGE
    assert f"`{signature.SCHEME}`" in PAGE
    assert f"{signature.WINDOW_S} s away" in PAGE
    assert f"Every sender has {LIMIT_S:g} s" in PAGE
    assert f"never more than {MOST_BYTES // 1000} kB" in PAGE
    words = TEXTS[Language.VIETNAMESE]
    for key in ("revised", "escalated", "repeat", "recalled_withdrawn"):
        assert f"`{words[key].split(':')[0]}`" in PAGE
    assert words["disclaimer"] in PAGE
