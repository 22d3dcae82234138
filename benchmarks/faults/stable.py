"""Starts listeners quickly, many times: the modules are loaded once, and each start is a fork that runs the command line.

``python -m benchmarks.faults.stable`` reads one JSON object a line, {"argv", "mutant", "log"}, and answers with the
process id. What it starts is what ``stroke-gateway listener`` starts, from the same function.
"""

import json
import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

PRELOADED = "gateway.listener"
"""What the command loads when it runs: loaded before the fork instead."""


def forget_files() -> None:
    """A mutant that never syncs a file."""
    _sync_only(stat.S_ISDIR)


def forget_directories() -> None:
    """A mutant that never syncs a directory."""
    _sync_only(stat.S_ISREG)


def _sync_only(wanted: Callable[[int], bool]) -> None:
    for name in ("fsync", "fdatasync"):
        real = getattr(os, name)

        def replaced(file: Any, real: Callable[[Any], None] = real) -> None:
            descriptor = file if isinstance(file, int) else file.fileno()
            if wanted(os.fstat(descriptor).st_mode):
                real(descriptor)

        setattr(os, name, replaced)


def forget_recovery() -> None:
    """A mutant that does not look for datasets whose row the power cut took."""
    import_module(PRELOADED).recover = lambda *_: 0  # type: ignore[attr-defined]


MUTANTS: dict[str, Callable[[], None]] = {
    "no sync of files": forget_files,
    "no sync of directories": forget_directories,
    "no recovery of rows": forget_recovery,
}
"""Faults that a power cut must reveal."""


def start(argv: Sequence[str], mutant: str | None, log: str) -> int:
    """Fork a process that runs the command line; returns its number in the parent only."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (0, 1):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        os.dup2(descriptor, 2)
        if mutant:
            MUTANTS[mutant]()
        code = import_module("gateway.cli").main(argv)
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Start what is asked for until nobody asks any more; then end what is left."""
    import_module(PRELOADED)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need nobody to wait for them
    children = []
    for line in sys.stdin:
        asked = json.loads(line)
        child = start(asked["argv"], asked["mutant"], asked["log"])
        children = [handle for handle in children if _is_alive(handle)]
        with suppress(ProcessLookupError):
            children.append(os.pidfd_open(child))
        print(child, flush=True)
    for handle in children:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)


def _is_alive(handle: int) -> bool:
    """Whether a process has not ended; the handle of one that has is closed."""
    if select.select([handle], [], [], 0)[0]:
        os.close(handle)
        return False
    return True


if __name__ == "__main__":
    main()
