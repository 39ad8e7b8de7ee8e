"""`python main.py task=... --check-data`: what lies in `data.root`, file by file; nothing is trained or downloaded."""

from __future__ import annotations

from pathlib import Path

from data.check import Checked
from results.values import one_line
from runner.cli.errors import composed
from runner.cli.overrides import hydra_arguments
from runner.config.compose import compose, read_saved
from runner.config.errors import ConfigError, data_errors
from runner.config.validate import validate
from runner.train.output import print_line

FLAG = "--check-data"
PROBLEM = 1  # exit code


def check_data_command(argv: list[str]) -> int:
    """Print a line for each file of the data set that the other words choose, and then OK or what is wrong.

    Returns 0 if a run would read the data, else 1. Raises ConfigError for a command that no run could start with.
    """
    words = [word for word in argv if word != FLAG]
    if others := [word for word in words if word.startswith(("-", "sweep="))]:
        raise ConfigError(f"{FLAG} checks the data of one command; leave {others[0]} out")
    is_saved = any(word.startswith("config=") for word in words)
    raw = composed(lambda: read_saved(words) if is_saved else compose(*hydra_arguments(words)))
    data = validate(raw).data
    print_line(f"data={data.name}, data.root={data.folder()}")
    found: list[Checked] = []
    try:
        with data_errors(data.name):
            for each in data.check():
                found.append(each)
                print_line(one_line(each.line()))
    except ConfigError as error:
        print_line(f"not OK: {one_line(str(error))}")
        return PROBLEM
    is_ok, verdict = summary(found)
    print_line(one_line(verdict))
    return 0 if is_ok else PROBLEM


def summary(found: list[Checked]) -> tuple[bool, str]:
    """Whether a run would read the data, and the last line."""
    if problems := [each for each in found if each.problem]:
        return False, f"not OK: {len(problems)} problem{'s' if len(problems) > 1 else ''}, named above"
    if others := [Path(each.name).name for each in found if each.published is False]:
        return True, f"OK: a run reads these data; not the published files: {', '.join(others)}"
    published = found and all(each.published for each in found)
    return True, f"OK: a run reads these data{', which are the published files' if published else ''}"
