"""Connections to the mail server: a few, kept for a while, and none that outlives the time of whoever uses it."""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.channels.limit import leash
from gateway.channels.settings import Smtp

KEPT_S = 20.0
"""Mail servers hang up after a minute or more of silence."""


class _Caller(smtplib.SMTP):
    """Speaks SMTP; its connection is on the leash of whoever calls, with and without TLS."""

    def __init__(self, settings: Smtp, context: ssl.SSLContext | None) -> None:
        self._context, self._from_first_byte = context, settings.security == "tls"
        self._handle: socket.socket | None = None
        super().__init__(timeout=leash().left_s)
        self._host = settings.host
        try:
            self.connect(settings.host, settings.port)
        except BaseException:
            self.hang_up()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        sock = socket.create_connection((host, port), timeout)
        self._handle = sock.dup()  # TLS takes the socket over; both are one connection
        leash().hold(self._handle)
        if self._from_first_byte and self._context:
            return self._context.wrap_socket(sock, server_hostname=host)
        return sock

    def again(self) -> None:
        """Be on the leash of a new caller."""
        leash().hold(self._handle)
        if self.sock:
            self.sock.settimeout(leash().left_s)

    def hang_up(self) -> None:
        """Close, without a word."""
        self.close()
        if self._handle:
            self._handle.close()
            self._handle = None


class Post:
    """The site's mail server; for all threads, with no more connections than the settings allow."""

    def __init__(self, settings: Smtp) -> None:
        self.settings = settings
        self._room = threading.Semaphore(settings.max_connections)
        self._idle: list[tuple[_Caller, float]] = []
        self._lock = threading.Lock()

    @contextmanager
    def caller(self) -> Iterator[smtplib.SMTP]:
        """Somebody who has greeted the server and logged in; after an error the connection is not used again.

        Raises
        ------
        OSError
            No room in time, or no connection; `smtplib`'s errors and those of TLS are among them.
        """
        if not self._room.acquire(timeout=leash().left_s):
            raise TimeoutError("every connection to the mail server is busy")
        try:
            caller = self._kept() or self._new()
            try:
                yield caller
            except BaseException:
                caller.hang_up()
                raise
            with self._lock:
                self._idle.append((caller, time.monotonic()))
        finally:
            leash().hold(None)
            self._room.release()

    def close(self) -> None:
        """Hang up everywhere."""
        with self._lock:
            callers, self._idle = [caller for caller, _ in self._idle], []
        for caller in callers:
            caller.hang_up()

    def _kept(self) -> _Caller | None:
        """An idle connection that still answers."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                caller, since = self._idle.pop()
            if time.monotonic() - since < KEPT_S:
                with suppress(OSError, smtplib.SMTPException):
                    caller.again()
                    if caller.noop()[0] == OK:
                        return caller
            caller.hang_up()

    def _new(self) -> _Caller:
        settings = self.settings
        context = None if settings.security == "none" else trusting(settings.authorities)
        caller = _Caller(settings, context)
        try:
            caller.ehlo()
            if settings.security == "starttls":
                caller.starttls(context=context)
                caller.ehlo()
            if settings.username:
                caller.login(settings.username, settings.password)
        except BaseException:
            caller.hang_up()
            raise
        return caller


OK = 250


def trusting(authorities: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer towards a server whose certificate names it; raises OSError for a file that is none."""
    context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
