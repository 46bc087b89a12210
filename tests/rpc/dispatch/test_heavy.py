"""Heavy calls: whose turn it is, what is bounded, and what becomes of calls that nobody waits for any more."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import trio

from rpc.dispatch.clients import LOCAL
from rpc.dispatch.deferred import Deadline
from rpc.dispatch.heavy import HeavyCalls
from rpc.errors import RpcError

FOREVER_S = 5.0  # of a test that fails

Job = Callable[[Deadline], object]


class Gate:
    """A job that tells when it begins, and ends when it may."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, _: Deadline) -> str:
        self.begun.set()
        assert self.may_end.wait(FOREVER_S)
        return "through"

    async def wait_until_begun(self) -> None:
        with trio.fail_after(FOREVER_S):
            while not self.begun.is_set():
                await trio.sleep(0.001)


@contextmanager
def heavy_calls(threads: int = 1, max_waiting: int = 16, run_time_s: float = 5.0) -> Iterator[HeavyCalls]:
    calls = HeavyCalls(threads, max_waiting, run_time_s)
    try:
        yield calls
    finally:
        calls.close()


def answer(value: object) -> Job:
    return lambda _: value


def threads_of_calls() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("rpc ")}


async def refusal_of(calls: HeavyCalls, client: str = LOCAL, *, is_long: bool = False) -> tuple[int, str]:
    with pytest.raises(RpcError) as refused, trio.fail_after(FOREVER_S):
        await calls.run(answer(None), client=client, is_long=is_long)
    return int(refused.value.code), refused.value.message


async def settle() -> None:
    """Let the other tasks come as far as they get without threads."""
    for _ in range(5):
        await trio.lowlevel.checkpoint()


async def test_each_task_gets_its_own_result_from_another_thread(nursery: trio.Nursery) -> None:
    got: dict[int, object] = {}

    async def ask(number: int) -> None:
        got[number] = await calls.run(lambda _: (number, threading.current_thread()), client=str(number % 7))

    with heavy_calls(2, 300) as calls, trio.fail_after(FOREVER_S):
        async with trio.open_nursery() as asking:
            for number in range(200):
                asking.start_soon(ask, number)

    threads = set()
    for number in range(200):
        value = got[number]
        assert isinstance(value, tuple)
        assert value[0] == number
        threads.add(value[1])
    assert threading.main_thread() not in threads
    assert 1 <= len(threads) <= 2


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3)])
async def test_an_error_reaches_the_task_and_leaves_the_thread_alive(error: BaseException) -> None:
    def fail(_: Deadline) -> None:
        raise error

    with heavy_calls() as calls:
        for _ in range(2):
            with pytest.raises(type(error)) as caught:
                await calls.run(fail)
            assert caught.value is error
        assert await calls.run(answer(7)) == 7


async def test_calls_beyond_the_queue_are_refused_at_once(nursery: trio.Nursery) -> None:
    gate = Gate()
    with heavy_calls(threads=2, max_waiting=3) as calls:
        async with trio.open_nursery() as asking:
            for _ in range(5):
                asking.start_soon(calls.run, gate)
            await settle()

            assert await refusal_of(calls) == (
                -32005,
                "limit exceeded: too many calls are waiting, try again later",
            )
            gate.may_end.set()
        assert await calls.run(answer(1)) == 1


async def test_a_client_has_a_quarter_of_the_queue_and_this_machine_all_of_it(nursery: trio.Nursery) -> None:
    gate = Gate()
    with heavy_calls(max_waiting=8) as calls:
        async with trio.open_nursery() as asking:
            asking.start_soon(calls.run, gate)
            await gate.wait_until_begun()
            for _ in range(2):
                asking.start_soon(partial(calls.run, answer(1), client="192.0.2.1"))
            await settle()

            assert await refusal_of(calls, "192.0.2.1") == (
                -32005,
                "limit exceeded: too many calls of your address are waiting, try again later",
            )
            asking.start_soon(partial(calls.run, answer(1), client="192.0.2.2"))
            for _ in range(5):
                asking.start_soon(calls.run, answer(1))
            await settle()
            assert (await refusal_of(calls, "192.0.2.2"))[1].endswith(
                "too many calls are waiting, try again later"
            )
            gate.may_end.set()


