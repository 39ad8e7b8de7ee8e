"""Where a run's results lie, and what decides it."""

import pytest
from runs import configure


@pytest.mark.parametrize(
    "word",
    [
        *("optim.lr=0.2", "epochs=31", "batch_size=64", "limit_val=3", "data.split_seed=1", "model.hidden=[3]"),
        *("clip_norm=1", "finetune.epochs=1", "optim/lr_schedule=cosine", "wrap=[lookahead]", "optim=adam"),
        *("patience=4", "divergence_threshold=10"),
    ],
)
def test_what_decides_the_result_is_in_the_signature(word):
    assert configure(word).signature != configure().signature


@pytest.mark.parametrize(
    "word",
    [
        *("seed=3", "outputs=elsewhere", "data.root=elsewhere", "device=cuda", "threads=1", "rerun=true"),
        *("log.every=1", "checkpoint.every=9", "eval_batch_size=7", "track=true", "logger=[]"),
    ],
)
def test_what_decides_nothing_is_not(word):
    assert configure(word).signature == configure().signature


def test_the_order_of_wrappers_is_in_the_signature():
    one, other = (configure(f"wrap=[{names}]") for names in ("gradient_noise,lookahead", "lookahead,gradient_noise"))
    assert one.signature != other.signature


def test_a_setting_has_one_signature_however_it_is_written():
    assert configure("optim.lr=1e-1", "epochs=30.0").signature == configure().signature


def test_label_names_what_is_not_default():
    config = configure("optim.lr=0.05", "optim.betas=[0,0.5]", "optim/lr_schedule=step", "wrap=[lookahead]")
    assert config.label == "aggmo+lookahead,lr=0.05,betas=0-0.5,lr_schedule=step"
    assert config.run_path.parts == ("outputs", "digits", config.label, config.signature, "seed=0")
    assert configure().label == "aggmo,lr=0.1"


def test_labels_stay_within_what_file_systems_allow():
    betas = ",".join(["0.123456"] * 60)
    assert len(configure(f"optim.betas=[{betas}]").label) <= 120
