"""Official files that are never run, each with the reason. docs/conformance.md lists them too."""

from collections.abc import Mapping
from typing import Final

EXCLUDED: Final[Mapping[str, str]] = {}
"""Path below state_tests/ -> why."""
