"""The same runs by every launcher, each in a process of its own, have the same results.

The launchers of Hydra, whose every run costs a start of Python, take half of the runs.
"""

import subprocess
import sys

import processes
import pytest
from conftest import ROOT
from small_sweeps import PLUGINS, epoch_rows, metrics, runs, skip_unless_installed, table

pytestmark = pytest.mark.slow

WORDS = ["-m", "task=digits", "optim=aggmo,adam", "optim.lr=0.003,0.01", "seed=0,1"]
WORDS += ["epochs=4", "threads=1", "logger=[]"]
RUNS = 8
STACKED_RTOL = 1e-5  # of each epoch's loss: another order of the same sums


def sweep(folder, *words):
    """Run the sweep in a new folder."""
    folder.mkdir()
    assert processes.run([*WORDS, *words], folder, 500) == 0, processes.printed(folder)
    assert len(table(folder)) == len(runs(folder)) == RUNS
    return folder


@pytest.fixture(scope="module")
def sequential(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("sweeps") / "basic")


def test_the_local_launcher_computes_the_same_to_the_last_bit(sequential, tmp_path):
    assert metrics(sweep(tmp_path / "local", "hydra/launcher=local")) == metrics(sequential)


@pytest.mark.parametrize("launcher", PLUGINS)
def test_launchers_of_hydra_compute_the_same_to_the_last_bit(launcher, sequential, tmp_path):
    skip_unless_installed(launcher)
    command = [sys.executable, str(ROOT / "main.py"), *WORDS, f"hydra/launcher={launcher}", "seed=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    found, expected = metrics(tmp_path), metrics(sequential)
    assert len(found) == RUNS // 2 and found == {name: expected[name] for name in found}


@pytest.mark.parametrize("form", ["vmap", "autograd"])  # compile: in test_stacked
def test_stacked_runs_differ_by_rounding_only(form, sequential, tmp_path):
    folder = sweep(tmp_path / form, "hydra/launcher=stacked", f"hydra.launcher.form={form}")
    expected = runs(sequential)
    assert runs(folder).keys() == expected.keys()
    largest = 0.0
    for name, run in runs(folder).items():
        for ours, theirs in zip(epoch_rows(run), epoch_rows(expected[name]), strict=True):
            assert {**ours, "loss": 0} == {**theirs, "loss": 0}
            largest = max(largest, abs(ours["loss"] - theirs["loss"]) / theirs["loss"])
    print(f"stacked, {form}: losses of {RUNS} runs within {largest:.1e}, relative, of the runs by themselves")
    assert largest < STACKED_RTOL
