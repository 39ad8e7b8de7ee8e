"""The conformance report of an optimizer, also of your own or a package's: `scripts/check_optimizer.py optim=aggmo`.

Takes the words that main.py takes: optim=NAME optim.lr=0.05 'wrap=[lookahead,ema]' wrap.lookahead.k=6
backend=foreach seed=1. Prints every check with pass, FAIL or n/a, the time of a step and the size of the state; the
exit code is 1 if a check fails and 2 if the words can't be understood. --compile also tries the compile backend
(seconds to minutes).
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from hydra.errors import HydraException  # noqa: E402
from omegaconf.errors import OmegaConfBaseException  # noqa: E402

from results.values import first_line  # noqa: E402
from runner.cli.errors import describe_error  # noqa: E402
from runner.cli.main import print_error  # noqa: E402
from runner.cli.overrides import hydra_arguments  # noqa: E402
from runner.config.compose import compose  # noqa: E402
from runner.config.errors import ConfigError  # noqa: E402
from runner.config.validate import validate  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", action="store_true", help="also try the compile backend")
    parser.add_argument("overrides", nargs="*", help="optim=NAME and any key=value of main.py")
    options = parser.parse_args()
    try:
        config = validate(compose(*hydra_arguments(options.overrides)))
    except ConfigError as error:
        return print_error(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        return print_error(describe_error(error))

    import torch

    from optim.conformance import candidate_of, conformance_report, formatted, step_cost

    torch.set_num_threads(1)  # on tensors this small, more threads mostly wait for each other
    settings = config.settings
    candidate = candidate_of(config.optim, config.wrap, {"backend": settings.backend, "seed": settings.seed})
    names = [config.optim.name, *(wrapper.name for wrapper in config.wrap)]
    print(f"{', '.join(names)}: {config.optim}")
    results = conformance_report(candidate, compiled=options.compile)
    print(formatted(results))
    try:
        cost = step_cost(candidate)
    except Exception as error:  # the optimizer's own, of any kind
        print(f"no time of a step, which fails: {type(error).__name__}: {first_line(error)}")
        return 1
    medians = f"medians, one thread, the {cost['tensors']:.0f}"
    print(f"{cost['ms']:.2f} ms per step, torch.optim.Adam {cost['adam_ms']:.2f}: {medians}")
    print(f"tensors of ResNet-20 in float32; {cost['state_bytes']:.0f} bytes of state per parameter, beside its own 4")
    return 1 if any(result.outcome == "FAIL" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
