"""The address of an SQLite file, for SQLAlchemy, by which Optuna and MLflow open it."""

from __future__ import annotations

from pathlib import Path


def sqlite_url(file: Path) -> str:
    """sqlite:///... with what means something else in an address (%, ?, #) escaped."""
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(file.absolute())).render_as_string(hide_password=False)
