import pytest
import torch
from torch.nn import functional

from data.digits import Digits
from data.mixing import Draw
from models.autoencoder import Autoencoder
from models.mlp import MLP
from tasks.autoencoder import Reconstruction
from tasks.classification import Classification


def test_classification_loss_and_accuracy():
    torch.manual_seed(0)
    output, y = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    task = Classification(name="t")
    probabilities = output.double().softmax(1)
    assert float(task.loss(output, output, y)) == pytest.approx(
        float(-probabilities[torch.arange(6), y].log().mean()), rel=1e-6
    )
    assert int(task.metric_sum(output, output, y)) == sum(
        int(row.argmax()) == int(t) for row, t in zip(output, y, strict=True)
    )


def test_label_smoothing_is_torchs_and_evaluation_has_none():
    torch.manual_seed(0)
    output, y = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    task = Classification(name="t", label_smoothing=0.1)
    expected = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(output, y)
    assert torch.equal(task.training_loss(output, output, y), expected)
    assert torch.equal(task.loss(output, output, y), Classification().training_loss(output, output, y))
    assert not torch.equal(task.loss(output, output, y), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_mixed_batch_has_the_mean_of_its_two_losses_and_metrics(smoothing):
    torch.manual_seed(0)
    output, y = torch.randn(50, 3), torch.randint(3, (50,))
    task = Classification(name="t", label_smoothing=smoothing, mixup=1.0)
    others, mixing = y.roll(1, 0), task.mixing(classes=3)
    _, labels = mixing.mix((output, output), (y, others), Draw(0.3, None))
    for of in (task.training_loss, task.metric_sum):
        expected = 0.3 * of(output, output, y) + 0.7 * of(output, output, others)
        torch.testing.assert_close(of(output, output, labels), expected, rtol=1e-6, atol=0)
    assert Classification().mixing(classes=3) is None


def test_reconstruction_is_the_papers():
    """BCE as the mean over all pixels of sigmoid outputs; MSE as the sum over pixels of the mean over samples."""
    torch.manual_seed(0)
    x, logits = torch.rand(5, 1, 4, 4), torch.randn(5, 16)
    drawn, flat = logits.sigmoid(), x.flatten(1)
    task = Reconstruction(name="t")
    assert float(task.loss(logits, x, x)) == pytest.approx(
        float(functional.binary_cross_entropy(drawn, flat)), rel=1e-6
    )
    papers = ((drawn - flat) ** 2).mean(0).sum()
    assert float(task.metric_sum(logits, x, x)) / 5 == pytest.approx(float(papers), rel=1e-6)


def test_which_is_better():
    assert Classification().is_better(0.9, 0.8) and not Classification().is_better(0.8, 0.8)
    assert Reconstruction().is_better(2.0, 3.0) and not Reconstruction().is_better(3.0, 3.0)


class Features(Digits):
    shape = (64,)


def test_impossible_combinations_are_refused():
    with pytest.raises(ValueError, match="model=autoencoder"):
        Reconstruction(name="autoencoder").check(Digits(), MLP())
    with pytest.raises(ValueError, match="draws images"):
        Classification(name="digits").check(Digits(), Autoencoder())
    for key in ("mixup", "cutmix"):
        with pytest.raises(ValueError, match=f"task.{key}=0.2 .*data.shuffle=false"):
            Classification(name="digits", **{key: 0.2}).check(Digits(shuffle=False), MLP())
        with pytest.raises(ValueError, match=f"task.{key}=0.2 .*data.reshuffle=false"):
            Classification(name="digits", **{key: 0.2}).check(Digits(reshuffle=False), MLP())
    with pytest.raises(ValueError, match="task.cutmix=1.0 needs images"):
        Classification(name="digits", cutmix=1.0).check(Features(), MLP())
    Classification(name="digits", mixup=1.0).check(Features(), MLP())
    with pytest.raises(ValueError, match="normalize"):
        Reconstruction(name="autoencoder").check(Digits(normalize=True), Autoencoder())


def test_images_are_the_first_test_images_and_their_reconstructions():
    samples = Digits().load((10, 10, 12))

    class Copy(torch.nn.Module):
        def forward(self, x):
            return torch.logit(x.flatten(1), 1e-6)

    originals, reconstructed = Reconstruction().images(Copy(), samples).rows.values()
    assert originals.dtype == "uint8" and originals.shape == (10, 1, 8, 8)
    assert torch.allclose(torch.from_numpy(originals) / 255, samples.test.x[:10], atol=0.003)
    assert (originals == reconstructed).all()
