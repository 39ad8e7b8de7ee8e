"""logger=[wandb]: a run in Weights & Biases, in the project optrun, grouped by setting.

How, its own variables say: WANDB_MODE=offline, WANDB_PROJECT, WANDB_API_KEY, WANDB_BASE_URL, ...
A resumed run goes on under the same id. The number of its rows that were given to wandb is in sinks.json, so that
none is given twice.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.loggers.logger import Logger, Row
from runner.loggers.scalars import RowScalars

if TYPE_CHECKING:
    import wandb  # pyright: ignore[reportMissingImports]

#: unless the user sets it: nothing is printed between the bars, and no question for a key waits for an answer
DEFAULTS = {"WANDB_SILENT": "true"}
EXIT = {"done": 0, "diverged": 0, "failed": 1, "interrupted": 130}
LONGEST = 128  # characters of a name


class WandB(Logger):
    name = "wandb"
    modules = ("wandb",)
    install = "'wandb>=0.31,<1'"

    def open(self) -> None:
        for key, value in DEFAULTS.items():
            os.environ.setdefault(key, value)
        import wandb

        info = self.info
        self.scalars = RowScalars(info.metric, info.better)
        self.state.setdefault("id", secrets.token_hex(4))
        self.run: wandb.Run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "optrun"),
            name=info.name[:LONGEST],
            group=f"{info.task} {info.signature} {info.setting}"[:LONGEST],
            config=info.config,
            dir=str(info.folder),
            id=self.state["id"],
            resume="allow",
            reinit="create_new",  # runs of a stack are open side by side
            settings=wandb.Settings(console="off"),  # log.txt has what is said
        )
        self.run.define_metric("*", step_metric="step")  # test rows are of earlier steps than the last
        self.rows = 0
        self.known = max(self.state.get("rows", 0), self.run.starting_step)

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            points = self.scalars(row)
            if self.rows >= self.known:
                self.run.log({**points, "step": row["step"]}, step=self.rows)
            self.rows += 1
        self.state["rows"] = max(self.rows, self.known)

    def close(self, status: str) -> None:
        self.run.summary["ending"] = status
        self.run.finish(exit_code=EXIT[status])
