"""The page's tables, runs, colours and rules in a real browser."""

import pytest
from page_demo import EVIL, OPTIMIZERS, curves
from page_visits import PLOT, show, started, visit, written

from report.figures.panel import Line, Panel
from report.figures.series_style import style_of
from report.page.writing import Figure, Page, write_page
from report.tables.table import Table

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


def column(browser, number):
    return browser.texts(f"div.table tbody td:nth-child({number})")


def test_tables_sort_by_numbers_and_keep_what_is_missing_last(opened):
    def press(number):
        opened.click(f"div.table th:nth-child({number}) button")
        return opened.value(f"document.querySelector('div.table th:nth-child({number})').getAttribute('aria-sort')")

    assert press(4) == "ascending" and column(opened, 4) == ["10", "100", "10000", "100000", "-"]
    assert press(4) == "descending" and column(opened, 4) == ["100000", "10000", "100", "10", "-"]
    assert press(4) == "none" and column(opened, 1) == list(OPTIMIZERS)
    assert press(3) == "ascending" and column(opened, 3)[0] == "8 of 15" and column(opened, 3)[-1] == "12 of 15"
    press(2), press(2)
    assert column(opened, 2)[0] == "0.8800 ± 0.0071"
    opened.value("document.querySelector('div.table th button').focus()")
    opened.press("Enter")
    assert column(opened, 1) == sorted(OPTIMIZERS)


def test_cells_of_all_kinds_are_ordered(browser, tmp_path):
    cells = ["acc 0.9", "acc -0.1", "acc 0.10 ± 0.5", "", "diverged", "-", "acc 1e-3"]
    rates = ["1,000", "< 0.001", "−5", "2.5%", "[0.1, 0.2]", "inf", "n/a"]
    names = ["adam10", "adam9", "sgd", "2-layer", "-", "Adam", "é"]
    table = Table("", ["a", "b", "c"], list(zip(cells, rates, names, strict=True)))
    page = show(browser, tmp_path, table, Figure(curves(5)))[0]
    page.click("div.table th:nth-child(1) button")
    assert column(page, 1) == ["acc -0.1", "acc 1e-3", "acc 0.10 ± 0.5", "acc 0.9", "diverged", "", "-"]
    page.click("div.table th:nth-child(2) button")
    assert column(page, 2) == ["−5", "< 0.001", "[0.1, 0.2]", "2.5%", "1,000", "inf", "n/a"]
    page.click("div.table th:nth-child(3) button")
    assert column(page, 3) == ["2-layer", "Adam", "adam9", "adam10", "é", "sgd", "-"]


def test_a_run_opens_its_configuration_and_its_log(opened):
    assert opened.texts(".runs .count") == ["11 runs"]
    opened.click(".runs tbody tr:last-child .open")
    shown = "document.querySelector('dialog[open] pre')?.textContent ?? ''"
    opened.until(f"({shown}).includes('\"lr\": 10.0')")
    assert opened.texts("dialog h3") == ["sgd,lr=10, seed 0"]
    opened.click("dialog [role=tab]:nth-child(2)")
    opened.until(f"({shown}).includes('0123456789abcdef')")
    opened.value("document.querySelector('dialog [role=tab]:nth-child(2)').focus()")
    opened.press("ArrowRight")
    opened.until(f"({shown}).includes('\"diverged\"')")
    opened.press("ArrowRight")
    opened.until(f"({shown}).startsWith('[the last 64 of ')")
    opened.click("dialog .tools button:first-child")  # the run before
    opened.until(f"({shown}).startsWith('sgd seed 1\\n')")
    expected = "sgd seed 1\nwhole line\n</script><img src=x onerror=alert(1)>\nlast line é 😀\n"
    assert opened.value(shown) == expected
    assert opened.value("document.querySelectorAll('img').length") == 1  # the demo's own picture
    opened.press("Escape")
    opened.until("!document.querySelector('dialog[open]')")


def test_runs_are_filtered_and_sorted(opened):
    opened.value("document.querySelector('.filter input').focus()")
    opened.ask("Input.insertText", text="ADAM seed=1")
    assert opened.texts(".runs .count") == ["2 of 11 runs"]
    assert opened.texts(".runs .open") == ["adam,lr=0.1", "adamw,lr=0.1"]
    opened.value("document.querySelector('.filter input').select()")
    opened.ask("Input.insertText", text="sgd")
    opened.click(".chip:nth-of-type(2)")
    assert opened.texts(".runs .open") == ["sgd,lr=10"]
    opened.click(".chip:nth-of-type(2)")
    opened.click(".runs th:nth-child(4) button")
    opened.click(".runs th:nth-child(4) button")
    assert opened.texts(".runs tbody td:nth-child(4)") == ["0.6100", "0.6000", "-"]


