import pytest
import trio
import trio.testing

from chain.errors import InvariantViolation
from p2p.memory_network import Delivery, DeliveryKind, open_memory_hub
from p2p.multiaddress import PeerAddress
from p2p.network import (
    FailureReason,
    MessageTooLarge,
    RequestFailed,
    RequestLimits,
    RequestRefused,
    StreamLimits,
    TopicLimits,
)


async def test_broadcast_reaches_every_subscriber_but_not_the_sender() -> None:
    async with open_memory_hub() as hub:
        a, b, c = (hub.join(name) for name in (b"a", b"b", b"c"))
        inboxes = [node.subscribe("tx") for node in (a, b, c)]
        await a.broadcast("tx", b"hello")
        with trio.fail_after(1):
            assert await inboxes[1].receive() == (b"a", b"hello")
            assert await inboxes[2].receive() == (b"a", b"hello")
        with pytest.raises(trio.WouldBlock):
            inboxes[0].receive_nowait()


async def test_direct_messages_keep_their_order_under_random_looking_delay(
    autojump_clock: trio.testing.MockClock,
) -> None:
    delays = iter([0.5, 0.1, 0.3, 0.0])
    async with open_memory_hub(delay_s=lambda _: next(delays)) as hub:
        a, b = hub.join(b"a"), hub.join(b"b")
        inbox = b.inbox("/vote/1")
        for i in range(4):
            await a.send(b"b", "/vote/1", bytes([i]))
        assert [(await inbox.receive())[1] for _ in range(4)] == [b"\0", b"\1", b"\2", b"\3"]
        assert trio.current_time() >= 0.5


async def test_a_lost_message_and_a_cut_link_deliver_nothing(autojump_clock: trio.testing.MockClock) -> None:
    def loses(delivery: Delivery) -> bool:
        return delivery.payload == b"lost"

    async with open_memory_hub(loses=loses) as hub:
        a, b = hub.join(b"a"), hub.join(b"b")
        inbox = b.inbox("/vote/1")
        await a.send(b"b", "/vote/1", b"lost")
        hub.disconnect(b"a", b"b")
        assert a.peers() == []
        await a.send(b"b", "/vote/1", b"cut")
        hub.reconnect(b"a", b"b")
        await a.send(b"b", "/vote/1", b"arrives")
        assert await inbox.receive() == (b"a", b"arrives")
        assert a.counters()["direct_dropped_not_connected"] == 1


