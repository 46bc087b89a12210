"""Fixtures that several packages share: where the official vectors are, and how hard hypothesis tries."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import chain.keccak  # noqa: F401  (selects the fast back end of eth-hash for every test)
from node.config import LogSettings
from node.logging import configure_logging
from node.rpc_client import RpcClient
from tests.rpc.json_schema import official_openrpc
from vm.system.runtime.faults import FAULTS

# As a node logs; structlog's own default prints every local variable of a traceback, which takes seconds.
configure_logging(LogSettings(format="json"))

FAULTS.raises = True  # a bug of a system contract ends the test that met it

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


@pytest.fixture(scope="session", autouse=True)
def _replies_to_the_client_are_valid() -> Iterator[None]:
    """Whatever a test asks a node through the node's own client is checked against the official OpenRPC document;
    tests/rpc/wire.py does the same for tests on the wire."""
    original = RpcClient.call

    def call(client: RpcClient, method: str, *params: Any) -> Any:
        result = original(client, method, *params)
        assert official_openrpc().complaints(method, result) == [], (method, params)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RpcClient, "call", call)
        yield
