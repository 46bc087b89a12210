import hashlib

import pytest
import trio
import trio.testing
from libp2p.pubsub.pb import rpc_pb2

from p2p.guards import pubsub
from p2p.guards.pubsub import BoundedMessageCache, FrameQueue, SeenMessages, message_id
from tests.p2p.p2p_tools import TOPIC, eventually, mesh, node


def message(payload: bytes, topic: str = TOPIC) -> rpc_pb2.Message:
    return rpc_pb2.Message(data=payload, topicIDs=[topic], from_id=b"author", seqno=b"1")


def test_the_message_id_depends_on_topic_and_payload_only() -> None:
    same = rpc_pb2.Message(data=b"x", topicIDs=[TOPIC], from_id=b"somebody else", seqno=b"2")
    assert message_id(message(b"x")) == message_id(same)
    assert message_id(message(b"x")) != message_id(message(b"y"))
    assert message_id(message(b"x", "a")) != message_id(message(b"x", "b"))
    assert message_id(message(b"ax", "")) != message_id(message(b"x", "a"))
    assert message_id(message(b"x")) == hashlib.sha256(b"\0\0\0\2txx").digest()[:20]


async def test_seen_messages_are_forgotten_after_two_minutes_and_bounded(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "MAX_SEEN", 10)
    seen = SeenMessages()
    assert seen.add(b"a")
    assert not seen.add(b"a")
    await trio.sleep(119)
    assert seen.has(b"a")
    await trio.sleep(122)
    assert not seen.has(b"a")
    assert seen.add(b"a")
    for i in range(20):
        seen.add(bytes([i]))
    assert len(seen._expiry_s) == 10
    assert not seen.has(b"a")


def test_the_message_cache_is_bounded_and_empties_with_the_heartbeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pubsub, "MAX_CACHED_BYTES", 100)
    cache = BoundedMessageCache(window_size=2, history_size=3)
    kept, dropped = message(b"k" * 60), message(b"d" * 60)
    cache.put(kept)
    cache.put(kept)
    cache.put(dropped)
    assert cache.get(message_id(kept)) is kept
    assert cache.get(message_id(dropped)) is None
    assert cache.window(TOPIC) == [message_id(kept)]
    assert cache.window("other") == []
    cache.shift()
    cache.shift()
    assert cache.window(TOPIC) == []
    assert cache.get(message_id(kept)) is kept
    cache.shift()
    assert cache.msgs == {}
    cache.put(dropped)
    assert cache.window(TOPIC) == [message_id(dropped)]


async def test_control_goes_first_and_the_oldest_data_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub, "MAX_QUEUED_BYTES", 30)
    monkeypatch.setattr(pubsub, "MAX_QUEUED_CONTROL", 2)
    dropped: list[int] = []
    queue = FrameQueue(lambda: dropped.append(1))
    for letter in (b"a", b"b", b"c", b"d"):
        queue.push_frame(letter * 10)
    control = rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=TOPIC)])
    assert [queue.push(control) for _ in range(3)] == [True, True, False]
    encoded = control.SerializeToString()
    frames = [await queue.pop() for _ in range(5)]
    assert frames == [bytes((len(encoded),)) + encoded] * 2 + [b"b" * 10, b"c" * 10, b"d" * 10]
    assert len(dropped) == 1
    queue.close()
    assert await queue.pop() is None
    assert not queue.push(control)


async def test_a_payload_travels_once_whoever_sends_it() -> None:
    async with node(1) as a, node(2, a) as b:
        inbox, other = a.subscribe(TOPIC), b.subscribe(TOPIC)
        await mesh(a, b)
        await b.broadcast(TOPIC, b"once")
        with trio.fail_after(2):
            assert await inbox.receive() == (b.me, b"once")
        await b.broadcast(TOPIC, b"once")
        await a.broadcast(TOPIC, b"once")
        await b.broadcast(TOPIC, b"next")
        with trio.fail_after(2):
            assert await inbox.receive() == (b.me, b"next")
        with pytest.raises(trio.WouldBlock):
            other.receive_nowait()


async def test_a_failing_heartbeat_is_counted_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2p.guards.transport._DAEMON_RESTART_S", 0.05)
    async with node(1) as a, node(2, a) as b:
        a.subscribe(TOPIC)
        b.subscribe(TOPIC)
        await mesh(a, b)
        router = a._stack.gossip.router
        works = router.mesh_heartbeat

        def fails() -> None:
            raise RuntimeError("dictionary changed size during iteration")

        router.mesh_heartbeat = fails  # type: ignore[method-assign, assignment]
        await eventually(lambda: a.counters().get("guarded_task_error", 0) >= 2)
        router.mesh_heartbeat = works  # type: ignore[method-assign]
        inbox = b._stack._inboxes[TOPIC].receive_channel
        await a.broadcast(TOPIC, b"alive")
        with trio.fail_after(2):
            assert await inbox.receive() == (a.me, b"alive")
