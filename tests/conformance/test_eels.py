"""Random transactions under the rules of Osaka end as Ethereum's execution specification says.

AURIGRAPH_EELS_CASES: how many (the default is 60). AURIGRAPH_EELS_SEED: the first seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chain.keccak import keccak256
from chain.rlp import encode
from chain.transaction import RecoveredTransaction
from chain.types import Address
from state.reader import DictReader
from state.world import WorldState
from tests.conformance.eels_oracle import Eels, OracleFault
from tests.fuzz.cases import CONTRACTS, Case, random_case
from tests.vm.worlds import ENVIRONMENT, assemble, funded, returning, transaction
from vm.environment import BlockEnvironment
from vm.errors import TransactionRejected
from vm.forks import Fork
from vm.transaction import TransactionResult, apply_transaction

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("AURIGRAPH_EELS_CASES", "60"))
SEED = int(os.environ.get("AURIGRAPH_EELS_SEED", "1"))
OSAKA = replace(ENVIRONMENT, fork=Fork.OSAKA)
INTRINSIC_ROOM = 60_000
P256_SIGNED = bytes.fromhex(  # digest, r, s, x, y
    "1111111111111111111111111111111111111111111111111111111111111111"
    "7046d091e4604c99105d014e633fde0d45e516dfd97ca785a414b87080d1fca2"
    "1a20fc5dbf37eee393607d15bdebb73ffaacf6c9cdb110cf4e339f066dc1b76d"
    "8e533b6fa0bf7b4625bb30667c01fb607ef9f8b8a80fef5b300628703187b2a3"
    "73eb1dbde03318366d069f83a6f5900053c73633cb041b21c55e1a86c1f400b4"
)


@pytest.fixture(scope="module")
def eels() -> Iterator[Eels]:
    with Eels() as process:
        yield process


def differences(
    told: dict[str, Any], world: WorldState, result: TransactionResult | None, reader: DictReader
) -> list[str]:
    """What EELS and we see differently."""
    receipts, rejected = told["result"]["receipts"], told["result"].get("rejected", [])
    if result is None or rejected:
        return (
            [] if result is None and rejected else [f"rejected by us: {result is None}, by EELS: {rejected}"]
        )
    found = []
    (receipt,) = receipts
    logs = keccak256(encode([[log.address, list(log.topics), log.data] for log in result.logs]))
    for name, own, other in (
        ("gas", result.gas_used, int(told["result"]["gasUsed"], 16)),
        ("status", result.succeeded, receipt.get("status", receipt.get("succeeded")) in (True, "0x1", 1)),
        ("logs", "0x" + logs.hex(), told["result"]["logsHash"]),
    ):
        if own != other:
            found.append(f"{name}: {own}, EELS {other}")
    return found + _state_differences(told["alloc"], world, reader)


def _state_differences(alloc: dict[str, Any], world: WorldState, reader: DictReader) -> list[str]:
    found = []
    changes = world.changes()
    ours = {"0x" + at.hex() for at in changes.accounts if world.exists(at)}
    for text in sorted(set(alloc) | ours):
        at = Address(bytes.fromhex(text[2:]))
        told = alloc.get(text, {})
        slots = {int(slot, 16): int(value, 16) for slot, value in told.get("storage", {}).items()}
        for slot in changes.storage.get(at, {}):
            slots.setdefault(slot, 0)
        own = (
            world.get_balance(at),
            world.get_nonce(at),
            world.get_code(at),
            {slot: world.get_storage(at, slot) for slot in slots},
        )
        other = (
            int(told.get("balance", "0x0"), 16),
            int(told.get("nonce", "0x0"), 16),
            bytes.fromhex(told.get("code", "0x")[2:]),
            slots,
        )
        if own != other:
            found.append(f"{text}: {own}, EELS {other}")
    return found


def judged(eels: Eels, accounts: Any, env: BlockEnvironment, recovered: RecoveredTransaction) -> list[str]:
    told = eels.run(accounts, env, recovered.transaction)
    world = WorldState(accounts.reader)
    result: TransactionResult | None
    try:
        result = apply_transaction(world, env, recovered)
    except TransactionRejected:
        result = None
    return differences(told, world, result, accounts.reader)


def as_transaction(case: Case) -> RecoveredTransaction:
    return transaction(
        to=CONTRACTS[0], data=case.data, value=case.value, gas_limit=case.gas + INTRINSIC_ROOM, fee_cap=10
    )


def test_random_programs_end_as_the_specification_says(eels: Eels) -> None:
    faults = 0
    for seed in range(SEED, SEED + CASES):
        case = random_case(seed, Fork.OSAKA)
        env = replace(OSAKA, excess_blob_gas=case.environment.excess_blob_gas)
        try:
            found = judged(eels, case.accounts(), env, as_transaction(case))
        except OracleFault:
            faults += 1  # of the tool, on one program in some hundreds
            continue
        assert not found, (found, str(case))
    assert faults <= 1 + CASES // 100


@pytest.mark.parametrize(
    "code",
    [
        returning(0, "CALLDATALOAD")[:3] + b"\x1e" + assemble(0, "MSTORE", 32, 0, "RETURN"),
        assemble(160, 0, 0, "CALLDATACOPY", 32, 0, 160, 0, 0x100, "GAS", "STATICCALL", 1, "SSTORE"),
        assemble(
            2000,
            0,
            0,
            "CALLDATACOPY",
            32,
            0,
            2000,
            0,
            5,
            "GAS",
            "STATICCALL",
            1,
            "SSTORE",
            "GAS",
            2,
            "SSTORE",
        ),
    ],
    ids=["clz", "p256", "modexp"],
)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 31 + b"\x20" * 200,
        bytes(31) + b"\x01" + bytes(31) + b"\x40" + bytes(31) + b"\x40" + b"\xfe" * 129,
        bytes(63) + b"\x20" + bytes(32) + b"\xff" * 32,  # MODEXP: an exponent without base and modulus
        bytes(31) + b"\x21" + bytes(30) + b"\x04\x00" + bytes(31) + b"\x20" + b"\xf1" * 1_100,
        bytes(31) + b"\x21" + bytes(30) + b"\x04\x01" + bytes(31) + b"\x20" + b"\xf1" * 1_100,
        P256_SIGNED,
        P256_SIGNED[:64] + b"\x00" * 32 + P256_SIGNED[96:],
    ],
)
def test_what_osaka_brings(eels: Eels, code: bytes, data: bytes) -> None:
    accounts = funded().add(CONTRACTS[0], nonce=1, code=code)
    recovered = transaction(to=CONTRACTS[0], data=data, gas_limit=2_000_000, fee_cap=10)
    assert not judged(eels, accounts, OSAKA, recovered)


@pytest.mark.parametrize("gas", [1 << 24, (1 << 24) + 1])
def test_the_cap_on_a_transaction(eels: Eels, gas: int) -> None:
    recovered = transaction(to=CONTRACTS[0], gas_limit=gas, fee_cap=10)
    assert not judged(eels, funded(), OSAKA, recovered)
