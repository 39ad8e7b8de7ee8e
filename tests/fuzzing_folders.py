"""Foreign run folders from fixed seeds, for tests/fuzzing.py: files of another type, size, encoding or nesting."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
from run_folders import write_run

SPARSE = 2**40  # bytes that a file claims to have
BATCH = 25  # folders below one root, beside two that are good
NAMES = ["config.yaml", "status.json", "environment.json", "metrics.jsonl", "timings.jsonl", "log.txt", "loggers.json"]
NAMES += ["trajectory.npz", "reconstructions.npz", "checkpoints/last.pt", "checkpoints/best.pt", "curves.png"]
VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1.5,
        1e308,
        -1e308,
        10**18,
        2**63,
        10**400,
        "",
        "x",
        "a\nb",
        "\x00",
        "\ud800",
        "$\\frac{",
        "é" * 99,
    ),
    *("<script>", "../../..", "x" * 10_000, [], {}, [1], [[1]], {"a": 1}, {"a": {"b": [None]}}, {"": ""}, [{}] * 3),
    *("NaN", "Infinity", "1e3", "2026-01-01", "done", "digits", [["x"] * 3] * 3, dict.fromkeys(map(str, range(99)), 0)),
]
BYTES = [b"", b"\x00" * 999, b"\xff\xfe{", b"[" * 99_999, b'{"a":' * 9999, b"NaN", b"[NaN]", b"1" * 9999, b"\n" * 999]
BYTES += [
    b"- " * 9999,
    b"a: &a [*a]",
    b"a: &a [1]\nb: [*a, *a]",
    b'{"epoch": 1e999}\n',
    b"null",
    b'"text"',
    b"PK\x03\x04" * 99,
]


def folders(seed: int, count: int) -> Iterator[tuple[Any, Callable[[], str]]]:
    """Spoilt folders, looked at by what a repeated command and a sweep read, and by reports; some are resumed."""
    import runner.train.build  # noqa: F401 - torch takes its time to load, and is no case
    from report.callbacks import draw_run

    rng = random.Random(seed)
    real = Path("real").absolute()
    yield "a run", lambda: train(real)
    yield "its pictures", lambda: draw_run(run_below(real))
    for start in range(0, count, BATCH):
        root = Path(f"batch-{start}").absolute()
        good = [write_run(root, "adam", i, 0.5 + i / 10, optimizer="adam") for i in range(2)]
        done, unseen = [], []
        for number in range(min(BATCH, count - start)):
            folder, what = spoilt_folder(rng, root, number, real if number % 5 == 0 else None)
            done.append(what)
            yield what, lambda folder=folder, unseen=unseen: look_at(folder, unseen)
        yield done, lambda root=root, good=good: report_on(root, good)
        shutil.rmtree(root)
    for _ in range(count // 10):
        place = Path("resumed").absolute()
        shutil.copytree(real, place)
        folder = run_below(place)
        what = spoil(rng, folder)
        if rng.random() < 0.5 and (folder / "status.json").is_file():
            (folder / "status.json").unlink()
        yield what, lambda place=place: resume(place)
        shutil.rmtree(place)


def train(outputs: Path, *words: str) -> str:
    """Run a small command; return what is wrong with its answer."""
    from runner.cli.main import main

    small = ["task=rosenbrock", "epochs=1", "data.num_steps=20", "logger=[tensorboard]", "log.every=5"]
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["main.py"]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*small, f"outputs='{outputs}'", *words])
    printed = out.getvalue() + err.getvalue()
    lines = len(err.getvalue().splitlines())
    if (
        code not in (0, 1, 2)
        or "Traceback" in printed
        or lines > 1
        or (code == 2) != (lines == 1 and not out.getvalue())
    ):
        return f"exit code {code}: {printed[-300:]}"
    return "" if code == 0 or "failed: " in printed or "error: " in printed else f"exit code {code} without a reason"


def resume(outputs: Path) -> str:
    """A spoilt run again: it is shown, resumed or refused, and can be run from the start where that is offered."""
    from results.records import read_status

    if problem := train(outputs):
        return problem
    folder = run_below(outputs)
    if (read_status(folder) or {}).get("status") == "failed":
        return train(outputs, "rerun=true")
    return ""


def run_below(outputs: Path) -> Path:
    """The folder of the one run below outputs."""
    return next(outputs.glob("*/*/*/seed=0"))


def spoilt_folder(rng: random.Random, root: Path, number: int, real: Path | None) -> tuple[Path, str]:
    """A folder of which one to three files are spoilt, and what was done to them."""
    if real is None:
        folder = write_run(root, f"sgd,lr={number}", 0, optimizer="sgd", lr=float(number + 1))
    else:
        folder = root / "rosenbrock" / f"aggmo,lr={number}" / "0123abcd" / "seed=0"
        shutil.copytree(run_below(real), folder)
    return folder, ", ".join(spoil(rng, folder) for _ in range(rng.choice([1, 1, 2, 3])))


def spoil(rng: random.Random, folder: Path) -> str:
    """Spoil one file of a folder; return what was done."""
    file = folder / rng.choice(NAMES[:5] * 3 + NAMES)
    whole = file.read_bytes() if file.is_file() and file.stat().st_size < 2**24 else b"{}"
    remove(file)
    file.parent.mkdir(exist_ok=True)
    how = rng.choice(["folder", "pipe", "device", "sparse", "link", "gone", "bytes", "cut", "arrays", *["value"] * 9])
    if how == "folder":
        file.mkdir()
    elif how == "pipe":
        os.mkfifo(file)
    elif how in ("device", "link"):
        file.symlink_to(
            "/dev/zero" if how == "device" else rng.choice([file.parent, "/nowhere", file.name, "/etc/hostname"])
        )
    elif how == "sparse":
        with open(file, "wb") as sparse:
            sparse.truncate(SPARSE)
    elif how == "bytes":
        file.write_bytes(rng.choice(BYTES))
    elif how == "cut":
        file.write_bytes(whole[: rng.randrange(len(whole) + 1)] + rng.choice([b"", b"\x00", b"\xff", b"\n{"]))
    elif how == "arrays":
        write_foreign_arrays(rng, file)
    elif how == "value":
        how = write_foreign_values(rng, file, whole)
    return f"{file.name}: {how}"


def remove(file: Path) -> None:
    shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink(missing_ok=True)


def write_foreign_arrays(rng: random.Random, file: Path) -> None:
    names = rng.sample(["info", "x", "y", "values", "original", "$x$", "\ud800"[:0] or "z"], 4)
    shapes = [(), (0,), (3,), (9,), (9, 9), (2, 1, 8, 8), (2, 7, 8, 8)]
    kinds = ["float32", "float64", "uint8", "complex64", "U9", "S3", "bool", "int64"]
    arrays: dict[str, Any] = {name: numpy.zeros(rng.choice(shapes), rng.choice(kinds)) for name in names}
    arrays["x"] = rng.choice([numpy.arange(9.0), numpy.full(9, numpy.nan), numpy.arange(9.0)[::-1], arrays.get("x", 0)])
    info = {"series": rng.choice([[], [{"key": "loss", "name": "$x", "first": 0}], *VALUES])}
    plane = {"keys": ["x", "y"], "names": ["x", "y"], "start": [0, 0], "optimum": [[1, 1]]}
    plane[rng.choice(list(plane))] = rng.choice(VALUES)
    arrays["info"] = numpy.array(json.dumps({**info, "plane": plane}))
    content = io.BytesIO()
    numpy.savez(content, **arrays)
    file.write_bytes(content.getvalue())


def write_foreign_values(rng: random.Random, file: Path, whole: bytes) -> str:
    """Replace values of JSON (lines) or of a configuration by others; return which."""
    from results.plain_yaml import parse_yaml

    value = rng.choice(VALUES)
    text = whole.decode("utf-8", "replace")
    try:
        contents = [parse_yaml(text)] if file.suffix == ".yaml" else [json.loads(line) for line in text.splitlines()]
    except ValueError:
        try:
            contents = [json.loads(text)]
        except ValueError:
            contents = [{}]
    at = rng.randrange(len(contents)) if contents else 0
    contents, path = (
        [*contents[:at], *[replaced(rng, each, value) for each in contents[at : at + 1]], *contents[at + 1 :]],
        at,
    )
    lines = [json.dumps(each) for each in contents]
    file.write_text("\n".join(lines).replace('"NaN"', "NaN").replace('"Infinity"', "1e999") + "\n")
    return f"{value!r}"[:80] + f" in line {path}"


def replaced(rng: random.Random, node: Any, value: Any) -> Any:
    """The node with one of its parts, at any depth, replaced by a value or named by it."""
    if not isinstance(node, dict) or not node or rng.random() < 0.05:
        return value
    key = rng.choice(list(node))
    if rng.random() < 0.1:
        return {name: each for name, each in node.items() if name != key}
    if rng.random() < 0.1:
        return {**node, str(value)[:99]: node[key]}
    return {**node, key: replaced(rng, node[key], value) if rng.random() < 0.6 else value}


def look_at(folder: Path, unseen: list[Path]) -> str:
    """What a repeated command, a sweep and an interactive session read of a folder.

    unseen: a folder that no sweep has summarised yet, if any; a sweep is summarised for every second one that is found.
    """
    from report.callbacks import draw_run, summarise_sweep
    from results.earlier_code import runs_by_other_code
    from results.find import find
    from results.frames import load_frames
    from results.records import read_environment, read_logger_states, read_status
    from results.status import is_finished, result_text

    status = read_status(folder)
    for metric in ("acc", "loss"):
        if is_finished(status, metric):
            assert status and "\n" not in result_text(status, metric)
    read_environment(folder), read_logger_states(folder)
    found = find(folder)
    assert len(found.runs) + len(found.skipped) <= 1
    assert all("\n" not in entry.reason and len(entry.reason) < 600 for entry in found.skipped), found.skipped
    load_frames(folder)
    runs_by_other_code(folder.parent / "other" / folder.name, {}, {})
    if found.runs:
        with contextlib.suppress(OSError):  # where a picture can't be written
            draw_run(folder)
        unseen.append(folder)
    if len(unseen) == 2:
        summarise_sweep(unseen, folder.parent)
        unseen.clear()
    return ""


def report_on(root: Path, good: list[Path]) -> str:
    """The report of all folders: the good ones are in it, and the others passed over or in it."""
    from report.commandline import main

    sweep = root / "sweeps" / "x"
    sweep.mkdir(parents=True)
    names = ["/", "..", "../../..", "a\x00b", "/etc/seed=0", *map(str, good), "x" * 9999, "/proc/1/task/seed=1"]
    (sweep / "sweep.csv").write_text("run,folder\n" + "\n".join(f"{i},{name}" for i, name in enumerate(names)))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(root), "--out", "report", "--formats", "png"])
    if code or "Traceback" in err.getvalue() or "adam" not in out.getvalue():
        return f"exit code {code}: {err.getvalue()[-900:]} {out.getvalue()[-300:]}"
    return (
        "" if all(line.startswith(("skipped:", "warning:")) for line in err.getvalue().splitlines()) else err.getvalue()
    )
