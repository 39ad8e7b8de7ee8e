"""AWD-LSTM against a plain nn.LSTM stack, and its masks and penalties against references written out in float64."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from models.awd_lstm import AWDLSTM

SMALL = {"embedding": 6, "hidden": 8, "layers": 3}
NO_DROPOUT = dict.fromkeys(("embedding_dropout", "input_dropout", "hidden_dropout", "dropout", "weight_dropout"), 0.0)
TYPES = 11


def small(**settings):
    torch.manual_seed(0)
    return AWDLSTM(**SMALL, **settings).build((7,), TYPES).double()


def tokens(n=3, length=7):
    return torch.randint(TYPES, (n, length), generator=torch.Generator().manual_seed(1))


def stack(network):
    """nn.LSTM layers with the network's weights."""
    layers = [nn.LSTM(each.input_size, each.hidden_size, batch_first=True).double() for each in network.layers]
    for ours, theirs in zip(network.layers, layers, strict=True):
        theirs.load_state_dict(ours.state_dict())
    return layers


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("tied", [True, False])
def test_without_dropout_it_is_a_stack_of_torchs_lstm(mode, tied):
    """Outputs and gradients, over two batches of which the second goes on from the detached state of the first."""
    network = getattr(small(tied=tied, ar=0.0, tar=0.0, **(NO_DROPOUT if mode == "train" else {})), mode)()
    other, layers, states = copy.deepcopy(network), stack(network), [None] * 3
    assert (network.decoder.weight is network.embedding.weight) == tied
    for x in (tokens(), tokens(length=4)):
        h = other.embedding.weight[x]
        for i, layer in enumerate(layers):
            h, state = layer(h, states[i])
            states[i] = tuple(each.detach() for each in state)
        theirs = h @ other.decoder.weight.t() + other.decoder.bias
        ours = network(x)
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        ours.square().mean().backward()
        theirs.square().mean().backward()
    torch.testing.assert_close(network.embedding.weight.grad, other.embedding.weight.grad)
    for ours, theirs in zip(network.layers, layers, strict=True):
        for name, p in ours.named_parameters():
            torch.testing.assert_close(p.grad, theirs.get_parameter(name).grad, rtol=1e-10, atol=1e-12)


def test_masks_and_penalties_are_those_of_the_paper():
    """The draws in their order: types, input, then for each layer its recurrent weights and its output."""
    drops = {"embedding_dropout": 0.2, "input_dropout": 0.5, "hidden_dropout": 0.3, "dropout": 0.4}
    network, x = small(weight_dropout=0.5, ar=2.0, tar=1.0, **drops), tokens()
    torch.manual_seed(5)
    logits, penalty = network(x)
    torch.manual_seed(5)
    h = torch.empty(0, dtype=torch.float64)

    def mask(p, *shape):
        return h.new_empty(shape).bernoulli_(1 - p) / (1 - p)

    weight = network.embedding.weight * mask(0.2, TYPES, 1)  # whole types
    h = weight[x] * mask(0.5, 3, 6)[:, None]  # one mask for all time steps
    for i, layer in enumerate(network.layers):
        dropped = nn.functional.dropout(layer.weight_hh_l0, 0.5)
        raw = recurrence(h, layer, dropped)
        h = raw * mask(0.4 if i == 2 else 0.3, 3, raw.shape[-1])[:, None]
    torch.testing.assert_close(logits, h @ network.decoder.weight.t() + network.decoder.bias)
    torch.testing.assert_close(penalty, 2 * h.square().mean() + (raw[:, 1:] - raw[:, :-1]).square().mean())
    (cross_entropy(logits.flatten(0, 1), x.flatten()) + penalty).backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in network.parameters())
    assert network(x[:, :1])[1].isfinite()  # a single time step has no change


def recurrence(x, layer, weight_hh):
    """An LSTM layer from a zero state, step by step. x: (n, length, width)."""
    h = c = x.new_zeros(len(x), layer.hidden_size)
    outputs = []
    for each in x.unbind(1):
        gates = each @ layer.weight_ih_l0.t() + layer.bias_ih_l0 + h @ weight_hh.t() + layer.bias_hh_l0
        i, f, g, o = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, 1)


def test_the_state_goes_on_until_it_is_reset_and_is_saved():
    network, x = small().eval(), tokens()
    whole = network(x)
    network.reset_state()
    first, other = network(x[:, :3]), small().eval()
    assert not first.requires_grad or not any(each.requires_grad for pair in network.state for each in pair)
    other.load_state_dict(copy.deepcopy(network.state_dict()))
    for each in (network, other):
        torch.testing.assert_close(torch.cat([first, each(x[:, 3:])], 1), whole)
    fresh = small().eval()
    other.load_state_dict(fresh.state_dict())  # before its first batch: no state
    torch.testing.assert_close(other(x), whole)


def test_the_papers_network_has_24_million_parameters_and_its_initial_weights():
    network = AWDLSTM().build((70,), 10_000)
    assert sum(p.numel() for p in network.parameters()) == 24_221_600
    for name, p in network.named_parameters():
        width = 400 if name.startswith("layers.2") else 1150
        bound = 0.0 if name == "decoder.bias" else 0.1 if name == "embedding.weight" else width**-0.5
        assert 0.9 * bound <= p.detach().abs().max() <= bound, name
