"""The import graph of the project's packages; their layers are checked by import-linter (pyproject.toml)."""

from __future__ import annotations

import tomllib
from pathlib import Path

import grimp
import networkx

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def test_no_files_import_each_other_in_a_circle():
    """Imports inside functions and under `if TYPE_CHECKING` count."""
    packages = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["root_packages"]
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)
    imports = networkx.DiGraph(
        (file, found) for file in graph.modules for found in graph.find_modules_directly_imported_by(file)
    )
    circles = [sorted(files) for files in networkx.strongly_connected_components(imports) if len(files) > 1]
    assert not circles
