"""logger=[mlflow]: a run in MLflow, in the experiment of the task's name.

MLflow's environment variables (MLFLOW_TRACKING_URI, ...) say where; the default is a database in `outputs`:
    mlflow ui --backend-store-uri sqlite:///outputs/mlflow.db
A resumed run continues the same MLflow run. Points that this has already are skipped, so that none is there twice.
After a kill it may have points of steps that are trained again; they keep their values, which on a CPU are the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.lock import locked
from runner.loggers.logger import Logger, Row, missing_modules
from runner.loggers.run_info import flat_text
from runner.loggers.scalars import RowScalars
from runner.loggers.sqlite import sqlite_url

if TYPE_CHECKING:
    from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]

TRACKING_URI = "MLFLOW_TRACKING_URI"
#: unless the user sets them: no messages, no telemetry, and a server that does not answer is given up within a minute
DEFAULTS = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
STATUS = {"done": "FINISHED", "diverged": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
MAX_METRICS, MAX_PARAMS = 1000, 100  # in one call
MAX_PARAM_LENGTH = 6000  # characters


class MLflow(Logger):
    name = "mlflow"
    modules = ("mlflow",)
    install = "'mlflow>=3.17,<4'"

    @classmethod
    def missing(cls) -> list[str]:
        """mlflow-skinny is enough for a server, but has no database."""
        return super().missing() or ([] if os.environ.get(TRACKING_URI) else missing_modules("sqlalchemy", "alembic"))

    def open(self) -> None:
        for key, value in DEFAULTS.items():
            os.environ.setdefault(key, value)
        from mlflow import MlflowClient

        uri = os.environ.get(TRACKING_URI) or database_uri(self.info.outputs)
        self.client: MlflowClient = MlflowClient(tracking_uri=uri)
        self.scalars = RowScalars(self.info.metric, self.info.better)
        self.logged_points: set[tuple[str, int]] = set()
        if self.state.get("uri") == uri and run_exists(self.client, self.state["run"]):
            self.run = self.state["run"]
            self.client.update_run(self.run, status="RUNNING")
            self.logged_points = set(self.points_of_run())
            return
        self.run = self.create()
        self.state |= {"uri": uri, "run": self.run}

    def create(self) -> str:
        from mlflow.entities import Param

        info = self.info
        tags = {"folder": str(info.folder), "setting": info.setting, "signature": info.signature}
        if info.commit:
            tags["mlflow.source.git.commit"] = info.commit
        run = self.client.create_run(self.experiment(), run_name=info.name, tags=tags).info.run_id
        params = [Param(key, str(value)[:MAX_PARAM_LENGTH]) for key, value in flat_text(info.config).items()]
        for chunk in chunks(params, MAX_PARAMS):
            self.client.log_batch(run, params=chunk)
        return run

    def experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        task = self.info.task
        artifacts = None if os.environ.get(TRACKING_URI) else (self.info.outputs / "mlflow" / task).as_uri()
        try:
            return self.client.create_experiment(task, artifact_location=artifacts)
        except MlflowException:  # it exists already
            if found := self.client.get_experiment_by_name(task):
                return found.experiment_id
            raise

    def points_of_run(self) -> Iterator[tuple[str, int]]:
        """Names and steps of the points that the MLflow run has."""
        for key in self.client.get_run(self.run).data.metrics:
            for metric in self.client.get_metric_history(self.run, key):
                yield key, metric.step

    def write(self, rows: Sequence[Row]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = [(key, row["step"], value) for row in rows for key, value in self.scalars(row).items()]
        metrics = [
            Metric(key, value, now, step) for key, step, value in points if (key, step) not in self.logged_points
        ]
        for chunk in chunks(metrics, MAX_METRICS):
            self.client.log_batch(self.run, metrics=chunk)

    def close(self, status: str) -> None:
        if status in ("done", "diverged"):
            for file in (self.info.folder / "config.yaml", *sorted(self.info.folder.glob("*.png"))):
                self.client.log_artifact(self.run, str(file))
        self.client.set_tag(self.run, "status", status)
        self.client.set_terminated(self.run, STATUS[status])


def database_uri(folder: Path) -> str:
    """The address of mlflow.db in `folder`. It is created under another name by one run at a time: runs that create its
    tables at the same time fail, and a kill would leave it without some of them."""
    from mlflow import MlflowClient

    file, temporary = folder / "mlflow.db", folder / "mlflow.db.tmp"
    with locked(folder, wait=True):
        if not file.exists():
            temporary.unlink(missing_ok=True)
            MlflowClient(tracking_uri=sqlite_url(temporary)).search_experiments(max_results=1)
            os.replace(temporary, file)
    return sqlite_url(file)


def run_exists(client: MlflowClient, run: str) -> bool:
    """Whether a run exists and is not deleted. Raises MlflowException if the server does not answer."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run).info.lifecycle_stage == "active"
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))
