"""A pass of one sample through batch norm: refused before training, with the numbers, and only where it would fail."""

import pytest
from runs import configure

from runner.config.errors import ConfigError
from runner.train.distributed import DistributedContext
from runner.train.single_sample import check_single_samples

RESNET = ["model=resnet20", "data=synthetic", "data.sample_shape=[3,4,4]", "task=mnist", "device=cpu"]  # ends in 1x1
REFUSED = [  # words, training samples, processes, what the message names
    (["batch_size=16"], 33, 1, ["last batch of 33", "1 sample,", "by drop_last=true or another batch_size"]),
    (["batch_size=16"], 1, 1, ["last batch of 1 ", "more training samples"]),
    (["batch_size=3", "accumulate=2"], 30, 1, ["a batch has 3 samples", "accumulate=2", "another accumulate"]),
    (["batch_size=3", "drop_last=true"], 30, 2, ["a batch has 3", "2 processes", "another number of processes"]),
    (["batch_size=16"], 34, 2, ["last batch of 34", "2 samples split over 2 processes", "drop_last=true"]),
]
ACCEPTED = [
    (["batch_size=16"], 34, 1),
    (["batch_size=16", "drop_last=true"], 33, 1),
    (["batch_size=16", "accumulate=4"], 32, 2),
    (["batch_size=16", "model=cnn_bn"], 33, 1),  # 16 values in a channel of one sample
    (["batch_size=1", "model=mlp"], 33, 1),
    (["batch_size=16", "model=vit_cifar", "model.patch=2"], 33, 1),
]


@pytest.mark.parametrize(("words", "n", "size", "facts"), REFUSED)
def test_refused_where_batch_norm_would_fail(words, n, size, facts):
    for rank in range(size):  # the same in all processes
        with pytest.raises(ConfigError) as error:
            check_single_samples(configure(*RESNET, *words), n, DistributedContext(rank, size))
        assert "\n" not in str(error.value) and all(fact in str(error.value) for fact in facts), error.value


@pytest.mark.parametrize(("words", "n", "size"), ACCEPTED)
def test_all_else_is_accepted(words, n, size):
    check_single_samples(configure(*RESNET, *words), n, DistributedContext(0, size))


def test_the_command_ends_before_training(run):
    words = [*RESNET, "data.num_train=50", "data.num_test=9", "data.val_fraction=0.34", "batch_size=16"]
    refused = run(*words)
    assert refused.code == 2 and "last batch of 33 training samples" in refused.err and not refused.folder.exists()
