"""Compare the optimizers of any folder of runs: `python scripts/report.py outputs/digits`.

Prints a table of each optimizer's best setting (chosen on validation) and draws comparison.png into the folder,
one for each task; where runs differ in the learning rate, also its effect: sensitivity.png and its table.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from report.comparison import best_settings, draw_comparison, table  # noqa: E402
from report.runs import load  # noqa: E402
from report.sensitivity import draw_sensitivity, one_score_a_seed, scores, sensitivity_table  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="any folder above runs of one task")
    folder = parser.parse_args().folder
    runs = load(folder)
    done = [run for run in runs if run.status.get("status") == "done"]
    if not done:
        print(f"error: {folder} holds no finished run", file=sys.stderr)
        return 2
    tasks = sorted({run.task for run in done})
    for task in tasks:
        chosen = best_settings(run for run in runs if run.task == task)
        diverged = sum(run.task == task and run.status.get("status") == "diverged" for run in runs)
        finished = sum(run.task == task for run in done)
        print(f"{task}: {finished} finished runs, {diverged} diverged\n{table(chosen)}")
        if any(run.task == task and run.config.get("data", {}).get("split") == "test" for run in done):
            print("Validation was the test set (data.split=test): what was chosen on it has seen the test.")
        path = folder / ("comparison.png" if len(tasks) == 1 else f"comparison_{task}.png")
        if chosen:
            draw_comparison(chosen, path)
            print(path)
        of_task = [run for run in runs if run.task == task and run.status.get("status") in ("done", "diverged")]
        found = scores(of_task)
        if found and one_score_a_seed(of_task):
            print(f"\n{sensitivity_table(found, of_task)}")
            path = folder / ("sensitivity.png" if len(tasks) == 1 else f"sensitivity_{task}.png")
            draw_sensitivity(found, of_task, path)
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
