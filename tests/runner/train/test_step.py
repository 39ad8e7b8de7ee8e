"""The switches of a step change how it is computed and not what."""

import json
import sys

import pytest
import torch
from torch import nn

import runner.train.step
from optim import SGD
from runner.cli.main import main
from runner.config.schema import Settings
from runner.train.step import Steps
from tasks.classification import Classification


class Net(nn.Sequential):
    """Batch norm and dropout: what a trial pass could leave traces in."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Flatten())
        self.append(nn.Linear(8 * 6 * 6, 10))


def steps_of(network, said=None, lr=0.1, **settings):
    said = [] if said is None else said
    optimizer = SGD(network.parameters(), lr=lr)
    return Steps(network, optimizer, Classification(), Settings(**settings), said.append)


def batch(n, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 1, 8, 8, generator=generator, dtype=dtype), torch.arange(n) % 10


def small(dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).to(dtype)


@pytest.mark.parametrize(("size", "accumulate"), [(12, 3), (13, 4), (5, 8), (2, 4)])
def test_accumulated_parts_give_the_whole_batchs_gradient(size, accumulate):
    x, y = batch(size, dtype=torch.float64)
    whole, parts = small(), small()
    expected = steps_of(whole, batch_size=13).train(x, y)
    found = steps_of(parts, batch_size=13, accumulate=accumulate).train(x, y)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)


def test_bf16_leaves_weights_loss_and_gradients_in_float32():
    x, y = batch(16)
    plain, narrow = small(torch.float32), small(torch.float32)
    expected, _ = steps_of(plain).train(x, y)
    loss, _ = steps_of(narrow, amp="bf16").train(x, y)
    assert loss.dtype == torch.float32 and loss != expected
    torch.testing.assert_close(loss, expected, rtol=1e-2, atol=0)
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in narrow.parameters())


def test_channels_last_reaches_the_convolution():
    seen = []
    network = Net()
    network[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = torch.rand(4, 3, 8, 8)
    network[0] = nn.Conv2d(3, 8, 3)
    network[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    steps_of(network, channels_last=True).train(x, torch.arange(4))
    assert seen[-1].is_contiguous(memory_format=torch.channels_last) and not seen[-1].is_contiguous()
    assert torch.equal(seen[-1], x)


def trained(said, monkeypatch, compiler=None, **settings):
    """Losses, weights and buffers after two full batches and a smaller one."""
    if compiler:
        monkeypatch.setattr(runner.train.step, "compiled", compiler)
    torch.manual_seed(0)
    network = Net()
    steps = steps_of(network, said, batch_size=8, **settings)
    losses = [float(steps.train(*batch(n, seed))[0]) for n, seed in ((8, 1), (8, 2), (3, 3))]
    return losses, network.state_dict()


def test_a_compiler_that_fails_is_told_of_once_and_leaves_no_trace(monkeypatch):
    said, plain = [], trained([], monkeypatch)

    def fails_late(network):
        def compiled(x):
            network(x)  # has moved batch norm's statistics and dropout's generator
            raise RuntimeError("no compiler\nfor you")

        return compiled

    losses, state = trained(said, monkeypatch, fails_late, compile=True)
    assert said == ["compile=true: this network can't be (no compiler); going on without"]
    assert losses == plain[0]
    assert all(torch.equal(value, plain[1][name]) for name, value in state.items())


def test_the_trial_pass_of_a_compiler_that_works_leaves_no_trace_and_small_batches_run_plain(monkeypatch):
    sizes, plain = [], trained([], monkeypatch)

    def counts(network):
        def compiled(x):
            sizes.append(len(x))
            return network(x)

        return compiled

    said = []
    losses, state = trained(said, monkeypatch, counts, compile=True)
    assert sizes == [8, 8, 8] and not said  # the trial and the two full batches
    assert losses == plain[0]
    assert all(torch.equal(value, plain[1][name]) for name, value in state.items())


def test_seconds_of_compilation_are_no_seconds_of_training(monkeypatch):
    monkeypatch.setattr(runner.train.step, "compiled", lambda network: network)
    steps = steps_of(Net(), batch_size=8, compile=True)
    assert steps.preparing_s == 0
    steps.train(*batch(8))
    assert steps.preparing_s > 0


@pytest.mark.slow
def test_compiled_training_equals_plain_training_and_compiles_once(tmp_path, monkeypatch):
    """Several epochs with a smaller last batch: one program, whatever the batch and the mode."""
    if not has_compiler():
        pytest.skip("no C++ compiler on this machine")
    import torch._dynamo

    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    plain = rows(run(tmp_path / "plain", monkeypatch))
    compiled = rows(run(tmp_path / "compiled", monkeypatch, "compile=true"))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert [row["loss"] for row in compiled] == pytest.approx([row["loss"] for row in plain], rel=1e-4)


def has_compiler():
    import shutil

    return shutil.which("g++") or shutil.which("clang++")


def run(folder, monkeypatch, *words, code=0):
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["main.py"])
    default = ["epochs=2", "limit_train=200", "batch_size=64", "logger=[]", "log.progress=none"]
    assert main([*default, *words]) == code
    return folder


def rows(folder, **wanted):
    (file,) = folder.rglob("metrics.jsonl")
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return [row for row in found if all(row.get(key) == value for key, value in wanted.items())]


def test_drop_last_leaves_out_the_smaller_batch(tmp_path, monkeypatch):
    folder = run(tmp_path / "run", monkeypatch, "drop_last=true")
    assert [row["step"] for row in rows(folder, split="train", per="epoch")] == [3, 6]  # of 200 samples, 192


def test_drop_last_that_leaves_nothing_is_refused(tmp_path, monkeypatch, capsys):
    run(tmp_path / "run", monkeypatch, "drop_last=true", "batch_size=201", code=2)
    assert "drop_last=true with batch_size=201 leaves nothing of 200 training samples" in capsys.readouterr().err


def test_cuda_graphs_without_cuda_are_refused(tmp_path, monkeypatch, capsys):
    run(tmp_path / "run", monkeypatch, "cuda_graphs=true", "device=cpu", code=2)
    assert "cuda_graphs=true needs a CUDA device; this run is on cpu" in capsys.readouterr().err


@pytest.mark.parametrize("switch", ["amp=bf16", "channels_last=true", "accumulate=3"])
def test_switches_train_as_well(switch, tmp_path, monkeypatch):
    plain = rows(run(tmp_path / "plain", monkeypatch, "epochs=5"), split="val")[-1]
    fast = rows(run(tmp_path / "fast", monkeypatch, "epochs=5", switch), split="val")[-1]
    assert fast["loss"] == pytest.approx(plain["loss"], rel=0.05)


@pytest.mark.gpu
def test_cuda_graphs_give_the_losses_of_plain_training(tmp_path, monkeypatch):
    plain = rows(run(tmp_path / "plain", monkeypatch, "device=cuda"))
    graphs = rows(run(tmp_path / "graphs", monkeypatch, "device=cuda", "cuda_graphs=true"))
    assert [row["loss"] for row in graphs] == pytest.approx([row["loss"] for row in plain], rel=1e-5)
