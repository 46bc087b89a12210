"""How a test says that a call must fail, and with what.

Owns: the exceptions with which calls of a TestChain fail, and `reverts` and `fails`, which demand them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vm.revert_reason import revert_reason
from vm.system.errors import Panic, Revert
from vm.system.events import ContractError
from vm.system.testing.values import plain


class CallReverted(Exception):
    """A call reverted. data: what it reverted with; text: the same for people."""

    def __init__(self, data: bytes, text: str) -> None:
        super().__init__(text)
        self.data = data
        self.text = text


class CallFailed(Exception):
    """A call ended without a revert: out of gas, a write in a static call, depth, balance."""


@contextmanager
def reverts(
    expected: str | type[ContractError] | None = None,
    *arguments: object,
    panic: int | None = None,
    data: bytes | None = None,
) -> Iterator[None]:
    """Demands that the block reverts: with `require`'s text, with a custom error (with exactly these fields, if any are
    given), with a panic code, with exactly these bytes, or with anything at all.

    Raises AssertionError if it does not, or otherwise.
    """
    try:
        yield
    except (CallReverted, Revert) as reverted:
        got = reverted.data
        told = reverted.text if isinstance(reverted, CallReverted) else f"0x{got.hex()}"
    else:
        raise AssertionError(
            f"the call did not revert ({_wanted(expected, arguments, panic, data)} was expected)"
        )
    if not _fits(got, expected, arguments, panic, data):
        raise AssertionError(f"reverted with {told}, not with {_wanted(expected, arguments, panic, data)}")


@contextmanager
def fails(text: str) -> Iterator[None]:
    """Demands that the block fails without a revert, for a reason that contains `text`."""
    try:
        yield
    except CallFailed as failed:
        if text not in str(failed):
            raise AssertionError(f"failed with {failed}, not with {text!r}") from failed
    else:
        raise AssertionError(f"the call did not fail ({text!r} was expected)")


def _fits(
    got: bytes,
    expected: str | type[ContractError] | None,
    arguments: tuple[object, ...],
    panic: int | None,
    data: bytes | None,
) -> bool:
    if data is not None:
        return got == data
    if panic is not None:
        return got == Panic(panic).data
    if expected is None:
        return True
    if isinstance(expected, str):
        return revert_reason(got) == expected
    if arguments:
        return bool(got == expected(*plain(arguments)).data)
    return got[:4] == expected.signature.selector


def _wanted(
    expected: str | type[ContractError] | None,
    arguments: tuple[object, ...],
    panic: int | None,
    data: bytes | None,
) -> str:
    if data is not None:
        return f"0x{data.hex()}"
    if panic is not None:
        return f"panic {panic:#04x}"
    if isinstance(expected, type):
        fields = ", ".join(
            f"0x{one.hex()}" if isinstance(one, bytes) else repr(one) for one in plain(arguments)
        )
        return f"{expected.__name__}({fields})" if arguments else expected.__name__
    return "anything" if expected is None else repr(expected)
