"""An HTML report as one file that needs no network.

    write_page(Page("Optimizers on digits", "45 runs", [Section("Curves", items=[Figure(panels)])]), path)

Every text is escaped here. The styles and scripts are in report/page/assets/; Plotly's script comes with its package.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template

from report.figures.panel import Panel
from report.page.charts import chart, panels_csv, plotly_script
from report.page.content import Figure, Item, Notes, Page, Picture, Section
from report.page.embedded import as_json, clean, packed, picture_data, runs_data
from report.page.thinning import MAX_POINTS
from report.tables.table import Look, Table

ASSETS = Path(__file__).with_name("assets")
SCRIPTS = ("elements.js", "charts.js", "tables.js", "runs.js", "page.js")
WIDE = 8  # columns, from which on the first one stays in view
PARTS = {"band": "Bands", "raw": "Raw"}
SCALES = {"": "as reported", "linear": "linear", "log": "logarithmic"}


def write_page(page: Page, path: Path) -> Path:
    """Write the whole page into one file. ValueError if a picture is no PNG or a colour is not #rrggbb."""
    css = (ASSETS / "page.css").read_text(encoding="utf-8")
    js = "\n".join(["'use strict';", *((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)])
    has_charts = any(isinstance(item, Figure) for section in page.sections for item in section.items)
    plotly = [plotly_script()] if has_charts else []
    text = Template((ASSETS / "template.html").read_text(encoding="utf-8")).substitute(
        policy=policy([css, ""], [js, *plotly]),  # "": Plotly adds an empty style element, whose rules its script sets
        title=escaped(page.title),
        subtitle=inline(page.subtitle),
        summary=summary(page),
        contents=contents(page.sections),
        sections="\n".join(map(section_html, page.sections, range(1, len(page.sections) + 1))),
        css=css,
        js=js,
        plotly="".join(map(embedded_plotly, plotly)),
    )
    path.write_bytes(text.encode())
    return path


def policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """The page's Content-Security-Policy: nothing from any network, and these very styles and scripts only."""
    style_src, script_src = (" ".join(map(digest, texts)) for texts in (styles, scripts))
    return (
        f"default-src 'none'; img-src data:; style-src {style_src}; script-src {script_src}; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def embedded_plotly(script: str) -> str:
    """Plotly's script, compressed.

    The elements before it bear the ids of style sheets that Plotly's maps would add, against the policy: it adds none
    whose id is there.
    """
    ids = re.findall(r'getElementById\("([0-9a-f]{64})"\)', script)
    placeholders = "".join(f'<template id="{each}"></template>' for each in ids)
    return f'{placeholders}<script type="text/plain" id="plotly">{packed(script)}</script>'


def escaped(text: str) -> str:
    return html.escape(clean(text))


def inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped(text))


def paragraphs(text: str) -> str:
    return "".join(f"<p>{inline(part)}</p>\n" for part in re.split(r"\n\s*\n", text.strip()) if part)


def summary(page: Page) -> str:
    facts = "".join(f"<div><dt>{inline(name)}</dt><dd>{inline(value)}</dd></div>" for name, value in page.facts)
    notes = [item for section in page.sections for item in section.items if isinstance(item, Notes) and item.warning]
    if count := sum(len(item.lines) for item in notes):
        name = "warning" if count == 1 else "warnings"
        facts += f'<div class="warn"><dt>{name}</dt><dd><a href="#warning">{count}</a></dd></div>'
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
            return figure_html(item)
        case Picture():
            uri, width, height = picture_data(item.path)
            alt = escaped(item.caption or item.path.stem)
            image = f'<img src="{uri}" width="{width}" height="{height}" alt="{alt}" decoding="async">'
            return captioned("picture", image, item.caption)
        case Table():
            return table_html(item)
        case Notes():
            lines = "".join(f"<li>{inline(line)}</li>" for line in item.lines)
            kind = 'class="notes warning" aria-label="Warnings"' if item.warning else 'class="notes" aria-label="Notes"'
            return f"<aside {kind}><ul>{lines}</ul></aside>"
    data = as_json(runs_data(item.runs, item.tasks))
    inner = '<noscript>The list of runs needs JavaScript.</noscript><script type="application/json">'
    head = f"<h3>{inline(item.title)}</h3>" if item.title else ""
    return f'<div class="runs">{head}{inner}{data}</script></div>'


def figure_html(figure: Figure) -> str:
    """Controls, the place of the chart, and what charts.js reads: the chart, then its values as CSV, compressed."""
    data = (as_json(chart(figure.panels)), panels_csv(figure.panels))
    scripts = "".join(f'<script type="text/plain">{packed(text)}</script>' for text in data)
    notes = list(dict.fromkeys(part for panel in figure.panels for part in panel.note.split("; ") if part))
    if any(len(line.x) > MAX_POINTS for panel in figure.panels for line in panel.lines):
        notes.append(f"long lines are thinned to {MAX_POINTS:,} points that include their extremes")
    below = f'<p class="note">{inline("; ".join(notes))}</p>' if notes else ""
    panels = (f"{panel.y_name} over {panel.x_name}, {len(panel.lines)} series" for panel in figure.panels)
    inner = (
        f"{controls(figure.panels)}<noscript>The curves need JavaScript.</noscript>"
        f'<div class="chart" role="img" aria-label="{escaped("; ".join(panels))}"></div>{below}{scripts}'
    )
    return captioned("curves", inner, figure.caption)


def controls(panels: Sequence[Panel]) -> str:
    """Choices of the axes' scales, switches of bands and raw values where there are any, and the CSV."""
    lines = [line for panel in panels for line in panel.lines]
    parts = {"band": any(len(line.low) for line in lines), "raw": any(len(line.raw) for line in lines)}
    switches = "".join(
        f'<button type="button" data-part="{part}" aria-pressed="true">{PARTS[part]}</button>'
        for part, exists in parts.items()
        if exists
    )
    options = "".join(f'<option value="{value}">{name}</option>' for value, name in SCALES.items())
    scales = "".join(f'<label>{axis} axis <select name="{axis}">{options}</select></label>' for axis in "xy")
    name = escaped(" ".join(dict.fromkeys(panel.y_name for panel in panels)))
    saver = f'<button type="button" class="csv" data-name="{name}">CSV</button>'
    return f'<div class="tools" hidden>{scales}{switches}{saver}</div>'


def captioned(kind: str, inner: str, caption: str) -> str:
    below = f"<figcaption>{inline(caption)}</figcaption>" if caption else ""
    return f'<figure class="{kind}">{inner}{below}</figure>'


def table_html(table: Table) -> str:
    wide = len(table.columns) >= WIDE
    head = "".join(f'<th scope="col">{head_html(name) if wide else inline(name)}</th>' for name in table.columns)
    looks = table.looks or [[Look()] * len(row) for row in table.rows]
    cells = [map(cell_html, *pair) for pair in zip(table.rows, looks, strict=True)]
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    notes = "".join(f'<p class="below">{inline(note)}</p>' for note in table.notes)
    caption = f"<caption><span>{inline(table.title)}</span></caption>"
    inner = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    data = f'<script type="application/json">{as_json(table.csv())}</script>'
    return f'<div class="table{" wide" if wide else ""}"><div class="scroll">{inner}</div>{notes}{data}</div>'


def head_html(name: str) -> str:
    """A column's name, which may break at underscores, and what follows a colon below it."""
    first, _, rest = name.partition(": ")
    return inline(first).replace("_", "_<wbr>") + (f"<small> {inline(rest)}</small>" if rest else "")


def cell_html(text: str, look: Look) -> str:
    level = f' class="level{look.level}"' if look.level is not None else ""
    tip = f' title="{escaped(look.tip)}"' if look.tip else ""
    text, _, deviation = text.partition(" ± ") if look.below else (text, "", "")
    parts = filter(None, (deviation and f"± {deviation}", look.below))
    below = "".join(f"<small> {inline(part)}</small>" for part in parts)
    shown = f"<strong>{inline(text)}</strong>" if look.strong else inline(text)
    return f"<td{level}{tip}>{shown}{below}</td>"
