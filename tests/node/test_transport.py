from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from chain.errors import PeerError
from consensus.errors import DecodeError
from node.errors import NoPeers
from node.transport import CONSENSUS_PROTOCOL, ConsensusTransport, SilentTransport
from p2p.memory_network import MemoryNetwork, open_memory_hub
from p2p.network import FailureReason, RequestFailed

NAMES = (b"alice", b"bob", b"carol")


@asynccontextmanager
async def three() -> AsyncIterator[tuple[list[MemoryNetwork], list[ConsensusTransport]]]:
    async with open_memory_hub() as hub:
        networks = [hub.join(name) for name in NAMES]
        yield networks, [ConsensusTransport(network) for network in networks]


async def test_a_broadcast_reaches_every_other_node_and_a_message_one() -> None:
    async with three() as (_, (alice, bob, carol)):
        await alice.broadcast(b"to all")
        assert await bob.receive() == (b"alice", b"to all")
        assert await carol.receive() == (b"alice", b"to all")
        await bob.send(b"carol", b"to one")
        assert await carol.receive() == (b"bob", b"to one")
        with trio.move_on_after(0.02) as wait:
            await alice.receive()
        assert wait.cancelled_caught
        assert alice.peers() == [b"bob", b"carol"]


async def test_a_message_to_a_peer_that_is_away_is_dropped() -> None:
    async with three() as (networks, (alice, *_)):
        await alice.send(b"nobody", b"x")
        assert networks[0].counters()["direct_dropped_not_connected"] == 1


async def test_a_request_is_answered_by_the_handler() -> None:
    async def handler(peer: bytes, message: bytes) -> bytes:
        return peer + b" asked " + message

    async with three() as (_, (alice, bob, _carol)):
        bob.set_request_handler(handler)
        assert await alice.request(b"bob", b"this", 5) == b"alice asked this"


async def test_a_request_that_breaks_the_protocol_is_refused_without_a_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(_peer: bytes, _message: bytes) -> bytes:
        raise DecodeError("unknown kind of message")

    async with three() as (networks, (alice, bob, _carol)):
        bob.set_request_handler(handler)
        with pytest.raises(RequestFailed, match="unknown kind") as failure:
            await alice.request(b"bob", b"garbage", 5)
        assert failure.value.reason is FailureReason.REFUSED
        assert networks[1].counters()["request_refused"] == 1
    assert not caplog.records  # no traceback for each bad request of a peer


async def test_failures_of_a_request_are_peer_errors() -> None:
    async with three() as (_, (alice, *_)):
        for peer in (b"bob", b"nobody"):
            with pytest.raises(PeerError):
                await alice.request(peer, b"x", 0.1)


async def test_offences_are_reported_to_the_network() -> None:
    async with three() as (networks, (alice, *_)):
        alice.penalise(b"bob", "lied")
        assert networks[0].penalties == [(b"bob", "lied")]


async def test_the_protocol_name_is_part_of_the_wire_format() -> None:
    async with three() as (networks, (_, bob, _carol)):
        await networks[0].send(b"bob", "/aurigraph/consensus/1", b"x")
        assert await bob.receive() == (b"alice", b"x")
    assert CONSENSUS_PROTOCOL == "/aurigraph/consensus/1"


async def test_alone_nobody_is_there() -> None:
    alone = SilentTransport()
    await alone.broadcast(b"x")
    await alone.send(b"y", b"x")
    alone.penalise(b"y", "why")
    alone.set_request_handler(lambda *_: trio.sleep_forever())
    assert alone.peers() == []
    with pytest.raises(NoPeers):
        await alone.request(b"y", b"x", 1)
    with trio.move_on_after(0.02) as wait:
        await alone.receive()
    assert wait.cancelled_caught
