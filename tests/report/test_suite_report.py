"""The suite's report: what is compared, what the scores say of planted optimizers, and its page and files."""

import json
import math
import statistics
from dataclasses import replace

import pytest
from scipy.stats import ttest_1samp
from suite_demo import Maker, small_suite, write_recorded

from report.callbacks import summarise_suite
from report.commandline import main
from report.page.html import write_page
from report.scores.wins import TIE
from report.suite.console import summary
from report.suite.gather import gather
from report.suite.origins import origin_notes, timed
from report.suite.report import page_of, read_report, suite_report
from report.suite.scored import scored
from results.suite_runs import read_suite_runs

SUITE = small_suite()
MAKER = Maker(SUITE)
BASELINES = {"adam": 0.3, "sgd": 0.6}


def compare(own=None, recorded=None, suite=SUITE):
    return scored(gather("demo", suite, own, recorded))


def ranks(found):
    return {rank.optimizer: rank.mean for rank in found.ranks}


# --- what is compared ---------------------------------------------------------------------------------------------


def test_a_better_optimizer_ranks_first_and_a_copy_is_a_tie():
    recorded = MAKER.suite_runs(BASELINES)
    own = MAKER.suite_runs({"good": 0.0})
    copy = MAKER.suite_runs({"copy": 0.3}, as_="adam")  # adam's chance, too
    both = replace(own, runs={task: [*own.runs[task], *copy.runs[task]] for task in own.runs})
    found = compare(both, recorded)
    assert found.compared.mine == ("copy", "good") and found.order[0] == "good"
    assert ranks(found) == {"good": 1, "adam": 2.5, "copy": 2.5, "sgd": 4}
    duels = {(duel.optimizer, duel.baseline): duel for duel in found.duels}
    assert set(duels) == {(mine, other) for mine in ("good", "copy") for other in BASELINES}
    assert duels["copy", "adam"].tasks(TIE) == ["t0", "t1", "t2"]
    assert all(each.difference == 0 for each in duels["copy", "adam"].comparisons.values())
    assert found.area("good") == 1 and found.area("copy") == found.area("adam") < 1


def test_a_copy_of_a_record_is_equal_to_it_though_records_are_rounded(tmp_path):
    """Without noise a difference counts as it stands: the digits that a record lacks must not be one."""
    maker = Maker(SUITE, deterministic=("t0", "t1", "t2"))
    write_recorded(tmp_path, maker.suite_runs({"adam": 1 / 3}))
    found = compare(maker.suite_runs({"copy": 1 / 3}, as_="adam"), read_suite_runs(tmp_path))
    (duel,) = found.duels
    assert duel.tasks(TIE) == ["t0", "t1", "t2"] and ranks(found) == {"adam": 1.5, "copy": 1.5}


def test_own_runs_come_before_recorded_ones_and_both_alone_are_enough():
    recorded, own = MAKER.suite_runs(BASELINES), MAKER.suite_runs({"adam": 0.0})
    both = compare(own, recorded)
    assert both.compared.mine == ("adam",) and both.order == ["adam", "sgd"]
    assert any(note.startswith("adam: your runs") for note in both.compared.notes)
    assert len(both.compared.runs_of("t0")["adam"]) == 6
    only_recorded, only_own = compare(None, recorded), compare(recorded, None)
    for found in (only_recorded, only_own):
        assert found.compared.mine == () and found.order == ["adam", "sgd"]
        assert [(duel.optimizer, duel.baseline) for duel in found.duels] == [("adam", "sgd")]
    with_baseline = scored(gather("demo", SUITE, recorded, None), ["sgd"])
    assert [(duel.optimizer, duel.baseline) for duel in with_baseline.duels] == [("adam", "sgd")]
    with pytest.raises(ValueError, match="--baseline lion: .*adam, sgd"):
        scored(gather("demo", SUITE, recorded, None), ["lion"])


def test_runs_of_another_definition_are_left_out_and_named():
    own = MAKER.suite_runs({"mine": 0.1})
    recorded = MAKER.suite_runs(BASELINES, definitions={"t1": "0" * 8})
    found = compare(own, recorded)
    assert any("Recorded runs of t1" in line for line in found.compared.warnings)
    assert list(found.compared.runs_of("t1")) == ["mine"] and ranks(found) == {"mine": 1}
    assert found.unranked == ["adam", "sgd"]
    with pytest.raises(ValueError, match="no finished run.*Recorded runs of t0"):
        compare(None, MAKER.suite_runs(BASELINES, definitions=dict.fromkeys(SUITE.tasks, "0" * 8)))


