"""docs/reproduction.md: it is up to date, names what there is, and counts verdicts and hours from records."""

import dataclasses
import math
import re

import pytest
from conftest import ROOT
from run_folders import write_run

from report.ledger.costs import cost, grid_size, hours_text
from report.ledger.entries import CONFIGS, Entry, read_costs, read_ledger
from report.ledger.rows import LedgerRow
from report.published.numbers import published_names
from results.find import load_runs
from results.run_records import record_names, write_records
from runner.sweep.grid_files import read_grids
from scripts.ledger import main

MNIST = {
    **{"data.name": "mnist", "data.augment": "none", "data.split": "test", "model.hidden": [100, 100]},
    **{"drop_last": True, "optim.weight_decay": 0.0},
}


def test_the_page_is_what_its_sources_say(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_every_published_file_and_every_record_has_a_row():
    named = {entry.experiment for source in read_ledger() for entry in source.entries}
    there = {*published_names(), *published_names(CONFIGS / "experiment"), *record_names()}
    assert sorted(there - named) == []


def test_what_an_entry_names_is_there():
    """Grids, published quantities, the headline's method and the network whose cost it has."""
    for entry in (entry for source in read_ledger() for entry in source.entries):
        assert not entry.sweep or entry.grids, entry
        assert not entry.cost or entry.cost in read_costs(), entry
        if entry.published and entry.compare != "none":
            row = LedgerRow(entry, [], {})
            assert row.blocks and row.published.startswith(entry.headline), entry


def test_the_runs_of_a_grid_are_those_that_its_command_plans():
    entries = [entry for source in read_ledger() for entry in source.entries if entry.grids]
    planned = {entry.command: [grid for file in entry.grids for grid in read_grids(file)] for entry in entries}
    counted = {entry.command: grid_size(entry, 1)[0] for entry in entries}
    assert counted == {
        command: sum(math.prod(map(len, grid.values())) for grid in grids) for command, grids in planned.items()
    }
    assert counted["python main.py -m experiment=aggmo/autoencoder sweep=paper/figure5"] == 8


def adam(root, lr, accs, status="done"):
    for seed, acc in enumerate(accs):
        write_run(root, f"adam,lr={lr}", seed, acc, status, "adam", lr, 10, task="mnist", config=MNIST)


def test_a_row_counts_verdicts_and_a_record_is_judged_like_its_folder(tmp_path):
    adam(tmp_path, 0.001, (0.9770, 0.9775, 0.9783))  # match: 97.75 ± 0.06
    adam(tmp_path, 0.01, (0.9700, 0.9701, 0.9702))  # miss: 96.46
    adam(tmp_path, 0.1, (0.5, 0.9))  # not comparable: too wide
    write_records(tmp_path / "x.jsonl", "momo/mnist_mlp", load_runs(tmp_path / "mnist"))
    entry = Entry(what="x", experiment="momo/mnist_mlp", compare="rate", headline="Adam")
    rows = [LedgerRow(entry, load_runs(tmp_path / place), read_costs()) for place in ("mnist", "x.jsonl")]
    for row in rows:
        left = row.total - 3
        assert row.verdict == f"1 match, 0 close, 1 miss, 1 not comparable, {left} not run" and row.stand == "partly"
        assert (
            row.published == f"Adam 97.75 ± 0.06 % (validation accuracy, last epoch); {row.total} values"
            and row.ours == "97.76 ± 0.16 (n=3)"
        )
        assert "A CPU: 8 runs, 32 s" in row.took and "A100" in row.took
    best = LedgerRow(dataclasses.replace(entry, compare="best", blocks=["accuracy, last"]), rows[0].runs, {})
    assert best.verdict == f"1 match, 0 close, 0 miss, 0 not comparable, {best.total - 1} not run"
    wide = [run for run in rows[0].runs if run.settings["optim.lr"] == 0.1]
    assert LedgerRow(entry, wide, {}).stand == "begun"
    assert LedgerRow(entry, [], {}).stand == "CPU" and LedgerRow(entry, [], {}).verdict == "not run"


@pytest.mark.parametrize(
    ("given", "stand"),
    [
        ({"experiment": "momo/mnist_mlp", "compare": "none"}, "CPU"),
        ({"experiment": "aggmo/resnet34_cifar10", "compare": "none"}, "GPU"),
        ({"data": "ImageNet", "missing": "a reader"}, "data"),
        ({"missing": "a diffusion model"}, "not built"),
        ({"proof": "equal to 1e-12"}, "reproduced"),
    ],
)
def test_where_an_entry_without_records_stands(given, stand):
    row = LedgerRow(Entry(what="x", **given), [], read_costs())
    assert row.stand == stand and row.ours == "-" and given.get("missing", "") in row.took


def test_hours_are_of_all_runs_and_of_the_measured_step_where_there_is_one(tmp_path):
    known = {"aggmo/cnn5": {"flops_per_sample": 1e9, "samples": 1000, "epochs": 10, "steps": 80}}
    entry = Entry(what="x", experiment="aggmo/cnn5", epochs=20, runs=3)
    if not entry.grids:
        found = cost(entry, known, [])
        assert found.runs == 3 and found.operations == pytest.approx(3 * 20 * 1000 * 1e9)
        assert found.gpu_hours == pytest.approx(6e13 / (0.3 * 19.5e12) / 3600)
    write_run(tmp_path, epochs=100, config={"task.name": "digits"})  # 100 steps in 3 s
    measured = cost(entry, known, load_runs(tmp_path / "digits"))
    assert measured.measured_step == pytest.approx(0.03)
    assert measured.cpu_hours == pytest.approx(measured.operations / 1e13 * 80 * 0.03 / 3600)
    assert [hours_text(h) for h in (0.0001, 0.2, 3.46, 412.3, 12345)] == ["1 s", "12 min", "3.5 h", "410 h", "12,000 h"]


def test_the_command_names_a_damaged_record(tmp_path, capsys):
    (tmp_path / "x.jsonl").write_text("{}\n")
    assert main(["--records", str(tmp_path), "--to", str(tmp_path / "page.md")]) == 2
    assert re.search("error: .*x.jsonl, line 1: ", capsys.readouterr().err) and not (tmp_path / "page.md").exists()


@pytest.mark.slow
def test_the_costs_are_those_of_the_networks(load_module):
    counted = load_module(ROOT / "scripts" / "count_flops.py", "count_flops").costs()
    assert {name: dict(each) for name, each in read_costs().items()} == counted
