"""The optimizers' speed on ResNet-34's 110 tensors: milliseconds of a step, and the goals that they have to meet.

    python scripts/bench_optim.py [--rounds 15] [--only momentum,adamw] [--backends loop] [--threads N] [--quick]

All contenders of one method step in turn within each round, in this process; figures are medians with [least, most].
A ratio is the median over rounds of the ratios within a round; the ratio of the least times stands beside it, for
machines where others work too. The floor is the traffic that no implementation can avoid, at the bandwidth of
`a.add_(b)` on arrays of the same size, measured in the same rounds: read the gradient, read and write the parameter
and every buffer. Where the step needs sums over all parameters first, what the second pass has to read comes on top.
First steps are timed in a process of their own, with an empty cache of torch.compile; --quick leaves them out.
Last comes a table of the goals, and which are met.
"""

from __future__ import annotations

import argparse
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

BYTES = 4  # float32
EAGER = "sgd momentum nesterov rmsprop adam adamw nadam radam adadelta amsgrad".split()
# compiled against what, and how much of its time at most
COMPILED = {
    "momentum": ("torch fused", 1.15),
    "adamw": ("torch fused", 1.15),
    "aggmo": ("floor", 1.25),
    "momo": ("floor", 1.25),
    "momo_adam": ("floor", 1.25),
    "adamp": ("adamp", 0.5),
    "lars": ("torch_optimizer", 0.5),
}
FIRST = ("momentum", "adamw", "momo_adam", "adamp")
FIRST_S = 3.0  # seconds
# numbers of an element that the second pass reads and writes, less those that count already: p is written once
SECOND_PASS = {"momo": 2, "momo_adam": 3}


@dataclass
class Goal:
    what: str
    got: float
    limit: float
    beside: str = ""

    def line(self) -> str:
        met = "met" if self.got <= self.limit else "MISSED"
        return f"| {self.what} | {self.got:.2f}{self.beside} | {self.limit:g} | {met} |"


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


def torch_rivals(name: str) -> dict[str, Callable[[Any], Any]]:
    """torch's own implementation of a method: its default, which is a loop on a CPU, and the fused one."""
    made: dict[str, Callable[..., Any]] = {
        "sgd": lambda p, **k: torch.optim.SGD(p, 0.01, **k),
        "momentum": lambda p, **k: torch.optim.SGD(p, 0.01, momentum=0.9, **k),
        "nesterov": lambda p, **k: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True, **k),
        "rmsprop": lambda p: torch.optim.RMSprop(p, 0.01),
        "adam": lambda p, **k: torch.optim.Adam(p, 1e-3, **k),
        "adamw": lambda p, **k: torch.optim.AdamW(p, 1e-3, **k),
        "amsgrad": lambda p, **k: torch.optim.Adam(p, 1e-3, amsgrad=True, **k),
        "nadam": lambda p: torch.optim.NAdam(p),
        "radam": lambda p: torch.optim.RAdam(p),
        "adadelta": lambda p: torch.optim.Adadelta(p),
    }
    if name not in made:
        return {}
    fused = {"torch fused": lambda p: made[name](p, fused=True)} if name in COMPILED else {}
    return {"torch": made[name], **fused}


def package_rivals(name: str) -> dict[str, Callable[[Any], Any]]:
    """Reference packages, where they are installed."""
    rivals: dict[str, Callable[[Any], Any]] = {}
    try:
        import torch_optimizer

        rivals |= {
            "aggmo": {"torch_optimizer": lambda p: torch_optimizer.AggMo(p, 0.1)},
            "lars": {"torch_optimizer": lambda p: torch_optimizer.LARS(p, 0.1)},
        }.get(name, {})
    except ImportError:
        pass
    try:
        import adamp

        rivals |= {
            "adamp": {"adamp": lambda p: adamp.AdamP(p)},
            "sgdp": {"adamp": lambda p: adamp.SGDP(p, 0.1)},
        }.get(name, {})
    except ImportError:
        pass
    try:
        import momo

        rivals |= {
            "momo": {"momo-opt": lambda p: momo.Momo(p)},
            "momo_adam": {"momo-opt": lambda p: momo.MomoAdam(p)},
        }.get(name, {})
    except ImportError:
        pass
    return rivals


