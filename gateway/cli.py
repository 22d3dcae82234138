"""The command line: ``stroke-gateway run|listener|hl7|worker|api|retry|runs|orders|emr|statistics|people|models|triage``.

Exit codes: 0 done, 2 wrong usage or configuration, 3 not analysed.
"""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.config import Config, load
from gateway.emr.arguments import declare as declare_emr
from gateway.identity.arguments import declare as declare_people
from gateway.processes import ONE_BLAS_THREAD
from gateway.services import SERVICES, open_site, refused, runner, serve
from gateway.statistics.arguments import declare as declare_statistics
from triage.errors import ConfigError
from viewer_bridge.report.wording.language import Language

RUNS = "gateway.runs.command"
ORDERS = "gateway.orders.command"
EMR = "gateway.emr.command"
STATISTICS = "gateway.statistics.command"
PEOPLE = "gateway.identity.command"
RETRY = "gateway.storage.retrying"
GROUPS: Mapping[str, str] = {
    "runs": RUNS,
    "orders": ORDERS,
    "emr": EMR,
    "statistics": STATISTICS,
    "people": PEOPLE,
}
"""Commands with verbs of their own, which get the configuration."""
MODELS = "gateway.models_command"
TRIAGE = "gateway.offline"


def parser() -> ArgumentParser:
    """The grammar of the command line."""
    top = ArgumentParser(prog="stroke-gateway", description="Research use. Not for primary diagnosis.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, text) in SERVICES.items():
        service = commands.add_parser(name, help=text, description=text)
        _add_site(service)
        service.add_argument("--dicom-port", type=int, metavar="N", help="DICOM port (default 11112)")
        service.add_argument("--http-port", type=int, metavar="N", help="HTTP port (default 8000)")
    text = "list the objects that are held back from the archive, or let them be tried again"
    retry = commands.add_parser("retry", help=text, description=text)
    _add_site(retry)
    chosen = retry.add_mutually_exclusive_group()
    chosen.add_argument(
        "digests",
        nargs="*",
        default=[],
        metavar="DIGEST",
        help="the beginning of an object's digest, as listed",
    )
    chosen.add_argument("--all", action="store_true", help="every object that is held back")
    text = "list the runs of the workflows, let one run again, or give it up"
    _add_runs(commands.add_parser("runs", help=text, description=text))
    text = "how the destinations of results fare, pause and resume, and a preview of what one is sent"
    declare_emr(commands.add_parser("emr", help=text, description=text), _add_site)
    text = "figures of a month for the health department, and a row a case for a registry"
    declare_statistics(commands.add_parser("statistics", help=text, description=text), _add_site)
    text = "accounts: list, add, disable, enable, reset; above all the first administrator's"
    declare_people(commands.add_parser("people", help=text, description=text), _add_site)
    text = "list the messages of orders and patients, look at one, or apply it again"
    _add_orders(commands.add_parser("orders", help=text, description=text))
    text = "which model does which task, and whether a model keeps its contract"
    _add_models(commands.add_parser("models", help=text, description=text))
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
        "--aligned",
        action="store_true",
        help="with --out: write the motion-corrected series and its maximum over time as well",
    )
    triage.add_argument(
        "--language",
        choices=[language.value for language in Language],
        default=Language.VIETNAMESE.value,
        help="of the PDF report among the DICOM objects (default vi)",
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


def _add_runs(command: ArgumentParser) -> None:
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "runs, youngest first: key, workflow, state, lane"
    listing = verbs.add_parser("list", help=text, description=text)
    chosen = listing.add_mutually_exclusive_group()
    for kind, text in (("dead", "those that want a person, and why"), ("stuck", "those that stand still")):
        chosen.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=text)
    text = "run again under the same key, from the step that failed"
    replay = verbs.add_parser("replay", help=text, description=text)
    text = "give a run up: nothing tries it again by itself"
    cancel = verbs.add_parser("cancel", help=text, description=text)
    for verb in (listing, replay, cancel):
        _add_site(verb)
    for verb in (replay, cancel):
        verb.add_argument("key", metavar="KEY", help="as listed")
    text = "from another step; the first is 1"
    replay.add_argument("--from-step", type=int, metavar="N", help=text)


def _add_orders(command: ArgumentParser) -> None:
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "messages, youngest first: number, time, state, type, sender, reason"
    listing = verbs.add_parser("list", help=text, description=text)
    text = "those that were refused and want a person"
    listing.add_argument("--refused", action="store_true", help=text)
    text = "a message as it came, with the person in it"
    show = verbs.add_parser("show", help=text, description=text)
    text = "apply a kept message again"
    replay = verbs.add_parser("replay", help=text, description=text)
    for verb in (listing, show, replay):
        _add_site(verb)
    for verb in (show, replay):
        verb.add_argument("number", type=int, metavar="NUMBER", help="as listed")


def _add_models(command: ArgumentParser) -> None:
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "every task, with its model and where it is computed"
    listing = verbs.add_parser("list", help=text, description=text)
    text = "verify a model, run it on made-up scans of several grids, and say what is wrong with it"
    check = verbs.add_parser("check", help=text, description=text)
    text = "a folder with manifest.toml, or a weights file in it; without it, every installed model"
    check.add_argument("path", type=Path, nargs="?", metavar="FILE", help=text)
    for verb in (listing, check):
        _add_site(verb)
        verb.add_argument("--threads", type=int, default=2, metavar="N", help="of a model (default 2)")


def _add_site(command: ArgumentParser) -> None:
    command.add_argument("--config", type=Path, metavar="FILE", help="TOML configuration")
    command.add_argument("--data-dir", type=Path, metavar="DIR", help="where everything is kept")


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
        ("dicom", "port"): getattr(arguments, "dicom_port", None),
        ("http", "port"): getattr(arguments, "http_port", None),
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
            return int(runner(TRIAGE)(arguments))
        config = configuration(arguments, os.environ)
        if arguments.command == "models":
            os.environ.update(ONE_BLAS_THREAD)
            return int(runner(MODELS)(config.models, arguments))
        if arguments.command in SERVICES:
            return serve(arguments.command, config)
        open_site(arguments.command, config)
        if arguments.command == "retry":
            return int(runner(RETRY)(config, arguments.digests, everything=arguments.all))
        return int(runner(GROUPS[arguments.command])(config, arguments))
    except ConfigError as exc:
        return refused(exc)


if __name__ == "__main__":
    sys.exit(main())
