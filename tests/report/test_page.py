"""The HTML report: what the file holds, before a browser reads it."""

import base64
import hashlib
import html
import json
import math
import re
import sys
import zlib
from pathlib import Path

import pytest
from page_demo import EVIL, demo
from run_folders import write_run

from report.figures.contrast import DARK, LIGHT, contrast, readable
from report.figures.panel import Line, Panel
from report.figures.series_style import COLOURS, SeriesStyle, style_of
from report.page.charts import chart, panels_csv
from report.page.content import Figure, Notes, Page, Picture, Runs, Section
from report.page.embedded import MAX_LOGS, as_json, clean, packed, read_text, runs_data
from report.page.html import write_page
from report.page.thinning import MAX_POINTS, thinned
from report.page.traces import PAGE_COLOURS
from report.tables.table import Table
from results.find import load_runs as load


def written(tmp_path, *items, **more):
    page = Page("Title", "subtitle", [Section("First", "text", items)], **more)
    return write_page(page, tmp_path / "page.html").read_text(encoding="utf-8")


def scripts(text):
    return [json.loads(each) for each in re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)]


def panel(*lines, **more):
    return Panel("", "epoch", "loss", lines, **more)


def line(y, x=None, **more):
    return Line(more.pop("label", "adam"), style_of("adam"), x or list(range(1, len(y) + 1)), y, **more)


def unpacked(text):
    return zlib.decompress(base64.b64decode(text)).decode()


def traces(*panels, meta="line"):
    return [trace for trace in chart(panels)["data"] if trace["meta"] == meta]


def test_the_demo_holds_everything_and_names_no_address(tmp_path):
    text = write_page(demo(tmp_path), tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and text.count("<h1>") == 1
    for title in ("Curves", "Learning rate", "Results", "Pictures", "Runs"):
        assert f">{title}</h2>" in text and f">{title}</a></li>" in text
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)|url\((?!#)|@import|https?://""", text)
    assert re.findall(r"<dt>([^<]*)</dt><dd>(.*?)</dd>", text)[-1] == ("warning", '<a href="#warning">1</a>')
    assert "plotly" not in sys.modules  # slow to import, and only its script is needed


@pytest.mark.parametrize("figures", [0, 1])
def test_the_policy_allows_the_pages_styles_and_scripts_and_nothing_else(tmp_path, figures):
    text = written(tmp_path, *[Figure([panel(line([1.0]))])] * figures)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    (style,), (script,) = (re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL) for kind in ("style", "script"))
    plotly = re.findall(r'id="plotly">(.*?)</script>', text)
    assert len(plotly) == figures
    allowed = {"style": [style, ""], "script": [script, *map(unpacked, plotly)]}
    for kind, texts in allowed.items():
        digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in texts]
        sources = " ".join(f"'sha256-{each}'" for each in digests)
        assert f"{kind}-src {sources};" in policy
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy and " style=" not in text and not re.search(r"\son\w+=", text)


