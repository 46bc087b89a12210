"""What one transaction's execution shares between its calls: state, block, transaction, rules.

Owns: ExecutionContext, the only door through which engines reach the rest of the machine, and the questions
about accounts whose answer depends on the rule set (is it warm, where does its code come from).
Never does: execute calls; it hands them to the call path that made it (vm/call.py).
Specification: EIP-2929 and EIP-3651 (warm addresses), EIP-7702 (delegated code).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chain.types import Address
from state.world import WorldState
from vm.environment import BlockEnvironment, TransactionContext
from vm.gas import COLD_ACCOUNT_ACCESS, WARM_ACCESS
from vm.message import Message, Outcome
from vm.rules import Rules, blob_base_fee

if TYPE_CHECKING:
    from vm.engines import Engine
    from vm.precompiles import Precompile
    from vm.tracer import Tracer

DELEGATION_PREFIX = b"\xef\x01\x00"  # EIP-7702
DELEGATION_BYTES = 23


def delegation_target(code: bytes) -> Address | None:
    """The account that `code` delegates to, or None if it is no delegation designator (EIP-7702)."""
    if len(code) == DELEGATION_BYTES and code.startswith(DELEGATION_PREFIX):
        return Address(code[3:])
    return None


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What a CREATE (salt None) or CREATE2 instruction asks for. value in wei; depth of the new frame.

    system_code: the code of the new account, if a system contract creates another one; `init_code` is then what the
    constructor gets.
    """

    caller: Address
    value: int
    init_code: bytes
    gas: int
    depth: int
    salt: int | None = None
    system_code: bytes | None = None


@dataclass(slots=True)
class ExecutionContext:
    """`execute_message` and `execute_create` are the call path. `precompiles` are those that run: a simulation may have
    moved them, while the addresses that `rules` names stay the warm ones.

    `checkpoint` may raise to abandon a simulation: the call path asks it for every message, engines in every
    loop of a contract. Blocks run without one. `evm` runs Ethereum bytecode. `tracer` hears what happens, if
    somebody listens. `engine_state` lets an engine keep an object for the
    transaction, keyed by the engine's own name.
    """

    world: WorldState
    block: BlockEnvironment
    transaction: TransactionContext
    rules: Rules
    precompiles: Mapping[Address, Precompile]
    execute_message: Callable[[ExecutionContext, Message], Outcome]
    execute_create: Callable[[ExecutionContext, CreateRequest], Outcome]
    evm: Engine
    checkpoint: Callable[[], None] | None = None
    tracer: Tracer | None = None
    engine_state: dict[str, object] = field(default_factory=dict)

    def blob_base_fee(self) -> int:
        """Wei per unit of blob gas (EIP-4844)."""
        pretended = self.block.blob_base_fee
        return blob_base_fee(self.block.excess_blob_gas, self.rules) if pretended is None else pretended

    def is_warm(self, address: Address) -> bool:
        return address in self.rules.precompiles or self.world.is_warm_address(address)

    def access_cost(self, address: Address) -> int:
        """Gas to reach `address`, which is warm afterwards (EIP-2929)."""
        if address in self.rules.precompiles:
            return WARM_ACCESS
        return COLD_ACCOUNT_ACCESS if self.world.warm_address(address) else WARM_ACCESS

    def delegation_of(self, address: Address) -> Address | None:
        """Whose code runs when `address` is called, if it delegates; None before EIP-7702."""
        if not self.rules.has_delegations:
            return None
        return delegation_target(self.world.get_code(address))

    def executable_code(self, address: Address) -> bytes:
        """The code that a call to `address` runs: a delegation is followed once (EIP-7702)."""
        code = self.world.get_code(address)
        if self.rules.has_delegations and code.startswith(DELEGATION_PREFIX):
            target = delegation_target(code)
            if target is not None:
                return self.world.get_code(target)
        return code
