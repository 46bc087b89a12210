"""What the node tells whoever listens, up to a WebSocket client of a real chain."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
import trio

from chain.transaction import RecoveredTransaction
from node.clock import wall_time_ms
from node.config import MempoolSettings
from node.rpc_backend import NodeRpcBackend
from rpc.config import RpcConfig
from rpc.server import serve_rpc
from tests.node.chain_fixture import HandDrivenChain, transfer
from tests.rpc.socket_client import SocketClient


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path)
    yield driven
    driven.close()


class Notes:
    """A listener that writes down what it is told."""

    def __init__(self, chain: HandDrivenChain, *, wants_transactions: bool = True) -> None:
        self.chain = chain
        self.wants_transactions = wants_transactions
        self.heads: list[tuple[int, int]] = []
        self.accepted: list[list[bytes]] = []

    def head_changed(self) -> None:
        executable, _, _ = self.chain.pool.counts()
        self.heads.append((self.chain.store.head.number, executable))

    def transactions_accepted(self, accepted: Sequence[RecoveredTransaction]) -> None:
        self.accepted.append([recovered.transaction.hash for recovered in accepted])


async def test_a_head_is_told_when_store_and_pool_have_followed(
    chain: HandDrivenChain, nursery: trio.Nursery
) -> None:
    notes = Notes(chain)
    chain.pool.events.listen(notes)
    await nursery.start(chain.pool.run)
    await chain.pool.submit([transfer(0, 0).raw])
    await chain.decide()
    await chain.decide()

    assert notes.heads == [(1, 0), (2, 0)]
    chain.pool.events.stop_listening(notes)
    await chain.decide()
    assert len(notes.heads) == 2


async def test_only_what_the_pool_took_in_is_told_from_clients_and_peers(
    chain: HandDrivenChain, nursery: trio.Nursery
) -> None:
    notes, uninterested = Notes(chain), Notes(chain, wants_transactions=False)
    chain.pool.events.listen(notes)
    await nursery.start(chain.pool.run)
    good, gap, unpaid = transfer(0, 0), transfer(0, 2), transfer(1, 0, value=10**30)

    await chain.pool.submit([good.raw, b"\x01", unpaid.raw, gap.raw, good.raw])
    await chain.pool.submit_from_peer([transfer(2, 0).raw])

    assert notes.accepted == [[good.hash, gap.hash], [transfer(2, 0).hash]]
    chain.pool.events.stop_listening(notes)
    chain.pool.events.listen(uninterested)
    await chain.pool.submit([transfer(3, 0).raw])
    assert uninterested.accepted == []


async def test_a_client_of_a_real_chain_hears_of_blocks_and_transactions(
    chain: HandDrivenChain, nursery: trio.Nursery
) -> None:
    backend = NodeRpcBackend(
        chain.store, chain.application, chain.pool, MempoolSettings(), None, lambda: None, wall_time_ms
    )
    await nursery.start(chain.pool.run)
    port = await nursery.start(
        partial(serve_rpc, RpcConfig(port=0), backend, backend, backend, events=chain.pool.events)
    )
    client = await SocketClient.open(port)
    pending = await client.result("eth_subscribe", "newPendingTransactions")
    heads = await client.result("eth_subscribe", "newHeads")
    transaction = transfer(0, 0)

    assert await client.result("eth_getTransactionCount", "0x" + "00" * 20, "pending") == "0x0"
    await chain.pool.submit([transaction.raw])
    assert await client.notification(pending) == "0x" + transaction.hash.hex()
    await chain.decide()

    head = await client.notification(heads)
    assert head["hash"] == "0x" + chain.store.head.hash.hex()
    receipt = await client.result("eth_getTransactionReceipt", "0x" + transaction.hash.hex())
    assert receipt["blockHash"] == head["hash"]
    await trio.aclose_forcefully(client.wire.stream)
