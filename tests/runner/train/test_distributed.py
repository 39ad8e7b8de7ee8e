"""Several processes give what one gives, and only the first of them writes or speaks.

Most tests start them as torchrun would, by its variables, from the server that has torch loaded; the slow ones by
torchrun itself.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import harness
import pytest
from conftest import ROOT

from runner.config.errors import ConfigError
from runner.config.validate import validate
from runner.train.device import choose_device
from runner.train.distributed import DistributedContext
from runner.train.run import refuse_unshared
from runner.train.signals import StopRequest

SMALL = ["task=digits", "epochs=2", "limit_train=149", "limit_val=33", "limit_test=31", "batch_size=64", "log.every=2"]
SMALL += ["eval_batch_size=10"]  # 64, 64 and 21 samples a step


def child(rank, size, port, argv, cwd):
    """One process of several, as torchrun starts it."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    os.environ |= {"WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size)}
    harness.child(argv, cwd, f"{cwd}/console{rank or ''}.txt")


def start(argv, cwd, size=2):
    cwd.mkdir(exist_ok=True)
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [(rank, size, port, argv, str(cwd)) for rank in range(size)]
    processes = [harness.context.Process(target=child, args=each) for each in arguments]
    for process in processes:
        process.start()
    return processes


def run(argv, cwd, size=2):
    """Run to the end; return the exit codes."""
    processes = start(argv, cwd, size)
    for process in processes:
        process.join(120)
        process.kill()
    return [process.exitcode for process in processes]


def alone(argv, cwd):
    cwd.mkdir()
    assert harness.run(argv, cwd) == 0, said(cwd)


def said(cwd, rank=0):
    return (cwd / f"console{rank or ''}.txt").read_text()


def rows(cwd):
    return [json.loads(line) for line in (harness.folder(cwd) / "metrics.jsonl").read_text().splitlines()]


def assert_same_rows(found, expected, rel=1e-6):
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert row.keys() == other.keys()
        for key, value in other.items():
            close = rel if key in ("loss", "acc", "lr") else 1e-4  # norms of small differences of weights
            assert row[key] == (pytest.approx(value, rel=close) if isinstance(value, float) else value), key


def files(cwd):
    """What lies below a folder, its own logs of the console aside; TensorBoard's names hold the time."""
    return sorted(str(file.relative_to(cwd)) for file in (cwd / "outputs").rglob("*") if "tfevents" not in file.name)


def test_two_processes_give_the_results_of_one(tmp_path):
    """Momo reads each step's loss, more so with a large lr; the last batch has 21 samples, validation 33, test 31."""
    command = [*SMALL, "optim=momo", "optim.lr=100", "accumulate=2", "track=true"]
    alone(command, tmp_path / "one")
    assert run(command, tmp_path / "two") == [0, 0], said(tmp_path / "two")
    assert_same_rows(rows(tmp_path / "two"), rows(tmp_path / "one"))
    assert files(tmp_path / "two") == files(tmp_path / "one")
    assert said(tmp_path / "two", 1) == "" and "2 processes on cpu" in said(tmp_path / "two")
    events = list((tmp_path / "two").rglob("events.out.tfevents.*"))
    assert len(events) == 1
    shown = run(command, tmp_path / "two")
    assert shown == [0, 0] and said(tmp_path / "two").count("This run is finished") == 1


def test_a_refused_command_is_told_of_once(tmp_path):
    assert run(["optim.lrr=0.1"], tmp_path) == [2, 2]
    assert said(tmp_path).count("error: optim.lrr is not a key") == 1 and said(tmp_path, 1) == ""
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "words"),
    [
        (3, ["limit_train=65", "drop_last=false"]),  # the last batch has one sample for three processes
        (3, ["accumulate=21", "limit_val=2", "limit_test=1"]),  # passes of four samples, the last batch's last of two
        (2, ["optim=adam", "wrap=[gradient_noise,lookahead,ema]", "clip_value=0.01", "batch_size=50"]),
        (2, ["optim=sgd", "clip_norm=0.1", "accumulate=3"]),
        (2, ["task=digits", "optim=momo_adam", "optim/lr_schedule=plateau", "optim.lr_schedule.patience=0"]),
        (2, ["finetune.epochs=1", "data.shuffle=false", "drop_last=true"]),
    ],
)
def test_several_processes_give_the_results_of_one(size, words, tmp_path):
    alone([*SMALL, *words], tmp_path / "one")
    assert run([*SMALL, *words], tmp_path / "many", size) == [0] * size, said(tmp_path / "many")
    assert_same_rows(rows(tmp_path / "many"), rows(tmp_path / "one"), rel=3e-6)


