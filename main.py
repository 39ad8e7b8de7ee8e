"""Train a task with an optimizer: `python main.py task=mnist optim=aggmo optim.lr=0.05`; `--help` lists the choices."""

import sys

from report.callbacks import PRELOAD, draw_run, summarise_sweep
from runner.callbacks import Callbacks
from runner.cli.main import main

CALLBACKS = Callbacks(on_run_end=draw_run, on_sweep_end=summarise_sweep, preload=PRELOAD)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], CALLBACKS))
