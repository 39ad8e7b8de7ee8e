"""Mixup and CutMix against torchvision's, given the same draws, and the distribution of the draws."""

import pytest
import torch
from torchvision.transforms import v2

from data.mixing import Draw, Mixing, box

N, CLASSES = 6, 4


def batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, 3, 7, 12, generator=generator)
    return x, torch.randint(CLASSES, (N,), generator=generator)


def mix(mixing, draw):
    x, y = batch()
    return mixing.mix((x, x.roll(1, 0)), (y, y.roll(1, 0)), draw)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.85, 1.0])
def test_mixup_is_torchvisions(share):
    x, y = batch()
    theirs = v2.MixUp(num_classes=CLASSES)
    params = {"labels": y, "batch_size": N, "lam": share}
    found = mix(Mixing(1.0, 0.0, CLASSES), Draw(share, None))
    for ours, reference in zip(found, (theirs.transform(x, params), theirs.transform(y, params)), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-6, atol=1e-6)


def test_cutmix_is_torchvisions():
    """Their draws are repeated from the seed: the share, then the box's centre, column before row."""
    x, y = batch()
    height, width = x.shape[-2:]
    theirs = v2.CutMix(alpha=1.0, num_classes=CLASSES)
    boxes = set()
    for seed in range(40):
        torch.manual_seed(seed)
        params = {"labels": y, "batch_size": N, **theirs.make_params([x])}
        torch.manual_seed(seed)
        share = float(torch.distributions.Beta(torch.tensor([1.0]), torch.tensor([1.0])).sample())
        column, row = (int(torch.randint(size, (1,))) for size in (width, height))
        center = (row + 0.5) / height, (column + 0.5) / width
        left, top, right, bottom = params["box"]
        assert box(share, center, height, width) == (top, bottom, left, right)
        mixed, labels = mix(Mixing(0.0, 1.0, CLASSES), Draw(share, center))
        assert torch.equal(mixed, theirs.transform(x, params))
        torch.testing.assert_close(labels, theirs.transform(y, params), rtol=0, atol=1e-6)
        boxes.add(params["box"])
    assert len(boxes) > 20


def test_the_batch_itself_is_left_as_it_was():
    x, y = batch()
    before = x.clone()
    Mixing(0.0, 1.0, CLASSES).mix((x, x.roll(1, 0)), (y, y.roll(1, 0)), Draw(0.2, (0.5, 0.5)))
    assert torch.equal(x, before)


@pytest.mark.parametrize(("mixup", "cutmix", "share_cut"), [(0.2, 0.0, 0), (0.0, 1.0, 1), (0.2, 1.0, 0.5)])
def test_draws_have_the_papers_distribution(mixup, cutmix, share_cut):
    draws = [Mixing(mixup, cutmix, CLASSES).draw(seed) for seed in range(4000)]
    assert draws[7] == Mixing(mixup, cutmix, CLASSES).draw(7)
    cut = [draw for draw in draws if draw.center]
    assert len(cut) / len(draws) == pytest.approx(share_cut, abs=0.03)
    for alpha, found in ((mixup, [draw for draw in draws if not draw.center]), (cutmix, cut)):
        if found:  # Beta(alpha, alpha) has mean 1/2 and variance 1 / (4 (2 alpha + 1))
            shares = torch.tensor([draw.share for draw in found], dtype=torch.float64)
            assert float(shares.mean()) == pytest.approx(0.5, abs=0.04)
            assert float(shares.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.06)
    if cut:
        centers = torch.tensor([draw.center for draw in cut], dtype=torch.float64)
        assert centers.mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.03)
        assert 0 <= float(centers.min()) < 0.02 < 0.98 < float(centers.max()) < 1