@pytest.mark.slow
def test_a_diverged_run_is_the_same_result(tmp_path):
    command = [*SMALL, "optim.lr=1e6", "optim=sgd"]
    alone(command, tmp_path / "one")
    assert run(command, tmp_path / "two") == [0, 0]
    one, two = (harness.status(tmp_path / name) for name in ("one", "two"))
    assert two["status"] == one["status"] == "diverged"
    assert [two["diverged"][key] for key in ("epoch", "step")] == [one["diverged"][key] for key in ("epoch", "step")]


@pytest.mark.slow
def test_batch_norm_on_cpu_is_spoken_of_and_each_process_draws_its_own_dropout(tmp_path):
    assert run([*SMALL, "model=cnn_bn", "epochs=1"], tmp_path) == [0, 0]
    assert said(tmp_path).count("each process normalises its own share") == 1
    checkpoint = harness.torch.load(harness.folder(tmp_path) / "checkpoints" / "last.pt", weights_only=True)
    first, second = (state["cpu"] for state in checkpoint["rng"])
    assert not harness.torch.equal(first, second)


# --- stopping and going on ----------------------------------------------------------------------------------------

LONG = ["task=digits", "epochs=16", "limit_train=150", "batch_size=64", "log.every=4"]
DROPOUT = ["data=synthetic", "model=vit_cifar", "model.dim=16", "model.mlp=16", "model.depth=1", "model.dropout=0.5"]


def wait_for_checkpoint(cwd):
    for _ in range(1200):
        if list((cwd / "outputs").rglob("last.pt")):
            return
        time.sleep(0.05)
    raise TimeoutError(said(cwd))


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "words"), [([0, 1], ["model=cnn_bn"]), ([1], DROPOUT)])
def test_a_signal_to_any_stops_all_and_they_go_on_as_if_undisturbed(asked, words, tmp_path):
    command = [*LONG, *words]
    assert run(command, tmp_path / "undisturbed") == [0, 0]
    place = tmp_path / "stopped"
    processes = start(command, place)
    wait_for_checkpoint(place)
    for rank in asked:
        for _ in range(2):  # from the terminal, and from torchrun
            os.kill(processes[rank].pid, signal.SIGINT)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [130, 130], said(place)
    assert said(place).count("Stopped by SIGINT") == 1 and harness.status(place)["status"] == "interrupted"
    assert run(command, place) == [0, 0]
    assert said(place).count("Resuming after") == 1
    assert harness.results(place) == harness.results(tmp_path / "undisturbed")


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(tmp_path):
    command = [*SMALL, "epochs=200", "optim.lr=0.001"]
    alone(command, tmp_path / "one")
    place = tmp_path / "changed"
    processes = start(command, place)
    wait_for_checkpoint(place)
    os.kill(processes[0].pid, signal.SIGTERM)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [143, 143], said(place)
    assert harness.run(command, place) == 0 and "Resuming after" in said(place)
    assert_same_rows(rows(place), rows(tmp_path / "one"), rel=1e-3)


# --- torchrun -----------------------------------------------------------------------------------------------------


