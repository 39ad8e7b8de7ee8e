"""Write the ledger of reproductions, docs/reproduction.md: `python scripts/ledger.py`.

From docs/results/records (scripts/record.py writes them), configs/published, docs/results/ledger.yaml and
docs/results/costs.json (scripts/count_flops.py). With --check nothing is written; the exit code is 1 if the file is
another. --records FOLDER takes other records, --to FILE writes another file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from report.ledger.document import document  # noqa: E402
from report.ledger.entries import read_costs, read_ledger  # noqa: E402
from results.run_records import FOLDER, read_records, record_names  # noqa: E402

LEDGER = ROOT / "docs" / "reproduction.md"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the file is another")
    parser.add_argument("--records", type=Path, default=FOLDER, metavar="FOLDER", help="docs/results/records")
    parser.add_argument("--to", type=Path, default=LEDGER, metavar="FILE", help="docs/reproduction.md")
    options = parser.parse_args(argv)
    try:
        text = ledger(options.records)
        if options.check:
            return check(options.to, text)
        options.to.write_text(text, encoding="utf-8", newline="\n")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(options.to)
    return 0


def ledger(records: Path = FOLDER) -> str:
    runs = {name: read_records(records / f"{name}.jsonl") for name in record_names(records)}
    return document(read_ledger(), runs, read_costs())


def check(file: Path, text: str) -> int:
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return 0
    print(f"{file.name} is not what its sources say; run scripts/ledger.py")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
