"""One official state test through our executor.

Owns: reading a case, running it, and the verdict with a reason that says what differs.
Format: https://eest.ethereum.org/main/running_tests/test_formats/state_test/
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from chain.keccak import EMPTY_TRIE_ROOT, keccak256
from chain.receipt import Log
from chain.rlp import encode
from chain.secp256k1 import InvalidSignature
from chain.transaction import (
    BlobTransactionUnsupported,
    RecoveredTransaction,
    TransactionError,
    decode_transaction,
    recover_sender,
)
from chain.types import ZERO_HASH, Address, Hash32
from state.caches import ByteBoundedCache, VersionedCache
from state.kv import MemoryStore
from state.reader import DictReader
from state.state_root import StateRoots
from state.views import StateCaches, StateView
from state.world import WorldState
from tests.conformance.blob_transactions import apply_blob_transaction, decode_blob_transaction
from vm import engines
from vm.engines import Engine
from vm.environment import BlockEnvironment
from vm.errors import TransactionRejected
from vm.forks import Fork
from vm.transaction import TransactionResult, apply_transaction

FORKS: Final[Mapping[str, Fork]] = {
    "Frontier": Fork.FRONTIER,
    "Homestead": Fork.HOMESTEAD,
    "EIP150": Fork.TANGERINE_WHISTLE,
    "EIP158": Fork.SPURIOUS_DRAGON,
    "Byzantium": Fork.BYZANTIUM,
    "Constantinople": Fork.CONSTANTINOPLE,
    "ConstantinopleFix": Fork.PETERSBURG,
    "Istanbul": Fork.ISTANBUL,
    "Berlin": Fork.BERLIN,
    "London": Fork.LONDON,
    "Paris": Fork.PARIS,
    "Shanghai": Fork.SHANGHAI,
    "Cancun": Fork.CANCUN,
    "Prague": Fork.PRAGUE,
    "Osaka": Fork.OSAKA,
}
"""By the names of the official tests."""

ENGINES: Final[Mapping[str, Engine]] = {
    "native": engines.NATIVE,
    "interpreter": engines.INTERPRETER,
    "compiled": engines.COMPILED,
    "py-evm": engines.PY_EVM,
}
DEFAULT_ENGINE: Final = "native"
MAX_DIFFERENCES: Final = 6
"""Differing values that a reason lists; a wrong root can come from thousands."""

_CACHE_ENTRIES: Final = 100_000

REJECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "INSUFFICIENT_ACCOUNT_FUNDS": ("InsufficientFunds",),
    "INTRINSIC_GAS_TOO_LOW": ("IntrinsicGasTooLow", "FloorGasTooLow"),
    "INTRINSIC_GAS_BELOW_FLOOR_GAS_COST": ("FloorGasTooLow",),
    "SENDER_NOT_EOA": ("SenderNotEOA",),
    "INSUFFICIENT_MAX_FEE_PER_GAS": ("FeeCapBelowBaseFee",),
    "PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS": ("TipAboveFeeCap",),
    "NONCE_IS_MAX": ("NonceMax", "MalformedTransaction"),
    "NONCE_MISMATCH_TOO_LOW": ("NonceTooLow",),
    "NONCE_MISMATCH_TOO_HIGH": ("NonceTooHigh",),
    "GAS_ALLOWANCE_EXCEEDED": ("GasLimitAboveBlock", "BlockGasExhausted"),
    "INITCODE_SIZE_EXCEEDED": ("InitcodeTooLarge",),
    "INVALID_CHAINID": ("WrongChainId",),
    "GAS_LIMIT_EXCEEDS_MAXIMUM": ("TransactionGasAboveCap",),
    "TYPE_1_TX_PRE_FORK": ("TransactionTypeNotSupported",),
    "TYPE_2_TX_PRE_FORK": ("TransactionTypeNotSupported",),
    "TYPE_3_TX_PRE_FORK": ("TransactionTypeNotSupported",),
    "TYPE_3_TX_ZERO_BLOBS": ("NoBlobs",),
    "TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED": ("TooManyBlobs",),
    "TYPE_3_TX_BLOB_COUNT_EXCEEDED": ("TooManyBlobs",),
    "TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH": ("InvalidBlobHash",),
    "TYPE_3_TX_CONTRACT_CREATION": ("BlobCreatesContract",),
    "INSUFFICIENT_MAX_FEE_PER_BLOB_GAS": ("BlobFeeCapTooLow",),
    "TYPE_4_TX_PRE_FORK": ("TransactionTypeNotSupported",),
    "TYPE_4_EMPTY_AUTHORIZATION_LIST": ("EmptyAuthorizationList", "MalformedTransaction"),
    "TYPE_4_TX_CONTRACT_CREATION": ("SetCodeCreatesContract", "MalformedTransaction"),
}
"""Our rejections that an official exception may become; one that is not listed may become any."""


class Status(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """reason: why it failed or was skipped; empty for a pass."""

    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StateCase:
    """One entry of `post`: the transaction to run and what must come of it."""

    name: str
    fork: str
    test: Mapping[str, Any]
    post: Mapping[str, Any]


def load_cases(path: Path) -> Iterator[StateCase]:
    """The cases of a file in its order. Raises ValueError if the file is no state test."""
    tests = json.loads(path.read_bytes())
    if not isinstance(tests, dict):
        raise ValueError("not an object of state tests")
    for name, test in tests.items():
        if not isinstance(test, dict) or "post" not in test:
            raise ValueError(f"{name} has no post section")
        for fork, entries in test["post"].items():
            for index, post in enumerate(entries):
                label = name if len(entries) == 1 else f"{name}[{index}]"
                yield StateCase(label, fork, test, post)


def run_case(case: StateCase, engine: str = DEFAULT_ENGINE) -> Verdict:
    """Execute the case and compare rejection, state root and log hash with the official ones."""
    fork = FORKS.get(case.fork)
    if fork is None:
        return Verdict(Status.SKIPPED, f"rule set {case.fork} is unknown")
    raw = _bytes(case.post["txbytes"])
    chain_id = int(case.test.get("config", {}).get("chainid", "0x01"), 16)
    committed = _CommittedState(case.test["pre"])
    world = WorldState(committed.view)
    rejection: Exception | None = None
    logs: tuple[Log, ...] = ()
    try:
        logs = _run(world, _environment(case.test["env"], chain_id, fork, ENGINES[engine]), raw).logs
    except (TransactionError, TransactionRejected, InvalidSignature) as error:
        rejection = error
    problems = _rejection_problems(case.post.get("expectException"), rejection)
    root = committed.root_after(world)
    if root != _bytes(case.post["hash"]):
        problems.append(f"state root {root.hex()[:16]}…, expected {case.post['hash'][2:18]}…")
        problems += _state_differences(world, case.post.get("state", {}), case.test["pre"])
    log_hash = keccak256(encode([[log.address, list(log.topics), log.data] for log in logs]))
    if log_hash != _bytes(case.post["logs"]):
        problems.append(f"hash of {len(logs)} logs differs")
    return Verdict(Status.FAILED, "; ".join(problems)) if problems else Verdict(Status.PASSED)


def _run(world: WorldState, env: BlockEnvironment, raw: bytes) -> TransactionResult:
    """Decodes and runs the transaction. Raises TransactionError, TransactionRejected or InvalidSignature."""
    try:
        transaction = decode_transaction(raw, env.chain_id, allow_unprotected=True)
    except BlobTransactionUnsupported:
        return apply_blob_transaction(world, env, decode_blob_transaction(raw, env.chain_id))
    return apply_transaction(world, env, RecoveredTransaction(transaction, recover_sender(transaction)))


class _CommittedState:
    """The `pre` section, written to a store in memory exactly as a genesis block would be."""

    def __init__(self, pre: Mapping[str, Any]) -> None:
        self._rows = MemoryStore()
        self._roots = StateRoots(self._rows, _CACHE_ENTRIES)
        world = WorldState(DictReader())
        world.begin_transaction()
        for text, fields in pre.items():
            address = Address(_bytes(text))
            world.set_balance(address, int(fields["balance"], 16))
            world.set_nonce(address, int(fields["nonce"], 16))
            world.set_code(address, _bytes(fields["code"]))
            for slot, value in fields["storage"].items():
                world.set_storage(address, int(slot, 16), int(value, 16))
        update = self._roots.compute(DictReader(), EMPTY_TRIE_ROOT, ZERO_HASH, world.changes())
        self._rows.write(update.rows, sync=False)
        self._roots.committed(update)
        self._root = update.root
        self.view = self._new_view()

    def _new_view(self) -> StateView:
        caches = StateCaches(
            VersionedCache(_CACHE_ENTRIES, 0),
            VersionedCache(_CACHE_ENTRIES, 0),
            ByteBoundedCache(1 << 24),
        )
        return StateView(0, self._rows, caches)

    def root_after(self, world: WorldState) -> Hash32:
        return self._roots.compute(self.view, self._root, ZERO_HASH, world.changes()).root


def _environment(env: Mapping[str, Any], chain_id: int, fork: Fork, engine: Engine) -> BlockEnvironment:
    number = _integer(env, "currentNumber")
    return BlockEnvironment(
        chain_id=chain_id,
        number=number,
        timestamp=_integer(env, "currentTimestamp"),
        beneficiary=Address(_bytes(env["currentCoinbase"])),
        gas_limit=_integer(env, "currentGasLimit"),
        base_fee_per_gas=_integer(env, "currentBaseFee"),
        prev_randao=Hash32(_integer(env, "currentRandom").to_bytes(32, "big")),
        excess_blob_gas=_integer(env, "currentExcessBlobGas"),
        parent_beacon_block_root=ZERO_HASH,
        parent_hash=_block_hash(number - 1),
        fork=fork,
        block_hash=_block_hash,
        difficulty=_integer(env, "currentDifficulty"),
        evm=engine,
    )


def _block_hash(number: int) -> Hash32:
    """What the official tests take for the hash of an earlier block: keccak of its decimal number."""
    return keccak256(str(number).encode("ascii"))


def _rejection_problems(expected: str | None, rejection: Exception | None) -> list[str]:
    if expected is None:
        return [] if rejection is None else [f"rejected: {type(rejection).__name__}: {rejection}"]
    if rejection is None:
        return [f"accepted, expected {expected}"]
    names = [name.rpartition(".")[2] for name in expected.split("|")]
    if any(name not in REJECTIONS or type(rejection).__name__ in REJECTIONS[name] for name in names):
        return []
    return [f"rejected as {type(rejection).__name__}, expected {expected}"]


def _state_differences(world: WorldState, expected: Mapping[str, Any], pre: Mapping[str, Any]) -> list[str]:
    """The first MAX_DIFFERENCES values that are not as in the official post state."""
    differences: list[str] = []
    changed = ("0x" + address.hex() for address in world.changes().accounts)
    for text in dict.fromkeys((*expected, *pre, *changed)):
        address = Address(_bytes(text))
        fields = expected.get(text)
        if fields is None:
            if world.exists(address):
                differences.append(f"{text} exists")
            continue
        found = {
            "nonce": world.get_nonce(address),
            "balance": world.get_balance(address),
        }
        for name, value in found.items():
            if value != int(fields[name], 16):
                differences.append(f"{text} {name} {value}, expected {int(fields[name], 16)}")
        if world.get_code(address) != _bytes(fields["code"]):
            differences.append(f"{text} code differs")
        slots = {int(slot, 16): int(value, 16) for slot, value in fields["storage"].items()}
        for slot in pre.get(text, {}).get("storage", {}):
            slots.setdefault(int(slot, 16), 0)
        for slot, value in slots.items():
            if world.get_storage(address, slot) != value:
                got = world.get_storage(address, slot)
                differences.append(f"{text} slot {slot:#x} is {got:#x}, expected {value:#x}")
    more = len(differences) - MAX_DIFFERENCES
    return differences[:MAX_DIFFERENCES] + ([f"and {more} more"] if more > 0 else [])


def _integer(env: Mapping[str, Any], name: str) -> int:
    return int(env.get(name, "0x0"), 16)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
