import trio
from hypothesis import given
from hypothesis import strategies as st

from p2p.queues import DropOldestQueue, FairInbox


@given(st.lists(st.binary(max_size=12), max_size=60), st.integers(1, 8), st.integers(1, 40))
def test_a_queue_keeps_the_newest_messages_within_its_bounds(
    messages: list[bytes], max_messages: int, max_bytes: int
) -> None:
    queue = DropOldestQueue(max_messages=max_messages, max_bytes=max_bytes)
    dropped = sum(queue.put(message) for message in messages)
    kept = [queue.pop() for _ in range(len(queue))]
    assert queue.size_bytes == 0
    assert dropped + len(kept) == len(messages)
    assert len(kept) <= max_messages
    assert sum(map(len, kept)) <= max_bytes
    fitting = [message for message in messages if len(message) <= max_bytes]
    assert kept == fitting[len(fitting) - len(kept) :]


def make_inbox(dropped: list[int], **bounds: int) -> FairInbox:
    limits = {"messages_per_peer": 100, "bytes_per_peer": 1000, "total_bytes": 2000} | bounds
    return FairInbox(**limits, on_drop=dropped.append)


async def test_peers_take_turns_whatever_they_send() -> None:
    inbox = make_inbox([])
    for i in range(5):
        inbox.put(b"loud", bytes([i]))
    inbox.put(b"calm", b"x")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        received = [await inbox.receive_channel.receive() for _ in range(6)]
        nursery.cancel_scope.cancel()
    assert received.index((b"calm", b"x")) <= 1
    assert [payload for peer, payload in received if peer == b"loud"] == [bytes([i]) for i in range(5)]


async def test_a_full_inbox_drops_the_oldest_of_the_largest_peer() -> None:
    dropped: list[int] = []
    inbox = make_inbox(dropped, total_bytes=100, bytes_per_peer=80)
    inbox.put(b"calm", b"c" * 30)
    for i in range(4):
        inbox.put(b"loud", bytes([i]) * 40)
    assert sum(dropped) == 3
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        received = [await inbox.receive_channel.receive() for _ in range(2)]
        nursery.cancel_scope.cancel()
    assert received == [(b"calm", b"c" * 30), (b"loud", b"\3" * 40)]


async def test_made_up_peers_with_a_byte_each_do_not_fill_the_memory() -> None:
    dropped: list[int] = []
    inbox = make_inbox(dropped, total_messages=10, total_bytes=1_000_000)
    for number in range(500):
        inbox.put(number.to_bytes(2, "big"), b"x")
    assert sum(dropped) == 490
    assert len(inbox._queues) <= 30
    assert len(inbox._turns) <= 30
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        received = [await inbox.receive_channel.receive() for _ in range(10)]
        nursery.cancel_scope.cancel()
    assert received == [(number.to_bytes(2, "big"), b"x") for number in range(490, 500)]
    assert inbox._messages == 0


async def test_a_closed_consumer_ends_the_inbox_and_later_messages_vanish() -> None:
    inbox = make_inbox([])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        inbox.put(b"a", b"1")
        await inbox.receive_channel.receive()
        await inbox.receive_channel.aclose()
        inbox.put(b"a", b"2")
    inbox.put(b"a", b"3")
    assert inbox._queues == {}
