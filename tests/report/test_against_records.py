"""--against records: which recorded setting stands beside a run's, each verdict, and what is named as different."""

import pytest
from run_folders import write_run

from report.commandline import main
from report.published.against_records import records_table
from report.published.record_panels import record_panels
from results.find import load_runs
from results.run_records import write_records
from results.settings import settings


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Recorded: adam at two rates, aggmo diverged, sgd of one seed."""
    folder = tmp_path_factory.mktemp("recorded")
    for seed, acc in enumerate((0.900, 0.901, 0.902)):
        write_run(folder, "adam,lr=0.1", seed, acc, "done", "adam", 0.1)
        write_run(folder, "adam,lr=1", seed, acc - 0.5, "done", "adam", 1.0)
        write_run(folder, "aggmo,lr=0.1", seed, acc, "diverged", "aggmo", 0.1)
    write_run(folder, "sgd,lr=0.1", 0, 0.7, "done", "sgd", 0.1)
    write_records(folder / "x.jsonl", "x", load_runs(folder / "digits"))
    return str(folder / "x.jsonl")


def runs(root, *accs, optimizer="adam", lr=0.1, first=10, status="done", config=None, environment=None, epochs=3):
    for seed, acc in enumerate(accs, first):
        how = {"config": config, "environment": environment}
        write_run(root, f"{optimizer},lr={lr}", seed, acc, status, optimizer, lr, epochs, **how)
    return settings(load_runs(root))


def verdicts(file, ours):
    return {row[1].split(" ")[0]: row[7] for row in records_table(file, ours).rows}


OTHER_DATA = "not comparable (data: mnist, not digits)"
CASES = {  # validation accuracies of other seeds than the recorded ones, unless said
    "match": ({}, (0.9005, 0.9010, 0.9016), "match"),
    "equal": ({"first": 0}, (0.900, 0.901, 0.902), "match (equal on 3 seeds)"),
    "close": ({}, (0.9041, 0.9040, 0.9042), "close"),
    "differs": ({}, (0.92, 0.921, 0.922), "differs"),
    "wide": ({}, (0.85, 0.99), "not comparable (the interval is too wide to decide)"),
    "one": ({}, (0.95,), "not comparable (one run: no interval)"),
    "one close": ({"optimizer": "sgd"}, (0.701, 0.702), "close (one run: no interval)"),
    "diverged": ({"optimizer": "aggmo", "status": "diverged"}, (0.1, 0.1), "match (all diverge)"),
    "not diverged": ({"optimizer": "aggmo"}, (0.9, 0.9), "differs (the recorded runs diverge)"),
    "they diverge": ({"status": "diverged"}, (0.9, 0.9), "differs (these runs diverge)"),
    "epochs": ({"epochs": 2}, (0.9, 0.9), "not comparable (epochs: 2 of 3)"),
    "data": (
        {"config": {"data.name": "mnist", "data.val_fraction": 0.3}},
        (0.9,),
        "not comparable (data: mnist, not digits)",
    ),
    "speed": ({"config": {"threads": 4, "data.root": "/x", "backend": "foreach"}}, (0.9005, 0.901, 0.9016), "match"),
}


@pytest.mark.parametrize("case", CASES)
def test_verdicts(tmp_path, file, case):
    how, accs, expected = CASES[case]
    assert verdicts(file, runs(tmp_path, *accs, **how))["validation"] == expected


def test_a_setting_stands_beside_its_own_and_one_without_is_named(tmp_path, file):
    versions = {"packages.torch": "2.12.0", "code": {"optim/rules/adam.py": "00"}}
    for rate in (0.1, 1.0, 3.0):
        runs(tmp_path, 0.9, 0.91, lr=rate, environment=versions)
    ours = settings(load_runs(tmp_path))
    table = records_table(file, ours)
    rows = {(row[0], row[1].split(" ")[0]): row for row in table.rows}
    assert {name for name, _ in rows} == {"adam lr=0.1", "adam lr=1"}
    shown = ["0.9050 ± 0.0635", "2", "0.9010 ± 0.0025", "3", "+0.0040"]
    assert list(rows["adam lr=0.1", "validation"][2:7]) == shown
    assert rows["adam lr=1", "test"][4] == "0.2005 ± 0.0012"
    assert rows["adam lr=1", "test"][8] == "torch 2.12.0, recorded 2.15.0; other code of optim/rules/adam.py"
    assert table.notes[-1] == "No recorded run has the optimizer and its settings of adam lr=3."
    curves, rates = record_panels(file, ours)
    assert [line.label for line in curves.lines] == ["recorded", "these runs"] == [line.label for line in rates.lines]
    assert list(rates.lines[0].x) == [0.1, 1.0] and rates.lines[0].y == pytest.approx([0.901, 0.401])


def test_the_command_writes_it_and_refuses_unknown_records(tmp_path, file, capsys):
    runs(tmp_path, 0.9, 0.91)
    words = [str(tmp_path), "--no-html", "--formats", "png", "--out", str(tmp_path / "out")]
    assert main([*words, "--against", file]) == 0
    written = {path.name for path in (tmp_path / "out").iterdir() if "_x." in path.name}
    assert {name[-4:] for name in written} >= {".png", ".csv", ".tex"} and "+0.0040" in capsys.readouterr().out
    for name, message in (("records/x", "no records of that name"), (str(tmp_path / "no.jsonl"), "No such file")):
        assert main([*words, "--against", name]) == 2
        assert message in capsys.readouterr().err
