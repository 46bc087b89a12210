"""One network for all attacks: what an attack leaves behind is part of the next one's surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2p.identity import NodeIdentity, create_identity
from tests.attack.arena import Arena

BASE_PORT = 21_545


@pytest.fixture(scope="session")
def observer(tmp_path_factory: pytest.TempPathFactory) -> NodeIdentity:
    """The key of a peer that the validators let in."""
    return create_identity(tmp_path_factory.mktemp("observer") / "node_key")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> NodeIdentity:
    """The key of a peer that nobody lists."""
    return create_identity(tmp_path_factory.mktemp("stranger") / "node_key")


@pytest.fixture(scope="session")
def arena(tmp_path_factory: pytest.TempPathFactory, observer: NodeIdentity) -> Iterator[Arena]:
    """Four validators that make a block each half second."""
    folder: Path = tmp_path_factory.mktemp("attacked")
    with Arena(folder / "net", BASE_PORT, observers=(observer.text,)).running() as running:
        yield running
