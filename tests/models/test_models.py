"""What holds for every network: the papers' sizes, any batch, gradients, autocast, torch.func and torch.compile."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from models.autoencoder import Autoencoder
from models.cnn import CNN5, CNNBatchNorm
from models.mlp import MLP
from models.resnet import ResNet
from models.resnet_cifar import ResNetCifar
from models.torchvision_resnet import TorchvisionResNet
from models.vgg import VGG16
from models.vit import ViT
from runner.cli.help import summaries
from runner.config.compose import CONFIGS, compose
from runner.config.validate import validate

CIFAR, MNIST, IMAGENET = (3, 32, 32), (1, 28, 28), (3, 224, 224)
SMALL = [  # one of each kind of network, quick enough to differentiate twice
    ResNetCifar(depth=8),
    ResNetCifar(depth=8, shortcut="B"),
    CNN5(),
    CNNBatchNorm(),
    ViT(dim=12, depth=2, heads=3, dim_head=4, mlp=8),
    ViT(dim=12, depth=2, heads=3, dim_head=4, mlp=8, patch_norm=False, qkv_bias=True, init="timm"),
]
TEXT = ["gpt", "lstm", "gru", "awd_lstm"]
LARGE = [ResNet(depth=18), ResNet(depth=50), VGG16(), TorchvisionResNet(depth=18)]


def images(model):
    """The shape of the smallest images worth a network's while: what is compared does not depend on it."""
    side = max(16, getattr(model, "smallest", 0))
    return (3, side, side)


def choice(name):
    """The checked model=name of the configuration files."""
    fits = {"autoencoder": ["task=autoencoder"], **dict.fromkeys(TEXT, ["task=char_lm"])}
    fits["awd_lstm"] = ["task=char_lm", "data.cut=stream", "data.shuffle=false"]
    fit = fits.get(name, ["data=synthetic", "data.sample_shape=[3,32,32]"])
    return validate(compose(f"model={name}", *fit)).model


@pytest.mark.parametrize(
    ("name", "shape", "classes", "parameters"),
    [
        ("digits_mlp", (1, 8, 8), 10, 17_226),
        ("mlp", MNIST, 10, 50_890),  # neural-net-optimization
        ("mlp_100_100", MNIST, 10, 89_610),  # MoMo
        ("mlp_20x50", MNIST, 10, 88_210),  # gradient noise
        ("autoencoder", MNIST, 10, 2_837_314),  # AggMo
        ("cnn5", CIFAR, 10, 2_472_266),  # AggMo's code
        ("cnn_bn", CIFAR, 10, 808_458),  # neural-net-optimization
        ("vgg16", CIFAR, 10, 15_253_578),  # MoMo: 15.25 M
        ("resnet18", CIFAR, 10, 11_173_962),
        ("resnet34", CIFAR, 10, 21_282_122),  # AggMo: 21.28 M
        ("resnet34", CIFAR, 100, 21_328_292),  # AggMo: 21.33 M
        ("resnet50", CIFAR, 10, 23_520_842),
        ("resnet20", CIFAR, 10, 269_722),  # MoMo
        ("resnet32", CIFAR, 10, 464_154),  # He et al.: 0.46 M
        ("resnet44", CIFAR, 10, 658_586),  # 0.66 M
        ("resnet56", CIFAR, 10, 853_018),  # 0.85 M
        ("resnet110", CIFAR, 10, 1_727_962),  # 1.7 M
        ("resnet110", CIFAR, 100, 1_733_812),  # MoMo: 1.73 M
        ("vit_cifar", CIFAR, 10, 9_524_842),  # MoMo: 9.52 M
        ("vit_tiny", IMAGENET, 1000, 5_717_416),  # timm
        ("torchvision_resnet18", IMAGENET, 1000, 11_689_512),
        ("torchvision_resnet50", IMAGENET, 1000, 25_557_032),
        ("mobilenet_v2", IMAGENET, 1000, 3_504_872),  # 3.5 M, AdamP's page
    ],
)
def test_parameter_counts_are_the_papers(name, shape, classes, parameters):
    with torch.device("meta"):
        network = choice(name).build(shape, classes)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize("name", [name for name, _ in summaries(CONFIGS, "model") if name != "point"])
