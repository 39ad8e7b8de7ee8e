"""Run folders written by hand, for the tests of what reads them."""

import copy
import json
import re
import zlib

CONFIG = {
    "task": {"name": "digits"},
    "data": {"name": "digits", "root": "", "split": "random", "val_fraction": 0.2},
    "model": {"name": "mlp", "hidden": [128, 64]},
    "optim": {"name": "aggmo", "lr": 0.1, "lr_schedule": {"name": "constant"}},
    "wrap": {},
    "seed": 0,
    "device": "auto",
    "epochs": 3,
    "batch_size": 128,
    "limit_train": None,
    "limit_val": None,
    "limit_test": None,
    "outputs": "outputs",
}
ENVIRONMENT = {
    "time": "2026-01-02T03:04:05+00:00",
    "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False, "diff": ""},
    "python": "3.11.7",
    "packages": {"torch": "2.15.0", "numpy": "2.4.6"},
    "device": "cpu",
    "device_name": "A CPU",
}
SECONDS = {"train": 3.0, "eval": 0.3, "total": 4.0}


def write_run(
    root,
    setting="aggmo",
    seed=0,
    acc=0.5,
    status="done",
    optimizer="aggmo",
    lr=0.1,
    epochs=3,
    *,
    task="digits",
    metric="acc",
    better="max",
    config=None,  # settings that differ, dotted: {"data.split": "test", "wrap.lookahead": {...}}
    rows=None,  # of metrics.jsonl; None: an epoch's rows of train and val each, growing to `acc`, and the test's
    timings=None,  # rows of timings.jsonl; None: a second an epoch
    environment=None,  # what differs in environment.json, dotted; False: no such file
    found=None,  # what differs in status.json
    signature=None,
):
    """A run's folder below `root`; its validation metric is `acc` at the end, its test metric half of that."""
    changes = {"task.name": task, "optim.name": optimizer, "optim.lr": lr, "seed": seed, "epochs": epochs}
    content = changed(CONFIG, {**changes, **(config or {})})
    if signature is None:
        signed = {key: value for key, value in content.items() if key not in ("seed", "device", "outputs")}
        signature = f"{zlib.crc32(json.dumps([setting, signed]).encode()):08x}"
    folder = root / task / setting / signature / f"seed={seed}"
    folder.mkdir(parents=True)
    text = re.sub(r"([ \[-]\d+)(e-\d+)", r"\1.0\2", json.dumps(content))  # 1e-05 would be text in YAML
    (folder / "config.yaml").write_text(text)
    told = status_of(status, acc, metric, better, epochs)
    (folder / "status.json").write_text(json.dumps({**told, **(found or {})}))
    write_lines(folder / "metrics.jsonl", rows_of(acc, metric, lr, epochs) if rows is None else rows)
    write_lines(folder / "timings.jsonl", timings_of(epochs) if timings is None else timings)
    if environment is not False:
        (folder / "environment.json").write_text(json.dumps(changed(ENVIRONMENT, environment or {})))
    return folder


def status_of(status, acc, metric, better, epochs):
    reached = {"epoch": epochs, "step": epochs, "loss": 1 / epochs, metric: acc}
    tested = {"loss": 0.4, metric: acc / 2} if status == "done" else None
    told = {"status": status, "epochs_done": epochs, "steps_done": epochs, "metric": metric, "better": better}
    told |= {"best": {**reached, "epoch": 1}, "final": reached, "test": tested, "test_last": tested}
    if status == "diverged":
        told["diverged"] = {"epoch": epochs, "step": epochs, "what": "loss is nan"}
    return {**told, "stopped_early": False, "seconds": SECONDS}


def rows_of(acc, metric="acc", lr=0.1, epochs=3):
    rows = [
        {"split": split, "epoch": e, "step": e, "loss": 1 / e, metric: acc * e / epochs, "lr": lr, "per": "epoch"}
        for e in range(1, epochs + 1)
        for split in ("train", "val")
    ]
    tested = {"split": "test", "epoch": epochs, "step": epochs, "loss": 0.4, metric: acc / 2}
    return [*rows, {**tested, "weights": "last"}, {**tested, "weights": "best"}]


def timings_of(epochs):
    return [
        {"epoch": e, "step": e, "train_s": float(e), "eval_s": e / 10, "total_s": 1.5 * e} for e in range(1, epochs + 1)
    ]


def changed(content, changes):
    """A copy with dotted keys set: {"optim.betas": [0, 0.9]}."""
    content = copy.deepcopy(content)
    for key, value in changes.items():
        *path, last = key.split(".")
        node = content
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return content


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
