"""Durations on the command line: 90s, 15min, 2h, 1.5d."""

from __future__ import annotations

import re

from results.values import quote
from runner.config.errors import ConfigError

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}  # in seconds


def parse_duration(text: str, key: str) -> float:
    """Seconds; ConfigError, which names the key, for what is no positive number with a unit."""
    match = re.fullmatch(rf"(\d+\.?\d*|\.\d+)({'|'.join(UNITS)})", text)
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not seconds:
        raise ConfigError(
            f"{f'{key} {quote(text)}'.rstrip()}: write a positive number with s, min, h or d, such as 90s or 2h"
        )
    return seconds