async def test_waiting_does_not_count_as_run_time() -> None:
    gate = Gate()
    left: list[bool] = []

    async def ask() -> None:
        left.append(await calls.run(lambda deadline: deadline.has_passed))

    with heavy_calls(run_time_s=0.05) as calls:
        async with trio.open_nursery() as asking:
            asking.start_soon(calls.run, gate)
            asking.start_soon(ask)
            await trio.sleep(0.1)
            gate.may_end.set()

    assert left == [False]


async def test_a_call_whose_client_gave_up_is_not_begun() -> None:
    gate, never = Gate(), Gate()
    with heavy_calls(max_waiting=1) as calls:
        async with trio.open_nursery() as asking:
            asking.start_soon(calls.run, gate)
            await gate.wait_until_begun()
            with trio.move_on_after(0.01) as scope:
                await calls.run(never)
            assert scope.cancelled_caught
            asking.start_soon(calls.run, answer(1))  # the place is free again
            await settle()
            gate.may_end.set()
        assert await calls.run(answer(1)) == 1
    assert not never.begun.is_set()


async def test_a_call_that_runs_keeps_its_thread_when_its_client_gave_up() -> None:
    gate = Gate()
    with heavy_calls(max_waiting=1) as calls:
        with trio.move_on_after(0.02):
            await calls.run(gate)
        assert gate.begun.is_set()
        with trio.move_on_after(0.02) as scope:
            await calls.run(answer(1))
        assert scope.cancelled_caught
        async with trio.open_nursery() as asking:
            asking.start_soon(calls.run, answer(1))
            await settle()
            assert (await refusal_of(calls))[0] == -32005
            gate.may_end.set()


async def test_a_cancelled_task_does_not_even_wait() -> None:
    gate = Gate()
    with heavy_calls() as calls, trio.CancelScope() as scope:
        scope.cancel()
        await calls.run(gate)
    assert not gate.begun.is_set()


async def test_short_calls_pass_a_long_one_while_nothing_else_happens() -> None:
    gate = Gate()
    with heavy_calls(threads=2) as calls:
        async with trio.open_nursery() as asking:
            asking.start_soon(calls.run, gate)
            await settle()  # both in one turn of the event loop: the second is behind the first
            with trio.fail_after(FOREVER_S / 2):
                for number in range(3):
                    assert await calls.run(answer(number)) == number
            gate.may_end.set()


async def test_a_result_does_not_wait_for_the_call_behind_it() -> None:
    gate = Gate()
    with heavy_calls() as calls, trio.fail_after(FOREVER_S / 2):
        async with trio.open_nursery() as asking:
            first = Gate()
            asking.start_soon(calls.run, first)
            await first.wait_until_begun()
            done = trio.Event()

            async def ask() -> None:
                await calls.run(answer(1))
                done.set()

            asking.start_soon(ask)
            await settle()
            asking.start_soon(calls.run, gate)
            await settle()
            first.may_end.set()
            await done.wait()
            await gate.wait_until_begun()
            gate.may_end.set()


async def test_clients_take_turns() -> None:
    gate = Gate()
    order: list[str] = []

    def note(name: str, _: Deadline) -> None:
        order.append(name)

    with heavy_calls() as calls:
        async with trio.open_nursery() as asking:
            asking.start_soon(calls.run, gate)
            await gate.wait_until_begun()
            for name in ("a1", "a2", "a3", "b1", "c1", "b2"):
                asking.start_soon(partial(calls.run, partial(note, name), client=name[0]))
                await settle()
            gate.may_end.set()

    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


