"""A real Jupyter kernel: its environment (an inline matplotlib backend above all) disturbs no command."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of Jupyter's own packages


def execute(notebook, folder, monkeypatch) -> str:
    """Execute a notebook in a folder; return all that its cells print. A cell that raises fails."""
    from nbclient import NotebookClient

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


def link_project(place: Path) -> Path:
    """A folder that has the project's files, and outputs of its own."""
    place.mkdir()
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and entry.name not in ("outputs", "docs"):
            (place / entry.name).symlink_to(entry)
    return place


def test_the_documented_notebook_runs(tmp_path, monkeypatch):
    import nbformat

    project = link_project(tmp_path / "project")
    notebook = nbformat.read(ROOT / "docs" / "load_a_result.ipynb", as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code"), "committed without outputs"
    (project / "docs").mkdir()
    printed = execute(notebook, project / "docs", monkeypatch)
    assert "4 runs: 4 to do" in printed
    assert float(re.search(r"'acc': ([\d.]+)", printed)[1]) > 0.8


def test_commands_by_exclamation_mark(tmp_path, monkeypatch):
    """A run, a sweep in parallel processes and a report, as one starts them from a cell."""
    from nbformat import v4

    project = link_project(tmp_path / "project")
    small = "epochs=1 limit_train=200"
    cells = [
        f"!python main.py {small}; echo exit code $?",
        f"!python main.py -m optim=adam,aggmo {small} hydra/launcher=local; echo exit code $?",
        "!python scripts/report.py outputs/digits; echo exit code $?",
        "import results; len(results.load('outputs/digits').runs)",
    ]
    printed = execute(v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells]), project, monkeypatch)
    assert re.findall(r"exit code (\d+)", printed) == ["0", "0", "0"], printed
    assert "2 runs: 1 done, 1 to do" in printed and printed.endswith("2"), printed
    assert len(list(project.glob("outputs/digits/*/*/seed=0/curves.png"))) == 2
