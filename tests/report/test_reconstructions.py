"""Reconstructions of one run and of several optimizers: each image at its place, with the right label."""

import numpy
import pytest
from PIL import Image
from run_folders import write_run

from report.callbacks import draw_run
from report.diagnostics.reconstructions import draw_reconstructions, reconstructions, tiled
from results.find import load_runs
from results.images import ImageGrid, read_images, save_images
from results.settings import settings

SIDE, IMAGES = 30, 4


def images(seed, channels=1, side=SIDE):
    return numpy.random.default_rng(seed).integers(0, 256, (IMAGES, channels, side, side), dtype="uint8")


def write(root, optimizer, mse, originals, reconstructed, **more):
    more = {"optimizer": optimizer, "task": "autoencoder", "metric": "mse", "better": "min", **more}
    folder = write_run(root, optimizer, acc=mse, **more)
    save_images(folder, ImageGrid({"test images": originals, "reconstructions": reconstructed}))
    return folder


def test_originals_come_once_and_then_a_row_for_each_optimizers_best(tmp_path):
    write(tmp_path, "adam", 3.0, images(0), images(1))
    write(tmp_path, "adam", 9.0, images(0), images(2), lr=0.7)
    write(tmp_path, "sgd", 8.0, images(0), images(3))
    write_run(tmp_path, "momo", optimizer="momo", task="autoencoder", metric="mse", better="min")  # no images
    (shown,) = reconstructions(settings(load_runs(tmp_path)))
    assert shown.labels == ["test images", "adam lr=0.1\ntest mse 1.500", "sgd lr=0.1\ntest mse 4.000"]
    assert all((row == images(seed)).all() for row, seed in zip(shown.rows, (0, 1, 3), strict=True))
    (file,) = draw_reconstructions(shown, tmp_path / "figure", formats=["png"])
    assert file.stat().st_size > 3000


def test_runs_on_other_images_have_a_figure_of_their_own(tmp_path):
    write(tmp_path, "adam", 3.0, images(0), images(1))
    write(tmp_path, "sgd", 3.0, images(5), images(1))
    found = reconstructions(settings(load_runs(tmp_path)))
    assert [[label.split(" lr")[0] for label in each.labels] for each in found] == [
        ["test images", "adam"],
        ["test images", "sgd"],
    ]


@pytest.mark.parametrize(("side", "scale", "channels"), [(30, 2, 1), (84, 1, 3), (100, 1, 1)])
def test_tiles_are_enlarged_images_with_a_line_around_each(side, scale, channels):
    rows = [images(0, channels, side), images(1, channels, side)]
    tiles = tiled(rows)
    step = side * scale + 1
    assert tiles.shape == (2 * step + 1, IMAGES * step + 1, 3) and tiles.dtype == "uint8"
    assert (tiles[::step] == 128).all() and (tiles[:, ::step] == 128).all()
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            top, left = 1 + i * step, 1 + j * step
            tile = tiles[top : top + step - 1 : scale, left : left + step - 1 : scale]
            assert (tile == image.transpose(1, 2, 0)).all()


def test_a_runs_end_draws_its_images(tmp_path):
    folder = write(tmp_path, "adam", 3.0, images(0), images(1))
    draw_run(folder)
    assert (numpy.array(Image.open(folder / "reconstructions.png")) == tiled([images(0), images(1)])).all()
    without = write_run(tmp_path, "sgd", optimizer="sgd")
    draw_run(without)
    assert (without / "curves.png").exists() and not (without / "reconstructions.png").exists()


def test_missing_and_damaged_images_are_none(tmp_path):
    assert read_images(tmp_path) is None
    (tmp_path / "reconstructions.npz").write_text("no archive")
    assert read_images(tmp_path) is None
    save_images(tmp_path, ImageGrid({"a": images(0), "b": images(0, side=9)}))
    assert read_images(tmp_path) is None, "rows of different shapes"
