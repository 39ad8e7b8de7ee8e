"""The conformance report of an optimizer; see `report`."""

from .candidate import Candidate
from .checks import CHECKS, COMPILE_CHECKS, EXTERNAL_CHECKS, OWN_ONLY
from .external import ExternalCandidate, candidate_of
from .report import CheckResult, conformance_report, formatted, run_check, step_cost

__all__ = [
    "CHECKS",
    "COMPILE_CHECKS",
    "EXTERNAL_CHECKS",
    "OWN_ONLY",
    "Candidate",
    "CheckResult",
    "ExternalCandidate",
    "candidate_of",
    "conformance_report",
    "formatted",
    "run_check",
    "step_cost",
]
