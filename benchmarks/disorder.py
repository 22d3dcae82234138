"""Perfusion series whose ordering tags are missing or lie: read in their true order, or refused.

``python -m benchmarks.disorder [STUDIES]`` draws small studies from a known truth, drops and perturbs random subsets of
their ordering tags, and counts what the reader made of them: right, refused and why, or silently wrong, which must be none.

What is drawn leaves at least one honest witness of the order. A scan whose every tag tells the same lie has none, and no
reader can tell it from a true one. Lies are drawn tag by tag; only the two acquisition clocks may lie together.
"""

import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dicom_scp.reader import read_ctp
from triage.errors import InputError
from triage.types import CtpSeries, Float64

STUDIES = 1000
ROUNDING_S = 1.0
"""Times rounded to seconds may be off by this."""

SECONDS_PER_DAY = 86_400
LONG_VRS = frozenset({b"OW"})
DROPPED, PERTURBED, TOGETHER = 0.45, 0.3, 0.2
"""Shares of tags that are dropped or perturbed, and of studies whose acquisition clocks tell one lie."""

CLOCKS = ("date_time", "time")
WITNESSES = ("date_time", "time", "content", "reference", "position", "acquisition", "instance")
"""What may order images; each is kept, dropped or made to lie."""

Row = tuple[str, str, str, bool | None]
Reader = Callable[[Sequence[Path]], CtpSeries]


@dataclass(frozen=True, slots=True)
class Study:
    """One drawn study: its files, when each slice was imaged ``(T, Z)``, and what was done to its tags."""

    paths: tuple[Path, ...]
    time_s: Float64
    done: tuple[str, ...]


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += (b"\0" if vr in {b"UI", b"OW"} else b" ") * (len(value) % 2)
    length = struct.pack("<HI", 0, len(value)) if vr in LONG_VRS else struct.pack("<H", len(value))
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr + length + value


def _date(seconds: float) -> bytes:
    return b"20240229" if seconds < SECONDS_PER_DAY else b"20240301"


def _clock(seconds: float) -> bytes:
    seconds %= SECONDS_PER_DAY
    return f"{int(seconds // 3600):02d}{int(seconds // 60 % 60):02d}{seconds % 60:09.6f}".encode()


def _reversed(values: Float64, _: np.random.Generator) -> Float64:
    return values.max() + values.min() - values


def _constant(values: Float64, _: np.random.Generator) -> Float64:
    return np.full_like(values, values.flat[0])


def _swapped(values: Float64, random: np.random.Generator) -> Float64:
    """Two neighbouring frames change places in all slices."""
    values, first = values.copy(), random.integers(len(values) - 1)
    values[[first, first + 1]] = values[[first + 1, first]]
    return values


def _permuted(values: Float64, random: np.random.Generator) -> Float64:
    return values[random.permutation(len(values))]


def _one_slice_swapped(values: Float64, random: np.random.Generator) -> Float64:
    values, (first, second) = values.copy(), random.permutation(len(values))[:2]
    z = random.integers(values.shape[1])
    values[[first, second], z] = values[[second, first], z]
    return values


def _partly_missing(values: Float64, random: np.random.Generator) -> Float64:
    return np.where(random.random(values.shape) < 0.3, np.nan, values)


def _rounded(values: Float64, _: np.random.Generator) -> Float64:
    return np.floor(values)


def _shifted(values: Float64, _: np.random.Generator) -> Float64:
    return values + 7


def _twelve_hours(values: Float64, _: np.random.Generator) -> Float64:
    """A clock without AM and PM."""
    return np.where(
        values % SECONDS_PER_DAY >= SECONDS_PER_DAY // 2 + 3600, values - SECONDS_PER_DAY // 2, values
    )


HONEST = MappingProxyType({"part missing": _partly_missing, "rounded": _rounded, "shifted": _shifted})
LIES = MappingProxyType(
    {
        "constant": _constant,
        "reversed": _reversed,
        "neighbours swapped": _swapped,
        "permuted": _permuted,
        "swapped in one slice": _one_slice_swapped,
        "twelve hours": _twelve_hours,
    }
)
SILENT = frozenset({"constant", "twelve hours"})


