"""One way through the code of a region, as the compiler walks it.

Owns: the symbolic stack, and what is known at this point of the way (memory words, memory size, values that
cannot change within a frame). Never does: emit statements.
Specification: yellow paper section 9.1 (machine state).
"""

from __future__ import annotations

from vm.evm.compiler.values import Constant, Input, Value

WORD_BYTES = 32


class Path:
    """items: the part of the stack that differs from what was there on entry, the top last. consumed: how many items
    that were there are replaced by `items`. deepest, highest: how far it was looked into and has grown so far."""

    __slots__ = ("consumed", "deepest", "frame_values", "highest", "items", "memory_bytes", "seen", "words")

    def __init__(self) -> None:
        self.items: list[Value] = []
        self.consumed = 0
        self.deepest = 0
        self.highest = 0
        self.memory_bytes = 0  # memory is at least this long
        self.words: dict[int, Value] = {}  # memory words at constant places
        self.frame_values: dict[
            str, Value
        ] = {}  # of instructions that give the same answer all through a frame
        self.seen: dict[object, int] = {}

    def copy(self) -> Path:
        other = Path()
        other.items = self.items.copy()
        other.consumed = self.consumed
        other.deepest = self.deepest
        other.highest = self.highest
        other.memory_bytes = self.memory_bytes
        other.words = self.words.copy()
        other.frame_values = self.frame_values.copy()
        other.seen = self.seen.copy()
        return other

    # --- stack

    @property
    def growth(self) -> int:
        """Height now, above the height on entry."""
        return len(self.items) - self.consumed

    def _reach(self, count: int) -> None:
        """Brings items that were there on entry into `items`, until it holds `count`."""
        while len(self.items) < count:
            self.consumed += 1
            self.items.insert(0, Input(self.consumed))
        self.deepest = max(self.deepest, self.consumed)

    def pop(self) -> Value:
        self._reach(1)
        return self.items.pop()

    def push(self, value: Value) -> None:
        self.items.append(value)
        self.highest = max(self.highest, self.growth)

    def duplicate(self, position: int) -> None:
        """`position` 1 is the top."""
        self._reach(position)
        self.push(self.items[-position])

    def swap(self, position: int) -> None:
        """The top with the item `position` below it."""
        self._reach(position + 1)
        items = self.items
        items[-1], items[-position - 1] = items[-position - 1], items[-1]

    def constants(self) -> tuple[tuple[int, int], ...]:
        """Which places of the stack hold which constants, places counted from the height on entry."""
        consumed = self.consumed
        return tuple(
            [
                (index - consumed, value.number)
                for index, value in enumerate(self.items)
                if isinstance(value, Constant)
            ]
        )

    # --- memory

    def store_word(self, start: Value, value: Value) -> None:
        """MSTORE happened."""
        if not isinstance(start, Constant):
            self.words.clear()  # it may have hit any of them
            return
        self.forget_memory(start.number, WORD_BYTES)
        self.words[start.number] = value

    def forget_memory(self, start: int, size: int) -> None:
        """Bytes of memory have changed."""
        for known in [word for word in self.words if word - size < start < word + WORD_BYTES]:
            del self.words[known]
