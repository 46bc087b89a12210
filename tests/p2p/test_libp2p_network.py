import socket

import pytest
import trio

from chain.errors import EnvironmentFault, InvariantViolation
from p2p.libp2p_network import CannotListen, NetworkConfig, open_libp2p_network
from p2p.multiaddress import InvalidAddress
from p2p.network import (
    FailureReason,
    MessageTooLarge,
    RequestFailed,
    RequestLimits,
    RequestRefused,
    StreamLimits,
    TopicLimits,
)
from tests.p2p.p2p_tools import (
    DIRECT,
    QUESTION,
    TOPIC,
    connection,
    echo,
    eventually,
    identity,
    knows,
    meet,
    mesh,
    node,
    stream,
)


async def test_direct_messages_arrive_in_order_and_with_their_sender() -> None:
    async with node(1) as a, node(2, a) as b:
        inbox = a.inbox(DIRECT)
        await meet(a, b)
        for i in range(300):
            await b.send(a.me, DIRECT, i.to_bytes(2, "big"))
        with trio.fail_after(5):
            received = [await inbox.receive() for _ in range(300)]
        assert received == [(b.me, i.to_bytes(2, "big")) for i in range(300)]


async def test_messages_up_to_the_limit_arrive_whole_and_none_above_it_leave() -> None:
    limits = {"stream_limits": {DIRECT: StreamLimits()}}
    async with node(1, **limits) as a, node(2, a, **limits) as b:
        inbox = a.inbox(DIRECT)
        await meet(a, b)
        largest = bytes(range(256)) * (StreamLimits().max_message_bytes // 256)
        await b.send(a.me, DIRECT, b"")
        await b.send(a.me, DIRECT, largest)
        with trio.fail_after(5):
            assert await inbox.receive() == (b.me, b"")
            assert await inbox.receive() == (b.me, largest)
        with pytest.raises(MessageTooLarge):
            await b.send(a.me, DIRECT, largest + b"x")
        with pytest.raises(MessageTooLarge):
            await b.broadcast(TOPIC, bytes(2**20))
        with pytest.raises(MessageTooLarge):
            await b.request(a.me, QUESTION, bytes(2**20 + 1), 1)


async def test_a_message_to_an_absent_peer_is_dropped_and_counted() -> None:
    async with node(1) as a:
        await a.send(identity(9).peer_id, DIRECT, b"x")
        assert a.counters()["direct_dropped_not_connected"] == 1


async def test_a_full_sending_queue_drops_its_oldest_messages() -> None:
    limits = {"stream_limits": {DIRECT: StreamLimits(outgoing_messages=4)}}
    async with node(1) as a, node(2, a, **limits) as b:
        inbox = a.inbox(DIRECT)
        await meet(a, b)
        for i in range(20):
            await b.send(a.me, DIRECT, bytes([i]))
        # The sender runs only at checkpoints that wait, so the queue overflowed before anything left.
        received: list[int] = []
        with trio.move_on_after(1):
            async for _, payload in inbox:
                received.append(payload[0])
        assert received[-4:] == [16, 17, 18, 19]
        assert len(received) + b.counters()[f"direct_dropped_queue_full:{DIRECT}"] == 20


async def test_a_consumer_that_sleeps_blocks_neither_reader_nor_other_peers() -> None:
    limits = {"stream_limits": {DIRECT: StreamLimits(inbox_messages_per_peer=3)}}
    async with node(1, **limits) as a, node(2, a) as b, node(3, a) as c:
        inbox = a.inbox(DIRECT)
        await meet(a, b)
        await meet(a, c)
        await c.send(a.me, DIRECT, b"calm")
        for i in range(50):
            await b.send(a.me, DIRECT, bytes([i]))
        await eventually(lambda: a.counters().get(f"direct_dropped_inbox_full:{DIRECT}", 0) >= 47)
        received = [await inbox.receive() for _ in range(4)]
        assert (c.me, b"calm") in received
        assert received[-1] == (b.me, bytes([49]))


async def test_a_request_is_answered_refused_or_fails_with_its_reason() -> None:
    async def handler(peer: bytes, payload: bytes) -> bytes:
        match payload:
            case b"refuse":
                raise RequestRefused("no block \n" + "x" * 500)
            case b"bug":
                raise KeyError("secret")
            case b"sleep":
                await trio.sleep(10)
            case b"large":
                return bytes(2000)
        return peer + payload

    limits = {"request_limits": {QUESTION: RequestLimits(max_response_bytes=1000)}}
    async with node(1) as a, node(2, a, **limits) as b:
        a.set_handler(QUESTION, handler)
        await meet(a, b)
        assert await b.request(a.me, QUESTION, b"?", 2) == b.me + b"?"
        for peer, protocol, payload, reason in (
            (a.me, QUESTION, b"refuse", FailureReason.REFUSED),
            (a.me, QUESTION, b"bug", FailureReason.REFUSED),
            (a.me, QUESTION, b"sleep", FailureReason.TIMEOUT),
            (a.me, QUESTION, b"large", FailureReason.TOO_LARGE),
            (a.me, "/unknown/1", b"", FailureReason.UNSUPPORTED),
            (identity(9).peer_id, QUESTION, b"", FailureReason.NOT_CONNECTED),
        ):
            with pytest.raises(RequestFailed) as failure:
                await b.request(peer, protocol, payload, 0.3)
            assert failure.value.reason is reason
            if payload == b"refuse":
                assert failure.value.detail.startswith("no block ?x")
                assert len(failure.value.detail) <= 256
        await eventually(lambda: len(connection(b, a.me)._streams) <= 3)


async def test_requests_of_one_peer_are_limited_at_the_answering_side() -> None:
    async def slow(peer: bytes, payload: bytes) -> bytes:
        await trio.sleep(0.5)
        return b""

    reasons: list[FailureReason | None] = []
    limits = {"request_limits": {QUESTION: RequestLimits(concurrent_per_peer=2)}}
    async with node(1, **limits) as a, node(2, a) as b:
        a.set_handler(QUESTION, slow)
        await meet(a, b)

        async def ask() -> None:
            try:
                await b.request(a.me, QUESTION, b"", 2)
                reasons.append(None)
            except RequestFailed as failure:
                reasons.append(failure.reason)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
    assert sorted(str(r) for r in reasons) == ["FailureReason.BUSY"] * 3 + ["None"] * 2


async def test_a_request_fails_at_once_when_the_peer_goes_away() -> None:
    async with node(1) as a, node(2, a, redial_listed_max_s=60) as b:

        async def leave(peer: bytes, payload: bytes) -> bytes:
            await trio.sleep(10)
            return b""

        b.set_handler(QUESTION, leave)
        await meet(a, b)
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(RequestFailed) as failure:
                    await a.request(b.me, QUESTION, b"", 10)
                assert failure.value.reason is FailureReason.DISCONNECTED

            nursery.start_soon(ask)
            await trio.sleep(0.1)
            connection(b, a.me).abandon()
            with trio.fail_after(1):
                while nursery.child_tasks:
                    await trio.sleep(0.01)


async def test_gossip_reaches_all_subscribers_once_with_its_author() -> None:
    async with node(1) as a, node(2, a) as b, node(3, a) as c, node(4, b) as d:
        networks = (a, b, c, d)
        inboxes = [network.subscribe(TOPIC) for network in networks]
        await meet(a, b)
        await meet(a, c)
        await meet(b, d)
        await mesh(b, d)
        await mesh(a, c)
        for i in range(20):
            await d.broadcast(TOPIC, bytes([i]))
        for inbox in inboxes[:3]:
            with trio.fail_after(5):
                received = [await inbox.receive() for _ in range(20)]
            assert received == [(d.me, bytes([i])) for i in range(20)]
        await trio.sleep(0.2)
        for inbox in inboxes:
            with pytest.raises(trio.WouldBlock):
                inbox.receive_nowait()


async def test_a_validator_keeps_gossip_from_being_delivered_and_forwarded() -> None:
    async with node(1) as a, node(2, a) as b, node(3, b) as c:
        seen = a.subscribe(TOPIC)
        middle = b.subscribe(TOPIC, lambda author, payload: author == c.me and payload != b"bad")
        c.subscribe(TOPIC)
        await mesh(a, b)
        await mesh(b, c)
        await c.broadcast(TOPIC, b"bad")
        await c.broadcast(TOPIC, b"good")
        with trio.fail_after(5):
            assert await middle.receive() == (c.me, b"good")
            assert await seen.receive() == (c.me, b"good")
        assert b.counters()["gossip_rejected"] == 1


async def test_gossip_above_the_limit_of_the_receiver_is_rejected() -> None:
    limits = {"topic_limits": {TOPIC: TopicLimits(max_message_bytes=100)}}
    async with node(1, **limits) as a, node(2, a) as b:
        inbox = a.subscribe(TOPIC)
        b.subscribe(TOPIC)
        await mesh(a, b)
        await b.broadcast(TOPIC, bytes(101))
        await b.broadcast(TOPIC, bytes(100))
        with trio.fail_after(5):
            assert await inbox.receive() == (b.me, bytes(100))


async def test_misuse_is_a_bug() -> None:
    async with node(1) as a:
        a.subscribe(TOPIC)
        a.inbox(DIRECT)
        with pytest.raises(InvariantViolation):
            a.subscribe(TOPIC)
        with pytest.raises(InvariantViolation):
            a.subscribe("other")
        with pytest.raises(InvariantViolation):
            a.inbox(DIRECT)
        with pytest.raises(InvariantViolation):
            await a.broadcast("other", b"")


async def test_a_port_in_use_is_an_environment_fault_that_names_the_port() -> None:
    async with node(1) as a:
        port = a.listen_addresses[0].split("/")[4]
        with pytest.raises(CannotListen, match=f"port {port} is in use"):
            async with node(2, listen=f"/ip4/127.0.0.1/tcp/{port}"):
                pass
    assert issubclass(CannotListen, EnvironmentFault)


async def test_unusable_addresses_are_refused_before_anything_starts() -> None:
    for settings in ({"listen": "127.0.0.1"}, {"peers": ("/ip4/1.1.1.1/tcp/1",)}, {"announce": ("x",)}):
        with pytest.raises(InvalidAddress):
            async with node(1, **settings):
                pass
    with pytest.raises(CannotListen):
        async with node(1, listen="/ip4/192.0.2.1/tcp/0"):
            pass


async def test_closing_is_quick_frees_the_port_and_leaves_no_task() -> None:
    tasks_before = trio.lowlevel.current_statistics().tasks_living
    async with node(1) as a, node(2, a) as b, node(3, a) as c:
        await meet(a, b)
        await meet(a, c)
        a.inbox(DIRECT)
        await b.send(a.me, DIRECT, b"x")
        await stream(b, a.me, "/ipfs/ping/1.0.0")
        port = int(a.listen_addresses[0].split("/")[4])
        start_s = trio.current_time()
    assert trio.current_time() - start_s < 2
    assert trio.lowlevel.current_statistics().tasks_living <= tasks_before
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


async def test_errors_of_the_block_leave_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_libp2p_network(NetworkConfig(listen=""), identity(1)):
            raise ZeroDivisionError


async def test_a_node_without_listener_dials_and_is_reached_through_its_connection() -> None:
    async with node(1) as a, node(2, a, listen="") as b:
        b.set_handler(QUESTION, echo)
        await meet(a, b)
        assert b.listen_addresses == ()
        assert await a.request(b.me, QUESTION, b"?", 2) == b"?"


async def test_peers_shows_address_direction_age_and_round_trip() -> None:
    async with node(1) as a, node(2, a, ping_interval_s=0.05) as b:
        await meet(a, b)
        await eventually(lambda: b.peers()[0].round_trip_ms is not None)
        (seen,) = b.peers()
        assert (seen.peer_id, seen.direction.value) == (a.me, "outbound")
        assert a.listen_addresses[0].startswith(seen.address)
        assert 0 <= seen.connected_s < 10
        assert 0 < (seen.round_trip_ms or 0) < 1000
        assert a.peers()[0].direction.value == "inbound"
        assert knows(a, b)
