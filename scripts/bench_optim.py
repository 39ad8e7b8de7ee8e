"""The optimizers' speed on ResNet-34's 110 tensors: milliseconds of a step, beside torch's own optimizers.

    python scripts/bench_optim.py [--rounds 15] [--only momentum,adamw] [--backends loop,foreach,compile] [--threads N]

All contenders of one method step in turn within each round, in this process, in float32; figures are medians with
[least, most]. A ratio is the median over rounds of the ratios within a round; the ratio of the least times stands
beside it, for machines where others work too. torch is its default, which is a loop on a CPU; foreach is compared with
torch's foreach, its default on CUDA. `compile` is timed where
--backends names it, and its first step in a process of its own, with an empty cache of torch.compile.
Each method is printed as it is done; last comes a table of the ratios, and which are within the limit.
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import optim  # noqa: E402

LIMIT = 1.15  # of torch's time

# every method that torch has, by its defaults here
TORCH: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda p, **how: torch.optim.SGD(p, 0.01, **how),
    "momentum": lambda p, **how: torch.optim.SGD(p, 0.01, momentum=0.9, **how),
    "nesterov": lambda p, **how: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True, **how),
    "rmsprop": lambda p, **how: torch.optim.RMSprop(p, 0.01, **how),
    "adam": lambda p, **how: torch.optim.Adam(p, 1e-3, **how),
    "adamw": lambda p, **how: torch.optim.AdamW(p, 1e-3, **how),
    "amsgrad": lambda p, **how: torch.optim.Adam(p, 1e-3, amsgrad=True, **how),
    "nadam": lambda p, **how: torch.optim.NAdam(p, **how),
    "radam": lambda p, **how: torch.optim.RAdam(p, **how),
    "adadelta": lambda p, **how: torch.optim.Adadelta(p, **how),
}


@dataclass
class Ratio:
    """A backend's time over torch's: median, least and most over the rounds, and that of the least times."""

    name: str
    median: float
    least: float
    most: float
    of_least: float

    def line(self) -> str:
        verdict = "yes" if self.median <= LIMIT else "**no**"
        spread = f"{self.median:.2f} [{self.least:.2f}, {self.most:.2f}]"
        return f"| {self.name} | {spread} | {self.of_least:.2f} | {verdict} |"


def resnet34_shapes(classes: int = 10) -> list[tuple[int, ...]]:
    """The parameter shapes of the CIFAR ResNet-34: 110 tensors, 21.28 million numbers."""

    def conv(out: int, into: int, size: int) -> list[tuple[int, ...]]:
        return [(out, into, size, size), (out,), (out,)]  # weight, and scale and shift of its batch norm

    shapes, into = conv(64, 3, 3), 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            shapes += conv(width, into, 3) + conv(width, width, 3)
            if block == 0 and into != width:
                shapes += conv(width, into, 1)
            into = width
    return [*shapes, (classes, 512), (classes,)]


def compare(name: str, backends: list[str], rounds: int) -> list[Ratio]:
    """Time all contenders of one method in turns; the backends' ratios to torch, where torch has the method."""
    steps = {backend: stepper(lambda p, backend=backend: ours(name, p, backend))[0] for backend in backends}
    if name in TORCH:
        steps["torch"] = stepper(TORCH[name])[0]
        steps["torch foreach"] = stepper(functools.partial(TORCH[name], foreach=True))[0]
    for step in [*steps.values(), *steps.values()]:
        step()
    times: dict[str, list[float]] = {kind: [] for kind in steps}
    for _ in range(rounds):
        for kind, step in steps.items():
            times[kind].append(timed(step))
    print(f"\n{name}, n={rounds}", flush=True)
    for kind, values in times.items():
        print(f"  {kind:<14} {statistics.median(values):7.1f} [{min(values):.1f}, {max(values):.1f}] ms", flush=True)
    if name not in TORCH:
        return []
    return [ratio(f"{name}, {x}", times[x], times["torch foreach" if x == "foreach" else "torch"]) for x in backends]


def ratio(name: str, ours: list[float], theirs: list[float]) -> Ratio:
    ratios = [x / y for x, y in zip(ours, theirs, strict=True)]
    return Ratio(name, statistics.median(ratios), min(ratios), max(ratios), min(ours) / min(theirs))


def first_step(name: str) -> str:
    """What the first compiled step costs, in a new process with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        command = [sys.executable, str(Path(__file__)), "--first", name]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def print_first_step(name: str) -> None:
    step, optimizer = stepper(lambda p: ours(name, p, "compile"))
    before = cpu_seconds()
    seconds = timed(step) / 1000
    cpu = cpu_seconds() - before
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(11):
        step()
        schedule.step()
    programs = len(optimizer.programs)
    print(f"first step {seconds:.1f} s ({cpu:.1f} s of CPU time), {programs} programs in 12 steps of a schedule")


def cpu_seconds() -> float:
    """CPU time of this process and of the compilers that it started and that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def stepper(build: Callable[[Any], Any]) -> tuple[Callable[[], Any], Any]:
    """A step on ResNet-34's parameters with fixed gradients, and its optimizer."""
    generator = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in resnet34_shapes()]
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator)
    optimizer, loss = build(params), torch.tensor(1.0)
    if getattr(getattr(optimizer, "pipeline", None), "uses_loss", False):
        return lambda: optimizer.step(loss=loss), optimizer
    return optimizer.step, optimizer


def ours(name: str, params: Any, backend: str) -> Any:
    made: Any = optim.configs()[name]
    return optim.build(made(), params, backend=backend)  # type: ignore[arg-type]


def timed(work: Callable[[], Any]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default=",".join(TORCH), help="any methods, also those that torch does not have")
    parser.add_argument("--backends", default="loop,foreach")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--first", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.first:
        return print_first_step(options.first)
    print(f"{platform.platform()}, torch {torch.__version__}, {torch.get_num_threads()} threads, float32", flush=True)
    backends, ratios = options.backends.split(","), []
    for name in options.only.split(","):
        ratios += compare(name, backends, options.rounds)
        if "compile" in backends:
            print(f"  {first_step(name)}", flush=True)
    print(f"\n| time / torch's | median [least, most] | of the least times | within {LIMIT} |\n|---|---|---|---|")
    print("\n".join(x.line() for x in ratios))


if __name__ == "__main__":
    main()
