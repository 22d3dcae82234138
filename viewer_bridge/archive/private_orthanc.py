"""A private Orthanc for a machine that has no archive of its own: its configuration and command line.

It answers HTTP from loopback only, takes no DICOM associations unless given a port, and never recycles patients.
Starting and watching the process is the supervisor's job.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from triage.errors import ConfigError, TemporaryError

PROGRAM = Path("/usr/sbin/Orthanc")
DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
"""Where Debian's packages `orthanc` and `orthanc-dicomweb` put them."""

USER = "stroke-gateway"
"""Name under which the gateway logs on when a password is set."""

CONFIGURATION_NAME = "orthanc.json"
OWNER_ONLY = 0o600
"""The file holds a password."""

ENVIRONMENT = {"TCP_NODELAY": "1", "MALLOC_ARENA_MAX": "2"}
"""Debian's dcmtk leaves Nagle's algorithm on, which costs 45 ms for every image received; and its many threads keep an
arena of memory each."""

CACHE_MB = 16
"""Images kept in memory: the operating system keeps the same files, and Orthanc's 128 MB stay when nobody looks."""

HTTP_THREADS = 16
"""Four uploads and a browser full of parallel WADO requests."""

MAXIMUM_PDU_BYTES = 131072

READY_S = 20.0
POLL_S = 0.05
REQUEST_S = 2.0
"""Waiting for Orthanc to answer: in all, between two attempts, and for one attempt."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a supervisor needs to start a process: command line and additional environment."""

    command: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PrivateOrthanc:
    """Settings of one private Orthanc.

    Attributes
    ----------
    directory
        Holds the index (SQLite), the images and the generated configuration.
    http_port
        REST and DICOMweb, loopback only.
    dicom_port
        DIMSE; None switches it off, since Orthanc would accept associations from everywhere.
    password
        Of `USER`; empty means that every local process may use it.
    aet
        Application entity title.
    """

    directory: Path
    http_port: int
    dicom_port: int | None = None
    password: str = field(default="", repr=False)
    aet: str = "ORTHANC"
    program: Path = PROGRAM
    plugin: Path = DICOMWEB_PLUGIN

    @property
    def url(self) -> str:
        """Root of the REST interface."""
        return f"http://127.0.0.1:{self.http_port}"

    def configuration(self) -> dict[str, Any]:
        """Return Orthanc's configuration as plain values."""
        storage = str(self.directory / "archive")
        return {
            "Name": "stroke-gateway",
            "StorageDirectory": storage,
            "IndexDirectory": storage,
            "StorageCompression": False,  # costs ten times the time
            "MaximumStorageSize": 0,  # anything else silently deletes old patients
            "MaximumPatientCount": 0,
            "OverwriteInstances": False,  # a second upload of the same object changes nothing
            "SyncStorageArea": True,
            "MaximumStorageCacheSize": CACHE_MB,
            "DefaultEncoding": "Utf8",  # undeclared text is UTF-8 in Vietnam; Latin-1 drops letters
            "HttpServerEnabled": True,
            "HttpPort": self.http_port,
            "HttpThreadsCount": HTTP_THREADS,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": bool(self.password),
            "RegisteredUsers": {USER: self.password} if self.password else {},
            "KeepAlive": True,
            "TcpNoDelay": True,
            "DicomServerEnabled": self.dicom_port is not None,
            "DicomPort": self.dicom_port or 0,
            "DicomAet": self.aet,
            "DicomCheckCalledAet": False,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowFind": False,
            "DicomAlwaysAllowGet": False,
            "UnknownSopClassAccepted": True,
            "MaximumPduLength": MAXIMUM_PDU_BYTES,
            "StorageAccessOnFind": "Never",
            "ExecuteLuaEnabled": False,
            "LimitFindResults": 0,
            "LimitFindInstances": 0,
            "Plugins": [str(self.plugin)],
            "DicomWeb": {
                "Enable": True,
                "Root": "/dicom-web/",
                "EnableWado": True,
                "WadoRoot": "/wado",
                "Ssl": False,
                "StudiesMetadata": "Full",
                "SeriesMetadata": "Full",
            },
        }

    def prepare(self) -> Launch:
        """Write the configuration and return how to start Orthanc with it.

        Raises
        ------
        ConfigError
            The program or its DICOMweb plugin is not installed.
        """
        for thing, package in ((self.program, "orthanc"), (self.plugin, "orthanc-dicomweb")):
            if not thing.is_file():
                raise ConfigError(
                    f"{thing} is missing: install the Debian package {package}, or configure an Orthanc URL"
                )
        (self.directory / "archive").mkdir(parents=True, exist_ok=True)
        path = self.directory / CONFIGURATION_NAME
        _write_private(path, json.dumps(self.configuration(), indent=2))
        return Launch((str(self.program), str(path)), ENVIRONMENT)

    def wait_until_ready(self, limit_s: float = READY_S) -> None:
        """Return when Orthanc answers, DICOMweb included.

        Raises
        ------
        TemporaryError
            It does not answer within `limit_s`.
        """
        deadline = time.monotonic() + limit_s
        credentials = httpx.BasicAuth(USER, self.password) if self.password else None
        with httpx.Client(auth=credentials, timeout=REQUEST_S, trust_env=False) as client:
            while not _answers(client, f"{self.url}/dicom-web/studies?limit=1"):
                if time.monotonic() > deadline:
                    raise TemporaryError(
                        f"Orthanc at {self.url} does not answer after {limit_s:g} s; see its log"
                    )
                time.sleep(POLL_S)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.TransportError:
        return False


def _write_private(path: Path, text: str) -> None:
    """Write a file that nobody else could read at any moment."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
