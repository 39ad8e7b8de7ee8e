"""The switches of a step change how it is computed and not what."""

import shutil

import pytest
import torch
from runs import read_rows
from torch import nn

from optim import SGD
from runner.config.schema import Settings
from runner.train.acceleration import compile_network
from runner.train.step import TrainingStep
from tasks.classification import Classification

SMALL = ["epochs=2", "limit_train=200", "batch_size=64"]


class Net(nn.Sequential):
    """Batch norm and dropout, whose state a trial pass could change."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Flatten())
        self.append(nn.Linear(8 * 6 * 6, 10))


def training_step(network, lines=None, compiler=compile_network, **settings):
    lines = [] if lines is None else lines
    optimizer = SGD(network.parameters(), lr=0.1)
    return TrainingStep(network, optimizer, Classification(), Settings(**settings), lines.append, compiler=compiler)


def batch(n, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 1, 8, 8, generator=generator, dtype=dtype), torch.arange(n) % 10


def small(dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).to(dtype)


@pytest.mark.parametrize(("size", "accumulate"), [(12, 3), (13, 4), (5, 8), (2, 4)])
def test_accumulated_passes_give_the_whole_batchs_gradient(size, accumulate):
    x, y = batch(size, dtype=torch.float64)
    whole, passes = small(), small()
    expected = training_step(whole, batch_size=13)(x, y)
    found = training_step(passes, batch_size=13, accumulate=accumulate)(x, y)
    for a, b in zip(whole.parameters(), passes.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)


def test_bf16_leaves_weights_loss_and_gradients_in_float32():
    x, y = batch(16)
    plain, narrow = small(torch.float32), small(torch.float32)
    expected, _ = training_step(plain)(x, y)
    loss, _ = training_step(narrow, amp="bf16")(x, y)
    assert loss.dtype == torch.float32 and loss != expected
    torch.testing.assert_close(loss, expected, rtol=1e-2, atol=0)
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in narrow.parameters())


def test_channels_last_reaches_the_convolution():
    seen, network = [], Net()
    x = torch.rand(4, 3, 8, 8)
    network[0] = nn.Conv2d(3, 8, 3)
    network[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    training_step(network, channels_last=True)(x, torch.arange(4))
    assert seen[-1].is_contiguous(memory_format=torch.channels_last) and not seen[-1].is_contiguous()
    assert torch.equal(seen[-1], x)


def train(lines, **options):
    """Losses, weights and buffers after two full batches and a smaller one."""
    torch.manual_seed(0)
    network = Net()
    step = training_step(network, lines, batch_size=8, **options)
    losses = [float(step(*batch(n, seed))[0]) for n, seed in ((8, 1), (8, 2), (3, 3))]
    return losses, network.state_dict()


def test_compiler_that_fails_is_reported_once_and_leaves_no_trace():
    lines, plain = [], train([])

    def fails_late(network):
        def compiled(x):
            network(x)  # has changed batch norm's statistics and dropout's generator
            raise RuntimeError("no compiler\nfor you")

        return compiled

    losses, state = train(lines, compiler=fails_late, compile=True)
    assert len(lines) == 1 and "compile=true" in lines[0] and "(no compiler)" in lines[0]
    assert losses == plain[0]
    assert all(torch.equal(value, plain[1][name]) for name, value in state.items())


def test_trial_pass_leaves_no_trace_and_small_batches_run_the_plain_network():
    sizes, plain = [], train([])

    def counts(network):
        def compiled(x):
            sizes.append(len(x))
            return network(x)

        return compiled

    lines = []
    losses, state = train(lines, compiler=counts, compile=True)
    assert sizes == [8, 8, 8] and not lines  # the trial and the two full batches
    assert losses == plain[0]
    assert all(torch.equal(value, plain[1][name]) for name, value in state.items())


def test_seconds_of_compilation_are_counted_apart():
    step = training_step(Net(), batch_size=8, compile=True, compiler=lambda network: network)
    assert step.preparation_s == 0
    step(*batch(8))
    assert step.preparation_s > 0


@pytest.mark.slow
def test_compiled_training_equals_plain_training_and_compiles_once(run):
    """Several epochs with a smaller last batch: one program, whatever the batch and the mode."""
    if not (shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("no C++ compiler on this machine")
    import torch._dynamo

    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    plain, compiled = (read_rows(run(*SMALL, f"compile={switch}").folder) for switch in ("false", "true"))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert [row["loss"] for row in compiled] == pytest.approx([row["loss"] for row in plain], rel=1e-4)


def test_drop_last_leaves_out_the_smaller_batch(run):
    folder = run(*SMALL, "drop_last=true").folder
    assert [row["step"] for row in read_rows(folder, split="train", per="epoch")] == [3, 6]  # of 200 samples, 192


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["drop_last=true", "batch_size=201"], ["drop_last=true", "batch_size=201", "200"]),
        (["cuda_graphs=true", "device=cpu"], ["cuda_graphs=true", "CUDA", "cpu"]),
    ],
)
def test_switches_that_do_not_fit_are_refused(run, words, named):
    result = run(*SMALL, *words)
    assert result.code == 2 and all(word in result.err for word in named)


@pytest.mark.parametrize("switch", ["amp=bf16", "channels_last=true", "accumulate=3"])
def test_switches_train_as_well(switch, run):
    plain, fast = (read_rows(run(*SMALL, *words).folder, split="val")[-1] for words in ([], [switch]))
    assert fast["loss"] == pytest.approx(plain["loss"], rel=0.05)


@pytest.mark.gpu
def test_cuda_graphs_give_the_losses_of_plain_training(run):
    words = [*SMALL, "device=cuda"]
    plain, graphs = (read_rows(run(*words, f"cuda_graphs={switch}").folder) for switch in ("false", "true"))
    assert [row["loss"] for row in graphs] == pytest.approx([row["loss"] for row in plain], rel=1e-5)
