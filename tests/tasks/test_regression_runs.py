"""Runs of the tasks of numbers: resumed, loaded, in bfloat16, and compiled."""

import shutil

import pytest
from runs import read_results, read_rows, read_status, run_interrupted

from runner.load import load_run

STEPS = ["checkpoint.unit=step", "checkpoint.every=3", "log.every=2", "track=true", "logger=[]"]
LINEAR = ["experiment=momo/synthetic_small", "epochs=2", "limit_train=60", "limit_test=50"]
LOGISTIC = ["experiment=momo/logistic", "epochs=2", "limit_train=60", "limit_test=50", "batch_size=16"]
MATRIX = ["experiment=momo/matrix_factorization", "epochs=2", "limit_train=60", "limit_test=50", "wrap=[lookahead]"]
FILE = ["data=libsvm", "epochs=3", "batch_size=8", "optim=momo"]


@pytest.fixture
def words_of(tmp_path):
    """words_of(words) -> the command; a file for those of data=libsvm."""
    path = tmp_path / "signs.svm"
    path.write_text("".join(f"{1 - 2 * (i % 2)} 1:{i % 7} 4:{-i / 40}\n" for i in range(40)))
    return lambda words: [*words, f"data.path={path}"] if "data=libsvm" in words else list(words)


SLOW = pytest.mark.slow
KINDS = [
    pytest.param(LINEAR, id="linear"),
    pytest.param(LOGISTIC, id="logistic", marks=SLOW),
    pytest.param(MATRIX, id="matrix", marks=SLOW),
    pytest.param(["task=logistic", *FILE], id="libsvm, signs", marks=SLOW),
    pytest.param(["task=regression", "data.target=value", *FILE], id="libsvm, values", marks=SLOW),
    pytest.param([*LINEAR, "amp=bf16"], id="bfloat16", marks=SLOW),
    pytest.param([*LOGISTIC, "amp=bf16"], id="logistic, bfloat16", marks=SLOW),
    pytest.param([*LINEAR, "optim=adam", "data.num_train=70"], id="another optimizer", marks=SLOW),
]


@pytest.mark.parametrize("words", KINDS)
def test_interrupted_resumed_and_loaded(words, words_of, run, tmp_path):
    words, outputs = [*words_of(words), *STEPS], tmp_path / "interrupted"
    whole = run(*words)
    assert whole.code == 0, whole.err
    expected = read_results(whole.folder)
    for _ in range(2):
        assert run_interrupted(*words, f"outputs={outputs}", after=expected["status"]["steps_done"] // 3) == 130
    resumed = run(*words, outputs=outputs)
    assert read_results(resumed.folder) == expected and read_status(resumed.folder)["status"] == "done"
    for weights in ("best", "last"):
        loaded = load_run(resumed.folder, weights)
        (row,) = read_rows(resumed.folder, split="test", weights=weights)
        assert loaded.evaluate() == {key: row[key] for key in ("loss", loaded.config.task.metric)}


@SLOW
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler on this machine")
@pytest.mark.parametrize("words", [LINEAR, LOGISTIC, MATRIX, ["task=logistic", *FILE]])
def test_compiled_networks_give_the_same_losses(words, words_of, run):
    words = words_of(words)
    rows, compiled = (read_rows(run(*words, f"compile={value}").folder) for value in ("false", "true"))
    assert [row["loss"] for row in compiled] == pytest.approx([row["loss"] for row in rows], rel=1e-4)
