"""The conformance report of an optimizer; see `report`."""

from .candidate import Candidate
from .checks import CHECKS, COMPILE_CHECKS
from .report import CheckResult, conformance_report, formatted, run_check, step_cost

__all__ = [
    "CHECKS",
    "COMPILE_CHECKS",
    "Candidate",
    "CheckResult",
    "conformance_report",
    "formatted",
    "run_check",
    "step_cost",
]