def torchrun(argv, cwd):
    cwd.mkdir(exist_ok=True)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command = [*launcher, str(ROOT / "main.py"), *argv]
    with open(cwd / "console.txt", "a") as file:
        return subprocess.Popen(command, cwd=cwd, stdout=file, stderr=file, env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_torchrun_gives_the_results_of_one_process(tmp_path):
    alone(SMALL, tmp_path / "one")
    assert torchrun(SMALL, tmp_path / "two").wait(200) == 0, said(tmp_path / "two")
    assert_same_rows(rows(tmp_path / "two"), rows(tmp_path / "one"))
    assert said(tmp_path / "two").count("epoch 1/2") == 1
    assert harness.status(tmp_path / "two")["status"] == "done"


@pytest.mark.slow
def test_torchrun_told_to_end_ends_after_saving(tmp_path):
    process = torchrun([*LONG, "epochs=100000"], tmp_path)
    wait_for_checkpoint(tmp_path)
    process.terminate()
    process.wait(60)
    assert harness.status(tmp_path)["status"] == "interrupted", said(tmp_path)
    assert said(tmp_path).count("Stopped by SIGTERM") == 1


@pytest.mark.slow
def test_a_process_that_dies_takes_the_others_with_it(tmp_path):
    process = torchrun([*LONG, "epochs=100000", "logger=[]"], tmp_path)
    wait_for_checkpoint(tmp_path)
    workers = children(process.pid)
    assert len(workers) == 2
    os.kill(workers[-1], signal.SIGKILL)
    assert process.wait(60) != 0
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]
    assert harness.status(tmp_path)["status"] in ("running", "failed")  # either goes on from the checkpoint


def children(pid):
    if not os.path.isdir(f"/proc/{pid}/task"):
        pytest.skip("needs /proc to find the processes")
    with open(f"/proc/{pid}/task/{pid}/children") as listed:
        return sorted(map(int, listed.read().split()))


# --- what can't be shared -----------------------------------------------------------------------------------------

TWO = DistributedContext(rank=1, size=2, local_rank=1, local_size=2, launched=True)


def settings(**changed):
    from runner.config.compose import compose

    return validate(compose(*(f"++{key}={value}" for key, value in changed.items())))


@pytest.mark.parametrize("device", ["cuda:1", "cuda:0", "mps"])
def test_one_device_for_two_processes_is_refused(device):
    with pytest.raises(ConfigError, match=f"device={device} is one device for 2 processes; device=cuda"):
        choose_device(device, TWO)


@pytest.mark.parametrize(("found", "chosen"), [(0, "cpu"), (2, "cuda:1"), (4, "cuda:1")])
def test_each_process_has_the_device_of_its_number(found, chosen, monkeypatch):
    pretend(found, monkeypatch)
    assert choose_device("auto", TWO) == chosen
    assert choose_device("cpu", TWO) == "cpu"


def test_more_processes_than_devices_are_refused(monkeypatch):
    pretend(1, monkeypatch)
    with pytest.raises(ConfigError, match="device=auto: torch finds 1 CUDA device here for 2 processes"):
        choose_device("auto", TWO)


def pretend(devices, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: devices > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cuda_graphs": True}, "cuda_graphs=true records one process's work"),
        ({"batch_size": 1}, "batch_size=1 can't be shared by 2 processes"),
        ({"batch_size": 4, "accumulate": 4}, "batch_size=4 in accumulate=4 parts can't be shared by 2 processes"),
    ],
)
def test_what_processes_cannot_share_is_refused(changed, message):
    with pytest.raises(ConfigError, match=message):
        refuse_unshared(settings(**changed), TWO)
    refuse_unshared(settings(batch_size=1), DistributedContext())


def test_signals_passed_on_by_a_launcher_are_no_impatience():
    with StopRequest(passed_on=True) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.number == signal.SIGINT


def test_without_a_launcher_there_is_one_process(monkeypatch):
    assert DistributedContext.from_environment() == DistributedContext(0, 1, 0, 1, launched=False)
    for name, value in {"RANK": 3, "WORLD_SIZE": 4, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    assert not DistributedContext.from_environment().launched  # no address: somebody else's variables
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert DistributedContext.from_environment() == DistributedContext(3, 4, 1, 2, launched=True)