def test_light_and_dark_follow_the_system_and_the_switch(opened):
    ground = "getComputedStyle(document.body).backgroundColor"
    black = f"getComputedStyle(document.querySelector('{PLOT} .curve')).stroke"
    assert opened.value(ground) == "rgb(251, 251, 250)"
    opened.prefer(prefers_color_scheme="dark")
    opened.until(f"{ground} === 'rgb(19, 21, 25)'")
    opened.until("document.getElementById('theme').textContent === 'Light'")
    dark_line = opened.value(black)
    opened.click("#theme")
    assert opened.value(ground) == "rgb(251, 251, 250)" and opened.texts("#theme") == ["Dark"]
    assert opened.value(black) == "rgb(0, 114, 178)" != dark_line


def test_black_lines_are_light_on_dark_ground(browser, tmp_path):
    name = next(name for name in ("nesterov", "lars") if style_of(name).colour == "#000000")
    page = show(browser, tmp_path, Figure([Panel("", "x", "y", [Line(name, style_of(name), [1, 2], [1, 2])])]))[0]
    stroke = f"getComputedStyle(document.querySelector('{PLOT} .curve')).stroke.match(/\\d+/g).map(Number)"
    assert page.value(stroke) == [0, 0, 0]
    page.prefer(prefers_color_scheme="dark")
    page.until(f"Math.min(...{stroke}) > 90")


@pytest.mark.parametrize("width", [320, 768, 1920])
def test_no_width_makes_the_page_scroll_sideways(opened, width):
    opened.resize(width, 800)
    opened.until(f"document.documentElement.clientWidth === {width}")
    assert opened.value("document.documentElement.scrollWidth") <= width
    if width == 1920:  # room for every table, its marks of sorting included
        assert opened.value("[...document.querySelectorAll('.scroll')].every((e) => e.scrollWidth <= e.clientWidth)")
    plot = f"document.querySelector('{PLOT}')"
    opened.until(f"Math.abs({plot}.viewBox.baseVal.width - {plot}.clientWidth) < 2")


def test_every_control_has_a_name_and_every_name_is_shown_as_text(opened):
    controls = "[...document.querySelectorAll('button, input, [tabindex], a')]"
    named = "e.textContent || e.getAttribute('aria-label')"
    assert opened.value(f"{controls}.filter((e) => !({named})).map((e) => e.tagName)") == [
        "PRE"
    ]  # of the closed dialog
    assert EVIL in " ".join(opened.texts(".notes li"))
    assert opened.value("document.querySelector('.contents a').getAttribute('href')") == "#s1"
    opened.click(".facts .warn a")
    assert opened.value("document.querySelector('#caution li').textContent").startswith("sgd's best value")


def test_printing_leaves_out_what_can_be_pressed_and_is_light(opened):
    opened.prefer(prefers_color_scheme="dark")
    opened.ask("Emulation.setEmulatedMedia", media="print")
    opened.until("getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'")
    assert opened.value("[...document.querySelectorAll('.tools, .contents')].every((e) => !e.offsetParent)")
    opened.ask("Emulation.setEmulatedMedia", media="")


def test_the_browser_would_tell_of_a_request_and_of_an_error(browser, tmp_path):
    """The other tests' claims rest on this."""
    (tmp_path / "page.html").write_text(
        "<script src='http://127.0.0.1:9/x.js'></script><script>undefinedName()</script>"
    )
    browser.open(tmp_path / "page.html")
    browser.until("document.readyState === 'complete'")
    assert "http://127.0.0.1:9/x.js" in browser.requests and any("undefinedName" in each for each in browser.errors)


def test_the_policy_stops_requests(browser, tmp_path):
    file = write_page(Page("Title", "", []), tmp_path / "page.html")
    browser.open(file)
    assert browser.value("fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)") == "TypeError"
    browser.value(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"http://127.0.0.1:9/x.png\" onerror=\"alert(1)\">')"
    )
    assert browser.requests == [file.as_uri()]
    assert any("Content Security Policy" in each for each in browser.errors)
