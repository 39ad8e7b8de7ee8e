"""Hostile input, tried in a process of its own, in which a crash or a hang shows: `fuzzing.py commands SEED COUNT`.

Prints a line for each case that is not answered as it should be; the case that hangs or crashes is the last one begun.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

LIMIT_S = 30  # for one case, on a busy machine
MAX_LENGTH = 1200  # characters of an answer
#: of Python's own errors, which say nothing of the input
INTERNAL = re.compile(
    "can only concatenate|is not iterable|object is not|object has no|unexpected keyword|not supported between|"
    "unhashable|not subscriptable|index out of range|invalid literal|str instance|NoneType|positional argument"
)
TEXTS = [
    *("", "0", "-1", "1", "5", "0.1", "1e-3", "1e39", "1e308", "1e400", str(2**63), str(-(2**63) - 1), "1" + "0" * 400),
    *("0x10", "010", "1_000", "1:30", "nan", "inf", "-inf", ".nan", "true", "null", "yes", "~", "~/x", "2020-01-01"),
    *("[]", "[1", "1]", "[1]", "[1,2,3]", "[[1]]", "[a]", "[lookahead,lookahead]", "[ema", "{}", "{a:1}", "{a:{b:1}}"),
    *("'", '"', "'a'", "a b", "a,b", "a=b", "a#b", "#", "$", "${", "${x}", "${optim.lr}", "${hydra:runtime.cwd}", "\\"),
    *(
        "${oc.env:HOME}",
        "${oc.env:NOPE}",
        "${now:%Y}",
        "${oc.create:[1]}",
        "a\x00b",
        "a\nb",
        "a\x07b",
        "\ud800",
        "é",
        "😀",
    ),
    *("../..", "/", "/dev/null", "choice(1,2)", "range(1,3)", "range(1,1e9)", "interval(0,1)", "glob(*)", "sort(3,1)"),
    *(
        "*",
        "adam",
        "lookahead",
        "digits",
        "nope",
        "1e-3,",
        "0.1.2",
        "--",
        "-m",
        "+",
        "@",
        "a:b",
        "a/b",
        "a.b",
        "(",
        ")",
    ),
    *(
        "[" * 200 + "]" * 200,
        "{a:" * 200 + "1" + "}" * 200,
        "x" * 5000,
        "1" * 5000,
        "&a [*a]",
        "!!python/name:os.system",
    ),
]
ODD_KEYS = [
    "",
    ".",
    "a b",
    "é",
    "x\x00",
    "hydra.x",
    "hydra",
    "__class__",
    "_target_",
    "optim._target_",
    "defaults",
    "0",
]
GROUP_KEYS = ["task", "data", "model", "optim", "wrap", "experiment", "optim/lr_schedule", "sweep", "hydra/launcher"]


def try_cases(cases: Iterator[tuple[Any, Callable[[], str]]]) -> None:
    """Run each case, which returns what is wrong with the answer, or ""."""
    for case, attempt in cases:
        faulthandler.dump_traceback_later(LIMIT_S, exit=True, file=sys.__stderr__)
        print(f"trying {case!r}"[:2000], file=sys.__stderr__, flush=True)
        try:
            problem = attempt()
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: nothing but an answer is right
            problem = f"{type(error).__name__}: {error}"[:300]
        faulthandler.cancel_dump_traceback_later()
        if problem:
            print(f"{problem} | {case!r}"[:1500].encode("ascii", "backslashreplace").decode(), flush=True)


def problem_of(message: str) -> str:
    """What is wrong with an error's message."""
    if not message.strip() or "\n" in message.strip() or "Traceback" in message or not message.strip().isprintable():
        return f"no one line: {message[:200]!r}"
    if INTERNAL.search(message):
        return f"an error of Python's: {message[:200]}"
    return f"{len(message)} characters: {message[:200]}" if len(message) > MAX_LENGTH else ""


def is_refused(attempt: Callable[[], Any]) -> str:
    """What is wrong with the ConfigError that an attempt may raise."""
    from results.values import one_line
    from runner.config.errors import ConfigError

    try:
        attempt()
    except ConfigError as error:
        return problem_of(one_line(str(error)))
    return ""


# --- command lines ----------------------------------------------------------------------------------------------------


