"""The report as a whole: from folders and options to files, console and page."""

import csv
import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from run_folders import write_run

from report.commandline import main
from report.comparable import Group


def sweep(root, optimizers=("adam", "aggmo"), rates=(0.01, 0.1, 1.0), seeds=3):
    for k, optimizer in enumerate(optimizers):
        for i, lr in enumerate(rates):
            for seed in range(seeds):
                acc = 0.9 - 0.1 * abs(i - 1) + 0.01 * k + 0.001 * seed
                write_run(root, f"{optimizer},lr={lr}", seed, acc, optimizer=optimizer, lr=lr)


PNG = ("--formats", "png")  # of tests that are not about figures: each PDF takes as long again


def files(folder):
    return {path.name for path in folder.iterdir()}


def test_a_sweep_gives_tables_figures_and_a_page(tmp_path, capsys):
    sweep(tmp_path)
    assert main([str(tmp_path / "digits")]) == 0
    out = tmp_path / "digits" / "report"
    tables = {
        f"{name}.{e}"
        for name in ("best", "differences", "targets", "sensitivity", "settings")
        for e in ("md", "csv", "tex")
    }
    figures = {f"{name}.{ending}" for name in ("comparison", "sensitivity") for ending in ("png", "pdf")}
    assert files(out) == tables | figures | {"report.html", "report_files.txt"}
    said = capsys.readouterr().out
    assert "digits: 18 runs, 6 settings (18 done)" in said
    assert str(out / "report.html") in said and str(out / "comparison.png") in said
    with open(out / "best.csv", newline="") as text:
        rows = list(csv.DictReader(text))
    assert [row["best setting"] for row in rows] == ["adam lr=0.1", "aggmo lr=0.1"]
    assert [float(row["test acc"]) for row in rows] == pytest.approx([0.901 / 2, 0.911 / 2])


def test_a_second_report_does_not_read_the_first(tmp_path, capsys):
    sweep(tmp_path)
    main([str(tmp_path), *PNG])
    first = capsys.readouterr()
    assert main([str(tmp_path), *PNG]) == 0
    assert capsys.readouterr() == first


def test_filters_and_another_place(tmp_path, capsys):
    sweep(tmp_path)
    out = tmp_path / "elsewhere" / "here"
    assert main([str(tmp_path), "optim=aggmo", "--out", str(out), "--no-html", "--formats", "png", "optim.lr=0.1"]) == 0
    assert "digits: 3 runs, 1 setting " in capsys.readouterr().out
    assert {"best.md", "comparison.png"} <= files(out) and not {"report.html", "comparison.pdf"} & files(out)
    assert not (tmp_path / "report").exists()


def test_a_seeds_folder_is_no_filter(tmp_path, capsys):
    folder = write_run(tmp_path, "aggmo", 0, 0.5)
    assert main([str(folder), *PNG]) == 0
    assert "digits: 1 run, 1 setting " in capsys.readouterr().out
    assert (folder / "report" / "report.html").exists()


