"""What chain contracts do once in every block, at genesis, and when they change their version.

Owns: the order and the gas of hooks, and that a failing hook leaves nothing behind but an alarm.
Never does: decide what a block is made of (vm/block.py), or what a hook does.
Specification: docs/system-contracts.md, "Hooks". As ABCI's BeginBlock and EndBlock, and FRAME's migrations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chain.receipt import Log
from chain.types import Address
from chain.validator_update import ValidatorUpdate
from state.world import WorldState
from vm.call import new_context
from vm.environment import BlockEnvironment, TransactionContext
from vm.evm.frame import ExceptionalHalt
from vm.system.addresses import SYSTEM_ADDRESS
from vm.system.contract import Contract
from vm.system.errors import Revert
from vm.system.gas import HOOK_GAS
from vm.system.registry import CHAIN_CONTRACTS, ChainContract, Registry
from vm.system.runtime.engine import locks_of
from vm.system.runtime.faults import FAULTS, FAULTS_OF_CODE
from vm.system.runtime.frame import Frame

if TYPE_CHECKING:
    from vm.context import ExecutionContext

GENESIS_GAS: Final = 1 << 62
"""Block 0 is made once, from a file whose size is bounded."""


@dataclass(frozen=True, slots=True)
class HookResult:
    """What the hooks of one stage of a block leave: their logs, in order, and changes of the validator set."""

    logs: tuple[Log, ...] = ()
    validator_updates: tuple[ValidatorUpdate, ...] = ()


class HookFailed(Exception):
    """A hook ended in a revert, without gas, or in a fault."""


def run_begin_block(world: WorldState, env: BlockEnvironment) -> HookResult:
    """Before the first transaction."""
    return _run_stage(world, env, "begin_block")


def run_end_block(world: WorldState, env: BlockEnvironment) -> HookResult:
    """After the last transaction."""
    return _run_stage(world, env, "end_block")


def run_genesis(
    world: WorldState, env: BlockEnvironment, contracts: Sequence[tuple[ChainContract, object]]
) -> None:
    """Gives each contract its code, then runs its `genesis` hook, if it has one, on its configuration.

    Raises HookFailed, and what a hook raises: a genesis that does not run is no genesis.
    """
    world.begin_transaction()
    for entry, _ in contracts:
        world.set_code(entry.address, entry.contract.code)
        world.set_nonce(entry.address, 1)
    for entry, configuration in contracts:
        hook = getattr(entry.contract, "genesis", None)
        if hook is None:
            continue
        frame = _frame(
            new_context(world, env, TransactionContext(SYSTEM_ADDRESS, 0)), entry.address, GENESIS_GAS
        )
        try:
            hook(entry.contract(frame), configuration)
        except (Revert, ExceptionalHalt) as error:
            raise HookFailed(f"genesis of {entry.name}: {error!r}") from error
    world.end_transaction()


def _run_stage(world: WorldState, env: BlockEnvironment, stage: str) -> HookResult:
    registry: Registry = env.system_contracts or CHAIN_CONTRACTS
    logs: list[Log] = []
    updates: list[ValidatorUpdate] = []
    for entry in registry.chain_contracts:
        contract = registry.contract(world.get_code(entry.address))
        hook: Callable[..., Any] | None = getattr(contract, stage, None)
        if contract is None or hook is None:
            continue
        world.begin_transaction()
        try:
            result = _run_hook(world, env, entry.address, contract, hook)
        except HookFailed as failure:
            FAULTS.report(f"{stage} of {entry.name}", failure)
        else:
            logs.extend(world.logs)
            updates.extend(result or ())
        world.end_transaction()
    return HookResult(tuple(logs), tuple(updates))


def _run_hook(
    world: WorldState,
    env: BlockEnvironment,
    address: Address,
    contract: type[Contract],
    hook: Callable[..., Any],
) -> tuple[ValidatorUpdate, ...] | None:
    """Raises HookFailed, with everything undone."""
    context = new_context(world, env, TransactionContext(SYSTEM_ADDRESS, 0))
    snapshot = world.snapshot()
    try:
        updates: tuple[ValidatorUpdate, ...] | None = hook(contract(_frame(context, address, HOOK_GAS)))
    except (Revert, ExceptionalHalt, *FAULTS_OF_CODE) as error:
        world.revert(snapshot)
        raise HookFailed(f"{contract.__name__}: {error!r}") from error
    return updates


def _frame(context: ExecutionContext, address: Address, gas: int) -> Frame:
    context.world.warm_address(address)
    return Frame(context, address, SYSTEM_ADDRESS, 0, gas, 0, False, locks_of(context))
