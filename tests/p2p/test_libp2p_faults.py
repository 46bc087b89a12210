"""Faults of the unguarded library that the guards answer: when one of these tests fails, a guard may go."""

import pytest
import trio
import trio.testing
from libp2p.stream_muxer.yamux.yamux import Yamux

from tests.p2p.attacks import ATTACKS, KILLS_LIBP2P_0_8_1
from tests.p2p.p2p_tools import PATIENCE_S, eventually, node, stock_host
from tests.p2p.test_yamux import DATA, PEER, SYN, WINDOW_UPDATE, Pipe, frame

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", KILLS_LIBP2P_0_8_1)
async def test_one_attack_ends_the_host(name: str) -> None:
    async with (
        stock_host(validator_fails=name == "failing validator") as stock,
        node(3, stock.address, listen="", redial_listed_max_s=60) as attacker,
    ):
        await eventually(lambda: attacker.peers())
        await trio.sleep(0.1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ATTACKS[name], attacker, stock.peer_id, 0)
            with trio.fail_after(PATIENCE_S):
                while "died" not in await stock.next_message():
                    pass
            nursery.cancel_scope.cancel()


async def test_accepted_connections_use_up_the_host_for_ever() -> None:
    async with stock_host(max_connections=3) as stock:
        for _ in range(3):
            async with node(3, stock.address, listen="") as visitor:
                await eventually(visitor.peers)
            await trio.sleep(0.3)
        async with node(4, stock.address, listen="") as latecomer:
            await eventually(lambda: latecomer.counters().get("dials_failed", 0) >= 3)
            assert latecomer.peers() == []


async def test_two_hosts_share_one_port_without_noticing() -> None:
    async with stock_host() as one:
        port = int(one.address.split("/")[4])
        async with stock_host(port=port) as other:
            assert other.address == one.address


async def test_the_muxer_keeps_whatever_exceeds_the_window() -> None:
    left, right = trio.testing.memory_stream_pair()
    muxer = Yamux(Pipe(right, is_initiator=False), PEER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(muxer.start)
        await left.send_all(frame(WINDOW_UPDATE, SYN, 1, 0))
        for _ in range(30):
            await left.send_all(frame(DATA, 0, 1, 65_536, bytes(65_536)))
        await eventually(lambda: len(muxer.stream_buffers.get(1, b"")) == 30 * 65_536)
        nursery.cancel_scope.cancel()
