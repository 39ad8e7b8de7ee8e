"""Heat maps: each score in its cell, diverged and untried ones marked, the best one found; and the figure."""

import pytest
from run_folders import write_run

from report.figures.heatmap import heatmap
from report.figures.heatmap_drawing import cell_text, draw_grids, grids_figure
from results.find import load_runs as load
from results.settings import settings

ACCS = {  # (lr, batch size): accuracies of the seeds, None: diverged
    (0.01, 16): (0.5, 0.7),
    (0.1, 16): (0.8, 0.9),
    (1.0, 16): (None, None),
    (0.01, 64): (0.4, 0.4),
    (0.1, 64): (0.99, None),
}


def write_grid(root):
    for (lr, size), accs in ACCS.items():
        for seed, acc in enumerate(accs):
            status, found = ("diverged", {"best": None}) if acc is None else ("done", {})
            config = {"batch_size": size}
            write_run(root, f"adam,lr={lr}", seed, acc or 0, status, "adam", lr, config=config, found=found)
    write_run(root, "sgd", 0, 0.9, optimizer="sgd")
    return settings(load(root))


def means(grid):
    return [[score and score.mean for score in row] for row in grid.scores]


def test_scores_stand_in_their_cells(tmp_path):
    (grid,) = heatmap(write_grid(tmp_path), "optim.lr", "batch_size")  # sgd has one value of each
    assert (grid.title, grid.x_name, grid.y_name) == ("adam", "learning rate", "batch_size")
    assert (grid.x_values, grid.y_values) == (["0.01", "0.1", "1"], ["16", "64"])
    assert means(grid) == [[pytest.approx(0.6), pytest.approx(0.85), None], [0.4, 0.99, None]]
    assert [[score and score.diverged for score in row] for row in grid.scores] == [[0, 0, 2], [0, 1, None]]
    assert grid.best == (0, 1) and grid.larger  # 0.99 is not it: one of its runs diverged
    assert grid.z_name == "validation accuracy, best epoch" and grid.note == "means of 2 seeds"


def test_names_and_lists_have_their_cells_too(tmp_path):
    for model in ("mlp", "cnn"):
        for betas in ([0, 0.9], [0, 0.9, 0.99]):
            for lr in (0.1, 0.2):
                config = {"model.name": model, "optim.betas": betas}
                write_run(tmp_path, f"aggmo,{len(betas)},{lr}", 0, lr * len(betas), lr=lr, config=config)
    (grid,) = heatmap(settings(load(tmp_path)), "model.name", "optim.betas")
    assert (grid.x_values, grid.y_values) == (["cnn", "mlp"], ["[0,0.9]", "[0,0.9,0.99]"])
    assert means(grid) == [[0.4, 0.4], [pytest.approx(0.6)] * 2]
    assert grid.note == "the best of the other settings in each cell" and "best epoch" in grid.z_name


def test_smaller_is_better_where_the_runs_say_so(tmp_path):
    for lr in (0.1, 0.2):
        for size in (16, 64):
            config = {"batch_size": size}
            write_run(tmp_path, f"adam,lr={lr}", 0, lr * size, lr=lr, config=config, metric="mse", better="min")
    (grid,) = heatmap(settings(load(tmp_path)), "optim.lr", "batch_size")
    assert grid.best == (0, 0) and not grid.larger


def test_bad_requests_are_refused(tmp_path):
    found = write_grid(tmp_path)
    with pytest.raises(ValueError, match="no run has a setting batchsize; there are batch_size"):
        heatmap(found, "optim.lr", "batchsize")
    with pytest.raises(ValueError, match="two settings, not optim.lr twice"):
        heatmap(found, "optim.lr", "optim.lr")


def test_cells_hold_numbers_hatching_and_the_best(tmp_path):
    grids = heatmap(write_grid(tmp_path), "optim.lr", "batch_size")
    written = draw_grids(grids, tmp_path / "heatmap")
    assert [file.name for file in written] == ["heatmap.png", "heatmap.pdf"]
    figure = grids_figure(grids)
    axes, bar = figure.axes
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts[1, 0] == "0.850" and texts[2, 0] == "diverged" and texts[2, 1] == "not\ntried"
    assert texts[1, 1] == "0.990\n1 of 2\ndiverged"
    assert [text.get_position() for text in axes.texts if text.get_weight() == "bold"] == [(1, 0)]
    hatched = {(p.get_x() + 0.5, p.get_y() + 0.5) for p in axes.patches if p.get_hatch()}
    assert hatched == {(2, 0), (1, 1)}
    inks = {text.get_text(): text.get_color() for text in axes.texts}
    assert inks["0.400"] == "#ffffff" and inks["0.850"] == "#000000"  # dark violet, light green
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.01", "0.1", "1"]
    assert bar.get_ylabel() == "validation accuracy,\nbest epoch"
    assert figure.get_supxlabel() == "means of 2 seeds; frame: the best; hatched: runs diverged"


def test_numbers_fit_their_cells():
    assert [cell_text(v) for v in (0.5, 0.0123, 12.345, 345.6, 0.0, 1e-5, 123456)] == [
        *("0.500", "0.0123", "12.3", "346", "0", "1e-05", "1.2e+05")
    ]


def test_a_note_of_several_optimizers_stands_once(tmp_path):
    for optimizer in ("adam", "sgd"):
        for lr in (0.1, 1.0):
            for size in (1, 2):
                for clip in (1, 2) if optimizer == "adam" else (1,):
                    config = {"accumulate": size, "clip_norm": clip}
                    for seed in (0, 1):
                        name = f"{optimizer}{lr}{size}{clip}"
                        write_run(tmp_path, name, seed, optimizer=optimizer, lr=lr, config=config)
    figure = grids_figure(heatmap(settings(load(tmp_path)), "optim.lr", "accumulate"))
    assert figure.get_supxlabel() == "means of 2 seeds; the best of the other settings in each cell; frame: the best"
