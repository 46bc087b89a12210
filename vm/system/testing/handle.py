"""A contract of a TestChain as an object whose methods are its functions.

Owns: which name is which function, and how a call of it is made.
Never does: execute (vm/system/testing/chain.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chain.types import Address, checksum_address
from vm.message import CallKind
from vm.system.functions import Function
from vm.system.interface import functions_of
from vm.system.testing.values import Account, plain
from vm.system.tooling.declared import Declared

if TYPE_CHECKING:
    from vm.system.testing.chain import TestChain


class BoundFunction:
    """A function of a contract. Calling it runs a view as a static call and anything else as a transaction.

    `sender` is who calls, the chain's sender if it is not given; `value` in wei; `gas` is the limit. All raise
    CallReverted and CallFailed.
    """

    def __init__(self, chain: TestChain, target: Address, function: Function[..., Any]) -> None:
        self._chain = chain
        self._target = target
        self.function = function

    def __call__(
        self, *arguments: object, sender: Account | None = None, value: int = 0, gas: int | None = None
    ) -> Any:
        if self.function.is_view and not value:
            return self.static(*arguments, sender=sender, gas=gas)
        return self.transact(*arguments, sender=sender, value=value, gas=gas)

    def transact(
        self, *arguments: object, sender: Account | None = None, value: int = 0, gas: int | None = None
    ) -> Any:
        """As a transaction: its effects stay, its logs are `chain.logs`."""
        return self._decoded(
            self._chain.transact(self._target, self.encode(*arguments), sender=sender, value=value, gas=gas)
        )

    def call(
        self, *arguments: object, sender: Account | None = None, value: int = 0, gas: int | None = None
    ) -> Any:
        """What a transaction would return; nothing stays."""
        return self._decoded(
            self._chain.call(self._target, self.encode(*arguments), sender=sender, value=value, gas=gas)
        )

    def static(self, *arguments: object, sender: Account | None = None, gas: int | None = None) -> Any:
        """As a static call, which can change nothing."""
        payload = self.encode(*arguments)
        return self._decoded(
            self._chain.call(self._target, payload, sender=sender, gas=gas, kind=CallKind.STATICCALL)
        )

    def encode(self, *arguments: object) -> bytes:
        """Call data."""
        return self.function.encode(*plain(arguments))

    def _decoded(self, raw: bytes) -> Any:
        return self.function.decode(raw)

    def __repr__(self) -> str:
        return f"<{self.function.signature.canonical} of {checksum_address(self._target)}>"


class ContractHandle:
    """The contract at an address, by the functions of its class or of an interface.

    Attributes are functions, by the name of the method or that of the ABI, and the classes of events and errors.
    """

    def __init__(self, chain: TestChain, contract_address: Address, declared: Declared) -> None:
        self._chain = chain
        self._functions = functions_of(declared)
        self.contract_address = contract_address
        self.declared = declared

    @property
    def address(self) -> Address:
        """Where it is."""
        return self.contract_address

    @property
    def balance(self) -> int:
        """Its coins, in wei."""
        return self._chain.balance(self.contract_address)

    def __getattr__(self, name: str) -> Any:
        function = self._functions.get(name) or self._by_abi_name(name)
        if function is not None:
            return BoundFunction(self._chain, self.contract_address, function)
        found = getattr(self.declared, name, None)
        if isinstance(found, type):
            return found
        raise AttributeError(f"{self.declared.__name__} has no function, event or error {name}")

    def _by_abi_name(self, name: str) -> Function[..., Any] | None:
        return next((one for one in self._functions.values() if one.signature.name == name), None)

    def __getitem__(self, canonical: str) -> BoundFunction:
        """A function by its signature, as `token["transfer(address,uint256)"]`: for overloads."""
        for function in self._functions.values():
            if function.signature.canonical == canonical:
                return BoundFunction(self._chain, self.contract_address, function)
        raise KeyError(f"{self.declared.__name__} has no function {canonical}")

    def functions(self) -> Iterator[BoundFunction]:
        """All of them."""
        for function in self._functions.values():
            yield BoundFunction(self._chain, self.contract_address, function)

    def send(self, wei: int, *, sender: Account | None = None) -> None:
        """Plain coins, without call data."""
        self._chain.transact(self.contract_address, b"", sender=sender, value=wei)

    def __repr__(self) -> str:
        return f"<{self.declared.__name__} at {checksum_address(self.contract_address)}>"
