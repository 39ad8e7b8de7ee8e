"""A sweep that is killed at random moments and started again ends as one that was left alone."""

import json
import random
import shutil
import signal
import time

import processes
import pytest
from small_sweeps import metrics

OPTIMIZERS = ["optim=sgd,adam,aggmo"]
WORDS = ["seed=0,1", "epochs=6", "limit_train=400", "logger=[]", "threads=1"]
KILLS = 4  # for each launcher
HALVING = ["optim=sgd,adam", "optim.lr=0.01,0.1,1", "sweep.halving=2"]  # rungs at epochs 2, 3 and 6
STACKED_RTOL = 1e-3  # of losses: runs that were divided into other stacks sum in another order; training amplifies it


def command(launcher, more):
    form = ["hydra.launcher.form=vmap"] if launcher == "stacked" else []
    return ["-m", *WORDS, *more, f"hydra/launcher={launcher}", *form]


def assert_same(launcher, killed, whole):
    folders = killed, whole
    rows, expected = map(metrics, folders)
    if launcher != "stacked":
        for file in ("sweep.csv", "halving.json"):
            found, wanted = ([path.read_bytes() for path in each.glob(f"outputs/sweeps/*/{file}")] for each in folders)
            assert found == wanted, file
        assert rows == expected
        return
    assert rows.keys() == expected.keys()
    for run in rows:
        losses = [[json.loads(line)["loss"] for line in each[run].splitlines()] for each in (rows, expected)]
        assert losses[0] == pytest.approx(losses[1], rel=STACKED_RTOL), run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "more", "kills_to_do"),
    [
        *((each, OPTIMIZERS, KILLS) for each in ("basic", "local", "stacked")),
        ("local", HALVING, 3),
        ("stacked", HALVING, 2),
    ],
)
def test_a_sweep_killed_at_random_ends_as_if_left_alone(launcher, more, kills_to_do, tmp_path):
    whole, killed, words = tmp_path / "whole", tmp_path / "killed", command(launcher, more)
    for folder in (whole, killed):
        folder.mkdir()
    processes.run(["--help"], tmp_path)  # the first start also loads torch, which is not part of a sweep
    begin = time.monotonic()
    assert processes.run(words, whole) == 0, processes.printed(whole)
    seconds = time.monotonic() - begin
    moments, kills = random.Random(launcher), 0
    while kills < kills_to_do:
        code = processes.kill_after(seconds * moments.uniform(0.2, 0.7), words, killed)
        if code == -signal.SIGKILL:
            kills += 1
        else:  # all runs are done before the last kill: compare, and begin again
            assert code == 0, processes.printed(killed)
            assert_same(launcher, killed, whole)
            shutil.rmtree(killed / "outputs")
    assert processes.run(words, killed) == 0, processes.printed(killed)
    assert_same(launcher, killed, whole)
