"""Fixtures that several packages share: where the official vectors are, and how hard hypothesis tries."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import chain.keccak  # noqa: F401  (selects the fast back end of eth-hash for every test)
from node.config import LogSettings
from node.logging import configure_logging

# As a node logs; structlog's own default prints every local variable of a traceback, which takes seconds.
configure_logging(LogSettings(format="json"))

REPOSITORY = Path(__file__).resolve().parent.parent
VECTORS_VARIABLE = "AURIGRAPH_VECTORS"

settings.register_profile(
    "default",
    deadline=None,  # the machines that run the tests are shared
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("default")


@pytest.fixture(scope="session")
def vectors_dir() -> Path:
    """The folder of official Ethereum vectors: tests/vectors, or what AURIGRAPH_VECTORS names."""
    folder = Path(os.environ.get(VECTORS_VARIABLE) or REPOSITORY / "tests" / "vectors")
    if not folder.is_dir():
        pytest.fail(f"the official vectors are not at {folder}")
    return folder
