"""A report as one HTML file that needs no network: curves to explore, tables to sort, every run a click away.

    write_page(Page("Optimizers on digits", "45 runs", [Section("Curves", items=[Figure(panels)])]), path)

Contents are plain text, escaped here; backquotes make `code`. What moves is in report/assets/.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from report.figures.contrast import DARK, LIGHT, readable
from report.figures.panel import Panel
from report.page.embedded import as_json, clean, panel_data, picture_data, runs_data
from report.tables.table import Table
from results.run import Run

ASSETS = Path(__file__).with_name("assets")
SCRIPTS = (
    "elements.js",
    "axis.js",
    "lines.js",
    "chart.js",
    "pointer.js",
    "figure.js",
    "tables.js",
    "runs.js",
    "page.js",
)


@dataclass(frozen=True)
class Figure:
    """Panels side by side, drawn in the browser."""

    panels: Sequence[Panel]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG, copied into the page."""

    path: Path
    caption: str = ""


@dataclass(frozen=True)
class Notes:
    """Sentences; cautions are marked as such and counted at the page's top."""

    lines: Sequence[str]
    caution: bool = True


@dataclass(frozen=True)
class Runs:
    """A list of runs to filter; each opens its configuration, environment, status and console log."""

    runs: Sequence[Run]
    title: str = ""


Item = Figure | Picture | Table | Notes | Runs


@dataclass(frozen=True)
class Section:
    """text: paragraphs, apart by empty lines."""

    title: str
    text: str = ""
    items: Sequence[Item] = ()


@dataclass(frozen=True)
class Page:
    """facts: names and values for the summary at the top, such as ("runs", "45")."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    facts: Sequence[tuple[str, str]] = ()


def write_page(page: Page, path: Path) -> Path:
    """Write the whole page into one file; ValueError if a picture is no PNG or a colour not #rrggbb."""
    items = [item for section in page.sections for item in section.items]
    css = (ASSETS / "page.css").read_text(encoding="utf-8") + colours(items)
    js = "\n".join(["'use strict';", *((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)])
    text = Template((ASSETS / "template.html").read_text(encoding="utf-8")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src {digest(css)}; script-src {digest(js)}; "
        "base-uri 'none'; form-action 'none'",
        title=escaped(page.title),
        subtitle=inline(page.subtitle),
        summary=summary(page),
        contents=contents(page.sections),
        sections="\n".join(map(section_html, page.sections, range(1, len(page.sections) + 1))),
        css=css,
        js=js,
    )
    path.write_bytes(text.encode())
    return path


def digest(text: str) -> str:
    """What the policy allows: this very text and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def colours(items: Iterable[Item]) -> str:
    """A variable for each colour of the figures, with its value on light and on dark ground."""
    used = {line.style.colour for item in items if isinstance(item, Figure) for p in item.panels for line in p.lines}
    pairs = (f"--c{c[1:]}: light-dark({readable(c, LIGHT)}, {readable(c, DARK)});" for c in sorted(used))
    return f":root {{ {' '.join(pairs)} }}\n"


def escaped(text: str) -> str:
    return html.escape(clean(text))


def inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped(text))


def paragraphs(text: str) -> str:
    return "".join(f"<p>{inline(part)}</p>\n" for part in re.split(r"\n\s*\n", text.strip()) if part)


def summary(page: Page) -> str:
    facts = "".join(f"<div><dt>{inline(name)}</dt><dd>{inline(value)}</dd></div>" for name, value in page.facts)
    notes = [item for section in page.sections for item in section.items if isinstance(item, Notes) and item.caution]
    if count := sum(len(item.lines) for item in notes):
        words = "caution" if count == 1 else "cautions"
        facts += f'<div class="warn"><dt>{words}</dt><dd><a href="#caution">{count}</a></dd></div>'
    return f'<dl class="facts">{facts}</dl>' if facts else ""


def contents(sections: Sequence[Section]) -> str:
    if len(sections) < 2:
        return ""
    links = "".join(f'<li><a href="#s{i}">{inline(each.title)}</a></li>' for i, each in enumerate(sections, 1))
    return f'<nav class="contents" aria-label="Contents"><h2>Contents</h2><ol>{links}</ol></nav>'


def section_html(section: Section, number: int) -> str:
    items = "\n".join(map(item_html, section.items))
    head = f'<h2 id="h{number}">{inline(section.title)}</h2>'
    return f'<section id="s{number}" aria-labelledby="h{number}">{head}\n{paragraphs(section.text)}{items}</section>'


def item_html(item: Item) -> str:
    match item:
        case Figure():
            data = as_json([panel_data(panel) for panel in item.panels])
            inner = f'<noscript>The curves need JavaScript.</noscript><script type="application/json">{data}</script>'
            return captioned("curves", inner, item.caption)
        case Picture():
            uri, width, height = picture_data(item.path)
            alt = escaped(item.caption or item.path.stem)
            image = f'<img src="{uri}" width="{width}" height="{height}" alt="{alt}" decoding="async">'
            return captioned("picture", image, item.caption)
        case Table():
            return table_html(item)
        case Notes():
            lines = "".join(f"<li>{inline(line)}</li>" for line in item.lines)
            kind = 'class="notes caution" aria-label="Cautions"' if item.caution else 'class="notes" aria-label="Notes"'
            return f"<aside {kind}><ul>{lines}</ul></aside>"
    data = as_json(runs_data(item.runs))
    inner = '<noscript>The list of runs needs JavaScript.</noscript><script type="application/json">'
    head = f"<h3>{inline(item.title)}</h3>" if item.title else ""
    return f'<div class="runs">{head}{inner}{data}</script></div>'


def captioned(kind: str, inner: str, caption: str) -> str:
    below = f"<figcaption>{inline(caption)}</figcaption>" if caption else ""
    return f'<figure class="{kind}">{inner}{below}</figure>'


def table_html(table: Table) -> str:
    head = "".join(f'<th scope="col">{inline(name)}</th>' for name in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{inline(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    notes = "".join(f'<p class="below">{inline(note)}</p>' for note in table.notes)
    caption = f"<caption>{inline(table.title)}</caption>"
    inner = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    data = f'<script type="application/json">{as_json(table.csv())}</script>'
    return f'<div class="table"><div class="scroll">{inner}</div>{notes}{data}</div>'
