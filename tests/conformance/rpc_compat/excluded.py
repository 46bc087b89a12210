"""Official files that this node cannot pass and does not try to, each with the reason. docs/conformance.md lists
them too."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

EXCLUDED: Final[Mapping[str, str]] = {
    "testing_*/*": "builds a block that nobody agreed on: consensus alone makes blocks here",
    "eth_sendRawTransaction/send-blob-tx*.io": "this chain has no blob transactions",
    "eth_simulateV1/ethSimulate-blobs.io": "this chain has no blob transactions, so none stand in a simulated block",
    "eth_simulateV1/ethSimulate-empty-with-block-num-set-firstblock.io": (
        "simulates a block as before London, without a base fee: every block of this chain has one"
    ),
}
"""Pattern of the label -> why."""


def reason_to_exclude(label: str) -> str | None:
    """Why the file is left out, or None if it is run."""
    return next((reason for pattern, reason in EXCLUDED.items() if fnmatchcase(label, pattern)), None)
