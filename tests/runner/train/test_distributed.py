"""Several processes give what one gives, and only the main one writes and prints.

Most tests start them as torchrun would, by its variables, from the server that has torch loaded; the slow ones by
torchrun itself.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import processes
import pytest
import torch
from conftest import ROOT, write_images
from runs import configure, read_results, read_rows, read_status, run_folder

from runner.config.errors import ConfigError
from runner.train.device import choose_device
from runner.train.distributed import DistributedContext
from runner.train.launch import distributed_context
from runner.train.prepare import check_process_count
from runner.train.process_group import ProcessGroup

SMALL = ["task=digits", "epochs=2", "limit_train=149", "limit_val=33", "limit_test=31", "batch_size=64", "log.every=2"]
SMALL += ["eval_batch_size=10"]  # 64, 64 and 21 samples a step


def start(words, place, size=2):
    """The processes of one command, as torchrun starts them."""
    place.mkdir(exist_ok=True)
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    started = []
    for rank in range(size):
        ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
        variables = {name: str(value) for name, value in ranks.items()}
        started.append(processes.start(words, place, console(rank), **address, **variables))
    return started


def console(rank):
    return f"console{rank or ''}.txt"


def run_processes(words, place, size=2):
    """Run to the end; return the exit codes."""
    started = start(words, place, size)
    for process in started:
        process.join(120)
        process.kill()
    return [process.exitcode for process in started]


def run_alone(words, place):
    place.mkdir()
    assert processes.run(words, place) == 0, processes.printed(place)


def printed(place, rank=0):
    return processes.printed(place, console(rank))


def rows(place):
    return read_rows(run_folder(place))


def assert_same_rows(found, expected, rel=1e-6):
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert row.keys() == other.keys()
        for key, value in other.items():
            close = rel if key in ("loss", "acc", "lr") else 1e-4  # norms of small differences of weights
            assert row[key] == (pytest.approx(value, rel=close) if isinstance(value, float) else value), key


def files(place):
    """What lies below outputs; the names of TensorBoard's files hold the time."""
    return sorted(
        str(file.relative_to(place)) for file in (place / "outputs").rglob("*") if "tfevents" not in file.name
    )


def test_two_processes_give_the_results_of_one(tmp_path):
    """Momo uses each step's loss, more so with a large lr; the last batch has 21 samples, validation 33, test 31."""
    command = [*SMALL, "optim=momo", "optim.lr=100", "accumulate=2", "track=true"]
    run_alone(command, tmp_path / "one")
    assert run_processes(command, tmp_path / "two") == [0, 0], printed(tmp_path / "two")
    assert_same_rows(rows(tmp_path / "two"), rows(tmp_path / "one"))
    assert files(tmp_path / "two") == files(tmp_path / "one")
    assert printed(tmp_path / "two", 1) == "" and "2 processes on cpu" in printed(tmp_path / "two")
    events = list((tmp_path / "two").rglob("events.out.tfevents.*"))
    assert len(events) == 1
    shown = run_processes(command, tmp_path / "two")
    assert shown == [0, 0] and printed(tmp_path / "two").count("This run is finished") == 1


