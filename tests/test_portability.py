"""The project imports on systems that lack Unix's modules (Windows)."""

from __future__ import annotations

import subprocess
import sys

from conftest import ROOT

IMPORT_ALL = """
import importlib, pkgutil, sys
for name in ("fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "posix_spawn"):
    sys.modules[name] = None
import hydra_plugins.sweeps
for package in ("results", "runner", "report", "tasks", "models", "data", "optim"):
    module = importlib.import_module(package)
    for info in pkgutil.walk_packages(module.__path__, package + "."):
        if not info.name.startswith("optim.keras."):  # Keras may not be there
            importlib.import_module(info.name)
"""


def test_every_module_imports_without_unix_modules():
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
