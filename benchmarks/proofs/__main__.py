"""``python -m benchmarks.proofs [--short] [PART ...]`` prints what was found beside its bound."""

import argparse
import sys
from collections.abc import Callable, Mapping

import structlog
from playwright.sync_api import Browser, sync_playwright

from benchmarks.proofs import accessible, canary, hostile
from benchmarks.proofs.table import Row, drawn
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS

SHORT = 400
"""Strings of a short run."""

PARTS: Mapping[str, Callable[[Browser, bool], list[Row]]] = {
    "hostile": lambda browser, short: hostile.prove(browser, *((SHORT, SHORT) if short else ())),
    "accessible": lambda browser, short: accessible.prove(browser, short=short),
    "canary": lambda _browser, _short: canary.prove(),
}


def main() -> int:
    """Run the parts that were asked for; the exit code is 1 where a bound is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proofs", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--short", action="store_true", help=f"{SHORT} strings, the main pages")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    rows: list[Row] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        for part in given.parts or PARTS:
            rows += PARTS[part](browser, given.short)
        browser.close()
    sys.stdout.write(drawn(rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
