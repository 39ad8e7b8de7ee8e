"""Hand-made rows of steps, as `track=true` records them."""

from run_folders import rows_of, write_run


def step_row(step, **values):
    return {"split": "train", "epoch": 1, "step": step, "loss": 1.0, "acc": 0.5, "lr": 0.1, "per": "step", **values}


def write_steps(root, optimizer="adam", steps=(), *, lr=0.1, seed=0, rows=None, setting="", **more):
    """A run whose per-step rows hold `steps`: one dict of values a row, recorded every second step."""
    own = [step_row(2 * (i + 1), lr=lr, **values) for i, values in enumerate(steps)]
    name = setting or f"{optimizer},lr={lr:g}"
    return write_run(root, name, seed, optimizer=optimizer, lr=lr, rows=[*own, *rows_of(0.5)], **more)
