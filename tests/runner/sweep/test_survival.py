"""A sweep that is killed at random moments and started again ends as one that was left alone."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

WORDS = ["optim=sgd,adam,aggmo", "seed=0,1", "epochs=6", "limit_train=400", "logger=[]", "threads=1"]
KILLS = 10  # for each launcher
ROUNDING = 1e-3  # of losses: runs that were cut into other stacks sum in another order, and training amplifies it


def start(folder, *words):
    command = [sys.executable, str(ROOT / "main.py"), "-m", *WORDS, *words]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def result(folder):
    (file,) = folder.glob("outputs/sweeps/*/sweep.csv")
    rows = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("metrics.jsonl"))}
    return file.read_bytes(), rows


def assert_as_left_alone(launcher, killed, whole):
    (table, rows), (expected_table, expected_rows) = result(killed), result(whole)
    if launcher != "stacked":
        assert table == expected_table and rows == expected_rows
        return
    assert rows.keys() == expected_rows.keys()
    for run, text in expected_rows.items():
        losses, expected = ([json.loads(line)["loss"] for line in each.splitlines()] for each in (rows[run], text))
        assert losses == pytest.approx(expected, rel=ROUNDING), run


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "local", "stacked"])
def test_a_sweep_killed_at_random_ends_as_if_left_alone(launcher, tmp_path):
    words = [f"hydra/launcher={launcher}"]
    if launcher == "stacked":
        words.append("hydra.launcher.form=vmap")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    begun = time.monotonic()
    done = start(whole, *words)
    said, _ = done.communicate(timeout=300)
    took = time.monotonic() - begun
    assert done.returncode == 0, said
    moments, kills = random.Random(launcher), 0
    while kills < KILLS:
        process = start(killed, *words)
        try:
            said, _ = process.communicate(timeout=took * moments.uniform(0.2, 0.9))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        assert process.returncode == 0, said  # what was left is done: it is looked at, and goes from the start again
        assert_as_left_alone(launcher, killed, whole)
        shutil.rmtree(killed / "outputs")
    last = start(killed, *words)
    said, _ = last.communicate(timeout=300)
    assert last.returncode == 0, said
    assert_as_left_alone(launcher, killed, whole)
