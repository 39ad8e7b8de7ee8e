"""The page's figures in a real browser: what a reader points at, clicks, drags and types."""

import math

import pytest
from page_demo import OPTIMIZERS, curves
from page_visits import PLOT, show, started, visit, written

from report.figures.panel import Line, Panel
from report.figures.series_style import style_of, styles_of
from report.page.writing import Figure

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    yield from started(tmp_path_factory)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return written(tmp_path_factory)


@pytest.fixture
def opened(browser, file):
    yield from visit(browser, file)


def tip(browser):
    browser.until("!document.querySelector('.tip').hidden")
    return browser.value(f"document.querySelector('{PLOT}').parentElement.querySelector('.tip').innerText")


def drawn(browser):
    return browser.value(f"document.querySelectorAll('{PLOT} .curve').length")


def ticks(browser):
    return browser.texts(f"{PLOT} .tick")


def pressed(browser):
    return browser.value(
        "[...document.querySelectorAll('.curves [data-series][aria-pressed=true]')].map((e) => e.dataset.series)"
    )


def test_pointing_shows_every_series_there_with_its_band(opened):
    opened.hover(PLOT, 0.5, 0.5)
    lines = tip(opened).splitlines()
    epoch = int(lines[0].removeprefix("epoch "))
    assert 10 < epoch < 30
    expected = {line.label: (line.y, line.low, line.high) for line in curves()[0].lines}
    assert [words.split("\t")[1] for words in lines[1:]] == list(OPTIMIZERS)  # from the highest to the lowest
    for words in lines[1:]:
        _, label, value, band = words.split("\t")
        y, low, high = (values[epoch - 1] for values in expected[label])
        assert float(value) == pytest.approx(y, rel=1e-3)
        if low > 0.001:
            assert [float(each) for each in band.split(" to ")] == pytest.approx([low, high], rel=1e-3)
    opened.mouse("mouseMoved", 5, 5)
    opened.until("document.querySelector('.tip').hidden")


def test_the_keyboard_reads_the_values(opened):
    opened.value(f"document.querySelector('{PLOT}').focus()")
    for _ in range(3):
        opened.press("ArrowRight")
    spoken = "document.querySelector('.spoken').textContent"
    assert opened.value(spoken).startswith("sgd, epoch 3: ")
    opened.press("ArrowDown")
    assert opened.value(spoken).startswith("momentum, epoch 3: ")
    opened.press("+")
    assert opened.value("!document.querySelector('.panel .tools button').hidden")  # Reset zoom
    opened.press("Escape")
    opened.until("document.querySelector('.tip').hidden")


def test_the_legend_hides_shows_and_isolates_series_in_all_panels(opened):
    adam = "[data-series=adam]"
    opened.click(adam)
    assert drawn(opened) == 4 and pressed(opened)[:4] == ["sgd", "momentum", "aggmo", "adamw"]
    second = ".curves .panel:nth-child(2) .curve"
    assert opened.value(f"document.querySelectorAll('{second}').length") == 4
    opened.hover(PLOT)
    assert "adam\t" not in tip(opened)
    opened.value(f"document.querySelector('{adam}').focus()")
    opened.press("Enter")
    assert drawn(opened) == 5
    opened.click(adam, times=2)
    assert drawn(opened) == 1
    opened.click(adam, times=2)
    assert drawn(opened) == 5
    opened.press("Enter", shift=True)
    assert drawn(opened) == 1


def test_axes_switch_between_linear_and_logarithmic(opened):
    assert ticks(opened)[-4:] != ["0", "0.5", "1", "1.5"] and "10⁻²" in ticks(opened)
    opened.click(".panel .tools button[title='logarithmic y axis']")
    assert {"0", "0.5", "1", "1.5", "2"} <= set(ticks(opened))
    opened.click(".panel .tools button[title='logarithmic x axis']")
    assert {"1", "10"} <= set(ticks(opened)) and "40" not in ticks(opened)
    assert opened.value(f"!document.querySelector('{PLOT}').outerHTML.includes('NaN')")


