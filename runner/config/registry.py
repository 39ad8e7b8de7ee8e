"""What can be chosen by name: every class that declares one, found by looking into the packages' files.

A new file in `models/` with a class that declares `name` is a new model: nothing lists it by hand. Names resolve
here and nowhere else, so no configuration can name code to run.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import optim
from data.dataset import DataSet
from models.model import Model
from optim.schedules import SCHEDULES
from runner.loggers.logger import Logger
from tasks.task import Task

CHOICE_KEYS = {"task": "objective"}  # the class attribute, and key, that names a group's entry; "name" for all others


@cache
def entries(group: str) -> dict[str, type]:
    """Map each name of a group to the dataclass that describes it."""
    if group == "optim":
        return dict(optim.configs())
    if group == "wrap":
        return dict(optim.wrappers())
    if group == "lr_schedule":
        return dict(SCHEDULES)
    package, base, key = {
        "task": ("tasks", Task, "objective"),
        "data": ("data", DataSet, "name"),
        "model": ("models", Model, "name"),
        "logger": ("runner.loggers", Logger, "name"),
    }[group]
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
    found = [entry for entry in descendants(base) if entry.__module__.startswith(f"{package}.")]  # no plugins
    return {vars(entry)[key]: entry for entry in found if key in vars(entry)}


def descendants(base: type) -> list[type]:
    found = []
    for child in base.__subclasses__():
        found += [child, *descendants(child)]
    return found
