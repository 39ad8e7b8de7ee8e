"""The HTML report in a real browser: what a reader points at, clicks, drags and types."""

import json
import math

import pytest
from browser import Browser
from page_demo import EVIL, OPTIMIZERS, curves, demo

from report.figures.looks import look_of, looks_of
from report.figures.panel import Line, Panel
from report.page.content import Figure, Page, Section
from report.page.html import write_page
from report.tables.table import Table

pytestmark = pytest.mark.slow

PLOT = "#s1 .nsewdrag"  # Plotly's name for the area of the first panel
CHART = "document.querySelector('#s1 .chart')"
LEGEND = "#s1 .legendtoggle"
COLOUR = f"{CHART}.data.find((t) => t.meta === 'line').line.color"  # of sgd
DRAWN = "[...document.querySelectorAll('.chart')].every((chart) => chart.data && chart.querySelector('.main-svg'))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def demo_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return write_page(demo(folder), folder / "page.html")


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a file, or a page of items. At the test's end nothing may have been requested, nor an error reported."""
    opened = []

    def open_page(*items, file=None):
        file = file or write_page(Page("Title", "", [Section("Section", "", items)]), tmp_path / "page.html")
        browser.send("Emulation.setEmulatedMedia", media="")
        browser.prefer(prefers_color_scheme="light")
        browser.open(file)
        browser.until(DRAWN)
        opened.append(file.as_uri())
        return browser

    yield open_page
    browser.value("1")  # its answer comes after the reports of what happened before
    assert browser.errors == [] and browser.requests == opened[-1:]


@pytest.fixture
def page(visit, demo_file):
    return visit(file=demo_file)


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


def limits(page, axis):
    return page.value(f"{CHART}.layout.{axis}.range")


def column(page, number):
    return page.texts(f"div.table tbody td:nth-child({number})")


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
    page.click(LEGEND, times=2)
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
    page.click(PLOT, times=2)
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
    figure, table = "training_loss_validation_accuracy.csv", "Best_setting_of_each_optimizer.csv"
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
        [1, first.y[0], first.low[0], first.high[0], first.ghost[0]], rel=1e-6
    )


def test_odd_panels_are_drawn_without_an_error(visit):
    def of(label, x, y, **more):
        return Line(label, look_of(label), x, y, **more)

    nan = math.nan
    panels = [
        Panel("empty", "x", "y", [of("adam", [], [])], y_log=True),
        Panel("none", "x", "y", []),
        Panel("gaps", "x", "y", [of("adam", [1, 2, 3, 4], [nan, 1, nan, -1])], y_log=True),
        Panel("constant", "x", "y", [of("adam", [5], [0]), of("sgd", [5], [0])], x_log=True),
        Panel("huge", "x", "y", [of("adam", [1e-300, 1e300], [-1e308, 1e308])], x_log=True),
        Panel("path", "x", "y", [of("adam", [0, 1, 0.5, 0], [0, 1, 2, 0.5], crosses=[(0, 0.5)])]),
        Panel("diverged", "x", "y", [of("adam", [], [], lost=[1, 10])], x_log=True, y_range=(0, 1)),
    ]
    page = visit(Figure(panels), *(Figure([panel]) for panel in panels))
    for width in (320, 1920):
        page.resize(width, 800)
        page.until("[...document.querySelectorAll('.chart')].every((c) => c.layout.width === c.clientWidth)")


def test_sixty_series_of_a_thousand_points(visit):
    names, x = [f"o{i}" for i in range(60)], list(range(1000))
    lines = [
        Line(name, look, x, [math.sin(i * t / 50) + i for t in x])
        for i, (name, look) in enumerate(zip(names, looks_of(names), strict=True))
    ]
    page = visit(Figure([Panel("", "step", "loss", lines), Panel("", "step", "acc", lines)]))
    page.hover(PLOT, 0.5, 0.3)
    assert "step " in hover_text(page)
    page.click(LEGEND)
    page.until(f"{CHART}.data.some((t) => t.visible === 'legendonly')")
    assert shown(page) == names[1:] * 2


