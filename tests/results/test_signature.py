"""Where a run's results lie, and what decides it."""

import pytest

from results.run_folder import label, signature
from runner.config.compose import compose
from runner.config.validate import validate


def config(*overrides):
    return validate(compose(*overrides))


@pytest.mark.parametrize(
    "override",
    [
        "++optim.lr=0.2",
        "++epochs=31",
        "++batch_size=64",
        "++limit_val=3",
        "++data.split_seed=1",
        "++model.hidden=[3]",
        "++clip_norm=1",
        "++finetune.epochs=1",
        "optim/lr_schedule=cosine",
        "wrap=[lookahead]",
        "optim=adam",
        "++patience=4",
        "++divergence_threshold=10",
    ],
)
def test_what_decides_the_result_is_in_the_signature(override):
    assert signature(config(override)) != signature(config())


@pytest.mark.parametrize(
    "override",
    [
        "++seed=3",
        "++outputs=elsewhere",
        "++data.root=elsewhere",
        "++device=cuda",
        "++threads=1",
        "++rerun=true",
        "++log.every=1",
        "++checkpoint.every=9",
        "++eval_batch_size=7",
    ],
)
def test_what_decides_nothing_is_not(override):
    assert signature(config(override)) == signature(config())


def test_the_order_of_wrappers_counts():
    one, other = (config(f"wrap=[{names}]") for names in ("gradient_noise,lookahead", "lookahead,gradient_noise"))
    assert signature(one) != signature(other)


def test_the_same_setting_has_one_signature_however_it_is_spelt():
    assert signature(config("++optim.lr=1e-1", "++epochs=30.0")) == signature(config())


def test_label_tells_what_is_not_default():
    made = config("++optim.lr=0.05", "++optim.betas=[0,0.5]", "optim/lr_schedule=step", "wrap=[lookahead]")
    assert label(made) == "aggmo,lr=0.05,betas=0-0.5,step,lookahead"
    assert made.run_path.parts[:2] == ("outputs", "digits") and made.run_path.name == "seed=0"
    assert label(config()) == "aggmo"


def test_labels_stay_within_what_file_systems_allow():
    betas = ",".join(["0.123456"] * 60)
    assert len(label(config(f"++optim.betas=[{betas}]"))) <= 120
