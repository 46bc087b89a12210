"""Official files that are not run unless asked for, each with the reason. docs/conformance.md lists them too."""

from collections.abc import Mapping
from typing import Final

EXCLUDED: Final[Mapping[str, str]] = {
    "VMTests/vmPerformance/loopMul.json": "5 to 10 minutes an entry: up to ten million loops, without a gas limit",
    "stTimeConsuming/CALLBlake2f_MaxRounds.json": "5 minutes: calls of 4,294,967,295 rounds of BLAKE2b each",
}
"""End of the path -> why."""


def reason_to_exclude(label: str) -> str | None:
    """Why the file is left out, or None if it is run."""
    return next((reason for ending, reason in EXCLUDED.items() if label.endswith(ending)), None)
