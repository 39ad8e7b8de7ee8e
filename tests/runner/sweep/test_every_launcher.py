"""The same runs by every launcher, each in a program of its own, have the same results."""

import subprocess
import sys

import pytest
from conftest import ROOT
from small_sweeps import PLUGINS, epoch_rows, metrics, runs, skip_unless_installed, table

pytestmark = pytest.mark.slow

WORDS = ["task=digits", "optim=aggmo,adam", "optim.lr=0.003,0.01", "seed=0,1"]
WORDS += ["epochs=4", "threads=1", "logger=[]"]
RUNS = 8
STACKED_RTOL = 1e-5  # of each epoch's loss: another order of the same sums


def sweep(folder, *words):
    """Run the sweep in a new folder."""
    folder.mkdir()
    command = [sys.executable, str(ROOT / "main.py"), "-m", *WORDS, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(table(folder)) == len(runs(folder)) == RUNS
    return folder


@pytest.fixture(scope="module")
def sequential(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("sweeps") / "basic")


@pytest.mark.parametrize("launcher", ["local", *PLUGINS])
def test_launchers_compute_the_same_to_the_last_bit(launcher, sequential, tmp_path):
    skip_unless_installed(launcher)
    assert metrics(sweep(tmp_path / launcher, f"hydra/launcher={launcher}")) == metrics(sequential)


@pytest.mark.parametrize("form", ["vmap", "autograd", "compile"])
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
