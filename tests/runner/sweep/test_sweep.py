"""Sweeps never do work twice, and what becomes of one run leaves the others alone; whatever launcher runs them."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import ROOT, write_mnist
from runs import configure
from small_sweeps import SMALL, SmallSweep, metrics, runs

from main import CALLBACKS
from runner.callbacks import Callbacks
from runner.cli.main import main

SLOW = pytest.mark.slow
LOCAL = ["hydra/launcher=local", "hydra.launcher.n_jobs=2"]
STACKED = ["hydra/launcher=stacked", "hydra.launcher.form=vmap"]
LAUNCHERS = [
    pytest.param([], id="basic"),
    pytest.param(LOCAL, id="local", marks=SLOW),
    pytest.param(STACKED, id="stacked", marks=SLOW),
]


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    return SmallSweep(tmp_path, monkeypatch, capsys)


def test_a_repeated_sweep_runs_nothing_and_an_extended_one_what_is_new(sweep, tmp_path):
    code, console = sweep("optim=sgd,adam", "seed=0")
    assert code == 0 and "2 runs: 2 to do" in console and "[2/2]" in console
    (file,) = tmp_path.glob("outputs/sweeps/*/sweep.csv")
    before, rows = file.read_bytes(), metrics(tmp_path)
    code, console = sweep("optim=sgd,adam", "seed=0")
    assert code == 0 and "2 runs: 2 done" in console and "[1/" not in console
    assert file.read_bytes() == before and metrics(tmp_path) == rows
    code, console = sweep("optim=sgd,adam,momentum", "seed=0")
    assert code == 0 and "3 runs: 2 done, 1 to do" in console and "[1/1]" in console


def test_the_table_holds_what_varies_and_the_results(sweep, tmp_path):
    sweep("optim=sgd,adam", "optim.lr=0.01,0.1")
    rows = sweep.table()
    assert [(row["optim.name"], row["optim.lr"]) for row in rows] == [
        *(("sgd", "0.01"), ("sgd", "0.1"), ("adam", "0.01"), ("adam", "0.1"))
    ]
    for row in rows:
        status = json.loads((tmp_path / row["folder"] / "status.json").read_text())
        assert row["status"] == "done" and row["epochs"] == "2" and row["error"] == ""
        assert float(row["test_acc"]) == status["test"]["acc"] and float(row["best_acc"]) == status["best"]["acc"]
    assert "optim.eps" not in rows[0] and "seconds" not in rows[0]


def test_a_sweep_ends_with_its_best_settings(sweep, tmp_path):
    _, console = sweep("optim=sgd", "optim.lr=1e-9,0.1", "seed=0,1", callbacks=CALLBACKS)
    lines = [line for line in console.splitlines() if line.startswith("|")]
    heads, _, found = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[:3])
    row = dict(zip(heads, found, strict=True))
    accs = [float(row["test_acc"]) for row in sweep.table() if row["optim.lr"] == "0.1"]
    assert (row["best setting"], row["n"]) == ("sgd lr=0.1", "2")
    assert float(row["test acc"].split()[0]) == pytest.approx(sum(accs) / 2, abs=0.05)
    (picture,) = tmp_path.glob("outputs/sweeps/*/comparison_digits.png")
    assert picture.stat().st_size > 10_000 and str(picture.relative_to(tmp_path)) in console


def test_a_papers_sweep_ends_with_the_published_numbers_beside_its_own(sweep, tmp_path):
    write_mnist(tmp_path / "data", 300, 10)
    small = ["epochs=1", "limit_train=256", "optim=momo", "optim.lr=1", "seed=0", "data.root=data"]
    code, console = sweep("experiment=momo/mnist_mlp", "sweep=paper", *small, callbacks=CALLBACKS)
    (folder,) = tmp_path.glob("outputs/sweeps/*")
    text = " ".join(console.split())
    assert code == 0 and "97.97 ± 0.08" in text and "epochs: 1 of 10" in text and "n: 1 of 3" in text
    assert "at each learning rate: 0 match, 0 close, 0 miss, 1 not comparable" in text
    table = (folder / "against_momo_mnist_mlp.md").read_text()
    assert "97.97 ± 0.08" in table and (folder / "against_momo_mnist_mlp.png").stat().st_size > 10_000


def test_refused_runs_leave_the_others_alone(sweep):
    code, console = sweep("optim=adam,momentum", "optim.momentum=0.5,0.9")
    assert code == 1 and console.startswith("4 runs: 2 to do, 2 refused")
    assert [row["optim.name"] for row in sweep.table()] == ["momentum", "momentum"]


def test_a_sweep_of_refused_runs_starts_nothing(sweep, tmp_path):
    code, console = sweep("optim=radam,adam", "optim.momentum=0.5")
    assert code == 2 and "2 refused" in console and "error: " in console
    assert not (tmp_path / "outputs").exists()


def test_a_grid_without_m_is_refused(capsys):
    assert main(["sweep=momentum"]) == 2
    assert "add -m" in capsys.readouterr().err


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_run_that_fails_leaves_the_others_alone_and_is_retried(launcher, sweep, tmp_path):
    """Where the folder of seed 1 should be is a file: that run can't start."""
    words = [*launcher, "epochs=1", "seed=0,1,2"]
    sweep("seed=0", "epochs=1")
    (folder,) = tmp_path.glob("outputs/digits/aggmo,lr=0.1/*")
    shutil.rmtree(tmp_path / "outputs" / "sweeps")
    (folder / "seed=1").write_text("in the way")
    code, console = sweep(*words)
    assert code == 1
    assert [row["status"] for row in sweep.table()] == ["done", "failed", "done"]
    assert "can't write" in sweep.table()[1]["error"] and "seed=1: failed: outputs: can't write" in console
    (folder / "seed=1").unlink()
    code, console = sweep(*words)
    assert code == 0 and "3 runs: 2 done, 1 to do" in console


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_what_is_raised_before_a_runs_training_ends_that_run_only(launcher, sweep, tmp_path):
    """Memory that no machine has; and a log.txt that can't be opened."""
    data = ["data=synthetic", "data.num_train=4000000000000,100"]
    code, console = sweep(*launcher, *data, callbacks=CALLBACKS)
    assert code == 1 and [row["status"] for row in sweep.table()] == ["failed", "done"]
    error = sweep.table()[0]["error"]
    assert "memory" in error.lower() and f": failed: {error}; see " in console and "Traceback" not in console
    (failed,) = [tmp_path / row["folder"] for row in sweep.table() if row["status"] == "failed"]
    assert "Traceback" in (failed / "log.txt").read_text() and (failed / "config.yaml").exists()


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_log_that_can_not_be_opened_fails_its_run_only(launcher, sweep, tmp_path):
    folder = configure(*SMALL, "seed=0").run_path
    (folder / "log.txt").mkdir(parents=True)
    code, console = sweep(*launcher, "seed=0,1", callbacks=CALLBACKS)
    assert code == 1 and [row["status"] for row in sweep.table()] == ["failed", "done"]
    assert "log.txt" in sweep.table()[0]["error"] and "Traceback" not in console


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_diverged_runs_are_results(launcher, sweep):
    code, console = sweep(*launcher, "optim=sgd", "optim.lr=0.1,1e17")
    assert code == 0 and [row["status"] for row in sweep.table()] == ["done", "diverged"]
    assert "loss" in sweep.table()[1]["error"] and "diverged" in console


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_an_interrupted_sweep_resumes_and_ends_as_one_left_alone(launcher, sweep, tmp_path):
    words = [*launcher, "seed=0,1,2", "epochs=20"]
    assert sweep(*words)[0] == 0
    expected = metrics(tmp_path)
    shutil.rmtree(tmp_path / "outputs")
    code, console = sweep.stopped(*words)
    assert code == 143 and "interrupted" in console
    assert "running" not in {row["status"] for row in sweep.table()}
    code, console = sweep(*words)
    assert code == 0 and "to resume" in console
    assert metrics(tmp_path) == expected


