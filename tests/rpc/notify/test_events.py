"""The task that follows the chain: what it announces when something is odd."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from chain.errors import InvariantViolation
from rpc.config import CallLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.session import NewHeads, Topic
from rpc.notify.events import REMEMBERED_HEADS, EventHub
from rpc.notify.filters import FilterTable
from rpc.notify.subscriptions import Subscriptions
from rpc.reading.chain_view import ChainView
from tests.rpc.dev_chain import FakeNode, build_dev_chain, hexed


class Client:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def push(self, messages: Sequence[bytes]) -> None:
        self.received += messages

    def hold(self, count: int, size: int) -> bool:
        return True

    def release(self, count: int, size: int) -> None:
        pass

    def fall_behind(self) -> None:
        raise AssertionError


class Followed:
    """A node, its hub, and one client of it."""

    def __init__(self) -> None:
        self.node = FakeNode(build_dev_chain())
        self.subscriptions = Subscriptions(ByteBudget(100_000))
        self.filters = FilterTable(ChainView(self.node), CallLimits())
        self.hub = EventHub(self.node, self.node, self.subscriptions, self.filters)
        self.client = Client()

    def subscribe(self, topic: Topic) -> None:
        self.subscriptions.add(topic, self.client).begin()

    @property
    def numbers(self) -> list[int]:
        """The blocks that the client heard of."""
        return [
            int(message.partition(b'"number":"0x')[2].partition(b'"')[0], 16)
            for message in self.client.received
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.hub.run)
            await trio.testing.wait_all_tasks_blocked()
            yield
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()


async def test_it_listens_only_while_it_runs() -> None:
    followed = Followed()
    async with followed.running():
        assert followed.node.listeners == [followed.hub]
    assert followed.node.listeners == []


async def test_a_listener_of_nothing_only_waits() -> None:
    followed = Followed()
    hub = EventHub(followed.node, None, followed.subscriptions, followed.filters)
    with trio.move_on_after(0.05) as scope:
        await hub.run()
    assert scope.cancelled_caught


async def test_a_wake_without_a_new_block_announces_nothing() -> None:
    followed = Followed()
    followed.subscribe(NewHeads())
    async with followed.running():
        followed.hub.head_changed()
        await trio.testing.wait_all_tasks_blocked()
        followed.hub.head_changed()
    assert followed.client.received == []


async def test_while_nobody_listens_a_burst_is_skipped_and_then_followed_again() -> None:
    followed = Followed()
    async with followed.running():
        for _ in range(REMEMBERED_HEADS + 50):
            followed.node.chain.append()
        followed.hub.head_changed()
        await trio.testing.wait_all_tasks_blocked()
        followed.subscribe(NewHeads())
        block = followed.node.append()
    assert followed.numbers == [block.number]


@pytest.mark.parametrize("more", [0, 2])
async def test_a_chain_set_back_further_than_is_remembered_goes_on_from_its_head(more: int) -> None:
    followed = Followed()
    followed.subscribe(NewHeads())
    kept = followed.filters.new_block_filter()
    async with followed.running():
        for _ in range(2):
            followed.node.append()
        await trio.testing.wait_all_tasks_blocked()
        assert followed.numbers == [6, 7]
        other = build_dev_chain()
        followed.node.chain, followed.node.store = other, other.store
        followed.hub._announced.popleft()  # block 5, where both chains meet, is forgotten
        for _ in range(more):
            other.append()
        followed.hub.head_changed()
        await trio.testing.wait_all_tasks_blocked()
        block = followed.node.append()
    assert followed.numbers[-1] == block.number
    changes = followed.filters.changes(kept)
    assert isinstance(changes, list)
    assert changes[-1] == hexed(block.hash)


async def test_a_bug_is_logged_and_the_next_block_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    followed = Followed()
    followed.subscribe(NewHeads())
    syncing = followed.node.syncing

    async with followed.running():
        publish = followed.subscriptions.publish

        async def broken(*_: object) -> None:
            raise ZeroDivisionError

        followed.subscriptions.publish = broken  # type: ignore[method-assign,assignment]
        followed.node.append()
        await trio.testing.wait_all_tasks_blocked()
        followed.subscriptions.publish = publish  # type: ignore[method-assign]
        followed.node.append()

    assert followed.numbers == [7]
    assert syncing() is None
    assert "ZeroDivisionError" in "".join(capsys.readouterr())


async def test_a_broken_invariant_passes_through() -> None:
    followed = Followed()

    def broken(number: int) -> None:
        raise InvariantViolation("broken")

    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012
        async with followed.running():
            followed.node.header = broken  # type: ignore[method-assign]
            followed.node.append()
    assert caught.group_contains(InvariantViolation)


async def test_a_header_that_is_gone_does_not_stop_the_announcements() -> None:
    followed = Followed()
    followed.subscribe(NewHeads())
    async with followed.running():
        for _ in range(3):
            followed.node.chain.append()
        followed.node.pruned_below = 8
        followed.hub.head_changed()
        await trio.testing.wait_all_tasks_blocked()
        followed.node.append()
    assert followed.numbers == [9]
