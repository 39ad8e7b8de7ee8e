"""The same 24 runs by every launcher, each in a program of its own, give the same results."""

import importlib.util
import json
import subprocess
import sys

import pytest
from conftest import ROOT

WORDS = ["task=digits", "optim=sgd,aggmo,adam", "optim.lr=0.003,0.01", "seed=0,1,2,3"]
WORDS += ["epochs=4", "threads=1", "logger=[]"]
PLUGINS = {"joblib": "hydra_joblib_launcher", "submitit_local": "hydra_submitit_launcher", "ray": "hydra_ray_launcher"}
STACKED_RTOL = 1e-5  # of each epoch's loss: another order of the same sums


def swept(folder, *words):
    """Run the sweep in a folder of its own; return {run: bytes of its metrics.jsonl}."""
    folder.mkdir()
    command = [sys.executable, str(ROOT / "main.py"), "-m", *WORDS, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    (table,) = folder.glob("outputs/sweeps/*/sweep.csv")
    assert len(table.read_text().splitlines()) == 25
    return {path.parent.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("metrics.jsonl"))}


@pytest.fixture(scope="module")
def one_after_another(tmp_path_factory):
    found = swept(tmp_path_factory.mktemp("sweeps") / "basic")
    assert len(found) == 24
    return found


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["local", *PLUGINS])
def test_launchers_compute_the_same_to_the_last_bit(launcher, one_after_another, tmp_path):
    if launcher in PLUGINS and importlib.util.find_spec("hydra_plugins." + PLUGINS[launcher]) is None:
        pytest.skip(f"{PLUGINS[launcher]} is not installed")
    assert swept(tmp_path / launcher, f"hydra/launcher={launcher}") == one_after_another


@pytest.mark.slow
@pytest.mark.parametrize("form", ["vmap", "autograd", "compile"])
def test_stacked_runs_differ_by_rounding_only(form, one_after_another, tmp_path):
    found = swept(tmp_path / form, "hydra/launcher=stacked", f"hydra.launcher.form={form}")
    assert found.keys() == one_after_another.keys()
    largest = 0.0
    for run, text in one_after_another.items():
        for ours, theirs in zip(epochs(found[run]), epochs(text), strict=True):
            assert {**ours, "loss": 0} == {**theirs, "loss": 0}
            largest = max(largest, abs(ours["loss"] - theirs["loss"]) / theirs["loss"])
    print(f"stacked, {form}: losses of 24 runs within {largest:.1e}, relative, of the runs alone")
    assert largest < STACKED_RTOL


def epochs(text):
    return [row for row in map(json.loads, text.splitlines()) if row.get("per") != "step"]
