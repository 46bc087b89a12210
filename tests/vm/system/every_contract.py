"""All registered contracts set up on one chain, and arguments for their functions: good, extreme and broken ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final, assert_never

from chain.types import Address, checksum_address, parse_address
from tests.vm.system.chain_contracts import (
    FRIEND,
    GENESES,
    OWNER,
    STRANGER,
    USES,
    VOTES,
    prepare_chain_contracts,
)
from vm.system.abi.types import (
    AbiType,
    AddressType,
    ArrayType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    TupleType,
    UintType,
)
from vm.system.contract import Contract
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.testing import ContractHandle, TestChain
from vm.system.testing.values import Account

SUPPLY: Final = 10**24


@dataclass(frozen=True, slots=True)
class Use:
    """A call: arguments, who makes it, wei."""

    arguments: tuple[Any, ...]
    sender: Account
    value: int = 0


class Case:
    """One function of one contract on the chain."""

    def __init__(self, contract: type[Contract], method: str) -> None:
        function = contract.functions[method]
        self.contract = contract
        self.method = method
        self.canonical = function.signature.canonical
        self.types = function.signature.input_types
        self.selector = function.selector
        self.only = function.only
        self.is_view = function.is_view
        self.is_payable = function.is_payable
        self.encode = function.encode

    def __str__(self) -> str:
        return f"{self.contract.__name__}.{self.canonical}"


CASES: Final = [
    Case(contract, method) for contract in CHAIN_CONTRACTS.classes for method in contract.functions
]

Prepare = Callable[[ContractHandle], None]


def _nothing(_handle: ContractHandle) -> None:
    """Good as it is."""


def _tokens(handle: ContractHandle) -> None:
    """Each gets a token of a collection."""
    for number, owner in enumerate((OWNER, STRANGER, FRIEND)):
        arguments: tuple[object, ...] = (owner,)
        if "safeMint(address,string)" in [one.function.signature.canonical for one in handle.functions()]:
            arguments = (owner, f"token {number}")
        handle.safeMint(*arguments, sender=OWNER)


def _many(handle: ContractHandle) -> None:
    for owner in (OWNER, STRANGER):
        handle.mint(owner, 1, SUPPLY, b"", sender=OWNER)


def _restricted(handle: ContractHandle) -> None:
    handle.grantRole(handle.AGENT_ROLE(), OWNER, sender=OWNER)
    for owner in (OWNER, STRANGER, FRIEND):
        handle.registerIdentity(owner, owner, 276, sender=OWNER)
        handle.mint(owner, SUPPLY, sender=OWNER)


INSTANCES: Final[Mapping[str, tuple[tuple[object, ...], Prepare]]] = {
    "FixedToken": (("Token", "TOK", 18, SUPPLY, OWNER), _nothing),
    "MintableToken": (("Token", "TOK", 18, SUPPLY, OWNER), _nothing),
    "CappedToken": (("Token", "TOK", 18, 2 * SUPPLY, SUPPLY, OWNER), _nothing),
    "VotesToken": (("Token", "TOK", SUPPLY, OWNER), _nothing),
    "RestrictedToken": (("Token", "TOK", 18, True, OWNER), _restricted),
    "FullToken": (("Token", "TOK", 18, 2 * SUPPLY, SUPPLY, OWNER), _nothing),
    "CollectionToken": (("Things", "THG", "https://example.org/", OWNER), _tokens),
    "RoyaltyCollection": (("Things", "THG", "https://example.org/", OWNER, 500, OWNER), _tokens),
    "MembershipCollection": (("Things", "THG", "https://example.org/", OWNER), _tokens),
    "MultiToken": (("https://example.org/{id}", OWNER), _many),
}
"""Constructor arguments of each class that is no chain contract, and what is done with a new one."""


@cache
def world() -> tuple[TestChain, Mapping[type[Contract], ContractHandle]]:
    """A chain with everything on it; tests must leave it as it is. Raises KeyError for a class that is in no table."""
    chain = TestChain()
    for name in ("owner", "stranger", "friend"):
        chain.account(name)
    entries = chain.registry.chain_contracts
    handles = dict(
        zip(
            [entry.contract for entry in entries],
            chain.genesis(*[(entry.contract, GENESES[entry.name]) for entry in entries]),
            strict=True,
        )
    )
    for contract in chain.registry.classes:
        if contract not in handles:
            arguments, prepare = INSTANCES[contract.__name__]
            handles[contract] = chain.deploy(contract, *arguments, sender=OWNER)
            prepare(handles[contract])
    chain.mine(3, votes=VOTES)
    prepare_chain_contracts(chain, handles)
    return chain, handles


def sender_of(case: Case) -> Account:
    """Whom the guard of a function lets through: the address that it names, else the owner of everything here."""
    named = re.search(r"0x[0-9a-fA-F]{40}", case.only.description) if case.only is not None else None
    return OWNER if named is None else parse_address(named[0])


# --- good arguments -------------------------------------------------------------------------------------------------


def sample(kind: AbiType, number: int = 1, who: Address = FRIEND) -> Any:
    """A harmless value."""
    match kind:
        case UintType() | IntType():
            return number
        case AddressType():
            return who
        case BoolType():
            return bool(number)
        case FixedBytesType(size):
            return bytes(size)
        case BytesType():
            return b""
        case StringType():
            return checksum_address(who)
        case ArrayType(element, length):
            return [sample(element, number, who)] * (1 if length is None else length)
        case TupleType(_, components, python_class):
            values = [sample(component.type, number, who) for component in components]
            return tuple(values) if python_class is None else python_class(*values)
    assert_never(kind)


def uses(case: Case) -> Iterator[Use]:
    """Calls with harmless arguments; first one that succeeds, if a table has it."""
    listed = USES.get(str(case))
    if listed is not None:
        yield Use(*listed)
    sender = sender_of(case)
    yield Use(tuple(sample(kind) for kind in case.types), sender)
    if any("int" in kind.canonical or "address" in kind.canonical for kind in case.types):
        yield Use(tuple(sample(kind, 0, OWNER) for kind in case.types), sender)
        yield Use(tuple(sample(kind, 2, STRANGER) for kind in case.types), sender)


# --- extreme arguments ----------------------------------------------------------------------------------------------


def extremes(kind: AbiType) -> list[Any]:
    """The ends of a type's range, and what lies around the middle."""
    match kind:
        case UintType(bits):
            return [0, 1, (1 << bits) - 1, (1 << bits) - 2, 1 << (bits - 1), (1 << (bits - 1)) - 1]
        case IntType(bits):
            return [-(1 << (bits - 1)), (1 << (bits - 1)) - 1, -1, 0, 1]
        case AddressType():
            return [OWNER, bytes(20), b"\xff" * 20, bytes(19) + b"\x01", bytes(17) + b"\x5c\x00\x01"]
        case BoolType():
            return [False, True]
        case FixedBytesType(size):
            return [bytes(size), b"\xff" * size, bytes(range(1, size + 1))]
        case BytesType():
            return [b"", b"\xff", bytes(200), b"\xff" * 33]
        case StringType():
            return ["", "\udcff", "text" * 20, "日本", "\x00"]
        case ArrayType(element, None):
            values = extremes(element)
            return [[], values[:1], values, values[1:2] * 20]
        case ArrayType(element, length):
            return [[value] * (length or 0) for value in extremes(element)]
        case TupleType(_, components, python_class):
            lists = [extremes(component.type) for component in components]
            made = [[one[index % len(one)] for one in lists] for index in range(max(map(len, lists)))]
            return [tuple(values) if python_class is None else python_class(*values) for values in made]
    assert_never(kind)