async def test_a_slow_consumer_loses_the_oldest_messages_of_that_peer_only(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = {"/vote/1": StreamLimits(inbox_messages_per_peer=2)}
    async with open_memory_hub() as hub:
        a, b, c = hub.join(b"a"), hub.join(b"b", streams=limits), hub.join(b"c")
        inbox = b.inbox("/vote/1")
        await c.send(b"b", "/vote/1", b"quiet")
        for i in range(9):
            await a.send(b"b", "/vote/1", bytes([i]))
        await trio.sleep(1)
        received = [await inbox.receive() for _ in range(3)]
        assert (b"c", b"quiet") in received
        assert [payload for peer, payload in received if peer == b"a"][-1] in (b"\x07", b"\x08")
        assert b.counters()["direct_dropped_inbox_full:/vote/1"] >= 6


async def test_a_request_is_answered_refused_or_times_out(autojump_clock: trio.testing.MockClock) -> None:
    async def handler(peer: bytes, payload: bytes) -> bytes:
        match payload:
            case b"refuse":
                raise RequestRefused("pruned")
            case b"bug":
                raise KeyError("secret")
            case b"sleep":
                await trio.sleep(100)
        return peer + payload

    async with open_memory_hub() as hub:
        a, b = hub.join(b"a"), hub.join(b"b")
        b.set_handler("/sync/1", handler)
        assert await a.request(b"b", "/sync/1", b"x", 1) == b"ax"
        for payload, reason, detail in (
            (b"refuse", FailureReason.REFUSED, "pruned"),
            (b"bug", FailureReason.REFUSED, ""),
            (b"sleep", FailureReason.TIMEOUT, ""),
        ):
            with pytest.raises(RequestFailed) as failure:
                await a.request(b"b", "/sync/1", payload, 1)
            assert (failure.value.reason, failure.value.detail) == (reason, detail)
        for peer, protocol, reason in (
            (b"z", "/sync/1", FailureReason.NOT_CONNECTED),
            (b"b", "/none/1", FailureReason.UNSUPPORTED),
        ):
            with pytest.raises(RequestFailed) as failure:
                await a.request(peer, protocol, b"", 1)
            assert failure.value.reason is reason


async def test_requests_of_one_peer_are_limited(autojump_clock: trio.testing.MockClock) -> None:
    async def handler(peer: bytes, payload: bytes) -> bytes:
        await trio.sleep(5)
        return b""

    reasons: list[FailureReason] = []

    async with open_memory_hub() as hub:
        a = hub.join(b"a")
        b = hub.join(b"b", requests={"/sync/1": RequestLimits(concurrent_per_peer=2)})
        b.set_handler("/sync/1", handler)

        async def ask() -> None:
            try:
                await a.request(b"b", "/sync/1", b"", 10)
            except RequestFailed as failure:
                reasons.append(failure.reason)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
    assert reasons == [FailureReason.BUSY]


async def test_own_oversized_messages_are_refused_to_the_caller() -> None:
    async with open_memory_hub() as hub:
        a = hub.join(
            b"a",
            topics={"tx": TopicLimits(max_message_bytes=3)},
            streams={"/vote/1": StreamLimits(max_message_bytes=3)},
            requests={"/sync/1": RequestLimits(max_request_bytes=3)},
        )
        hub.join(b"b")
        with pytest.raises(MessageTooLarge):
            await a.broadcast("tx", b"1234")
        with pytest.raises(MessageTooLarge):
            await a.send(b"b", "/vote/1", b"1234")
        with pytest.raises(MessageTooLarge):
            await a.request(b"b", "/sync/1", b"1234", 1)


async def test_a_validator_rejects_gossip_before_it_is_delivered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_memory_hub() as hub:
        a, b = hub.join(b"a"), hub.join(b"b")
        inbox = b.subscribe("tx", lambda peer, payload: payload != b"bad")
        await a.broadcast("tx", b"bad")
        await a.broadcast("tx", b"good")
        assert await inbox.receive() == (b"a", b"good")
        assert b.counters()["gossip_rejected"] == 1


async def test_the_allow_list_of_either_side_separates_peers() -> None:
    async with open_memory_hub() as hub:
        a, _, c = (hub.join(name) for name in (b"a", b"b", b"c"))
        a.allow_only(frozenset({b"b"}))
        assert [peer.peer_id for peer in a.peers()] == [b"b"]
        assert [peer.peer_id for peer in c.peers()] == [b"b"]
        a.allow_only(None)
        assert [peer.peer_id for peer in c.peers()] == [b"a", b"b"]


async def test_double_use_of_an_id_an_inbox_or_a_topic_is_a_bug() -> None:
    async with open_memory_hub() as hub:
        a = hub.join(b"a")
        a.subscribe("tx")
        a.inbox("/vote/1")
        for misuse in (
            lambda: hub.join(b"a"),
            lambda: a.subscribe("tx"),
            lambda: a.inbox("/vote/1"),
        ):
            with pytest.raises(InvariantViolation):
                misuse()


async def test_the_hooks_see_every_kind_of_delivery() -> None:
    seen: list[DeliveryKind] = []

    def delay_s(delivery: Delivery) -> float:
        seen.append(delivery.kind)
        return 0.0

    async def handler(peer: bytes, payload: bytes) -> bytes:
        return payload

    async with open_memory_hub(delay_s=delay_s) as hub:
        a, b = hub.join(b"a"), hub.join(b"b")
        b.set_handler("/sync/1", handler)
        await a.broadcast("tx", b"")
        await a.send(b"b", "/vote/1", b"")
        await a.request(b"b", "/sync/1", b"", 1)
    assert seen == [
        DeliveryKind.GOSSIP,
        DeliveryKind.DIRECT,
        DeliveryKind.REQUEST,
        DeliveryKind.RESPONSE,
    ]


async def test_peers_are_added_and_removed() -> None:
    async with open_memory_hub() as hub:
        a, b = hub.join(b"a"), hub.join(b"b")
        address = PeerAddress("ip4", "127.0.0.1", 1, b"b")
        a.allow_only(frozenset())
        assert a.peers() == []
        assert a.add_peer(address)
        assert [peer.peer_id for peer in a.peers()] == [b"b"]
        assert a.remove_peer(b"b")
        assert a.peers() == b.peers() == []
        assert not a.remove_peer(b"b")
        assert not b.add_peer(address)
        assert a.add_peer(address)
        assert [peer.peer_id for peer in b.peers()] == [b"a"]
        assert a.listen_addresses == ()
