"""The heap of deadlines."""

from random import Random

from consensus.timers import Timers


def test_keys_come_due_in_order_of_time_then_of_scheduling() -> None:
    timers: Timers[str] = Timers()
    timers.schedule("late", 3.0)
    timers.schedule("first", 1.0)
    timers.schedule("second", 1.0)
    assert timers.next_at_s() == 1.0
    assert timers.pop_due(0.9) is None
    assert [timers.pop_due(2.0), timers.pop_due(2.0), timers.pop_due(2.0)] == ["first", "second", None]
    assert timers.next_at_s() == 3.0


def test_scheduling_again_replaces_the_deadline() -> None:
    timers: Timers[str] = Timers()
    timers.schedule("a", 1.0)
    timers.schedule("a", 5.0)
    assert timers.pop_due(2.0) is None
    assert timers.pop_due(5.0) == "a"
    assert not timers.is_scheduled("a")


def test_cancelled_keys_never_fire() -> None:
    timers: Timers[int] = Timers()
    for key in range(10):
        timers.schedule(key, float(key))
    timers.cancel(3)
    timers.cancel_where(lambda key: key % 2 == 0)
    timers.cancel(99)
    fired: list[int] = []
    while (due := timers.pop_due(100.0)) is not None:
        fired.append(due)
    assert fired == [1, 5, 7, 9]
    assert timers.next_at_s() is None


def test_a_key_rescheduled_for_ever_does_not_grow_the_heap() -> None:
    timers: Timers[str] = Timers()
    random = Random(1)
    for _ in range(10_000):
        timers.schedule(random.choice("abc"), random.random())
    assert len(timers._heap) < 200