def draw(number: int, folder: Path) -> Study:
    """Draw and write study `number`."""
    random = np.random.default_rng([20260314, number])
    frames, slices = int(random.integers(6, 10)), int(random.integers(2, 5))
    step_s = random.choice([0.5, 1.0, 1.5, 2.75])
    lag_s = random.choice([0.0, 0.01, step_s / slices])
    time_s = step_s * np.arange(frames)[:, None] + lag_s * np.arange(slices)
    start_s = random.choice([36_000.5, SECONDS_PER_DAY - 5.25, 43_195.0, 46_796.0])
    values = _witnesses(random, start_s + time_s)
    done = _shake(random, values)
    dates = random.choice(["kept", "kept", "gone", "same"])
    order = random.permutation(frames * slices)
    tilt_mm = random.choice([0.0, 1.5])
    common = _common(random)
    paths = []
    for k, place in enumerate(order):
        t, z = divmod(int(place), slices)
        own = {name: value[t, z] for name, value in values.items() if not np.isnan(value[t, z])}
        path = folder / f"{k:03d}"
        path.write_bytes(_file(common, own, str(dates), t * slices + z, (0.0, tilt_mm * z, 5.0 * z)))
        paths.append(path)
    return Study(tuple(paths), time_s, (*done, f"dates {dates}"))


def _witnesses(random: np.random.Generator, moment_s: Float64) -> dict[str, Float64]:
    """True values of every witness, in one of the habits of scanners."""
    frames, slices = moment_s.shape
    t, z = np.indices(moment_s.shape, dtype=np.float64)
    slice_major, per_frame = random.integers(2, size=2)
    instance = z * frames + t if slice_major else t * slices + z
    return {
        "date_time": moment_s.copy(),
        "time": moment_s.copy(),
        "content": moment_s + (75 + 0.05 * instance if random.integers(2) else 0),
        "reference": moment_s - moment_s.min(),
        "position": t + 1,
        "acquisition": t + 1 if per_frame else np.ones_like(t),
        "instance": instance + 1,
    }


def _shake(random: np.random.Generator, values: dict[str, Float64]) -> list[str]:
    """Drop and perturb, in place; an honest witness that tells all frames apart is left alone."""
    orders = [n for n in WITNESSES if (np.diff(values[n], axis=0) > 0).all()]
    honest = str(random.choice(orders))
    done = [f"honest {honest}"]
    left = [name for name in WITNESSES if name != honest]
    if random.random() < TOGETHER and not {honest} & set(CLOCKS):
        kind = str(random.choice(list(LIES)))
        lie = LIES[kind](values["time"], random)
        values.update({name: lie.copy() for name in CLOCKS})
        left = [name for name in left if name not in CLOCKS]
        done.append(f"both acquisition clocks {kind}")
    for name in left:
        fate = random.random()
        if fate < DROPPED:
            values[name] = np.full_like(values[name], np.nan)
            done.append(f"{name} dropped")
        elif fate < DROPPED + PERTURBED:
            kind = str(random.choice([*HONEST, *LIES]))
            values[name] = {**HONEST, **LIES}[kind](values[name], random)
            done.append(f"{name} {kind}")
    return done


def _common(random: np.random.Generator) -> dict[int, tuple[bytes, bytes]]:
    feet_first = random.integers(2)
    cosines = b"-1\\0\\0\\0\\1\\0" if feet_first else b"1\\0\\0\\0\\1\\0"
    return {
        0x00080008: (b"CS", b"ORIGINAL\\PRIMARY\\AXIAL"),
        0x00080016: (b"UI", b"1.2.840.10008.5.1.4.1.1.2"),
        0x00080060: (b"CS", b"CT"),
        0x0020000D: (b"UI", b"1.2"),
        0x0020000E: (b"UI", b"1.2.3"),
        0x00200037: (b"DS", cosines),
        0x00200052: (b"UI", b"1.2.9"),
        0x00280002: (b"US", struct.pack("<H", 1)),
        0x00280004: (b"CS", b"MONOCHROME2"),
        0x00280010: (b"US", struct.pack("<H", 2)),
        0x00280011: (b"US", struct.pack("<H", 2)),
        0x00280030: (b"DS", b"1\\1"),
        0x00280100: (b"US", struct.pack("<H", 16)),
        0x00280101: (b"US", struct.pack("<H", 16)),
        0x00280102: (b"US", struct.pack("<H", 15)),
        0x00280103: (b"US", struct.pack("<H", 1)),
        0x00281052: (b"DS", b"0"),
        0x00281053: (b"DS", b"1"),
    }


