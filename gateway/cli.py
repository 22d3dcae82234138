"""The command line: ``stroke-gateway run|listener|worker|api|triage``.

Exit codes: 0 done, 2 wrong usage or configuration, 3 not analysed.
"""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway import logs
from gateway.config import Config, load
from gateway.processes import ONE_BLAS_THREAD
from triage.errors import ConfigError

USAGE_EXIT = 2

SERVICES: Mapping[str, tuple[str, str]] = {
    "run": (
        "gateway.supervisor",
        "everything on this machine: listener, worker, api and, unless configured, Orthanc",
    ),
    "listener": ("gateway.listener", "DICOM listener: C-ECHO and C-STORE into the durable spool"),
    "worker": ("gateway.worker", "workflows: forward, analyse, alert, publish, EMR"),
    "api": ("gateway.api.server", "console, REST, metrics, viewer and DICOMweb on one origin"),
}
"""Command to the module whose ``run`` does it. By name, so that each process loads only what it needs: the listener
stays small, and native libraries never meet in one process without a reason."""

TRIAGE = "gateway.offline"


def parser() -> ArgumentParser:
    """The grammar of the command line."""
    top = ArgumentParser(prog="stroke-gateway", description="Research use. Not for primary diagnosis.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, text) in SERVICES.items():
        service = commands.add_parser(name, help=text, description=text)
        service.add_argument("--config", type=Path, metavar="FILE", help="TOML configuration")
        service.add_argument("--data-dir", type=Path, metavar="DIR", help="where everything is kept")
        service.add_argument("--dicom-port", type=int, metavar="N", help="DICOM port (default 11112)")
        service.add_argument("--http-port", type=int, metavar="N", help="HTTP port (default 8000)")
    text = "analyse a folder of DICOM files without any server"
    triage = commands.add_parser("triage", help=text, description=text)
    triage.add_argument("path", type=Path, metavar="PATH", help="folder with the study, in any order and mix")
    triage.add_argument(
        "--out", type=Path, metavar="DIR", help="write maps, masks, curves and DICOM objects here"
    )
    triage.add_argument(
        "--json", action="store_true", help="print one JSON object on stdout and nothing else there"
    )
    triage.add_argument(
        "--threads", type=int, default=2, metavar="N", help="threads of the analysis (default 2)"
    )
    triage.add_argument(
        "--aif",
        type=voxel,
        action="append",
        metavar="Z,Y,X",
        help="a voxel of an artery on the working grid (see aif_voxels.csv), repeatable: a second result beside the first",
    )
    return top


def voxel(text: str) -> tuple[int, int, int]:
    """Read the indices of a voxel.

    Raises
    ------
    ArgumentTypeError
        It is not three whole numbers.

    Examples
    --------
    >>> voxel("7,120,96")
    (7, 120, 96)
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise ArgumentTypeError(f"{text!r} is no voxel; write slice, row and column from 0, such as 7,120,96")
    z, y, x = (int(part) for part in parts)
    return z, y, x


def configuration(arguments: Namespace, environment: Mapping[str, str]) -> Config:
    """File, environment and command line, the last word being the command line's."""
    chosen = {
        ("site", "data_dir"): arguments.data_dir,
        ("dicom", "port"): arguments.dicom_port,
        ("http", "port"): arguments.http_port,
    }
    overrides: dict[str, dict[str, Any]] = {}
    for (section, key), value in chosen.items():
        if value is not None:
            overrides.setdefault(section, {})[key] = value
    return load(arguments.config, environment, overrides)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = parser().parse_args(argv)
    try:
        if arguments.command == "triage":
            os.environ.update(ONE_BLAS_THREAD)  # read when numpy is loaded, which is in the next line
            return int(_call(TRIAGE)(arguments))
        config = configuration(arguments, os.environ)
        logs.configure(config.logging.level, arguments.command)
        extra = (arguments.config,) if arguments.command == "run" else ()
        _call(SERVICES[arguments.command][0])(config, *extra)
    except ConfigError as exc:
        sys.stderr.write(f"stroke-gateway: {exc}\n")
        return USAGE_EXIT
    return 0


def _call(module: str) -> Callable[..., Any]:
    return import_module(module).run  # type: ignore[no-any-return]  # every entry of the table has a `run`


if __name__ == "__main__":
    sys.exit(main())
