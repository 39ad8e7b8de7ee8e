"""Batches of samples on a CUDA device without data: after an epoch's first, none mixes devices or waits for it."""

from __future__ import annotations

import pytest
import torch
from fake_cuda import WAITS, fake_cuda, no_waiting
from torch._subclasses.fake_tensor import FakeTensorDeviceMismatchError

from data.samples import Part, Samples
from data.tokens import Stream, Windows

N = 7


def _samples(augment, normalize):
    image = torch.zeros(N, 3, 8, 8, dtype=torch.uint8)
    part = Part(image, torch.zeros(N, dtype=torch.int64))
    statistics = (torch.zeros(3, 1, 1), torch.ones(3, 1, 1)) if normalize else None
    return Samples(part.augmented() if augment else part, part, part, statistics).to("cuda")


@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_batches_wait_for_nothing(augment, normalize):
    with fake_cuda():
        samples = _samples(augment, normalize)
        training = samples.train_batches(torch.arange(N), 2, 0, seed=3)
        batches = [next(training)]  # the epoch's order and draws come from the CPU
        with no_waiting():
            batches += [*training, *samples.eval_batches("val", 3)]
        assert [len(y) for _, y in batches] == [2, 2, 2, 1, 3, 3, 1]
        assert all(x.device.type == y.device.type == "cuda" and x.dtype == torch.float32 for x, y in batches)


@pytest.mark.parametrize(
    "part",
    [lambda tokens: Windows(tokens, 4, shifts=True), lambda tokens: Stream.of(tokens, 3, 4, jitter=True)],
    ids=["windows", "stream"],
)
def test_batches_of_tokens_wait_for_nothing(part):
    with fake_cuda():
        part = part(torch.zeros(100, dtype=torch.uint8))
        samples = Samples(part, part, part).to("cuda")
        training = samples.train_batches(torch.arange(len(part)), 3, 0, seed=3)
        batches = [next(training)]
        with no_waiting():
            batches += [*training, *samples.eval_batches("val", 3)]
        tensors = [each for batch in batches for each in batch]
        assert all(x.device.type == "cuda" and x.dtype == torch.int64 and x.ndim == 2 for x in tensors)


MISTAKES = {
    "statistics on the CPU": lambda x: x.sub(torch.zeros(3, 1, 1)),
    "copies them for each batch": lambda x: x.sub(torch.zeros(3, 1, 1).to(x.device)),
    "scales by the batch's maximum": lambda x: x / x.max().item(),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake, monkeypatch):
    with fake_cuda():
        training = _samples(augment=True, normalize=False).train_batches(torch.arange(N), 2, 0, seed=3)
        next(training)
        monkeypatch.setattr(Samples, "prepare", lambda self, x: MISTAKES[mistake](x))
        with no_waiting(), pytest.raises((*WAITS, FakeTensorDeviceMismatchError)):
            next(training)