def test_a_task_in_place_of_another_is_compared_where_it_was_run():
    tasks = {**SUITE.tasks, "t0": replace(SUITE.tasks["t0"], has_files=True)}
    tasks["t1"] = replace(tasks["t1"], instead_of="t0")
    maker = Maker(replace(SUITE, tasks=tasks))
    recorded = maker.suite_runs(BASELINES)
    for run, kept in ((["t1", "t2"], ["t1", "t2"]), (["t0", "t2"], ["t0", "t2"]), (None, ["t0", "t2"])):
        own = maker.suite_runs({"mine": 0.1}, run) if run else None
        found = compare(own, recorded, maker.suite)
        assert [task.name for task in found.tasks] == kept and len(ranks(found)) == 2 + (run is not None)


def test_some_tasks_and_optimizers_are_selected(tmp_path):
    spec = {"epochs": 6, "metric": "mse", "better": "min", "near": 0.5}
    tasks = {f"t{i}": {"overrides": [f"task=x{i}"], **spec} for i in range(3)}
    (tmp_path / "demo.yaml").write_text(json.dumps({"trials": 4, "seeds": [0, 1, 2], "tasks": tasks}))
    maker = Maker(small_suite(3, metric="mse", better="min", log_scale=False), str(tmp_path / "demo.yaml"))
    spoiled = {task: maker.runs(task, "adam", 0.9 if task == "t0" else 0.0) for task in SUITE.tasks}
    others = maker.suite_runs({"sgd": 0.4, "lion": 0.8})
    write_recorded(tmp_path / "demo", replace(others, runs={t: [*others.runs[t], *spoiled[t]] for t in spoiled}))
    for tasks, first in (((), 3), (["t0"], 1), (["t1", "t2"], 2)):
        found = read_report(tmp_path / "demo", only=["adam", "sgd"], tasks=tasks)
        assert len(found.scored.tasks) == first and not found.warnings[1:] and len(found.scored.ranks) == 2
        assert found.scored.order[0] == ("sgd" if tasks == ["t0"] else "adam")


def test_unfinished_runs_and_earlier_code_are_left_out_and_named():
    running = MAKER.suite_runs({"mine": 0.1}, ending=lambda lr, seed: "running" if seed == 2 else "done")
    earlier = MAKER.suite_runs({"mine": 0.0}, code={"plugins/mine.py": "a"}, environment={"time": "2025"})
    own = replace(running, runs={task: [*running.runs[task], *earlier.runs[task]] for task in running.runs})
    found = compare(own, MAKER.suite_runs(BASELINES))
    text = " ".join(found.compared.warnings)
    assert "3 runs of mine are left out, as they have not ended" in text and "18 runs of mine" in text
    assert len(found.chosen["t0"]["mine"].trials) == 2 and len(found.tried["t0"]["mine"]) == 4


def test_an_optimizer_that_ran_on_some_tasks_only_has_no_rank():
    recorded, own = MAKER.suite_runs(BASELINES), MAKER.suite_runs({"mine": 0.0}, ["t0", "t1"])
    found = compare(own, recorded)
    assert [task.name for task in found.ranked_tasks] == ["t0", "t1"] and len(ranks(found)) == 3
    among = compare(replace(recorded, runs={**recorded.runs, "t2": MAKER.runs("t2", "adam", 0.3)}), None)
    assert [task.name for task in among.ranked_tasks] == ["t0", "t1"] and ranks(among).keys() == BASELINES.keys()


def test_other_code_and_versions_are_named_and_times_are_compared_on_one_machine_only():
    own, recorded = MAKER.suite_runs({"mine": 0.1}), MAKER.suite_runs(BASELINES)
    same = gather("demo", SUITE, own, recorded)
    assert origin_notes(same) == [] and timed(same)[1] == ""
    old = {"packages": {"torch": "2.11.0"}}
    others = MAKER.suite_runs(BASELINES, code={"data/made.py": "2"}, environment=old)
    version, code = origin_notes(gather("demo", SUITE, own, others))
    assert "2.11.0" in version and "2.15.0" in version and "data/made.py" in code and "t0, t1, t2" in code
    for environment in (old, {"device_name": "Another"}, {"threads": 2}, {"stacked": 8}):
        other = MAKER.suite_runs(BASELINES, environment=environment)
        assert timed(gather("demo", SUITE, own, other))[0] == {}
    assert timed(gather("demo", SUITE, MAKER.suite_runs({"mine": 0.1}, environment={"stacked": 4}), recorded))[0] == {}


# --- scores -------------------------------------------------------------------------------------------------------


