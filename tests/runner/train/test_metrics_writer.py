"""TensorBoard's file against metrics.jsonl, and the curves against both."""

import json

import harness
import pytest

from report.figures.curves import draw_curves
from results.metrics import read_rows
from runner.train.metrics_writer import MetricsWriter


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("records")
    assert harness.run(["epochs=3", "optim=adam", "log.every=5", "limit_train=300", "seed=7"], place) == 0
    return place


def test_tensorboard_shows_what_the_rows_hold(place):
    rows = read_rows(harness.folder(place) / "metrics.jsonl")
    board = harness.board(harness.folder(place))
    expected: dict[str, list] = {}
    for row in rows:
        prefix = {"step": "train_step", None: row["split"] + ("_last" if row.get("weights") == "last" else "")}.get(
            row.get("per"), row["split"]
        )
        for key in ("loss", "acc"):
            expected.setdefault(f"{prefix}/{key}", []).append((row["step"], pytest.approx(row[key])))
    more = {"train/epoch", "train/lr", "best/loss", "best/acc"}
    assert {tag: points for tag, points in board.items() if tag not in more} == expected
    assert [value for _, value in board["train/epoch"]] == [1, 2, 3]
    assert [value for _, value in board["train/lr"]] == pytest.approx([0.001] * 3)
    best = json.loads((harness.folder(place) / "status.json").read_text())["best"]
    for key in ("loss", "acc"):
        assert board[f"best/{key}"][-1] == (best["step"], pytest.approx(best[key]))


def test_rows_behind_the_checkpoint_are_cut_off(tmp_path):
    records = MetricsWriter(tmp_path)
    records.add({"split": "train", "epoch": 1, "step": 1})
    lengths = records.lengths()
    records.add({"split": "train", "epoch": 1, "step": 2})
    records.close()
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"split": "tr')  # killed in the middle of a row
    records = MetricsWriter(tmp_path, lengths)
    records.add({"split": "train", "epoch": 1, "step": 3})
    records.close()
    assert [row["step"] for row in read_rows(tmp_path / "metrics.jsonl")] == [1, 3]


def test_no_row_ever_holds_nan(tmp_path):
    records = MetricsWriter(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        records.add({"loss": float("nan")})
    records.close()


def test_curves_show_every_epoch(place, tmp_path, monkeypatch):
    """What is plotted, not its pixels: two panels, training and validation in each, the rows' values."""
    from matplotlib.axes import Axes

    drawn = []
    plot = Axes.plot

    def spy(self, *args, **options):
        drawn.append((options.get("label"), list(args[0]), list(args[1])))
        return plot(self, *args, **options)

    monkeypatch.setattr(Axes, "plot", spy)
    folder = harness.folder(place)
    before = (folder / "curves.png").stat().st_mtime_ns
    draw_curves(folder)
    assert (folder / "curves.png").stat().st_mtime_ns > before
    rows = [row for row in read_rows(folder / "metrics.jsonl") if row.get("per") == "epoch"]
    for key, panel in (("loss", drawn[:2]), ("acc", drawn[2:])):
        for (label, epochs, values), split in zip(panel, ("train", "val"), strict=True):
            assert label == {"train": "training", "val": "validation"}[split]
            assert epochs == [1, 2, 3] and values == [row[key] for row in rows if row["split"] == split]


def test_a_run_without_an_epoch_has_no_curves(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"split": "train", "per": "step", "loss": 1}) + "\n")
    draw_curves(tmp_path)
    assert not (tmp_path / "curves.png").exists()
