"""Loading a run for use: its configuration, model with trained weights, data and metrics.

from runner.load import load_run
run = load_run("outputs/digits/aggmo/.../seed=0")  # weights="last" for those of the last checkpoint
run.config, run.model, run.samples, run.metrics, run.evaluate("test")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from data.samples import Samples
from results.metrics import read_rows
from results.paths import BEST, CONFIG, LAST, METRICS
from results.records import read_status
from results.values import quote
from runner.config.compose import read_saved
from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.config.validate import validate
from runner.train import checkpoint
from runner.train.build import build_optimizer
from runner.train.device import choose_device
from runner.train.evaluation import evaluate
from runner.train.evaluation_weights import EvaluationWeights
from runner.train.prepare import load_samples
from runner.train.sharding import BatchSharding

if TYPE_CHECKING:
    from pandas import DataFrame

Weights = Literal["best", "last"]
CHANGEABLE = ("device", "data.root", "data.num_workers", "eval_batch_size")  # keys that decide nothing here


@dataclass(frozen=True)
class LoadedRun:
    """A run's configuration and its model in evaluation mode, on `device`.

    epoch: after which the weights were saved.
    """

    folder: Path
    config: Config
    model: nn.Module
    weights: Weights
    epoch: int
    device: str

    @cached_property
    def samples(self) -> Samples:
        """The run's data, `train`, `val` and `test`, on the device. Raises ConfigError where files are missing."""
        return load_samples(self.config).to(self.device)

    @cached_property
    def status(self) -> dict[str, Any]:
        """status.json: how the run ended, its best, final and test results, seconds."""
        return read_status(self.folder) or {}

    @cached_property
    def metrics(self) -> DataFrame:
        """metrics.jsonl as a pandas frame: split, epoch, step, loss, the metric, lr, per (epoch or step)."""
        import pandas

        return pandas.DataFrame(read_rows(self.folder / METRICS))

    def evaluate(self, part: Literal["val", "test"] = "test") -> dict[str, float]:
        """Means over all samples of a part: {"loss": ..., "acc": ...}."""
        means = evaluate(self.model, self.config.task, self.samples, part, self.config.settings)
        return means.means(self.config.task.metric, self.config.task.values_of_loss)


def load_run(folder: Path | str, weights: Weights = "best", changes: Sequence[str] = ("device=cpu",)) -> LoadedRun:
    """Load a run from its folder, in which nothing is written.

    weights: of the best epoch by validation, or of the last checkpoint; both are those to evaluate with, such as an
    average of the training weights. changes: `key=value` for device, data.root, data.num_workers or eval_batch_size.
    Raises ConfigError for a folder that holds no such run, and for weights that do not fit it.
    """
    folder = Path(folder).expanduser()
    if weights not in ("best", "last"):
        raise ConfigError(f"weights={weights} is not one of best, last")
    config = read_config(folder, changes)
    device = choose_device(config.settings.device)
    path = folder / (BEST if weights == "best" else LAST)
    try:
        content = checkpoint.load(path, device)
        if content is None:
            raise ValueError(f"{path} is missing: the run has not come so far")
        with torch.random.fork_rng(devices=[]):  # building draws initial weights
            model = config.model.build(config.data.shape, config.data.classes).to(device)
        load_weights(model, config, content, weights, device)
        epoch = int(content["epoch"] if weights == "best" else content["progress"]["epoch"])
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = error if str(path) in str(error) else f"{path} is not of this run ({error})"
        raise ConfigError(str(reason)) from None
    return LoadedRun(folder, config, model.eval(), weights, epoch, device)


def read_config(folder: Path, changes: Sequence[str]) -> Config:
    """The run's configuration with changed keys; ConfigError for one that is not of CHANGEABLE."""
    for word in changes:
        key = word.partition("=")[0]
        if key not in CHANGEABLE:
            raise ConfigError(f"{quote(key)} is the run's own and can't be changed; {', '.join(CHANGEABLE)} can")
    if not (folder / CONFIG).is_file():
        raise ConfigError(f"{folder} holds no {CONFIG}; give the folder of a run, such as outputs/digits/.../seed=0")
    return validate(read_saved([f"config={folder / CONFIG}", *changes]))


def load_weights(model: nn.Module, config: Config, content: dict[str, Any], weights: Weights, device: str) -> None:
    """Put the weights to evaluate with into the model. content: of best.pt, which holds them, or of last.pt."""
    model.load_state_dict(content["model"])
    optimizer = build_optimizer(config, model)
    if weights == "best" or not optimizer.has_evaluation_weights:
        return
    optimizer.load_state_dict(content["optimizer"])
    samples, settings = load_samples(config).to(device), config.settings
    averaged = EvaluationWeights(model, optimizer, samples, settings, BatchSharding(settings.full_pass, 0, 1))
    with averaged.loaded(content["progress"]["step"]):
        state = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state)
