"""How a report leaves: one outlet for each kind of destination, with a connection that is kept open.

An outlet returns when the receiver has accepted the report. `UnreachableError` means that the destination is away and no
report is at fault; `TemporaryError`, that this one may be tried again under the same control id; `InputError`, that a person
must change something first.

References
----------
RFC 9110 (status codes), RFC 8470, RFC 6585. RFC 2104 (HMAC). The ``Idempotency-Key`` header follows the IETF HTTPAPI draft of
that name. FHIR R4, 3.1.0.11 (transaction).
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import httpx

from dicom_scp.tls import TlsSettings, client_context
from gateway.channels.signature import KEY_HEADER, signed
from gateway.channels.web import TRY_AGAIN
from gateway.emr.bundle import bundle
from gateway.emr.event import body, event
from gateway.emr.mdm import mdm_t02
from gateway.emr.oru import oru_r01
from gateway.emr.report import Report
from gateway.emr.settings import (
    EmrDestination,
    FhirDestination,
    Hl7Destination,
    HttpDestination,
    MdmDestination,
    OruDestination,
    WebhookDestination,
)
from gateway.hl7.mllp import MllpClient, UnreachableError
from triage.errors import ConfigError, InputError, TemporaryError

AWAY = frozenset(
    {
        httpx.codes.BAD_GATEWAY,
        httpx.codes.SERVICE_UNAVAILABLE,
        httpx.codes.GATEWAY_TIMEOUT,
    }
)
"""Answers of something that stands before the receiver, which is away."""

MISCONFIGURED = frozenset(
    {
        httpx.codes.UNAUTHORIZED,
        httpx.codes.FORBIDDEN,
        httpx.codes.NOT_FOUND,
        httpx.codes.METHOD_NOT_ALLOWED,
    }
)
"""Answers that speak of address and credentials: the whole queue waits until a person has mended them."""

LARGEST_ANSWER_BYTES = 4 << 20


class Outlet(Protocol):
    """The way to one destination; for one thread."""

    def send(self, report: Report) -> str:
        """Hand a report over; returns what to note about it."""

    def close(self) -> None:
        """Hang up; the next report calls again."""


class Hl7Outlet:
    """HL7 v2 over MLLP; TLS is set up at the first call, so that mended files serve without a restart."""

    def __init__(self, destination: OruDestination | MdmDestination, now: Callable[[], datetime]) -> None:
        self._destination, self._now = destination, now
        self._client: MllpClient | None = None

    def send(self, report: Report) -> str:
        """Send the message and wait for its acknowledgement."""
        answer = self._reached().send(written(report, self._destination))
        return f"{answer.code} for message {answer.control_id}"

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _reached(self) -> MllpClient:
        where = self._destination
        if self._client is None:
            try:
                tls = _tls(where, self._now())
            except ConfigError as exc:
                raise UnreachableError(str(exc)) from exc
            self._client = MllpClient(where.host, where.port, timeout_s=where.timeout_s, tls=tls)
        return self._client


def _tls(destination: Hl7Destination, now: datetime) -> Any:
    if destination.tls is None:
        return None
    files, named = destination.tls, f"emr.destinations ({destination.name}).tls"
    settings = TlsSettings(files.certificate, files.key, files.authorities, named)
    return client_context(settings, now, check_host=files.check_host)


def written(report: Report, destination: OruDestination | MdmDestination) -> str:
    """The message of a report."""
    if isinstance(destination, MdmDestination):
        return mdm_t02(report, destination)
    return oru_r01(report, destination)


class _HttpOutlet:
    """What outlets to web addresses share."""

    def __init__(self, destination: HttpDestination, **how: Any) -> None:
        self._named = f"medical record {destination.name}"
        self._how = {"timeout": destination.timeout_s, **how}
        self._client: httpx.Client | None = None

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _post(self, url: str, content: bytes, headers: Mapping[str, str]) -> bytes:
        """POST; redirects are not followed, and the answer is read up to a limit."""
        self._client = self._client or httpx.Client(**self._how)
        try:
            with self._client.stream("POST", url, content=content, headers=headers) as answer:
                self._judge(answer.status_code)
                return _read(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            raise UnreachableError(f"{self._named}: {type(exc).__name__}") from exc
        except httpx.HTTPError as exc:
            raise TemporaryError(f"{self._named}: {type(exc).__name__}") from exc

    def _judge(self, status: int) -> None:
        if httpx.codes.is_success(status):
            return
        if status in MISCONFIGURED:
            raise UnreachableError(f"{self._named}: answered {status}; correct its address or credentials")
        if status in AWAY:
            raise UnreachableError(f"{self._named}: answered {status}")
        if status in TRY_AGAIN or httpx.codes.is_server_error(status):
            raise TemporaryError(f"{self._named}: answered {status}")
        raise InputError(f"{self._named}: refused the report with {status}; its own log says why")


def _read(answer: httpx.Response) -> bytes:
    content = bytearray()
    for chunk in answer.iter_bytes():
        content += chunk
        if len(content) > LARGEST_ANSWER_BYTES:
            break
    return bytes(content)


class FhirOutlet(_HttpOutlet):
    """A transaction to a FHIR server."""

    def __init__(self, destination: FhirDestination, _now: Callable[[], datetime]) -> None:
        how: dict[str, Any] = {}
        if destination.token:
            how["headers"] = {"Authorization": f"Bearer {destination.token}"}
        if destination.username:
            how["auth"] = (destination.username, destination.password)
        super().__init__(destination, **how)
        self._destination = destination

    def send(self, report: Report) -> str:
        """POST the transaction and look at what became of every entry."""
        content = json.dumps(bundle(report, self._destination), ensure_ascii=False).encode()
        kind = "application/fhir+json"
        headers = {"Content-Type": f"{kind}; charset=utf-8", "Accept": kind, KEY_HEADER: report.control_id}
        return self._checked(self._post(self._destination.url, content, headers))

    def _checked(self, answer: bytes) -> str:
        """How many entries were created, updated or there already.

        Raises
        ------
        TemporaryError
            The answer is no transaction's.
        InputError
            Some entry was refused.
        """
        try:
            told = json.loads(answer)
            statuses = [str(entry["response"]["status"])[:3] for entry in told["entry"]]
        except (ValueError, LookupError, TypeError) as exc:
            raise TemporaryError(f"{self._named}: the answer is not that of a transaction") from exc
        refused = [number for number, status in enumerate(statuses) if not status.startswith("2")]
        if refused:
            raise InputError(
                f"{self._named}: refused entry {refused[0] + 1} of the transaction with {statuses[refused[0]]}"
            )
        created = statuses.count("201")
        return f"{created} resources created, {len(statuses) - created} updated or known"


class WebhookOutlet(_HttpOutlet):
    """Signed JSON."""

    def __init__(self, destination: WebhookDestination, _now: Callable[[], datetime]) -> None:
        super().__init__(destination)
        self._destination = destination

    def send(self, report: Report) -> str:
        """POST the event, signed, with its control id as idempotency key."""
        content = body(event(report, self._destination))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            **signed(self._destination.secret, report.control_id, content, time.time()),
        }
        self._post(self._destination.url, content, headers)
        return f"accepted under key {report.control_id}"


OUTLETS: Mapping[type[Any], Callable[[Any, Callable[[], datetime]], Outlet]] = {
    OruDestination: Hl7Outlet,
    MdmDestination: Hl7Outlet,
    FhirDestination: FhirOutlet,
    WebhookDestination: WebhookOutlet,
}


def outlet_of(destination: EmrDestination, now: Callable[[], datetime]) -> Outlet:
    """The outlet of a destination."""
    return OUTLETS[type(destination)](destination, now)