def compare(name: str, backends: list[Any], rounds: int) -> list[Goal]:
    """Time all contenders of one method in turns; what came of its goals."""
    rivals = {
        f"ours {backend}": lambda p, backend=backend: optim.build(config(name), p, backend=backend)
        for backend in backends
    }
    rivals |= torch_rivals(name) | package_rivals(name)
    steps = {kind: stepper(build) for kind, build in rivals.items()}
    for step in [*steps.values(), *steps.values()]:
        step()
    elements = sum(torch.Size(shape).numel() for shape in resnet34_shapes())
    a, b = torch.rand(elements), torch.rand(elements)
    times: dict[str, list[float]] = {kind: [] for kind in [*steps, "floor"]}
    traffic = 3 + 2 * buffers(name) + SECOND_PASS.get(name, 0)
    for _ in range(rounds):
        for kind, step in steps.items():
            times[kind].append(timed(step))
        times["floor"].append(timed(lambda: a.add_(b)) / 3 * traffic)
    print(f"\n{name}: {buffers(name)} buffers, the floor reads and writes {traffic} numbers an element")
    for kind, values in times.items():
        print(f"  {kind:<16} {statistics.median(values):7.1f} [{min(values):.1f}, {max(values):.1f}] ms")
    goals = []
    if name in COMPILED and COMPILED[name][0] in times:
        goals.append(goal(name, times, "ours compile", *COMPILED[name]))
    if name in EAGER:
        goals.append(goal(name, times, "ours loop", "torch", 1.0))
    return [g for g in goals if g]


def goal(name: str, times: dict[str, list[float]], ours: str, other: str, limit: float) -> Goal | None:
    if ours not in times:
        return None
    ratios = [x / y for x, y in zip(times[ours], times[other], strict=True)]
    least = min(times[ours]) / min(times[other])
    beside = f" [{min(ratios):.2f}, {max(ratios):.2f}], least times {least:.2f}"
    return Goal(f"{name}: {ours} / {other}", statistics.median(ratios), limit, beside)


def first_step(name: str) -> tuple[float, int]:
    """Seconds of the first compiled step, in a new process with empty caches, and the programs made in 12 steps."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        command = [sys.executable, str(Path(__file__)), "--first", name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, programs = done.stdout.split()[-2:]
    return float(seconds), int(programs)


def print_first_step(name: str) -> None:
    made: list[Any] = []

    def build(params: Any) -> Any:
        made.append(optim.build(config(name), params, backend="compile"))
        return made[0]

    step = stepper(build)
    seconds = timed(step) / 1000
    schedule = torch.optim.lr_scheduler.ExponentialLR(made[0], 0.9)
    for _ in range(11):
        step()
        schedule.step()
    print(seconds, len(made[0].programs))


def stepper(build: Callable[[Any], Any]) -> Callable[[], Any]:
    generator = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in resnet34_shapes()]
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator)
    optimizer, loss = build(params), torch.tensor(1.0)
    if type(optimizer).__name__ in ("Momo", "MomoAdam"):
        return lambda: optimizer.step(loss=loss)
    return optimizer.step


def config(name: str) -> Any:
    made: Any = optim.configs()[name]
    return made()


def buffers(name: str) -> int:
    """State tensors of the parameter's size."""
    p = torch.nn.Parameter(torch.ones(8))
    p.grad = torch.ones(8)
    optimizer = optim.build(config(name), [p])
    optimizer.step(loss=torch.tensor(1.0))
    return sum(isinstance(x, torch.Tensor) and x.numel() == 8 for x in optimizer.state[p].values())


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default=",".join(dict.fromkeys([*COMPILED, *EAGER])))
    parser.add_argument("--backends", default="loop,compile")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--first", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.first:
        return print_first_step(options.first)
    print(f"{platform.platform()}, torch {torch.__version__}, {torch.get_num_threads()} threads, fp32")
    names, goals = options.only.split(","), []
    for name in names:
        goals += compare(name, options.backends.split(","), options.rounds)
    if "compile" in options.backends and not options.quick:
        for name in filter(names.__contains__, FIRST):
            seconds, programs = first_step(name)
            goals.append(Goal(f"{name}: seconds of the first compiled step", seconds, FIRST_S))
            goals.append(Goal(f"{name}: programs in 12 steps of a schedule", programs, 1))
    print("\n| goal | measured | at most | |\n|---|---|---|---|")
    print("\n".join(goal.line() for goal in goals))


if __name__ == "__main__":
    main()
