"""Child processes that never outlive their parent."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from triage.errors import ConfigError

ONE_BLAS_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""For whoever computes: the analysis brings its own threads, and BLAS threads on busy cores only wait for each other
(0.2 s of deconvolution became several seconds)."""

FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}
"""For whoever lives long: glibc gives every thread a heap of its own and rarely gives one back."""

FRAMES_KEPT = 4
"""Innermost frames of a dead child's traceback that are kept for the log."""
_FRAME = re.compile(r'File "(?:.*/)?([^"/]+)", line (\d+), in (\S+)')
_EXCEPTION = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)


def last_words(stderr: bytes) -> str:
    r"""Where a child died and of what, without any message: messages may quote a dataset, and so a person.

    >>> last_words(b'Traceback\n  File "/x/a.py", line 3, in f\n    boom()\nValueError: name is NGUYEN')
    'a.py:3 f, ValueError'
    """
    text = stderr.decode(errors="replace")
    frames = [f"{file}:{line} {function}" for file, line, function in _FRAME.findall(text)]
    after = text[text.rfind('File "') :]
    kinds = [name for name in _EXCEPTION.findall(after) if name.endswith(("Error", "Exception", "Exit"))]
    return ", ".join([*frames[-FRAMES_KEPT:], *kinds[-1:]])


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


def start(
    command: Sequence[str], environment: Mapping[str, str] | None = None, *, told: bool = False
) -> subprocess.Popen[bytes]:
    """Start a long-running child that dies with us; one that is `told` something hears it on its standard input."""
    return subprocess.Popen(
        dying_with_parent(command),
        env={**FEW_HEAPS, **os.environ, **(environment or {})},
        stdin=subprocess.PIPE if told else None,
    )


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
