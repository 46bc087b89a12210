from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.fork_configuration import fork_configurations
from tests.node.chain_fixture import GENESIS_TIME, HandDrivenChain
from vm.block import BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS
from vm.forks import Fork


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[list[HandDrivenChain]]:
    chains: list[HandDrivenChain] = []
    yield chains
    for chain in chains:
        chain.close()


async def test_one_rule_set_from_the_beginning(tmp_path: Path, opened: list[HandDrivenChain]) -> None:
    chain = HandDrivenChain(tmp_path)
    opened.append(chain)
    (only,) = fork_configurations(chain.store, chain.constants)
    genesis_hash = chain.store.canonical_hash(0)

    assert genesis_hash is not None
    assert only.fork is Fork.PRAGUE
    assert (only.activation_time, only.blob_target, only.blob_max) == (0, 0, 0)
    assert only.fork_id == zlib.crc32(genesis_hash).to_bytes(4, "big")
    assert only.system_contracts == {
        "BEACON_ROOTS_ADDRESS": BEACON_ROOTS_ADDRESS,
        "HISTORY_STORAGE_ADDRESS": HISTORY_STORAGE_ADDRESS,
    }


async def test_times_of_rule_sets_that_came_and_that_will_come(
    tmp_path: Path, opened: list[HandDrivenChain]
) -> None:
    chain = HandDrivenChain(tmp_path, forks="cancun,prague@2,osaka@12")
    opened.append(chain)
    assert [item.activation_time for item in fork_configurations(chain.store, chain.constants)] == [
        0,
        GENESIS_TIME + 2,
        GENESIS_TIME + 12,
    ]
    for _ in range(3):
        chain.clock.now_ms += 7_000
        await chain.decide()
    second, head = chain.store.header(2), chain.store.header(3)
    assert second is not None
    assert head is not None
    cancun, prague, osaka = fork_configurations(chain.store, chain.constants)

    assert (cancun.activation_time, prague.activation_time) == (0, second.timestamp)
    assert osaka.activation_time == head.timestamp + 9
    assert cancun.system_contracts == {"BEACON_ROOTS_ADDRESS": BEACON_ROOTS_ADDRESS}
    genesis_hash = chain.store.canonical_hash(0)
    assert genesis_hash is not None
    # EIP-2124: the checksum over the genesis hash and the forks so far, each 8 bytes big-endian.
    assert prague.fork_id == zlib.crc32(genesis_hash + (2).to_bytes(8, "big")).to_bytes(4, "big")
    both = genesis_hash + (2).to_bytes(8, "big") + (12).to_bytes(8, "big")
    assert osaka.fork_id == zlib.crc32(both).to_bytes(4, "big")