META = bytes(128) + b"DICM" + _element(0x00020010, b"UI", b"1.2.840.10008.1.2.1")


def _file(
    common: dict[int, tuple[bytes, bytes]],
    own: dict[str, float],
    dates: str,
    identity: int,
    position_mm: tuple[float, float, float],
) -> bytes:
    """One file; its pixels hold its identity, time times slices plus slice."""
    values = dict(common)
    values[0x00080018] = (b"UI", f"1.2.3.{identity + 1}".encode())
    values[0x00200032] = (b"DS", "\\".join(map(str, position_mm)).encode())
    values[0x7FE00010] = (b"OW", struct.pack("<4h", *[identity] * 4))
    for name, date, time in (("time", 0x00080022, 0x00080032), ("content", 0x00080023, 0x00080033)):
        if name in own:
            values[time] = (b"TM", _clock(own[name]))
            if dates != "gone":
                values[date] = (b"DA", b"20240229" if dates == "same" else _date(own[name]))
    if "date_time" in own:
        values[0x0008002A] = (b"DT", _date(own["date_time"]) + _clock(own["date_time"]))
    if "reference" in own:
        values[0x00541300] = (b"DS", f"{1000 * own['reference']:.3f}".encode())
    for name, tag in (("position", 0x00200100), ("acquisition", 0x00200012), ("instance", 0x00200013)):
        if name in own:
            values[tag] = (b"IS", str(int(own[name])).encode())
    return META + b"".join(_element(tag, vr, value) for tag, (vr, value) in sorted(values.items()))


def outcome(study: Study, read: Reader = read_ctp) -> str:
    """``"right"``, ``"wrong"``, or the reason of a refusal without its numbers."""
    try:
        series = read(study.paths)
    except InputError as exc:
        return "refused: " + "".join("#" if c.isdigit() else c for c in str(exc)).replace("##", "#")[:96]
    return "right" if is_true(series, study) else "wrong"


def is_true(series: CtpSeries, study: Study) -> bool:
    """Whether every image is where and when it was, told by the pixels."""
    frames, slices = study.time_s.shape
    identity: NDArray[np.int64] = series.hu[:, :, 0, 0].astype(np.int64)
    if identity.shape != (frames, slices):
        return False
    t, z = np.divmod(identity, slices)
    along = np.arange(slices) if series.geometry.affine[2, 0] > 0 else np.arange(slices)[::-1]
    in_place = (z == along).all() and (t == np.arange(frames)[:, None]).all()
    true_s = study.time_s[:, along]
    return bool(in_place and np.abs(series.time_s - (true_s - true_s.min())).max() <= ROUNDING_S + 0.01)


def tally(studies: int, read: Reader = read_ctp) -> Counter[str]:
    """Outcomes of so many studies; wrong ones are named with what was done to them."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        for number in range(studies):
            study = draw(number, Path(name))
            found = outcome(study, read)
            counts[f"wrong: study {number}, {', '.join(study.done)}" if found == "wrong" else found] += 1
    return counts


def rows(studies: int = STUDIES) -> list[Row]:
    """Silently wrong must be none; how many are refused depends on how much is made to lie."""
    counts = tally(studies)
    wrong = sum(count for found, count in counts.items() if found.startswith("wrong"))
    refused = studies - wrong - counts["right"]
    return [
        ("studies read in a wrong order without a word", "0", f"{wrong} of {studies}", wrong == 0),
        ("read right", "", f"{counts['right']} of {studies}; {refused} refused", None),
    ]


def main() -> int:
    """Print every outcome."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES
    counts = tally(studies)
    for found, count in counts.most_common():
        print(f"{count:6}  {found}")
    return int(any(found.startswith("wrong") for found in counts))


if __name__ == "__main__":
    sys.exit(main())
