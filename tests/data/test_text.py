"""Texts: tokens, vocabularies and parts of files that the tests write."""

import pytest
import torch

from data.text import Text
from data.tokens import Stream, Windows, jittered_lengths, mean_length


def test_windows_cover_the_stream_from_a_drawn_token_on():
    part = Windows(torch.arange(100, dtype=torch.uint8), 8, shifts=True)
    assert len(part) == 11
    starts = set()
    for seed in range(40):
        batches = list(part.in_turn(torch.arange(11), 4, 0, seed))
        x, y = (torch.cat(each) for each in zip(*batches, strict=True))
        starts.add(int(x[0, 0]))
        assert [len(each) for each, _ in batches] == [4, 4, 3] and x.dtype == y.dtype == torch.int64
        assert torch.equal(x.flatten(), torch.arange(88) + x[0, 0]) and torch.equal(y, x + 1)
    assert starts == set(range(8))
    picked = torch.tensor([7, 2, 5])
    whole = torch.cat([x for x, _ in part.in_turn(torch.arange(11), 4, 0, seed=1)])
    assert torch.equal(next(part.in_turn(picked, 3, 0, seed=1))[0], whole[picked])
    evaluated = Windows(torch.arange(17), 8)
    assert [len(y) for _, y in evaluated.in_order(1)] == [1, 1] and len(evaluated.limited(1)) == 1
    assert torch.equal(evaluated.take(torch.tensor([1])).y, torch.arange(9, 17).view(1, 8))


@pytest.mark.parametrize("jitter", [False, True])
def test_a_stream_goes_on_where_the_last_batch_ended(jitter):
    part = Stream.of(torch.arange(3 * 501 + 2), 3, 35, jitter)
    pieces = list(part.in_turn(torch.arange(len(part)), 3, 0, seed=5))
    x, y = (torch.cat(each, 1) for each in zip(*pieces, strict=True))
    assert torch.equal(x, torch.arange(1503).view(3, 501)[:, :-1]) and torch.equal(y, x + 1)
    assert len(part) == 3 * len(pieces)
    for (x, y), (late_x, late_y) in zip(pieces[4:], part.in_turn(torch.arange(len(part)), 3, 4, seed=5), strict=True):
        assert torch.equal(x, late_x) and torch.equal(y, late_y)
    assert torch.equal(torch.cat([x for x, _ in part.in_order(1)], 1), torch.arange(1503).view(3, 501)[:, :-1])
    assert len(part.limited(12)) == 12 and part.limited(12).num_predicted == (
        round(4 * mean_length(35)) if jitter else 140
    )


def test_lengths_are_the_sources_draws():
    lengths = torch.tensor([jittered_lengths(68_000, 1000, 70, seed) for seed in range(20)])
    assert set(lengths.sum(1).tolist()) == {68_000}
    short = (lengths < 53).float().mean()
    assert abs(float(short) - 0.05) < 0.005
    assert abs(float(lengths[lengths >= 53].float().std()) - 5) < 0.2
    assert mean_length(70) == pytest.approx(0.95 * 69.5 + 0.05 * 34.5, abs=1e-3)


def test_a_file_is_cut_in_three_and_its_vocabulary_is_that_of_training(tmp_path):
    (tmp_path / "a.txt").write_text("abba" * 20 + "abc" * 3 + "d", encoding="utf-8")
    data = Text(path=str(tmp_path / "a.txt"), context=2)
    data.validate()
    assert data.shape == (2,) and data.classes == 3 and data.vocabulary() == ("a", "b", "<unk>")
    corpus = data.corpus()
    assert [len(part) for part in corpus.parts] == [73, 8, 9] and corpus.unknown == (0, 0, 4)
    assert data.decode(corpus.parts[2]) == "b<unk>ab<unk>ab<unk><unk>"
    assert data.decode(data.encode("abba")) == "abba"
    samples = data.load((5, None, None))
    assert len(samples.train) == 5 and "4 unknown in test" in samples.notes[0]
    x, y = next(samples.train_batches(torch.arange(5), 2, 0, seed=0))
    assert x.dtype == torch.int64 and x.shape == y.shape == (2, 2)
