"""Functions of a contract or an interface: what `@view` and `@external` make of a method.

Owns: the declaration (name, mutability, guards, lock, price) and what follows from the annotations: signature, decoder
and encoder, made when the class is complete.
Never does: run a message; vm/system/contract.py does, from what stands here.
Specification: Solidity's contract ABI.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, overload

from vm.system.abi.codec import decoder, encoder
from vm.system.abi.signature import FunctionSignature, Mutability, function_signature
from vm.system.errors import InvalidDeclaration
from vm.system.gas import CALL_BASE, DEFAULT_WORK
from vm.system.guards import Guard

P = ParamSpec("P")
R = TypeVar("R", covariant=True)

SELECTOR_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Constructor:
    """What `deploy` encodes and a new contract decodes. run: the method; a class without one takes nothing."""

    signature: FunctionSignature
    run: Callable[..., None]
    encode: Callable[..., bytes]
    decode: Callable[[bytes], tuple[Any, ...]]

    @classmethod
    def of(cls, contract: type) -> Constructor:
        """Raises InvalidDeclaration."""
        method = getattr(contract, "constructor", _nothing)
        signature = function_signature(method, name="constructor", mutability=Mutability.PAYABLE)
        return cls(signature, method, encoder(signature.input_types), decoder(signature.input_types))


def _nothing(_contract: object) -> None:
    """The constructor of a class that has none."""


class Function(Generic[P, R]):
    """An ABI function. On the class it tells its signature; on an instance it is the method.

    body: what a call on an instance runs: the method itself, or for an interface the message to the other contract.
    base_gas: of a call, besides its call data and what it does. only: who may call; when: in which state.
    """

    def __init__(
        self,
        method: Callable[Concatenate[Any, P], R],
        *,
        is_view: bool,
        is_payable: bool = False,
        is_locked: bool = True,
        only: Guard | None = None,
        when: Guard | None = None,
        name: str | None = None,
        returns: tuple[str, ...] = (),
        work: int = DEFAULT_WORK,
    ) -> None:
        self.method = method
        self.body: Callable[..., Any] = method
        self.is_view = is_view
        self.is_payable = is_payable
        self.is_locked = is_locked and not is_view
        self.only = only
        self.when = when
        self.guards = tuple([guard.check for guard in (only, when) if guard is not None])
        self.work = work
        self.base_gas = CALL_BASE + work
        self.__doc__ = method.__doc__
        self.__name__ = method.__name__
        self._name = name
        self._returns = returns
        self._signature: FunctionSignature | None = None

    @property
    def mutability(self) -> Mutability:
        if self.is_view:
            return Mutability.VIEW
        return Mutability.PAYABLE if self.is_payable else Mutability.NONPAYABLE

    def complete(self) -> None:
        """Reads the annotations; done once the class stands, and once however many classes inherit the function.

        Raises InvalidDeclaration.
        """
        if self._signature is not None:
            return
        signature = function_signature(
            self.method, name=self._name, mutability=self.mutability, returns=self._returns
        )
        inputs, outputs = signature.input_types, signature.output_types
        self.decode_arguments = decoder(inputs, SELECTOR_BYTES)
        self.encode_result: Callable[..., bytes] = encoder(outputs)
        self.returns_one = len(outputs) == 1
        self.returns_nothing = not outputs
        self._encode_call: Callable[..., bytes] = encoder(inputs, signature.selector)
        self._decode_result = decoder(outputs)
        self._signature = signature

    @property
    def signature(self) -> FunctionSignature:
        if self._signature is None:
            raise InvalidDeclaration(f"{self.__name__} belongs to no contract or interface")
        return self._signature

    @property
    def selector(self) -> bytes:
        return self.signature.selector

    def encode(self, *args: P.args, **kwargs: P.kwargs) -> bytes:
        """Call data."""
        if kwargs:
            raise TypeError(f"{self.__name__}: arguments are given by position")
        return self._encode_call(*args)

    def decode(self, raw: bytes) -> R:
        """What the function returned, from return data. Raises AbiDecodeError."""
        values = self._decode_result(raw)
        result: Any = values[0] if self.returns_one else values if values else None
        return result  # type: ignore[no-any-return]

    @overload
    def __get__(self, instance: None, owner: type) -> Function[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Callable[P, R]: ...
    def __get__(self, instance: object | None, owner: type) -> Function[P, R] | Callable[P, R]:
        if instance is None:
            return self
        return MethodType(self.body, instance)


@overload
def view(method: Callable[Concatenate[Any, P], R], /) -> Function[P, R]: ...
@overload
def view(
    *, name: str | None = None, returns: tuple[str, ...] = (), work: int = DEFAULT_WORK
) -> Callable[[Callable[Concatenate[Any, P], R]], Function[P, R]]: ...
def view(
    method: Callable[Concatenate[Any, P], R] | None = None,
    /,
    *,
    name: str | None = None,
    returns: tuple[str, ...] = (),
    work: int = DEFAULT_WORK,
) -> Function[P, R] | Callable[[Callable[Concatenate[Any, P], R]], Function[P, R]]:
    """A function that only reads. name: in the ABI, if it is not the method's; returns: names of the outputs; work: gas
    for its Python code."""

    def declare(method: Callable[Concatenate[Any, P], R]) -> Function[P, R]:
        return Function(method, is_view=True, name=name, returns=returns, work=work)

    return declare if method is None else declare(method)


@overload
def external(method: Callable[Concatenate[Any, P], R], /) -> Function[P, R]: ...
@overload
def external(
    *,
    only: Guard | None = None,
    when: Guard | None = None,
    payable: bool = False,
    lock: bool = True,
    name: str | None = None,
    returns: tuple[str, ...] = (),
    work: int = DEFAULT_WORK,
) -> Callable[[Callable[Concatenate[Any, P], R]], Function[P, R]]: ...
def external(
    method: Callable[Concatenate[Any, P], R] | None = None,
    /,
    *,
    only: Guard | None = None,
    when: Guard | None = None,
    payable: bool = False,
    lock: bool = True,
    name: str | None = None,
    returns: tuple[str, ...] = (),
    work: int = DEFAULT_WORK,
) -> Function[P, R] | Callable[[Callable[Concatenate[Any, P], R]], Function[P, R]]:
    """A function that may change something.

    only: who may call it. when: in which state. payable: takes coins. lock: False lets it be entered while a locked
    function of the contract runs; the rest as for `view`.
    """

    def declare(method: Callable[Concatenate[Any, P], R]) -> Function[P, R]:
        return Function(
            method,
            is_view=False,
            is_payable=payable,
            is_locked=lock,
            only=only,
            when=when,
            name=name,
            returns=returns,
            work=work,
        )

    return declare if method is None else declare(method)
