"""The keys of an experiment, their types and their ranges. `runner.config.validate` holds a configuration to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from results.paths import label, run_path
from results.signature import signature
from runner.config.errors import data_errors
from runner.config.groups import changed_settings
from runner.config.source_code import source_digests

if TYPE_CHECKING:
    from data.dataset import DataSet
    from models.model import Model
    from optim import OptimizerConfig, Wrapper
    from optim.grouping.rule import GroupRule
    from optim.schedules import Schedule
    from tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class Finetune:
    """Last-stage fine-tuning of the momentum, meant as in the AggMo code.

    For the last `epochs` epochs the momentum is `final_mom`, for AggMo the betas (0, final_mom). warm keeps the
    optimizer's buffers; otherwise all its state starts afresh. The learning rate and its schedule go on.
    Deviation: the code can't be repeated. Its warm start asks a dict for .lower() and ends the training, at 0 epochs
    too; its cold start goes on with a new optimizer of the old momentum at the first learning rate, which the schedule
    no longer changes.
    """

    epochs: int = field(default=0, metadata={"range": "[0, inf)"})
    final_mom: float = field(default=0.9, metadata={"range": "[0, 1)"})
    warm: bool = False


@dataclass(frozen=True, kw_only=True)
class Branch:
    """The run that this one starts from, see runner/config/branch.py. signature: of that run, found by `run`.

    weights: of its checkpoint those of training, with the optimizer's state, or those to evaluate with, such as a mean,
    with an optimizer that starts anew.
    """

    run: str | None = None
    signature: str | None = None
    at_epoch: int | None = field(default=None, metadata={"range": "[1, inf)"})
    epochs: int | None = field(default=None, metadata={"range": "[1, inf)"})
    weights: Literal["training", "evaluation"] = "training"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    every: int = field(default=1, metadata={"range": "[1, inf)"})
    unit: Literal["epoch", "step"] = "epoch"
    keep: tuple[int, ...] = field(default=(), metadata={"range": "[1, inf)"})
    keep_every: int | None = field(default=None, metadata={"range": "[1, inf)"})

    def keeps(self, epoch: int) -> bool:
        """Whether the checkpoint after an epoch is kept beside the last one."""
        return epoch in self.keep or (self.keep_every is not None and epoch % self.keep_every == 0)

    def notes(self, epochs: int) -> list[str]:
        """A line for epochs that a run of so many never comes to."""
        late = [epoch for epoch in (*self.keep, self.keep_every or 0) if epoch > epochs]
        return [f"checkpoint: the run ends after {epochs} epochs, and keeps none of epoch {late[0]}."] if late else []


@dataclass(frozen=True, kw_only=True)
class Log:
    every: int = field(default=50, metadata={"range": "[0, inf)"})
    progress: Literal["auto", "bar", "plain", "none"] = "auto"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The keys beside the groups; `configs/config.yaml` says what each is for."""

    seed: int = field(default=0, metadata={"range": "[0, inf)"})
    device: str = "auto"
    epochs: int = field(default=30, metadata={"range": "[1, inf)"})
    batch_size: int = field(default=128, metadata={"range": "[1, inf)"})
    eval_batch_size: int = field(default=1000, metadata={"range": "[1, inf)"})
    drop_last: bool = False
    accumulate: int = field(default=1, metadata={"range": "[1, inf)"})
    limit_train: int | None = field(default=None, metadata={"range": "[1, inf)"})
    limit_val: int | None = field(default=None, metadata={"range": "[1, inf)"})
    limit_test: int | None = field(default=None, metadata={"range": "[1, inf)"})
    clip_norm: float | None = field(default=None, metadata={"range": "(0, inf)"})
    clip_value: float | None = field(default=None, metadata={"range": "(0, inf)"})
    patience: int | None = field(default=None, metadata={"range": "[1, inf)"})
    divergence_threshold: float = field(default=1e4, metadata={"range": "(1, inf)"})
    finetune: Finetune = Finetune()
    branch: Branch = Branch()
    outputs: str = "outputs"
    rerun: bool = False
    deterministic: bool = False
    threads: int | None = field(default=None, metadata={"range": "[1, 1024]"})
    backend: Literal["auto", "loop", "foreach", "compile"] = "auto"
    amp: Literal["none", "bf16"] = "none"
    channels_last: bool = False
    compile: bool = False
    cuda_graphs: bool = False
    track: bool = False
    checkpoint: Checkpoint = Checkpoint()
    log: Log = Log()
    logger: tuple[str, ...] = ("tensorboard",)

    @property
    def full_pass(self) -> int:
        """Samples that go through the network at once."""
        return -(-self.batch_size // self.accumulate)

    @property
    def first_epoch(self) -> int:
        """Epochs of the run that this one branches off; 0 for a run of its own."""
        return self.branch.at_epoch or 0

    @property
    def epochs_to_train(self) -> int:
        """Epochs of this run, without those of the run that it branches off."""
        return self.epochs - self.first_epoch


@dataclass(frozen=True)
class Pause:
    """The epoch after which a run stops for now, and by what: halving, or the name of a pruner."""

    epoch: int
    by: str


@dataclass(frozen=True)
class Config:
    """A checked configuration: each group's entry as its own dataclass, and everything as plain Python.

    pause: set by a sweep that may stop runs early. It is no part of what the run is: neither of its folder's name nor
    of config.yaml, and `epochs`, by which schedules go, stays.
    """

    task: Task
    data: DataSet
    model: Model
    optim: OptimizerConfig
    lr_schedule: Schedule
    wrap: tuple[Wrapper, ...]
    groups: tuple[GroupRule, ...]
    settings: Settings
    plain: dict[str, Any]  # nested dicts, lists, numbers, strings: what config.yaml holds
    pause: Pause | None = None

    @property
    def last_epoch(self) -> int:
        """The epoch to train to: the run's last, or that of the pause."""
        return min(self.pause.epoch, self.settings.epochs) if self.pause else self.settings.epochs

    @property
    def label(self) -> str:
        """The optimizer with its settings that are not its defaults, as the run's folder is named."""
        groups = changed_settings(self.groups)
        return label(self.optim, self.lr_schedule, self.wrap, groups, self.settings.branch)

    @property
    def signature(self) -> str:
        """Eight hexadecimal digits of all that decides the results, the seed aside."""
        return signature(self.plain, self.code)

    @property
    def run_path(self) -> Path:
        """The folder of this run."""
        settings = self.settings
        return run_path(settings.outputs, self.task.name, self.label, self.signature, settings.seed)

    @property
    def code(self) -> dict[str, str]:
        """The source files of optimizer, wrappers, model, task and data set, and a hash of each, as this process has
        them; and the versions of what the data are made of. Raises ConfigError where the data are missing."""
        digests = source_digests(map(type, (self.task, self.data, self.model, *self.optimizers, *self.wrap)))
        with data_errors(self.data.name):
            return {**digests, **self.data.versions()}

    @property
    def optimizers(self) -> tuple[OptimizerConfig, ...]:
        """The run's own optimizer, and those to which rules give parameters."""
        return self.optim, *(rule.optim for rule in self.groups if rule.optim)

    @property
    def limits(self) -> tuple[int | None, int | None, int | None]:
        return self.settings.limit_train, self.settings.limit_val, self.settings.limit_test
