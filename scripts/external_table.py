"""The table of docs/results/external_optimizers.md: what optimizers of other packages do where users rely on it.

    python scripts/external_table.py > docs/results/external_optimizers.md

Runs the conformance report (optim/conformance) for the classes below at their packages' defaults, on the CPU. A class
whose package is not installed is left out and named. A minute or two.
"""

import datetime
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import torch  # noqa: E402

from optim.conformance import CheckResult, ExternalCandidate, run_check  # noqa: E402
from optim.external.resume_check import check_resume  # noqa: E402
from runner.config.errors import ConfigError  # noqa: E402
from runner.config.external import config_class  # noqa: E402
from runner.config.packages import installed_version  # noqa: E402

OPTIMIZERS = """
torch/AdamW torch/Adafactor torch/Muon pytorch_optimizer/Lion pytorch_optimizer/SOAP pytorch_optimizer/Adan
pytorch_optimizer/ADOPT pytorch_optimizer/AdEMAMix pytorch_optimizer/MARS pytorch_optimizer/Shampoo
pytorch_optimizer/ScalableShampoo prodigyopt/Prodigy schedulefree/AdamWScheduleFree schedulefree/SGDScheduleFree
timm/kron timm/nadamw heavyball/SOAP heavyball/PSGDPRO
""".split()
COLUMNS = {
    "resume": "resume through torch.save and weights_only goes on",
    "pickle": "pickle goes on",
    "deepcopy": "deepcopy goes on",
    "groups": "groups with rates of their own are two optimizers",
    "late group": "add_param_group in mid-training",
    "schedulers": "schedulers act, as the same rates set by hand",
    "None gradients": "gradients that are None leave parameter and state alone; a late one counts its own steps",
    "zero gradients": "zero gradients give finite steps",
    "nan": "a nan gradient reaches no other parameter",
    "gradients kept": "p.grad is left as it is, and nothing in the state is an alias",
    "lr=0": "lr=0 moves nothing",
    "bf16": "bfloat16 parameters move and stay finite, and resuming goes on",
    "GradScaler": "GradScaler: unscaled steps, and a skipped step changes nothing",
    "closure": "a closure is called once, with gradients enabled",
    "memory format": "the memory format, channels_last or transposed, is kept and changes nothing",
    "train/eval": "evaluation weights come and go without a trace",
}
HEAD = """\
# Optimizers of other packages, checked

What the checks of the conformance report ([the optimizers](../../optim/README.md)) say of well-known optimizers at
their packages' defaults; `python scripts/check_optimizer.py optim=pytorch_optimizer/SOAP` prints all checks of one.
Weights are compared to the last bit, in float64, on parameters of 0 to 4 dimensions (of 2 for a class that takes
matrices only). A check that fails need not matter to your use: the second table has what was found. "late" is a
parameter without a gradient in the first steps; it is to be trained as if it had been added after them.
"""


def main() -> None:
    torch.set_num_threads(1)
    rows, reasons, missing = [], [], []
    for name in OPTIMIZERS:
        try:
            config = config_class("optim", name)()
        except ConfigError as error:
            missing.append(f"{name} ({error})")
            continue
        candidate = ExternalCandidate(config)
        results = {column: run_check(check, candidate) for column, check in COLUMNS.items()}
        rows.append([name, *(result.outcome for result in results.values())])
        reasons += [(name, *reason) for reason in found(candidate, results)]
        if line := check_resume(config).line():
            reasons.append((name, "what a run says", line))
        print(name, file=sys.stderr)
    used = dict.fromkeys(name.partition("/")[0] for name, *_ in rows)
    versions = ", ".join(f"{each} {installed_version(each)}" for each in used)
    print(HEAD)
    made = f"Python {platform.python_version()}, CPU, {datetime.date.today()}, by `scripts/external_table.py`"
    print(f"{versions}; {made}.\n")
    print_table(["optimizer", *COLUMNS], rows)
    print("\n| optimizer | check | what it found |\n|---|---|---|")
    for name, column, reason in reasons:
        print(f"| `{name}` | {column} | {reason.replace('|', '/')} |")
    if missing:
        print(f"\nLeft out: {'; '.join(missing)}.")


def found(candidate: ExternalCandidate, results: dict[str, CheckResult]) -> list[tuple[str, str]]:
    """(columns, why they are no pass), each reason once."""
    columns: dict[str, list[str]] = {}
    for column, each in results.items():
        if each.outcome != "pass":
            columns.setdefault(each.reason, []).append(column)
    if candidate.dtype != torch.float64:
        columns["steps in float64 fail, so the others were checked in float32"] = ["all"]
    if candidate.shapes[0] != () and len(candidate.shapes[0]) == 1:
        columns["steps of 0-dim parameters fail, so the others were checked without"] = ["all"]
    return [(", ".join(each), reason) for reason, each in columns.items()]


def print_table(head: list[str], rows: list[list[str]]) -> None:
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name, *outcomes in rows:
        print(f"| `{name}` | {' | '.join(each if each != 'FAIL' else '**no**' for each in outcomes)} |")


if __name__ == "__main__":
    main()
