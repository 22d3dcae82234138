"""``python -m benchmarks.faults [--short | --long] [--only PART ...]``: try everything, print one table, exit 1 when a bound was missed."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults import abuse, corpus, disk_faults, disks, fuzz, giant, hostile, kills, power_cuts
from benchmarks.faults.house import STRACE, Stable, a_stable
from benchmarks.faults.report import Row, failures, print_table

Part = Callable[[Stable, Path, bool], list[Row]]

PARTS: dict[str, Part] = {
    "kills": lambda stable, folder, is_long: kills.rows(stable, folder, is_long=is_long),
    "power": lambda stable, folder, is_long: power_cuts.rows(stable, folder, is_long=is_long),
    "disks": lambda stable, folder, is_long: disk_faults.rows(stable, folder, is_long=is_long),
    "peers": lambda stable, folder, is_long: abuse.rows(stable, folder, is_long=is_long),
    "content": lambda _stable, folder, is_long: hostile.rows(folder, is_long=is_long),
    "giant": lambda _stable, folder, is_long: giant.rows(folder) if is_long else [],
}
REASONS: dict[str, Callable[[], str]] = {
    "kills": lambda: "" if STRACE else "strace is not installed",
    "power": disks.why_no_fuse,
}
"""Why a part cannot be tried here, where that is so."""


def main() -> int:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--short", action="store_true", help="what the tests do (default)")
    length.add_argument(
        "--long", action="store_true", help="every kill point, 200 cuts, 100,000 bent messages"
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS)
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # disks are to be unmounted, listeners to be ended
    rows: list[Row] = []
    for name in options.only:
        if reason := REASONS.get(name, str)():
            print(f"{name}: not tried, {reason}", file=sys.stderr)
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="faults-") as folder, a_stable() as stable:
            found = PARTS[name](stable, Path(folder), options.long)
        rows += found
        print(f"{name}: {len(found)} lines in {time.monotonic() - start:.0f} s", file=sys.stderr)
    if "content" in options.only and options.long and (reason := corpus.why_no_folder()):
        print(f"content: {reason}", file=sys.stderr)
    print(f"seeds: power {power_cuts.SEED}, peers {fuzz.SEED}, content {hostile.SEEDS}", file=sys.stderr)
    print_table(rows)
    return 1 if failures(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
