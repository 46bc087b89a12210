"""What every tracer of a transaction offers, and how its options are read.

Owns: the protocol, the scene it is told before it starts, the errors, hex forms, the bound on the size of a trace.
Never does: execute.
Specification: go-ethereum 1.17.6 eth/tracers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chain.errors import CallerError
from chain.transaction import Transaction
from chain.types import Address
from state.reader import StateReader
from state.world import WorldState
from vm.environment import BlockEnvironment
from vm.tracer import Tracer
from vm.transaction import TransactionResult

MAX_TRACE_BYTES = 64 << 20
"""JSON of one trace. A block of gas fills some hundred megabytes; in memory a tree of calls is 5 times its JSON."""


class InvalidTracer(CallerError):
    """There is no tracer of this name, or it has no such option."""


class TraceTooLarge(CallerError):
    """The JSON of the trace would be longer than allowed. Options that leave things out help."""

    def __init__(self) -> None:
        super().__init__(
            "trace too large; leave out the stack or storage, set a limit, or use another tracer"
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """before: the state that the transaction finds. first_log_index: how many logs the block has before it."""

    before: StateReader
    env: BlockEnvironment
    transaction: Transaction
    sender: Address
    first_log_index: int = 0


class TransactionTracer(Tracer, Protocol):
    """Used for one transaction."""

    def begin(self, scene: Scene) -> None:
        """Before anything happens."""

    def finish(self, world: WorldState, result: TransactionResult) -> None:
        """The transaction has ended; `world` is the state behind it."""

    def result(self) -> Any:
        """What was found, as JSON values. Call it after `finish`."""

    def encoded(self) -> bytes:
        """What was found, as JSON. Call it after `finish`, and then this tracer is of no use any more."""


def read_options(tracer: str, config: Mapping[str, Any], names: Iterable[str]) -> dict[str, bool]:
    """The yes-or-no options of a tracer; those not given are False. Raises InvalidTracer."""
    known = tuple(names)
    for name, value in config.items():
        if name not in known:
            raise InvalidTracer(f"{tracer} has no option {name}; there are: {', '.join(known)}")
        if not isinstance(value, bool):
            raise InvalidTracer(f"option {name} of {tracer} must be true or false")
    return {name: bool(config.get(name, False)) for name in known}


class Budget:
    """Bytes of JSON left for a trace, or for several that share it. What a trace takes is estimated from below."""

    __slots__ = ("_left",)

    def __init__(self, size_bytes: int = MAX_TRACE_BYTES) -> None:
        self._left = size_bytes

    def take(self, size_bytes: int) -> None:
        """Raises TraceTooLarge."""
        self._left -= size_bytes
        if self._left < 0:
            raise TraceTooLarge


def hex_bytes(value: bytes) -> str:
    return "0x" + value.hex()


def hex_word(value: int) -> str:
    """32 bytes."""
    return f"0x{value:064x}"


def address_of(word: int) -> Address:
    """The low 20 bytes of a stack word."""
    return Address((word & (1 << 160) - 1).to_bytes(20, "big"))
