"""Where amp=bf16 is slow, and what the runner prints then."""

from __future__ import annotations

import pytest

from runner.train.bfloat16 import bf16_is_slow, bf16_warning, has_fast_bf16


@pytest.mark.parametrize(
    "capabilities, onednn, fast",
    [
        ({"architecture": "x86_64", "avx2": True, "avx512_f": True, "avx512_bf16": False}, True, False),
        ({"architecture": "x86_64", "avx2": True, "avx512_f": True, "avx512_bf16": True}, True, True),
        ({"architecture": "arm64", "neon": True}, True, False),
        ({"architecture": "arm64", "neon": True, "bf16": True}, True, True),
        ({"architecture": "arm64", "neon": True, "bf16": True}, False, False),  # macOS
    ],
)
def test_fast_bf16_needs_instructions_and_onednn(capabilities, onednn, fast):
    assert has_fast_bf16(capabilities, onednn) == fast


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_other_devices_are_not_slow(device):
    assert not bf16_is_slow(device)


def test_warning_names_the_key_only_where_bf16_is_slow():
    assert "amp=bf16" in (bf16_warning("bf16", is_slow=True) or "")
    assert bf16_warning("bf16", is_slow=False) is None
    assert bf16_warning("none", is_slow=True) is None


@pytest.mark.parametrize("amp", ["none", "bf16"])
def test_run_prints_the_warning_where_it_applies(amp, run):
    result = run("epochs=1", "limit_train=100", f"amp={amp}", "device=cpu")
    assert result.code == 0 and result.out.count("amp=bf16:") == (amp == "bf16" and bf16_is_slow("cpu"))
