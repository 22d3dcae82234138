"""Child processes that never outlive their parent."""

import ctypes
import gc
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from setproctitle import getproctitle, setproctitle

from triage.errors import ConfigError

# The library finds the place of the title by the environment that follows it: before anything there is changed.
getproctitle()

ONE_BLAS_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""For whoever computes: the analysis brings its own threads, and BLAS threads on busy cores only wait for each other
(0.2 s of deconvolution became several seconds)."""

FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}
"""For whoever lives long: glibc gives every thread a heap of its own and rarely gives one back."""

M_ARENA_MAX = -8
"""mallopt(3): the number of heaps, for a process that was not started with the variable."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""

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


class Running(Protocol):
    """A child at work, whether it was started as a program or forked; as `subprocess.Popen` has it."""

    def poll(self) -> int | None:
        """Its exit code, or None while it lives; minus the signal that ended it."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has one; raises subprocess.TimeoutExpired."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


def start(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Running:
    """Start a long-running program that dies with us."""
    return subprocess.Popen(
        dying_with_parent(command), env={**FEW_HEAPS, **os.environ, **(environment or {})}
    )


class Forked:
    """A child that shares the memory of whatever its parent has loaded, and so is there in milliseconds.

    The parent must not have begun any thread, and holds no connection.
    """

    def __init__(self, title: str, work: Callable[[], int]) -> None:
        gc.freeze()  # a collection in the child would touch, and so copy, every page
        self._process = get_context("fork").Process(target=_be, args=(title, work, os.getpid()))
        self._process.start()
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, or None while it lives; minus the signal that ended it."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has one; raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()


def _be(title: str, work: Callable[[], int], parent: int) -> None:
    """The life of a forked child, under a name that an administrator can read."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    die_with(parent)
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, int(FEW_HEAPS["MALLOC_ARENA_MAX"]))
    os.environ.update({**FEW_HEAPS, **os.environ})  # for the programs that it starts
    setproctitle(title)
    sys.exit(work())


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, which may have happened already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


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
