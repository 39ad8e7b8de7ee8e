"""Train a task with an optimizer: `python main.py task=mnist optim=aggmo optim.lr=0.05`; `--help` lists the choices."""

import sys

if __name__ == "__main__":  # first: a signal while the rest is imported ends the program
    try:
        from runner.train.signals import end_at_once

        end_at_once()
    except KeyboardInterrupt:
        sys.exit(130)

from report.callbacks import PRELOAD, draw_run, summarise_suite, summarise_sweep  # noqa: E402
from results.streams import tolerate_streams  # noqa: E402
from runner.callbacks import Callbacks  # noqa: E402
from runner.cli.main import main  # noqa: E402

CALLBACKS = Callbacks(on_run_end=draw_run, on_sweep_end=summarise_sweep, on_suite_end=summarise_suite, preload=PRELOAD)

if __name__ == "__main__":
    tolerate_streams()
    sys.exit(main(sys.argv[1:], CALLBACKS))
