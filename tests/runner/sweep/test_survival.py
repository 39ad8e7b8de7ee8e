"""A sweep that is killed at random moments and started again ends as one that was left alone."""

import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

WORDS = ["optim=sgd,adam,aggmo", "seed=0,1", "epochs=6", "limit_train=400", "log.tensorboard=false", "threads=1"]
KILLS = 5  # for each launcher


def start(folder, *words):
    command = [sys.executable, str(ROOT / "main.py"), "-m", *WORDS, *words]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def result(folder):
    (file,) = folder.glob("outputs/sweeps/*/sweep.csv")
    rows = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("metrics.jsonl"))}
    return file.read_bytes(), rows


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "local", "stacked"])
def test_a_sweep_killed_at_random_ends_as_if_left_alone(launcher, tmp_path):
    words = [f"hydra/launcher={launcher}"]
    if launcher == "stacked":
        words.append("hydra.launcher.form=vmap")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    done = start(whole, *words)
    begun = time.monotonic()
    said, _ = done.communicate(timeout=300)
    took = time.monotonic() - begun
    assert done.returncode == 0, said
    moments, kills = random.Random(launcher), 0
    while kills < KILLS:
        process = start(killed, *words)
        try:
            process.communicate(timeout=took * moments.uniform(0.3, 0.95))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        if kills:  # what was left has been done before the next kill
            break
        took /= 2  # nothing was killed: from the start again, and earlier
        shutil.rmtree(killed / "outputs")
    last = start(killed, *words)
    said, _ = last.communicate(timeout=300)
    assert last.returncode == 0, said
    table, rows = result(whole)
    other_table, other_rows = result(killed)
    if launcher == "stacked":  # runs that were cut into other stacks are the same but for rounding
        assert rows.keys() == other_rows.keys()
    else:
        assert other_table == table and other_rows == rows