def extreme_arguments(case: Case, random: Random, count: int) -> Iterator[tuple[Any, ...]]:
    """First each argument at its ends with the others harmless, then everything extreme at once."""
    kinds = case.types
    for index, kind in enumerate(kinds):
        for value in extremes(kind):
            yield tuple(value if at == index else sample(one) for at, one in enumerate(kinds))
    for _ in range(count if kinds else 0):
        yield tuple(random.choice(extremes(kind)) for kind in kinds)


# --- broken call data ------------------------------------------------------------------------------------------------

WORDS: Final = tuple(
    value.to_bytes(32)
    for value in (
        0,
        1,
        2,
        31,
        32,
        33,
        64,
        96,
        1 << 31,
        1 << 64,
        1 << 255,
        (1 << 255) - 1,
        (1 << 256) - 1,
        (1 << 256) - 32,
    )
)


def broken_payloads(case: Case, random: Random, count: int) -> Iterator[bytes]:
    """Call data with the selector of a function, and behind it what no encoder writes."""
    selector = case.selector
    whole = case.encode(*(random.choice(extremes(kind)) for kind in case.types))
    yield selector
    yield selector + b"\xff" * 31
    yield whole + b"\x00"
    yield whole + bytes(32)
    for _ in range(count):
        body = bytearray(case.encode(*next(uses(case)).arguments)[4:])
        match random.randrange(5):
            case 0:
                body = body[: random.randrange(len(body) + 1)]
            case 1 if body:
                at = random.randrange(len(body) // 32) * 32
                body[at : at + 32] = random.choice(WORDS)
            case 2 if body:
                body[random.randrange(len(body))] ^= 1 << random.randrange(8)
            case 3:
                body = bytearray(random.randbytes(random.randrange(300)))
            case _:
                body = bytearray(b"".join(random.choice(WORDS) for _ in range(random.randrange(12))))
        yield selector + bytes(body)
