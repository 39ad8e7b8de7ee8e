"""docs/reproduction.md: a summary, a table a source, and the whole comparison of each experiment that has records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from report.ledger.costs import CPU_FLOPS, CPU_SHARE, GPU_FLOPS, GPU_SHARE
from report.ledger.entries import Entry, Source
from report.ledger.rows import STANDS, LedgerRow, hardware_and_time
from report.published.agreement import RULE
from report.published.numbers import published_names
from report.published.tables import published_sweep_table, published_table
from report.tables.best import best_table
from report.tables.table import Table, one_line
from results.run import Run
from results.run_labels import commit_of
from results.settings import settings

HEADER = """# Reproduction: where every table and figure stands

Written by `python scripts/ledger.py` from the records of runs in `docs/results/records`, the published numbers in
`configs/published` and the list of tables and figures in `docs/results/ledger.yaml`; a test holds it up to date. Change
those, not this file.

A command follows `python main.py`. One with `-m` repeats the whole table or figure, with the source's methods, learning
rates and seeds as far as it prints them; the headers of the grids (`configs/sweep/paper`) say what is ours. `--budget`
shortens it, and `python scripts/report.py outputs --against records` sets your runs beside the recorded ones.
"""
COLUMNS = ("table or figure", "command", "published", "ours ± 95 %", "verdict", "took, or needs")


def document(sources: Sequence[Source], records: Mapping[str, Sequence[Run]], costs: Mapping[str, Any]) -> str:
    """The page's text. records: runs by experiment."""
    rows = {
        source.name: [LedgerRow(entry, records.get(entry.experiment, ()), costs) for entry in source.entries]
        for source in sources
    }
    parts = [HEADER, summary(rows), ESTIMATES]
    for source in sources:
        parts.append(f"## {source.name}\n\n{source.paper}\n\n{compact(source_table(rows[source.name]))}\n")
    rule = "\n".join(f"* {line}" for line in RULE)
    parts.append(f"## The experiments' comparisons\n\nAs the report has them, from the records.\n\n{rule}\n")
    parts += [section(name, runs) for name, runs in sorted(records.items()) if runs]
    return "\n".join(parts).rstrip("\n") + "\n"


ESTIMATES = f"""Hours are of all runs of the source's grid, and estimated: operations of forward and backward pass,
counted by `torch.utils.flop_counter` on the networks as they are built here (`scripts/count_flops.py`), over
{CPU_SHARE:.0%} of the {CPU_FLOPS / 1e9:.0f} GFLOP/s of a large product on two CPU cores, or {GPU_SHARE:.0%} of the
{GPU_FLOPS / 1e12} TFLOP/s of an NVIDIA A100 in float32; both shares are assumed. Where runs are recorded, CPU hours
follow from their seconds a step instead, on the hardware that the row names. Verdicts follow the rule of
[the report](report.md): match, close, miss, not comparable.
"""


def summary(rows: Mapping[str, Sequence[LedgerRow]]) -> str:
    """The number of tables and figures of each source by where they stand."""
    counts = {name: Counter(row.stand for row in own) for name, own in rows.items()}
    columns = ["source", *STANDS, "in all"]
    counts["all"] = sum(counts.values(), Counter())
    lines = [
        [name, *(str(found[stand] or "") for stand in STANDS), str(found.total())] for name, found in counts.items()
    ]
    verdicts = Counter(each.agreement.verdict for own in rows.values() for row in own for each in row.compared)
    compared = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items())) or "none"
    meanings = "; ".join(f"*{stand}*: {text}" for stand, text in STANDS.items())
    table = compact(Table("", columns, lines))
    return f"## Summary\n\n{table}\n\n{meanings}.\n\nPublished numbers compared: {compared}.\n"


def source_table(rows: Sequence[LedgerRow]) -> Table:
    return Table("", COLUMNS, [[linked(row), *cells_of(row)] for row in rows])


def compact(table: Table) -> str:
    """The table in Markdown without padding, so that a changed cell changes its line alone."""
    rule = ["--:" if numeric else "---" for numeric in table.numeric()]
    lines = [[one_line(cell).replace("|", "\\|") for cell in line] for line in (table.columns, rule, *table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def linked(row: LedgerRow) -> str:
    """What the row is of, with a link to the experiment's comparison where there is one."""
    return f"[{row.entry.what}](#{anchor(row.entry.experiment)})" if row.runs else row.entry.what


def cells_of(row: LedgerRow) -> list[str]:
    command = f"`{row.entry.command.removeprefix('python main.py ')}`" if row.entry.command else "-"
    verdict = row.verdict if row.compared else f"{row.stand}: {row.verdict}" if row.verdict != "-" else row.stand
    return [command, row.published, row.ours, verdict, row.took]


def section(name: str, runs: Sequence[Run]) -> str:
    """One experiment: its records, and the tables of the report."""
    lines = [f"### {name}\n", f"{provenance(runs)} [The records](results/records/{name}.jsonl).\n"]
    for table in tables(name, runs):
        lines.append(f"**{table.title}**\n\n{compact(table)}\n")
        if notes := [f"* {note}" for note in table.notes if note not in RULE]:
            lines.append("\n".join(notes) + "\n")
    return "\n".join(lines)


def tables(name: str, runs: Sequence[Run]) -> Iterator[Table]:
    tried = settings(runs)
    if name not in published_names():
        yield replace(best_table(tried), notes=[])
        return
    best, sweep = published_table(name, tried), published_sweep_table(name, tried)
    if best.rows:
        yield replace(best, notes=[note for note in best.notes if sweep is None or note not in sweep.notes])
    if sweep:
        yield sweep


def provenance(runs: Sequence[Run]) -> str:
    """Dates, code, versions and hardware of recorded runs."""
    dates = sorted({str(run.environment.get("time")) for run in runs})
    commits = sorted({commit_of(run)[:7] + ("+" if commit_of(run).endswith("+") else "") for run in runs})
    torches = sorted({str((run.environment.get("packages") or {}).get("torch")) for run in runs})
    pythons = sorted({str(run.environment.get("python")) for run in runs})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    versions = f"commit {', '.join(commits)}, torch {', '.join(torches)}, Python {', '.join(pythons)}"
    return f"{hardware_and_time(runs)}; {when}, {versions}."


def anchor(name: str) -> str:
    """GitHub's link to a heading."""
    return name.replace("/", "").lower()


def experiments(sources: Sequence[Source]) -> list[str]:
    """The experiments that the ledger names."""
    entries: list[Entry] = [entry for source in sources for entry in source.entries]
    return sorted({entry.experiment for entry in entries if entry.experiment})