def test_tables_sort_by_numbers_and_keep_what_is_missing_last(page):
    def press(number):
        page.click(f"div.table th:nth-child({number}) button")
        return page.value(f"document.querySelector('div.table th:nth-child({number})').getAttribute('aria-sort')")

    assert press(4) == "ascending" and column(page, 4) == ["10", "100", "10000", "100000", "-"]
    assert press(4) == "descending" and column(page, 4) == ["100000", "10000", "100", "10", "-"]
    assert press(4) == "none" and column(page, 1) == list(OPTIMIZERS)
    assert press(3) == "ascending" and column(page, 3)[0] == "8 of 15" and column(page, 3)[-1] == "12 of 15"
    press(2), press(2)
    assert column(page, 2)[0] == "0.8800 ± 0.0071"
    page.value("document.querySelector('div.table th button').focus()")
    page.press("Enter")
    assert column(page, 1) == sorted(OPTIMIZERS)


def test_cells_of_all_kinds_are_ordered(visit):
    cells = ["acc 0.9", "acc -0.1", "acc 0.10 ± 0.5", "", "diverged", "-", "acc 1e-3"]
    rates = ["1,000", "< 0.001", "−5", "2.5%", "[0.1, 0.2]", "inf", "n/a"]
    names = ["adam10", "adam9", "sgd", "2-layer", "-", "Adam", "é"]
    page = visit(Table("", ["a", "b", "c"], list(zip(cells, rates, names, strict=True))))
    page.click("div.table th:nth-child(1) button")
    assert column(page, 1) == ["acc -0.1", "acc 1e-3", "acc 0.10 ± 0.5", "acc 0.9", "diverged", "", "-"]
    page.click("div.table th:nth-child(2) button")
    assert column(page, 2) == ["−5", "< 0.001", "[0.1, 0.2]", "2.5%", "1,000", "inf", "n/a"]
    page.click("div.table th:nth-child(3) button")
    assert column(page, 3) == ["2-layer", "Adam", "adam9", "adam10", "é", "sgd", "-"]


def test_a_run_opens_its_configuration_and_its_log(page):
    assert page.texts(".runs .count") == ["11 runs"]
    page.click(".runs tbody tr:last-child .open")
    text = "(document.querySelector('dialog[open] pre')?.textContent ?? '')"
    page.until(f"{text}.includes('\"lr\": 10.0')")
    assert page.texts("dialog h3") == ["sgd,lr=10, seed 0"]
    page.click("dialog [role=tab]:nth-child(2)")
    page.until(f"{text}.includes('0123456789abcdef')")
    page.value("document.querySelector('dialog [role=tab]:nth-child(2)').focus()")
    page.press("ArrowRight")
    page.until(f"{text}.includes('\"diverged\"')")
    page.press("ArrowRight")
    page.until(f"{text}.startsWith('[the last 64 of ')")
    page.click("dialog .tools button:first-child")  # the run before
    page.until(f"{text}.startsWith('sgd seed 1\\n')")
    assert page.value(text) == "sgd seed 1\nwhole line\n</script><img src=x onerror=alert(1)>\nlast line é 😀\n"
    assert page.value("document.querySelectorAll('img').length") == 1  # the demo's picture
    page.press("Escape")
    page.until("!document.querySelector('dialog[open]')")


def test_runs_are_filtered_and_sorted(page):
    page.value("document.querySelector('.filter input').focus()")
    page.send("Input.insertText", text="ADAM seed=1")
    assert page.texts(".runs .count") == ["2 of 11 runs"]
    assert page.texts(".runs .open") == ["adam,lr=0.1", "adamw,lr=0.1"]
    page.value("document.querySelector('.filter input').select()")
    page.send("Input.insertText", text="sgd")
    page.click(".chip:nth-of-type(2)")
    assert page.texts(".runs .open") == ["sgd,lr=10"]
    page.click(".chip:nth-of-type(2)")
    page.click(".runs th:nth-child(4) button")
    page.click(".runs th:nth-child(4) button")
    assert page.texts(".runs tbody td:nth-child(4)") == ["0.6100", "0.6000", "-"]


