"""Child processes that never outlive their parent."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from triage.errors import ConfigError

ONE_BLAS_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""For whoever computes: the analysis brings its own threads, and BLAS threads on busy cores only wait for each other
(0.2 s of deconvolution became several seconds)."""

MESSAGE_TAIL = 400
"""Characters of a dead child's last words that are kept for the log."""


def dying_with_parent(command: Sequence[str]) -> list[str]:
    """Prefix a command so that the kernel kills it when the process that started it dies.

    Raises
    ------
    ConfigError
        ``setpriv`` of util-linux is missing.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ConfigError(
            "setpriv (Debian package util-linux) is missing: install it, children must die with us"
        )
    return [setpriv, "--pdeathsig", "KILL", *command]


def start(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a long-running child that dies with us."""
    return subprocess.Popen(dying_with_parent(command), env={**os.environ, **(environment or {})})


def run_to_end(command: Sequence[str], text: str, timeout_s: float, folder: Path) -> None:
    """Run a child to its end, feeding it `text`.

    Raises
    ------
    subprocess.TimeoutExpired, subprocess.CalledProcessError
        It took too long (and was killed), or died; what it said last is in `stderr`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        dying_with_parent(command),
        input=text.encode(),
        env={**os.environ, **ONE_BLAS_THREAD},
        capture_output=True,
        check=True,
        timeout=timeout_s,
    )