@pytest.mark.slow
def test_a_long_temporary_folder_is_no_obstacle(tmp_path):
    """Processes meet at sockets in it, whose paths are short."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    words = ["-m", *SMALL, "seed=0,1", *LOCAL]
    command = [sys.executable, str(ROOT / "main.py"), *words]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "TMPDIR": str(folder)}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "[2/2]" in done.stdout, done.stdout + done.stderr


def kill_seed_1(run):
    """For on_run_end, in the run's process: die as by the system's lack of memory."""
    if run.name == "seed=1":
        os.kill(os.getpid(), signal.SIGKILL)


def test_parallel_processes_compute_the_same_to_the_last_bit_and_a_killed_one_fails_its_run_only(sweep, tmp_path):
    words = ["optim=aggmo,adam", "seed=0,1"]
    sweep(*words)
    expected = metrics(tmp_path)
    shutil.rmtree(tmp_path / "outputs")
    code, console = sweep(*LOCAL, *words, callbacks=Callbacks(on_run_end=kill_seed_1))
    assert code == 1 and "seed=1: failed: killed by signal 9" in console
    assert [row["status"] for row in sweep.table()] == ["done", "failed"] * 2
    assert len(expected) == len(runs(tmp_path)) == 4 and metrics(tmp_path) == expected
