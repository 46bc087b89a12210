"""A case: a small state, one message, and the gas limits to run it with."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

from chain.types import Address, Hash32
from tests.fuzz.assembly import Program, assemble, disassemble, parse
from tests.fuzz.expressions import edge_number
from tests.fuzz.programs import Composer, mutated
from tests.vm.worlds import ALICE, BOB, COINBASE, ENVIRONMENT, Accounts, address
from vm.context import DELEGATION_PREFIX
from vm.environment import BlockEnvironment
from vm.forks import Fork

CONTRACTS = tuple(address(0xC000 + index) for index in range(4))
EMPTY = address(0xFADE)
DELEGATIONS = {
    address(0xDE1E): CONTRACTS[-1],
    address(0xDE2E): address(0xDE1E),  # is followed once
    address(0xDE3E): address(4),  # code of a precompile is no code
    address(0xDE4E): EMPTY,
}
CHEAP_PRECOMPILES = (1, 2, 3, 4, 5, 6, 9, 0x100)
FULL_GAS = 100_000
EXCESS_BLOB_GAS = 20_000_000
BLOB_HASHES = (Hash32(b"\x01" * 32), Hash32(b"\x02" * 32))
FIXTURES = (
    Path(__file__).parent.parent / "fixtures" / "token.json",
    Path(__file__).parent.parent.parent / "benchmarks" / "fixtures" / "contracts.json",
)
PUSH4 = 0x63


@dataclass(frozen=True, slots=True)
class Case:
    """programs: the code of CONTRACTS, the first one is called. storage: of each. is_creation: the first program is
    init code. gas: of the message."""

    seed: int
    fork: Fork
    programs: tuple[Program, ...]
    storage: tuple[tuple[tuple[int, int], ...], ...]
    balances: tuple[int, ...]
    data: bytes
    value: int
    gas: int
    is_static: bool = False
    is_creation: bool = False

    @property
    def environment(self) -> BlockEnvironment:
        return replace(ENVIRONMENT, fork=self.fork, excess_blob_gas=EXCESS_BLOB_GAS)

    def accounts(self) -> Accounts:
        accounts = Accounts().add(ALICE.address, balance=10**18).add(BOB.address, balance=1)
        for at, program, storage, balance in zip(
            CONTRACTS, self.programs, self.storage, self.balances, strict=False
        ):
            accounts.add(at, nonce=1, balance=balance, code=assemble(program), storage=dict(storage))
        for at, target in DELEGATIONS.items():
            accounts.add(at, nonce=1, balance=2, code=DELEGATION_PREFIX + target)
        return accounts

    def __str__(self) -> str:
        parts = [
            f"seed {self.seed}, {self.fork.name}, gas {self.gas}, value {self.value},"
            f" {'static, ' if self.is_static else ''}{'creation, ' if self.is_creation else ''}"
            f"data 0x{self.data.hex()}"
        ]
        for at, program, storage, balance in zip(
            CONTRACTS, self.programs, self.storage, self.balances, strict=False
        ):
            code = assemble(program)
            if code:
                parts.append(
                    f"0x{at.hex()}: balance {balance}, storage {dict(storage)}\n0x{code.hex()}\n"
                    + "\n".join(disassemble(code))
                )
        return "\n".join(parts)


def callable_accounts(fork: Fork) -> tuple[int, ...]:
    own = [int.from_bytes(at, "big") for at in (*CONTRACTS, *CONTRACTS, *DELEGATIONS, EMPTY, BOB.address)]
    return (*own, *(number for number in CHEAP_PRECOMPILES if number != 0x100 or fork >= Fork.OSAKA))


def random_case(seed: int, fork: Fork) -> Case:
    """The case of this seed."""
    rng = Random(f"{seed} {fork.name}")
    if rng.random() < 0.07:
        return _real_contract(rng, seed, fork)
    accounts = callable_accounts(fork)
    budgets = [rng.choice([2, 5, 10, 20, 30]), *[rng.choice([0, 1, 3, 6, 10]) for _ in CONTRACTS[1:]]]
    programs = tuple([Composer(rng, accounts, fork).program(budget) for budget in budgets])
    return Case(
        seed=seed,
        fork=fork,
        programs=programs,
        storage=_random_storage(rng),
        balances=tuple([rng.choice([0, 0, 50, 10**7]) for _ in CONTRACTS]),
        data=_random_data(rng),
        value=rng.choice([0, 0, 4]),
        gas=FULL_GAS if rng.random() < 0.8 else rng.choice([30_000, 30_000, 30_000, 400_000]),
        is_static=rng.random() < 0.03,
        is_creation=rng.random() < 0.05,
    )


def _random_storage(rng: Random) -> tuple[tuple[tuple[int, int], ...], ...]:
    return tuple(
        [tuple([(slot, rng.choice([1, 2])) for slot in range(4) if rng.random() < 0.5]) for _ in CONTRACTS]
    )


def _random_data(rng: Random) -> bytes:
    kind = rng.randrange(3)
    if kind == 0:
        return b""
    if kind == 1:
        return rng.randbytes(rng.choice([1, 4, 31, 36, 68, 100]))
    return b"".join([edge_number(rng).to_bytes(32, "big") for _ in range(rng.randint(1, 4))])


@cache
def real_codes() -> tuple[bytes, ...]:
    """Creation code of contracts from a compiler."""
    codes: list[bytes] = []
    for path in FIXTURES:
        if not path.exists():
            continue
        content = json.loads(path.read_text())
        entries = [content] if "creation" in content else list(content.values())
        codes += [bytes.fromhex(entry["creation"][2:]) for entry in entries]
    return tuple(codes)


def runtime_of(creation: bytes) -> bytes:
    """What comes behind the constructor, which ends with RETURN INVALID."""
    at = creation.find(b"\xf3\xfe")
    return creation[at + 2 :] if at >= 0 else creation


def _real_contract(rng: Random, seed: int, fork: Fork) -> Case:
    creation = rng.choice(real_codes())
    code = runtime_of(creation)
    selectors = [code[at + 1 : at + 5] for at in range(len(code) - 5) if code[at] == PUSH4]
    program = parse(code)
    if rng.random() < 0.6:
        program = mutated(rng, list(program))
    others = tuple([Composer(rng, callable_accounts(fork), fork).program(3) for _ in CONTRACTS[1:]])
    words = [
        rng.choice([edge_number(rng), rng.randrange(2**16), int.from_bytes(rng.choice(CONTRACTS), "big")])
        for _ in range(rng.randint(0, 4))
    ]
    data = rng.choice(selectors) + b"".join([word.to_bytes(32, "big") for word in words])
    return Case(
        seed=seed,
        fork=fork,
        programs=(program, *others),
        storage=_random_storage(rng),
        balances=(0, 1, 2, 3),
        data=data[: rng.choice([len(data), len(data), rng.randrange(len(data) + 1)])],
        value=0,
        gas=rng.choice([60_000, FULL_GAS]),
    )


WATCHED = (*CONTRACTS, *DELEGATIONS, EMPTY, BOB.address, ALICE.address, COINBASE)
"""Accounts whose state is compared whether an engine says it changed or not."""

MESSAGE_TARGET = Address(CONTRACTS[0])
