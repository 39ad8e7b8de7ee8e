"""One run as a command: its folder, its exit code, and what it says of everything that can go wrong."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from runs import read_status, run_folders

from runner.callbacks import Callbacks

SMALL = ["epochs=2", "limit_train=200", "limit_val=50", "limit_test=50"]


@pytest.fixture
def repeat(run, tmp_path):
    """repeat(*words) -> the Result of a small command, whose runs share one folder of outputs."""
    return lambda *words, **more: run(*SMALL, *words, outputs=tmp_path / "outputs", **more)


# --- the folder ---------------------------------------------------------------------------------------------------


def test_numbers_below_the_smallest_normal_one_are_zero_in_a_run(run):
    """Velocities of units without gradients decay to such numbers, with which x86 CPUs take many times as long."""
    if not torch.set_flush_denormal(False):
        pytest.skip("this CPU has no such mode")
    product = []
    run(*SMALL, callbacks=Callbacks(on_run_end=lambda _: product.append(float(torch.tensor(1e-38) * 0.1)) or ""))
    assert product == [0.0]


def test_folder_holds_everything_when_the_callback_is_called(run):
    files = []
    callbacks = Callbacks(on_run_end=lambda folder: files.extend(folder.rglob("*")))
    result = run(*SMALL, "optim.lr=0.05", "optim/lr_schedule=cosine", "wrap=[lookahead]", callbacks=callbacks)
    assert result.folder.parent.parent.name == "aggmo+lookahead,lr=0.05,lr_schedule=cosine"
    names = {"config.yaml", "environment.json", "status.json", "metrics.jsonl", "timings.jsonl", "log.txt"}
    names |= {"last.pt", "best.pt"}
    assert names == {file.name for file in files if file.is_file() and file.name != ".lock"}
    environment = json.loads((result.folder / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__.split("+")[0]
    assert environment["device"] == "cpu" and environment["threads"] == 1
    for line in result.out.strip().splitlines():
        assert line in (result.folder / "log.txt").read_text()


@pytest.mark.slow
def test_a_run_does_not_import_the_compiler(tmp_path):
    """It takes a third of the time in which a run starts."""
    words = [*SMALL, "optim=adam", "wrap=[lookahead,ema]", "groups=[no_decay]", f"outputs={tmp_path}"]
    program = f"""
import sys
from main import CALLBACKS, main
sys.argv = ["main.py"]
assert main({words}, CALLBACKS) == 0
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_recorded_configuration_reproduces_the_run(run):
    first = run(*SMALL, "optim=adam", "optim.lr=0.01", "wrap=[lookahead]", "seed=4").folder
    second = run(f"config={first / 'config.yaml'}").folder
    assert (first / "metrics.jsonl").read_bytes() == (second / "metrics.jsonl").read_bytes()
    assert first.relative_to(first.parents[3]) == second.relative_to(second.parents[3])


def test_recorded_configuration_is_repeated_with_changed_keys(run):
    first = run(*SMALL, "optim=adam").folder
    second = run(f"config={first / 'config.yaml'}", "seed=5", "optim.lr=0.01").folder
    assert second.name == "seed=5" and second.parent.parent.name == "adam,lr=0.01"


def test_no_recorded_configuration_names_code_to_run(run, tmp_path):
    config = (run(*SMALL).folder / "config.yaml").read_text()
    target = tmp_path / "made"
    for addition in (f"hydra: {{callbacks: {{x: {{_target_: os.makedirs, name: {target}}}}}}}", "defaults: [x]"):
        file = tmp_path / "evil.yaml"
        file.write_text(f"{config}{addition}\n")
        result = run(f"config={file}")
        assert result.code == 2 and str(file) in result.err and not target.exists()


