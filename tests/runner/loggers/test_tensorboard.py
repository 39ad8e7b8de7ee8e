"""TensorBoard's file against metrics.jsonl, and what its HParams tab shows of several runs."""

import pytest
from runs import read_events, read_rows, read_status

from runner.loggers.scalars import RowScalars

SMALL = ["epochs=2", "limit_train=64", "limit_val=50", "limit_test=50", "logger=[tensorboard]"]


def test_events_are_the_rows_and_the_best_validation(run):
    folder = run("epochs=3", "optim=adam", "log.every=5", "limit_train=300", "logger=[tensorboard]").folder
    events = read_events(folder)
    expected: dict[str, list] = {}
    for row in read_rows(folder):
        prefix = row["split"] + (
            "_last" if row.get("weights") == "last" else "_step" if row.get("per") == "step" else ""
        )
        for key in ("loss", "acc"):
            expected.setdefault(f"{prefix}/{key}", []).append((row["step"], pytest.approx(row[key])))
    others = {"train/epoch", "train/lr", "best/loss", "best/acc"}
    assert {tag: points for tag, points in events.items() if tag not in others} == expected
    assert [value for _, value in events["train/epoch"]] == [1, 2, 3]
    assert [value for _, value in events["train/lr"]] == pytest.approx([0.001] * 3)
    best = read_status(folder)["best"]
    for key in ("loss", "acc"):
        assert events[f"best/{key}"][-1] == (best["step"], pytest.approx(best[key]))


def test_scalars_have_the_best_epoch_so_far():
    scalars = RowScalars("acc", "max")
    rows = [{"split": "val", "epoch": n, "step": n, "loss": n, "acc": acc} for n, acc in enumerate((0.2, 0.5, 0.5))]
    assert [scalars(row).get("best/loss") for row in rows] == [0, 1, None]  # the first of equals
    lower = RowScalars("mse", "min")
    assert lower({"split": "val", "step": 1, "mse": 3.0}) == {"val/mse": 3.0, "best/mse": 3.0}
    assert lower({"split": "val", "step": 2, "mse": 4.0}) == {"val/mse": 4.0}


def test_hparams_compare_runs_of_different_optimizers(run, tmp_path):
    """As the tab asks its server: columns of all optimizers, a group for each setting, the mean over seeds."""
    outputs = tmp_path / "outputs"
    assert run("-m", *SMALL, "optim=sgd,adam", "seed=0,1", outputs=outputs).code == 0
    assert run(*SMALL, "optim=sgd", "optim.lr=1e17", outputs=outputs).code == 0
    experiment, groups = hparams_tab(outputs)
    differing = [info["name"] for info in experiment["hparamInfos"] if info.get("differs")]
    assert differing == ["optim", "optim.lr"]
    names = [info["name"] for info in experiment["hparamInfos"]]
    assert "optim.betas" in names and "optim.weight_decay" in names and "seed" not in names
    metrics = [info["name"]["tag"] for info in experiment["metricInfos"]]
    assert metrics[:4] == ["best/acc", "best/loss", "test/acc", "test/loss"]
    sizes = sorted((name.split("/")[1], len(group["sessions"])) for name, group in groups.items())
    assert sizes == [("adam,lr=0.001", 2), ("sgd,lr=0.01", 2), ("sgd,lr=1e+17", 1)]
    for name, group in groups.items():
        status = "STATUS_FAILURE" if "1e+17" in name else "STATUS_SUCCESS"
        sessions = [(session["name"], session["status"]) for session in group["sessions"]]
        assert sessions == [(f"{name}/seed={seed}", status) for seed in range(len(sessions))]
    (name,) = [name for name in groups if "adam" in name]
    found = {value["name"]["tag"]: value["value"] for value in groups[name]["metricValues"]}
    statuses = [read_status(outputs / name / f"seed={seed}") for seed in (0, 1)]
    for tag, key in (("best/acc", "best"), ("test/acc", "test"), ("test_last/acc", "test_last"), ("val/acc", "final")):
        assert found[tag] == pytest.approx(sum(status[key]["acc"] for status in statuses) / 2)


def hparams_tab(logdir):
    """The plugin's answers: (experiment, groups by name)."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
        from tensorboard.context import RequestContext
        from tensorboard.plugins import base_plugin
        from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups
    from google.protobuf import json_format

    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(logdir))
    backend = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    ask = RequestContext(), backend, ""
    experiment = get_experiment.Handler(*ask, api_pb2.GetExperimentRequest()).run()
    states = [api_pb2.Status.Value(f"STATUS_{word}") for word in ("UNKNOWN", "SUCCESS", "FAILURE", "RUNNING")]
    request = api_pb2.ListSessionGroupsRequest(allowed_statuses=states, slice_size=100)
    found = json_format.MessageToDict(list_session_groups.Handler(*ask, request).run())
    return json_format.MessageToDict(experiment), {group["name"]: group for group in found["sessionGroups"]}
