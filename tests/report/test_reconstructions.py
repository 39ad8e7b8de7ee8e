"""The album of reconstructions: rows cut out of the runs' pictures to the last bit, with the right names."""

import numpy
from folders import write_run
from PIL import Image

from report.diagnostics.reconstructions import cut, draw_album, reconstructions
from results.find import load_runs as load
from results.settings import settings

SIDE, IMAGES = 6, 4


def picture(inputs, outputs):
    """A grid as the run saves it: two rows of images, a line of one pixel around each."""
    grid = numpy.full((2 * SIDE + 3, IMAGES * (SIDE + 1) + 1, 3), 128, "uint8")
    for row, images in enumerate((inputs, outputs)):
        for i, image in enumerate(images):
            top, left = 1 + row * (SIDE + 1), 1 + i * (SIDE + 1)
            grid[top : top + SIDE, left : left + SIDE] = image[..., None]
    return grid


def images(seed):
    return numpy.random.default_rng(seed).integers(0, 256, (IMAGES, SIDE, SIDE))


def write(root, optimizer, mse, inputs, outputs, **more):
    folder = write_run(
        root, f"{optimizer}", acc=mse, optimizer=optimizer, task="autoencoder", metric="mse", better="min", **more
    )
    Image.fromarray(picture(inputs, outputs)).save(folder / "reconstructions.png")


def test_originals_come_once_and_then_a_row_for_each_optimizers_best(tmp_path):
    write(tmp_path, "adam", 3.0, images(0), images(1))
    write(tmp_path, "adam", 9.0, images(0), images(2), lr=0.7)
    write(tmp_path, "sgd", 8.0, images(0), images(3))
    write_run(tmp_path, "momo", optimizer="momo", task="autoencoder", metric="mse", better="min")  # no picture
    (album,) = reconstructions(settings(load(tmp_path)))
    labels = [strip.label for strip in album.strips]
    assert labels == ["test images", "adam, lr 0.1\ntest mse 1.500", "sgd, lr 0.1\ntest mse 4.000"]
    for strip, seed in zip(album.strips, (0, 1, 3), strict=True):
        assert strip.pixels.shape == (SIDE + 2, IMAGES * (SIDE + 1) + 1, 3)
        for i, image in enumerate(images(seed)):
            left = 1 + i * (SIDE + 1)
            assert (strip.pixels[1:-1, left : left + SIDE] == image[..., None]).all()
    (file,) = draw_album(album, tmp_path / "album", formats=["png"])
    assert file.stat().st_size > 3000


def test_runs_on_other_images_have_an_album_of_their_own(tmp_path):
    write(tmp_path, "adam", 3.0, images(0), images(1))
    write(tmp_path, "sgd", 3.0, images(5), images(1))
    albums = reconstructions(settings(load(tmp_path)))
    assert [[strip.label.split(",")[0] for strip in album.strips] for album in albums] == [
        ["test images", "adam"],
        ["test images", "sgd"],
    ]


def test_what_is_no_such_picture_is_passed_over(tmp_path):
    assert cut(tmp_path / "none.png") is None
    (tmp_path / "text.png").write_text("no picture")
    assert cut(tmp_path / "text.png") is None
    Image.fromarray(numpy.zeros((4, 9, 3), "uint8")).save(tmp_path / "even.png")
    assert cut(tmp_path / "even.png") is None
    write_run(tmp_path, "adam", optimizer="adam")
    assert reconstructions(settings(load(tmp_path))) == []
