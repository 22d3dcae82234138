"""What the documents say can be configured can be configured."""

import re
import tomllib
from pathlib import Path

import pytest

from gateway.config import Config

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "docs/hospital.md"])
def test_every_configuration_in_a_document_is_accepted(page):
    examples = re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        Config.model_validate(tomllib.loads(example))