def test_no_text_of_a_run_or_a_cell_becomes_markup(tmp_path):
    folder = write_run(tmp_path, "adam", config={"data.root": EVIL.split("é")[0]})
    (folder / "log.txt").write_text(EVIL)
    evil = Panel(EVIL, EVIL, EVIL, [line([1.0], label=EVIL)], note=EVIL)
    items = [Figure([evil], EVIL), Table(EVIL, [EVIL], [[EVIL]], [EVIL]), Notes([EVIL])]
    page = Page(EVIL, EVIL, [Section(EVIL, EVIL, [*items, Runs(load(tmp_path), EVIL)]), Section(EVIL)], [(EVIL, EVIL)])
    text = write_page(page, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<img" not in text and "<b>" not in text
    assert text.count("</script>") == 6  # the figure's two, the table's, the list's, Plotly's, the page's
    csv, runs = scripts(text)
    assert EVIL in csv and runs["rows"][0]["folder"] == "."
    (trace,) = traces(evil)
    assert trace["name"] == html.escape(EVIL, quote=False)


def test_marks_of_a_terminal_and_half_characters_are_left_out(tmp_path):
    assert clean("\x1b[1;32mgreen\x1b[0m \x1b]0;title\x07end\x00\x7f") == "green end"
    assert clean("10%\r50%\rdone\r\nnext\tcell") == "done\nnext\tcell"
    assert clean("a\ud800b") == "ab"
    (tmp_path / "log.txt").write_bytes(b"\xff\x1b[31mred")
    assert read_text(tmp_path / "log.txt", 100) == "\ufffdred"
    assert "\ud800" not in written(tmp_path, Notes(["\ud800"]))


def test_lines_have_the_styles_of_the_printed_figures():
    first, second = traces(panel(line([1.0] * 9), Line("momo", style_of("momo"), [1], [1])))
    assert first["line"] == {"color": "rgba(0,158,115,1)", "width": 1.8, "dash": "10.8px,3.6px,2.7px,3.6px"}
    assert first["marker"]["symbol"] == "triangle-up" and first["marker"]["maxdisplayed"] == 6
    assert second["marker"]["maxdisplayed"] == 0  # few points have a marker each


def test_values_keep_their_gaps_and_bands_end_at_them():
    gaps = line([0.5, math.nan, math.inf, 0.123456789], low=[0.4] * 4, high=[0.6, 0.6, math.nan, 0.6], raw=[1] * 4)
    (curve,), (band,), (raw,) = (traces(panel(gaps), meta=meta) for meta in ("line", "band", "raw"))
    assert curve["y"] == [0.5, None, None, 0.1234568] and raw["y"] == [1] * 4
    assert curve["customdata"] == [(0.4, 0.6), (0.4, 0.6), (0.4, None), (0.4, 0.6)]
    assert band["x"] == [1, 2, 2, 1, 1, None, 4, 4, 4, None]
    assert band["y"] == [0.6, 0.6, 0.4, 0.4, 0.6, None, 0.6, 0.4, 0.6, None]
    json.loads(as_json(chart([panel(gaps)])))


def test_axes_follow_the_panel():
    layout = chart([panel(line([1.0, 2.0], [0.1, 1.0]), x_log=True, y_log=True, y_range=(0.1, 10))])["layout"]
    assert layout["xaxis"]["type"] == layout["yaxis"]["type"] == "log" and layout["yaxis"]["range"] == [-1, 1]
    assert layout["xaxis"]["title"]["text"] == "epoch"
    few = chart([panel(line([1.0, 2.0, 3.0], [0.0, 0.5, 0.9], markers=True))])["layout"]
    impossible = chart([panel(line([1.0]), y_log=True, y_range=(0, 1))])["layout"]
    assert "range" not in impossible["yaxis"]
    assert few["xaxis"]["tickvals"] == [0.0, 0.5, 0.9] and few["yaxis"]["type"] == "linear"


def test_a_band_below_zero_ends_at_the_lowest_value_of_a_logarithmic_axis():
    (band,) = traces(panel(line([1.0, 0.5], low=[-1.0, 0.2], high=[2.0, 2.0]), y_log=True), meta="band")
    assert band["y"][:4] == [2.0, 2.0, 0.2, 0.2]


def test_diverged_runs_have_crosses_inside_the_panel():
    a, b = line([0.5], diverged_at=[4], crosses=[(1, 99.0), (3, math.nan)]), line([0.7], diverged_at=[4], label="b")
    ended, *edge = traces(panel(a, b, y_range=(0, 1), diverged_edge="bottom"), meta="cross")
    assert (ended["x"], ended["y"], ended["customdata"]) == ([1], [1], [99.0])
    assert [trace["x"] for trace in edge] == [[4], [4]]
    assert 0 < edge[0]["y"][0] < edge[1]["y"][0] < 0.5  # one above the other
    layout = chart([panel(a)])["layout"]
    assert layout[edge[0]["yaxis"].replace("y", "yaxis")]["range"] == [0, 1]


def test_a_series_has_one_entry_in_the_legend_but_one_a_style():
    shared = traces(panel(line([1.0]), line([1.0], label="b")), panel(line([2.0])))
    assert [(trace["name"], trace["showlegend"]) for trace in shared] == [("adam", True), ("b", True), ("adam", False)]
    panels = [
        Panel(name, "epoch", "loss", [Line("ours", style_of(name), [1], [1])], note="") for name in ("adam", "aggmo")
    ]
    assert [trace["name"] for trace in traces(*panels) if trace["showlegend"]] == ["adam: ours", "aggmo: ours"]


def test_every_colour_of_a_chart_has_one_for_the_dark_page():
    drawn = chart([panel(line([1.0] * 3, low=[1.0] * 3, high=[1.0] * 3, raw=[1.0] * 3, diverged_at=[1]))])
    data = [{**trace, "legendgroup": ""} for trace in drawn["data"]]
    used = set(re.findall(r"rgba\([^)]*\)|#[0-9a-f]{6}", json.dumps([*data, drawn["layout"]])))
    assert used - {"rgba(0,0,0,0)"} <= drawn["dark"].keys()
    css = (Path(__file__).parents[2] / "report" / "page" / "assets" / "page.css").read_text()
    for light, dark in PAGE_COLOURS.items():
        assert f"light-dark({light}, {dark})" in css


def test_the_csv_has_every_point():
    a = line([0.5, math.nan], low=[0.4, 0.4], high=[0.6, 0.6], diverged_at=[4], crosses=[(2, 9.0)])
    assert panels_csv([panel(a)]).splitlines() == [
        "panel,series,x,y,low,high,raw,diverged",
        "loss,adam,1.0,0.5,0.4,0.6,,",
        "loss,adam,2.0,,0.4,0.6,,",
        "loss,adam,4,,,,,yes",
        "loss,adam,2,9.0,,,,yes",
    ]


def test_a_long_line_is_thinned_but_keeps_its_ends_and_its_spikes():
    y = [math.sin(i / 500) for i in range(100_000)]
    y[54_321], y[65_432], y[100] = 50.0, -50.0, math.nan
    short = thinned(line(y, high=[v + 1 for v in y]))
    assert len(short.x) <= MAX_POINTS and len(short.high) == len(short.y) == len(short.x)
    points = dict(zip(short.x, short.y, strict=True))
    assert points[54_322] == 50 and points[65_433] == -50 and points[1] == y[0] and points[100_000] == y[-1]
    assert len(traces(panel(line(y)))[0]["x"]) <= MAX_POINTS
    assert len(thinned(line([math.nan] * 5000)).x) <= MAX_POINTS


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("ground", [LIGHT, DARK])
def test_every_colour_can_be_seen_on_both_grounds(colour, ground):
    assert contrast(readable(colour, ground), ground) >= 3


def test_colours_that_can_be_seen_stay_as_they_are():
    assert readable("#0072b2", LIGHT) == "#0072b2" and readable("#000000", LIGHT) == "#000000"
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)  # a grey that WCAG's readers know


