"""ResNets, VGG16 and the plain CNNs against torchvision's and against what their sources say."""

import pytest
import torch
import torchvision
from torch import nn

from models.cnn import CNN5, CNNBatchNorm
from models.layers.residual import GlobalAverage, ZeroPadded
from models.resnet import ResNet
from models.resnet_cifar import ResNetCifar
from models.vgg import VGG16
from runner.config.compose import compose
from runner.config.validate import validate


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_resnet_is_torchvisions_but_for_its_stem(depth):
    """The same function of the same weights once torchvision's stem is 3x3 and its max-pool is gone."""
    torch.manual_seed(0)
    ours = ResNet(depth=depth).build((3, 32, 32), 10)
    reference = getattr(torchvision.models, f"resnet{depth}")(num_classes=10)
    reference.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    reference.maxpool = nn.Identity()
    copy_in_order(reference, ours)
    x = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(ours(x), reference(x))
    torch.testing.assert_close(list(ours.buffers()), list(reference.buffers()))


def copy_in_order(source, target):
    with torch.no_grad():
        for theirs, mine in zip(source.parameters(), target.parameters(), strict=True):
            assert theirs.shape == mine.shape
            mine.copy_(theirs)


def test_global_average_is_the_sources_pooling_at_its_size():
    x = torch.rand(2, 5, 4, 4)
    torch.testing.assert_close(GlobalAverage()(x), nn.functional.avg_pool2d(x, 4).flatten(1))


def test_shortcut_a_takes_every_second_pixel_and_pads_channels_with_zeros():
    x = torch.arange(2 * 4 * 5 * 5.0).reshape(2, 4, 5, 5)
    output = ZeroPadded(4, 2)(x)
    assert output.shape == (2, 8, 3, 3)
    assert torch.equal(output[:, 2:6], x[:, :, ::2, ::2])
    assert not output[:, :2].any() and not output[:, 6:].any()


@pytest.mark.parametrize(("shortcut", "extra"), [("A", 0), ("B", 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64)])
def test_shortcuts_are_only_where_the_shape_changes(shortcut, extra):
    network = ResNetCifar(depth=20, shortcut=shortcut).build((3, 32, 32), 10)
    blocks = [module for module in network if hasattr(module, "shortcut")]
    assert [i for i, block in enumerate(blocks) if not isinstance(block.shortcut, nn.Identity)] == [3, 6]
    assert sum(p.numel() for block in blocks for p in block.shortcut.parameters()) == extra
    assert sum(p.numel() for p in network.parameters()) == 269_722 + extra


def test_stages_of_the_cifar_resnet_have_16_32_and_64_channels_at_full_half_and_quarter_size():
    network, x, seen = ResNetCifar(depth=14).build((3, 32, 32), 10), torch.rand(1, 3, 32, 32), []
    for layer in network:
        x = layer(x)
        seen += [tuple(x.shape[1:])] if hasattr(layer, "shortcut") else []
    assert seen == [(16, 32, 32)] * 2 + [(32, 16, 16)] * 2 + [(64, 8, 8)] * 2


def test_cifar_resnets_weights_are_kaiming_normal():
    torch.manual_seed(0)
    network = ResNetCifar(depth=20, shortcut="B").build((3, 32, 32), 100)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight.numel() > 4000:
            fan_in = layer.weight[0].numel()
            assert abs(float(layer.weight.detach().std()) * (fan_in / 2) ** 0.5 - 1) < 0.05


@pytest.mark.parametrize(("depth", "parameters"), [(44, 684_058), (56, 869_530)])
def test_bottleneck_networks_are_those_of_aggmos_code(depth, parameters):
    """Its resnet44 and resnet56: n blocks of width w and 4w channels out in each stage, made as PyTorch makes them."""
    model = validate(compose(f"model=resnet{depth}", "model.block=bottleneck", "model.shortcut=B", "model.init=torch"))
    torch.manual_seed(0)
    network = model.model.build((3, 32, 32), 10)
    assert sum(p.numel() for p in network.parameters()) == parameters
    blocks = [layer for layer in network if hasattr(layer, "shortcut")]
    assert [layer.body[-2].out_channels for layer in blocks[:: depth // 6]] == [64, 128, 256]
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight.numel() > 4000:  # uniform in +-1 / sqrt(fan_in)
            assert 0.99 < float(layer.weight.detach().abs().max()) * layer.weight[0].numel() ** 0.5 <= 1
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    with pytest.raises(ValueError, match="model.block=bottleneck needs model.shortcut=B, not A"):
        ResNetCifar(block="bottleneck").validate()


def test_depths_that_cannot_be_are_refused():
    for depth in (8, 20, 50, 110, 1202):
        ResNetCifar(depth=depth).validate()
    for depth, near in ((19, "14 or 20"), (21, "20 or 26"), (25, "20 or 26")):
        with pytest.raises(ValueError, match=rf"model.depth={depth} is not 6n\+2, such as {near}"):
            ResNetCifar(depth=depth).validate()


def test_a_depth_is_one_setting_however_it_is_spelt():
    assert repr(validate(compose("model=resnet18", "model.depth=34.0")).model) == "ResNet(depth=34)"


def test_vgg16_has_torchvisions_features_and_the_sources_classifier():
    torch.manual_seed(0)
    network = VGG16(dropout=0.25).build((3, 32, 32), 10)
    reference = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"], batch_norm=True)
    features, classifier = network[: len(reference)], network[len(reference) :]
    assert [type(layer) for layer in features] == [type(layer) for layer in reference]
    reference.load_state_dict(features.state_dict())
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(features(x), reference(x))
    linear = [nn.Dropout, nn.Linear, nn.ReLU]
    assert [type(layer) for layer in classifier] == [nn.Flatten, *linear, *linear, nn.Linear]
    assert [layer.p for layer in classifier if isinstance(layer, nn.Dropout)] == [0.25, 0.25]


def test_vgg16s_convolutions_are_normal_in_their_channels_out():
    torch.manual_seed(0)
    for layer in VGG16().build((3, 32, 32), 10):
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 4000:
            assert abs(float(layer.weight.detach().std()) * (9 * layer.out_channels / 2) ** 0.5 - 1) < 0.05
            assert not layer.bias.any()


def test_plain_networks_layers_are_their_sources():
    cnn5, plain = CNN5().build((3, 32, 32), 10), CNNBatchNorm().build((3, 32, 32), 10)
    conv, pool = [nn.Conv2d, nn.ReLU], [nn.MaxPool2d]
    assert [type(layer) for layer in cnn5] == (conv + pool) * 2 + conv * 3 + pool + [nn.Flatten, nn.Linear]
    shapes = [(3, 64, 11, 4, 5), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1)]
    assert [shape(layer) for layer in cnn5 if isinstance(layer, nn.Conv2d)] == shapes
    assert cnn5[-1].in_features == 256
    normalised = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert [type(layer) for layer in plain] == conv + normalised * 4 + [nn.Flatten, nn.Linear]
    assert [shape(layer) for layer in plain if isinstance(layer, nn.Conv2d)] == [(3, 64, 5, 1, 2)] + [
        (64, 64, 3, 1, 1)
    ] * 4


def shape(conv):
    """(channels in, channels out, kernel, stride, padding)."""
    return conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.stride[0], conv.padding[0]
