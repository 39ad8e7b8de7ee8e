"""Published numbers: every file is of its form, says where its numbers come from, and names what this project has."""

import pytest
import yaml

from report.published.matching import method_differences, protocol_differences
from report.published.numbers import FOLDER, published_names, read_published
from results.run import Run
from runner.config.compose import CONFIGS, compose
from runner.config.validate import validate

BLOCK = {
    "what": "test MSE",
    "source": "Table 1",
    "metric": "mse",
    "where": "test",
    "close": 0.1,
    "rows": [{"method": "CM", "ours": {"optim": "momentum", "momentum": 0.99}, "value": 3.45, "std": 0.15}],
}


def test_the_issues_papers_are_there():
    assert {"aggmo/autoencoder", "aggmo/cnn5", "aggmo/resnet34_cifar10", "aggmo/resnet34_cifar100"} <= set(
        published_names()
    )
    assert {"momo/mnist_mlp", "momo/cifar100_resnet110", "nno/cifar10_cnn", "adamp/toy2d"} <= set(published_names())


@pytest.mark.parametrize("name", published_names())
def test_every_file_cites_its_sources_and_says_what_is_missing(name):
    theirs = read_published(name)
    assert len(theirs.paper) > 20 and all(len(block.source) > 10 for block in theirs.numbers)
    head = (FOLDER / f"{name}.yaml").read_text().partition("\ntitle:")[0]
    assert "Missing:" in head and all(line.startswith("#") for line in head.splitlines())
    assert "http" not in (FOLDER / f"{name}.yaml").read_text()
    points = [(row, point) for block in theirs.numbers for row in block.rows for point in row.points]
    assert points and all((point.std is None) or theirs.seeds != 1 for _, point in points)


@pytest.mark.parametrize("name", published_names())
def test_every_file_names_an_experiment_and_optimizers_of_this_project(name):
    theirs = read_published(name)
    assert theirs.experiment == name and (CONFIGS / "experiment" / f"{name}.yaml").exists()
    for ours in (ours for block in theirs.numbers for row in block.rows for ours in row.ours):
        optim, *others = ours.optim.split("+")
        wrappers = [name for name in others if not (CONFIGS / "groups" / f"{name}.yaml").exists()]
        known = set(yaml.safe_load((CONFIGS / "optim" / f"{optim}.yaml").read_text()))
        for wrapper in wrappers:
            content = yaml.safe_load((CONFIGS / "wrap" / f"{wrapper}.yaml").read_text())
            known |= {f"{wrapper}.{key}" for key in content}
        assert set(ours.settings) <= known, ours.optim


@pytest.mark.parametrize("name", published_names())
def test_the_experiment_has_the_published_protocol(name, tmp_path):
    """Nothing but what its header says differs; the experiment's own optimizer is one of the methods."""
    theirs = read_published(name)
    run = Run(tmp_path, validate(compose(f"experiment={name}")).plain, {})
    differences = {text for block in theirs.numbers for text in protocol_differences(theirs, block, run)}
    if name == "adamp/norm_growth":  # a stand-in, as its header says
        assert "data: directions, not imagenet" in differences
    else:
        assert not differences
    methods = [ours for block in theirs.numbers for row in block.rows for ours in row.ours]
    differences = [list(method_differences(ours, run)) for ours in methods if ours.optim == run.optimizer]
    if name == "momo/synthetic_small":  # an experiment has no settings of one optimizer; the grid has the bound
        assert any(len(each) == 1 and "lb" in each[0] for each in differences)
    else:
        assert [] in differences


def test_published_numbers_are_no_choice_of_the_command_line():
    from runner.cli.help import help_text

    assert "published" not in help_text(CONFIGS)


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(ValueError, match=r"named aggmo/autoencodr; did you mean aggmo/autoencoder.*momo/mnist_mlp"):
        read_published("aggmo/autoencodr")
    with pytest.raises(ValueError, match=r"named autoencoder; did you mean aggmo/autoencoder"):
        read_published("autoencoder")
    with pytest.raises(ValueError, match=r"no published numbers are named zzz\. There are adamp/imagenet_"):
        read_published("zzz")


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [", "broken.yaml is no YAML"), ("- 1", "broken=.* is a list"), ("title: x", "broken.paper is missing")],
)
def test_a_file_of_another_form_is_named(tmp_path, content, message):
    (tmp_path / "broken.yaml").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_published("broken", tmp_path)


