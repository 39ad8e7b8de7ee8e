"""A run's folder that is in the way, of another run, damaged or gone: one line, the right exit code, nothing lost."""

import shutil
import time

import processes
import pytest
import torch
from runs import read_status, run_folder, run_interrupted

from runner.callbacks import Callbacks

SMALL = ["task=digits", "epochs=1", "limit_train=20", "limit_val=20", "limit_test=20", "model.hidden=[8]"]


@pytest.fixture
def repeat(run, tmp_path):
    """repeat(*words) -> the Result of a small command, whose runs share one folder of outputs."""
    return lambda *words, **more: run(*SMALL, *words, outputs=tmp_path / "outputs", **more)


@pytest.fixture
def folder(repeat):
    """The folder of a run that is to be resumed, with all files that it has written."""
    folder = repeat().folder
    (folder / "status.json").unlink()
    return folder


def test_what_stands_in_the_way_is_named_before_anything_starts(folder, repeat, tmp_path):
    (folder / "log.txt").unlink()
    (folder / "log.txt").symlink_to(tmp_path / "elsewhere")
    result = repeat()
    assert result.code == 2 and result.err.count("\n") == 1 and result.out == ""
    assert f"outputs: {folder / 'log.txt'} is a link to {tmp_path / 'elsewhere'}" in result.err
    assert not (tmp_path / "elsewhere").exists()


# --- checkpoints that are not of this run ---------------------------------------------------------------------------


def cut_to(shape):
    return lambda content: {"model": {key: value[shape] for key, value in content["model"].items()}}


CHANGES = {
    "another shape": cut_to((..., slice(1))),
    "another model": lambda content: {"model": {f"x.{key}": value for key, value in content["model"].items()}},
    "no model": lambda content: {"model": 3},
    "no counts": lambda content: {"progress": [1]},
    "text for a count": lambda content: {"progress": {**content["progress"], "epoch": "two"}},
    "a fraction for a count": lambda content: {"progress": {**content["progress"], "step": 1.5}},
    "another optimizer": lambda content: {"optimizer": {"state": {}, "param_groups": []}},
    "no schedule": lambda content: {"scheduler": None},
    "no generators": lambda content: {"rng": 0},
    "other generators": lambda content: {"rng": [{"cpu": torch.zeros(3)}]},
    "no lengths": lambda content: {"file_lengths": "many"},
}


@pytest.mark.slow
def test_a_checkpoint_of_another_form_is_named(folder, repeat):
    file = folder / "checkpoints" / "last.pt"
    good = torch.load(file, weights_only=True)
    for name, change in CHANGES.items():
        torch.save({**good, **change(good)}, file)
        result = repeat()
        assert result.code == 1 and "last.pt is not of this run" in result.out and "rerun=true" in result.out, name
        assert "Traceback" not in result.out + result.err and result.out.count("\n") == 1 and len(result.out) < 900
    torch.save([good], file)
    result = repeat()
    assert result.code == 1 and "last.pt is no checkpoint" in result.out and "rerun=true" in result.out
    torch.save(good, file)
    assert repeat().code == 0 and read_status(folder)["status"] == "done"


def test_best_weights_of_another_run_or_none_are_noticed(folder, repeat, run):
    file = folder / "checkpoints" / "best.pt"
    shutil.copy(run(*SMALL, "seed=1").folder / "checkpoints" / "best.pt", file)
    result = repeat()
    assert result.code == 1 and "best.pt is not the file that this run has written" in result.out
    file.unlink()
    result = repeat()
    assert result.code == 1 and "best.pt is missing; rerun=true" in result.out


def test_best_weights_of_a_later_step_are_of_a_run_that_was_killed(run, tmp_path):
    """Killed after best.pt of the last epoch was written and before last.pt was: the last epoch is trained again."""
    words = ["task=digits", "epochs=2", "limit_train=256", "optim.lr=0.05"]
    whole, outputs = run(*words).folder, tmp_path / "killed"
    assert run_interrupted(*words, "logger=[]", f"outputs={outputs}", after=4) == 130
    killed = run_folder(outputs)
    best = [torch.load(each / "checkpoints" / "best.pt", weights_only=True)["epoch"] for each in (killed, whole)]
    assert best == [1, 2]
    shutil.copy(whole / "checkpoints" / "best.pt", killed / "checkpoints" / "best.pt")
    assert run(*words, outputs=outputs).code == 0
    assert (killed / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


# --- folders that fail while a run writes them ----------------------------------------------------------------------


def test_a_folder_that_is_gone_at_the_end_is_one_line(repeat):
    result = repeat(callbacks=Callbacks(on_run_end=shutil.rmtree))
    assert result.code == 1 and result.err.count("\n") == 1 and "was removed" in result.err
    assert "Traceback" not in result.out + result.err
    assert repeat().code == 0


def test_a_status_that_becomes_a_folder_is_one_line_and_the_run_resumes(repeat, tmp_path):
    def spoil(folder):
        (folder / "status.json").unlink()
        (folder / "status.json").mkdir()

    result = repeat(callbacks=Callbacks(on_run_end=spoil))
    assert result.code == 1 and result.err.count("\n") == 1 and "status.json" in result.err
    next(tmp_path.rglob("status.json")).rmdir()
    result = repeat()
    assert result.code == 0 and "Resuming" in result.out


@pytest.mark.parametrize(  # bytes: less than a configuration, an environment, a checkpoint
    "limit", [pytest.param(100, marks=pytest.mark.slow), pytest.param(4000, marks=pytest.mark.slow), 30_000]
)
def test_files_that_may_not_grow_are_one_line_and_the_run_resumes(repeat, limit):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    words = ["model.hidden=[64]", "epochs=2"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        result = repeat(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.code == 1 and result.err.count("\n") == 1 and "File too large" in result.err, result.err
    assert repeat(*words).code == 0


@pytest.mark.slow
def test_a_folder_that_vanishes_while_a_run_trains_is_one_line(tmp_path):
    words = ["task=digits", "logger=[]", "log.progress=none"]
    process = processes.start([*words, "epochs=100000"], tmp_path)
    processes.wait_for_checkpoint(tmp_path)
    while (tmp_path / "outputs").exists():  # the run may write in between
        shutil.rmtree(tmp_path / "outputs", ignore_errors=True)
        time.sleep(0.01)
    process.join(60)
    assert process.exitcode == 1, processes.printed(tmp_path)
    *_, last = processes.printed(tmp_path).splitlines()
    assert last.startswith("error: ") and "Traceback" not in processes.printed(tmp_path)
    assert processes.run([*words, "epochs=1"], tmp_path) == 0
    assert read_status(run_folder(tmp_path))["status"] == "done"
