"""The Keras AggMo's tests on the backends that the project's environment does not have.

A backend that is not installed is put by pip into an environment of its own, which sees the project's packages too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import ROOT

if find_spec("keras") is None:
    pytest.skip("keras is not installed: pip install 'keras>=3.15,<4'", allow_module_level=True)

PACKAGES = {"tensorflow": "tensorflow" if sys.platform == "darwin" else "tensorflow-cpu", "jax": "jax"}


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400)


def python_with(backend: str, folder: Path) -> Path:
    """A Python that can import `backend`: this one, or that of a new environment in `folder`."""
    if find_spec(backend):
        return Path(sys.executable)
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").stdout.strip()
    (Path(packages) / "project.pth").write_text(sysconfig.get_paths()["purelib"])
    if run(python, "-m", "pip", "install", "--no-compile", PACKAGES[backend]).returncode:
        pytest.skip(f"{PACKAGES[backend]} is not installed, and pip could not install it")
    return python


@pytest.fixture
def folder():
    """Removed at once: TensorFlow is large."""
    with TemporaryDirectory() as path:
        yield Path(path)


@pytest.mark.slow
@pytest.mark.parametrize("backend", PACKAGES)
def test_on(backend, folder):
    python = python_with(backend, folder)
    variables = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    words = ("-p", "no:cacheprovider", "-o", "addopts=", "-x", "tests/optim/test_keras_aggmo.py")
    done = run(python, "-m", "pytest", *words, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and (backend == "jax" or "skipped" not in done.stdout)
    loaded = "from optim.keras import AggMo; import sys; print({'torch', sys.argv[1]} & set(sys.modules))"
    assert run(python, "-c", loaded, backend, **variables).stdout == f"{{{backend!r}}}\n"
