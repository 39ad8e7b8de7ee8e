"""Colours with enough contrast on a light and a dark background, as near to the original as possible."""

from __future__ import annotations

import re

LIGHT, DARK = "#ffffff", "#1b1e23"  # what page.css puts behind a figure
LEAST = {LIGHT: 3.0, DARK: 4.5}  # WCAG 2.2, criterion 1.4.11, asks for 3; more on the dark background


def readable(colour: str, ground: str) -> str:
    """The colour on LIGHT or DARK, mixed with black or white (what the ground is not) until its contrast is LEAST."""
    target = "#000000" if luminance(ground) > 0.18 else "#ffffff"
    for percent in range(0, 101, 2):
        mixed = mix(colour, target, percent / 100)
        if contrast(mixed, ground) >= LEAST[ground]:
            return mixed
    return target


def contrast(first: str, second: str) -> float:
    """WCAG's ratio, 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", 0 to 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in channels(colour))]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def mix(colour: str, other: str, share: float) -> str:
    pairs = zip(channels(colour), channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def channels(colour: str) -> tuple[int, ...]:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError(f"colour {colour!r} is not of the form #rrggbb")
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
