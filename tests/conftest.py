"""Fixtures that several packages share: where the official vectors are, and how hard hypothesis tries."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import chain.keccak  # noqa: F401  (selects the fast back end of eth-hash for every test)
import genesis.presets

# pytest takes every function whose name begins with "test" for a test, also imported ones.
genesis.presets.testnet_genesis.__test__ = False  # type: ignore[attr-defined]

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
    """The folder of official Ethereum vectors; tests that need it are skipped when it is not there."""
    configured = os.environ.get(VECTORS_VARIABLE)
    if configured is not None:
        folder = Path(configured)
        if not folder.is_dir():
            pytest.fail(f"{VECTORS_VARIABLE} names {configured}, which is not a folder")
        return folder
    folder = REPOSITORY.parent / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip(f"official vectors not found: set {VECTORS_VARIABLE} to the folder that holds them")
    return folder
