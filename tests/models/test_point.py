import pytest
import torch

from models.point import Point
from runner.config.compose import compose
from runner.config.errors import ConfigError
from runner.config.validate import validate


def test_the_output_is_the_point_and_gradients_reach_it():
    network = Point(start=(1.0, -2.0)).build((1, 1, 1), 0)
    output = network(torch.zeros(7, 1, 1, 1))
    assert output.tolist() == [[1.0, -2.0]]
    output.square().sum().backward()
    assert network.weight.grad.tolist() == [[2.0, -4.0]]
    assert list(network.state_dict()) == ["weight"], "the start is no weight"
    with torch.no_grad():
        network.weight.add_(1)
    assert network.start.tolist() == [[1.0, -2.0]]


def test_without_a_start_it_is_a_random_direction_of_length_1():
    starts = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        starts.append(Point(start=()).build((1, 1, 50), 0).weight.detach())
    assert starts[0].shape == (1, 50) and float(starts[0].norm()) == pytest.approx(1)
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])


def test_bounds_are_restored_after_each_step_of_an_optimizer():
    network = Point(start=(0.0, 0.5), bounds=(-1.0, 1.0)).build((1, 1, 1), 0)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[-3.0, 0.25]]))
    network.project()
    assert network.weight.tolist() == [[-1.0, 0.25]]
    free = Point(start=(5.0,)).build((1, 1, 1), 0)
    free.project()
    assert free.weight.tolist() == [[5.0]]


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("++model.bounds=[1,-1]", r"model.bounds=\[1,-1\] does not rise"),
        ("++model.start=[2.0]", r"model.start\[0\]=2 is out of model.bounds=\[-1,1\]"),
        ("++model.bounds=[1]", "model.bounds=.* has 1 values and needs 2"),
        ("++model.start=[nan]", r"model.start\[0\]=nan is not in"),
        ("++data.period=0", "data.period=0 is not an integer in"),
        ("++data.normalize=true", "data=slopes has no images"),
        ("++task.best=0", "task.best=0: the slopes of a period add up to 10, so the best point .* is -1"),
    ],
)
def test_impossible_settings_are_refused(override, what):
    with pytest.raises(ConfigError, match=what):
        validate(compose("task=amsgrad_online", override))