def test_refused_command_is_reported_once(tmp_path):
    assert run_processes(["optim.lrr=0.1"], tmp_path) == [2, 2]
    assert printed(tmp_path).count("error: optim.lrr is not a key") == 1 and printed(tmp_path, 1) == ""
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "words"),
    [
        (3, ["limit_train=65", "drop_last=false"]),  # the last batch has one sample for three processes
        (3, ["accumulate=21", "limit_val=2", "limit_test=1"]),  # passes of four samples, the last one of two
        (2, ["optim=adam", "wrap=[gradient_noise,lookahead,ema]", "clip_value=0.01", "batch_size=50"]),
        (2, ["optim=sgd", "clip_norm=0.1", "accumulate=3"]),
        (3, ["task=digits", "task.mixup=0.4", "task.cutmix=1", "task.label_smoothing=0.1", "accumulate=3"]),
        (2, ["task=digits", "optim=momo_adam", "optim/lr_schedule=plateau", "optim.lr_schedule.patience=0"]),
        (2, ["finetune.epochs=1", "data.shuffle=false", "drop_last=true"]),
        (2, ["task=regression", "optim=momo", "drop_last=true"]),
        (2, ["task=logistic", "optim=momo_adam"]),
        (2, ["task=char_lm", "model.dim=8", "model.heads=2", "accumulate=3", "groups=[muon,no_decay]"]),
        (2, ["task=char_lm", "model=gru", "model.dim=8", "batch_size=7"]),
    ],
)
def test_several_processes_give_the_results_of_one(size, words, tmp_path):
    run_alone([*SMALL, *words], tmp_path / "one")
    assert run_processes([*SMALL, *words], tmp_path / "many", size) == [0] * size, printed(tmp_path / "many")
    assert_same_rows(rows(tmp_path / "many"), rows(tmp_path / "one"), rel=3e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "is_equal"),
    [
        (["experiment=momo/imagenet_vit", "model.depth=2", "optim.lr_schedule.warmup=0"], True),
        (["experiment=adamp/imagenet_resnet18", "drop_last=true"], False),  # batch norm: of each process's shard
    ],
)
def test_image_files_are_trained_on_by_one_process_and_by_two(words, is_equal, tmp_path):
    """Tiny images in ImageNet's layout, one of them damaged; each process decodes its own."""
    write_images(tmp_path / "images", 24, 6)
    (tmp_path / "images" / "train" / "dog" / "3.jpg").write_bytes(b"")
    command = [*words, f"data.path={tmp_path / 'images'}", "data.image_size=32", "data.num_workers=1", "logger=[]"]
    command += ["data.on_error=skip", "epochs=1", "batch_size=8", "log.every=2"]
    run_alone(command, tmp_path / "one")
    assert run_processes(command, tmp_path / "two") == [0, 0], printed(tmp_path / "two")
    for place in (tmp_path / "one", tmp_path / "two"):
        assert printed(place).count("left out 1 of 48 images") == printed(place).count("images/s decoded by") == 1
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert len(one) == len(two)
    if is_equal:  # but for rounding, which Adam's first steps enlarge where gradients are nearly zero
        assert [row["loss"] for row in two] == pytest.approx([row["loss"] for row in one], rel=1e-2)


@pytest.mark.slow
def test_a_diverged_run_is_the_same_result(tmp_path):
    command = [*SMALL, "optim.lr=1e6", "optim=sgd"]
    run_alone(command, tmp_path / "one")
    assert run_processes(command, tmp_path / "two") == [0, 0]
    one, two = (read_status(run_folder(tmp_path / name)) for name in ("one", "two"))
    assert two["status"] == one["status"] == "diverged"
    assert [two["diverged"][key] for key in ("epoch", "step")] == [one["diverged"][key] for key in ("epoch", "step")]


@pytest.mark.slow
def test_batch_norm_on_cpu_is_reported_and_each_process_has_its_own_dropout(tmp_path):
    assert run_processes([*SMALL, "model=cnn_bn", "epochs=1"], tmp_path) == [0, 0]
    assert printed(tmp_path).count("Batch norm") == 1
    checkpoint = torch.load(run_folder(tmp_path) / "checkpoints" / "last.pt", weights_only=True)
    first, second = (state["cpu"] for state in checkpoint["rng"])
    assert not torch.equal(first, second)


@pytest.mark.slow
def test_averaged_weights_get_statistics_of_their_own_from_several_processes(tmp_path):
    """On the CPU the main process's, of half of each batch: nearly those of one process."""
    command = ["task=digits", "model=cnn_bn", "optim=adam", "optim.lr=0.003", "epochs=3", "wrap=[ema]", "logger=[]"]
    assert run_processes(command, tmp_path) == [0, 0], printed(tmp_path)
    assert read_status(run_folder(tmp_path))["final"]["acc"] > 0.96


# --- stopping and resuming ----------------------------------------------------------------------------------------

LONG = ["task=digits", "epochs=16", "limit_train=150", "batch_size=64", "log.every=4"]
DROPOUT = ["data=synthetic", "model=vit_cifar", "model.dim=16", "model.mlp=16", "model.depth=1", "model.dropout=0.5"]


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "words"), [([0, 1], ["model=cnn_bn"]), ([1], DROPOUT)])
def test_signal_to_any_stops_all_and_they_resume_as_if_undisturbed(ranks, words, tmp_path):
    command = [*LONG, *words]
    assert run_processes(command, tmp_path / "undisturbed") == [0, 0]
    place = tmp_path / "stopped"
    started = start(command, place)
    processes.wait_for_checkpoint(place)
    for rank in ranks:
        for _ in range(2):  # by the terminal, and forwarded by torchrun
            os.kill(started[rank].pid, signal.SIGINT)
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [130, 130], printed(place)
    assert printed(place).count("Stopped by SIGINT") == 1 and read_status(run_folder(place))["status"] == "interrupted"
    assert run_processes(command, place) == [0, 0]
    assert printed(place).count("Resuming after") == 1
    assert read_results(run_folder(place)) == read_results(run_folder(tmp_path / "undisturbed"))