ROW = {"method": "CM", "ours": {"optim": "sgd"}}


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        ({"sourc": "x"}, ["numbers[0].sourc", "source"]),
        ({"source": ""}, ["numbers[0].source"]),
        ({"source": None}, ["numbers[0].source=null"]),
        ({"close": -1}, ["close=-1", "[0, inf)"]),
        ({"close": True}, ["close=true", "number"]),
        ({"close_relative": 0.1}, ["close or close_relative"]),
        ({"where": "tets"}, ["where=tets", "best, final"]),
        ({"unit": "percent"}, ["unit=percent", "per cent, per cent error"]),
        ({"by": "epoch"}, ["by=epoch", "where=train or val"]),
        ({"by": "lr"}, ["CM needs points"]),
        ({"rows": []}, ["numbers[0].rows is empty"]),
        ({"rows": [ROW]}, ["rows[0].points is missing"]),
        ({"rows": [{**ROW, "value": "a"}]}, ["rows[0].points[0].value=a", "number"]),
        ({"rows": [{**ROW, "value": 1, "std": -1}]}, ["std=-1", "[0, inf)"]),
        ({"rows": [{**ROW, "value": 1, "points": [[1, 1]]}]}, ["rows[0].value"]),
        ({"rows": [{**ROW, "points": [[1, 2, 3, 4]]}]}, ["rows[0].points[0]"]),
        ({"rows": [{"method": "CM", "ours": {"lr": 1}, "value": 1}]}, ["rows[0].ours[0].optim is missing"]),
        ({"rows": [{"ours": {"optim": "sgd"}, "value": 1}]}, ["rows[0].method is missing"]),
    ],
)
def test_what_is_not_of_the_form_is_refused_with_its_place(tmp_path, change, facts):
    content = {"title": "t", "paper": "p", "experiment": "e", "task": "t", "protocol": {}, "numbers": [BLOCK]}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(content))
    assert read_published("x", tmp_path).numbers[0].rows[0].points[0].std == 0.15
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({**content, "numbers": [{**BLOCK, **change}]}))
    with pytest.raises(ValueError) as error:
        read_published("x", tmp_path)
    for fact in facts:
        assert fact in str(error.value)


CURVES = {**BLOCK, "name": "mse", "where": "val", "by": "epoch", "rows": [{**ROW, "points": [[1, 2], [2, 1]]}]}
FIGURE = {"name": "mse", "title": "MSE", "kind": "curves", "panels": [{"blocks": ["mse"]}]}


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        ({"name": "MSE by epoch"}, ["figures[0].name=MSE by epoch"]),
        ({"kind": "curve"}, ["kind=curve", "best_rates"]),
        ({"kind": "sensitivity"}, ["figures[0].panels[0].blocks", "sensitivity", "by lr"]),
        ({"panels": []}, ["figures[0].panels is empty"]),
        ({"panels": [{"blocks": ["loss"]}]}, ["no block is named loss", "mse"]),
        ({"panels": [{"blocks": []}]}, ["figures[0].panels[0].blocks"]),
        ({"panels": [{"blocks": ["mse"], "methods": ["Adam"]}]}, ["methods: Adam", "CM"]),
        ({"panels": [{"blocks": ["mse"], "y_range": [1, 0]}]}, ["y_range=[1,0]"]),
    ],
)
def test_a_figure_that_can_not_be_drawn_is_refused_with_its_place(tmp_path, change, facts):
    content = {"title": "t", "paper": "p", "experiment": "e", "task": "t", "protocol": {}, "numbers": [CURVES]}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({**content, "figures": [FIGURE]}))
    assert read_published("x", tmp_path).figures[0].panels[0].blocks == ["mse"]
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({**content, "figures": [{**FIGURE, **change}]}))
    with pytest.raises(ValueError) as error:
        read_published("x", tmp_path)
    for fact in facts:
        assert fact in str(error.value)


def test_units_of_a_curves_axis_become_epochs(tmp_path):
    content = {"title": "t", "paper": "p", "experiment": "e", "task": "t", "protocol": {}}
    halved = {**CURVES, "epochs_per_unit": 0.5, "compare_at": [2]}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({**content, "numbers": [halved]}))
    (block,) = read_published("x", tmp_path).numbers
    assert [point.x for point in block.rows[0].points] == [0.5, 1.0] and block.compare_at == [1.0]
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({**content, "numbers": [{**BLOCK, "epochs_per_unit": 2}]}))
    with pytest.raises(ValueError, match=r"numbers\[0\]: epochs_per_unit goes with by=epoch"):
        read_published("x", tmp_path)
