"""The one place that reads the wall clock. Everything else gets a time as an argument."""

import time


def wall_time_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000
