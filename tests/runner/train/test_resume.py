"""An interrupted or killed run is resumed by the same command and ends as if nothing had happened: to the byte."""

import contextlib
import random
import signal
import time
from types import SimpleNamespace
from typing import Any

import processes
import pytest
import torch
from conftest import write_mnist
from runs import read_results, read_status, run_folder, run_interrupted

from results.paths import BEST
from results.run_folder import RunFolder
from runner.callbacks import Callbacks
from runner.train import checkpoint
from runner.train.build import check_best
from runner.train.progress import Progress
from runner.train.signals import Interrupted, StopRequest

DIGITS = ["task=digits", "epochs=6", "log.every=4", "limit_train=400", "logger=[tensorboard]"]
AUTOENCODER = ["task=autoencoder", "epochs=3", "batch_size=64", "log.every=3", "limit_train=300", "limit_val=100"]
AUTOENCODER += ["model.encoder=[30,10]", "limit_test=50", "logger=[tensorboard]"]
AUTOENCODER += ["optim/lr_schedule=step", "optim.lr_schedule.milestones=[2]"]
TEXT = ["task=char_lm", "data=text", "data.context=8", "model.dim=8", "epochs=2", "log.every=1", "limit_train=80"]
TEXT += ["limit_val=10", "limit_test=10", "model.dropout=0.2", "checkpoint.unit=step", "task.sample_tokens=9"]
POINT = ["optim=adam", "log.every=7", "logger=[tensorboard]"]
KINDS = {
    "digits": DIGITS,
    "digits, step": [*DIGITS, "checkpoint.unit=step", "checkpoint.every=5"],
    "digits, all on": [
        *(*DIGITS, "optim=adam", "wrap=[gradient_noise,lookahead]", "clip_norm=1", "finetune.epochs=2"),
        *("optim/lr_schedule=plateau", "optim.lr_schedule.patience=0", "optim.lr_schedule.warmup=1.5"),
        *("task.label_smoothing=0.1", "task.mixup=0.2", "task.cutmix=1"),
        *("checkpoint.unit=step", "checkpoint.every=7", "track=true"),
    ],
    "batch norm, averaged": [
        *("task=digits", "model=cnn_bn", "optim=adam", "wrap=[lookahead,ema]", "epochs=3", "limit_train=90"),
        *("limit_val=50", "limit_test=50", "batch_size=40", "checkpoint.unit=step", "checkpoint.every=2"),
        *("log.every=2", "logger=[tensorboard]"),
    ],
    "two optimizers": [
        *("task=digits", "epochs=2", "log.every=2", "limit_train=300", "limit_val=50", "limit_test=50", "track=true"),
        *("optim=momentum", "groups=[muon,no_decay]", "wrap=[gradient_noise,lookahead]", "optim/lr_schedule=cosine"),
        *("finetune.epochs=1", "checkpoint.unit=step", "checkpoint.every=2", "logger=[]"),
    ],
    "autoencoder": AUTOENCODER,
    "autoencoder, step": [*AUTOENCODER, "checkpoint.unit=step", "checkpoint.every=5"],
    "gpt": [
        *(*TEXT, "model.depth=1", "model.heads=2", "accumulate=3", "track=true", "groups=[muon,no_decay]"),
        *("optim=muon", "checkpoint.every=2", "logger=[]"),
    ],
    "lstm": [*TEXT, "model=lstm", "model.tied=true", "wrap=[ema]", "checkpoint.every=5", "logger=[]"],
    "awd_lstm": [
        *(word for word in TEXT if not word.startswith("model.")),
        *("data.cut=stream", "data.shuffle=false", "data.jitter=true", "task.scale_lr=true"),
        *("batch_size=5", "model=awd_lstm", "model.embedding=6", "model.hidden=8", "checkpoint.every=3", "logger=[]"),
    ],
    "rosenbrock": [
        *(*POINT, "task=rosenbrock", "optim=adamp", "epochs=3", "data.num_steps=40"),
        "wrap=[mars,cautious,schedule_free]",
    ],
    "amsgrad": [
        *(*POINT, "task=amsgrad_stochastic", "data.num_periods=1", "epochs=4", "wrap=[swa]", "wrap.swa.start=2"),
    ],
}


