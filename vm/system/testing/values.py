"""What a test may write where the ABI wants an address, and logs as it reads them.

Owns: handles and keys as addresses, and LoggedEvent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from chain.receipt import Log
from chain.secp256k1 import PrivateKey
from chain.types import Address, Hash32
from vm.system.abi.codec import decoder
from vm.system.abi.types import packed_bytes
from vm.system.events import Event


@runtime_checkable
class HasAddress(Protocol):
    """A handle of a contract."""

    @property
    def contract_address(self) -> Address: ...


Account = Address | PrivateKey | HasAddress
"""Who a test can name."""


def address(account: Account) -> Address:
    """The address of an account, however it is given."""
    if isinstance(account, PrivateKey):
        return account.address
    if isinstance(account, HasAddress):
        return account.contract_address
    return account


def plain(arguments: Iterable[object]) -> tuple[Any, ...]:
    """Arguments with addresses for handles and keys, also inside lists and tuples."""
    return tuple([_plain(argument) for argument in arguments])


def _plain(argument: object) -> object:
    if isinstance(argument, PrivateKey):
        return argument.address
    if isinstance(argument, HasAddress):
        return argument.contract_address
    if isinstance(argument, list):
        return [_plain(one) for one in argument]
    if type(argument) is tuple:
        return tuple([_plain(one) for one in argument])
    return argument


@dataclass(frozen=True, slots=True, eq=False)
class LoggedEvent:
    """A log, decoded by the event class that it belongs to; without one, `name` is empty and `fields` too.

    Its fields are attributes too. Equal to an Event with the same topics and data, so that a test can say
    `chain.logs == [Token.Transfer(alice, bob, 5)]`. An indexed field of dynamic size is its hash.
    """

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes
    name: str
    fields: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(f"{self.name or 'an unknown event'} has no field {name}") from None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LoggedEvent):
            return (self.address, self.topics, self.data) == (other.address, other.topics, other.data)
        if isinstance(other, Event):
            return (self.topics, self.data) == (other.topics, other.data)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.address, self.topics, self.data))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}=0x{value.hex()}" if isinstance(value, bytes) else f"{name}={value!r}"
            for name, value in self.fields.items()
        )
        return f"{self.name}({shown})" if self.name else f"<log {[topic.hex() for topic in self.topics]}>"


def read_log(log: Log, kinds: Iterable[type[Event]]) -> LoggedEvent:
    """Decodes a log by the first of `kinds` that has its topic and number of indexed fields."""
    for kind in kinds:
        signature = kind.signature
        if log.topics and log.topics[0] == signature.topic and len(log.topics) == 1 + len(signature.indexed):
            topics = iter(log.topics[1:])
            values = iter(decoder(tuple([field.type for field in signature.unindexed]))(log.data))
            fields: dict[str, Any] = {}
            for field in signature.inputs:
                if not field.indexed:
                    fields[field.name] = next(values)
                elif packed_bytes(field.type) is not None:
                    fields[field.name] = decoder((field.type,))(next(topics))[0]
                else:
                    fields[field.name] = next(topics)
            return LoggedEvent(log.address, log.topics, log.data, signature.name, fields)
    return LoggedEvent(log.address, log.topics, log.data, "", {})