def test_several_tasks_have_a_report_each(tmp_path, capsys):
    sweep(tmp_path)
    write_run(tmp_path, "adam", 0, 12.5, optimizer="adam", task="autoencoder", metric="mse", better="min")
    assert main([str(tmp_path), *PNG]) == 0
    assert {"digits_best.md", "autoencoder_best.md", "report.html"} <= files(tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "digits: Results" in page and "autoencoder: Curves" in page


def test_strange_content_gives_named_warnings_and_the_rest_a_report(tmp_path, capsys):
    sweep(tmp_path, rates=(0.1,))
    write_run(tmp_path, "aggmo,lr=9", 0, 0.1, status="diverged", lr=9.0)
    write_run(tmp_path, "aggmo,lr=3", 0, 0.1, status="failed", lr=3.0)
    copy = write_run(
        tmp_path / "copy", "adam,lr=0.1", 0, 0.9, optimizer="adam", environment={"time": "2020-01-01T00:00:00+00:00"}
    )
    damaged = write_run(tmp_path, "aggmo,lr=7", 0, 0.5, lr=7.0)
    (damaged / "status.json").write_text("{")
    half = write_run(tmp_path, "aggmo,lr=5", 0, 0.5, status="running", lr=5.0)
    with open(half / "metrics.jsonl", "a") as text:
        text.write('{"split": "tra')
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "status.json").write_text(json.dumps({"status": "in love"}))
    assert main([str(tmp_path), *PNG]) == 0
    said = capsys.readouterr()
    skipped = [line for line in said.err.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == 3 and all(
        any(str(p) in line for line in skipped) for p in (copy, damaged, tmp_path / "notes")
    )
    assert "6 done" in said.out and "1 diverged" in said.out and "1 running" in said.out
    assert "warning: " in said.out


@pytest.mark.parametrize(
    "words, message",
    [
        (["nowhere"], "nowhere is not there"),
        (["{root}", "optim=sdg"], "optim=sdg"),
        (["{root}", "optimm=adam"], "optimm"),
        (["{root}", "--baseline", "sgd"], "--baseline sgd: no finished runs; there are adam, aggmo"),
        (["{root}", "--against", "aggmo/autoencodr"], "did you mean aggmo/autoencoder"),
        (["{root}", "--heatmap", "optim.lr,optim.beta"], "optim.beta"),
        (["{root}", "--count", "0"], "--count 0: at least 1"),
        (["optim=adam"], "name a folder of runs"),
    ],
)
def test_what_can_not_be_done_is_one_line(tmp_path, capsys, words, message):
    sweep(tmp_path, seeds=1)
    assert main([word.format(root=tmp_path) for word in words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said and len(said.splitlines()) == 1
    assert not (tmp_path / "report").exists()


def test_an_empty_folder_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "no run that has finished an epoch" in capsys.readouterr().err


def test_published_numbers_stand_beside_ours(tmp_path, capsys):
    config = {"model.name": "autoencoder", "data.name": "fashion_mnist"}
    write_run(tmp_path, "adam", 0, 3.5, optimizer="adam", task="autoencoder", metric="mse", better="min", config=config)
    assert main([str(tmp_path), "--against", "aggmo/autoencoder", *PNG]) == 0
    said = capsys.readouterr().out
    assert "not comparable (data: fashion_mnist, not mnist" in " ".join(said.split())
    assert "against_aggmo_autoencoder.md" in files(tmp_path / "report")


def test_nothing_to_compare_says_what_is_published_and_why(tmp_path, capsys):
    write_run(tmp_path, "momentum", 0, 0.5, optimizer="momentum", config={"wrap.ema": {"name": "ema"}})
    assert main([str(tmp_path), "--against", "momo/mnist_mlp", *PNG]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Against momo/mnist_mlp: nothing to compare. Published on mnist: " in said
    assert "Adam (optim=adam)" in said and "these runs are of momentum+ema" in said
    assert "nothing to compare" in (tmp_path / "report" / "report.html").read_text()


def test_what_can_not_be_compared_has_a_report_of_its_own(tmp_path, capsys):
    for epochs in (3, 10):
        for optimizer in ("adam", "sgd"):
            write_run(tmp_path, optimizer, 0, epochs / 20, optimizer=optimizer, epochs=epochs)
    write_run(tmp_path, "adam", 0, 0.9, optimizer="adam", epochs=3, config={"model.name": "cnn"})
    assert main([str(tmp_path), *PNG]) == 0
    said = capsys.readouterr().out
    for name, runs in (("model=mlp epochs=3", 2), ("model=mlp epochs=10", 2), ("model=cnn epochs=3", 1)):
        assert any(line.startswith("digits ") and f"{runs} run" in line for line in said.splitlines())
        assert f"digits_{name.replace(' ', '_')}_best.csv" in files(tmp_path / "report"), files(tmp_path / "report")
    with open(tmp_path / "report" / "digits_model=mlp_epochs=3_best.csv", newline="") as text:
        rows = list(csv.DictReader(text))
    assert [row["best setting"] for row in rows] == ["adam lr=0.1", "sgd lr=0.1"]
    labels = re.findall(r"label{(.*)}", "".join(p.read_text() for p in (tmp_path / "report").glob("*.tex")))
    assert len(labels) == len(set(labels)) > 3
    assert main([str(tmp_path), "--across", "epochs,model", *PNG]) == 0
    assert "digits: 5 runs, 5 settings" in capsys.readouterr().out


def test_an_earlier_reports_files_go_and_only_those(tmp_path):
    sweep(tmp_path)
    out = tmp_path / "report"
    assert main([str(tmp_path)]) == 0
    (out / "mine.png").write_text("")
    (tmp_path / "outside.md").write_text("")
    with open(out / "report_files.txt", "a") as text:
        text.write("../outside.md\n\n.\n")
    assert "sensitivity.png" in files(out)
    assert main([str(tmp_path), "optim.lr=0.1", "--no-html", "--formats", "png"]) == 0
    assert not {"sensitivity.png", "sensitivity.tex", "comparison.pdf", "report.html"} & files(out)
    assert {"mine.png", "comparison.png", "best.md"} <= files(out) and (tmp_path / "outside.md").exists()


def test_the_console_fits_80_columns(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    sweep(tmp_path, optimizers=("adam", "aggmo_general", "momo_adam", "sgd"))
    assert main([str(tmp_path), "--against", "momo/mnist_mlp", *PNG]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 80


def test_the_script_needs_no_torch(tmp_path):
    sweep(tmp_path, seeds=1)
    code = "import sys; from report.commandline import main; main(sys.argv[1:]); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_groups_that_differ_in_much_have_names_that_files_can_have():
    many = " ".join(f"data.key{i}=0.1666666" for i in range(40))
    prefixes = [Group(name, ()).prefix for name in ("mnist", f"mnist {many}", f"mnist {many} epochs=3")]
    assert prefixes[0] == "mnist" and len(set(prefixes)) == 3
    assert all(prefix.startswith("mnist") and len(prefix) <= 80 for prefix in prefixes)
