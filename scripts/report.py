"""Tables, figures and one HTML page from any folders of runs: `python scripts/report.py outputs/digits`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from report.commandline import main  # noqa: E402
from results.streams import tolerate_streams  # noqa: E402

if __name__ == "__main__":
    tolerate_streams()
    sys.exit(main(sys.argv[1:]))
