"""Errors that are the user's to correct; their message says what is wrong, where, and what would be right."""

from __future__ import annotations


class ConfigError(ValueError):
    """The configuration asks for something that can't be done."""


class RunInProgressError(ConfigError):
    """Another process runs the same experiment."""
