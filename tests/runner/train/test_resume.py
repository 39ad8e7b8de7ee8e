"""Killed at any moment, the same command goes on and ends as if nothing had happened: to the byte."""

import os
import random
import signal

import harness
import pytest
from conftest import write_mnist

DIGITS = ["task=digits", "epochs=12", "log.every=4", "limit_train=400"]
AUTOENCODER = [
    *("task=autoencoder", "epochs=4", "batch_size=64", "log.every=3", "limit_train=500", "limit_val=100"),
    *(
        "model.encoder=[60,20]",
        "data.root=../data",
        "optim/lr_schedule=step",
        "optim.lr_schedule.milestones=[2]",
    ),
]
KINDS = {
    "digits, epochs": DIGITS,
    "digits, steps": [*DIGITS, "checkpoint.unit=step", "checkpoint.every=5"],
    "digits, all on": [
        *(*DIGITS, "optim=adam", "wrap=[gradient_noise,lookahead]", "clip_norm=1", "finetune.epochs=4"),
        *("optim/lr_schedule=plateau", "optim.lr_schedule.patience=0", "optim.lr_schedule.warmup=1.5"),
        *("checkpoint.unit=step", "checkpoint.every=7"),
    ],
    "autoencoder, epochs": AUTOENCODER,
    "autoencoder, steps": [*AUTOENCODER, "checkpoint.unit=step", "checkpoint.every=5"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    place = tmp_path_factory.mktemp("survives")
    write_mnist(place / "data", 700, 100)
    return place


@pytest.fixture(scope="module")
def undisturbed(data):
    """Results and seconds of an undisturbed run, once for each kind."""
    known = {}
    harness.run(["--help"], data)  # the first start also loads torch, which is no part of a run's seconds

    def get(kind):
        if kind not in known:
            place = data / kind.replace(", ", "-")
            place.mkdir()
            duration = harness.seconds(KINDS[kind], place)
            known[kind] = harness.results(place), duration
        return known[kind]

    return get


def killed_until_done(command, place, duration, randomness, kills):
    """Kill a living run so many times, each at a random moment, then let it end.

    A run that ends before its moment comes is begun anew in the next folder, so that no timing decides: returns
    the folder of the run that was killed.
    """
    for attempt in range(12):
        here = place.with_name(f"{place.name}, {attempt}")
        here.mkdir()
        moments = (randomness.uniform(0.05, 0.95) * duration / kills for _ in range(kills))
        if all(harness.run_and_signal(command, here, moment) == -signal.SIGKILL for moment in moments):
            assert harness.run(command, here) == 0, (here / "console.txt").read_text()
            return here
        duration /= 2
    raise AssertionError("no run lived long enough to be killed")


@pytest.mark.parametrize("kind", ["digits, all on", "autoencoder, steps"])
def test_killed_twice_and_resumed(kind, data, undisturbed):
    expected, duration = undisturbed(kind)
    place = killed_until_done(KINDS[kind], data / f"killed {kind}", duration, random.Random(1), kills=2)
    assert harness.results(place) == expected


@pytest.mark.slow
def test_twenty_kills_at_random_moments(data, undisturbed):
    """20 runs, each killed (-9) once at a random moment and resumed: 20 of 20 equal the undisturbed run."""
    randomness = random.Random(20)
    equal = 0
    for i in range(20):
        kind = list(KINDS)[i % len(KINDS)]
        expected, duration = undisturbed(kind)
        place = killed_until_done(KINDS[kind], data / f"kill {i}", duration, randomness, kills=1)
        equal += harness.results(place) == expected
    assert equal == 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_and_goes_on(number, data, undisturbed):
    kind = "digits, epochs"
    expected, duration = undisturbed(kind)
    place = data / f"stopped-{number}"
    place.mkdir()
    wait_for_epoch(place, KINDS[kind], number)
    assert harness.status(place)["status"] == "interrupted"
    assert "the same command goes on" in (place / "console.txt").read_text()
    assert harness.run(KINDS[kind], place) == 0
    assert "Resuming after epoch" in (place / "console.txt").read_text()
    assert harness.results(place) == expected


def wait_for_epoch(place, command, number):
    """Signal the run once it has finished an epoch."""
    import time

    process = harness.start(command, place)
    for _ in range(600):
        if list((place / "outputs").rglob("last.pt")):
            break
        time.sleep(0.05)
    os.kill(process.pid, number)
    process.join(30)
    expected = -number if number == signal.SIGKILL else 128 + number
    assert process.exitcode == expected, (place / "console.txt").read_text()


def test_leftovers_of_a_killed_writer_are_cleared(data, undisturbed):
    kind = "digits, epochs"
    place = data / "leftovers"
    place.mkdir()
    wait_for_epoch(place, KINDS[kind], signal.SIGKILL)
    (checkpoints,) = (place / "outputs").rglob("checkpoints")
    (checkpoints / "last.pt.tmp").write_bytes(b"half a checkpoint")
    (checkpoints.parent / "status.json.tmp").write_bytes(b"{")
    assert harness.run(KINDS[kind], place) == 0
    assert not list((place / "outputs").rglob("*.tmp"))
    assert harness.results(place) == undisturbed(kind)[0]


def test_a_finished_run_is_shown_and_not_run_again(data, undisturbed):
    kind = "digits, epochs"
    expected, _ = undisturbed(kind)
    place = data / kind.replace(", ", "-")
    before = {file: file.stat().st_mtime_ns for file in harness.folder(place).rglob("*")}
    assert harness.run(KINDS[kind], place) == 0
    assert {file: file.stat().st_mtime_ns for file in harness.folder(place).rglob("*")} == before
    assert "rerun=true" in (place / "console.txt").read_text()
    assert harness.run([*KINDS[kind], "rerun=true"], place) == 0
    assert harness.folder(place).joinpath("metrics.jsonl").stat().st_mtime_ns > max(
        time for file, time in before.items() if file.name == "metrics.jsonl"
    )
    assert harness.results(place) == expected


def test_second_process_in_one_folder_is_refused(tmp_path):
    command = ["task=digits", "epochs=100000", "logger=[]"]
    first = harness.start(command, tmp_path)
    try:
        for _ in range(600):
            if list(tmp_path.rglob("last.pt")):
                break
            first.join(0.05)
        assert harness.run(command, tmp_path) == 2
        assert "another process" in (tmp_path / "console.txt").read_text()
        assert first.is_alive()
    finally:
        first.kill()
        first.join()
