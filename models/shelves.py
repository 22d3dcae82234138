"""Where models lie: in the installed package, or in a folder of the site's own. One manifest each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from models.contracts import check
from models.spec import ModelSpec, Task
from triage.errors import ConfigError

MANIFEST = "manifest.toml"


class Origin(StrEnum):
    """Who answers for a model."""

    DISTRIBUTION = "distribution"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A manifest, the folders of its weights and cards, and what to do when something there is wrong."""

    manifest: Traversable
    weights: Traversable
    cards: Traversable
    origin: Origin
    remedy: str

    def models(self) -> "tuple[Installed, ...]":
        """Read the manifest; nothing is loaded, and every card is held against its model.

        Raises
        ------
        ConfigError
            The manifest cannot be read, a key is missing or unknown, two models share a name or a task, a model does
            not fit the contract of its task, or a card is missing or another model's.
        """
        try:
            tables = tomllib.loads(self.manifest.read_text("utf-8"))["models"]
            specs = [ModelSpec.from_table(table) for table in tables]
            for spec in specs:
                check(spec)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as exc:
            raise ConfigError(f"{self.manifest}: no readable list of models; {self.remedy}") from exc
        except ConfigError as exc:
            raise ConfigError(f"{self.manifest}: {exc}; {self.remedy}") from exc
        for kind in ("name", "task"):
            if len({getattr(spec, kind) for spec in specs}) != len(specs):
                raise ConfigError(f"{self.manifest}: two models share a {kind}; {self.remedy}")
        installed = tuple(Installed(spec, self) for spec in specs)
        for model in installed:
            model.check_card()
        return installed


@dataclass(frozen=True, slots=True)
class Installed:
    """A model and where it lies; not loaded yet."""

    spec: ModelSpec
    shelf: Shelf

    @property
    def file(self) -> Traversable:
        """The weights."""
        return self.shelf.weights / self.spec.file

    @property
    def card(self) -> Traversable:
        """What a person should read before using it."""
        return self.shelf.cards / self.spec.card

    def check_card(self) -> None:
        """Refuse a model without a card of its own.

        Raises
        ------
        ConfigError
            The card is missing, or its title is not the model's name and version.
        """
        title = f"# {self.spec.name} {self.spec.version}"
        try:
            first = self.card.read_text("utf-8").partition("\n")[0].rstrip()
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(
                f"{self.card} cannot be read: every model has a card; {self.shelf.remedy}"
            ) from exc
        if first != title:
            raise ConfigError(f"{self.card} begins with {first!r}, not {title!r}; {self.shelf.remedy}")


def distribution() -> Shelf:
    """The models that are installed with the package."""
    here = files("models")
    return Shelf(
        here / MANIFEST, here / "weights", here / "cards", Origin.DISTRIBUTION, "reinstall the package"
    )


def of_site(folder: Path) -> Shelf:
    """The models of a folder of the site: ``manifest.toml``, and weights and cards beside it."""
    remedy = "correct it, then run: stroke-gateway models check " + str(folder)
    return Shelf(folder / MANIFEST, folder, folder, Origin.SITE, remedy)


def by_task(site: Path | None = None) -> Mapping[Task, Installed]:
    """Models by task; a model of the site takes the place of ours.

    Raises
    ------
    ConfigError
        As `Shelf.models`, and when the site brings a deconvolution, which is part of the analysis itself.
    """
    found = {model.spec.task: model for model in distribution().models()}
    own = of_site(site).models() if site is not None else ()
    for model in own:
        if model.spec.task is Task.DECONVOLUTION:
            raise ConfigError(
                f"{model.shelf.manifest}: {model.spec.name} is a deconvolution, which is part of the analysis and not for "
                "sites to bring; take it out"
            )
        found[model.spec.task] = model
    return found
