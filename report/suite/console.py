"""The summary of a suite for the console: ranking, wins and losses of one's own optimizers, cautions."""

from __future__ import annotations

import textwrap

from report.scores.wins import LOSS, TIE, WIN, Duel
from report.suite.report import SuiteReport
from report.suite.scored import Scored
from report.tables.table import Table
from report.tables.text import ABSENT

BASELINES = 3  # the best ones, with which each of one's own optimizers is compared on the console
DUELS = 12  # comparisons on the console; of many own optimizers each has fewer baselines
MOST = 4  # cautions


def summary(report: SuiteReport, width: int) -> str:
    """A table of all optimizers, a line for each of the most important comparisons, the first warnings."""
    found = report.scored
    lines = [f"suite {found.compared.name}:", short_table(found).console(width)]
    lines += [textwrap.fill(duel_text(duel), width) for duel in best_duels(found)]
    lines += [textwrap.fill(f"warning: {line}", width) for line in report.warnings[:MOST]]
    lines += [textwrap.fill(f"note: {line}", width) for line in report.notes[:MOST]]
    more = max(0, len(report.warnings) - MOST) + max(0, len(report.notes) - MOST)
    return "\n".join([*lines, *([f"and {more} more in the report"] if more else [])])


def short_table(scored: Scored) -> Table:
    ranks = {rank.optimizer: rank for rank in scored.ranks}
    rows = []
    for optimizer in scored.order:
        rank, area = ranks.get(optimizer), scored.area(optimizer)
        name = f"> {optimizer}" if optimizer in scored.compared.mine else optimizer
        if rank is None:
            rows.append([name, ABSENT, ABSENT, ABSENT])
            continue
        near = f"{scored.num_near(optimizer)} of {len(scored.ranked_tasks)}"
        mean = f"{rank.mean:.1f} [{rank.low:.1f}, {rank.high:.1f}]"
        rows.append([name, mean, ABSENT if area is None else f"{area:.2f}", near])
    table = Table("", ["optimizer", "mean rank [95 %]", "area of profile", "near the best"], rows)
    return table if scored.profiles else table.without(["area of profile"])


def best_duels(scored: Scored) -> list[Duel]:
    """Of each optimizer that is asked about, those against the best baselines, at least one."""
    place = scored.order.index
    found: dict[str, list[Duel]] = {}
    for duel in sorted(scored.duels, key=lambda duel: place(duel.baseline)):
        found.setdefault(duel.optimizer, []).append(duel)
    each = min(BASELINES, max(1, DUELS // max(1, len(found))))
    return [duel for own in found.values() for duel in own[:each]]


def duel_text(duel: Duel) -> str:
    won, tied, lost = (duel.tasks(verdict) for verdict in (WIN, TIE, LOSS))
    counts = f"{len(won)} won, {len(tied)} tied, {len(lost)} lost"
    names = "; ".join(f"{word} on {', '.join(own)}" for word, own in (("better", won), ("worse", lost)) if own)
    return f"{duel.optimizer} against {duel.baseline}: {counts}{f' ({names})' if names else ''}"