def test_bands_and_smoothing_are_switched(opened):
    def count(kind):
        return opened.value(f"document.querySelectorAll('{PLOT} .{kind}').length")

    assert (count("band"), count("ghost"), count("raw"), count("curve")) == (5, 5, 0, 5)
    assert count("marker") == sum(len(range(place * 40 // 30, 40, 7)) for place in range(5))  # as in the PNG
    opened.click(".panel button[title='the bands around the lines']")
    opened.click(".panel button[title='the smoothed lines']")
    assert (count("band"), count("ghost"), count("raw"), count("curve")) == (0, 0, 5, 0)
    opened.click(".panel button[title='the smoothed lines']")
    opened.click(".panel button[title='the values before smoothing']")
    assert (count("ghost"), count("raw"), count("curve")) == (0, 0, 5)


def test_a_drag_zooms_and_a_double_click_goes_back(opened):
    before = ticks(opened)
    opened.drag(PLOT, (0.4, 0.5), (0.6, 0.52))
    after = [int(text) for text in ticks(opened) if text.isdigit() and int(text) > 1]
    assert ticks(opened) != before and min(after) >= 10 and max(after) <= 30
    opened.click(PLOT, times=2)
    assert ticks(opened) == before
    opened.drag(PLOT, (0.3, 0.3), (0.6, 0.6))
    opened.click(".panel .tools button")
    assert ticks(opened) == before


def test_lost_runs_have_their_crosses_and_their_words(opened):
    sensitive = "#s2 .plot"
    opened.middle(sensitive)
    opened.until(f"document.querySelectorAll('{sensitive} .lost').length === 3")
    assert opened.value(f"document.querySelectorAll('{sensitive} .marker').length") == 27  # 5 x 6 less 3 not reached
    opened.hover(sensitive, 0.96, 0.9)
    opened.until("!document.querySelector('#s2 .tip').hidden")
    said = opened.value("document.querySelector('#s2 .tip').innerText")
    assert said.startswith("learning rate 10\n") and said.count("diverged") == 3 and "aggmo\t0.18" in said


def test_data_is_saved_as_csv(opened, tmp_path):
    opened.ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for selector, name in ((".panel", "Training.csv"), ("div.table", "Best_setting_of_each_optimizer.csv")):
        opened.click(f"{selector} .tools button:last-child")
        end = 200
        while not (tmp_path / name).exists() and (end := end - 1):
            opened.value("new Promise((then) => setTimeout(then, 50))")
        content = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        assert len(content) == {"Training.csv": 201}.get(name, 6)
        if name == "Training.csv":
            assert content[0] == "series,epoch,training loss,low,high,raw,diverged"
            first = curves()[0].lines[0]
            values = [float(each) for each in content[1].split(",")[1:6]]
            expected = [1, first.y[0], first.low[0], first.high[0], first.raw[0]]
            assert values == pytest.approx(expected, rel=1e-6)


def test_odd_panels_are_drawn(browser, tmp_path):
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
        Panel("lost", "x", "y", [of("adam", [], [], diverged_at=[1, 10])], x_log=True, y_range=(0, 1)),
    ]
    page, visits = show(browser, tmp_path, *(Figure([panel]) for panel in panels))
    page.value("dispatchEvent(new Event('beforeprint'))")  # draws all
    assert page.value("document.querySelectorAll('.plot .axis').length") == len(panels)
    for bad in ("NaN", "Infinity", "undefined"):
        assert page.value(f"![...document.querySelectorAll('.plot')].some((e) => e.innerHTML.includes('{bad}'))"), bad
    for i in range(1, len(panels) + 1):
        page.hover(f"figure:nth-of-type({i}) .plot", 0.52, 0.5)
    assert page.value("document.querySelectorAll('.lost').length") == 3
    next(visits, None)


def test_sixty_series_of_a_thousand_points_are_few_marks(browser, tmp_path):
    names = [f"o{i}" for i in range(60)]
    x = list(range(1000))
    lines = [
        Line(name, look, x, [math.sin(i * t / 50) + i for t in x])
        for i, (name, look) in enumerate(zip(names, styles_of(names), strict=True))
    ]
    page, visits = show(browser, tmp_path, Figure([Panel("", "step", "loss", lines), Panel("", "step", "acc", lines)]))
    points = "(e) => e.getAttribute('d').split('L').length"
    most = page.value(f"Math.max(...[...document.querySelectorAll('{PLOT} .curve')].map({points}))")
    assert page.value("document.querySelectorAll('.curve').length") == 120 and 300 < most < 900
    page.hover(PLOT, 0.5, 0.5)
    assert len(tip(page).splitlines()) == 14 and "and 48 more" in tip(page)
    page.click(".legend .all")
    assert drawn(page) == 0
    page.click(".legend .all")
    assert drawn(page) == 60
    next(visits, None)
