"""What rules ask of a network's parameters: who owns them, where they lie, and in which layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
FAMILIES = ("norm", "embedding", "conv")


@dataclass(frozen=True)
class ParameterInfo:
    """kinds: classes of the modules that own it, and their families. positions: "first", "last", both or none.
    layer: 0-based; num_layers: of the network.
    """

    name: str
    parameter: Tensor
    kinds: frozenset[str]
    positions: frozenset[str]
    layer: int
    num_layers: int

    @property
    def layers_after(self) -> int:
        return self.num_layers - 1 - self.layer


def parameter_infos(network: nn.Module) -> list[ParameterInfo]:
    """All parameters in the network's order, a shared one once."""
    owners: dict[Tensor, list[nn.Module]] = {}
    for module in network.modules():
        for p in module.parameters(recurse=False):
            owners.setdefault(p, []).append(module)
    weighted = [m for m in network.modules() if any(is_weight(m, p) for p in m.parameters(recurse=False))]
    layers, num_layers = layer_numbers(network)
    return [
        ParameterInfo(
            name,
            p,
            frozenset(kind for owner in owners[p] for kind in kinds(owner, p)),
            frozenset(
                place
                for place, module in zip(("first", "last"), (weighted[:1], weighted[-1:]), strict=True)
                if module and any(owner is module[0] for owner in owners[p])
            ),
            layers[name],
            num_layers,
        )
        for name, p in network.named_parameters()
    ]


def is_weight(owner: nn.Module, p: Tensor) -> bool:
    """Whether a parameter has rows and is no token (`is_token`)."""
    return p.ndim >= 2 and not is_token(owner, p)


def is_token(owner: nn.Module, p: Tensor) -> bool:
    """Whether it is put beside or added to the samples of a batch, as class tokens and positions are: of at least three
    dimensions, the first of size 1, and of no layer of torch.nn (a convolution to one channel has such weights)."""
    return p.ndim >= 3 and p.shape[0] == 1 and not type(owner).__module__.startswith("torch.nn.")


def kinds(owner: nn.Module, p: Tensor) -> set[str]:
    """The names of the owner's class and of those it is derived from, and their families."""
    names = {cls.__name__ for cls in type(owner).__mro__[:-2]}  # without Module and object
    if isinstance(owner, nn.SyncBatchNorm):  # what a run of several processes makes of these
        names |= {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d"}
    found = names | ({"norm"} if any("norm" in name.lower() for name in names) else set())
    if isinstance(owner, nn.Embedding | nn.EmbeddingBag) or is_token(owner, p):
        found.add("embedding")
    return found | ({"conv"} if isinstance(owner, _ConvNd) else set())


def layer_numbers(network: nn.Module) -> tuple[dict[str, int], int]:
    """The 0-based layer of each parameter by its name, and how many layers there are.

    A layer is a module with weights, in the network's order: a whole residual or attention block where it is one
    module, and each module of a Sequential, ModuleList or ModuleDict. Parameters between them, of norms and tokens,
    belong to the layer before.
    """
    found: dict[str, int] = {}
    names = dict(network.named_parameters())
    layer = -1
    for unit in _units(network, ""):
        new = [(name, owner, p) for name, owner, p in unit if name in names and name not in found]
        if any(is_weight(owner, p) for _, owner, p in new):
            layer += 1
        found |= {name: max(layer, 0) for name, _, _ in new}
    return found, max(layer + 1, 1)


Unit = list[tuple[str, nn.Module, Tensor]]


def _units(module: nn.Module, prefix: str) -> Iterator[Unit]:
    """Parameters that are of one layer, each with its full name and owner."""
    yield [(prefix + name, module, p) for name, p in module.named_parameters(recurse=False)]
    for name, child in module.named_children():
        if _holds_layers(child):
            yield from _units(child, f"{prefix}{name}.")
        else:
            yield [
                (".".join(filter(None, (f"{prefix}{name}", inner, own))), owner, p)
                for inner, owner in child.named_modules()
                for own, p in owner.named_parameters(recurse=False)
            ]


def _holds_layers(module: nn.Module) -> bool:
    """Whether a module is a container, or holds a container of blocks: two modules of one class with modules inside."""
    if isinstance(module, CONTAINERS):
        return True
    lists = (each for each in module.modules() if isinstance(each, CONTAINERS))
    return any(max(Counter(_blocks(each)).values(), default=0) > 1 for each in lists)


def _blocks(container: nn.Module) -> Iterator[type]:
    return (type(child) for child in container.children() if next(child.children(), None) is not None)
