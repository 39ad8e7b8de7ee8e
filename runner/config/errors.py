"""Errors that are the user's to correct; their message says what is wrong, where, and what would be right."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class ConfigError(ValueError):
    """The configuration asks for something that can't be done."""


class UnknownKeyError(ConfigError):
    """A key that its group does not have. path: the whole key, such as optim.betas."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


class RunInProgressError(ConfigError):
    """Another process runs the same experiment."""


@contextlib.contextmanager
def data_errors(name: str) -> Iterator[None]:
    """Raise ConfigError for what is missing, damaged or can't be read of the data set `name`."""
    try:
        yield
    except (FileNotFoundError, ValueError) as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"data={name}: can't read {error.filename}: {error.strerror}") from None
