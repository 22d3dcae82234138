"""``python -m gateway.jobs.analyst [MODELS [PROVIDER ...]]``: analyses that begin before their last image.

This process loads everything once and then only forks: each line that its owner hands over gets a child, which is warm
from its first moment, works on one case and ends. A child hears its line on a thread of its own, so it ends as soon as
its owner has.

Orders are JSON, one a line: ``{"prepare": [PATHS]}`` for images that have come, and a last one that is answered by
``{"failure": WORDS}``. It is ``{"analyse": ORDER}``, answered without words when the result is on disk, or
``{"answer": true}``, which asks whether the models can be used.
"""

import gc
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

from gateway import casefolder, findings
from gateway.analysis import Models, analyse_files, load_models, remarked
from gateway.jobs.orders import ALERT_PICTURE, PICTURES, AnalyseOrder
from gateway.processes import die_with, last_words
from gateway.rehearsal import Rehearsal
from models.perfusion import measured
from models.providers import CPU_ONLY
from triage.errors import ConfigError
from triage.types import Analysis
from viewer_bridge.pages.alert_picture import alert_picture

LONGEST_DRAWING_S = 20
"""The alert's picture takes a twentieth of a second; whoever takes longer hangs, and is ended."""


class Analyst:
    """One case, from its first images to its result."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._orders: Queue[dict[str, Any]] = Queue()
        self._rehearsal = Rehearsal()
        self._is_free = threading.Event()
        self._analysed: tuple[Analysis, Path] | None = None

    def attend(self, line: socket.socket) -> None:
        """Work until something is to be answered; then draw what nobody waits for."""
        threading.Thread(target=self._listen, args=(line,), daemon=True).start()
        while "prepare" in (order := self._next()):
            self._rehearsal.take(map(Path, order["prepare"]))
        failure = self._analyse(AnalyseOrder(**order["analyse"])) if "analyse" in order else ""
        self._is_free.set()
        _answer(line, failure)
        if self._analysed is not None:
            signal.alarm(LONGEST_DRAWING_S)
            _draw(*self._analysed)

    def _listen(self, line: socket.socket) -> None:
        with line.makefile("rb") as orders:
            for order in orders:
                self._orders.put(json.loads(order))
        if not self._is_free.is_set():
            os._exit(1)  # the owner is gone, and nobody else wants this

    def _next(self) -> dict[str, Any]:
        """The next order; until one comes, what is there is worked on."""
        while True:
            try:
                return self._orders.get(block=not self._rehearsal.has_work)
            except Empty:
                self._rehearsal.work()

    def _analyse(self, order: AnalyseOrder) -> str:
        """Analyse and save; the folder appears when everything is in it. Returns where it failed, without any value."""
        try:
            analysis = analyse_files(
                [Path(path) for path in order.paths],
                order.study_uid,
                order.series_uid,
                order.threads,
                rehearsal=self._rehearsal,
                models=self._models,
            )
            told, folder = remarked(analysis, order.remarks), Path(order.folder)
            with casefolder.appearing(folder) as scratch:
                findings.save(told, scratch)
            self._analysed = told, folder
        except Exception:  # noqa: BLE001 - told to the owner, who decides
            return last_words(traceback.format_exc().encode())
        return ""


def _draw(analysis: Analysis, folder: Path) -> None:
    """Draw the alert's picture into the folder of the result, whole or not at all."""
    content = alert_picture(analysis)
    if content is None:
        return
    pictures = folder / PICTURES
    pictures.mkdir(exist_ok=True)
    scratch = pictures / f".{ALERT_PICTURE}.{os.getpid()}"
    scratch.write_bytes(content)
    scratch.rename(pictures / ALERT_PICTURE)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the owner wants: the folder of the site's models, and where they may be computed."""

    site: Path | None
    providers: tuple[str, ...]

    @classmethod
    def by(cls, arguments: Sequence[str]) -> Self:
        """Read the command line; an empty folder is none."""
        folder, *providers = arguments or ("",)
        return cls(Path(folder) if folder else None, tuple(providers) or CPU_ONLY)

    def measure(self, threads: int) -> None:
        """Find out which deconvolution is faster here, once for all children; a wrong model is theirs to tell."""
        with suppress(ConfigError):
            measured(threads, self.providers)


def _begin(line: socket.socket, threads: int, chosen: Chosen, parent: int) -> None:
    """The life of a child; its owner gets a handle by which it can always be ended."""
    die_with(parent)
    socket.send_fds(line, [b"!"], [os.pidfd_open(os.getpid())])
    try:
        models = load_models(threads, chosen.site, chosen.providers)
    except ConfigError as exc:
        _answer(line, str(exc))
        return
    Analyst(models).attend(line)


def _answer(line: socket.socket, failure: str) -> None:
    line.sendall(json.dumps({"failure": failure}).encode() + b"\n")


def main() -> None:
    """Fork a child for every line that comes through standard input, until that closes."""
    chosen, ourselves = Chosen.by(sys.argv[1:]), os.getpid()
    door = socket.socket(fileno=0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a child ended: its line tells
    gc.freeze()
    while True:
        word, handles, *_ = socket.recv_fds(door, 1, 1)
        if not word:
            return
        chosen.measure(threads=word[0])
        if os.fork() == 0:
            door.close()
            try:
                _begin(socket.socket(fileno=handles[0]), threads=word[0], chosen=chosen, parent=ourselves)
            except Exception:  # noqa: BLE001 - whatever it is, the owner hires another, and somebody should read of it
                where = last_words(traceback.format_exc().encode())
                sys.stderr.write(f"an analyst died: {where}\n")
            finally:
                sys.stderr.flush()
                os._exit(0)
        os.close(handles[0])


if __name__ == "__main__":
    main()
