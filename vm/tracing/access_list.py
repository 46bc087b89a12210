"""The access list that a transaction would profit from (EIP-2930), found by running it.

Owns: which accounts and slots an execution touches, and the repetition until a list changes nothing any more. Never
judges whether the list saves gas.
Specification: go-ethereum eth/tracers/logger/access_list_tracer.go and internal/ethapi (AccessList). Sender, recipient
or created account, precompiles and accounts that authorise are left out as addresses, because they are warm anyway;
slots of any account are listed, but entries that the call already has for those accounts are dropped. The beneficiary
is listed like any other account, although it is warm since EIP-3651. Unlike there, what was touched once stays listed,
so that the repetition ends: a contract may touch a slot only as long as it is cold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from chain.receipt import Log
from chain.transaction import AccessList, Transaction
from chain.types import Address
from state.reader import StateReader
from state.slot_map import word_key
from state.world import WorldState
from vm import gas as prices
from vm.creation_address import create_address
from vm.engines import NATIVE
from vm.environment import BlockEnvironment
from vm.errors import InvalidCallRequest
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import Message, Outcome
from vm.overrides import AccountOverride, OverriddenReader
from vm.rules import rules_of
from vm.simulation import CallRequest, traced_call
from vm.tracing.interface import Budget, address_of

ENTRY_BYTES = 300  # of one address or slot, about

_NAME_ON_TOP = frozenset(("EXTCODECOPY", "EXTCODEHASH", "EXTCODESIZE", "BALANCE", "SELFDESTRUCT"))
_CALLS = frozenset(("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"))
_CALL_ITEMS = 5  # go-ethereum looks at calls that have as many items, although two of them need more
_SLOT_ON_TOP = frozenset(("SLOAD", "SSTORE"))


@dataclass(frozen=True, slots=True)
class AccessListResult:
    """gas_used: with the list. error: why the call itself fails, None on success."""

    access_list: AccessList
    gas_used: int
    error: str | None


class AccessListTracer:
    """A tracer that adds what the transaction touches to `touched`: for each account its slots."""

    def __init__(self, known: AccessList, excluded: frozenset[Address]) -> None:
        self._excluded = excluded
        self._budget = Budget()
        self.touched: dict[Address, set[bytes]] = {}  # slots by their keys, see state.slot_map
        for address, slots in known:
            self._account(address).update([word_key(slot) for slot in slots])

    def _account(self, address: Address) -> set[bytes]:
        slots = self.touched.get(address)
        if slots is None:
            self._budget.take(ENTRY_BYTES)
            slots = self.touched[address] = set()
        return slots

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:  # noqa: ARG002
        name, stack = instruction.name, frame.stack
        if name in _SLOT_ON_TOP and stack:
            self.touch(frame.address, stack[-1])
        elif name in _NAME_ON_TOP and stack:
            self.touch(address_of(stack[-1]), None)
        elif name in _CALLS and len(stack) >= _CALL_ITEMS:
            self.touch(address_of(stack[-2]), None)

    def touch(self, address: Address, slot: int | None) -> None:
        if slot is None:
            if address not in self._excluded:
                self._account(address)
        elif (key := word_key(slot)) not in (slots := self._account(address)):
            self._budget.take(ENTRY_BYTES)
            slots.add(key)

    def log(self, log: Log) -> None:
        """Nothing to note."""

    def enter(self, message: Message) -> None:
        """Nothing to note."""

    def leave(self, message: Message, outcome: Outcome) -> None:
        """Nothing to note."""

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:
        """Nothing to note: what failed has touched what it names all the same."""

    def access_list(self) -> AccessList:
        """Accounts and slots in ascending order."""
        return tuple(
            (address, tuple([int.from_bytes(key) for key in sorted(slots)]))
            for address, slots in sorted(self.touched.items())
        )


def create_access_list(
    reader: StateReader,
    env: BlockEnvironment,
    request: CallRequest,
    *,
    gas_cap: int,
    overrides: Mapping[Address, AccountOverride] | None = None,
    checkpoint: Callable[[], None] | None = None,
) -> AccessListResult:
    """The access list of `request`: the one it has, and all that it touches when it runs with that list.

    A list changes the gas that is left, and so what a contract does: it runs again until the list stays the same.
    Runs like vm.simulation.simulate_call, and raises what that does, and TraceTooLarge.
    """
    gas = gas_cap if request.gas is None else min(request.gas, gas_cap)
    if len(request.authorizations) > gas // prices.AUTHORIZATION:
        raise InvalidCallRequest("insufficient gas to process all authorizations")
    shown = OverriddenReader(reader, overrides) if overrides else reader
    excluded = _warm_anyway(shown, env, request)
    given = tuple(entry for entry in request.access_list if entry[0] not in excluded)
    known = AccessListTracer(given, excluded)
    while True:
        access_list = known.access_list()
        tracer = AccessListTracer(access_list, excluded)
        _, result = traced_call(
            reader,
            replace(env, evm=NATIVE),
            replace(request, access_list=access_list),
            _nothing_to_prepare,
            tracer,
            gas_cap=gas_cap,
            overrides=overrides,
            checkpoint=checkpoint,
        )
        if tracer.touched == known.touched:
            return AccessListResult(access_list, result.gas_used, result.error)
        known = tracer


def _warm_anyway(reader: StateReader, env: BlockEnvironment, request: CallRequest) -> frozenset[Address]:
    target = request.to
    if target is None:
        target = create_address(request.caller, WorldState(reader).get_nonce(request.caller))
    authorities = [
        authorization.authority()
        for authorization in request.authorizations
        if authorization.chain_id in (0, env.chain_id) and authorization.nonce < prices.NONCE_LIMIT
    ]
    warm = (request.caller, target, *rules_of(env.fork).precompiles, *authorities)
    return frozenset(address for address in warm if address is not None)


def _nothing_to_prepare(_reader: StateReader, _env: BlockEnvironment, _transaction: Transaction) -> None:
    """The tracer needs to know nothing of the transaction."""
