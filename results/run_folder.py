"""The folder of a run: where it lies, who may write in it, and files that are whole or absent.

outputs/<task>/<optimizer and its non-default settings>/<signature>/seed=<n>/
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from runner.config.schema import Config
from runner.config.validate import ConfigError

#: keys that change where, how fast or how visibly a run happens, but not what is computed
NOT_SIGNED = (
    *("seed", "outputs", "device", "threads", "rerun", "checkpoint", "log", "logger", "track", "eval_batch_size"),
)
#: what a run writes in its folder
FILES = (
    *("config.yaml", "environment.json", "status.json", "metrics.jsonl", "timings.jsonl", "log.txt", "sinks.json"),
    *("events.out.tfevents.*", "checkpoints/last.pt", "checkpoints/best.pt", "curves.png", "reconstructions.png"),
    *("trajectory.png", "scene.npz"),
)
LONGEST_LABEL = 120  # characters; file systems allow 255 bytes a name


def signature(config: Config) -> str:
    """Eight hex digits of the configuration that decides the results, seed aside."""
    signed = {key: value for key, value in config.plain.items() if key not in NOT_SIGNED}
    signed["data"] = {key: value for key, value in signed["data"].items() if key not in ("root", "num_workers")}
    signed["wrap"] = list(signed["wrap"].values())  # a list, because their order counts
    return hashlib.sha256(json.dumps(signed, sort_keys=True).encode()).hexdigest()[:8]


def label(config: Config) -> str:
    """The optimizer and its settings that are not its defaults: `aggmo,lr=0.05,betas=0-0.9,cosine,lookahead`."""
    words = [config.optim.name, *changed(config.optim)]
    if config.lr_schedule.name != "constant":
        words += [config.lr_schedule.name]
    words += changed(config.lr_schedule)
    for wrapper in config.wrap:
        words += [wrapper.name, *changed(wrapper)]
    return re.sub(r"[^\w.,=+-]", "_", ",".join(words))[:LONGEST_LABEL]


def changed(entry: Any) -> list[str]:
    """`key=value` of each field that differs from the dataclass's default."""
    return [
        f"{field.name}={brief(getattr(entry, field.name))}"
        for field in dataclasses.fields(entry)
        if getattr(entry, field.name) != field.default
    ]


def brief(value: Any) -> str:
    return (
        "-".join(map(brief, value))
        if isinstance(value, tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def folder_of(config: Config) -> Path:
    root = Path(os.path.expanduser(config.settings.outputs))
    return root / config.task.name / label(config) / signature(config) / f"seed={config.settings.seed}"


class Held(ConfigError):
    """Another process is at work in the folder."""


class RunFolder:
    """A run's folder, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def open(self) -> None:
        """Create and lock the folder; ConfigError if it can't be written or another process holds it.

        The lock is the kernel's, on the folder itself: it ends with the process, however that ends.
        """
        try:
            (self.path / "checkpoints").mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise ConfigError(f"outputs: can't write {self.path} ({error.strerror or error})") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise Held(f"another process is running this experiment in {self.path}; wait for it or stop it") from None
        for leftover in (*self.path.glob("*.tmp"), *self.path.glob("checkpoints/*.tmp")):
            if leftover.is_file():  # of a process that was killed while writing
                leftover.unlink()

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def clear(self) -> None:
        """Remove an earlier run's files, for rerun=true; what else lies there stays."""
        for pattern in FILES:
            for file in self.path.glob(pattern):
                file.unlink()

    def read_json(self, name: str) -> dict[str, Any] | None:
        """The content of a file of this run; None if there is none or it is damaged."""
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # absent or unreadable; no UTF-8 or no JSON
            return None
        return content if isinstance(content, dict) else None

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        write_whole(self.path / name, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())

    def write_text(self, name: str, content: str) -> None:
        write_whole(self.path / name, content.encode())


def write_whole(path: Path, content: bytes | memoryview, durable: bool = False) -> None:
    """Replace a file in one step: a reader, or a later run, sees the old or the new content, never a part.

    durable: the content survives a power cut once this returns (fsync of the file and its folder).
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
