"""A call between accounts, and what came of it.

Owns: the two values that cross the boundary between the call path and the engines.
Never does: execute, check or charge anything (vm/call.py).
Specification: yellow paper section 8 (message call) and section 7 (contract creation), EIP-7 (DELEGATECALL),
EIP-214 (STATICCALL), EIP-1014 (CREATE2).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import final

from chain.types import Address


class CallKind(IntEnum):
    """How one account runs the code of another."""

    CALL = 0
    CALLCODE = 1
    DELEGATECALL = 2
    STATICCALL = 3
    CREATE = 4
    CREATE2 = 5

    @property
    def is_create(self) -> bool:
        return self >= CallKind.CREATE


_SHORT_BYTES = 256
_BYTES_COPIED_PER_READ = 1_024  # a short read takes as long as copying this much


@final
class CallData:
    """Call data that stays in the memory of the calling frame, which stands still during the call.

    A slice is a copy. To copy all of it for each call would be a gift: no instruction charges for it, so a warm
    call of 100 gas with two megabytes of input cost a millisecond, and a block of them minutes. Who reads word after
    word has paid for a copy in the end, and is faster with one: `is_worth_a_copy`. It is as large as the part of the
    caller's memory, which was paid for.
    """

    __slots__ = ("_memory", "_read_bytes", "_size", "_start")

    def __init__(self, memory: bytearray, start: int, size: int) -> None:
        self._memory = memory
        self._start = start
        self._size = size
        self._read_bytes = 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        """Bytes of a range whose ends, if given, are not negative; there is no step."""
        start, stop, size = part.start, part.stop, self._size
        if stop is None or stop > size:
            stop = size
        if start is None:
            start = 0
        elif start > stop:
            return b""
        offset = self._start
        if stop - start <= _SHORT_BYTES:
            self._read_bytes += _BYTES_COPIED_PER_READ
            return bytes(self._memory[offset + start : offset + stop])
        return bytes(memoryview(self._memory)[offset + start : offset + stop])  # copied once, not twice

    def word(self, start: int) -> int:
        """The 32 bytes at `start` (>= 0) as a number; zeros behind the end. An instruction of 3 gas waits for it."""
        self._read_bytes += _BYTES_COPIED_PER_READ
        left = self._size - start
        at = self._start + start
        if left >= 32:
            return int.from_bytes(self._memory[at : at + 32])
        return int.from_bytes(self._memory[at : at + left]) << 8 * (32 - left) if left > 0 else 0

    @property
    def is_worth_a_copy(self) -> bool:
        """Whether so many short reads happened that copying all of it would have taken less time."""
        return self._read_bytes > self._size


class Status(IntEnum):
    """SUCCESS keeps the effects. REVERT undoes them, keeps gas and output. FAILURE undoes them, no output."""

    SUCCESS = 0
    REVERT = 1
    FAILURE = 2


@dataclass(frozen=True, slots=True)
class Message:
    """One call or creation.

    target: the account whose storage and balance the code works on; for creations the new account.
    code_address: where the code comes from; equals `target` except for CALLCODE and DELEGATECALL.
    value: wei. It moves from `caller` to `target` when `transfers_value`, else CALLVALUE only shows it.
    input: call data; for creations the init code, always as bytes.
    gas: what the callee may use, stipend included. depth: 0 for the call that a transaction makes.
    """

    kind: CallKind
    caller: Address
    target: Address
    code_address: Address
    value: int
    input: bytes | CallData
    gas: int
    depth: int = 0
    is_static: bool = False

    @property
    def transfers_value(self) -> bool:
        """DELEGATECALL shows the caller's own value, STATICCALL has none."""
        return self.kind is not CallKind.DELEGATECALL and self.kind is not CallKind.STATICCALL


@dataclass(frozen=True, slots=True)
class SystemCreation(Message):
    """A creation by a system contract: the account has `system_code` before its constructor runs on `input`."""

    system_code: bytes = b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a message left behind.

    gas_left: unused gas, returned to the caller whatever the status (0 after most failures; all of it when
    the call could not start: depth limit, balance too low, nonce limit).
    output: returned bytes, or revert data. error: a text for people, never for consensus.
    created: the new account of a successful creation.
    """

    status: Status
    gas_left: int
    output: bytes = b""
    error: str | None = None
    created: Address | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is Status.SUCCESS
