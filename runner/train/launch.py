"""How this process was started: alone, or as one of several by `torchrun --nproc_per_node=2 main.py ...`."""

from __future__ import annotations

import os

from runner.train.distributed import DistributedContext

#: what torchrun sets in each process; any other launcher has to set the same
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def distributed_context() -> DistributedContext:
    """This process's context, from the environment variables of the launcher; torch is imported for several only."""
    if not all(name in os.environ for name in VARIABLES):
        return DistributedContext()
    numbers = [int(os.environ[name]) for name in VARIABLES[:4]]
    if numbers[1] == 1:
        return DistributedContext(*numbers, launched=True)
    from runner.train.process_group import ProcessGroup

    return ProcessGroup(*numbers, launched=True)