def test_an_optimizer_that_diverged_and_a_target_that_none_reached():
    suite = replace(SUITE, tasks={**SUITE.tasks, "t2": replace(SUITE.tasks["t2"], target=1e-9)})
    own = Maker(suite).suite_runs({"mine": 0.0}, ["t1", "t2"])
    lost = {"t0": Maker(suite).runs("t0", "mine", 0.0, lambda lr, seed: "diverged")}
    recorded = Maker(suite).suite_runs(BASELINES)
    own = replace(own, runs={**own.runs, **lost})
    own = replace(own, manifest=replace(own.manifest, definitions=recorded.manifest.definitions))
    report = suite_report("demo", suite, own, recorded)
    found = report.scored
    rank = next(rank for rank in found.ranks if rank.optimizer == "mine")
    assert rank.by_task == (3, 1, 1) and found.means["t0"]["mine"] == math.inf
    assert all(duel.verdicts["t0"] == "loss" for duel in found.duels)
    assert found.steps["t2"] == dict.fromkeys(("adam", "mine", "sgd"))
    assert any("target of t2" in note for note in report.notes)
    tables = {name: table for _, tables, _ in report.parts for name, table in tables.items()}
    row = next(row for row in tables["ranking"].rows if row[0] == "mine")
    assert row[3] == "diverged" and next(iter(tables["sensitivity"].rows))[0] == "adam"
    sensitive = next(row for row in tables["sensitivity_to_all"].rows if row[0] == "mine")
    assert sensitive[2] == "0.00" and float(sensitive[1]) < 1
    assert "mine" not in found.expected(found.tasks[0]) and len(found.expected(found.tasks[0])["adam"]) == 4


def test_a_target_may_have_to_be_passed_significantly():
    """The mean of three seeds passes later with p < 0.01, or not at all; cautions and notes go by the same steps."""
    recorded = MAKER.suite_runs(BASELINES)
    means = compare(None, recorded).steps
    found = suite_report("demo", replace(SUITE, significance=0.01), None, recorded)
    tables = {name: table for _, tables, _ in found.parts for name, table in tables.items()}
    assert any("p < 0.01" in note for note in tables["steps"].notes)
    for task, own in found.scored.steps.items():
        for optimizer, steps in own.items():
            setting = found.scored.chosen[task][optimizer]
            target = setting.task.loss(setting.task.target)
            by_step = [dict(trial.curve) for trial in setting.trials]
            values = {step: [setting.task.loss(curve[step]) for curve in by_step] for step in by_step[0]}
            passed = [
                step
                for step, each in sorted(values.items())
                if statistics.fmean(each) <= target and ttest_1samp(each, target, alternative="less").pvalue < 0.01
            ]
            assert steps == (passed[0] if passed else None)
    assert means != found.scored.steps


def test_one_diverged_seed_of_the_best_setting_is_not_passed_over():
    own = MAKER.suite_runs({"mine": 0.0}, ending=lambda lr, seed: "diverged" if seed == 1 else "done")
    found = compare(own, MAKER.suite_runs(BASELINES))
    assert len(found.chosen["t0"]["mine"].trials) == 3 and ranks(found)["mine"] == 3
    report = suite_report("demo", SUITE, own, MAKER.suite_runs(BASELINES))
    assert "1 of 3 diverged" in report.parts[0][1]["ranking"].csv()


# --- the page, the files, the console -----------------------------------------------------------------------------


def many(number):
    return MAKER.suite_runs({f"other{i}": 0.2 + 0.04 * i for i in range(number)})


def test_cells_have_shades_words_and_tips_and_ones_own_stand_out():
    report = suite_report("demo", SUITE, MAKER.suite_runs({"mine": 0.1}), many(10))
    table = report.parts[0][1]["ranking"]
    rows = {
        row[0]: dict(zip(table.columns, looks, strict=True)) for row, looks in zip(table.rows, table.looks, strict=True)
    }
    first = table.columns[3]
    assert first == "t0: log10 mse ↓, near 0.5" and rows["mine"]["optimizer"].strong
    best = rows["mine"][first]
    assert (best.level, best.below) == (0, "best") and "lr=" in best.tip and "0: " in best.tip and "target" in best.tip
    assert {look.level for row in rows.values() for look in row.values()} >= {0, 2, 3, 4}
    assert (
        "| **mine**" in table.text()
        and r"\textbf{mine}" in table.latex()
        and "**" not in table.csv() + table.console(300)
    )
    text = summary(report, 100)
    assert "> mine" in text and "mine against other0" in text and "area of profile" in text
    several = suite_report("demo", SUITE, many(5), MAKER.suite_runs({f"base{i}": 0.1 * i for i in range(4)}))
    assert summary(several, 300).count(" against base") == 5 * 2  # all twenty are in the report
    page = page_of(report)
    (runs, recorded) = page.sections[-1].items
    assert len(runs.runs) == 18 and set(runs.tasks) == {"t0", "t1", "t2"} and len(recorded.runs) == 180
    lines = {line.label: line.weight for line in report.parts[0][2][0].panels[0].lines}
    assert list(lines)[0] == "mine" and lines["mine"] == "strong"
    assert sorted(lines.values()) == ["faint"] * 5 + ["normal"] * 5 + ["strong"]


