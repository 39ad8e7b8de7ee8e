"""`python main.py evaluate=FOLDER`: a run's saved weights on validation and test data; nothing is written."""

from __future__ import annotations

from runner.cli.overrides import hydra_arguments
from runner.config.errors import ConfigError
from runner.train.output import print_line

WORD, WEIGHTS = "evaluate=", "weights="


def evaluate_command(words: list[str]) -> int:
    """Print loss and metric of `evaluate=FOLDER [weights=best|last] [device=... data.root=... ...]`; return 0.

    Raises ConfigError.
    """
    from runner.load import load_run

    hydra_arguments(words)  # refuses what is neither a flag nor key=value
    folder = [word.removeprefix(WORD) for word in words if word.startswith(WORD)][-1]
    weights = ([word.removeprefix(WEIGHTS) for word in words if word.startswith(WEIGHTS)] or ["best"])[-1]
    changes = [word for word in words if not word.startswith((WORD, WEIGHTS))]
    if any(word.startswith("-") for word in changes):
        raise ConfigError("evaluate=FOLDER takes no flags; it evaluates one run's weights")
    run = load_run(folder, weights, changes)  # type: ignore[arg-type]  # checked there
    recorded = run.status.get("test" if weights == "best" else "test_last")
    print_line(f"{run.folder}: {weights} weights, of epoch {run.epoch}")
    for part in ("val", "test"):
        then = f"  (recorded: {values_text(recorded)})" if part == "test" and recorded else ""
        print_line(f"{part:<5} {values_text(run.evaluate(part))}{then}")
    return 0


def values_text(values: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:.6g}" for key, value in values.items())
