"""The networks of text against torch's own layers, their causality, sizes and initial weights."""

import pytest
import torch
from torch import nn

from models.from_callable import CallableModel
from models.gpt import GPT
from models.recurrent import GRU, LSTM
from optim.grouping.resolve import resolve
from runner.config.compose import compose
from runner.config.validate import validate

SMALL = {"depth": 2, "dim": 12, "heads": 3}
CPU = {"depth": 4, "dim": 128, "heads": 4}


@pytest.mark.parametrize("settings", [{}, {"bias": True, "tied": False, "positions": 9}], ids=["nanogpt", "gpt2"])
def test_gpt_is_torchs_encoder_layers_under_a_causal_mask(settings):
    torch.manual_seed(0)
    model = GPT(**SMALL, **settings)
    network = model.build((7,), 5).double().eval()
    assert (network.head.weight is network.tokens.weight) == model.tied
    x = torch.randint(5, (2, 7))
    y = network.tokens.weight[x] + network.positions.weight[:7]
    for attention, mlp in zip(network.blocks[::2], network.blocks[1::2], strict=True):
        mask = nn.Transformer.generate_square_subsequent_mask(7).double()
        y = encoder_layer(attention.body, mlp.body, model.bias)(y, mask)
    torch.testing.assert_close(network(x), network.norm(y) @ network.head.weight.T)


def encoder_layer(attention, mlp, bias):
    """torch's layer with the weights of one of our blocks."""
    layer = nn.TransformerEncoderLayer(12, 3, 48, 0.0, "gelu", batch_first=True, norm_first=True, bias=bias)
    layer = layer.double().train()  # its fast path for inference is another implementation
    ours = (attention[1].out, mlp[1], mlp[3], attention[0], mlp[0])
    theirs = (layer.self_attn.out_proj, layer.linear1, layer.linear2, layer.norm1, layer.norm2)
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(attention[1].qkv.weight)
        if bias:
            layer.self_attn.in_proj_bias.copy_(attention[1].qkv.bias)
    for source, target in zip(ours, theirs, strict=True):
        target.load_state_dict(source.state_dict())
    return layer


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_recurrent_networks_run_torchs_cells_from_a_zero_state(kind):
    torch.manual_seed(0)
    network = kind(dim=6, depth=1, tied=True).build((7,), 5).double()
    cell = getattr(nn, f"{kind.cell}Cell")(6, 6).double()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in network.layers.state_dict().items()})
    x, state, logits = torch.randint(5, (2, 7)), None, []
    for t in range(7):
        state = cell(network.embedding.weight[x[:, t]], state)
        logits.append((state if kind is GRU else state[0]) @ network.embedding.weight.T + network.head.bias)
    torch.testing.assert_close(network(x), torch.stack(logits, 1))


@pytest.mark.parametrize("model", [GPT(**SMALL), LSTM(dim=6), GRU(dim=6)], ids=["gpt", "lstm", "gru"])
def test_a_token_changes_no_logit_before_it(model):
    torch.manual_seed(0)
    network, x = model.build((7,), 5).eval(), torch.randint(5, (2, 7))
    changed = x.clone()
    changed[:, 4] = (x[:, 4] + 1) % 5
    before, after = network(x), network(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4], rtol=0, atol=1e-6)
    assert ((before[:, 4:] - after[:, 4:]).abs().amax(2) > 1e-6).all()


def test_sizes():
    """nanoGPT prints 10.65M and 0.80M without positions."""
    for settings, shape, expected in (
        ({"depth": 6, "dim": 384, "heads": 6}, (256,), 10_745_088),
        (CPU, (64,), 795_904 + 64 * 128),
        ({**CPU, "tied": False}, (64,), 795_904 + 64 * 128 + 65 * 128),
        ({**CPU, "positions": 100}, (64,), 795_904 + 100 * 128),
    ):
        assert sum(p.numel() for p in GPT(**settings).build(shape, 65).parameters()) == expected
    lstm, gru = (kind(dim=8, depth=2).build((4,), 5) for kind in (LSTM, GRU))
    for network, gates in ((lstm, 4), (gru, 3)):
        assert sum(p.numel() for p in network.parameters()) == 2 * gates * (2 * 64 + 2 * 8) + 5 * 8 + 5 * 8 + 5


def test_initial_weights_of_gpt():
    torch.manual_seed(0)
    network = GPT(depth=8, dim=96, bias=True, tied=False).build((64,), 200)
    into_residual = [layer.body[1].out for layer in network.blocks[::2]]
    into_residual += [layer.body[3] for layer in network.blocks[1::2]]
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            expected = 0.02 / 4 if any(module is each for each in into_residual) else 0.02
            assert float(module.weight.detach().std()) == pytest.approx(expected, rel=0.05)
            assert getattr(module, "bias", None) is None or not module.bias.any()


def test_dropout_is_where_the_sources_have_it():
    gpt = GPT(**SMALL, dropout=0.2).build((7,), 5)
    assert gpt.dropout.p == 0.2
    for attention, mlp in zip(gpt.blocks[::2], gpt.blocks[1::2], strict=True):
        assert [attention.body[1].dropout, attention.body[2].p, mlp.body[4].p] == [0.2] * 3
    x = torch.randint(5, (2, 7))
    assert not torch.equal(gpt(x), gpt(x))
    lstm, one_layer = (LSTM(dim=6, depth=depth, dropout=0.3).build((7,), 5) for depth in (2, 1))
    assert [lstm.dropout.p, lstm.layers.dropout, one_layer.layers.dropout] == [0.3, 0.3, 0.0]


def test_a_network_of_ones_own_may_be_of_tokens():
    class Mine(CallableModel):
        name, output = "mine", "tokens"
        out = None

        @staticmethod
        def target(classes):
            return nn.Sequential(nn.Embedding(classes, 4), nn.Linear(4, Mine.out or classes))

        def arguments(self):
            return {}

    x = torch.randint(5, (2, 7))
    assert Mine().build((7,), 5)(x).shape == (2, 7, 5)
    Mine.out = 3
    with pytest.raises(ValueError, match=r"\(2, 7, 3\) .*, not \(2, 7, 5\)"):
        Mine().build((7,), 5)


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="model.heads=5 .*model.dim=12"):
        GPT(dim=12, heads=5).validate()
    with pytest.raises(ValueError, match="data.context=8 .*model.positions=7"):
        GPT(positions=7).check_shape((8,))
    GPT(positions=8).check_shape((8,))


@pytest.mark.parametrize(("tied", "others"), [(True, 2), (False, 3)])
def test_muon_is_for_the_hidden_matrices_and_tied_embeddings_count_once(tied, others):
    network = GPT(**SMALL, tied=tied).build((7,), 5)
    config = validate(compose("task=char_lm", "optim=muon", "groups=[muon,no_decay]"))
    groups = resolve(network, config.groups, config.optim, config.wrap)
    (by_muon,) = (group for group in groups if group.config.name == "muon")
    rest = [group for group in groups if group is not by_muon]
    hidden = [p for name, p in network.named_parameters() if "blocks" in name and p.ndim == 2]
    assert [info.parameter for info in by_muon.infos] == hidden and len(hidden) == 8
    assert sum(len(group.infos) for group in groups) == len(list(network.parameters()))
    assert all(group.config.name == "adamw" for group in rest)
    undecayed, decayed = (
        [info.parameter.ndim for group in rest if ("weight_decay" in group.settings) is none for info in group.infos]
        for none in (True, False)
    )
    assert set(undecayed) == {1} and decayed == [2] * others
