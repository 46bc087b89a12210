"""What happens when the code of a system contract has a bug: an exception that no contract may raise.

Owns: the alarm, and the switch with which tests make a fault fatal.
Never does: decide the outcome: to callers a fault is a revert, the same on every node that runs the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from chain.secp256k1 import InvalidPublicKey, InvalidSignature
from chain.types import InvalidAddress

FAULTS_OF_CODE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    InvalidAddress,
    InvalidPublicKey,
    InvalidSignature,
    LookupError,
    NameError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""What a bug of a contract raises, by itself or in what it uses of `chain`: a call that comes there must not end every
node. Everything else is no matter of the contract: memory, recursion and the disk are of this machine, where other
nodes would come to another outcome, and an abandoned simulation has its own error."""


def _silent(_place: str, _error: Exception) -> None:
    """Nobody listens yet."""


_pretended: Final = ContextVar("_pretended", default=False)


@contextmanager
def on_pretended_state(is_pretended: bool = True) -> Iterator[None]:
    """Inside, faults are no alarm: whoever makes up what contracts store, or when a block is, can make them fail."""
    token = _pretended.set(is_pretended or _pretended.get())
    try:
        yield
    finally:
        _pretended.reset(token)


@dataclass(slots=True)
class FaultPolicy:
    """raises: let the exception through, as tests want. alarm: gets the place and the exception. count: since start."""

    raises: bool = False
    alarm: Callable[[str, Exception], None] = field(default=_silent)
    count: int = 0

    def report(self, place: str, error: Exception) -> None:
        """Raises `error` again if faults are fatal here."""
        if not _pretended.get():
            self.count += 1
            self.alarm(place, error)
        if self.raises:
            raise error


FAULTS: Final = FaultPolicy()
"""Of this process."""
