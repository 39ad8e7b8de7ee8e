"""A row of the ledger: a table or figure, its published numbers beside ours, its verdict, and what it took or needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Any, Literal

from report.ledger.costs import Cost, as_list, cost, hours_text
from report.ledger.entries import Entry
from report.published.matching import same
from report.published.numbers import Block, Published, read_published
from report.published.tables import ComparedValue, cells, compared_points, compared_values, names_of
from report.tables.text import ABSENT
from results.run import Run
from results.settings import Setting, best, settings
from results.typed import load_yaml

ON_CPU_H = 48.0  # hours on two cores up to which a table is called one for this CPU
MOST_NAMED = 4  # optimizers of a figure
VERDICTS = ("match", "close", "miss", "not comparable")
#: where an entry stands, best first
Stand = Literal["reproduced", "partly", "begun", "drawn", "CPU", "GPU", "data", "not built"]
STANDS: dict[Stand, str] = {
    "reproduced": "every published number matches or is close, or the methods are proven equal step by step",
    "partly": "some numbers compared; others miss, are not comparable or not run",
    "begun": "run here, but no number is comparable: fewer epochs, other data, as the comparison says",
    "drawn": "run and drawn here; the source prints no number",
    "CPU": f"not run yet; up to {ON_CPU_H:.0f} hours on two CPU cores",
    "GPU": "not run yet; needs a GPU",
    "data": "needs data that are licensed or not at hand",
    "not built": "needs networks or tasks that are not built here",
}


@dataclass(frozen=True)
class LedgerRow:
    """recorded: the runs of the entry's experiment."""

    entry: Entry
    recorded: Sequence[Run]
    costs: Mapping[str, Mapping[str, Any]]

    @cached_property
    def runs(self) -> list[Run]:
        """Those of the entry: with its settings and, where no numbers choose them, of its grids."""
        entry = self.entry
        own = [run for run in self.recorded if all(same(run.settings.get(k), v) for k, v in entry.where.items())]
        if entry.compare != "none" or not entry.grids:
            return own
        grids = [grid for file in entry.grids for grid in load_yaml(file, file.name)]
        return [run for run in own if any(is_of_grid(run, grid) for grid in grids)]

    @cached_property
    def paper(self) -> Published | None:
        return read_published(self.entry.published) if self.entry.published else None

    @cached_property
    def blocks(self) -> list[Block]:
        """The published quantities that the table or figure holds."""
        wanted, blocks = self.entry.blocks, self.paper.numbers if self.paper else ()
        names = [f"{block.what} {block.source}" for block in blocks]
        return list(compress(blocks, (not wanted or any(each in name for each in wanted) for name in names)))

    @cached_property
    def total(self) -> int:
        """The number of published values."""
        sweep = self.entry.compare == "rate"
        return sum(len(compared_points(block, row, sweep)) for block in self.blocks for row in block.rows)

    @cached_property
    def settings(self) -> list[Setting]:
        return settings(self.runs)

    @cached_property
    def compared(self) -> list[ComparedValue]:
        if self.paper is None or not self.runs:
            return []
        found = compared_values(self.paper, self.settings, sweep=self.entry.compare == "rate")
        return [each for each in found if any(each.block is block for block in self.blocks)]

    @cached_property
    def cost(self) -> Cost | None:
        return cost(self.entry, self.costs, self.recorded)

    @property
    def stand(self) -> Stand:
        verdicts = Counter(each.agreement.verdict for each in self.compared)
        if verdicts:
            agreed = verdicts["match"] + verdicts["close"]
            if not agreed + verdicts["miss"]:
                return "begun"
            return "reproduced" if agreed == self.total else "partly"
        if self.entry.proof:
            return "reproduced"
        if self.runs and self.entry.exists:
            return "drawn"
        if self.entry.data:
            return "data"
        if not self.entry.exists:
            return "not built"
        return "CPU" if self.cost is None or self.cost.cpu_hours <= ON_CPU_H else "GPU"

    @property
    def published(self) -> str:
        """The headline's value and the number of values."""
        if not self.total:
            return self.entry.printed or "figure only"
        block, row, point = self.head()
        value = f"{point.value:g}" + ("" if point.std is None else f" ± {point.std:g}")
        unit = {"per cent": " %", "per cent error": " % error"}.get(block.unit, "")
        when = f" after {point.x:g} epochs" if block.by == "epoch" else ""
        more = f"; {self.total} values" if self.total > 1 else ""
        return f"{row.method} {value}{unit} ({block.what}{when}){more}"

    def head(self) -> tuple[Block, Any, Any]:
        """The published value that stands for all: the headline's best in the first quantity that has it."""
        name = self.entry.headline
        every = [(block, row) for block in self.blocks for row in block.rows]
        found = [(block, row) for block, row in every if not name or row.method == name]
        if not found:
            methods = ", ".join(dict.fromkeys(row.method for _, row in every))
            raise ValueError(f"{self.entry.what}: headline={name} is not one of {methods}")
        block, row = found[0]
        return block, row, compared_points(block, row, False)[-1]

    @property
    def ours(self) -> str:
        """Our value beside the headline's; of figures without numbers, what was run."""
        if not self.runs:
            return ABSENT
        if self.paper is None or not self.compared:
            return self.run_text()
        block, row, point = self.head()
        names = names_of(self.settings)
        for each in self.compared:
            if each.block is block and each.row is row and each.point is point:
                _, mine, n, _ = cells(self.paper, each, names)
                return f"{mine} (n={n})"
        return ABSENT

    def run_text(self) -> str:
        """Of figures without numbers: each optimizer's best result on the test set, where they are few."""
        chosen = {name: own[0] for name, own in best(self.settings).items()}
        if not 0 < len(chosen) <= MOST_NAMED:
            return f"{len(self.settings)} settings, {len(self.runs)} runs"
        found = ", ".join(f"{name} {setting.mean('test'):.4g}" for name, setting in chosen.items())
        return f"test {self.settings[0].metric}: {found}"

    @property
    def verdict(self) -> str:
        """The numbers of verdicts, as `25 match, 2 close, 0 miss, 3 not comparable, 1 not run`."""
        if not self.compared:
            return self.entry.proof or {"drawn": "no number to compare", "CPU": "not run", "GPU": "not run"}.get(
                self.stand, ABSENT
            )
        counts = Counter(each.agreement.verdict for each in self.compared)
        parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS]
        left = self.total - len(self.compared)
        return ", ".join(parts + ([f"{left} not run"] if left else []))

    @property
    def took(self) -> str:
        """Hardware and time of the recorded runs, or what the entry needs."""
        parts = [f"data: {self.entry.data}"] if self.entry.data else []
        parts += [f"not built: {self.entry.missing}"] if self.entry.missing else []
        if self.runs and self.entry.exists:
            parts = [*parts, hardware_and_time(self.runs)]
        unfinished = self.stand in ("partly", "begun", "CPU", "GPU", "data", "not built")
        if self.cost and unfinished:
            parts.append(self.cost_text(self.cost))
        elif not parts and self.cost is None and self.entry.exists:
            parts.append("seconds on a CPU")
        return "; ".join([*parts, *([self.entry.remark] if self.entry.remark else [])])

    def cost_text(self, found: Cost) -> str:
        runs = f"{found.runs:,} run{'s' if found.runs > 1 else ''}"
        gpu = f"about {hours_text(found.gpu_hours)} of an A100"
        if not self.entry.exists:
            return f"{runs}: {gpu}"
        gpu = f", or {gpu}" if found.cpu_hours > 1 else ""
        if found.measured_step:
            how = f"one after another, at the measured {1000 * found.measured_step:.2g} ms a step"
        else:
            how = "on two CPU cores (estimated)"
        return f"the whole, {runs}: {hours_text(found.cpu_hours)} {how}{gpu}"


