"""The HTML report in a real browser: what a reader points at, clicks, drags and types."""

import math

import pytest
from page_demo import OPTIMIZERS, curves

from report.figures.panel import Line, Panel
from report.figures.series_style import style_of, styles_of
from report.page.content import Figure

pytestmark = pytest.mark.slow

PLOT = "#s1 .nsewdrag"  # Plotly's name for the area of the first panel
CHART = "document.querySelector('#s1 .chart')"
LEGEND = "#s1 .legendtoggle"
COLOUR = f"{CHART}.data.find((t) => t.meta === 'line').line.color"  # of sgd
DRAWN = "[...document.querySelectorAll('.chart')].every((chart) => chart.data && chart.querySelector('.main-svg'))"


def hover_text(page):
    text = "[...document.querySelectorAll('.hoverlayer')].map((e) => e.textContent).join('')"
    page.until(text)
    return page.value(text)


def shown(page):
    """Names of the series that are shown, of each panel in turn."""
    traces = f"{CHART}.data.filter((t) => t.meta === 'line' && (t.visible ?? true) === true)"
    return page.value(f"{traces}.map((t) => t.name)")


def select(page, axis, value):
    chosen = f"document.querySelector('#s1 select[name={axis}]')"
    page.value(f"{chosen}.value = '{value}'; {chosen}.dispatchEvent(new Event('change'))")


def double_click(page, selector):
    """Plotly takes clicks within 300 ms for a double click, which a busy machine does not always manage."""
    page.value(f"{CHART}._context.doubleClickDelay = 20_000")
    page.click(selector, times=2)


def limits(page, axis):
    return page.value(f"{CHART}.layout.{axis}.range")


def test_pointing_shows_the_values_of_every_series_with_their_bands(page):
    page.hover(PLOT)
    text = hover_text(page)
    epoch = int(text.removeprefix("epoch ").partition("sgd")[0])
    assert 10 < epoch < 30
    for line in curves()[0].lines:
        value, low, high = (float(f"{values[epoch - 1]:.4g}") for values in (line.y, line.low, line.high))
        assert line.label in text and f"{value:g} (" in text and f"{high:g})" in text, (line, low)


def test_the_legend_hides_shows_and_isolates_series_in_all_panels(page):
    page.click(LEGEND)
    page.until(f"{CHART}.data.some((t) => t.visible === 'legendonly')")
    assert shown(page) == [*OPTIMIZERS[1:]] * 2
    page.click(LEGEND)
    page.until(f"!{CHART}.data.some((t) => t.visible === 'legendonly')")
    double_click(page, LEGEND)
    page.until(f"{CHART}.data.some((t) => t.visible === 'legendonly')")
    assert shown(page) == [OPTIMIZERS[0]] * 2


def test_axes_switch_between_linear_and_logarithmic(page):
    def types():
        return page.value(f"['xaxis', 'yaxis', 'yaxis2'].map((name) => {CHART}.layout[name].type)")

    assert types() == ["linear", "log", "linear"]
    select(page, "y", "log")
    page.until(f"{CHART}.layout.yaxis2.type === 'log'")
    select(page, "x", "log")
    page.until(f"{CHART}.layout.xaxis.type === 'log'")
    assert types() == ["log", "log", "log"]
    select(page, "y", "")
    page.until(f"{CHART}.layout.yaxis2.type === 'linear'")
    assert types() == ["log", "log", "linear"]


def test_bands_and_raw_values_are_switched_and_hidden_series_stay_hidden(page):
    def parts():
        return page.value(f"{CHART}.data.filter((t) => (t.visible ?? true) === true).map((t) => t.meta)")

    assert [parts().count(part) for part in ("band", "raw", "line")] == [10, 5, 10]
    page.click(LEGEND)
    page.until(f"{CHART}.data.some((t) => t.visible === 'legendonly')")
    for part in ("band", "raw"):
        page.click(f"#s1 button[data-part={part}]")
        page.until(f"!{CHART}.data.some((t) => t.meta === '{part}' && t.visible !== false)")
    assert shown(page) == [*OPTIMIZERS[1:]] * 2
    page.click("#s1 button[data-part=band]")
    page.until(f"{CHART}.data.some((t) => t.meta === 'band' && t.visible !== false)")
    assert "raw" not in parts() and shown(page) == [*OPTIMIZERS[1:]] * 2


def test_a_drag_zooms_and_a_double_click_goes_back(page):
    before = limits(page, "xaxis")
    page.drag(PLOT, (0.4, 0.5), (0.6, 0.52))
    page.until(f"{CHART}.layout.xaxis.range[0] > 10")
    low, high = limits(page, "xaxis")
    assert 10 < low < high < 30
    page.prefer(prefers_color_scheme="dark")
    page.until(f"{COLOUR} !== 'rgba(0,114,178,1)'")
    assert limits(page, "xaxis") == [low, high]  # drawn again in other colours
    double_click(page, PLOT)
    page.until(f"{CHART}.layout.xaxis.range[0] < 10")
    assert limits(page, "xaxis") == pytest.approx(before)


