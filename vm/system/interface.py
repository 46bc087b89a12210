"""Calling other contracts by their ABI.

Owns: `Interface`, whose functions become messages on the common call path, and ERC-165's interface id.
Never does: price or execute the call (vm/system/runtime/frame.py, vm/call.py).
Specification: what Solidity does for `IERC20(token).transfer(...)`: a call needs code at the target, a failure is
passed on with its revert data, and what comes back must decode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chain.types import Address
from vm.message import Status
from vm.system.abi.codec import AbiDecodeError
from vm.system.errors import InvalidDeclaration, Revert
from vm.system.functions import Function
from vm.system.gas import words_gas

if TYPE_CHECKING:
    from vm.system.runtime.frame import Frame


class Interface:
    """Subclasses declare functions with `@view` and `@external` whose bodies never run.

    An instance stands for one contract in one call: `self.at(token, IERC20)`. value: wei that each call sends; gas: at
    most that much for each call, None for all but a 64th.
    """

    def __init__(self, frame: Frame, target: Address, value: int = 0, gas: int | None = None) -> None:
        self._frame = frame
        self._target = target
        self._value = value
        self._gas = gas

    def __init_subclass__(cls) -> None:
        for function in functions_of(cls).values():
            function.complete()
            function.body = _typed_call(function)


def functions_of(declared: type) -> dict[str, Function[..., Any]]:
    """The functions of a class by the name of their method, base classes first, overridden ones where they first stood.

    Raises InvalidDeclaration if a function was overridden by something else.
    """
    names: dict[str, None] = {}
    for base in reversed(declared.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, Function):
                names[name] = None
    found: dict[str, Function[..., Any]] = {}
    for name in names:
        function = next(vars(base)[name] for base in declared.__mro__ if name in vars(base))
        if not isinstance(function, Function):
            raise InvalidDeclaration(
                f"{declared.__name__}.{name} overrides a function without @view or @external"
            )
        found[name] = function
    return found


def interface_id(interface: type[Interface]) -> bytes:
    """ERC-165: the exclusive or of the selectors that `interface` itself declares, without its base classes."""
    total = 0
    for function in vars(interface).values():
        if isinstance(function, Function):
            total ^= int.from_bytes(function.selector)
    return total.to_bytes(4)


def _typed_call(function: Function[..., Any]) -> Callable[..., Any]:
    is_view = function.is_view

    def body(contract: Interface, *arguments: Any) -> Any:
        frame, target = contract._frame, contract._target
        payload = function.encode(*arguments)
        if not frame.world.get_code(target) and target not in frame.context.precompiles:
            frame.charge(frame.context.access_cost(target))
            raise Revert
        outcome = frame.call(target, payload, contract._value, contract._gas, static=is_view)
        if outcome.status is not Status.SUCCESS:
            raise Revert(outcome.output)
        frame.charge(words_gas(len(outcome.output)))
        try:
            return function.decode(outcome.output)
        except AbiDecodeError:
            raise Revert from None

    return body
