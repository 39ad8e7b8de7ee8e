"""Hostile input from fixed seeds: every case is answered in time, in a line, and nothing crashes."""

import os
import random
import subprocess
import sys

import pytest
from conftest import ROOT
from fuzzing import TEXTS

CASES = [("commands", 0, 1000), ("commands", 1, 1000), ("configurations", 0, 1000)]
CASES += [("folders", 0, 100), ("folders", 1, 100)]  # about half a second each
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and devices in folders")
@pytest.mark.parametrize(("kind", "seed", "count"), CASES)
def test_every_case_is_answered(tmp_path, kind, seed, count):
    command = [sys.executable, ROOT / "tests" / "fuzzing.py", kind, str(seed), str(count)]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=580)
    assert done.stdout == "", done.stdout
    begun = [line for line in done.stderr.splitlines() if line.startswith("trying ")]
    assert done.returncode == 0, f"{begun[-1]}\n{done.stderr[-3000:]}"
    assert len(begun) >= count


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_processes_answer_as_the_function_does(tmp_path, seed):
    rng = random.Random(seed)
    values = [text for text in TEXTS if text and "\0" not in text and text.isprintable()]
    words = [f"{key}={rng.choice(values)}" for key in rng.sample(["task.name", "optim.lr", "seed", "device"], 2)]
    command = [sys.executable, ROOT / "main.py", "epochs=0", *words]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout == "" and os.listdir(tmp_path) == []
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and len(done.stderr) < 1300