def test_diverged_runs_have_crosses_that_say_so(page):
    page.middle("#s2 .chart")
    crosses = page.value("document.querySelector('#s2 .chart').data.filter((t) => t.meta === 'cross').map((t) => t.x)")
    assert crosses == [[10], [10], [10]]
    low, high = page.value("document.querySelector('#s2 .chart').layout.xaxis.range")
    page.hover("#s2 .nsewdrag", (1 - low) / (high - low), 0.5)
    text = hover_text(page)
    assert text.startswith("learning rate 10") and text.count("diverged") == 3 and "aggmo : 0.18" in text


def test_values_are_saved_as_csv(page, tmp_path):
    page.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    figure, table = (
        "training_loss_validation_accuracy.csv",
        "Best_setting_of_each_optimizer_chosen_by_the_mean_over_seeds_of_validation.csv",
    )
    for button, name, rows in (("#s1 .csv", figure, 1 + 2 * 5 * 40), ("div.table .tools button", table, 6)):
        page.click(button)
        for _ in range(200):
            if (tmp_path / name).exists():
                break
            page.value("new Promise((then) => setTimeout(then, 50))")
        content = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        assert len(content) == rows
    first = curves()[0].lines[0]
    row = (tmp_path / figure).read_text().splitlines()[1].split(",")
    assert row[:2] == ["Training", "sgd"]
    assert [float(each) for each in row[2:7]] == pytest.approx(
        [1, first.y[0], first.low[0], first.high[0], first.raw[0]], rel=1e-6
    )


def test_odd_panels_are_drawn_without_an_error(visit):
    def of(label, x, y, **more):
        return Line(label, style_of(label), x, y, **more)

    nan = math.nan
    panels = [
        Panel("empty", "x", "y", [of("adam", [], [])], y_log=True),
        Panel("none", "x", "y", []),
        Panel("gaps", "x", "y", [of("adam", [1, 2, 3, 4], [nan, 1, nan, -1])], y_log=True),
        Panel("constant", "x", "y", [of("adam", [5], [0]), of("sgd", [5], [0])], x_log=True),
        Panel("huge", "x", "y", [of("adam", [1e-300, 1e300], [-1e308, 1e308])], x_log=True),
        Panel("path", "x", "y", [of("adam", [0, 1, 0.5, 0], [0, 1, 2, 0.5], crosses=[(0, 0.5)])]),
        Panel("diverged", "x", "y", [of("adam", [], [], diverged_at=[1, 10])], x_log=True, y_range=(0, 1)),
    ]
    page = visit(Figure(panels), *(Figure([panel]) for panel in panels))
    for width in (320, 1920):
        page.resize(width, 800)
        page.until("[...document.querySelectorAll('.chart')].every((c) => c.layout.width === c.clientWidth)")


def test_sixty_series_of_a_thousand_points(visit):
    names, x = [f"o{i}" for i in range(60)], list(range(1000))
    lines = [
        Line(name, look, x, [math.sin(i * t / 50) + i for t in x])
        for i, (name, look) in enumerate(zip(names, styles_of(names), strict=True))
    ]
    page = visit(Figure([Panel("", "step", "loss", lines), Panel("", "step", "acc", lines)]))
    page.hover(PLOT, 0.5, 0.3)
    assert "step " in hover_text(page)
    page.click(LEGEND)
    page.until(f"{CHART}.data.some((t) => t.visible === 'legendonly')")
    assert shown(page) == names[1:] * 2


def test_light_and_dark_follow_the_system_and_the_switch(page):
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.value(background) == "rgb(251, 251, 250)" and page.value(COLOUR) == "rgba(0,114,178,1)"
    page.prefer(prefers_color_scheme="dark")
    page.until(f"{background} === 'rgb(19, 21, 25)' && {COLOUR} !== 'rgba(0,114,178,1)'")
    page.until("document.getElementById('theme').textContent === 'Light'")
    page.click("#theme")
    page.until(f"{background} === 'rgb(251, 251, 250)' && {COLOUR} === 'rgba(0,114,178,1)'")


def test_black_lines_are_light_on_the_dark_page(visit):
    name = next(name for name in ("nesterov", "lars") if style_of(name).colour == "#000000")
    page = visit(Figure([Panel("", "x", "y", [Line(name, style_of(name), [1, 2], [1, 2])])]))
    stroke = "getComputedStyle(document.querySelector('.js-line')).stroke.match(/\\d+/g).map(Number)"
    assert page.value(stroke)[:3] == [0, 0, 0]
    page.prefer(prefers_color_scheme="dark")
    page.until(f"Math.min(...{stroke}.slice(0, 3)) > 90")