@pytest.mark.slow
def test_run_resumes_with_another_number_of_processes(tmp_path):
    command = [*SMALL, "epochs=200", "optim.lr=0.001"]
    run_alone(command, tmp_path / "one")
    place = tmp_path / "changed"
    started = start(command, place)
    processes.wait_for_checkpoint(place)
    os.kill(started[0].pid, signal.SIGTERM)
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [143, 143], printed(place)
    assert processes.run(command, place) == 0 and "Resuming after" in printed(place)
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
    run_alone(SMALL, tmp_path / "one")
    assert torchrun(SMALL, tmp_path / "two").wait(200) == 0, printed(tmp_path / "two")
    assert_same_rows(rows(tmp_path / "two"), rows(tmp_path / "one"))
    assert printed(tmp_path / "two").count("epoch 1/2") == 1
    assert read_status(run_folder(tmp_path / "two"))["status"] == "done"


@pytest.mark.slow
def test_torchrun_saves_when_it_is_terminated(tmp_path):
    process = torchrun([*LONG, "epochs=100000"], tmp_path)
    processes.wait_for_checkpoint(tmp_path)
    process.terminate()
    process.wait(60)
    assert read_status(run_folder(tmp_path))["status"] == "interrupted", printed(tmp_path)
    assert printed(tmp_path).count("Stopped by SIGTERM") == 1


@pytest.mark.slow
def test_process_that_dies_ends_the_others(tmp_path):
    process = torchrun([*LONG, "epochs=100000", "logger=[]"], tmp_path)
    processes.wait_for_checkpoint(tmp_path)
    workers = children(process.pid)
    assert len(workers) == 2
    os.kill(workers[-1], signal.SIGKILL)
    assert process.wait(60) != 0
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]
    assert read_status(run_folder(tmp_path))["status"] in ("running", "failed")  # either is resumed from the checkpoint


def children(pid):
    if not os.path.isdir(f"/proc/{pid}/task"):
        pytest.skip("needs /proc to find the processes")
    with open(f"/proc/{pid}/task/{pid}/children") as listed:
        return sorted(map(int, listed.read().split()))


# --- devices, settings, launchers ---------------------------------------------------------------------------------

TWO = ProcessGroup(rank=1, size=2, local_rank=1, local_size=2, launched=True)


@pytest.mark.parametrize("device", ["cuda:1", "cuda:0", "mps"])
def test_one_device_for_two_processes_is_refused(device):
    with pytest.raises(ConfigError, match=f"device={device} .* 2 processes; device=cuda"):
        choose_device(device, TWO)


@pytest.mark.parametrize(("found", "chosen"), [(0, "cpu"), (2, "cuda:1"), (4, "cuda:1")])
def test_each_process_has_the_device_of_its_number(found, chosen, monkeypatch):
    pretend_devices(found, monkeypatch)
    assert choose_device("auto", TWO) == chosen
    assert choose_device("cpu", TWO) == "cpu"


def test_more_processes_than_devices_are_refused(monkeypatch):
    pretend_devices(1, monkeypatch)
    with pytest.raises(ConfigError, match="device=auto: .* 1 CUDA device .* 2 processes"):
        choose_device("auto", TWO)


def pretend_devices(devices, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: devices > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)


@pytest.mark.parametrize(
    "words", [["cuda_graphs=true"], ["batch_size=1"], ["batch_size=4", "accumulate=4"]], ids=lambda words: words[-1]
)
def test_settings_that_do_not_go_with_two_processes_are_refused(words):
    config = configure(*words)
    with pytest.raises(ConfigError, match=f"{words[0]}.* 2 processes"):
        check_process_count(config, TWO)
    check_process_count(config, DistributedContext())


def test_context_is_that_of_the_launchers_variables(monkeypatch):
    assert distributed_context() == DistributedContext(0, 1, 0, 1, launched=False)
    for name, value in {"RANK": 3, "WORLD_SIZE": 4, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    assert not distributed_context().launched  # no address: these are another program's variables
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert distributed_context() == ProcessGroup(3, 4, 1, 2, launched=True)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert type(distributed_context()) is DistributedContext and distributed_context().launched
