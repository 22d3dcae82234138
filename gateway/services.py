"""The services of a gateway by name, and how one is served: in a process of its own, or forked from one that has loaded it."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from gateway import logs
from gateway.config import Config
from gateway.storage import volume
from triage.errors import ConfigError

USAGE_EXIT = 2
"""Of a process that refuses its configuration, or its command line."""

SERVICES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "run": (
            "gateway.supervisor",
            "everything on this machine: listener, worker, api and, unless configured, Orthanc",
        ),
        "listener": (
            "gateway.listener",
            "DICOM listener: images into the durable spool, storage commitment, query and retrieve",
        ),
        "hl7": ("gateway.orders.service", "orders and patients by HL7 v2 over MLLP"),
        "worker": ("gateway.worker", "workflows: forward, analyse, alert, publish, EMR"),
        "api": ("gateway.api.server", "console, REST, metrics, viewer and DICOMweb on one origin"),
    }
)
"""Service to the module whose ``run`` does it, and what it does. By name, so that a process loads only what it needs."""


def runner(module: str) -> Callable[..., Any]:
    """The ``run`` of a module, which is loaded now."""
    return import_module(module).run  # type: ignore[no-any-return]  # every module of the tables has a `run`


def open_site(name: str, config: Config) -> None:
    """What every process does first: say who it is in its log, and look whether the data are where they were.

    Raises
    ------
    ConfigError
        The volume of the data is missing or another one.
    """
    logs.configure(config.logging.level, name)
    volume.claim(config.site.data_dir, require_mount=config.storage.require_mount)


def serve(name: str, config: Config) -> int:
    """Be a service until it is told to stop; returns the exit code."""
    try:
        open_site(name, config)
        runner(SERVICES[name][0])(config)
    except ConfigError as exc:
        return refused(exc)
    return 0


def refused(exc: ConfigError) -> int:
    """Say on stderr what is wrong with the configuration; returns the exit code."""
    sys.stderr.write(f"stroke-gateway: {exc}\n")
    sys.stderr.flush()
    return USAGE_EXIT