def commands(seed: int, count: int) -> Iterator[tuple[list[str], Callable[[], str]]]:
    """Command lines of up to three words: four of five are planned as a sweep's run, one is a command as a whole."""
    import runner.train.run
    from results.values import flat
    from runner.config.compose import compose
    from runner.config.validate import validate

    runner.train.run.run = lambda *_, **__: 0  # what is valid is not trained
    keys = [*flat(validate(compose()).plain), *GROUP_KEYS * 3, "config", "outputs", "hydra.sweeper.grid"]
    rng, planned = random.Random(seed), plan()
    for number in range(count):
        words = [random_word(rng, keys) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        yield words, (lambda words=words: command(words)) if number % 5 == 0 else (lambda words=words: planned(words))


def random_word(rng: random.Random, keys: list[str]) -> str:
    key, value = rng.choice(keys), rng.choice(TEXTS)
    changes = [f"+{key}", f"++{key}", f"~{key}", f"{key}@x", key.replace(".", ".."), key[:-1], f"{key}.x", f"{key}[0]"]
    if rng.random() < 0.4:
        key = rng.choice([*changes, *ODD_KEYS])
    return value if rng.random() < 0.03 else f"{key}={value}"


def command(words: list[str]) -> str:
    """What is wrong with the exit code and the output of a command."""
    from runner.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["main.py"]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    if code == 0:
        return "an error beside success" if "error:" in err.getvalue() else ""
    if code != 2 or "Traceback" in out.getvalue():
        return f"exit code {code}: {err.getvalue()[:200]}"
    return problem_of(err.getvalue())


def plan() -> Callable[[list[str]], str]:
    """A function of words that composes and checks the runs that they ask for."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode

    from runner.cli.errors import describe_error
    from runner.cli.overrides import hydra_arguments
    from runner.config.compose import CONFIGS
    from runner.config.errors import ConfigError
    from runner.config.validate import validate
    from runner.sweep.composer import Composer
    from runner.sweep.grid import expand_grid

    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        loader = hydra.config_loader
        composer = Composer(loader, loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN))

    def plan_words(words: list[str]) -> None:
        overrides = [word for word in hydra_arguments(words) if "=" in word or word.startswith("~")]
        try:
            composer.parser.parse_overrides(overrides)
        except Exception as error:  # as runner.cli.main has it from Hydra
            raise ConfigError(describe_error(error)) from None
        for run in expand_grid(overrides, composer.parser)[:3]:
            validate(composer(run))

    return lambda words: is_refused(lambda: plan_words(words))


# --- recorded configurations ------------------------------------------------------------------------------------------


def configurations(seed: int, count: int) -> Iterator[tuple[str, Callable[[], str]]]:
    """Files for `config=`: a run's record with a value or a key that is another, cut, or with foreign bytes in it."""
    from omegaconf import OmegaConf

    from runner.config.compose import compose, read_saved
    from runner.config.validate import validate

    optims, wraps = ("aggmo", "adam", "momo"), ("[]", "[lookahead,gradient_noise]")
    texts = [
        OmegaConf.to_yaml(OmegaConf.create(validate(compose(f"optim={optim}", f"wrap={wrap}")).plain))
        for optim in optims
        for wrap in wraps
    ]
    rng, file = random.Random(seed), Path("config.yaml").absolute()
    for _ in range(count):
        content = spoil_text(rng, rng.choice(texts))
        words = [f"config={file}", *([f"epochs={rng.choice(TEXTS)}"] if rng.random() < 0.2 else [])]

        def attempt(content: bytes = content, words: list[str] = words) -> str:
            file.write_bytes(content)
            return is_refused(lambda: validate(read_saved(words)))

        yield content.decode("utf-8", "backslashreplace"), attempt


def spoil_text(rng: random.Random, text: str) -> bytes:
    """YAML in which some lines have other values, or which is cut or damaged."""
    lines = text.splitlines()
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(lines))
        key, colon, _ = lines[at].partition(":")
        value = rng.choice(TEXTS)
        lines[at] = rng.choice([f"{key}{colon} {value}", f"{key}{colon} [{value}]", f"{key}{value}{colon}", value, key])
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if rng.random() < 0.2:
        at = rng.randrange(len(content))
        content = (
            content[:at] + rng.choice([b"", b"\x00", b"\xff\xfe", b"\t", b"- " * 3000, b"{" * 3000]) + content[at:]
        )
    return content[: rng.randrange(len(content))] if rng.random() < 0.1 else content


if __name__ == "__main__":
    from fuzzing_folders import folders

    kinds = {"commands": commands, "configurations": configurations, "folders": folders}
    try_cases(kinds[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3])))
