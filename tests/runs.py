"""Small runs in this process, through the program's own functions, and reading what they have written."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from results.run_folder import RunFolder
from runner.callbacks import NO_CALLBACKS
from runner.cli.overrides import hydra_arguments
from runner.config.compose import compose
from runner.config.schema import Config
from runner.config.validate import validate
from runner.train.build import build_trainer
from runner.train.console import Console
from runner.train.distributed import SINGLE_PROCESS
from runner.train.prepare import load_samples
from runner.train.run import run_in_folder
from runner.train.signals import StopRequest
from runner.train.trainer import Trainer


class Result(NamedTuple):
    """exit code, the run's folder (of several runs: outputs), what was printed."""

    code: int
    folder: Path
    out: str
    err: str


def read_rows(folder: Path, **wanted: Any) -> list[dict[str, Any]]:
    """The rows of a run's metrics.jsonl that have these values."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]


def read_status(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "status.json").read_text())


def run_folders(outputs: Path) -> list[Path]:
    return sorted(Path(place) for place, _, files in os.walk(outputs) if "status.json" in files)


def run_folder(outputs: Path) -> Path:
    """The folder of the one run."""
    (folder,) = run_folders(outputs)
    return folder


def configure(*overrides: str) -> Config:
    """The configuration of a command."""
    return validate(compose(*hydra_arguments(list(overrides))))


def open_trainer(closings: ExitStack, *overrides: str) -> Trainer:
    """A trainer as the program builds it, in the open folder of its run."""
    config = configure(*overrides)
    folder = closings.enter_context(closing(RunFolder(config.run_path)))
    folder.open()
    console = closings.enter_context(closing(Console(folder.path / "log.txt", "none", quiet=True)))
    trainer = build_trainer(config, folder, load_samples(config), "cpu", console, StopRequest())
    closings.callback(trainer.metrics.close)
    return trainer


class StopAfter(StopRequest):
    """A Ctrl-C in the n-th step, as the loop sees it, which asks after each."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @property
    def number(self) -> int:  # type: ignore[override]
        self.steps -= 1
        return signal.SIGINT if self.steps < 0 else 0


def run_interrupted(*overrides: str, after: int) -> int:
    """Run a command that is interrupted after so many steps at most; return the exit code."""
    config = configure(*overrides)
    with closing(RunFolder(config.run_path)) as folder:
        folder.open()
        stop = StopAfter(after)
        return run_in_folder(folder, config, load_samples(config), "cpu", stop, True, SINGLE_PROCESS, NO_CALLBACKS)


def read_results(folder: Path) -> dict[str, Any]:
    """All of a run that must not depend on interruptions, comparable by ==."""
    tensors = {}
    for name in ("best", "last"):
        content = torch.load(folder / "checkpoints" / f"{name}.pt", weights_only=True)
        tensors |= {f"{name}.{key}": value.numpy().tobytes() for key, value in content["model"].items()}
        optimizer = content.get("optimizer", {"state": {}})
        for part, own in optimizer.get("parts", {"": optimizer}).items():
            for index, state in own["state"].items():
                for key, value in state.items():
                    where = f"{part}{index}.{key}"
                    tensors[where] = value.numpy().tobytes() if isinstance(value, Tensor) else value
    return {
        "status": {key: value for key, value in read_status(folder).items() if key != "seconds"},
        "metrics": (folder / "metrics.jsonl").read_bytes(),
        "tensors": tensors,
        "events": read_events(folder),
        "timed epochs": [json.loads(line)["epoch"] for line in (folder / "timings.jsonl").read_text().splitlines()],
    }


def read_events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar of every event file, as TensorBoard's own reader has it, duplicates included."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[str, list[tuple[int, float]]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tensor.float_val:
                    found.setdefault(value.tag, []).append((event.step, value.tensor.float_val[0]))
    return found
