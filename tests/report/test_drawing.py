"""What matplotlib's axes hold of a panel: lines, limits, crosses, legends; and that files are the same each time."""

import pytest

from report.figures.drawing import draw, panels_figure
from report.figures.panel import Line, Panel
from report.figures.series_style import styles_of

ADAM, SGD = styles_of(["adam", "sgd"])


def panel(*lines, **options):
    return Panel("", "epoch", "training loss", lines, **{"y_log": True, **options})


def drawn(*panels, columns=2):
    """(figure, its axes) of panels."""
    figure = panels_figure(panels, columns)
    return figure, figure.axes


def names(legend):
    return [text.get_text() for text in legend.get_texts()]


def points(axes, marker):
    return [(line.get_xdata()[0], line) for line in axes.get_lines() if line.get_marker() == marker]


def test_lines_bands_and_limits():
    line = Line("adam", ADAM, [1, 2, 3], [1.0, 0.5, 0.2], [0.9, 0.4, 0.01], [1.1, 0.6, 0.3])
    figure, (axes,) = drawn(panel(line))
    (shown,) = axes.get_lines()
    assert list(shown.get_ydata()) == [1.0, 0.5, 0.2] and shown.get_color() == ADAM.colour
    assert shown.get_marker() == ADAM.marker and len(axes.collections) == 1
    low, high = axes.get_ylim()
    assert low < 0.01 and 1.1 < high < 3 and axes.get_yscale() == "log"  # the band is inside
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "training loss")
    assert names(figure.legends[0]) == ["adam"]


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_one_legend_below_all_panels(count):
    styles = styles_of([f"o{i}" for i in range(count)])
    lines = [Line(f"o{i}", style, [1, 2], [1.0 + i, 2.0]) for i, style in enumerate(styles)]
    figure, axes = drawn(panel(*lines, note="a; b"), panel(*lines, note="a; c"), panel(*lines[:1]))
    assert [each.get_visible() for each in axes] == [True, True, True, False]  # the fourth place is empty
    (legend,) = figure.legends
    assert names(legend) == [f"o{i}" for i in range(count)] and legend.get_title().get_text() == "a; b; c"
    assert not any(each.get_legend() for each in axes)
    figure.canvas.draw()  # at the resolution that is measured
    renderer = figure.canvas.get_renderer()
    lowest = min(each.get_tightbbox(renderer).y0 for each in axes[:3])
    box = legend.get_window_extent(renderer)
    assert box.y1 <= lowest + 1 and box.y0 >= -1 and box.x0 >= -1 and box.x1 <= figure.bbox.width + 1
    entries = [text.get_window_extent(renderer) for text in legend.get_texts()]
    assert not any(a.overlaps(b) for i, a in enumerate(entries) for b in entries[:i])


def test_panels_of_different_series_have_their_own_legends():
    first, second = Line("adam", ADAM, [1, 2], [1.0, 2.0]), Line("sgd", SGD, [1, 2], [1.0, 2.0])
    figure, axes = drawn(panel(first, note="one"), panel(second, note="two"), columns=1)
    assert not figure.legends and [names(each.get_legend()) for each in axes] == [["adam"], ["sgd"]]
    figure.canvas.draw()  # at the resolution that is measured
    renderer = figure.canvas.get_renderer()
    upper, lower = (each.get_tightbbox(renderer) for each in axes)
    assert upper.y0 >= lower.y1 - 1 and lower.y0 >= -1


def test_markers_are_sparse_on_long_lines_and_at_each_point_of_measured_ones():
    long = Line("adam", ADAM, list(range(100)), [1.0] * 100)
    measured = Line("sgd", SGD, list(range(1, 31)), [1.0] * 30, markers=True)
    _, (axes,) = drawn(panel(long, measured))
    start, step = axes.get_lines()[0].get_markevery()
    assert 10 <= step <= 25 and axes.get_lines()[1].get_markevery() == 1
    _, (axes,) = drawn(panel(Line("adam", ADAM, [1], [0.5])))
    assert axes.get_lines()[0].get_marker() == ADAM.marker and axes.get_xlim()[0] < 1 < axes.get_xlim()[1]


