"""Part of benchmark `system`: what withdrawing rewards costs, depending on how many others delegate."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measurement import Measurement, Options


def reward_measurements(options: Options) -> Iterator[Measurement]:
    yield from ()
