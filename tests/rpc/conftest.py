"""Fixtures: a committed chain (built once), a fake node over it, and a listener that serves it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import trio

from rpc.config import RpcConfig
from rpc.server import serve_rpc
from tests.rpc.dev_chain import DevChain, FakeNode, build_dev_chain
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]


@pytest.fixture(scope="session")
def dev_chain() -> DevChain:
    return build_dev_chain()


@pytest.fixture
def fake_node(dev_chain: DevChain) -> FakeNode:
    return FakeNode(dev_chain)


@pytest.fixture
async def sockets() -> AsyncIterator[None]:
    """Closes the connections of the test."""
    yield
    await _close_sockets()


async def _close_sockets() -> None:
    while Wire.opened:
        await trio.aclose_forcefully(Wire.opened.pop().stream)


@pytest.fixture
async def serve(nursery: trio.Nursery, fake_node: FakeNode) -> AsyncIterator[Serve]:
    """Start a listener with the given config; returns its port. The connections are closed before it is stopped."""

    async def start(config: RpcConfig | None = None) -> int:
        settings = config or RpcConfig(port=0)
        port = await nursery.start(
            partial(serve_rpc, settings, fake_node, fake_node, fake_node, events=fake_node)
        )
        assert isinstance(port, int)
        return port

    yield start
    await _close_sockets()


@pytest.fixture
async def wire(serve: Serve) -> Wire:
    """A connection to a listener with default settings."""
    return await Wire.open(await serve())
