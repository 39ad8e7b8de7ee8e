"""logger=[mlflow]: a run in MLflow, in the experiment of the task's name.

Where, MLflow's own variables say (MLFLOW_TRACKING_URI, ...); else it is a database in `outputs`:
    mlflow ui --backend-store-uri sqlite:///outputs/mlflow.db
A resumed run goes on in the same MLflow run. Points that this already has are left out, so that none is double; of
those that a kill had made void it keeps the old values, which on a CPU are the same.
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

if TYPE_CHECKING:
    from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]

URI = "MLFLOW_TRACKING_URI"
#: unless the user sets them: no chatter, no reports to others, and a server that is gone is given up within a minute
DEFAULTS = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
STATUS = {"done": "FINISHED", "diverged": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
MOST_METRICS, MOST_PARAMS = 1000, 100  # in one call
LONGEST_PARAM = 6000  # characters


class MLflow(Logger):
    name = "mlflow"
    modules = ("mlflow",)
    install = "'mlflow>=3.17,<4'"

    @classmethod
    def missing(cls) -> list[str]:
        """mlflow-skinny, which is enough for a server, has no database of its own."""
        return super().missing() or ([] if os.environ.get(URI) else missing_modules("sqlalchemy", "alembic"))

    def open(self) -> None:
        for key, value in DEFAULTS.items():
            os.environ.setdefault(key, value)
        from mlflow import MlflowClient

        uri = os.environ.get(URI) or database(self.info.outputs)
        self.client: MlflowClient = MlflowClient(tracking_uri=uri)
        self.scalars = RowScalars(self.info.metric, self.info.better)
        self.known: set[tuple[str, int]] = set()
        if self.state.get("uri") == uri and exists(self.client, self.state["run"]):
            self.run = self.state["run"]
            self.client.update_run(self.run, status="RUNNING")
            self.known = set(self.logged())
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
        params = [Param(key, str(value)[:LONGEST_PARAM]) for key, value in flat_text(info.config).items()]
        for part in parts(params, MOST_PARAMS):
            self.client.log_batch(run, params=part)
        return run

    def experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        task = self.info.task
        own = None if os.environ.get(URI) else (self.info.outputs / "mlflow" / task).as_uri()
        try:
            return self.client.create_experiment(task, artifact_location=own)
        except MlflowException:  # it is there already, or another run was faster
            if found := self.client.get_experiment_by_name(task):
                return found.experiment_id
            raise

    def logged(self) -> Iterator[tuple[str, int]]:
        """Names and steps of the points that the MLflow run has."""
        for key in self.client.get_run(self.run).data.metrics:
            for metric in self.client.get_metric_history(self.run, key):
                yield key, metric.step

    def write(self, rows: Sequence[Row]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = [(key, row["step"], value) for row in rows for key, value in self.scalars(row).items()]
        metrics = [Metric(key, value, now, step) for key, step, value in points if (key, step) not in self.known]
        for part in parts(metrics, MOST_METRICS):
            self.client.log_batch(self.run, metrics=part)

    def close(self, status: str) -> None:
        if status in ("done", "diverged"):
            for file in (self.info.folder / "config.yaml", *sorted(self.info.folder.glob("*.png"))):
                self.client.log_artifact(self.run, str(file))
        self.client.set_tag(self.run, "ending", status)
        self.client.set_terminated(self.run, STATUS[status])


def database(folder: Path) -> str:
    """The address of mlflow.db, made whole before it gets that name by one run at a time: MLflow would let runs side
    by side make its tables together, which fails, and a kill would leave it without some of them."""
    from mlflow import MlflowClient

    file, fresh = folder / "mlflow.db", folder / "mlflow.db.tmp"
    with locked(folder, wait=True):
        if not file.exists():
            fresh.unlink(missing_ok=True)
            MlflowClient(tracking_uri=f"sqlite:///{fresh}").search_experiments(max_results=1)
            os.replace(fresh, file)
    return f"sqlite:///{file}"


def exists(client: MlflowClient, run: str) -> bool:
    """Whether a run is there and not deleted; a server that does not answer is an error."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run).info.lifecycle_stage == "active"
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def parts(items: list[Any], most: int) -> Iterator[list[Any]]:
    return (items[i : i + most] for i in range(0, len(items), most))
