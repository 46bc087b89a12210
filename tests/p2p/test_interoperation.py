"""The guarded node and the library as it comes understand each other."""

import trio
from libp2p.identity.identify.pb.identify_pb2 import Identify

from p2p.framing import FrameReader
from tests.p2p.p2p_tools import PATIENCE_S, TOPIC, eventually, node, stock_host, stream


async def test_requests_gossip_ping_and_identify_work_with_an_unguarded_host() -> None:
    async with stock_host() as stock, node(1, stock.address) as a:
        inbox = a.subscribe(TOPIC)
        await eventually(lambda: a.peers())
        payload = bytes(range(256)) * 3000
        assert await a.request(stock.peer_id, "/echo/1", payload, PATIENCE_S) == payload

        await eventually(lambda: a._stack.gossip.router.mesh.get(TOPIC))
        large = bytes(500_000)
        await a.broadcast(TOPIC, b"\x01\x02")
        await a.broadcast(TOPIC, large)
        with trio.fail_after(PATIENCE_S):
            assert [(await stock.next_message())["gossip"] for _ in range(2)] == ["0102", large.hex()]
        await stock.commands.send_all(b"publish 0304\n")
        with trio.fail_after(PATIENCE_S):
            assert await inbox.receive() == (stock.peer_id, b"\x03\x04")

        pinged = await stream(a, stock.peer_id, "/ipfs/ping/1.0.0", bytes(range(32)))
        assert await FrameReader(pinged).read(32) == bytes(range(32))
        asked = await stream(a, stock.peer_id, "/ipfs/id/1.0.0")
        answer = Identify.FromString(await FrameReader(asked).read_varint_frame(20_000))
        assert "/echo/1" in answer.protocols


async def test_an_unguarded_host_can_dial_this_node_and_identify_it() -> None:
    async with node(1) as a:
        inbox = a.subscribe(TOPIC)
        async with stock_host(dial=a.listen_addresses[0]) as stock:
            await eventually(lambda: a.peers())
            assert a.peers()[0].direction.value == "inbound"
            await eventually(lambda: a._stack.gossip.router.mesh.get(TOPIC))
            await stock.commands.send_all(b"publish 05\n")
            with trio.fail_after(PATIENCE_S):
                assert await inbox.receive() == (stock.peer_id, b"\x05")
            await eventually(lambda: a._stack.keeper._book.addresses(stock.peer_id))
            (address,) = a._stack.keeper._book.addresses(stock.peer_id)
            assert str(address) == stock.address
