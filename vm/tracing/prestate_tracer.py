"""prestateTracer: the part of the state that a transaction touches, before it and, with diffMode, behind it.

Owns: which accounts and slots count as touched, and the comparison. Never does: change the state it reads.
Specification: go-ethereum 1.17.6 eth/tracers/native/prestate.go. Two results there come from marks and not from the
state, and are not copied: a code hash of zero behind the transaction for accounts that never existed, and an account
that counts as deleted although the call that destroyed it was undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chain.keccak import EMPTY_KECCAK
from chain.receipt import Log
from chain.types import Address, Hash32
from state.reader import DictReader
from state.slot_map import SlotMap, word_key
from state.world import WorldState
from vm.context import delegation_target
from vm.creation_address import create_address
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import Message, Outcome
from vm.rules import rules_of
from vm.tracing.interface import Budget, InvalidTracer, Scene, address_of, hex_bytes, hex_word
from vm.transaction import TransactionResult

ACCOUNT_BYTES = 64  # of JSON, at least; those that did not change are left out in the end
SLOT_BYTES = 136
OPTIONS = ("diffMode", "disableCode", "disableStorage", "includeEmpty")

_CALLS = ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL")
_ACCOUNT_IN_STACK = {
    "BALANCE": 1,
    "EXTCODESIZE": 1,
    "EXTCODECOPY": 1,
    "EXTCODEHASH": 1,
    "SELFDESTRUCT": 1,
} | dict.fromkeys(_CALLS, 2)
"""Instructions that name an account: which item it is, 1 for the top."""


@dataclass(slots=True)
class _Touched:
    """An account as the transaction found it, or left it; slots with their values then."""

    nonce: int
    balance: int
    code_hash: Hash32
    slots: SlotMap = field(default_factory=lambda: SlotMap({}))

    @property
    def is_empty(self) -> bool:
        return not self.nonce and not self.balance and self.code_hash == EMPTY_KECCAK


class PrestateTracer:
    """go-ethereum's prestateTracer."""

    def __init__(self, options: Mapping[str, bool], budget: Budget) -> None:
        self._diff = options["diffMode"]
        self._code = not options["disableCode"]
        self._storage = not options["disableStorage"]
        self._with_empty = options["includeEmpty"]
        if self._diff and self._with_empty:
            raise InvalidTracer("cannot use diffMode with includeEmpty")
        self._before = WorldState(DictReader())
        self._follows_delegations = False
        self._touched: dict[Address, _Touched] = {}
        # What the instruction that runs will have touched if it does not fail: accounts, and a slot of the first.
        self._pending: tuple[tuple[Address, ...], int | None] | None = None
        self._budget = budget
        self._pre: dict[str, Any] = {}
        self._post: dict[str, Any] = {}

    def begin(self, scene: Scene) -> None:
        self._before = WorldState(scene.before)
        self._follows_delegations = rules_of(scene.env.fork).has_delegations
        transaction, sender = scene.transaction, scene.sender
        if transaction.to is None:
            target = create_address(sender, self._before.get_nonce(sender))
        else:
            target = transaction.to
        for address in (*self._with_delegate(self._before, target), sender, scene.env.beneficiary):
            self._touch(address)
        if scene.env.fee_recipient is not None:
            self._touch(scene.env.fee_recipient)
        for authorization in transaction.authorizations:
            authority = authorization.authority()
            if authority is not None:
                self._touch(authority)

    def _with_delegate(self, world: WorldState, address: Address) -> tuple[Address, ...]:
        """The account, and the one whose code it runs."""
        delegate = delegation_target(world.get_code(address)) if self._follows_delegations else None
        return (address,) if delegate is None else (address, delegate)

    def _touch(self, address: Address) -> None:
        if address in self._touched:
            return
        before = self._before
        self._budget.take(ACCOUNT_BYTES)
        self._touched[address] = _Touched(
            before.get_nonce(address), before.get_balance(address), before.get_code_hash(address)
        )

    def enter(self, message: Message) -> None:
        self._commit()
        if message.kind.is_create:
            self._touch(message.target)

    def leave(self, message: Message, outcome: Outcome) -> None:  # noqa: ARG002
        self._commit()

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:  # noqa: ARG002
        if self._pending is not None:
            self._commit()
        stack, name, own = frame.stack, instruction.name, frame.address
        if len(stack) < instruction.pops:
            return
        item = _ACCOUNT_IN_STACK.get(name)
        if item is not None:
            address = address_of(stack[-item])
            self._pending = (
                self._with_delegate(frame.world, address) if name in _CALLS else (address,),
                None,
            )
        elif name == "SLOAD" or name == "SSTORE":
            self._pending = ((own,), stack[-1])

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:  # noqa: ARG002
        self._pending = None  # all of these fail before they do anything

    def _commit(self) -> None:
        """The instruction before has not failed."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        addresses, slot = pending
        for address in addresses:
            self._touch(address)
        if slot is not None:
            self._touch_slot(addresses[0], slot)

    def _touch_slot(self, own: Address, slot: int) -> None:
        table, key = self._touched[own].slots.table, word_key(slot)
        if self._storage and key not in table:
            self._budget.take(SLOT_BYTES)
            table[key] = self._before.get_storage(own, slot)

    def touch(self, address: Address, slot: int | None) -> None:
        self._touch(address)
        if slot is not None:
            self._touch_slot(address, slot)

    def log(self, log: Log) -> None:
        """Nothing to note."""

    def finish(self, world: WorldState, result: TransactionResult) -> None:  # noqa: ARG002
        for address, touched in sorted(self._touched.items()):
            if self._diff and (not touched.is_empty and not world.exists(address)):
                self._pre[hex_bytes(address)] = self._fields(
                    address, touched, touched.slots.items()
                )  # it is gone
            elif self._diff:
                self._compare(address, touched, world)
            elif self._with_empty or not touched.is_empty:
                self._pre[hex_bytes(address)] = self._fields(address, touched, touched.slots.items())

    def _now(self, address: Address, touched: _Touched, world: WorldState) -> _Touched:
        return _Touched(
            world.get_nonce(address),
            world.get_balance(address),
            world.get_code_hash(address),
            SlotMap({word_key(slot): world.get_storage(address, slot) for slot in touched.slots}),
        )

    def _compare(self, address: Address, was: _Touched, world: WorldState) -> None:
        now = self._now(address, was, world)
        changed: dict[str, Any] = {}
        if now.balance != was.balance:
            changed["balance"] = hex(now.balance)
        if now.code_hash != was.code_hash:
            if self._code:
                changed["code"] = self._code_text(world.get_code(address))
            changed["codeHash"] = hex_bytes(now.code_hash)
        if now.nonce != was.nonce:
            changed["nonce"] = now.nonce
        slots = [slot for slot, value in was.slots.items() if now.slots[slot] != value]
        if not changed and not slots:
            return
        new = [(slot, now.slots[slot]) for slot in slots if now.slots[slot]]
        if not was.is_empty:
            old = [(slot, was.slots[slot]) for slot in slots if was.slots[slot]]
            self._pre[hex_bytes(address)] = self._fields(address, was, old)
        self._post[hex_bytes(address)] = changed | _storage(new)

    def _code_text(self, code: bytes) -> str:
        self._budget.take(2 * len(code))
        return hex_bytes(code)

    def _fields(
        self, address: Address, account: _Touched, slots: Iterable[tuple[int, int]]
    ) -> dict[str, Any]:
        """Of an account as it was before."""
        fields: dict[str, Any] = {"balance": hex(account.balance)}
        if account.code_hash != EMPTY_KECCAK and self._code:
            fields["code"] = self._code_text(self._before.get_code(address))
        if account.code_hash != EMPTY_KECCAK:
            fields["codeHash"] = hex_bytes(account.code_hash)
        if account.nonce:
            fields["nonce"] = account.nonce
        return fields | _storage(slots)

    def result(self) -> Any:
        return {"post": self._post, "pre": self._pre} if self._diff else self._pre

    def encoded(self) -> bytes:
        return msgspec.json.encode(self.result())


def _storage(slots: Iterable[tuple[int, int]]) -> dict[str, Any]:
    shown = {hex_word(slot): hex_word(value) for slot, value in sorted(slots)}
    return {"storage": shown} if shown else {}
