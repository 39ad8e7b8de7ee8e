"""The report's page: what is in the file, before any browser has read it."""

import base64
import hashlib
import json
import math
import re
import zlib
from pathlib import Path

import pytest
from folders import write_run
from page_demo import EVIL, demo

from report.figures.contrast import DARK, LIGHT, contrast, readable
from report.figures.panel import Line, Panel
from report.figures.series_style import COLOURS, SeriesStyle, style_of
from report.page.embedded import (
    ALL_LOGS,
    MOST_POINTS,
    as_json,
    clean,
    packed,
    panel_data,
    read_text,
    runs_data,
    thinned,
)
from report.page.writing import Figure, Notes, Page, Picture, Runs, Section, write_page
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


def test_the_demo_holds_everything_and_asks_for_nothing(tmp_path):
    text = write_page(demo(tmp_path), tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and text.count("<h1>") == 1
    for title in ("Curves", "Learning rate", "Results", "Pictures", "Runs"):
        assert f">{title}</h2>" in text and f">{title}</a></li>" in text
    assert not re.search(
        r"""(?:src|href)=["'](?!#|data:)|url\((?!#)|@import|https?://(?!www\.w3\.org/2000/svg)""", text
    )
    assert re.findall(r"<dt>([^<]*)</dt><dd>(.*?)</dd>", text)[-1] == ("caution", '<a href="#caution">1</a>')


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(tmp_path):
    text = written(tmp_path)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for kind in ("style", "script"):
        (inner,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        assert f"{kind}-src 'sha256-{base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()}'" in policy
    assert " style=" not in text and not re.search(r"\son\w+=", text)


def test_nothing_that_a_run_or_a_cell_says_becomes_markup(tmp_path):
    folder = write_run(tmp_path, "adam", config={"task.name": EVIL.split("é")[0]})
    (folder / "log.txt").write_text(EVIL)
    evil = line([1.0], label=EVIL)
    items = [
        Figure([Panel(EVIL, EVIL, EVIL, [evil], note=EVIL)], EVIL),
        Table(EVIL, [EVIL], [[EVIL]], [EVIL]),
        Notes([EVIL]),
    ]
    page = Page(EVIL, EVIL, [Section(EVIL, EVIL, [*items, Runs(load(tmp_path), EVIL)]), Section(EVIL)], [(EVIL, EVIL)])
    text = write_page(page, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<img" not in text and "<b>" not in text
    assert text.count("</script>") == 4  # figure, table, runs and the page's own
    (data,), csv, runs = scripts(text)
    assert data["lines"][0]["label"] == EVIL and EVIL in csv and runs["rows"][0]["folder"] == "."


def test_marks_of_a_terminal_and_half_characters_are_left_out(tmp_path):
    assert clean("\x1b[1;32mgreen\x1b[0m \x1b]0;title\x07end\x00\x7f") == "green end"
    assert clean("10%\r50%\rdone\r\nnext\tcell") == "done\nnext\tcell"
    assert clean("a\ud800b") == "ab"
    (tmp_path / "log.txt").write_bytes(b"\xff\x1b[31mred")
    assert read_text(tmp_path / "log.txt", 100) == "\ufffdred"
    assert "\ud800" not in written(tmp_path, Notes(["\ud800"]))


def test_a_panel_keeps_looks_gaps_and_limits():
    values = [0.5, math.nan, math.inf, 0.123456789]
    a = line(values, low=[0.4] * 4, high=[0.6] * 4, diverged_at=[4], crosses=[(4, 0.1), (3, math.nan)])
    b = line([1.0] * 4, raw=[2.0] * 4, label="b")
    data = panel_data(panel(a, b, x_log=True, y_range=(0, 1), note="n", diverged_edge="bottom"))
    first, second = data["lines"]
    assert first["y"] == [0.5, None, None, 0.1234568] and first["high"] == [0.6] * 4
    assert (first["colour"], first["dash"], first["marker"]) == ("009e73", [6, 2, 1.5, 2], "^")
    assert first["lost"] == [4] and first["crosses"] == [[4, 0.1]] and second["ghost"] == [2.0] * 4
    assert data["xs"] == [[1, 2, 3, 4]] and first["x"] == second["x"] == 0
    assert (data["x_log"], data["y_log"], data["y_range"], data["lost_at"]) == (True, False, (0, 1), "bottom")
    assert not data["thinned"] and not first["markers"] and panel_data(panel(line([1.0])))["lines"][0]["markers"]
    json.loads(as_json(data))


def test_a_long_line_is_thinned_but_keeps_its_ends_and_its_spikes():
    y = [math.sin(i / 500) for i in range(100_000)]
    y[54_321], y[65_432], y[100] = 50.0, -50.0, math.nan
    short = thinned(line(y, high=[v + 1 for v in y]))
    assert len(short.x) <= MOST_POINTS and len(short.high) == len(short.y) == len(short.x)
    points = dict(zip(short.x, short.y, strict=True))
    assert points[54_322] == 50 and points[65_433] == -50 and points[1] == y[0] and points[100_000] == y[-1]
    assert panel_data(panel(line(y)))["thinned"]
    assert len(thinned(line([math.nan] * 5000)).x) <= MOST_POINTS


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("ground", [LIGHT, DARK])
def test_every_colour_can_be_seen_on_both_grounds(colour, ground):
    assert contrast(readable(colour, ground), ground) >= 3
    css = (Path(__file__).parents[2] / "report" / "page" / "assets" / "page.css").read_text()
    assert f"--surface: light-dark({LIGHT}, {DARK})" in css  # the grounds are the page's


def test_colours_that_can_be_seen_stay_as_they_are():
    assert readable("#0072b2", LIGHT) == "#0072b2" and readable("#000000", LIGHT) == "#000000"
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)  # a grey that WCAG's readers know


def test_the_end_of_a_long_log_is_kept_and_what_is_missing_is_said(tmp_path):
    folder = write_run(tmp_path, "adam")
    lines = [f"line {i}" for i in range(30_000)]
    (folder / "log.txt").write_text("\n".join(lines))
    (folder / "environment.json").unlink()
    data = runs_data(load(tmp_path))
    (row,) = data["rows"]
    texts = [zlib.decompress(base64.b64decode(data["texts"][i])).decode() for i in row["texts"]]
    by_name = dict(zip(data["names"], texts, strict=True))
    said, *kept = by_name["log.txt"].split("\n")
    assert said == "[the last 64 of 311 KB; log.txt in the run's folder has all]"
    assert kept == lines[-len(kept) :] and len(kept) > 5000
    assert by_name["environment.json"] == "(no environment.json)"
    assert json.loads(by_name["config.yaml"])["optim"]["name"] == "aggmo"
    assert (row["setting"], row["seed"], row["status"], row["validation"], row["test"]) == (
        "adam",
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
    assert len(kept) * 1000 <= ALL_LOGS * 1.01


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
    text = written(tmp_path, Runs([]), Notes(["a `b` c"], caution=False))
    assert "<nav" not in text and "<dl" not in text and "a <code>b</code> c" in text


def test_packing_is_undone_by_inflating():
    assert zlib.decompress(base64.b64decode(packed("é 😀"))).decode() == "é 😀"
