"""``stroke-gateway models``: which model does which task, and whether a model keeps its contract."""

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

from gateway.models_settings import ModelSettings
from models.card_text import RESEARCH_USE, facts
from models.conformance import CARD, Row, examine
from models.contracts import TASKS
from models.perfusion import measured
from models.registry import verify_all
from models.shelves import Installed, Origin, Shelf, by_task, distribution, of_site
from models.spec import Task
from triage.errors import ConfigError

NOT_MET_EXIT = 2
NO_MODEL = "no model installed"
VERDICT = {True: "met", False: "NOT MET", None: ""}


def run(settings: ModelSettings, arguments: Namespace) -> int:
    """Do what the verb says; returns the exit code.

    Raises
    ------
    ConfigError
        A model cannot be used; the message names the file and what to do.
    """
    if arguments.verb == "list":
        return _list(settings, arguments.threads)
    chosen = _chosen(arguments.path) if arguments.path else tuple(by_task(settings.folder).values())
    return max([_check(model, settings, arguments.threads) for model in chosen])


def _list(settings: ModelSettings, threads: int) -> int:
    installed = by_task(settings.folder)
    opened = verify_all(settings.folder, threads, settings.providers)
    rows = [("task", "model", "version", "from", "provider")]
    for task in TASKS:
        if model := opened.get(task):
            spec, origin = model.spec, installed[task].shelf.origin
            rows.append((task, spec.name, spec.version, origin, model.provider))
        else:
            rows.append((task, NO_MODEL, "", "", ""))
    _print_table(rows)
    for task, contract in TASKS.items():
        if task in opened and installed[task].shelf.origin is Origin.SITE:
            sys.stdout.write(f"\n{task}, brought by this site: {contract.reading}.")
    if Task.DECONVOLUTION in opened:
        sys.stdout.write(f"\nDeconvolution: {measured(threads, tuple(settings.providers))}.")
    sys.stdout.write(f"\n{RESEARCH_USE}\n")
    return 0


def _chosen(path: Path) -> tuple[Installed, ...]:
    """Models of a folder, or the one of a weights file; the manifest lies in the folder.

    Raises
    ------
    ConfigError
        There is no manifest, or none of its entries is for the file.
    """
    if not path.exists():
        raise ConfigError(f"{path} does not exist; name a folder with manifest.toml, or a weights file in it")
    shelf = _shelf(path.resolve() if path.is_dir() else path.resolve().parent)
    models = shelf.models()
    if path.is_dir() or path.suffix == ".toml":
        return models
    named = tuple(model for model in models if model.spec.file == path.name)
    if not named:
        raise ConfigError(
            f"{shelf.manifest} has no entry for {path.name}; add one, with file = {path.name!r}"
        )
    return named


def _shelf(folder: Path) -> Shelf:
    ours = distribution()
    is_ours = folder in {Path(str(place)).resolve() for place in (ours.weights, ours.manifest.parent)}  # type: ignore[attr-defined]
    return ours if is_ours else of_site(folder)


def _check(model: Installed, settings: ModelSettings, threads: int) -> int:
    sys.stdout.write(f"{model.file}\n")
    rows = []
    for row in examine(model, threads, settings.providers):
        rows.append(row)
        sys.stdout.write(_line(row))
    if not _met(row for row in rows if row.check == CARD):
        sys.stdout.write(f"\nPut this into {model.card}, word for word:\n\n{facts(model.spec)}\n")
    met = _met(rows)
    verdict = "keeps its contract" if met else "does not keep its contract"
    sys.stdout.write(f"{model.spec.name} {model.spec.version} {verdict}. {RESEARCH_USE}\n\n")
    return 0 if met else NOT_MET_EXIT


def _met(rows: Iterable[Row]) -> bool:
    return all(row.met is not False for row in rows)


def _line(row: Row) -> str:
    return f"  {row.check:<36}{VERDICT[row.met]:<9}{row.found}\n"


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) + 2 for column in range(len(rows[0]))]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        sys.stdout.write("".join(cells).rstrip() + "\n")
