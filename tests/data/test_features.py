"""Samples of numbers: step-back's generators, against a recorded run of its authors, and files in LIBSVM's format."""

import numpy
import pytest
import torch

import optim
from data.libsvm import LibSVM
from data.synthetic_features import SyntheticLinear, SyntheticMatrix
from models.linear_map import LinearMap, MatrixFactorization
from tasks.regression import Logistic, Regression


def test_the_linear_samples_and_task_repeat_a_recorded_epoch_of_momos_authors():
    """Their run 1 of MoMo at lr 1 (output/synthetic_small.json, commit b19bbdd): both losses after the first epoch."""
    samples, task = SyntheticLinear(test_seed=456790).load(), Regression()
    torch.manual_seed(1234567)
    model = LinearMap().build((1, 1, 10), 1)
    optimizer = optim.Momo(model.parameters(), lr=1.0, lb=-10.0)
    pairs = torch.utils.data.TensorDataset(samples.train.x, samples.train.y)
    order = torch.Generator().manual_seed(456790)
    for x, y in torch.utils.data.DataLoader(pairs, batch_size=20, shuffle=True, generator=order):
        optimizer.zero_grad()
        loss = task.loss(model(x), x, y)
        loss.backward()
        optimizer.step(loss=loss)
    losses = [task.loss(model(part.x), part.x, part.y).item() for part in (samples.train, samples.test)]
    assert losses == pytest.approx([1.5686508655548095, 1.58086696267128], rel=1e-5)
    assert task.metric_sum(model(samples.test.x), samples.test.x, samples.test.y).item() / 200 == pytest.approx(
        losses[1], rel=1e-5
    )


def test_signs_are_those_of_the_values_but_for_the_noise():
    values, exact = (SyntheticLinear(target=target).load().train for target in ("value", "sign"))
    assert torch.equal(exact.y, torch.where(values.y >= 0, 1.0, -1.0)) and torch.equal(values.x, exact.x)
    noisy = SyntheticLinear(target="sign", noise=0.2, num_train=1000, features=30).load().train
    wrong = SyntheticLinear(target="sign", num_train=1000, features=30).load().train.y != noisy.y
    assert 0.15 < wrong.float().mean() < 0.25
    task, output = Logistic(), torch.linspace(-3, 3, 200).unsqueeze(1)
    expected = numpy.log1p(numpy.exp(-exact.y.numpy() * output[:, 0].numpy())).mean()
    assert task.loss(output, exact.x, exact.y).item() == pytest.approx(float(expected), rel=1e-6)
    assert task.metric_sum(output, exact.x, exact.y) == ((output[:, 0] >= 0) == (exact.y > 0)).sum()


def test_the_matrix_is_linear_ill_conditioned_and_of_the_rank_of_two_layers():
    data = SyntheticMatrix(num_train=50)
    part = data.load().train
    x, y = part.x.flatten(1).double(), part.y.double()
    matrix = torch.linalg.lstsq(x, y).solution.T
    torch.testing.assert_close(x @ matrix.T, y, rtol=1e-4, atol=1e-5)
    rows = matrix.abs().amax(1)
    assert rows[0] > 5 and rows[-1] < 1e-4
    network = MatrixFactorization(rank=4).build(data.shape, data.classes)
    assert [tuple(p.shape) for p in network.parameters()] == [(4, 6), (10, 4)]
    assert [p.numel() for p in MatrixFactorization().build(data.shape, 10).parameters()] == [60, 100]
    loss = Regression().loss(network(part.x), part.x, part.y)
    assert loss.item() == pytest.approx((network(part.x) - part.y).square().sum().item() / 500, rel=1e-5)


def test_a_file_of_libsvm(tmp_path):
    path = tmp_path / "signs.svm"
    path.write_text("".join(f"{2 + 2 * (i % 2)} 1:{i} 4:{-i}  # malignant\n" for i in range(40)))
    data = LibSVM(path="signs.svm", root=str(tmp_path))
    assert data.shape == (1, 1, 4) and data.has_signs
    samples = data.load()
    assert (len(samples.train), len(samples.val), len(samples.test)) == (29, 3, 8)
    for part in (samples.train, samples.val, samples.test):
        first = part.x[:, 0, 0, 0]
        assert torch.equal(part.x[:, 0, 0, 3], -first) and torch.equal(part.y, first % 2 * 2 - 1)
    assert set(LibSVM(path=str(path), target="value").load().train.y.tolist()) == {2.0, 4.0}
    before = data.versions()
    path.write_text("1 1:1\n2 1:2\n")
    assert data.versions() != before  # which is part of a run's signature


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "there is no file"),
        ("", "has no samples"),
        ("hello world\n", "can't be read as a LIBSVM file: could not convert"),
        ("1 2:x\n", "can't be read as a LIBSVM file"),
        ("1 1:nan\n-1 1:1\n", "holds nan"),
        ("1 1:1\n2 1:1\n3 1:1\n", "has 3 different targets; data.target=sign needs 2"),
        ("1 1:1\n", "data.test_fraction=0.2 of 1 samples leaves training or test empty"),
    ],
)
def test_files_that_are_none_of_libsvms_are_refused(tmp_path, text, problem):
    path = tmp_path / "file"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError) as caught:
        _ = LibSVM(path=str(path)).shape
        LibSVM(path=str(path), target="value" if text == "1 1:1\n" else "sign").read()
    assert problem in str(caught.value) and "\n" not in str(caught.value)
