"""Train the infarct-core network: ``python models/training/train_infarct_core.py COHORT [--out FOLDER] [--minutes N]``.

COHORT is what ``python -m benchmarks.cohort COHORT`` wrote. PyTorch is needed here and nowhere else. The network, its
calibration on patients that were held back, and the curves of the training are written to the folder; equal cohorts,
seeds and versions give equal weights on the same machine.
"""

import argparse
import hashlib
import json
import time
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.image_contract import Channel, ImageContract
from models.training.cases import Case, case_of
from triage.second_engine import Volume

HERE = Path(__file__).parent
OPSET = 17
STEPS_PER_NOTE = 200
SETTLED = 40
"""Steps of Newton's method that calibration takes; it settles in ten."""


def mixed(seen: int, made: int, size: int) -> list[nn.Module]:
    """A convolution, normalised and rectified."""
    return [nn.Conv2d(seen, made, size, padding=size // 2, bias=False), nn.BatchNorm2d(made), nn.ReLU()]


class Network(nn.Module):
    """A U-Net over slices with their neighbours; logits of core and hypoperfused tissue, ``(S, 2, H, W)``.

    Where many channels come together, a convolution of one pixel mixes them first: most of the work is at full
    resolution, and a processor has to do it.
    """

    def __init__(self, seen: int, widths: list[int]) -> None:
        super().__init__()
        first, *deeper = widths
        self.down = nn.ModuleList([nn.Sequential(*mixed(seen, first, 1), *mixed(first, first, 3))])
        for above, here in zip(widths[:-1], deeper, strict=True):
            self.down.append(nn.Sequential(*mixed(above, here, 3), *mixed(here, here, 3)))
        self.up = nn.ModuleList(
            nn.Sequential(*mixed(here + below, here, 1), *mixed(here, here, 3), *mixed(here, here, 3))
            for here, below in zip(widths[:-1], deeper, strict=True)
        )
        self.answer = nn.Conv2d(first, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of both classes."""
        kept = []
        for depth, block in enumerate(self.down):
            image = block(nn.functional.max_pool2d(image, 2) if depth else image)
            kept.append(image)
        for depth in reversed(range(len(self.up))):
            wide = nn.functional.interpolate(image, scale_factor=2.0, mode="nearest")
            image = self.up[depth](torch.cat([kept[depth], wide], dim=1))
        return self.answer(image)


class Calibrated(nn.Module):
    """Probabilities: the logits of `network`, stretched and shifted for each class."""

    def __init__(self, network: Network, slope: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.network = network
        self.slope = nn.Parameter(slope[None, :, None, None])
        self.shift = nn.Parameter(shift[None, :, None, None])

    def forward(self, image: Tensor) -> Tensor:
        """Float32 ``(S, 2, H, W)``."""
        return torch.sigmoid(self.network(image) * self.slope + self.shift)


def stacked(case: Case, number: int, neighbours: int) -> NDArray[np.float16]:
    """Channels of a slice and of those beside it, as `models.imaging.prepared` stacks them."""
    last = len(case.shown) - 1
    return np.concatenate(
        [case.shown[min(max(int(number) + step, 0), last)] for step in range(-neighbours, neighbours + 1)]
    )


def batch(
    cases: list[Case], rng: np.random.Generator, size: int, patch: int, neighbours: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Patches around random pixels of the head, every other one around a lesion where there is one; some mirrored."""
    shown, truth, brain = [], [], []
    for place in range(size):
        case = cases[int(rng.integers(len(cases)))]
        wanted = case.lesion if place % 2 and len(case.lesion) else case.head
        number, row, column = wanted[int(rng.integers(len(wanted)))]
        top, left = (
            int(np.clip(at + rng.integers(-patch // 4, patch // 4) - patch // 2, 0, whole - patch))
            for at, whole in zip((row, column), case.brain.shape[1:], strict=True)
        )
        rows, columns = slice(top, top + patch), slice(left, left + patch)
        turn = -1 if rng.random() < 0.5 else 1
        shown.append(stacked(case, number, neighbours)[:, rows, columns][:, :, ::turn])
        truth.append(case.truth[number][:, rows, columns][:, :, ::turn])
        brain.append(case.brain[number][rows, columns][:, ::turn])
    images, true, head = (
        torch.from_numpy(np.stack(part).astype(np.float32)) for part in (shown, truth, brain)
    )
    return images, true, head


def loss_of(logits: Tensor, truth: Tensor, brain: Tensor, dice_weight: float) -> Tensor:
    """Cross-entropy within the head, and one minus the overlap of the batch."""
    weight = (brain > 0).float()[:, None].expand_as(truth)
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, truth, weight, reduction="sum")
    p = torch.sigmoid(logits) * weight
    overlap = (2 * (p * truth).sum((0, 2, 3)) + 1) / (p.sum((0, 2, 3)) + truth.sum((0, 2, 3)) + 1)
    return entropy / weight.sum() * 2 + dice_weight * (1 - overlap).mean()


def train(
    cases: list[Case], settings: Mapping[str, Any], contract: ImageContract, minutes: float, out: Path
) -> Network:
    """Fit the weights; stops early when the minutes are over, with the rate lowered in time."""
    torch.manual_seed(settings["training"]["seed"])
    rng = np.random.default_rng(settings["training"]["seed"])
    wanted = settings["training"]
    network = Network(contract.stacked, settings["network"]["widths"]).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=wanted["learning_rate"], weight_decay=wanted["weight_decay"]
    )
    started, curve, recent = time.monotonic(), [], []
    for number in range(wanted["steps"]):
        done = max(number / wanted["steps"], (time.monotonic() - started) / 60 / minutes)
        if done >= 1:
            break
        warm = min(1.0, (number + 1) / 100)
        optimiser.param_groups[0]["lr"] = wanted["learning_rate"] * warm * 0.5 * (1 + np.cos(np.pi * done))
        shown, truth, brain = batch(cases, rng, wanted["batch"], wanted["patch"], contract.neighbours)
        loss = loss_of(
            network(shown.to(memory_format=torch.channels_last)), truth, brain, wanted["dice_weight"]
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        recent.append(loss.item())
        if number % STEPS_PER_NOTE == STEPS_PER_NOTE - 1:
            curve.append({"step": number + 1, "loss": float(np.mean(recent)), "done": done})
            print(curve[-1], f"{time.monotonic() - started:.0f} s", flush=True)
            recent = []
            torch.save(network.state_dict(), out / "infarct_core.pt")
    (out / "curve.json").write_text(json.dumps(curve, indent=1))
    return network.eval()


def answers(network: Network, cases: list[Case], neighbours: int) -> list[NDArray[np.float32]]:
    """Logits ``(Z, 2, H, W)`` of whole patients."""
    found = []
    with torch.no_grad():
        for case in cases:
            shown = np.stack([stacked(case, z, neighbours) for z in range(len(case.shown))]).astype(
                np.float32
            )
            found.append(network(torch.from_numpy(shown).to(memory_format=torch.channels_last)).numpy())
    return found


def calibration(logits: list[NDArray[np.float32]], cases: list[Case]) -> tuple[Tensor, Tensor]:
    """Slope and shift of each class by which probabilities match frequencies (Platt 1999)."""
    slopes, shifts = [], []
    for number in range(2):
        x = np.concatenate([one[:, number][case.brain > 0] for one, case in zip(logits, cases, strict=True)])
        y = np.concatenate([case.truth[:, number][case.brain > 0] for case in cases]).astype(np.float64)
        a, b = 1.0, 0.0
        for _ in range(SETTLED):
            p = 1 / (1 + np.exp(-(a * x + b)))
            w = p * (1 - p) + 1e-9
            gradient = np.array([((p - y) * x).sum(), (p - y).sum()])
            hessian = np.array([[(w * x * x).sum(), (w * x).sum()], [(w * x).sum(), w.sum()]])
            a, b = np.array([a, b]) - np.linalg.solve(hessian, gradient)
        slopes.append(a)
        shifts.append(b)
    return torch.tensor(slopes, dtype=torch.float32), torch.tensor(shifts, dtype=torch.float32)


def threshold_of(
    logits: list[NDArray[np.float32]], cases: list[Case], number: int, slope: float, shift: float
) -> dict[str, float]:
    """The probability at which the mean overlap with the truth is best, and what the overlap and volumes are there."""
    best: dict[str, float] = {"dice": -1.0}
    for cut in np.arange(0.25, 0.76, 0.05):
        overlaps, errors = [], []
        for one, case in zip(logits, cases, strict=True):
            found = (1 / (1 + np.exp(-(slope * one[:, number] + shift))) > cut) & (case.brain > 0)
            true = case.truth[:, number] >= 0.5
            errors.append(float((found.sum() - true.sum()) * case.pixel_ml))
            if true.sum() * case.pixel_ml > 1:
                overlaps.append(2 * float((found & true).sum()) / float(found.sum() + true.sum()))
        if np.mean(overlaps) > best["dice"]:
            best = {
                "threshold": round(float(cut), 2),
                "dice": float(np.mean(overlaps)),
                "bias_ml": float(np.mean(errors)),
                "mae_ml": float(np.mean(np.abs(errors))),
            }
    return best


def export(network: nn.Module, contract: ImageContract, file: Path) -> None:
    """Write the graph for any number of slices of any size."""
    example = torch.zeros(2, contract.stacked, 32, 32)
    axes = {"image": {0: "S", 2: "H", 3: "W"}, "probability": {0: "S", 2: "H", 3: "W"}}
    torch.onnx.export(
        network, (example,), str(file), input_names=["image"], output_names=["probability"],
        dynamic_axes=axes, opset_version=OPSET, dynamo=False,
    )  # fmt: skip


def main() -> None:
    """Read, train, calibrate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--out", type=Path, default=Path("infarct-core"))
    parser.add_argument("--minutes", type=float, default=600.0, help="stop after so long")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    settings = tomllib.loads((HERE / "infarct_core.toml").read_text())
    contract = ImageContract.from_table(settings["image"])
    alone = replace(contract, neighbours=0)
    single = replace(alone, channels=(Channel(Volume.TISSUE, 0.0, 1.0, 0.0, 1.0),))
    canvas = tuple(settings["training"]["canvas"])
    files = [f for f in sorted(options.cohort.glob("training-*.npz")) if f.stat().st_size]
    cases = [case_of(file, alone, single, canvas) for file in files]
    kept = settings["training"]["held_back"]
    print(
        f"{len(cases)} patients, {sum(len(case.shown) for case in cases)} slices, {kept} held back",
        flush=True,
    )
    network = train(cases[:-kept], settings, contract, options.minutes, options.out)
    logits = answers(network, cases[-kept:], contract.neighbours)
    slope, shift = calibration(logits, cases[-kept:])
    chosen = [
        threshold_of(logits, cases[-kept:], number, float(slope[number]), float(shift[number]))
        for number in (0, 1)
    ]
    file = options.out / "infarct_core.onnx"
    export(Calibrated(network, slope, shift).eval(), contract, file)
    report = {
        "patients": len(cases), "held_back": kept, "torch": torch.__version__, "seed": settings["training"]["seed"],
        "slope": slope.tolist(), "shift": shift.tolist(), "core": chosen[0], "hypoperfused": chosen[1],
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "bytes": file.stat().st_size,
    }  # fmt: skip
    (options.out / "report.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
