"""What a benchmark yields, and how it takes the time.

Owns the value and its two printed forms. Each benchmark module has a function `run(options) -> Iterator[Measurement]`.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Options:
    """full: also run what takes minutes."""

    full: bool = False


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure. `peer` is the same figure of the usual library for the purpose, measured in the same run."""

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"] = "lower"
    peer: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer; below 1 is worse."""
        if self.peer is None or not self.value or not self.peer:
            return None
        return self.peer / self.value if self.better == "lower" else self.value / self.peer

    def as_json(self) -> str:
        """One JSON object on one line, without the keys that do not apply."""
        fields: dict[str, object] = {
            "name": self.name,
            "value": _short(self.value),
            "unit": self.unit,
            "better": self.better,
        }
        if self.peer is not None and self.ratio is not None:
            fields["peer"] = _short(self.peer)
            fields["ratio"] = _short(self.ratio)
        return json.dumps(fields)


def table(measurements: Sequence[Measurement]) -> str:
    """The same for people."""
    rows = [("", "value", "unit", "better", "peer", "ratio")]
    for one in measurements:
        peer = f"{_short(one.peer):g}" if one.peer is not None else ""
        ratio = f"{_short(one.ratio):g}x" if one.ratio is not None else ""
        rows.append((one.name, f"{_short(one.value):g}", one.unit, one.better, peer, ratio))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        row[0].ljust(widths[0])
        + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def best_seconds(work: Callable[[], object], rounds: int) -> float:
    """The least CPU time that this thread took in `rounds` runs: what the work itself costs, without the neighbours."""
    times = []
    for _ in range(rounds):
        gc.collect()
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)


def median(values: Sequence[float]) -> float:
    """The middle of the values."""
    return statistics.median(values)
