"""The vision transformer against torch's own encoder layers and a convolution, and its two initialisations."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, layer_norm

from models.layers.transformer import Attention
from models.vit import ViT

SMALL = {"patch": 4, "dim": 12, "depth": 2, "heads": 3, "dim_head": 4, "mlp": 20}


@pytest.mark.parametrize(
    "settings",
    [{}, {"qkv_bias": True, "patch_norm": False, "norm_eps": 1e-6, "init": "timm"}],
    ids=["vit-pytorch", "timm"],
)
def test_vit_is_a_patch_convolution_and_torchs_encoder_layers(settings):
    """float64. Where patches are not normalised first, their embedding is a convolution, as in timm."""
    torch.manual_seed(0)
    model = ViT(**SMALL, **settings)
    network = model.build((3, 8, 12), 5).double().eval()
    patches, embedding, tokens, _, blocks, _, norm, head = network
    x = torch.rand(2, 3, 8, 12, dtype=torch.float64)
    if model.patch_norm:
        y = x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 4, 5, 1).reshape(2, 6, 48)
        y = embedding[1](layer_norm(y, (48,), eps=1e-5))
        y = layer_norm(y, (12,), eps=1e-5)
    else:
        weight = embedding[0].weight.reshape(12, 4, 4, 3).permute(0, 3, 1, 2)
        y = conv2d(x, weight, embedding[0].bias, stride=4).flatten(2).transpose(1, 2)
    y = torch.cat([tokens.token.expand(2, 1, 12), y], 1) + tokens.positions
    for attention, mlp in zip(blocks[::2], blocks[1::2], strict=True):
        y = encoder_layer(attention.body, mlp.body, model)(y)
    torch.testing.assert_close(network(x), head(norm(y)[:, 0]))


def encoder_layer(attention, mlp, model):
    """torch's layer with the weights of one of our blocks."""
    layer = nn.TransformerEncoderLayer(12, 3, 20, 0.0, "gelu", model.norm_eps, batch_first=True, norm_first=True)
    layer = layer.double().train()  # its fast path for inference is another implementation
    ours = (attention[1].qkv, attention[1].out, mlp[1], mlp[4], attention[0], mlp[0])
    theirs = (layer.self_attn.out_proj, layer.linear1, layer.linear2, layer.norm1, layer.norm2)
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(ours[0].weight)
        layer.self_attn.in_proj_bias.copy_(ours[0].bias if model.qkv_bias else torch.zeros(36))
    for source, target in zip(ours[1:], theirs, strict=True):
        target.load_state_dict(source.state_dict())
    return layer


def test_attention_drops_only_while_training():
    torch.manual_seed(0)
    attention, x = Attention(12, 3, 4, qkv_bias=False, dropout=0.5), torch.rand(2, 5, 12)
    assert not torch.equal(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))


def test_dropout_is_where_the_source_has_it():
    network = ViT(**SMALL, dropout=0.2, emb_dropout=0.3).build((3, 8, 8), 5)
    assert network[3].p == 0.3
    for attention, mlp in zip(network[4][::2], network[4][1::2], strict=True):
        assert attention.body[1].dropout == 0.2 and attention.body[2].p == 0.2
        assert [layer.p for layer in mlp.body if isinstance(layer, nn.Dropout)] == [0.2, 0.2]


def test_initialisations():
    torch.manual_seed(0)
    default, timm = (ViT(dim=96, depth=1, init=init).build((3, 32, 32), 10) for init in ("default", "timm"))
    assert abs(float(default[2].positions.detach().std()) - 1) < 0.05
    assert abs(float(default[2].token.detach().std()) - 1) < 0.3
    assert abs(float(timm[2].positions.detach().std()) - 0.02) < 0.001
    assert float(timm[2].token.detach().abs().max()) < 1e-5
    for layer in timm[4:].modules():
        if isinstance(layer, nn.Linear):
            assert abs(float(layer.weight.detach().std()) - 0.02) < 0.002
            assert layer.bias is None or not layer.bias.any()
    embedding = timm[1][1]
    assert embedding.bias.any() and abs(float(embedding.weight.detach().std()) * (3 * 48) ** 0.5 - 1) < 0.05
