"""Validators in the order of their power: two heaps, from which a block only moves what changed.

Owns: the key that orders, and a binary heap over any array, with the place of each member.
Never does: decide who has a seat (bonded_set.py), or know where the arrays are.
Specification: none; Cosmos keeps a sorted index, which needs an ordered store.
"""

from __future__ import annotations

from typing import Final, Protocol

from chain.types import Address

_ADDRESS_BITS: Final = 160
_ADDRESS_MASK: Final = (1 << _ADDRESS_BITS) - 1


class Words(Protocol):
    """An array of 256-bit words."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> int: ...
    def __setitem__(self, index: int, value: int) -> None: ...
    def append(self, value: int) -> None: ...
    def pop(self) -> int: ...


class Places(Protocol):
    """Numbers by address, 0 for who has none."""

    def __getitem__(self, member: Address) -> int: ...
    def __setitem__(self, member: Address, place: int) -> None: ...


def key_of(power: int, member: Address) -> int:
    """The more power the higher; of equals, the lower address is higher."""
    return power << _ADDRESS_BITS | (_ADDRESS_MASK ^ int.from_bytes(member))


def power_of(key: int) -> int:
    """The power in a key."""
    return key >> _ADDRESS_BITS


def member_of(key: int) -> Address:
    """The address in a key."""
    return Address((_ADDRESS_MASK ^ (key & _ADDRESS_MASK)).to_bytes(20))


class Heap:
    """The highest key on top, or the lowest. Each change moves at most log2(n) keys. places: index + 1 of each
    member."""

    __slots__ = ("_highest_first", "_places", "_words")

    def __init__(self, words: Words, places: Places, *, highest_first: bool) -> None:
        self._words = words
        self._places = places
        self._highest_first = highest_first

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, member: Address) -> bool:
        return self._places[member] != 0

    @property
    def top(self) -> int:
        """The key on top of a heap that is not empty."""
        return self._words[0]

    def push(self, key: int) -> None:
        """Adds a key whose member is not in the heap."""
        self._words.append(key)
        self._rise(len(self._words) - 1, key)

    def replace(self, key: int) -> None:
        """Gives the member in `key` this key instead of the one that it has."""
        index = self._places[member_of(key)] - 1
        self._settle(index, key, self._words[index])

    def remove(self, member: Address) -> None:
        """Takes a member out."""
        index = self._places[member] - 1
        self._places[member] = 0
        last = self._words.pop()
        if index != len(self._words):
            self._settle(index, last, self._words[index])

    def _settle(self, index: int, key: int, instead_of: int) -> None:
        if self._is_above(key, instead_of):
            self._rise(index, key)
        else:
            self._sink(index, key)

    def _is_above(self, one: int, other: int) -> bool:
        return one > other if self._highest_first else one < other

    def _rise(self, index: int, key: int) -> None:
        while index:  # bounded: log2 of the size
            parent = (index - 1) // 2
            above = self._words[parent]
            if not self._is_above(key, above):
                break
            self._put(index, above)
            index = parent
        self._put(index, key)

    def _sink(self, index: int, key: int) -> None:
        size = len(self._words)
        while (child := 2 * index + 1) < size:  # bounded: log2 of the size
            below = self._words[child]
            if child + 1 < size:
                other = self._words[child + 1]
                if self._is_above(other, below):
                    child, below = child + 1, other
            if not self._is_above(below, key):
                break
            self._put(index, below)
            index = child
        self._put(index, key)

    def _put(self, index: int, key: int) -> None:
        self._words[index] = key
        self._places[member_of(key)] = index + 1
