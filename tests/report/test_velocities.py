"""AggMo's velocities: a line for each, told apart by beta."""

import pytest
from recorded_steps import write_steps

from report.diagnostics.velocities import velocities
from results.find import load_runs as load
from results.settings import settings

STEPS = [{f"optimizer/v{i}_norm": 10.0**i * t for i in range(3)} for t in (1, 2)]


def panels(root):
    return velocities(settings(load(root)))


@pytest.mark.parametrize(
    ("optimizer", "config"),
    [("aggmo", {"optim.betas": [0.0, 0.9, 0.99]}), ("aggmo_exp", {"optim.a": 0.1, "optim.k": 3})],
)
def test_a_line_for_each_velocity_with_its_beta(tmp_path, optimizer, config):
    write_steps(tmp_path, optimizer, STEPS, config=config)
    (panel,) = panels(tmp_path)
    assert panel.title == f"{optimizer} lr=0.1" and panel.y_log
    assert [line.label for line in panel.lines] == ["v0, β = 0", "v1, β = 0.9", "v2, β = 0.99"]
    assert [line.y for line in panel.lines] == [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]
    assert len({line.style for line in panel.lines}) == 3


def test_methods_with_one_velocity_are_none_of_these(tmp_path):
    write_steps(tmp_path, "momentum", [{"optimizer/v_norm": 1.0}])
    assert panels(tmp_path) == []