async def test_nobody_alone_takes_all_threads() -> None:
    first, second = Gate(), Gate()
    with heavy_calls(threads=2) as calls:
        async with trio.open_nursery() as asking:
            asking.start_soon(partial(calls.run, first, client="a"))
            await first.wait_until_begun()
            asking.start_soon(partial(calls.run, second, client="a"))
            await trio.sleep(0.02)

            with trio.fail_after(FOREVER_S / 2):
                assert await calls.run(answer(1), client="b") == 1
                assert await calls.run(answer(2)) == 2
            assert not second.begun.is_set()
            first.may_end.set()
            await second.wait_until_begun()
            second.may_end.set()


async def test_this_machine_may_take_all_threads() -> None:
    gates = [Gate(), Gate()]
    with heavy_calls(threads=2) as calls:
        async with trio.open_nursery() as asking:
            for gate in gates:
                asking.start_soon(calls.run, gate)
            for gate in gates:
                await gate.wait_until_begun()
                gate.may_end.set()


async def test_long_calls_have_a_thread_and_a_queue_of_their_own() -> None:
    gate = Gate()
    with heavy_calls() as calls:
        async with trio.open_nursery() as asking:
            asking.start_soon(partial(calls.run, gate, is_long=True))
            await gate.wait_until_begun()
            for _ in range(4):
                asking.start_soon(partial(calls.run, answer(1), is_long=True, client="a"))
            await settle()
            assert (await refusal_of(calls, "a", is_long=True))[0] == -32005
            assert await calls.run(answer(1), client="a") == 1
            gate.may_end.set()


async def test_the_threads_end_with_the_listener() -> None:
    before = threads_of_calls()
    gate = Gate()
    with heavy_calls(threads=2) as calls:
        await calls.run(answer(1))
        with trio.move_on_after(0.02):
            await calls.run(gate)
        started = threads_of_calls() - before
        assert started

    assert await refusal_of(calls) == (-32005, "limit exceeded: too many calls are waiting, try again later")
    gate.may_end.set()  # what was still running
    for thread in started:
        thread.join(FOREVER_S)
    assert not threads_of_calls() & started


async def test_threads_without_work_end_and_new_ones_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpc.dispatch.workers.IDLE_S", 0.02)
    before = threads_of_calls()
    with heavy_calls() as calls:
        for number in range(3):
            assert await calls.run(answer(number)) == number
            for thread in threads_of_calls() - before:
                thread.join(FOREVER_S)
            assert not threads_of_calls() - before


def test_an_event_loop_may_end_before_its_calls_and_another_one_begin() -> None:
    gate = Gate()
    calls = HeavyCalls(2, 4, 5.0)

    async def give_up() -> None:
        with trio.move_on_after(0.02):
            async with trio.open_nursery() as asking:
                asking.start_soon(calls.run, gate)
                asking.start_soon(calls.run, gate)
                asking.start_soon(calls.run, gate)

    async def go_on() -> None:
        with trio.fail_after(FOREVER_S):
            async with trio.open_nursery() as asking:
                for number in range(4):
                    asking.start_soon(calls.run, answer(number))
                gate.may_end.set()
            assert await calls.run(answer(1)) == 1
        calls.close()

    trio.run(give_up)
    trio.run(go_on)


async def test_calls_that_come_and_go_at_random_are_all_answered_or_cancelled() -> None:
    turns = random.Random(1)
    ends: list[str] = []

    async def ask(number: int) -> None:
        pause_s, patience_s = turns.choice((0, 0, 0, 0.003)), turns.choice((0.001, 1.0, 1.0))

        def work(_: Deadline) -> int:
            time.sleep(pause_s)
            return number

        await trio.sleep(turns.random() / 20)
        with trio.move_on_after(patience_s) as scope:
            assert await calls.run(work, client=turns.choice((LOCAL, "a", "b"))) == number
        ends.append("cancelled" if scope.cancelled_caught else "answered")

    with heavy_calls(2, 2_000) as calls, trio.fail_after(FOREVER_S):
        async with trio.open_nursery() as asking:
            for number in range(300):
                asking.start_soon(ask, number)
        assert await calls.run(answer(1)) == 1

    assert len(ends) == 300
    assert set(ends) == {"answered", "cancelled"}
