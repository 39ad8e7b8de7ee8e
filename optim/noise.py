"""Noise that depends on what it is for and on nothing else: not on the backend, nor on what was drawn before."""

from __future__ import annotations

from hashlib import blake2b
from threading import local
from typing import Any

import torch
from torch import Tensor

_own = local()  # a generator for each thread and device: making one takes as long as drawing for a small tensor


def draw(kind: str, like: Tensor, *key: object) -> Tensor:
    """A tensor like `like` of N(0, 1) ("normal") or U[0, 1) ("uniform"), determined by `key`.

    The key is (seed, transform, parameter index, step): a resumed run, another backend or another transform
    leaves every other draw as it was. For a DTensor each process draws the whole tensor and keeps its own part, so
    that the draw is that of the tensor in one piece, whatever the mesh; nothing is sent.
    """
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    generator = _generator(like.device).manual_seed(int.from_bytes(digest))
    if hasattr(like, "device_mesh"):
        return _distributed(_fill(kind, torch.empty(like.shape, dtype=like.dtype, device=like.device), generator), like)
    if like.is_contiguous():
        return _fill(kind, torch.empty_like(like), generator)
    # drawn in the order of the indices whatever the memory format, which is then taken from `like`
    noise = _fill(kind, torch.empty(like.shape, dtype=like.dtype, device=like.device), generator)
    return torch.empty_like(like).copy_(noise)


def _distributed(whole: Tensor, like: Any) -> Tensor:
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)


def _fill(kind: str, x: Tensor, generator: torch.Generator) -> Tensor:
    return x.normal_(generator=generator) if kind == "normal" else x.uniform_(generator=generator)


def _generator(device: torch.device) -> torch.Generator:
    name = str(device)
    if not hasattr(_own, name):
        setattr(_own, name, torch.Generator(device))
    return getattr(_own, name)