@pytest.fixture
def suite_folder(tmp_path):
    """Recorded runs of a suite of its own file."""
    spec = {"overrides": ["task=x0"], "epochs": 6, "metric": "mse", "better": "min", "near": 0.5, "log_scale": True}
    file = tmp_path / "demo.yaml"
    file.write_text(json.dumps({"trials": 2, "seeds": [0, 1], "tasks": {"t0": {**spec, "floor": 1e-9}}}))
    folder = tmp_path / "suites" / "demo"
    write_recorded(folder, Maker(small_suite(1, 2, 2), str(file)).suite_runs(BASELINES))
    return folder


def test_a_suites_folder_on_the_command_line(suite_folder, tmp_path, capsys):
    text = summary(read_report(suite_folder, ["sgd"]), 100)
    assert text.startswith("suite demo") and "adam against sgd" in text and "area" not in text  # no target
    for words, said in (
        (["--heatmap", "a,b"], "--heatmap"),
        (["optim=lion"], "no finished run"),
        (["seed=0"], "seed=0"),
        (["task=t7"], "they are t0"),
        (["--baseline", "lion"], "adam, sgd"),
        ([str(tmp_path)], "name it alone"),
    ):
        assert main([str(suite_folder), *words]) == 2 and said in capsys.readouterr().err
    for wrong in ("0", "1", "nan", "much"):
        with pytest.raises(SystemExit, match="2"):
            main([str(suite_folder), "--significance", wrong])
        assert "between 0 and 1" in capsys.readouterr().err
    assert main([str(tmp_path), "--significance", "0.01"]) == 2
    assert "for a suite's folder" in capsys.readouterr().err
    (suite_folder / "suite.json").write_text("{")
    assert main([str(suite_folder)]) == 2 and "suite.json" in capsys.readouterr().err


@pytest.mark.slow
def test_the_files_of_a_suites_two_doors(suite_folder, capsys):
    """The command line, and the function that is called at a suite's end."""
    assert main([str(suite_folder), "--formats", "png"]) == 0
    assert str(suite_folder / "report" / "report.html") in capsys.readouterr().out
    written = {path.name for path in (suite_folder / "report").iterdir()}
    for name in ("ranking", "duels", "sensitivity", "expected_best", "best_t0"):
        assert {f"{name}.{ending}" for ending in ("md", "csv", "tex")} <= written
    assert {"profile.png", "curves_t0.png", "tuning_t0.png", "expected_best.png"} <= written
    assert "steps.md" not in written  # no target
    assert "adam" in summarise_suite(suite_folder) and (suite_folder / "report" / "profile.png").is_file()


@pytest.mark.slow
def test_the_page_in_a_browser(visit, tmp_path):
    maker = Maker(small_suite(2))
    others = maker.suite_runs({f"other{i}": 0.2 + 0.04 * i for i in range(11)})
    write_recorded(tmp_path / "recorded", others)
    recorded = read_suite_runs(tmp_path / "recorded")
    report = suite_report("demo", maker.suite, maker.suite_runs({"mine": 0.1}), recorded)
    del report.parts[1:]  # charts to wait for
    page = visit(file=write_page(page_of(report), tmp_path / "report.html"))
    table = "#s1 div.table"
    assert page.value(f"document.querySelectorAll('{table} td[title]').length") == 24
    page.click(f"{table} th:nth-child(4) button")
    assert page.texts(f"{table} tbody tr:first-child td")[0] == "mine"
    legend = page.texts("#s1 .legendtext")
    assert legend[0] == "mine" and len(legend) == 12
    lines = "document.querySelector('#s1 .chart').data.filter((t) => t.meta === 'line')"
    shown = f"{lines}.filter((t) => (t.visible ?? true) === true).length"
    before = page.value(shown)
    page.value("document.querySelector('#s1 .chart')._context.doubleClickDelay = 20")
    page.click("#s1 .legendtoggle")
    page.until(f"{shown} === {before} - 2")
    for width in (1400, 420):
        page.resize(width, 900)
        assert page.value("document.documentElement.scrollWidth") <= width
    page.click("section:last-of-type .runs:last-of-type .open")
    page.until("document.querySelector('dialog[open] pre')?.textContent.includes('\"lr\"')")