def test_the_end_of_a_long_log_is_kept_and_a_missing_file_is_named(tmp_path):
    folder = write_run(tmp_path, "adam")
    lines = [f"line {i}" for i in range(30_000)]
    (folder / "log.txt").write_text("\n".join(lines))
    (folder / "environment.json").unlink()
    data = runs_data(load(tmp_path))
    (row,) = data["rows"]
    texts = [unpacked(data["texts"][i]) for i in row["texts"]]
    by_name = dict(zip(data["names"], texts, strict=True))
    first, *kept = by_name["log.txt"].split("\n")
    assert first == "[the last 64 of 311 KB; log.txt in the run's folder has all]"
    assert kept == lines[-len(kept) :] and len(kept) > 5000
    assert by_name["environment.json"] == "(no environment.json)"
    assert json.loads(by_name["config.yaml"])["optim"]["name"] == "aggmo"
    assert (row["setting"], row["seed"], row["status"], row["validation"], row["test"]) == (
        "aggmo lr=0.1",
        0,
        "done",
        0.5,
        0.25,
    )


def test_logs_of_many_runs_stay_within_bounds(tmp_path):
    write_run(tmp_path, "adam")
    (run,) = load(tmp_path)
    (run.folder / "log.txt").write_text("x" * 100_000)
    runs = [run] * 1000
    data = runs_data(runs)
    assert len(data["texts"]) == 4  # equal texts once
    kept = zlib.decompress(base64.b64decode(data["texts"][data["rows"][0]["texts"][3]]))
    assert len(kept) * 1000 <= MAX_LOGS * 1.01


def test_runs_without_results_are_listed(tmp_path):
    write_run(
        tmp_path, "adam", 0, status="running", found={"best": None, "test": None, "seconds": None, "epochs_done": None}
    )
    write_run(tmp_path, "adam", 1, found={"best": {"acc": "?"}, "test": {"loss": 1}})
    for row in runs_data(load(tmp_path))["rows"]:
        assert row["validation"] is None and row["test"] is None
    assert runs_data([]) == {
        "names": ("config.yaml", "environment.json", "status.json", "log.txt"),
        "rows": [],
        "texts": [],
    }


def test_a_picture_is_copied_and_only_png_is_taken(tmp_path):
    text = write_page(demo(tmp_path), tmp_path / "page.html").read_text(encoding="utf-8")
    uri, width, height = re.search(
        r'<img src="data:image/png;base64,([^"]+)" width="(\d+)" height="(\d+)"', text
    ).groups()
    assert base64.b64decode(uri) == (tmp_path / "picture.png").read_bytes() and (width, height) == ("500", "200")
    (tmp_path / "no.png").write_text("<svg/>")
    with pytest.raises(ValueError, match="no.png is no PNG"):
        written(tmp_path, Picture(tmp_path / "no.png"))


def test_a_colour_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not of the form #rrggbb"):
        written(tmp_path, Figure([panel(Line("a", SeriesStyle("red;} x{", (), "o"), [1], [1]))]))


def test_one_section_needs_no_contents_and_no_facts_no_summary(tmp_path):
    text = written(tmp_path, Runs([]), Notes(["a `b` c"], warning=False))
    assert "<nav" not in text and "<dl" not in text and "a <code>b</code> c" in text


def test_packing_is_undone_by_inflating():
    assert unpacked(packed("é 😀")) == "é 😀"
