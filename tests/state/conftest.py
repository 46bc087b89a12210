"""The fixtures of the store's tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from state.chain_store import DEFAULT_LIMITS, ChainStore, StoreLimits
from tests.state.chain_builder import CHAIN_ID, GENESIS_ID, ChainBuilder


class OpenChain(Protocol):
    """Opens the chain in the test's folder."""

    def __call__(self, limits: StoreLimits = DEFAULT_LIMITS) -> ChainBuilder: ...


@pytest.fixture
def chain_path(tmp_path: Path) -> Path:
    """Where `open_chain` keeps the database."""
    return tmp_path / "chain"


@pytest.fixture
def open_chain(chain_path: Path) -> Iterator[OpenChain]:
    """A function that opens the chain in the test's folder; stores are closed when the test ends."""
    opened: list[ChainStore] = []

    def open_it(limits: StoreLimits = DEFAULT_LIMITS) -> ChainBuilder:
        opened.append(ChainStore.open(chain_path, chain_id=CHAIN_ID, genesis_id=GENESIS_ID, limits=limits))
        return ChainBuilder(opened[-1])

    yield open_it
    for store in opened:
        store.close()
