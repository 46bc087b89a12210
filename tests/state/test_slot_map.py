"""Slots that somebody chose so that Python's hash of numbers makes them fall together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chain.types import Address
from state.account import Account
from state.chain_store import ChainStore
from state.changed_reader import ChangedReader
from state.changes import StateChanges
from state.flat import hashed_slot
from state.kv import MemoryStore
from state.reader import DictReader
from state.slot_map import SlotMap, table_of, word_key
from state.world import WorldState

OWNER = Address(b"\x77" * 20)
MODULUS = 2**61 - 1
"""Of Python's hash of numbers, on all platforms with 64 bits."""


class Watched(int):
    """A number that says when a table compares it with another one of the same hash."""

    comparisons = 0

    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        Watched.comparisons += 1
        return int.__eq__(self, other)


@pytest.fixture
def colliding() -> Iterator[list[Watched]]:
    slots = [Watched(5 + index * MODULUS) for index in range(300)]
    assert len({hash(slot) for slot in slots}) == 1
    Watched.comparisons = 0
    yield slots
    assert Watched.comparisons == 0


def test_numbers_that_are_keys_are_compared() -> None:
    """What the other tests rely on."""
    Watched.comparisons = 0
    table = {Watched(5 + index * MODULUS): index for index in range(300)}
    assert len(table) == 300
    assert Watched.comparisons > 300 * 299 // 2 - 1


def test_a_world_compares_no_slots(colliding: list[Watched]) -> None:
    world = WorldState(DictReader({OWNER: Account(1, 0)}))
    world.begin_transaction()
    for slot in colliding:
        assert world.warm_slot(OWNER, slot)
        assert not world.warm_slot(OWNER, slot)
        assert world.is_warm_slot(OWNER, slot)
        world.set_storage(OWNER, slot, 7)
        world.set_storage(OWNER, slot, 8)
        world.set_transient(OWNER, slot, 9)
        seen = world.get_storage(OWNER, slot), world.get_original_storage(OWNER, slot)
        assert (*seen, world.get_transient(OWNER, slot)) == (8, 0, 9)
    world.end_transaction()
    changed = world.changes().storage[OWNER]
    assert len(changed) == len(colliding)
    assert set(changed.values()) == {8}


def test_a_state_with_changes_on_top_compares_no_slots(colliding: list[Watched]) -> None:
    reader = ChangedReader(DictReader())
    reader.absorb(StateChanges(storage={OWNER: SlotMap({word_key(slot): 3 for slot in colliding})}))
    assert all(reader.storage(OWNER, slot) == 3 for slot in colliding)


def test_a_store_compares_no_slots(colliding: list[Watched]) -> None:
    store = ChainStore.open(MemoryStore(), chain_id=1337)
    changes = StateChanges(
        {OWNER: Account(1, 0)}, {OWNER: SlotMap({word_key(slot): 3 for slot in colliding})}
    )
    store.compute_root(changes)
    assert len({hashed_slot(slot) for slot in colliding}) == len(colliding)
    store.close()


def test_a_slot_map_is_a_mapping_of_numbers() -> None:
    slots: Any = SlotMap({word_key(1): 2, word_key(2**256 - 1): 3})
    assert slots == {1: 2, 2**256 - 1: 3}
    assert list(slots) == [1, 2**256 - 1]
    assert (slots[1], slots.get(7), len(slots)) == (2, None, 2)
    assert table_of(slots) is slots.table
    assert table_of({1: 2}) == {word_key(1): 2}
    assert repr(slots).startswith("SlotMap({1: 2, ")
