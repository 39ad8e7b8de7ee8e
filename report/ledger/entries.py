"""The ledger's data: docs/results/ledger.yaml, a list of sources, each with its tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from report.published.numbers import published_names
from results.files import parse_json, read_file
from results.typed import load_yaml, read_dataclass
from results.values import format_value

ROOT = Path(__file__).resolve().parents[2]
LEDGER = ROOT / "docs" / "results" / "ledger.yaml"
COSTS = ROOT / "docs" / "results" / "costs.json"
CONFIGS = ROOT / "configs"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A table or a figure.

    experiment: here; empty where there is none. sweep: the grids of `sweep=paper/<sweep>`, where the experiment has
    several. compare: which published numbers of configs/published/<experiment>.yaml it holds: of each method at its
    `best`, at each `rate`, or `none`. blocks: parts of the names or sources of the published quantities it holds; all.
    headline: the method whose number stands in the table for all. printed: what is published, where no file has it.
    proof: what shows it without training. data: data that can't be downloaded freely. missing: what is not built here.
    cost: of costs.json, the experiment's where it is empty; epochs and runs: of the published protocol, where no grid
    says it. remark: a sentence. where: settings that its runs have.
    """

    what: str
    experiment: str = ""
    sweep: str = ""
    compare: Literal["best", "rate", "none"] = "best"
    blocks: Sequence[str] = ()
    headline: str = ""
    printed: str = ""
    proof: str = ""
    data: str = ""
    missing: str = ""
    cost: str = ""
    epochs: int = field(default=0, metadata={"range": "[0, inf)"})
    runs: int = field(default=0, metadata={"range": "[0, inf)"})
    remark: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether its experiment is built here."""
        return bool(self.experiment) and (CONFIGS / "experiment" / f"{self.experiment}.yaml").is_file()

    @property
    def published(self) -> str:
        """The name of its file of published numbers; empty if there is none."""
        return self.experiment if self.compare != "none" and self.experiment in published_names() else ""

    @property
    def grids(self) -> list[Path]:
        """The files of its grids, as `sweep=paper` takes them."""
        folder = CONFIGS / "sweep" / "paper" / self.experiment
        whole = folder / f"{self.sweep}.yaml" if self.sweep else folder.with_suffix(".yaml")
        files = [whole] if whole.is_file() or self.sweep else sorted(folder.glob("*.yaml"))
        return [file for file in files if self.experiment and file.is_file()]

    @property
    def command(self) -> str:
        if not self.exists:
            return ""
        more = "".join(f" {key}={format_value(value)}" for key, value in self.where.items())
        if not self.grids:
            return f"python main.py experiment={self.experiment}{more}"
        sweep = f"paper/{self.sweep}" if self.sweep else "paper"
        return f"python main.py -m experiment={self.experiment} sweep={sweep}{more}"


@dataclass(frozen=True, kw_only=True)
class Source:
    name: str
    paper: str
    entries: Sequence[Entry]


@dataclass(frozen=True, kw_only=True)
class Ledger:
    sources: Sequence[Source]


def read_ledger(file: Path = LEDGER) -> Sequence[Source]:
    """Raises ValueError for a file that is not of this form."""
    return read_dataclass(Ledger, load_yaml(file, file.name), file.name).sources


def read_costs(file: Path = COSTS) -> Mapping[str, Mapping[str, Any]]:
    """By experiment or network: parameters, flops_per_sample (forward and backward), samples and epochs of a run."""
    return parse_json(read_file(file), file.name)
