from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from chain.transaction import MAX_TRANSACTION_BYTES
from node.errors import InvalidPayload
from node.gossip import (
    OFFER_AGAIN_EVERY_S,
    TARGET_BATCH_BYTES,
    TOPIC,
    decode_batch,
    encode_batch,
    gossip_transactions,
    split_batches,
)
from node.pool import OFFER_AGAIN_AFTER_S
from p2p.memory_network import Delivery, MemoryHub, MemoryNetwork, open_memory_hub
from tests.node.chain_fixture import HandDrivenChain, transfer


@given(st.integers(0, 2**64 - 1), st.lists(st.binary(max_size=200), max_size=20))
def test_a_batch_reads_back(sequence: int, raws: list[bytes]) -> None:
    assert decode_batch(encode_batch(sequence, raws)) == raws


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_never_crashes(garbage: bytes) -> None:
    try:
        decode_batch(garbage)
    except InvalidPayload:
        pass


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.floats() | st.binary(max_size=9) | st.just(""),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(values, max_size=4))
def test_msgpack_of_any_shape_gives_transactions_or_is_refused(value: list[Any]) -> None:
    try:
        raws = decode_batch(msgpack.packb(value))
    except InvalidPayload:
        return
    assert all(isinstance(raw, bytes) for raw in raws)
    assert value[0] == 1


@pytest.mark.parametrize(
    "message",
    [
        b"",
        msgpack.packb([2, 0, []]),
        msgpack.packb([1, 0]),
        msgpack.packb([1, []]),
        msgpack.packb([1.0, 0, []]),
        msgpack.packb([1, 0, ["text"]]),
        msgpack.packb([1, 0, [b"x" * (MAX_TRANSACTION_BYTES + 1)]]),
        msgpack.packb([1, 0, [[b"x"]]]),
        msgpack.packb({1: 2}),
        b"\x91" * 2000,
        msgpack.packb([1, 0, []]) + b"\x00",
    ],
)
def test_wrong_forms_are_refused(message: bytes) -> None:
    with pytest.raises(InvalidPayload):
        decode_batch(message)


def test_messages_stay_near_the_target_size_and_keep_the_order() -> None:
    raws = [bytes([n]) * 50_000 for n in range(20)]
    batches = split_batches(raws)
    assert [raw for batch in batches for raw in batch] == raws
    assert all(sum(map(len, batch)) <= TARGET_BATCH_BYTES for batch in batches)


class Nodes:
    """Nodes on one memory network, each with a chain and a pool; `losing` loses all gossip."""

    def __init__(self, hub: MemoryHub, chains: list[HandDrivenChain], networks: list[MemoryNetwork]) -> None:
        self.hub = hub
        self.chains = chains
        self.networks = networks

    async def wait_until_pooled(self, index: int, count: int) -> None:
        with trio.fail_after(30):
            while sum(self.chains[index].pool.counts()[:2]) < count:
                await trio.sleep(0.01)


@asynccontextmanager
async def nodes(folder: Path, count: int = 2) -> AsyncIterator[Nodes]:
    """Worker threads and the autojump clock do not go together, so time is real unless a test moves it."""
    chains: list[HandDrivenChain] = []
    async with open_memory_hub() as hub, trio.open_nursery() as nursery:
        networks = [hub.join(b"node %d" % index) for index in range(count)]
        for index in range(count):
            (folder / str(index)).mkdir()
            chains.append(HandDrivenChain(folder / str(index)))
            await nursery.start(chains[-1].pool.run)
            nursery.start_soon(gossip_transactions, networks[index], chains[-1].pool)
        await trio.testing.wait_all_tasks_blocked()  # everybody has subscribed
        try:
            yield Nodes(hub, chains, networks)
        finally:
            nursery.cancel_scope.cancel()
            for chain in chains:
                chain.close()


async def test_a_transaction_reaches_the_pools_of_all_and_is_offered_by_its_own_node_only(
    tmp_path: Path,
) -> None:
    sent: list[Delivery] = []
    async with nodes(tmp_path, 3) as network:

        def sees(delivery: Delivery) -> bool:
            sent.append(delivery)
            return False

        network.hub.loses = sees
        raws = [transfer(0, nonce).raw for nonce in range(5)]
        assert all(isinstance(answer, bytes) for answer in await network.chains[0].pool.submit(raws))
        for index in (1, 2):
            await network.wait_until_pooled(index, 5)
        await trio.sleep(0.1)
        assert {delivery.source for delivery in sent} == {b"node 0"}
        assert all(not member.penalties for member in network.networks)


async def test_what_was_lost_is_offered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.gossip.OFFER_AGAIN_EVERY_S", OFFER_AGAIN_EVERY_S / 50)
    monkeypatch.setattr("node.pool.OFFER_AGAIN_AFTER_S", OFFER_AGAIN_AFTER_S / 50)
    lost: list[bytes] = []
    async with nodes(tmp_path) as network:

        def loses(delivery: Delivery) -> bool:
            lost.append(delivery.payload)
            return True

        network.hub.loses = loses
        await network.chains[0].pool.submit([transfer(0, 0).raw])
        with trio.fail_after(20):
            while len(lost) < 2:
                await trio.sleep(0.01)
        assert len(set(lost)) == 2  # gossip drops a message that it has seen before
        network.hub.loses = lambda _: False
        await network.wait_until_pooled(1, 1)


@pytest.mark.parametrize(
    ("message", "is_offence"),
    [
        (b"garbage", True),
        (encode_batch(0, [b"\x02\xc0"]), True),
        (encode_batch(0, [transfer(0, 0, chain_id=5).raw]), True),
        (encode_batch(0, []), False),
        (encode_batch(0, [transfer(0, 5).raw]), False),
        (encode_batch(0, [transfer(0, 0, value=10**30).raw]), False),
    ],
    ids=["no msgpack", "no transaction", "other chain", "empty", "gap", "no funds"],
)
async def test_a_peer_is_blamed_for_what_no_node_accepts(
    tmp_path: Path, message: bytes, is_offence: bool
) -> None:
    async with nodes(tmp_path, 1) as network:
        stranger = network.hub.join(b"stranger")
        await stranger.broadcast(TOPIC, message)
        await stranger.broadcast(TOPIC, encode_batch(1, [transfer(1, 0).raw]))
        await network.wait_until_pooled(0, 1)
        await trio.sleep(0.05)
        offenders = [peer for peer, _ in network.networks[0].penalties]
        assert offenders == ([b"stranger"] if is_offence else [])


async def test_a_message_of_which_nothing_was_taken_is_followed_by_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a flood of them leaves this node most of its time."""
    monkeypatch.setattr("node.gossip.WORTHLESS_PAUSE", 1e9)
    monkeypatch.setattr("node.gossip.MAX_PAUSE_S", 0.4)
    async with nodes(tmp_path, 1) as network:
        stranger = network.hub.join(b"stranger")
        await stranger.broadcast(TOPIC, encode_batch(1, [transfer(1, 0).raw]))
        await network.wait_until_pooled(0, 1)
        begun_s = trio.current_time()
        await stranger.broadcast(TOPIC, encode_batch(2, [transfer(2, 0, value=10**30).raw]))
        await trio.sleep(0.1)
        await stranger.broadcast(TOPIC, encode_batch(3, [transfer(3, 0).raw]))
        await network.wait_until_pooled(0, 2)
        assert trio.current_time() - begun_s >= 0.4
        begun_s = trio.current_time()
        await stranger.broadcast(TOPIC, encode_batch(4, [transfer(4, 0).raw]))
        await network.wait_until_pooled(0, 3)
        assert trio.current_time() - begun_s < 0.4
