"""Samples per second of this runner's training loop against the plainest PyTorch loop that a user would write.

    python scripts/bench_train.py [--only mlp,autoencoder,resnet20,resnet34] [--rounds 9] [--threads N] [--json FILE]

Plain loop: torchvision's data set class and transforms, a shuffling DataLoader, torch.optim.SGD with momentum,
`.item()` on every loss, float32. Runner: `Trainer.train_epoch` with its rows and metrics, the same network, batch and
update, plain and with each switch. All see random images in the data set's true format (speed does not depend on what
they show). Each round times every variant and the plain loop, one after the other, in this process; the figures are
medians over rounds with [least, most]. bfloat16 is left out where it is slow (runner/bfloat16.py).

Floor: the step's floating-point operations, counted by torch, over the speed of a large matrix product measured here.
Data: the share of a step that the runner spends on taking, cropping, flipping and normalising a batch.
Prints, judges nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from measure import in_rounds, machine, parser, ratios, show, spread, timed
from plain_loop import PlainLoop, images_like
from torch.utils.flop_counter import FlopCounterMode

from data.dataset import as_tensors
from data.samples import Part, Samples
from results.run_folder import RunFolder
from runner.config.compose import compose
from runner.config.validate import validate
from runner.train.bfloat16 import bf16_is_slow
from runner.train.build import build_trainer
from runner.train.console import Console
from runner.train.signals import StopRequest
from runner.train.trainer import Trainer

CONVOLUTIONS = {
    "": [],
    "channels_last": ["channels_last=true"],
    "compile": ["compile=true"],
    "compile, channels_last": ["compile=true", "channels_last=true"],
    "bf16": ["amp=bf16"],
    "bf16, channels_last": ["amp=bf16", "channels_last=true"],
    "bf16, compile, channels_last": ["amp=bf16", "compile=true", "channels_last=true"],
}


@dataclass(frozen=True)
class Case:
    title: str
    overrides: list[str]
    images: int  # an epoch's
    variants: dict[str, list[str]]


CASES = {
    "mlp": Case("MLP 784-64-10, batch 128", ["task=mnist", "++data.normalize=false"], 12800, {"": []}),
    "autoencoder": Case(
        "autoencoder 784-1000-500-250-30, batch 200",
        ["task=autoencoder"],
        8000,
        {
            "": [],
            "backend=compile": ["backend=compile"],
            "compile": ["compile=true"],
            "bf16": ["amp=bf16"],
            "bf16, backend=compile": ["amp=bf16", "backend=compile"],
            "bf16, compile, backend=compile": ["amp=bf16", "compile=true", "backend=compile"],
        },
    ),
    "resnet20": Case("ResNet-20, batch 128", ["task=cifar10", "model=resnet20"], 1280, CONVOLUTIONS),
    "resnet34": Case("ResNet-34, batch 128", ["task=cifar10"], 256, CONVOLUTIONS),
}


def main() -> None:
    options = parser(__doc__, rounds=9)
    options.add_argument("--only", default="mlp,autoencoder,resnet20", help=f"cases among {', '.join(CASES)}")
    options.add_argument("--threads", type=int, default=None, help="CPU threads of torch")
    options.add_argument("--device", default="cpu")
    options.add_argument("--json", type=Path, default=None, help="write the figures there too")
    chosen = options.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    show(f"{machine(chosen.device)}, {torch.get_num_threads()} threads, {chosen.rounds} rounds")
    peaks = {"fp32": peak(chosen.device, torch.float32)}
    if bf16_is_slow(chosen.device):
        show("bfloat16 is slow on this CPU and left out")
    else:
        peaks["bf16"] = peak(chosen.device, torch.bfloat16)
    show("matrix product: " + ", ".join(f"{speed:,.0f} GFLOP/s in {name}" for name, speed in peaks.items()))
    results = {}
    for name in chosen.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            results[name] = measure(CASES[name], Path(folder), chosen, peaks)
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=2) + "\n")


def measure(case: Case, root: Path, options: argparse.Namespace, peaks: dict[str, float]) -> dict[str, Any]:
    """Time the variants that this device can run, and print a line for each."""
    device = options.device
    variants = {name: words for name, words in case.variants.items() if "bf16" in peaks or "bf16" not in name}
    trainers = {name: build(case, words, root / str(i), device) for i, (name, words) in enumerate(variants.items())}
    plain = PlainLoop(trainers[""], case.images, device)
    epochs = {f"runner{' with ' if name else ''}{name}": partial(epoch, each) for name, each in trainers.items()}
    flops = flops_of_step(trainers[""])
    show(f"\n{case.title}: {flops / 1e9:,.2f} GFLOP a step ({case.images} samples a round)")
    works: dict[str, Callable[[], None]] = {**epochs, "plain loop": plain.epoch}
    cases = {name: partial(samples_per_s, work, case.images, device) for name, work in works.items()}
    speeds = in_rounds(cases, options.rounds)
    batch = trainers[""].settings.batch_size
    for name, values in speeds.items():
        floor = 1e3 * flops / (1e9 * peaks["bf16" if "bf16" in name else "fp32"])
        show(
            f"  {name:<42} {spread(values, 1)} samples/s   {spread(ratios(values, speeds['plain loop']))} x   "
            f"{1e3 * batch / statistics.median(values):,.2f} ms a step, floor {floor:,.2f}"
        )
    share = data_share(trainers[""], device)
    show(f"  data path: {100 * share:.2f} % of the runner's step")
    return {"flops": flops, "speeds": speeds, "data_share": share}


def samples_per_s(work: Callable[[], None], samples: int, device: str) -> float:
    return samples / timed(work, device)


def build(case: Case, switches: list[str], folder: Path, device: str) -> Trainer:
    quiet = ["++log.progress=none", "++logger=[]", f"++device={device}"]
    config = validate(compose(*case.overrides, *(f"++{word}" for word in switches), "optim=momentum", *quiet))
    x, y = images_like(config.data.shape, case.images)
    train = Part(x, y)
    if config.data.augment == "crop_flip":
        train = train.augmented()
    rest = Part(x[:100], y[:100])
    statistics = as_tensors(config.data.chosen_statistics(rest)) if config.data.normalize else None
    samples = Samples(train, rest, rest, statistics).to(device)
    place = RunFolder(folder)
    place.open()
    with contextlib.redirect_stdout(None):
        return build_trainer(config, place, samples, device, Console(place.path / "log.txt", "none"), StopRequest())


def epoch(trainer: Trainer) -> None:
    trainer.progress.step_in_epoch, trainer.progress.this_epoch = 0, type(trainer.progress.this_epoch)()
    trainer.train_epoch()


def flops_of_step(trainer: Trainer) -> int:
    """Of forward and backward pass of a full batch, multiplications and additions counted apart."""
    size = trainer.settings.batch_size
    x, y = next(trainer.samples.train_batches(torch.arange(size), size, 0, 0))
    with FlopCounterMode(display=False) as counter:
        trainer.task.loss(trainer.model(x), x, y).backward()
    return counter.get_total_flops()


def data_share(trainer: Trainer, device: str, repeats: int = 5) -> float:
    """Seconds of an epoch's batches alone over seconds of the epoch, medians."""
    size, n = trainer.settings.batch_size, len(trainer.samples.train)

    def batches() -> None:
        for _ in trainer.samples.train_batches(torch.randperm(n), size, 0, 0):
            pass

    alone = statistics.median(timed(batches, device) for _ in range(repeats))
    return alone / statistics.median(timed(partial(epoch, trainer), device) for _ in range(repeats))


def peak(device: str, dtype: torch.dtype, size: int = 2048) -> float:
    """GFLOP/s of a large matrix product, the best of some."""
    a = torch.rand(size, size, device=device).to(dtype)
    return max(2e-9 * size**3 / timed(lambda: a @ a, device) for _ in range(12))


if __name__ == "__main__":
    main()
