"""Visits of a page in a browser, for the fixtures of the tests beside."""

from browser import Browser
from page_demo import demo

from report.page.writing import Page, Section, write_page

PLOT = "#s1 .panel:first-child .plot"  # of the first figure


def started(tmp_path_factory):
    own = Browser(tmp_path_factory.mktemp("chromium"))
    yield own
    own.close()


def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return write_page(demo(folder), folder / "page.html")


def visit(browser, file):
    """The page, freshly opened; afterwards nothing may have been asked of a network, nor anything have gone wrong."""
    browser.prefer(prefers_color_scheme="light")
    browser.open(file)
    browser.until("document.querySelectorAll('.curve').length > 0")
    yield browser
    browser.value("1")  # what happened before this answer has been reported before it
    assert browser.errors == [] and browser.requests == [file.as_uri()]


def show(browser, folder, *items):
    """A page of these items; and its visit, whose end checks it."""
    file = write_page(Page("Title", "", [Section("Section", "", items)]), folder / "page.html")
    return next(visits := visit(browser, file)), visits
