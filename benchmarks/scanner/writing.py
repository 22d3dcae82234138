"""From a phantom to the files of one study."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.phantom import Phantom
from benchmarks.scanner.encoding import SERIES_NUMBERS, series_header, write_image
from benchmarks.scanner.study import IMAGES, USUAL, Part, Person, plan_study


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: UIDs, and the files of each series in the order of their instance numbers."""

    study_uid: str
    series_uids: Mapping[Part, str]
    files: Mapping[Part, tuple[Path, ...]]

    @property
    def ctp_series_uid(self) -> str:
        """Series Instance UID of the perfusion series, empty if there is none."""
        return self.series_uids.get(Part.PERFUSION, "")

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files, series after series."""
        return tuple(path for paths in self.files.values() for path in paths)


def write_study(
    phantom: Phantom,
    folder: Path,
    vendor: str,
    *,
    study: str | None = None,
    person: Person | None = None,
    parts: tuple[Part, ...] = USUAL,
    over_midnight: bool = False,
    mixed_geometry: bool = False,
    shuffled_names: bool = True,
) -> Written:
    """Write the study of a phantom into `folder`, in the habits of one of `VENDORS`.

    Parameters
    ----------
    study
        Key of the study: the same key, vendor and seed give the same UIDs. None gives a new study every time.
    person
        Who was scanned; None invents somebody from the phantom's seed.
    parts
        Series to write; an angiography only when asked for, it is large.
    over_midnight
        The perfusion scan starts at 23:59:40.
    mixed_geometry
        The second half of the perfusion scan has another field of view.
    shuffled_names
        File names do not tell the order; otherwise they are series and instance number.
    """
    plan = plan_study(
        phantom, vendor, study, person, over_midnight=over_midnight, mixed_geometry=mixed_geometry
    )
    names = np.random.default_rng(phantom.patient.seed)
    files = {}
    for part in parts:
        target = folder if shuffled_names else folder / f"{SERIES_NUMBERS[part]:02d}_{part}"
        target.mkdir(parents=True, exist_ok=True)
        images = sorted(IMAGES[part](plan), key=lambda image: image.instance)
        order = names.permutation(len(images)) if shuffled_names else range(1, len(images) + 1)
        prefix = f"I{SERIES_NUMBERS[part]}" if shuffled_names else ""
        template = series_header(plan, part)
        files[part] = tuple(
            write_image(plan, template, image, target / f"{prefix}{number:06d}.dcm")
            for image, number in zip(images, order, strict=True)
        )
    return Written(plan.uid(), {part: plan.uid(part) for part in parts}, files)
