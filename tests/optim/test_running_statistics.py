"""Running statistics of the evaluation weights: estimated as SWA does, and training's come back."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from optim import EMA, Adam, evaluation_statistics, update_statistics


class RunningMaximum(nn.Module):
    """A layer of a user's own, with a rule of its own, whose buffer is replaced and not changed in place."""

    def __init__(self):
        super().__init__()
        self.register_buffer("largest", torch.zeros(()))
        self.register_buffer("constant", torch.ones(()))

    def forward(self, x):
        if self.training:
            self.largest = torch.maximum(self.largest, x.detach().max())
        return x


def model():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), RunningMaximum()]
    layers += [nn.InstanceNorm2d(4, track_running_stats=True), nn.Flatten(), nn.Linear(16, 5)]
    return nn.Sequential(*layers, nn.BatchNorm1d(5, momentum=None))


def batches(n=6):
    return list(torch.randn(n, 8, 3, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 + 1)


def state(network):
    modes = [module.training for module in network.modules()]
    momenta = [getattr(module, "momentum", None) for module in network.modules()]
    return {name: value.clone() for name, value in network.state_dict().items()}, modes, momenta


def assert_equal_states(found, expected):
    assert found[1:] == expected[1:]
    assert all(torch.equal(value, found[0][name]) for name, value in expected[0].items())


def test_batch_norm_is_what_torchs_update_bn_makes_of_it():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(16))
    expected = copy.deepcopy(network)
    network[1].running_mean.fill_(float("nan"))
    update_bn(batches(), expected)
    update_statistics(network, [(x, "a label") for x in batches()])
    torch.testing.assert_close(network.state_dict(), expected.state_dict(), rtol=1e-5, atol=1e-6)


def test_other_layers_average_or_follow_their_own_rule():
    network = nn.Sequential(RunningMaximum(), nn.InstanceNorm2d(3, track_running_stats=True))
    network(torch.full((2, 3, 4, 4), -100.0))  # in training
    update_statistics(network.eval(), batches())
    x = torch.stack(batches())
    torch.testing.assert_close(network[1].running_mean, x.mean((0, 1, 3, 4)))
    torch.testing.assert_close(network[1].running_var, x.var((3, 4)).mean((0, 1)))
    assert float(network[0].largest) == float(x.max())
    assert network[1].momentum == 0.1 and not network.training


@pytest.mark.parametrize("fails", [False, True])
def test_all_that_training_goes_on_from_comes_back(fails):
    network = model()
    for x in batches():
        network(x)
    network[1].eval()  # frozen by the user
    before, buffers, generator = state(network), dict(network.named_buffers()), torch.get_rng_state()
    try:
        with evaluation_statistics(network, batches()):
            assert not torch.equal(network[1].running_mean, before[0]["1.running_mean"])
            assert not torch.equal(network[5].running_mean, before[0]["5.running_mean"])
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert_equal_states(state(network), before)
    assert all(buffer is buffers[name] for name, buffer in network.named_buffers())
    assert torch.equal(torch.get_rng_state(), generator)


def test_a_failing_batch_leaves_modes_momenta_and_buffers():
    network = model().eval()
    before = state(network)
    with pytest.raises(RuntimeError), evaluation_statistics(network, [*batches(2), torch.ones(2, 7)]):
        pass
    assert_equal_states(state(network), before)


def test_no_batch_is_spent_on_a_model_without_statistics():
    drawn = []
    for network, expected in ((nn.Linear(2, 2), 0), (nn.GroupNorm(1, 2), 0), (BufferOnly(), 1)):
        drawn.clear()
        update_statistics(network, (drawn.append(x) or x for x in torch.ones(3, 4, 2)))
        assert len(drawn) == expected


class BufferOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("positions", torch.arange(2.0))

    def forward(self, x):
        return x + self.positions


def test_averaged_weights_are_evaluated_with_their_own_statistics():
    """Weights that have moved far within the average's horizon: with training's statistics the outputs are not
    normalised, with their own they are."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8))
    optimizer, x = EMA(Adam(network.parameters(), lr=0.3), momentum=0.9), torch.randn(64, 2)
    for _ in range(30):
        optimizer.zero_grad()
        network(x).square().mean().backward()
        (network[0](x).sum() / 10).backward()
        optimizer.step()
    network.eval()
    scale = network[1].weight, network[1].bias
    with torch.no_grad(), optimizer.evaluation_weights():
        wrong = (network(x).mean(0) - scale[1]).abs().max()
        with evaluation_statistics(network, [x]):
            right = (network(x).mean(0) - scale[1]).abs().max()
    assert right < 1e-4 < wrong
