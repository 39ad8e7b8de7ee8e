"""What MLflow holds of a run, whatever happens to it."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import processes
import pytest
from runs import read_rows, run_folder

from runner.loggers.mlflow import DEFAULTS
from runner.loggers.scalars import RowScalars

LONG = ["limit_train=300", "limit_val=50", "limit_test=50", "batch_size=16", "threads=1", "log.every=3"]


def mlflow_runs(uri):
    """Every MLflow run: (experiment's name, run, points as (name, step) -> values, artifacts)."""
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(uri)
    found = []
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            points = {}
            for key in run.data.metrics:
                for metric in client.get_metric_history(run.info.run_id, key):
                    points.setdefault((key, metric.step), []).append(metric.value)
            files = sorted(file.path for file in client.list_artifacts(run.info.run_id))
            found.append((experiment.name, run, points, files))
    return found


def expected_points(folder):
    scalars, found = RowScalars("acc", "max"), {}
    for row in read_rows(folder):
        for key, value in scalars(row).items():
            found[key, row["step"]] = [value]
    return found


@pytest.fixture(params=["database", "files"])
def store(request, tmp_path, monkeypatch):
    """The database that is the default, and a folder of files, which MLflow has to be asked for twice."""
    for key, value in DEFAULTS.items():
        monkeypatch.setenv(key, value)
    if request.param == "database":
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return f"sqlite:///{tmp_path}/outputs/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path}/files")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return f"file:{tmp_path}/files"


def start(words, place):
    """The processes are forked from a server that has the environment of its own start."""
    return processes.start(words, place, **{key: value for key, value in os.environ.items() if "MLFLOW_" in key})


def run_process(words, place):
    process = start(words, place)
    process.join(200)
    assert not process.is_alive(), processes.printed(place)
    return process.exitcode


def run_and_signal(words, place, store, number, after):
    """Start, and send a signal once MLflow has a point after this step; return the exit code."""
    process = start(words, place)
    deadline = time.monotonic() + 100
    while last_step(store) <= after:
        time.sleep(0.2)
        assert process.is_alive() and time.monotonic() < deadline, processes.printed(place)
    return processes.send_signal(process, number)


def last_step(store):
    """The last step of the one run; -1 while there is none."""
    if not Path(store.partition(":")[2].replace("///", "/")).exists():
        return -1
    with contextlib.suppress(Exception):  # the database is being created
        return max((step for _, _, points, _ in mlflow_runs(store) for _, step in points), default=-1)
    return -1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_each_point_once_whatever_happened(tmp_path, store):
    """Stopped by Ctrl-C, killed far from a checkpoint, ended: one MLflow run with the points of metrics.jsonl."""
    pytest.importorskip("mlflow")
    words = [*LONG, "epochs=600", "logger=[mlflow]", "checkpoint.every=600"]
    assert run_and_signal(words, tmp_path, store, signal.SIGINT, after=0) == 130
    ((_, run, points, _),) = mlflow_runs(store)
    assert run.info.status == "KILLED" and points == expected_points(run_folder(tmp_path))
    assert run_and_signal(words, tmp_path, store, signal.SIGKILL, after=last_step(store)) == -signal.SIGKILL
    ((_, run, _, _),) = mlflow_runs(store)
    assert run.info.status == "RUNNING"
    assert run_process(words, tmp_path) == 0, processes.printed(tmp_path)
    ((experiment, run, points, files),) = mlflow_runs(store)
    folder = run_folder(tmp_path)
    assert points == expected_points(folder)
    assert (experiment, run.info.run_name, run.info.status) == ("digits", "aggmo,lr=0.1 seed=0", "FINISHED")
    assert run.data.params["optim.lr"] == "0.1" and run.data.tags["status"] == "done"
    assert run.data.tags["folder"] == str(folder) and run.data.tags["setting"] == "aggmo,lr=0.1"
    git = json.loads((folder / "environment.json").read_text())["git"]
    assert run.data.tags.get("mlflow.source.git.commit") == (git and git["commit"])
    assert files == ["config.yaml", "curves.png"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_takes_parallel_runs_and_their_statuses(tmp_path, store):
    pytest.importorskip("mlflow")
    words = [*LONG, "epochs=2", "logger=[mlflow]", "optim.lr=0.1,1e17", "seed=0,1"]
    assert run_process(["-m", *words, "hydra/launcher=local", "hydra.launcher.n_jobs=4"], tmp_path) == 0
    found = {run.info.run_name: (run, points) for _, run, points, _ in mlflow_runs(store)}
    assert sorted(found) == [
        f"{setting} seed={seed}" for setting in ("aggmo,lr=0.1", "aggmo,lr=1e+17") for seed in (0, 1)
    ]
    for name, (run, points) in found.items():
        assert run.info.status == "FINISHED"
        assert run.data.tags["status"] == ("diverged" if "lr=1e+17" in name else "done")
        assert points == expected_points(Path(run.data.tags["folder"]))
    beside = {path.name for path in tmp_path.iterdir()} - {"outputs", "files", "console.txt"}
    assert not beside


@pytest.mark.slow
def test_missing_server_costs_a_line_and_little_time(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    start_time = time.monotonic()
    assert run_process([*LONG, "epochs=3", "logger=[mlflow]"], tmp_path) == 0
    assert time.monotonic() - start_time < 60
    assert processes.printed(tmp_path).count("logger=mlflow is disabled") == 1
