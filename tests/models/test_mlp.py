"""Fully connected networks: layers in the papers' order, weights of the papers' scale."""

import pytest
import torch
from torch import nn

from models.autoencoder import Autoencoder
from models.mlp import MLP


def test_autoencoder_is_784_1000_500_250_30_and_back():
    network = Autoencoder().build((1, 28, 28), 10)
    kinds = [type(layer) for layer in network]
    sizes = [(layer.in_features, layer.out_features) for layer in network if isinstance(layer, nn.Linear)]
    encoder = [(784, 1000), (1000, 500), (500, 250), (250, 30)]
    assert sizes == encoder + [(b, a) for a, b in reversed(encoder)]
    assert kinds[7:9] == [nn.Linear, nn.Linear]  # linear code: no ReLU between encoder and decoder
    assert kinds[-1] is nn.Linear and kinds.count(nn.ReLU) == 6


@pytest.mark.parametrize(
    ("settings", "std"),
    [
        ({"init": "xavier_normal"}, (2 / (784 + 400)) ** 0.5),
        ({"init": "normal"}, 0.1),
        ({"init": "normal", "std": 0.3}, 0.3),
    ],
)
def test_normal_weights_have_their_scale_and_biases_are_zero(settings, std):
    torch.manual_seed(0)
    layer = MLP(hidden=(400,), **settings).build((1, 28, 28), 10)[1]
    assert abs(float(layer.weight.detach().std()) / std - 1) < 0.01
    assert abs(float(layer.weight.detach().mean())) < 0.01 * std
    assert not layer.bias.any()


def test_a_std_that_would_be_ignored_is_refused():
    MLP(init="normal", std=0.2).validate()
    for init in ("default", "xavier_normal"):
        with pytest.raises(ValueError, match=f"model.std=0.2 is of model.init=normal; model.init={init}"):
            MLP(init=init, std=0.2).validate()
