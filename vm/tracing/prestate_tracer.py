"""prestateTracer: the part of the state that a transaction touches, before it and, with diffMode, behind it.

Owns: which accounts and slots count as touched, and the comparison. Never does: change the state it reads.
Specification: go-ethereum eth/tracers/native/prestate.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chain.types import Address
from state.reader import DictReader, StateReader
from state.world import WorldState
from vm.call import create2_address, create_address
from vm.context import delegation_target
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import Message, Outcome
from vm.tracing.interface import Budget, Scene, address_of, hex_bytes, hex_word
from vm.transaction import TransactionResult

ACCOUNT_BYTES = 1_000
SLOT_BYTES = 400
OPTIONS = ("diffMode", "disableCode", "disableStorage")

_ACCOUNT_IN_STACK = {
    "BALANCE": 1,
    "EXTCODESIZE": 1,
    "EXTCODECOPY": 1,
    "EXTCODEHASH": 1,
    "SELFDESTRUCT": 1,
    "CALL": 2,
    "CALLCODE": 2,
    "DELEGATECALL": 2,
    "STATICCALL": 2,
}
"""Instructions that name an account: which item it is, 1 for the top."""


class PrestateTracer:
    """go-ethereum's prestateTracer."""

    def __init__(self, options: Mapping[str, bool]) -> None:
        self._diff = options["diffMode"]
        self._code = not options["disableCode"]
        self._storage = not options["disableStorage"]
        self._before = WorldState(DictReader())
        self._touched: dict[Address, dict[int, int]] = {}  # slots with their values before
        self._created: dict[Address, None] = {}
        self._budget = Budget()
        self._pre: dict[str, Any] = {}
        self._post: dict[str, Any] = {}

    def begin(self, scene: Scene) -> None:
        reader: StateReader = scene.before
        self._before = WorldState(reader)
        transaction = scene.transaction
        self._touch(scene.sender)
        if transaction.to is None:
            new = create_address(scene.sender, self._before.get_nonce(scene.sender))
            self._touch(new)
            self._created[new] = None
        else:
            self._touch(transaction.to)
        self._touch(scene.env.beneficiary)
        for authorization in transaction.authorizations:
            authority = authorization.authority()
            if authority is not None:
                self._touch(authority)

    def _touch(self, address: Address) -> None:
        if address in self._touched:
            return
        code = self._before.get_code(address)
        self._budget.take(ACCOUNT_BYTES + 2 * len(code))
        self._touched[address] = {}
        delegate = delegation_target(code)
        if delegate is not None:
            self._touch(delegate)

    def enter(self, message: Message) -> None:
        if message.kind.is_create:
            self._touch(message.target)
            self._created[message.target] = None

    def leave(self, message: Message, outcome: Outcome) -> None:
        """Nothing to note."""

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:  # noqa: ARG002
        stack = frame.stack
        if len(stack) < instruction.pops:
            return
        name = instruction.name
        item = _ACCOUNT_IN_STACK.get(name)
        if item is not None:
            self._touch(address_of(stack[-item]))
        elif name in ("SLOAD", "SSTORE"):
            slots = self._touched.setdefault(frame.address, {})
            slot = stack[-1]
            if self._storage and slot not in slots:
                self._budget.take(SLOT_BYTES)
                slots[slot] = self._before.get_storage(frame.address, slot)
        elif name == "CREATE":
            self._touch(create_address(frame.address, frame.world.get_nonce(frame.address)))
        elif name == "CREATE2" and stack[-3] <= len(frame.memory) - min(stack[-2], len(frame.memory)):
            code = bytes(frame.memory[stack[-2] : stack[-2] + stack[-3]])
            self._touch(create2_address(frame.address, stack[-4], code))

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:
        """Nothing to note."""

    def finish(self, world: WorldState, result: TransactionResult) -> None:  # noqa: ARG002
        for address, slots in self._touched.items():
            if address in self._created and self._before.is_empty(address):
                self._compare(address, {}, slots, world)
                continue
            fields = self._fields(self._before, address)
            if slots and self._storage:
                fields["storage"] = {hex_word(slot): hex_word(value) for slot, value in slots.items()}
            if self._diff:
                self._compare(address, fields, slots, world)
            else:
                self._pre[hex_bytes(address)] = fields

    def _fields(self, world: WorldState, address: Address) -> dict[str, Any]:
        fields: dict[str, Any] = {"balance": hex(world.get_balance(address))}
        code, nonce = world.get_code(address), world.get_nonce(address)
        if code and self._code:
            fields["code"] = hex_bytes(code)
        if nonce:
            fields["nonce"] = nonce
        return fields

    def _compare(
        self, address: Address, before: dict[str, Any], slots: Mapping[int, int], world: WorldState
    ) -> None:
        """Notes what is different behind the transaction; `before` is empty for what did not exist."""
        if not self._diff:
            return
        text = hex_bytes(address)
        was, now = self._fields(self._before, address), self._fields(world, address)
        changed = {name: value for name, value in now.items() if was.get(name) != value}
        old: dict[str, str] = {}
        new: dict[str, str] = {}
        for slot, value in slots.items():
            after = world.get_storage(address, slot) if world.exists(address) else 0
            if after != value:
                if value:
                    old[hex_word(slot)] = hex_word(value)
                if after:
                    new[hex_word(slot)] = hex_word(after)
        if new:
            changed["storage"] = new
        if before and self._before.exists(address) and not world.exists(address):
            self._pre[text] = _with_storage(before, old)  # it is gone
            return
        if not changed and not old:
            return
        if before:
            self._pre[text] = _with_storage(before, old)
        self._post[text] = changed

    def result(self) -> Any:
        return {"pre": self._pre, "post": self._post} if self._diff else self._pre


def _with_storage(fields: dict[str, Any], storage: dict[str, str]) -> dict[str, Any]:
    kept = {name: value for name, value in fields.items() if name != "storage"}
    return kept | {"storage": storage} if storage else kept
