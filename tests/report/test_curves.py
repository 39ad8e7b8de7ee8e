"""curves.png of one run."""

import json

from report.figures.curves import draw_curves


def test_curves_show_every_epoch(tmp_path, monkeypatch):
    """What is plotted, not its pixels: two panels, training and validation in each, the rows' values."""
    from matplotlib.axes import Axes

    drawn, plot = [], Axes.plot

    def spy(self, *args, **options):
        drawn.append((options.get("label"), list(args[0]), list(args[1])))
        return plot(self, *args, **options)

    monkeypatch.setattr(Axes, "plot", spy)
    rows = [
        {"split": split, "epoch": n, "step": 5 * n, "loss": a / n, "acc": a * n / 9, "lr": 0.1, "per": "epoch"}
        for n in (1, 2, 3)
        for split, a in (("train", 1.0), ("val", 2.0))
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    draw_curves(tmp_path)
    assert (tmp_path / "curves.png").stat().st_size > 1000
    for key, panel in (("loss", drawn[:2]), ("acc", drawn[2:])):
        for (label, epochs, values), split in zip(panel, ("train", "val"), strict=True):
            assert label == {"train": "training", "val": "validation"}[split]
            assert epochs == [1, 2, 3] and values == [row[key] for row in rows if row["split"] == split]


def test_a_run_without_an_epoch_has_no_curves(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"split": "train", "per": "step", "loss": 1}) + "\n")
    draw_curves(tmp_path)
    assert not (tmp_path / "curves.png").exists()
