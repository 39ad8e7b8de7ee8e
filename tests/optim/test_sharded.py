"""Parameters that several processes share (DTensor, FSDP2): noise, sums and checkpoints are those of one piece."""

from __future__ import annotations

import copy
from contextlib import contextmanager

import pytest
import torch
import torch.distributed as dist
from cases import CASES, QUICK
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard, distribute_tensor, init_device_mesh

import optim
from optim import compile_backend
from optim.rules.sgd import MomentumConfig

NOISY = ("gradient_noise", "gradient_dropout", "learning_rate_dropout")
SHAPE = (5, 3)  # no process's share is as large as another's


def _network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))


@contextmanager
def process_group(store, rank=0, size=1):
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    try:
        yield
    finally:
        dist.destroy_process_group()


def trained(params, gradients, name, backend, seed):
    """The parameters after three steps, while torch's global generator starts from `seed`."""
    torch.manual_seed(seed)
    optimizer = optim.build(MomentumConfig(0.1), params, [optim.wrappers()[name]()], backend=backend, seed=3)
    for _ in range(3):
        for p, gradient in zip(params, gradients, strict=True):
            p.grad = gradient
        optimizer.step()
    return [p.detach() for p in params]


def check_placements(mesh, placements):
    gradient = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5))

    def sharded(x):
        return distribute_tensor(x, mesh, placements, src_data_rank=None)

    for name in NOISY:
        (expected,) = trained([torch.nn.Parameter(torch.ones(SHAPE))], [gradient], name, "loop", 1)
        for backend in ("loop", "foreach", "compile"):
            parts = [torch.nn.Parameter(sharded(torch.ones(SHAPE)))]
            (got,) = trained(parts, [sharded(gradient)], name, backend, 2 + dist.get_rank())
            assert torch.equal(got.to_local(), sharded(expected).to_local()), (name, backend, placements)


def sharded_network() -> torch.nn.Module:
    network = _network()
    for layer in (network[0], network[2], network):
        fully_shard(layer)
    return network


def train(network, optimizer, steps):
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(6))
    for _ in range(steps):
        optimizer.zero_grad()
        loss = network(x).square().mean()
        loss.backward()
        optimizer.step(loss=loss.detach())


def check_fully_shard(name):
    """A network whose layers FSDP2 shards, some unevenly, is trained as in one piece, also from a checkpoint."""
    whole, sharded, resumed = _network(), sharded_network(), sharded_network()
    torch.manual_seed(dist.get_rank())
    ours, first, second = (CASES[name].build(list(x.parameters())) for x in (whole, sharded, resumed))
    train(whole, ours, 4)
    train(sharded, first, 2)
    saved = get_optimizer_state_dict(sharded, first)
    set_optimizer_state_dict(resumed, second, copy.deepcopy(saved))
    for p, q in zip(resumed.parameters(), sharded.parameters(), strict=True):
        p.data.copy_(q.data)
    for network, optimizer in ((sharded, first), (resumed, second)):
        train(network, optimizer, 2)
        for p, q in zip(whole.parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(q.full_tensor(), p, rtol=1e-4, atol=1e-5)


def test_the_noise_is_not_from_torchs_global_generator(monkeypatch):
    monkeypatch.setattr(compile_backend, "MIN_NUMEL", 1)  # a DTensor has no program, whatever its size
    with process_group(dist.HashStore()):
        mesh = init_device_mesh("cpu", (1,))
        for placements in ([Shard(0)], [Replicate()]):
            check_placements(mesh, placements)


def _one_of_two(rank, path):
    torch.set_num_threads(1)
    with process_group(dist.FileStore(path, 2), rank, 2):
        for placements in ([Shard(0)], [Shard(1)], [Replicate()]):
            check_placements(init_device_mesh("cpu", (2,)), placements)
        for name in sorted(QUICK):
            check_fully_shard(name)


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    """Each draws its part of the whole noise, and sums over all parameters are those of both."""
    torch.multiprocessing.spawn(_one_of_two, (str(tmp_path / "store"),), nprocs=2)
