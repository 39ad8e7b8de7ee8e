"""logger=[wandb]: a run in Weights & Biases, in the project optrun, grouped by setting.

wandb's environment variables apply: WANDB_MODE=offline, WANDB_PROJECT, WANDB_API_KEY, WANDB_BASE_URL, ...
A resumed run continues under the same id. loggers.json has the number of rows that were logged, so that none is logged
twice.
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

#: unless the user sets it: no output between the progress bars, and no prompt for a key
DEFAULTS = {"WANDB_SILENT": "true"}
EXIT_CODES = {"done": 0, "diverged": 0, "failed": 1, "interrupted": 130}
MAX_NAME_LENGTH = 128


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
            name=info.name[:MAX_NAME_LENGTH],
            group=f"{info.task} {info.signature} {info.setting}"[:MAX_NAME_LENGTH],
            config=info.config,
            dir=str(info.folder),
            id=self.state["id"],
            resume="allow",
            reinit="create_new",  # stacked runs are open at the same time
            settings=wandb.Settings(console="off"),  # it is in log.txt
        )
        self.run.define_metric("*", step_metric="step")  # the best weights' test row has an earlier step
        self.rows = 0
        self.num_logged = max(self.state.get("rows", 0), self.run.starting_step)

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            scalars = self.scalars(row)
            if self.rows >= self.num_logged:
                self.run.log({**scalars, "step": row["step"]}, step=self.rows)
            self.rows += 1
        self.state["rows"] = max(self.rows, self.num_logged)

    def close(self, status: str) -> None:
        self.run.summary["status"] = status
        self.run.finish(exit_code=EXIT_CODES[status])
