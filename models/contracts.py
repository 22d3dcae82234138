"""What each task asks of a model: the volumes it may look at, the classes it answers, and how the answer is read.

One table, `TASKS`. A manifest entry that asks for another volume or answers another class is refused at start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models.spec import ModelSpec, Task
from triage.errors import ConfigError
from triage.second_engine import Volume

ASPECTS_REGIONS = (
    "caudate",
    "lentiform",
    "internal_capsule",
    "insula",
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
)
"""The ten regions of the Alberta Stroke Programme Early CT Score. Barber 2000, Lancet 355:1670."""

PERFUSION = frozenset(Volume)
"""Everything that a CT perfusion analysis has to show, and the non-contrast series of the study."""

DENSITY = frozenset(
    {Volume.NON_CONTRAST_HU, Volume.UNENHANCED_HU, Volume.MEAN_HU, Volume.NOISE_HU, Volume.BRAIN}
)
"""Densities in HU, and where the brain is."""

HEAD = frozenset({Volume.NON_CONTRAST_HU, Volume.UNENHANCED_HU, Volume.MEAN_HU, Volume.NOISE_HU})
"""Densities alone: a brain mask cannot be an input of a model that finds it."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What one task asks of a model.

    Attributes
    ----------
    question
        What the model is asked, in words.
    volumes
        What it may look at; empty for a model that is no imaging network.
    classes
        What it may answer, in this order.
    required
        How many of `classes`, from the first, it must answer.
    reading
        What the gateway makes of the answer.
    """

    question: str
    volumes: frozenset[Volume]
    classes: tuple[str, ...]
    required: int
    reading: str

    def refusal(self, spec: ModelSpec) -> str | None:
        """Say what of `spec` breaks this contract, if anything."""
        if not self.volumes:
            return None if spec.image is None else "this task has no image"
        if spec.image is None:
            return "it needs an [models.image] table: volumes, spacing_mm, layout and classes"
        if foreign := spec.image.volumes - self.volumes:
            return f"it may not look at {', '.join(sorted(foreign))}; allowed are {', '.join(sorted(self.volumes))}"
        names = tuple(outcome.name for outcome in spec.image.classes)
        if len(names) < self.required or names != self.classes[: len(names)]:
            wanted = self.classes[: self.required], self.classes
            return f"its classes are {_listed(names)}; they must be {' or '.join(map(_listed, dict.fromkeys(wanted)))}"
        return None


def _listed(names: tuple[str, ...]) -> str:
    return f"({', '.join(names)})"


CHECKED_ONLY = "it is verified and listed; the analysis of this version does not ask it"
"""How the answer of a task is read that no step of an analysis asks for yet."""

TASKS: Mapping[Task, Contract] = MappingProxyType(
    {
        Task.DECONVOLUTION: Contract(
            "height and place of the residue's peak of each tissue curve",
            frozenset(),
            (),
            0,
            "blood flow and Tmax; chosen by measurement between the graph and numpy",
        ),
        Task.INFARCT_CORE: Contract(
            "for each voxel the probability of infarct core, and of hypoperfusion",
            PERFUSION,
            ("core", "hypoperfused"),
            1,
            "within brain tissue, a second core beside that by thresholds, with how far both agree; never the primary one",
        ),
        Task.BRAIN_MASK: Contract(
            "for each voxel the probability of lying inside the skull", HEAD, ("brain",), 1, CHECKED_ONLY
        ),
        Task.HEMORRHAGE: Contract(
            "for each voxel the probability of blood outside vessels",
            DENSITY,
            ("hemorrhage",),
            1,
            CHECKED_ONLY,
        ),
        Task.LARGE_VESSEL_OCCLUSION: Contract(
            "for the head the probability of an occluded large vessel on the patient's left and right",
            PERFUSION,
            ("left", "right"),
            2,
            CHECKED_ONLY,
        ),
        Task.ASPECTS: Contract(
            "for each ASPECTS region of the affected side the probability of early ischaemic change",
            DENSITY,
            ASPECTS_REGIONS,
            len(ASPECTS_REGIONS),
            CHECKED_ONLY,
        ),
    }
)
"""By task, in the order in which they are listed."""


def check(spec: ModelSpec) -> None:
    """Hold `spec` against the contract of its task.

    Raises
    ------
    ConfigError
        The message names the model and what is wrong.
    """
    if refusal := TASKS[spec.task].refusal(spec):
        raise ConfigError(f"model {spec.name} {spec.version} does not fit the task {spec.task}: {refusal}")
