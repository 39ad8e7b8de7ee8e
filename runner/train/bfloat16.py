"""Whether bfloat16, which `amp=bf16` chooses, slows training down instead of speeding it up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def bf16_is_slow(device: str) -> bool:
    """Whether matrix products in bfloat16 take longer than in float32, as on many CPUs; of other devices, False."""
    return device == "cpu" and not has_fast_bf16(torch.cpu.get_capabilities(), torch.backends.mkldnn.is_available())


def has_fast_bf16(capabilities: Mapping[str, Any], onednn: bool) -> bool:
    """Whether a CPU has instructions for bfloat16 that torch uses.

    capabilities: as of torch.cpu.get_capabilities. onednn: whether torch was built with oneDNN, without which (macOS)
    it does not use the instructions. A matrix product without them takes 5 (AVX-512) to 150 times (AVX2) as long as in
    float32.
    """
    return onednn and any(capabilities.get(name, False) for name in ("avx512_bf16", "bf16"))  # of x86, of ARM


def bf16_warning(amp: str, is_slow: bool) -> str | None:
    """A line for the console where amp is bf16 and that is slow."""
    if amp != "bf16" or not is_slow:
        return None
    return "amp=bf16: torch has no fast bfloat16 on this CPU, which makes training many times slower; see amp=none"