def test_lost_runs_are_crosses_at_the_edge_side_by_side():
    lines = [
        Line("adam", ADAM, [1, 2], [0.9, 0.8], diverged_at=[3]),
        Line("sgd", SGD, [1, 2], [0.9, 0.7], diverged_at=[3], crosses=[(2, 9.0)]),
        Line("gone", SGD, [], [], diverged_at=[4]),
    ]
    _, (axes,) = drawn(panel(*lines, y_log=False, diverged_edge="bottom"))
    found = points(axes, "x")
    assert [x for x, _ in found] == [3, 3, 2, 4] and found[0][1].get_color() == ADAM.colour
    assert axes.get_xlim()[1] > 4
    places = [line.get_transform().transform(line.get_xydata()[0])[1] for _, line in found]
    bottom, top = axes.bbox.y0, axes.bbox.y1
    assert places[0] == pytest.approx(bottom) == pytest.approx(places[3])
    assert places[1] > bottom + 5 and places[2] == pytest.approx(top)  # the curve's end is beyond the limits


def test_a_line_that_leaves_the_panel_is_marked():
    lines = [Line("adam", ADAM, [1, 2, 3], [1.0, 0.5, 0.2]), Line("sgd", SGD, [1, 2, 3], [1.0, 1e6, 1e9])]
    _, (axes,) = drawn(panel(*lines, y_range=(0.1, 3.0)))
    assert axes.get_ylim() == (0.1, 3.0)
    ((x, arrow),) = [(x, line) for x, line in points(axes, "^") if line.get_color() == SGD.colour]
    assert x == 2 and list(arrow.get_ydata()) == [3.0]


def test_labels_of_logarithmic_axes_are_plain_numbers():
    rates = [1e-3, 1e-2, 1e-1, 1.0]
    line = Line("adam", ADAM, rates, [0.30, 0.29, 0.28, 0.27], markers=True)
    figure, (axes,) = drawn(panel(line, x_log=True))
    figure.canvas.draw()
    low, high = axes.get_ylim()
    seen = [float(t.get_text()) for t in axes.get_yticklabels() if low <= t.get_position()[1] <= high]
    assert len(seen) >= 3 and all(low <= value <= high for value in seen)
    assert {"0.001", "0.01", "0.1", "1"} <= {t.get_text() for t in axes.get_xticklabels()}


def test_the_same_panels_are_the_same_files(tmp_path):
    line = Line("adam", ADAM, [1, 2], [1.0, 0.5])
    first, second = (draw([panel(line)], tmp_path / name) for name in ("a", "b"))
    assert [file.name for file in first] == ["a.png", "a.pdf"] and all(f.stat().st_size > 4000 for f in first)
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_long_labels_stay_within_the_figure():
    long = (
        "adam+lookahead lr=0.0123456 betas=[0.9,0.99999] weight_decay=0.001 lookahead.k=6 clip_norm=0.5 batch_size=64"
    )
    lines = Line(f"a {long}", ADAM, [1, 2], [1, 2]), Line(f"b {long}", SGD, [1, 2], [1, 2])
    for panels in ([Panel(long, "step", "loss", lines)], [Panel(long, "step", "loss", [each]) for each in lines]):
        figure, every = drawn(*panels)
        figure.draw_without_rendering()
        legends = [legend for axes in every if (legend := axes.get_legend())] + figure.legends
        texts = [*(text for legend in legends for text in legend.get_texts()), *(axes.title for axes in every)]
        boxes = [text.get_window_extent() for text in texts]
        assert legends and all(0 <= box.x0 and box.x1 <= figure.bbox.width for box in boxes)
