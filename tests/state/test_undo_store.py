"""The store that can go back, against a plain model of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from state.kv import MemoryStore
from state.undo_store import MAX_MARKS, ROW_OVERHEAD_BYTES, UndoStore

KEYS = st.sampled_from([b"a", b"b", b"cc"])
BATCHES = st.dictionaries(KEYS, st.none() | st.binary(max_size=3), max_size=3)
ACTIONS = st.lists(st.just("mark") | st.integers(1, 6) | BATCHES, max_size=30)


@given(ACTIONS)
def test_going_back_restores_exactly_what_was_there(actions: list[object]) -> None:
    store = UndoStore(MemoryStore())
    model: dict[bytes, bytes] = {}
    marks: dict[int, dict[bytes, bytes]] = {}
    for action in actions:
        if action == "mark":
            marks[store.mark()] = dict(model)
        elif isinstance(action, int):
            assert store.go_back(action) == (action in marks)
            if action in marks:
                model = marks[action]
                marks = {number: kept for number, kept in marks.items() if number < action}
        elif isinstance(action, dict):
            store.write(action, sync=True)
            for key, value in action.items():
                model.pop(key, None)
                if value is not None:
                    model[key] = value
        assert dict(store.iterate(b"")) == model
    for number in range(1, 40):
        assert store.has_mark(number) == (number in marks)
    store.forget_marks()
    assert store.held_bytes == 0


def test_memory_is_given_back_with_the_marks_and_bounded_by_giving_up_the_oldest() -> None:
    store = UndoStore(MemoryStore(), max_bytes=3 * (ROW_OVERHEAD_BYTES + 1))
    first, second = store.mark(), store.mark()
    store.write({b"a": b"1"}, sync=True)
    third = store.mark()
    store.write({b"a": b"2", b"b": b"2"}, sync=True)  # the old value of a counts as well: too much
    assert [store.has_mark(number) for number in (first, second, third)] == [False, False, True]
    assert store.go_back(third)
    assert dict(store.iterate(b"")) == {b"a": b"1"}
    assert store.held_bytes == 0
    assert not store.go_back(third)


def test_the_number_of_marks_is_bounded() -> None:
    store = UndoStore(MemoryStore())
    for _ in range(MAX_MARKS + 1):
        last = store.mark()
    assert not store.has_mark(1)
    assert store.has_mark(last)
