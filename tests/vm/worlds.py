"""Small states, signed transactions and bytecode for the tests of the vm package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chain.keccak import EMPTY_KECCAK, keccak256
from chain.secp256k1 import PrivateKey
from chain.transaction import (
    AccessList,
    Authorization,
    RecoveredTransaction,
    TransactionType,
    UnsignedTransaction,
    sign_transaction,
)
from chain.types import Address, Hash32
from state.account import Account
from state.reader import DictReader
from state.world import WorldState
from vm.call import new_context
from vm.environment import BlockEnvironment, TransactionContext
from vm.forks import Fork
from vm.message import CallKind, Message, Outcome

CHAIN_ID = 1337
ETHER = 10**18
COINBASE = Address(b"\xc0" * 20)

ALICE = PrivateKey(b"\x01" * 32)
BOB = PrivateKey(b"\x02" * 32)
CAROL = PrivateKey(b"\x03" * 32)

OPCODES: Mapping[str, int] = {
    "STOP": 0x00, "ADD": 0x01, "MUL": 0x02, "SUB": 0x03, "DIV": 0x04, "LT": 0x10, "EQ": 0x14, "ISZERO": 0x15,
    "SHA3": 0x20, "ADDRESS": 0x30, "BALANCE": 0x31, "ORIGIN": 0x32, "CALLER": 0x33, "CALLVALUE": 0x34,
    "CALLDATALOAD": 0x35, "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37, "CODESIZE": 0x38, "CODECOPY": 0x39,
    "GASPRICE": 0x3A, "EXTCODESIZE": 0x3B, "EXTCODECOPY": 0x3C, "RETURNDATASIZE": 0x3D, "RETURNDATACOPY": 0x3E,
    "EXTCODEHASH": 0x3F, "BLOCKHASH": 0x40, "COINBASE": 0x41, "TIMESTAMP": 0x42, "NUMBER": 0x43,
    "PREVRANDAO": 0x44, "GASLIMIT": 0x45, "CHAINID": 0x46, "SELFBALANCE": 0x47, "BASEFEE": 0x48,
    "BLOBHASH": 0x49, "BLOBBASEFEE": 0x4A, "POP": 0x50, "MLOAD": 0x51, "MSTORE": 0x52, "MSTORE8": 0x53,
    "SLOAD": 0x54, "SSTORE": 0x55, "JUMP": 0x56, "JUMPI": 0x57, "GAS": 0x5A, "JUMPDEST": 0x5B, "TLOAD": 0x5C,
    "TSTORE": 0x5D, "MCOPY": 0x5E, "PUSH0": 0x5F, "DUP1": 0x80, "DUP2": 0x81, "SWAP1": 0x90, "LOG0": 0xA0,
    "LOG1": 0xA1, "LOG2": 0xA2, "CREATE": 0xF0, "CALL": 0xF1, "CALLCODE": 0xF2, "RETURN": 0xF3,
    "DELEGATECALL": 0xF4, "CREATE2": 0xF5, "STATICCALL": 0xFA, "REVERT": 0xFD, "INVALID": 0xFE,
    "SELFDESTRUCT": 0xFF,
}  # fmt: skip


def assemble(*parts: int | str | bytes) -> bytes:
    """Bytecode: an int or bytes is pushed with the shortest PUSH, a name is that instruction."""
    code = bytearray()
    for part in parts:
        if isinstance(part, str):
            code.append(OPCODES[part])
            continue
        operand = part.to_bytes((part.bit_length() + 7) // 8, "big") if isinstance(part, int) else part
        code.append(OPCODES["PUSH0"] + len(operand))
        code += operand
    return bytes(code)


def returning(*parts: int | str | bytes) -> bytes:
    """Code that computes one word and returns it."""
    return assemble(*parts, 0, "MSTORE", 32, 0, "RETURN")


def init_code(runtime: bytes) -> bytes:
    """Init code that deploys `runtime`."""
    head = assemble(len(runtime), "DUP1", 0, 0, "CODECOPY", 0, "RETURN")
    for length in (len(head), len(head) + 1):
        head = assemble(len(runtime), "DUP1", length, 0, "CODECOPY", 0, "RETURN")
        if len(head) == length:
            return head + runtime
    raise AssertionError("the prologue does not fit itself")


def address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


@dataclass
class Accounts:
    """A state under construction."""

    accounts: dict[Address, Account] = field(default_factory=dict)
    storage: dict[Address, dict[int, int]] = field(default_factory=dict)
    codes: dict[Hash32, bytes] = field(default_factory=dict)

    def add(
        self,
        at: Address,
        *,
        balance: int = 0,
        nonce: int = 0,
        code: bytes = b"",
        storage: Mapping[int, int] | None = None,
    ) -> Accounts:
        code_hash = keccak256(code) if code else EMPTY_KECCAK
        self.codes[code_hash] = code
        self.accounts[at] = Account(nonce, balance, code_hash=code_hash)
        if storage:
            self.storage[at] = dict(storage)
        return self

    @property
    def reader(self) -> DictReader:
        return DictReader(self.accounts, self.storage, self.codes)

    @property
    def world(self) -> WorldState:
        return WorldState(self.reader)


def funded(*keys: PrivateKey) -> Accounts:
    """A state in which each key owns 100 ether."""
    accounts = Accounts()
    for key in keys or (ALICE, BOB, CAROL):
        accounts.add(key.address, balance=100 * ETHER)
    return accounts


def block_hash(number: int) -> Hash32:
    return keccak256(b"block %d" % number)


ENVIRONMENT = BlockEnvironment(
    chain_id=CHAIN_ID,
    number=1000,
    timestamp=1_700_000_000,
    beneficiary=COINBASE,
    gas_limit=30_000_000,
    base_fee_per_gas=7,
    prev_randao=Hash32(b"\x0a" * 32),
    excess_blob_gas=0,
    parent_beacon_block_root=Hash32(b"\x0b" * 32),
    parent_hash=Hash32(b"\x0c" * 32),
    fork=Fork.PRAGUE,
    block_hash=block_hash,
)
CANCUN_ENVIRONMENT = replace(ENVIRONMENT, fork=Fork.CANCUN)


def transaction(
    key: PrivateKey = ALICE,
    *,
    to: Address | None = None,
    nonce: int = 0,
    value: int = 0,
    data: bytes = b"",
    gas_limit: int = 1_000_000,
    fee_cap: int = 10,
    tip: int = 2,
    access_list: AccessList = (),
    authorizations: tuple[Authorization, ...] = (),
    kind: TransactionType | None = None,
) -> RecoveredTransaction:
    """A signed transaction; type 4 when it carries authorisations, else type 2."""
    if kind is None:
        kind = TransactionType.SET_CODE if authorizations else TransactionType.DYNAMIC_FEE
    if kind in (TransactionType.LEGACY, TransactionType.ACCESS_LIST):
        tip = fee_cap
    unsigned = UnsignedTransaction(
        kind, CHAIN_ID, nonce, tip, fee_cap, gas_limit, to, value, data, access_list, authorizations
    )
    return RecoveredTransaction(sign_transaction(unsigned, key), key.address)


def call(
    world: WorldState,
    to: Address,
    *,
    caller: Address = ALICE.address,
    value: int = 0,
    data: bytes = b"",
    gas: int = 1_000_000,
    is_static: bool = False,
    env: BlockEnvironment = ENVIRONMENT,
) -> Outcome:
    """A message to `to` as the only thing that happens in a transaction."""
    world.begin_transaction()
    context = new_context(world, env, TransactionContext(caller, 10))
    world.warm_address(caller)
    world.warm_address(to)
    kind = CallKind.STATICCALL if is_static else CallKind.CALL
    return context.execute_message(
        context, Message(kind, caller, to, to, value, data, gas, is_static=is_static)
    )


def word(outcome: Outcome) -> int:
    """The single word that a call returned."""
    assert outcome.error is None
    assert len(outcome.output) == 32
    return int.from_bytes(outcome.output, "big")
