"""Requests to services on the web, over connections that are kept open; redirects are never followed.

Times of a request count together: each wait for the other side gets what is left of the caller's `limit.leash`.
"""

import base64
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from gateway.channels.limit import leash
from triage.errors import InputError, TemporaryError

MOST_CONNECTIONS = 64
MOST_KEPT = 32
KEPT_S = 20.0
"""Servers hang up idle connections after a while; ours hang up first."""

OUR_NAME = "stroke-gateway"

LONGEST_ANSWER_BYTES = 64 * 1024

TRY_AGAIN = frozenset({408, 425, 429})
"""The 4xx answers that speak of now and not of the message (RFC 9110, RFC 8470, RFC 6585)."""

BROKEN = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)
"""A kept connection may have been hung up meanwhile: that is tried once more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; `body` is cut at 64 KiB."""

    status: int
    body: bytes

    @property
    def accepted(self) -> bool:
        """Whether it is a 2xx."""
        return httpx.codes.is_success(self.status)

    @property
    def is_failure(self) -> bool:
        """Whether the server itself is in trouble; 501 says only that it does not know what was asked."""
        return httpx.codes.is_server_error(self.status) and self.status != httpx.codes.NOT_IMPLEMENTED

    def judge(self, receiver: str, remedy: str) -> None:
        """Raise unless it was accepted: `TemporaryError` for now, `InputError` for good."""
        if self.accepted:
            return
        if self.status in TRY_AGAIN or httpx.codes.is_server_error(self.status):
            raise TemporaryError(f"{receiver}: answered {self.status}")
        raise InputError(f"{receiver}: refused with {self.status}; {remedy}")


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends with the time of whoever waits."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is."""
        return self._inner.read(max_bytes, self._left_s(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write everything."""
        self._inner.write(buffer, self._left_s(timeout))

    def close(self) -> None:
        """Hang up."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the caller's own time counts
    ) -> httpcore.NetworkStream:
        """Shake hands; the handshake takes the socket over, so a copy of it is held meanwhile."""
        with socket.socket(fileno=os.dup(self._inner.get_extra_info("socket").fileno())) as handle:
            leash().hold(handle)
            try:
                secured = self._inner.start_tls(ssl_context, server_hostname, leash().left_s)
            finally:
                leash().hold(None)
        return _Stream(secured)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._inner.get_extra_info(info)

    def _left_s(self, wanted: float | None) -> float:
        leash().hold(self._inner.get_extra_info("socket"))
        return min(wanted or float("inf"), leash().left_s)


class _Network(httpcore.SyncBackend):
    """Opens connections that keep to the caller's time."""

    def connect_tcp(  # type: ignore[override]  # what else is named is handed on
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the caller's own time counts
        **how: Any,
    ) -> _Stream:
        """Connect."""
        return _Stream(super().connect_tcp(host, port, leash().left_s, **how))


class Web:
    """Pools of connections, one directly and one for each proxy; for all threads."""

    def __init__(self, proxy: str = "") -> None:
        self._proxy = proxy
        self._context = httpx.create_ssl_context()
        self._pools: dict[str, httpcore.ConnectionPool] = {}

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST; raises `TemporaryError` without an answer, which names neither address nor path."""
        return self.ask("POST", url, headers, body)

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Any other request; raises as `post`."""
        for last in (False, True):
            try:
                return self._once(method, url, headers, body)
            except BROKEN as exc:
                if last:
                    raise TemporaryError(type(exc).__name__) from None
            except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as exc:
                raise TemporaryError(type(exc).__name__) from None
            except (httpcore.ProxyError, httpcore.UnsupportedProtocol) as exc:
                raise TemporaryError(type(exc).__name__) from None
        raise AssertionError

    def close(self) -> None:
        """Hang up everywhere."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        where = httpx.URL(url)
        pure = httpcore.URL(
            scheme=where.raw_scheme, host=where.raw_host, port=where.port, target=where.raw_path
        )
        left_s = leash().left_s
        limits = dict.fromkeys(("connect", "read", "write", "pool"), left_s)
        fields = [*_credentials(where), ("User-Agent", OUR_NAME), *headers.items()]
        with self._pool(url).stream(
            method, pure, headers=fields, content=body, extensions={"timeout": limits}
        ) as answer:
            content = bytearray()
            for chunk in answer.iter_stream():
                content += chunk
                if len(content) >= LONGEST_ANSWER_BYTES:
                    break
            return Answer(answer.status, bytes(content[:LONGEST_ANSWER_BYTES]))

    def _pool(self, url: str) -> httpcore.ConnectionPool:
        proxy = self._proxy_for(url)
        return self._pools.get(proxy) or self._pools.setdefault(proxy, self._new_pool(proxy))

    def _proxy_for(self, url: str) -> str:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if proxy_bypass(host):
            return ""
        return self._proxy or getproxies().get(parts.scheme, "")

    def _new_pool(self, proxy: str) -> httpcore.ConnectionPool:
        how: dict[str, Any] = {
            "ssl_context": self._context,
            "max_connections": MOST_CONNECTIONS,
            "max_keepalive_connections": MOST_KEPT,
            "keepalive_expiry": KEPT_S,
            "network_backend": _Network(),
        }
        return httpcore.HTTPProxy(proxy, **how) if proxy else httpcore.ConnectionPool(**how)


def _credentials(where: httpx.URL) -> Iterator[tuple[str, str]]:
    """A name and password that stand in the address."""
    if where.userinfo:
        pair = f"{where.username}:{where.password}".encode()
        yield "Authorization", f"Basic {base64.b64encode(pair).decode()}"


def usable(url: str) -> bool:
    """Whether a URL can be asked at all.

    >>> usable("https://hook.example/x"), usable("http://[bad"), usable("https://h:99999/"), usable("ftp://h/")
    (True, False, False, False)
    """
    try:
        parts = urlsplit(url)
        httpx.URL(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        return False
