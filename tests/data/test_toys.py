import pytest
import torch

from data.toys import Directions, Slopes, Steps


def test_every_sample_is_one_step_and_none_is_held_out():
    samples = Steps(num_steps=7).load()
    assert (len(samples.train), len(samples.val), len(samples.test)) == (7, 1, 1)
    assert len(Steps(num_steps=7).load((3, None, None)).train) == 3
    assert not Steps().shuffle and Steps().classes == 0


def test_slopes_come_in_the_papers_order():
    """1010 where t mod 101 = 1, t from 1, and -10 else."""
    samples = Slopes(num_periods=3).load()
    expected = [1010.0 if t % 101 == 1 else -10.0 for t in range(1, 304)]
    assert samples.train.x.flatten().tolist() == expected
    assert samples.val.x.flatten().sum() == 10.0 and len(samples.val) == 101


def test_directions_are_the_first_axis_and_noise_of_the_length_asked_for():
    exact = Directions(dim=3, num_steps=2).load()
    assert exact.train.x.flatten(1).tolist() == [[1.0, 0.0, 0.0]] * 2
    noisy = Directions(dim=400, num_steps=500, noise=2.0).load()
    x = noisy.train.x.flatten(1)
    noise = x - torch.eye(1, 400)
    assert float(noise.norm(dim=1).mean()) == pytest.approx(2.0, rel=0.02)
    assert float(noise.mean(0).norm()) < 0.2  # 2 / sqrt(500) is 0.09
    assert noisy.test.x.flatten(1).tolist() == torch.eye(1, 400).tolist()
    again = Directions(dim=400, num_steps=500, noise=2.0).load()
    assert torch.equal(x, again.train.x.flatten(1))
    assert not torch.equal(x, Directions(dim=400, num_steps=500, noise=2.0, data_seed=1).load().train.x.flatten(1))
