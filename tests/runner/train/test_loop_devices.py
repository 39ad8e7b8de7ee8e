"""The training loop on a CUDA device without data: between two readings of the losses nothing waits for the device."""

from __future__ import annotations

import pytest
import torch
from fake_cuda import WAITS, fake_cuda, no_waiting, on_cuda
from runs import configure

import optim
from data.samples import Part, Samples
from runner.train.forward import forward
from runner.train.norm_tracker import NormTracker
from runner.train.step import TrainingStep

CONFIG = [
    "task=digits",
    "optim=momo",
    "batch_size=4",
    "accumulate=2",
    "task.label_smoothing=0.1",
    "task.mixup=0.2",
    "task.cutmix=1",
    "clip_norm=1",
    "clip_value=0.1",
    "wrap=[lookahead,ema]",
]


class WithoutBackward(TrainingStep):
    """A training step whose gradients are given: autograd asks for a real device."""

    def backward_pass(self, x, y, shard, n):
        output = forward(self.full_pass_network, x, self.settings)
        for p in self.parameters:
            p.grad = torch.ones_like(p)
        loss = self.task.training_loss(output, x, y) * (shard.counted / n)
        return loss.detach(), self.task.metric_sum(output.detach(), x, y)


@pytest.fixture(scope="module")
def config():
    return configure(*CONFIG)


def mixed(config, batches, step):
    """Mixed by both methods in turn, as Trainer.mixed does."""
    mixing, seeds = config.task.mixing(10), (0, 2)
    assert [mixing.draw(seed).center is None for seed in seeds] == [True, False]
    for (x, y), seed in zip(batches, seeds, strict=True):
        yield mixing.mix(step.sharding.pairs(x, 4), step.sharding.pairs(y, 4), mixing.draw(seed))


def _train(config, step_class=WithoutBackward):
    """An epoch of two batches, the last step of which is tracked."""
    with fake_cuda():
        part = Part(torch.zeros(8, 1, 8, 8), torch.zeros(8, dtype=torch.int64))
        samples = Samples(part, part, part).to("cuda")
        network = on_cuda(config.model.build((1, 8, 8), 10))
        optimizer = optim.build(config.optim, network.parameters(), config.wrap)
        step, tracker = step_class(network, optimizer, config.task, config.settings, print), NormTracker(network)
        batches = mixed(config, samples.train_batches(torch.arange(8), 4, 0, seed=0), step)
        first = next(batches)
        with no_waiting():
            results = [(*step(*first), step.gradient_norm), *(step(x, y, tracker) for x, y in batches)]
        values = [x for result in results for x in result] + list(tracker.values.values())
        assert len(results) == 2 and {x.device.type for x in values} == {"cuda"}


def test_steps_wait_for_nothing(config):
    _train(config)


MISTAKES = {
    "reads the loss": lambda loss: loss.item(),
    "looks for nan": lambda loss: loss if loss.isfinite() else None,
    "logs on the CPU": lambda loss: loss.cpu(),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake, config):
    class Mistaken(WithoutBackward):
        def loss_for_optimizer(self, loss):
            MISTAKES[mistake](loss)
            return loss

    with pytest.raises(WAITS):
        _train(config, Mistaken)