@pytest.fixture(scope="module")
def words_of(tmp_path_factory):
    """words_of(kind) -> the command of a kind."""
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder, 500, 100)
    (folder / "text.txt").write_text("".join(f"{i} bottles of beer, {i * i} on the wall\n" for i in range(99)))
    files = {"autoencoder": f"data.root={folder}", "autoencoder, step": f"data.root={folder}"}
    files |= dict.fromkeys(("gpt", "lstm", "awd_lstm"), f"data.path={folder / 'text.txt'}")
    return lambda kind: [*KINDS[kind], *([files[kind]] if kind in files else [])]


@pytest.mark.parametrize(
    "kind",
    [
        *("digits", "digits, all on", "two optimizers", "autoencoder, step", "gpt", "lstm", "rosenbrock", "amsgrad"),
        "awd_lstm",
        pytest.param("batch norm, averaged", marks=pytest.mark.slow),
    ],
)
def test_interrupted_in_any_step_and_resumed(kind, run, words_of, tmp_path):
    words = words_of(kind)
    expected = read_results(run(*words).folder)
    steps, outputs = expected["status"]["steps_done"], tmp_path / "interrupted"
    for after in (0, steps // 3, steps // 2):  # each counted from where the last one stopped
        assert run_interrupted(*words, f"outputs={outputs}", after=after) == 130
        assert read_status(run_folder(outputs))["status"] == "interrupted"
    resumed = run(*words, outputs=outputs)
    assert resumed.code == 0 and "Resuming after epoch" in resumed.out
    assert read_results(resumed.folder) == expected


def test_signals_are_a_stop_request_and_the_second_one_an_interrupt():
    for number in (signal.SIGINT, signal.SIGTERM):
        with StopRequest() as stop:
            signal.raise_signal(number)
            assert stop.number == number
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_signals_that_a_launcher_forwards_interrupt_nothing():
    with StopRequest(forwarded=True) as stop:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert stop.number == signal.SIGINT


def test_signals_interrupt_what_loads_and_reach_the_outer_request():
    with StopRequest(forwarded=True) as sweep, StopRequest() as stop:
        with pytest.raises(Interrupted, match="SIGTERM"), stop.raising():
            signal.raise_signal(signal.SIGTERM)
        assert stop.number == sweep.number == signal.SIGTERM
        signal.raise_signal(signal.SIGTERM)  # the same one, forwarded
        with pytest.raises(Interrupted), stop.raising():
            raise AssertionError("asked to stop before")


def test_an_interruption_that_python_swallows_is_raised_at_the_end(capsys):
    class Closing:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    with StopRequest() as stop, pytest.raises(Interrupted), stop.raising():
        closing = Closing()
        del closing
    assert capsys.readouterr().err == ""


def test_an_error_after_a_signal_is_its_consequence(run):
    """A process that works for the run may be ended by the signal as well."""

    def fail(folder):
        signal.raise_signal(signal.SIGTERM)
        raise RuntimeError("a worker exited unexpectedly")

    result = run("epochs=1", "limit_train=100", callbacks=Callbacks(on_run_end=fail))
    assert result.code == 143 and read_status(result.folder)["status"] == "interrupted"
    assert "Stopped by SIGTERM" in result.out and "Traceback" in (result.folder / "log.txt").read_text()


def test_signal_to_a_process_saves_and_exits_with_its_code(tmp_path):
    process = processes.start(["task=digits", "epochs=100000", "logger=[]"], tmp_path)
    processes.wait_for_checkpoint(tmp_path)
    assert processes.send_signal(process, signal.SIGTERM) == 128 + signal.SIGTERM, processes.printed(tmp_path)
    assert read_status(run_folder(tmp_path))["status"] == "interrupted"


def test_files_of_a_killed_writer_are_removed(run, tmp_path):
    words = ["epochs=1", "limit_train=100"]
    folder = run(*words, outputs=tmp_path).folder
    (folder / "checkpoints" / "last.pt.tmp").write_bytes(b"half a checkpoint")
    (folder / "status.json.tmp").write_bytes(b"{")
    (folder / "status.json").unlink()
    assert run(*words, outputs=tmp_path).code == 0
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("step, is_known", [(5, False), (9, False), (10, True), (15, True)])
def test_best_weights_of_a_validation_after_the_checkpoint_are_known(tmp_path, step, is_known):
    """The checkpoint of step 10, the last of its epoch, is written before the epoch's validation."""
    (tmp_path / BEST).parent.mkdir()
    progress = Progress(step=10, best={"step": 5, "epoch": 1, "loss": 1.0})
    progress.best_checksum = checkpoint.save(tmp_path / BEST, {"model": {}, **progress.best})
    trainer: Any = SimpleNamespace(folder=SimpleNamespace(path=tmp_path), progress=progress)
    check_best(trainer)
    checkpoint.save(tmp_path / BEST, {"model": {"w": torch.ones(1)}, "step": step})
    with contextlib.nullcontext() if is_known else pytest.raises(ValueError, match="not the file that this run"):
        check_best(trainer)


def test_second_process_in_one_folder_is_refused(run, tmp_path):
    words = ["epochs=1", "limit_train=100"]
    folder = RunFolder(run(*words, outputs=tmp_path).folder)
    folder.open()  # as another process has it
    result = run(*words, "rerun=true", outputs=tmp_path)
    folder.close()
    assert result.code == 2 and "another process" in result.err and str(folder.path) in result.err
    assert read_status(folder.path)["status"] == "done"


# --- killed -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def undisturbed(words_of, tmp_path_factory):
    """undisturbed(kind) -> results and seconds of an undisturbed run, once for each kind."""
    known = {}

    def get(kind):
        if kind not in known:
            place = tmp_path_factory.mktemp("undisturbed")
            processes.run(["--help"], place)  # the first start also loads torch, which is not part of a run
            start = time.perf_counter()
            assert processes.run(words_of(kind), place) == 0, processes.printed(place)
            known[kind] = read_results(run_folder(place)), time.perf_counter() - start
        return known[kind]

    return get


def kill_until_done(words, place, duration, randomness, kills):
    """Kill a run so many times, each at a random moment, then let it end.

    A run that ends before its moment comes is started again in the next folder, so that no timing decides. Returns
    the results of the run that was killed.
    """
    for attempt in range(12):
        here = place / str(attempt)
        here.mkdir(parents=True)
        moments = (randomness.uniform(0.05, 0.95) * duration / kills for _ in range(kills))
        if all(processes.kill_after(moment, words, here) == -signal.SIGKILL for moment in moments):
            assert processes.run(words, here) == 0, processes.printed(here)
            return read_results(run_folder(here))
        duration /= 2
    raise AssertionError("no run lived long enough to be killed")


def test_killed_twice_and_resumed(words_of, undisturbed, tmp_path):
    kind = "digits, all on"
    expected, duration = undisturbed(kind)
    assert kill_until_done(words_of(kind), tmp_path, duration, random.Random(1), kills=2) == expected


@pytest.mark.slow
def test_twenty_kills_at_random_moments(words_of, undisturbed, tmp_path):
    """20 runs, each killed (-9) once at a random moment and resumed: 20 of 20 equal the undisturbed run."""
    randomness = random.Random(20)
    for i in range(20):
        kind = list(KINDS)[i % len(KINDS)]
        expected, duration = undisturbed(kind)
        found = kill_until_done(words_of(kind), tmp_path / str(i), duration, randomness, kills=1)
        assert found == expected, kind