def test_light_and_dark_follow_the_system_and_the_switch(page):
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.value(background) == "rgb(251, 251, 250)" and page.value(COLOUR) == "rgba(0,114,178,1)"
    page.prefer(prefers_color_scheme="dark")
    page.until(f"{background} === 'rgb(19, 21, 25)' && {COLOUR} !== 'rgba(0,114,178,1)'")
    page.until("document.getElementById('theme').textContent === 'Light'")
    page.click("#theme")
    page.until(f"{background} === 'rgb(251, 251, 250)' && {COLOUR} === 'rgba(0,114,178,1)'")


def test_black_lines_are_light_on_the_dark_page(visit):
    name = next(name for name in ("nesterov", "lars") if look_of(name).colour == "#000000")
    page = visit(Figure([Panel("", "x", "y", [Line(name, look_of(name), [1, 2], [1, 2])])]))
    stroke = "getComputedStyle(document.querySelector('.js-line')).stroke.match(/\\d+/g).map(Number)"
    assert page.value(stroke)[:3] == [0, 0, 0]
    page.prefer(prefers_color_scheme="dark")
    page.until(f"Math.min(...{stroke}.slice(0, 3)) > 90")


@pytest.mark.parametrize("width", [320, 768, 1920])
def test_no_width_makes_the_page_scroll_sideways(page, width):
    page.resize(width, 800)
    page.until(f"document.documentElement.clientWidth === {width}")
    page.until(f"{CHART}.layout.width === {CHART}.clientWidth")
    assert page.value("document.documentElement.scrollWidth") <= width
    if width == 1920:  # room for every table and its sort marks
        assert page.value("[...document.querySelectorAll('.scroll')].every((e) => e.scrollWidth <= e.clientWidth)")


def test_every_control_has_a_name(page):
    controls = "[...document.querySelectorAll('button, input, select, [tabindex], a[href], [role=img]')]"
    named = "e.textContent.trim() || e.getAttribute('aria-label') || e.dataset.title"
    unnamed = page.value(f"{controls}.filter((e) => !({named})).map((e) => e.outerHTML)")
    assert [html for html in unnamed if "tabpanel" not in html] == []  # but for the closed dialog's text
    page.click(".facts .warn a")
    assert page.value("document.querySelector('#warning li').textContent").startswith("sgd's best value")
    assert EVIL in " ".join(page.texts(".notes li"))


def test_printing_leaves_out_controls_and_is_light(page):
    page.prefer(prefers_color_scheme="dark")
    page.until(f"{COLOUR} !== 'rgba(0,114,178,1)'")
    page.value("dispatchEvent(new Event('beforeprint'))")
    page.send("Emulation.setEmulatedMedia", media="print")
    page.until("getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'")
    page.until(f"{COLOUR} === 'rgba(0,114,178,1)'")
    assert page.value("[...document.querySelectorAll('.tools, .contents')].every((e) => !e.offsetParent)")


def test_the_browser_reports_requests_and_errors(browser, tmp_path):
    """What the other tests' ends rest on."""
    script = "<script src='http://127.0.0.1:9/x.js'></script><script>undefinedName()</script>"
    (tmp_path / "page.html").write_text(script)
    browser.open(tmp_path / "page.html")
    assert "http://127.0.0.1:9/x.js" in browser.requests and any("undefinedName" in each for each in browser.errors)


def test_the_policy_stops_requests(browser, tmp_path):
    file = write_page(Page("Title", "", []), tmp_path / "page.html")
    browser.open(file)
    assert browser.value("fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)") == "TypeError"
    image = json.dumps('<img src="http://127.0.0.1:9/x.png" onerror="alert(1)">')
    browser.value(f"document.body.insertAdjacentHTML('beforeend', {image})")
    assert browser.requests == [file.as_uri()]
    assert any("Content Security Policy" in each for each in browser.errors)
