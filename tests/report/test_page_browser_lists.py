"""The HTML report in a real browser: its tables, runs, layout and policy."""

import json

import pytest
from page_demo import EVIL, OPTIMIZERS

from report.page.content import Page
from report.page.html import write_page
from report.tables.table import Table

pytestmark = pytest.mark.slow

CHART = "document.querySelector('#s1 .chart')"
COLOUR = f"{CHART}.data.find((t) => t.meta === 'line').line.color"  # of sgd
#: left, top, right and bottom of an element
CORNERS = "(({left, top, right, bottom}) => [left, top, right, bottom])"
BOX = f"((s) => {CORNERS}(document.querySelector(s).getBoundingClientRect()))"


def column(page, number):
    return page.texts(f"div.table tbody td:nth-child({number})")


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
    assert page.texts("dialog h3") == ["sgd lr=10, seed 0"]
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
    assert page.texts(".runs .open") == ["adam lr=0.1", "adamw lr=0.1"]
    page.value("document.querySelector('.filter input').select()")
    page.send("Input.insertText", text="sgd")
    page.click(".chip:nth-of-type(2)")
    assert page.texts(".runs .open") == ["sgd lr=10"]
    page.click(".chip:nth-of-type(2)")
    page.click(".runs th:nth-child(4) button")
    page.click(".runs th:nth-child(4) button")
    assert page.texts(".runs tbody td:nth-child(4)") == ["0.6100", "0.6000", "-"]


@pytest.mark.parametrize("width", [320, 768, 1920])
def test_no_width_makes_the_page_scroll_sideways(page, width):
    page.resize(width, 800)
    page.until(f"document.documentElement.clientWidth === {width}")
    page.until(f"{CHART}.layout.width === {CHART}.clientWidth")
    assert page.value("document.documentElement.scrollWidth") <= width
    title, csv = (page.value(f"{BOX}('{each}')") for each in (".table caption span", ".table .tools button"))
    assert title[2] <= csv[0] or title[3] <= csv[1], "the button lies on the table's title"
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
