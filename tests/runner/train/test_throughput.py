"""The line on what bounds a run on image files: its numbers, once a run, and never for samples in memory."""

import pytest
import torch
from conftest import write_images

from data.decoding_rate import DecodingRate
from runner.train.step_timer import StepTimer
from runner.train.throughput import Throughput


@pytest.mark.parametrize(
    ("workers", "step_s", "size", "expected"),
    [
        (2, 0.5, 1, "200 images/s decoded by 2 processes, network 20 images/s: the network bounds the run"),
        (1, 0.01, 1, "100 images/s decoded by 1 process, network 1,000 images/s: decoding bounds the run"),
        (
            0,
            0.1,
            1,
            "100 images/s decoded by the run's own process, network 100 images/s: one waits for the other, 50 ",
        ),
        (
            0,
            0.1,
            2,
            "100 images/s decoded by the run's own process, network 100 images/s, in each of 2 processes of the run: "
            "one waits for the other, 100 ",
        ),
        (2, 0.5, 3, "200 images/s decoded by 2 processes, network 20 images/s, in each of 3 processes of the run: the"),
    ],
)
def test_the_line_holds_both_rates_and_which_bounds(workers, step_s, size, expected):
    """A clock of our own. Steps on 10 images; the first, which also allocates, is not timed."""
    decoding, now, printed = DecodingRate(), [0.0], []
    throughput = Throughput(decoding, torch.device("cpu"), size)
    throughput.timer = StepTimer(torch.device("cpu"), lambda: now[0])
    for i in range(100):
        with throughput.step(10):
            now[0] += step_s if i else 1000.0
        decoding.add(10, 0.1, workers)
        throughput.report(printed.append, is_end=i == 99)
    assert len(printed) == 1 and printed[0].startswith(f"data: {expected}")


def test_a_run_on_image_files_prints_it_once_and_others_do_not(tmp_path, run):
    write_images(tmp_path / "images", 12, 4)
    words = ["task=imagenet", f"data.path={tmp_path / 'images'}", "data.image_size=16", "data.num_workers=0"]
    words += ["model=mlp", "model.hidden=[4]", "epochs=2", "batch_size=8"]
    found = run(*words)
    assert found.code == 0 and found.out.count("images/s decoded by the run's own process, network") == 1
    found = run("task=digits", "epochs=1", "limit_train=64")
    assert found.code == 0 and "images/s" not in found.out
