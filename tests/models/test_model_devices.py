"""Every network and every task's loss on CUDA tensors without data: no pass mixes devices or waits for the device."""

from __future__ import annotations

import pytest
import torch
from fake_cuda import WAITS, fake_cuda, no_waiting, on_cuda
from torch import nn

from models.autoencoder import Autoencoder
from models.awd_lstm import AWDLSTM
from models.cnn import CNN5, CNNBatchNorm
from models.gpt import GPT
from models.linear_map import LinearMap, MatrixFactorization
from models.mlp import MLP
from models.point import Point
from models.recurrent import GRU, LSTM
from models.resnet import ResNet
from models.resnet_cifar import ResNetCifar
from models.torchvision_mobilenet import MobileNetV2
from models.torchvision_resnet import TorchvisionResNet
from models.vgg import VGG16
from models.vit import ViT
from runner.config.registry import entries
from runner.config.schema import Settings
from runner.train.forward import forward
from tasks.autoencoder import Reconstruction
from tasks.classification import Classification
from tasks.cosine import Cosine
from tasks.language_model import LanguageModel
from tasks.quadratic import Quadratic
from tasks.regression import Logistic, Regression
from tasks.regret import Regret
from tasks.rosenbrock import Rosenbrock

SHAPE = (3, 32, 32)
VIT = {"dim": 12, "depth": 1, "heads": 3, "dim_head": 4, "mlp": 8}
SCORES, IMAGE, TEXT = (Classification(),), (Reconstruction(),), (LanguageModel(),)
FITS = [  # a network, and the tasks that train it
    (MLP(), SCORES),
    (CNN5(), SCORES),
    (CNNBatchNorm(), SCORES),
    (VGG16(), SCORES),
    (ResNet(depth=18), SCORES),
    (ResNet(depth=50), SCORES),
    (ResNetCifar(depth=8), SCORES),
    (ResNetCifar(depth=8, shortcut="B"), SCORES),
    (TorchvisionResNet(depth=18), SCORES),
    (MobileNetV2(), SCORES),
    (ViT(**VIT), SCORES),
    (ViT(**VIT, patch_norm=False, qkv_bias=True), SCORES),
    (Autoencoder(encoder=(20, 5)), IMAGE),
    (GPT(depth=1, dim=12, heads=3), TEXT),
    (LinearMap(), (Regression(), Logistic())),
    (MatrixFactorization(rank=4), (Regression(),)),
    (Point(start=(1.0, 1.0, 1.0)), (Rosenbrock(),)),
    (Point(start=(1.0, 1.0)), (Quadratic(eigenvalues=(1.0, 0.1)), Cosine())),
    (Point(start=(0.5,), bounds=(-1.0, 1.0)), (Regret(),)),
]

FUSED = [(LSTM(), TEXT), (GRU(), TEXT), (AWDLSTM(), TEXT)]  # torch's own kernels ask the driver, which is not there


def test_every_network_and_every_task_is_listed():
    for group, listed in (
        ("model", [model for model, _ in FITS + FUSED]),
        ("task", [t for _, tasks in FITS for t in tasks]),
    ):
        shipped = {entry for entry in entries(group).values() if entry.__module__.split(".")[0] in ("models", "tasks")}
        assert {type(x) for x in listed} == shipped


def _built(model, shape):
    with torch.device("meta"):  # the initial weights don't matter
        network = model.build(shape, 10)
    return on_cuda(network)


def _pass(network, tasks, shape, settings):
    """A training pass without the backward one: losses, metrics and what the tasks observe."""
    x, labels = torch.ones(2, *shape, device="cuda"), torch.zeros(2, dtype=torch.int64, device="cuda")
    if tasks == TEXT:
        x = labels = x.long()
    with no_waiting():
        output = forward(network, x, settings)
        found = [output]
        for task in tasks:
            y = torch.zeros_like(output) if isinstance(task, Regression | Logistic) else labels
            found += [task.loss(output, x, y), task.metric_sum(output.detach(), x, y), *task.observe(network).values()]
        if project := getattr(network, "project", None):
            project()
    return found


@pytest.mark.parametrize(("model", "tasks"), FITS, ids=lambda x: type(x).__name__ if not isinstance(x, tuple) else "")
def test_forward_and_loss_wait_for_nothing(model, tasks):
    shape = (1, 1, 2) if isinstance(model, Point) else (4,) if tasks == TEXT else SHAPE
    with fake_cuda():
        network = _built(model, shape)
        found = _pass(network, tasks, shape, Settings())
        assert {x.device.type for x in [*found, *network.parameters(), *network.buffers()]} == {"cuda"}


def test_so_does_channels_last():
    with fake_cuda():
        _pass(_built(ResNetCifar(depth=8), SHAPE), SCORES, SHAPE, Settings(channels_last=True))


class Mistaken(nn.Module):
    def __init__(self, mistake):
        super().__init__()
        self.layer, self.mistake = nn.Linear(3, 10), mistake

    def forward(self, x):
        return self.layer(self.mistake(x.mean((2, 3))))


MISTAKES = {
    "reads a value": lambda x: x / x.abs().max().item(),
    "makes a tensor on the CPU": lambda x: x * torch.tensor([1.0, 2.0, 3.0]).to(x.device),
    "chooses by a mask": lambda x: x + x[x > 0].mean(),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake):
    with fake_cuda(), pytest.raises(WAITS):
        _pass(on_cuda(Mistaken(MISTAKES[mistake])), SCORES, SHAPE, Settings())
