"""Train one autoencoder by optim.AggMo and by optim.keras.AggMo, from the same weights and batches, and compare.

    python scripts/compare_keras.py --to /tmp/keras                        on scikit-learn's digits: no download
    python scripts/compare_keras.py --data mnist --epochs 5                docs/results/keras.md and its figure
    python scripts/compare_keras.py --backends torch,tensorflow,jax        of Keras, those that are installed

Each training is a process of its own, with one thread, as TensorFlow and torch in one process can end it. Beside the
trainings stands a second one by torch, whose batches hold the same samples in reverse order: what rounding alone does
to the losses. Needs Keras: pip install 'keras>=3.15,<4'.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

HIDDEN = (250, 100, 30, 100, 250)
LR, BETAS = 0.2, (0.0, 0.9, 0.99, 0.999)
CONTROL = "torch, batches reversed"


@dataclass(frozen=True)
class Problem:
    """x: float32 images (n, pixels) in [0, 1]; weights: (inputs, outputs) of each layer; biases start at 0."""

    x: numpy.ndarray
    weights: list[numpy.ndarray]
    batch_size: int
    epochs: int
    reverse: bool = False

    def batches(self) -> Iterator[numpy.ndarray]:
        """The batches of all epochs; what is left of an epoch is left out."""
        random = numpy.random.default_rng(1)
        for _ in range(self.epochs):
            order = random.permutation(len(self.x))
            for i in range(len(order) // self.batch_size):
                batch = order[i * self.batch_size : (i + 1) * self.batch_size]
                yield self.x[batch[::-1] if self.reverse else batch]


@dataclass(frozen=True)
class Training:
    """The loss of each step and the weights after the last."""

    losses: list[float]
    weights: list[numpy.ndarray]


def by_torch(problem: Problem) -> Training:
    import torch
    from torch import nn

    from optim import AggMo

    torch.set_num_threads(1)
    layers: list[nn.Module] = []
    for weight in problem.weights:
        layer = nn.Linear(*weight.shape)
        layer.weight.data = torch.from_numpy(weight.T.copy())
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer, losses = AggMo(model.parameters(), LR, BETAS), []
    for batch in problem.batches():
        x = torch.from_numpy(batch)
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(x), x)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return Training(losses, [layer.weight.detach().numpy().T for layer in layers[:-1:2]])  # type: ignore


def by_keras(problem: Problem, backend: str) -> Training:
    os.environ |= {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    import keras

    from optim.keras import AggMo

    if backend == "torch":
        import torch

        torch.set_num_threads(1)
    sizes = [weight.shape[1] for weight in problem.weights]
    layers = [keras.layers.Dense(size, "relu") for size in sizes[:-1]] + [keras.layers.Dense(sizes[-1])]
    model = keras.Sequential([keras.Input((problem.x.shape[1],)), *layers])
    for layer, weight in zip(layers, problem.weights, strict=True):
        layer.set_weights([weight, numpy.zeros(weight.shape[1], "float32")])
    model.compile(AggMo(LR, BETAS), keras.losses.BinaryCrossentropy(from_logits=True))
    losses = []
    for batch in problem.batches():
        model.reset_metrics()  # else the loss is the mean over all batches so far
        losses.append(float(model.train_on_batch(batch, batch)))
    return Training(losses, [layer.get_weights()[0] for layer in layers])


def made(data: str, root: str, epochs: int) -> Problem:
    """The problem on this data set's training images, with Glorot's uniform initial weights."""
    from data.digits import Digits
    from data.mnist import MNIST

    images = (Digits if data == "digits" else MNIST)(root=root).read()[0].x.flatten(1)  # type: ignore
    x = (images if images.is_floating_point() else images / 255).float().numpy()
    sizes = (x.shape[1], *HIDDEN, x.shape[1])
    random = numpy.random.default_rng(0)
    weights = []
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        bound = (6 / (fan_in + fan_out)) ** 0.5
        weights.append(random.uniform(-bound, bound, (fan_in, fan_out)).astype("float32"))
    return Problem(x, weights, batch_size=200, epochs=epochs)


def trained(problem: Problem, backends: list[str]) -> dict[str, Training]:
    """{name: training}: by torch, by torch with the samples of each batch reversed, by Keras on each backend."""
    work = {"torch": partial(by_torch, problem), CONTROL: partial(by_torch, replace(problem, reverse=True))}
    work |= {f"Keras on {backend}": partial(by_keras, problem, backend) for backend in backends}
    results: dict[str, Training] = {}
    for name, train in work.items():
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            results[name] = pool.submit(train).result()
        print(f"{name}: {len(results[name].losses)} steps, last loss {results[name].losses[-1]:.6f}", flush=True)
    return results


def draw_figure(results: dict[str, Training], path: Path) -> None:
    """Losses on top of each other, and the relative difference of each to torch's; means over 20 steps."""
    from report.figures.drawing import draw
    from report.figures.panel import Line, Panel
    from report.figures.series_style import styles_of

    styles = dict(zip(results, styles_of(list(results)), strict=True))
    means = {name: in_twenties(training.losses) for name, training in results.items()}
    x = [20.0 * (1 + i) for i in range(len(means["torch"]))]
    losses = [Line(name, styles[name], x, y) for name, y in means.items()]
    compared = {name: in_twenties(differences(results, name)) for name in results if name != "torch"}
    apart = [Line(name, styles[name], x, [max(each, 1e-9) for each in y]) for name, y in compared.items()]
    panels = [
        Panel("training loss", "step", "binary cross-entropy a pixel", losses, y_log=True),
        Panel("difference to torch's loss, relative", "step", "", apart, y_log=True),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(panels, path, formats=("png",))


def in_twenties(values: list[float]) -> list[float]:
    return [sum(values[i : i + 20]) / 20 for i in range(0, len(values) // 20 * 20, 20)]


def differences(results: dict[str, Training], name: str) -> list[float]:
    """Of each step's loss to torch's, relative."""
    pairs = zip(results[name].losses, results["torch"].losses, strict=True)
    return [abs(ours - theirs) / theirs for ours, theirs in pairs]


def table(results: dict[str, Training]) -> str:
    lines = [
        "| | loss of the last step | largest difference in steps 1 to 50 | in all steps | of the weights at the end |"
    ]
    lines.append("|---|---|---|---|---|")
    for name, training in results.items():
        apart = differences(results, name)
        pairs = zip(training.weights, results["torch"].weights, strict=True)
        of_weights = max(float(numpy.abs(ours - theirs).max()) for ours, theirs in pairs)
        cells = "" if name == "torch" else f"{max(apart[:50]):.1e} | {max(apart):.1e} | {of_weights:.1e}"
        lines.append(f"| {name} | {training.losses[-1]:.6f} | {cells or '| |'} |")
    return "\n".join(lines)


PAGE = """# AggMo for Keras beside AggMo for torch

The autoencoder {sizes} (ReLU between layers, binary cross-entropy) on {data}, trained by `optim.AggMo`
and by `optim.keras.AggMo` from the same weights on the same batches of {batch_size}, in float32, learning rate {lr},
betas {betas}: {epochs} epochs, {steps} steps, one run each.

```bash
python scripts/compare_keras.py --data {data} --epochs {epochs} --backends {backends}
```

![Training loss by step of both optimizers, and their difference](../images/keras_aggmo.png)

{table}

Differences of losses are relative to torch's; those of weights are absolute, over all {weights} weights. Training
amplifies rounding: "{control}" is torch's optimizer on the same batches with the samples of each in
reverse order, which changes nothing but the order of sums. Two optimizers that are the same differ about as much.

{machine},
{packages}; torch with one thread; {today}.
"""


def page(problem: Problem, results: dict[str, Training], options: argparse.Namespace) -> str:
    from measure import machine

    names = [name for name in ("keras", "tensorflow-cpu", "tensorflow", "jax", "numpy") if installed(name)]
    return PAGE.format(
        sizes="-".join(str(size) for size in (problem.x.shape[1], *HIDDEN, problem.x.shape[1])),
        weights=f"{sum(weight.size for weight in problem.weights):,}",
        **{"data": options.data, "epochs": options.epochs, "backends": ",".join(options.backends)},
        **{"batch_size": problem.batch_size, "lr": LR, "betas": ", ".join(f"{beta:g}" for beta in BETAS)},
        steps=f"{len(results['torch'].losses):,}",
        table=table(results),
        control=CONTROL,
        machine=machine(),
        packages=", ".join(f"{name} {importlib.metadata.version(name)}" for name in names),
        today=f"{date.today():%-d %B %Y}",
    )


def installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))  # which knows tensorflow-cpu by tensorflow_cpu, too
    except importlib.metadata.PackageNotFoundError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("digits", "mnist"), default="digits", help="training images")
    parser.add_argument("--root", default="", help="folder of data sets, as data.root; by default $DATA_ROOT")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training images (20)")
    parser.add_argument("--backends", type=lambda text: text.split(","), default=["torch"], help="of Keras (torch)")
    parser.add_argument("--to", type=Path, default=ROOT / "docs", help="gets images/ and results/keras.md (docs)")
    options = parser.parse_args()
    missing = [name for name in ("keras", *options.backends) if find_spec(name) is None]
    if missing:
        print(f"error: {missing[0]} is not installed: pip install {missing[0]}", file=sys.stderr)
        return 2
    problem = made(options.data, options.root, options.epochs)
    results = trained(problem, options.backends)
    draw_figure(results, options.to / "images" / "keras_aggmo")
    text = page(problem, results, options)
    (options.to / "results").mkdir(parents=True, exist_ok=True)
    (options.to / "results" / "keras.md").write_text(text, encoding="utf-8")
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
