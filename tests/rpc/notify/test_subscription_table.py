"""The table of subscriptions itself: what is kept until the id is on the way, and what an end gives back."""

import re
from collections.abc import Sequence

import trio

from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.pace import Pace
from rpc.dispatch.session import NewHeads, PendingTransactions, Topic
from rpc.notify.subscriptions import Subscription, Subscriptions, new_id


class Client:
    """A subscriber that can hold so many bytes."""

    def __init__(self, most: int = 1_000) -> None:
        self.held = ByteBudget(most)
        self.received: list[bytes] = []
        self.pushes = 0
        self.ended = False

    def push(self, messages: Sequence[bytes]) -> None:
        self.received += messages
        self.pushes += 1

    def hold(self, count: int, size: int) -> bool:
        return self.held.take(size)

    def release(self, count: int, size: int) -> None:
        self.held.give_back(size)

    def fall_behind(self) -> None:
        self.ended = True


def table() -> Subscriptions:
    return Subscriptions(ByteBudget(10_000))


async def publish(subscriptions: Subscriptions, result: bytes) -> None:
    await subscriptions.publish(NewHeads(), [result], Pace())


async def test_a_notification_is_what_go_ethereum_sends() -> None:
    subscriptions, client = table(), Client()
    subscription = subscriptions.add(NewHeads(), client)
    subscription.begin()

    await publish(subscriptions, b'{"number":"0x1"}')

    assert client.received == [
        b'{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"'
        + subscription.id.encode()
        + b'","result":{"number":"0x1"}}}'
    ]


async def test_what_happens_before_the_reply_is_told_after_it() -> None:
    subscriptions, client = table(), Client()
    subscription = subscriptions.add(NewHeads(), client)
    await publish(subscriptions, b"1")
    await publish(subscriptions, b"2")
    assert client.received == []
    assert client.held.held > 0

    subscription.begin()
    await publish(subscriptions, b"3")

    assert [message[-3:-2] for message in client.received] == [b"1", b"2", b"3"]
    assert client.held.held == 0


async def test_a_subscription_that_ends_before_its_reply_gives_back_what_it_held() -> None:
    subscriptions, client = table(), Client()
    subscription = subscriptions.add(NewHeads(), client)
    await publish(subscriptions, b"1")

    subscriptions.remove(subscription)
    subscription.begin()

    assert client.held.held == 0
    assert client.received == []
    assert subscriptions.topics(NewHeads) == []


async def test_who_cannot_hold_more_is_ended() -> None:
    subscriptions, client = table(), Client(most=10)
    subscriptions.add(NewHeads(), client)

    await publish(subscriptions, b"1")

    assert client.ended


async def test_one_that_ends_during_an_announcement_hears_nothing_of_it() -> None:
    subscriptions = table()
    second: list[Subscription] = []

    class Ends(Client):
        def push(self, messages: Sequence[bytes]) -> None:
            super().push(messages)
            subscriptions.remove(second.pop())

    first_client, second_client = Ends(), Client()
    subscriptions.add(NewHeads(), first_client).begin()
    second.append(subscriptions.add(NewHeads(), second_client))
    second[0].begin()

    await publish(subscriptions, b"1")

    assert len(first_client.received) == 1
    assert second_client.received == []


async def test_a_loss_ends_those_whom_it_concerns() -> None:
    subscriptions = table()
    clients = [Client(), Client(), Client()]
    topics: list[Topic] = [NewHeads(), PendingTransactions(True), PendingTransactions(False)]
    for client, topic in zip(clients, topics, strict=True):
        subscriptions.add(topic, client)

    subscriptions.end_all(PendingTransactions)

    assert [client.ended for client in clients] == [False, True, True]


async def test_a_long_announcement_lets_other_tasks_run() -> None:
    subscriptions = table()
    ran_at: list[int] = []

    class Slow(Client):
        def push(self, messages: Sequence[bytes]) -> None:
            super().push(messages)
            end = trio.current_time() + 0.004
            while trio.current_time() < end:
                pass

    client = Slow()
    for _ in range(5):
        subscriptions.add(NewHeads(), client).begin()

    async def other() -> None:
        for _ in range(3):
            ran_at.append(len(client.received))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await publish(subscriptions, b"1")

    assert ran_at[-1] < 5


async def test_many_notifications_are_sent_in_few_groups_and_in_order() -> None:
    subscriptions, client, late = table(), Client(), Client(most=1_000_000)
    subscriptions.add(NewHeads(), client).begin()
    not_begun = subscriptions.add(NewHeads(), late)
    results = [b"%d" % number for number in range(1_000)] + [b"1" * 20_000, b"2" * 20_000, b"3" * 100_000]

    await subscriptions.publish(NewHeads(), iter(results), Pace())
    not_begun.begin()

    for one in (client, late):
        assert [message.partition(b'"result":')[2] for message in one.received] == [
            b"%b}}" % result for result in results
        ]
        assert one.pushes < 15
    assert late.held.held == 0


def test_an_id_is_a_number_of_16_bytes_without_leading_zeros() -> None:
    ids = [new_id() for _ in range(2_000)]

    assert len(set(ids)) == 2_000
    assert all(re.fullmatch("0x[1-9a-f][0-9a-f]{31}", one) for one in ids)
