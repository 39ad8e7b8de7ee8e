"""Count the floating-point operations of the papers' experiments: writes docs/results/costs.json for scripts/ledger.py.

Of each experiment on images: the network as it is built here, forward and backward pass of a batch of two by
torch.utils.flop_counter (a multiply-add is two operations; element-wise operations are not counted), on the meta
device, where nothing is computed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import torch  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from runner.cli.help import summaries  # noqa: E402
from runner.config.compose import CONFIGS, compose  # noqa: E402
from runner.config.validate import validate  # noqa: E402

FILE = ROOT / "docs" / "results" / "costs.json"
IMAGENET = 1_281_167
TRAINING_SAMPLES = {
    "mnist": 60_000,
    "fashion_mnist": 60_000,
    "cifar10": 50_000,
    "cifar100": 50_000,
    "imagenet32": IMAGENET,
    "imagefolder": IMAGENET,
}
BATCH = 2


def main() -> int:
    FILE.write_text(json.dumps(costs(), indent=1) + "\n", encoding="utf-8")
    return 0


def costs() -> dict[str, dict[str, Any]]:
    """By experiment, and by the name of networks that are not built here."""
    return {
        **dict(filter(None, map(experiment_cost, experiments()))),
        "ptb/awd_lstm": awd_lstm_cost(),
        "shakespeare/gpt": gpt_cost(),
    }


def experiments() -> list[str]:
    return sorted(name for name, _ in summaries(CONFIGS, "experiment"))


def experiment_cost(name: str) -> tuple[str, dict[str, Any]] | None:
    """(name, cost) of an experiment; None for a toy, whose steps cost nothing."""
    config = validate(compose(f"experiment={name}"))
    samples = TRAINING_SAMPLES.get(config.data.name)
    if samples is None:
        return None
    if config.data.split != "test":
        samples = round(samples * (1 - config.data.val_fraction))
    samples = min(samples, config.settings.limit_train or samples)
    epochs, batch = config.settings.epochs, config.settings.batch_size
    steps = samples // batch if config.settings.drop_last else -(-samples // batch)
    classes = 1000 if config.data.name == "imagefolder" else config.data.classes  # its files are the user's
    with torch.device("meta"):
        network = config.model.build(config.data.shape, classes)
    size = {"samples": samples, "epochs": epochs, "steps": epochs * steps}
    return name, {**measured(network, config.data.shape), **size}


def awd_lstm_cost() -> dict[str, int]:
    """AWD-LSTM of three layers of 1150, 1150 and 400 units and embeddings of 400 (Merity et al., 2018) for 10,000
    words: a multiply-add for each weight of a matrix and token forward, two backward. Samples are tokens."""
    layers = [4 * out * (into + out) for into, out in ((400, 1150), (1150, 1150), (1150, 400))]
    weights = sum(layers) + 400 * 10_000
    return {"parameters": weights, "flops_per_sample": 6 * weights, "samples": 929_589, "epochs": 750}


def gpt_cost() -> dict[str, int]:
    """nanoGPT's network for tiny Shakespeare, whose 90 % for training are 3,920 windows of 256 characters, an epoch."""
    from models.gpt import GPT

    with torch.device("meta"):
        network = GPT(depth=6, dim=384, heads=6).build((256,), 65)
    return {**measured(network, (256,), torch.int64), "samples": 3920, "epochs": 1}


def measured(network: torch.nn.Module, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> dict[str, int]:
    """Parameters, and operations of forward and backward pass a sample: of grouped convolutions, whose backward pass
    the counter takes for one of full convolutions, three times those of the forward pass."""
    counter = FlopCounterMode(display=False)
    with counter:
        output = network.train()(torch.zeros(BATCH, *shape, device="meta", dtype=dtype))
        forward = counter.get_total_flops()
        output.sum().backward()
    has_groups = any(getattr(module, "groups", 1) > 1 for module in network.modules())
    total = 3 * forward if has_groups else counter.get_total_flops()
    parameters = sum(p.numel() for p in network.parameters())
    return {"parameters": parameters, "flops_per_sample": total // BATCH}


if __name__ == "__main__":
    sys.exit(main())