def test_every_choice_has_its_output_and_sends_gradients_everywhere(name):
    torch.manual_seed(0)
    model = choice(name)
    shape = (4,) if model.output == "tokens" else CIFAR
    network = model.build(shape, 7)
    output = network(torch.randint(7, (2, 4)) if model.output == "tokens" else torch.rand(2, *CIFAR))
    output, penalty = output if isinstance(output, tuple) else (output, 0)
    assert output.shape == {"scores": (2, 7), "image": (2, 3 * 32 * 32), "tokens": (2, 4, 7)}[model.output]
    (output.square().sum() + penalty).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("model", SMALL, ids=repr)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_bf16_autocast_in_either_layout_stays_close(model, layout):
    torch.manual_seed(0)
    network = model.build(CIFAR, 10).eval()
    x = torch.rand(4, *CIFAR)
    expected = network(x)
    network = network.to(memory_format=layout)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(x.to(memory_format=layout))
        nn.functional.cross_entropy(output, torch.arange(4)).backward()
    assert output.dtype == torch.bfloat16
    assert (output - expected).abs().max() < 0.05 * expected.abs().max()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch stacks CPU attention by a loop
@pytest.mark.parametrize("model", [*SMALL, *(pytest.param(model, marks=pytest.mark.slow) for model in LARGE)], ids=repr)
def test_stacked_networks_have_the_gradients_and_statistics_of_single_ones(model):
    """float64. Nothing that a network does in place or remembers leaks from one of the stack into another."""
    torch.manual_seed(0)
    single = [without_dropout(model.build(images(model), 10).double()) for _ in range(2)]
    x, y = torch.rand(2, 4, *images(model), dtype=torch.float64), torch.randint(10, (2, 4))
    base, (parameters, buffers) = deepcopy(single[0]), stack_module_state(single)

    def loss(parameters, buffers, x, y):
        return nn.functional.cross_entropy(functional_call(base, (parameters, buffers), (x,)), y)

    gradients = vmap(grad(loss))(parameters, buffers, x, y)
    for i, network in enumerate(single):
        nn.functional.cross_entropy(network(x[i]), y[i]).backward()
        for name, p in network.named_parameters():
            torch.testing.assert_close(gradients[name][i], p.grad, rtol=1e-9, atol=1e-12)
        for name, buffer in network.named_buffers():
            torch.testing.assert_close(buffers[name][i], buffer, rtol=1e-9, atol=1e-12)


def without_dropout(network):
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
    return network


@pytest.mark.slow
@pytest.mark.parametrize("model", [*SMALL, *LARGE], ids=repr)
def test_compiles_in_one_graph(model):
    torch.manual_seed(0)
    torch.compiler.reset()
    network = model.build(CIFAR, 10).train()
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    x = torch.rand(2, *CIFAR)
    compiled(x).sum().backward()
    network.eval()
    torch.testing.assert_close(compiled(x), network(x))


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (MLP(hidden=()), (1, 8, 8)),
        (MLP(hidden=()), CIFAR),
        (ResNet(depth=18), (1, 8, 8)),
        (ResNetCifar(depth=8), (1, 7, 9)),
        (ResNetCifar(depth=8, shortcut="B"), (1, 7, 9)),
        (CNN5(), (1, 29, 61)),
        (CNNBatchNorm(), (1, 7, 9)),
        (VGG16(), (1, 32, 64)),
        (ViT(dim=8, depth=1, heads=1, mlp=8, patch=7), MNIST),
        (TorchvisionResNet(depth=18), (3, 40, 64)),
    ],
    ids=repr,
)
def test_networks_fit_other_shapes(model, shape):
    model.check_shape(shape)
    assert model.build(shape, 7)(torch.rand(2, *shape)).shape == (2, 7)


def test_autoencoder_fits_any_shape():
    assert Autoencoder(encoder=(5,)).build(CIFAR, 7)(torch.rand(4, *CIFAR)).shape == (4, 3 * 32 * 32)


@pytest.mark.parametrize(
    ("model", "shape", "words"),
    [
        (CNN5(), (3, 28, 32), "model=cnn5 needs images of at least 29x29 pixels, not 28x32"),
        (VGG16(), (3, 32, 31), "model=vgg16 needs images of at least 32x32 pixels, not 32x31"),
        (ViT(patch=5), (3, 30, 32), "model.patch=5 does not divide images of 30x32 pixels"),
        (ViT(patch=5), (3, 32, 30), "model.patch=5 does not divide images of 32x30 pixels"),
        (TorchvisionResNet(), (1, 64, 64), "model=torchvision_resnet needs images of 3 channels, not 1"),
    ],
    ids=repr,
)
def test_shapes_that_do_not_fit_are_refused(model, shape, words):
    with pytest.raises(ValueError, match=words):
        model.check_shape(shape)


def test_smallest_is_the_smallest():
    """A side of one pixel less than `smallest` leaves nothing to score."""
    for model in (CNN5(), VGG16()):
        with pytest.raises(RuntimeError, match="too small"), torch.device("meta"):
            side = model.smallest - 1
            model.build((3, 32, 32), 7)(torch.rand(2, 3, side, side))
