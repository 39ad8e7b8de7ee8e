"""Samples per second of this runner's training loop against the plainest PyTorch loop that a user would write.

    python scripts/bench_train.py [--only mlp,autoencoder,resnet20,resnet34] [--rounds 9] [--threads N] [--json FILE]

Plain loop: torchvision's data set class and transforms, a shuffling DataLoader, torch.optim.SGD with momentum,
`.item()` on every loss, float32. Runner: `Trainer.train_epoch` with its rows and metrics, the same network, batch and
update, plain and with each switch. All see random images in the data set's true format (speed does not depend on what
they show). Each round times every variant and the plain loop, one after the other, in this process; the figures are
medians over rounds with [least, most].

Floor: the step's floating-point operations, counted by torch, over the speed of a large matrix product measured here.
Data: the share of a step that the runner spends on taking, cropping, flipping and normalising a batch.
Prints, judges nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from plain_loop import PlainLoop, images_like  # noqa: E402

from data.dataset import as_tensors  # noqa: E402
from data.samples import Part, Samples  # noqa: E402
from results.run_folder import RunFolder  # noqa: E402
from runner.config.compose import compose  # noqa: E402
from runner.config.validate import validate  # noqa: E402
from runner.train.build import build_trainer  # noqa: E402
from runner.train.console import Console  # noqa: E402
from runner.train.environment import device_name  # noqa: E402
from runner.train.signals import StopRequest  # noqa: E402
from runner.train.trainer import Trainer  # noqa: E402

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
            "lift=compile": ["lift=compile"],
            "compile": ["compile=true"],
            "bf16": ["amp=bf16"],
            "bf16, lift=compile": ["amp=bf16", "lift=compile"],
            "bf16, compile, lift=compile": ["amp=bf16", "compile=true", "lift=compile"],
        },
    ),
    "resnet20": Case("ResNet-20, batch 128", ["task=cifar10", "model=resnet20"], 1280, CONVOLUTIONS),
    "resnet34": Case("ResNet-34, batch 128", ["task=cifar10"], 256, CONVOLUTIONS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="mlp,autoencoder,resnet20", help=f"cases among {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=None, help="CPU threads of torch")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, default=None, help="write the figures there too")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"{device_name(options.device)}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    peaks = {dtype: peak(options.device, dtype) for dtype in (torch.float32, torch.bfloat16)}
    print("matrix product: " + ", ".join(f"{speed:,.0f} GFLOP/s in {str(t)[6:]}" for t, speed in peaks.items()))
    results = {}
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            results[name] = compare(CASES[name], Path(folder), options.rounds, options.device, peaks)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


def compare(case: Case, root: Path, rounds: int, device: str, peaks: dict[torch.dtype, float]) -> dict[str, Any]:
    variants = enumerate(case.variants.items())
    trainers = {name: build(case, words, root / str(i), device) for i, (name, words) in variants}
    first = trainers[""]
    plain = PlainLoop(first, case.images, device)
    runs: dict[str, Any] = {name: lambda trainer=trainer: epoch(trainer) for name, trainer in trainers.items()}
    runs["plain loop"] = plain.epoch
    for run in runs.values():
        run()  # warm, and compiled
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            speeds[name].append(case.images / timed(run, device))
    flops = flops_of_step(first)
    print(f"\n{case.title}: {flops / 1e9:,.2f} GFLOP a step ({rounds} rounds of {case.images} samples)")
    result: dict[str, Any] = {"flops": flops, "speeds": speeds, "data_share": data_share(first, device)}
    for name, values in speeds.items():
        ratios = [a / b for a, b in zip(values, speeds["plain loop"], strict=True)]
        batch = first.settings.batch_size
        floor = 1e3 * flops / (1e9 * peaks[torch.bfloat16 if "bf16" in name else torch.float32])
        title = name if name == "plain loop" else f"runner{' with ' if name else ''}{name}"
        print(
            f"  {title:<42} {spread(values)} samples/s   {spread(ratios)} x   "
            f"{1e3 * batch / statistics.median(values):,.2f} ms a step, floor {floor:,.2f}"
        )
    print(f"  data path: {100 * result['data_share']:.2f} % of the runner's step")
    return result


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
    return alone / statistics.median(timed(lambda: epoch(trainer), device) for _ in range(repeats))


def peak(device: str, dtype: torch.dtype, size: int = 2048) -> float:
    """GFLOP/s of a large matrix product, the best of some."""
    a = torch.rand(size, size, device=device).to(dtype)
    return max(2e-9 * size**3 / timed(lambda: a @ a, device) for _ in range(12))


def timed(work: Any, device: str) -> float:
    if device != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def spread(values: list[float]) -> str:
    digits = 2 if max(values) < 1000 else 0
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} [{low:,.{digits}f}, {high:,.{digits}f}]"


if __name__ == "__main__":
    main()
