"""metrics.jsonl as a run writes it, through crashes and resumption."""

import pytest
from runs import read_rows

from runner.train.metrics_writer import MetricsWriter


def test_rows_behind_the_checkpoint_are_cut_off(tmp_path):
    writer = MetricsWriter(tmp_path)
    writer.add({"split": "train", "epoch": 1, "step": 1})
    lengths = writer.lengths()
    writer.add({"split": "train", "epoch": 1, "step": 2})
    writer.close()
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"split": "tr')  # killed in the middle of a row
    writer = MetricsWriter(tmp_path, lengths)
    writer.add({"split": "train", "epoch": 1, "step": 3})
    writer.close()
    assert [row["step"] for row in read_rows(tmp_path)] == [1, 3]


def test_no_row_ever_holds_nan(tmp_path):
    writer = MetricsWriter(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        writer.add({"loss": float("nan")})
    writer.close()
    assert read_rows(tmp_path) == []


def test_timings_are_seconds_by_kind(tmp_path):
    writer = MetricsWriter(tmp_path)
    writer.add_timing(2, 10, {"train": 1.23456, "eval": 0.5})
    writer.close()
    assert (tmp_path / "timings.jsonl").read_text() == '{"epoch": 2, "step": 10, "train_s": 1.2346, "eval_s": 0.5}\n'