def test_seed_is_in_the_folder_and_not_in_the_signature(repeat, tmp_path):
    repeat("seed=0")
    repeat("seed=1")
    zero, one = run_folders(tmp_path / "outputs")
    assert (zero.name, one.name) == ("seed=0", "seed=1") and zero.parent == one.parent
    assert (zero / "metrics.jsonl").read_bytes() != (one / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize("words", [[], ["optim.lr=1e17"]], ids=["done", "diverged"])
def test_finished_run_is_shown_and_not_run_again(repeat, words):
    first = repeat(*words)
    files = {file: file.stat().st_mtime_ns for file in first.folder.rglob("*")}
    second = repeat(*words, "device=cpu", "log.every=3", "threads=1", "checkpoint.every=2")  # these decide no result
    assert second.code == 0 and "rerun=true" in second.out
    assert set(first.out.splitlines()[-2:]) <= set(second.out.splitlines())
    assert {file: file.stat().st_mtime_ns for file in first.folder.rglob("*")} == files


# --- failures -----------------------------------------------------------------------------------------------------


def test_failure_is_recorded_and_tried_again(repeat):
    def fail(folder):
        raise RuntimeError("it broke\nin two lines")

    result = repeat(callbacks=Callbacks(on_run_end=fail))
    assert result.code == 1 and read_status(result.folder)["status"] == "failed"
    assert "RuntimeError: it broke" in result.out and "Traceback" not in result.out + result.err
    assert "Traceback" in (result.folder / "log.txt").read_text()
    result = repeat()
    assert result.code == 0 and read_status(result.folder)["status"] == "done"


def test_full_disk_is_reported_once_and_the_run_resumes_later(repeat, tmp_path, monkeypatch):
    replace, count = os.replace, 0

    def full(source, target):
        nonlocal count
        count += 1
        if count > 7:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        result = repeat("epochs=4")
    assert result.code == 1 and result.err.count("No space left on device") == 1 and result.err.count("\n") == 1
    assert not list((tmp_path / "outputs").rglob("*.tmp"))
    result = repeat("epochs=4")
    assert result.code == 0 and "Resuming" in result.out and read_status(result.folder)["status"] == "done"


def test_signal_at_the_end_of_a_run_still_ends_a_sweep(repeat):
    callbacks = Callbacks(on_run_end=lambda folder: signal.raise_signal(signal.SIGTERM))
    result = repeat("-m", "seed=0,1,2", callbacks=callbacks)
    assert result.code == 143
    assert read_status(result.folder)["status"] == "done" and result.folder.name == "seed=0"


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "gone"])
@pytest.mark.parametrize("name", ["last", "best"])
def test_damaged_checkpoints_are_named_with_the_way_out(repeat, name, damage):
    folder = repeat().folder
    file = folder / "checkpoints" / f"{name}.pt"
    content = {"empty": b"", "cut": file.read_bytes()[:-200], "garbage": b"no checkpoint"}.get(damage)
    file.unlink() if content is None else file.write_bytes(content)
    (folder / "status.json").unlink()  # as if killed just before its end
    result = repeat()
    if (name, damage) == ("last", "gone"):
        assert result.code == 0  # nothing to resume from: it starts anew
        return
    assert result.code == 1 and f"{name}.pt" in result.out and "rerun=true" in result.out
    result = repeat("rerun=true")
    assert result.code == 0 and read_status(folder)["status"] == "done"


def test_interrupted_rerun_is_resumed(repeat):
    repeat()
    folder = repeat("rerun=true").folder
    assert "rerun: false" in (folder / "config.yaml").read_text()  # the record repeats a run, it does not erase it
    (folder / "status.json").write_text(json.dumps({**read_status(folder), "status": "interrupted"}))
    result = repeat("rerun=true")
    assert result.code == 0 and "Resuming after epoch 2" in result.out


@pytest.mark.parametrize("content", ["[1]", "\udcff", '{"status": "done"}', "{"])
def test_damaged_status_is_no_obstacle(repeat, content):
    folder = repeat().folder
    (folder / "status.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    result = repeat()
    assert result.code == 0 and read_status(folder)["status"] == "done" and "Resuming" in result.out


def test_metrics_shorter_than_the_checkpoint_are_named(repeat):
    folder = repeat().folder
    (folder / "metrics.jsonl").write_text("")
    (folder / "status.json").unlink()
    result = repeat()
    assert result.code == 1 and "metrics.jsonl" in result.out and "rerun=true" in result.out
    assert (folder / "metrics.jsonl").read_text() == ""


def test_checkpoint_of_something_else_is_named(repeat):
    folder = repeat().folder
    shutil.copy(folder / "checkpoints" / "best.pt", folder / "checkpoints" / "last.pt")
    (folder / "config.yaml").unlink()
    (folder / "status.json").unlink()
    result = repeat()
    assert result.code == 1 and "last.pt" in result.out and "rerun=true" in result.out
    assert (folder / "config.yaml").exists()


def test_a_finished_run_says_what_it_did_not_record(repeat):
    repeat("logger=[]")
    plain = repeat("logger=[]")
    assert "This run is finished; rerun=true runs it again.\n" in plain.out
    asked = repeat("logger=[tensorboard]", "track=true")
    assert asked.code == 0 and "it ran with track=false logger=[], so there is nothing of " in asked.out
    assert "track=true logger=[tensorboard]; rerun=true" in asked.out
