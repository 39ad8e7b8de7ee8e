"""The runs of a suite: which run belongs to which task, and the search spaces of the optimizers.

outputs/suites/quick/suite.json             of runs that a command has made; it names their folders
docs/results/records/suite/quick/           of recorded runs: suite.json without folders, and <task>.jsonl.gz
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from results.files import parse_json, read_file, write_json
from results.find import read_or_skip
from results.run import Run
from results.run_records import FOLDER as RECORDS
from results.run_records import read_records
from results.typed import read_dataclass

MANIFEST = "suite.json"
RECORDED = RECORDS / "suite"


@dataclass(frozen=True, kw_only=True)
class SearchedRange:
    """Of one number that is tuned: the fields of optim.search_range.SearchRange."""

    low: float
    high: float
    scale: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of suite.json.

    definitions: SuiteTask.definition by task, of the runs below. spaces: by optimizer (its wrappers included) and the
    numbers' dotted keys. runs: by task the folders of the runs, relative to the folder `outputs` above suites/<name>.
    """

    suite: str
    definitions: Mapping[str, str]
    spaces: Mapping[str, Mapping[str, SearchedRange]]
    runs: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def joined(self, later: Manifest) -> Manifest:
        """With what a later command has run; runs of tasks that were defined otherwise then are left out."""
        runs = {
            task: sorted({*folders, *later.runs.get(task, ())})
            for task, folders in self.runs.items()
            if later.definitions.get(task, self.definitions.get(task)) == self.definitions.get(task)
        }
        return Manifest(
            suite=later.suite,
            definitions={**self.definitions, **later.definitions},
            spaces={**self.spaces, **later.spaces},
            runs={**later.runs, **runs},
        )


@dataclass(frozen=True)
class SuiteRuns:
    """runs: by task; of a command's those that are there, finished or not. missing: folders that are not, or are
    damaged, and why."""

    manifest: Manifest
    runs: Mapping[str, Sequence[Run]]
    missing: Sequence[str] = ()


def is_suite_folder(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def read_manifest(folder: Path) -> Manifest:
    """Raises OSError, and ValueError, which names the file, where it is damaged."""
    file = folder / MANIFEST
    try:
        return read_dataclass(Manifest, parse_json(read_file(file), MANIFEST), "")
    except ValueError as error:
        raise ValueError(f"{file} is damaged ({error})") from None


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Write suite.json, joined with what earlier commands have run; return that. One that is damaged is replaced."""
    try:
        manifest = read_manifest(folder).joined(manifest)
    except (OSError, ValueError):
        pass
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / MANIFEST, asdict(manifest))
    return manifest


def read_suite_runs(folder: Path) -> SuiteRuns:
    """The runs of a suite's folder, a command's or a recorded one. Raises OSError, and ValueError for a damaged
    manifest or file of records."""
    manifest = read_manifest(folder)
    runs: dict[str, list[Run]] = {}
    missing: list[str] = []
    for task, folders in manifest.runs.items():
        for name in folders:
            entry = read_or_skip(folder.parents[1] / name)
            if isinstance(entry, Run):
                runs.setdefault(task, []).append(entry)
            else:
                missing.append(f"{entry.folder}: {entry.reason}")
    for file in sorted(folder.glob("*.jsonl*")):
        runs.setdefault(file.name.partition(".")[0], []).extend(read_records(file))
    return SuiteRuns(manifest, runs, missing)


def read_recorded(suite: str) -> SuiteRuns | None:
    """The recorded runs of a suite; None where there are none."""
    return read_suite_runs(RECORDED / suite) if is_suite_folder(RECORDED / suite) else None