def is_of_grid(run: Run, grid: Mapping[str, Any]) -> bool:
    """Whether a run has values of a grid, as far as they are no choices of other groups than optim and wrap."""
    found = {"optim": run.config["optim"]["name"], "wrap": list(run.config["wrap"]), **run.settings}
    axes = {key: as_list(values) for key, values in grid.items() if key in found and key != "seed"}
    return all(any(same(found[key], value) for value in values) for key, values in axes.items())


def hardware_and_time(runs: Sequence[Run]) -> str:
    """`Intel Xeon, 1 thread; 99 runs in 12 min`, the sum of the runs' seconds."""
    machines = dict.fromkeys(machine(run) for run in runs)
    seconds = sum((run.status.get("seconds") or {}).get("total") or 0.0 for run in runs)
    count = f"{len(runs)} run{'s' if len(runs) > 1 else ''}"
    return f"{', '.join(machines)}: {count}, {hours_text(seconds / 3600)}"


def machine(run: Run) -> str:
    known = run.environment
    threads = known.get("threads")
    name = str(known.get("device_name") or "unknown hardware").replace("(R)", "").replace("(TM)", "")
    amp = f", {run.config['amp']}" if run.config.get("amp", "none") != "none" else ""
    return name + (f", {threads} thread{'s' if threads > 1 else ''}" if threads else "") + amp
