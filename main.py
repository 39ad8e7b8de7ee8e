"""Train a task with an optimizer: `python main.py task=mnist optim=aggmo optim.lr=0.05`; `--help` lists the choices."""

import sys

from runner.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
