"""What a block does: its hooks, its transactions one after the other, its receipts and roots.

Owns execution of a whole block and its incremental construction; both are the same code, so a block that was
built is a block that executes.
Never does: choose transactions, compute the state root (state/), or compare with a header.
Specification: yellow paper section 4.4; EIP-4788 and EIP-2935 (system calls), EIP-7685 (requests), EIP-7934
(size).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chain.errors import InvariantViolation
from chain.header import MAX_HEADER_BYTES
from chain.ordered_trie import ordered_root
from chain.receipt import Log, Receipt, logs_bloom, merge_blooms
from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from chain.validator_update import ValidatorUpdate
from state.changed_reader import ChangedReader
from state.changes import StateChanges
from state.reader import StateReader
from state.world import WorldState
from vm.call import new_context
from vm.environment import BlockEnvironment, TransactionContext
from vm.errors import BlockBytesExhausted, InvalidBlock, TransactionRejected
from vm.forks import Fork
from vm.message import CallKind, Message
from vm.requests import requests_hash
from vm.rules import rules_of
from vm.system.addresses import SYSTEM_ADDRESS
from vm.system.runtime.hooks import HookResult, run_begin_block, run_end_block
from vm.transaction import TransactionResult, apply_transaction

SYSTEM_CALL_GAS = 30_000_000
BEACON_ROOTS_ADDRESS = Address(bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02"))  # EIP-4788
HISTORY_STORAGE_ADDRESS = Address(bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935"))  # EIP-2935

# An RLP string header is at most 4 bytes long for a transaction of bounded size.
ENVELOPE_BYTES = 4
# What is not a transaction in an encoded block: the header, two list headers of at most 9 bytes, two empty lists.
AROUND_TRANSACTIONS_BYTES = MAX_HEADER_BYTES + 2 * 9 + 2


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What execution says about a block; everything of the header that depends on it except the state root,
    which the state store computes from `changes`. `requests_hash` is None before Prague.

    validator_updates, events: what block hooks ask of consensus, and what they logged; no receipt has these logs.
    """

    receipts: tuple[Receipt, ...]
    gas_used: int
    logs_bloom: bytes
    receipts_root: Hash32
    transactions_root: Hash32
    requests_hash: Hash32 | None
    changes: StateChanges
    validator_updates: tuple[ValidatorUpdate, ...] = ()
    events: tuple[Log, ...] = ()


def system_call(
    world: WorldState,
    env: BlockEnvironment,
    address: Address,
    payload: bytes,
    checkpoint: Callable[[], None] | None = None,
) -> None:
    """A call by the protocol: no fee, not part of the block's gas, and silent if it fails or nobody is there.

    checkpoint: see ExecutionContext; only for simulations, which may pretend another code here.
    """
    if not world.get_code(address):
        return
    world.begin_transaction()
    context = new_context(world, env, TransactionContext(SYSTEM_ADDRESS, 0), checkpoint)
    world.warm_address(address)
    context.execute_message(
        context,
        Message(CallKind.CALL, SYSTEM_ADDRESS, address, address, 0, payload, SYSTEM_CALL_GAS),
    )
    world.end_transaction()


def begin_block(
    world: WorldState, env: BlockEnvironment, checkpoint: Callable[[], None] | None = None
) -> HookResult:
    """Runs the hooks before the first transaction: EIP-4788 stores the parent beacon block root, which on this
    chain is the consensus root; EIP-2935 stores the parent hash; then those of the chain's own contracts.
    checkpoint: see `system_call`."""
    system_call(world, env, BEACON_ROOTS_ADDRESS, env.parent_beacon_block_root, checkpoint)
    if rules_of(env.fork).stores_parent_hash:
        system_call(world, env, HISTORY_STORAGE_ADDRESS, env.parent_hash, checkpoint)
    return run_begin_block(world, env)


def state_of_begun_block(reader: StateReader, env: BlockEnvironment) -> StateReader:
    """The state that the first transaction of a block on `reader` finds, for simulations. One thread at a time."""
    world = WorldState(reader)
    begin_block(world, env)
    begun = ChangedReader(reader)
    begun.absorb(world.changes())
    return begun


class BlockBuilder:
    """Executes transactions one by one on top of the state that `reader` shows.

    max_bytes: how long the encoded transactions may be together; None for no limit but that of the rule set
    (EIP-7934). Header and list headers count with their greatest length, so that the limit holds whatever they are.
    checkpoint: called while transactions run; it may raise to leave one out that takes too long. Only for blocks that
    nobody decides, because where it raises differs between machines.
    """

    def __init__(
        self,
        reader: StateReader,
        env: BlockEnvironment,
        *,
        max_bytes: int | None = None,
        checkpoint: Callable[[], None] | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._world = WorldState(reader)
        self._env = env
        limit = rules_of(env.fork).block_size_limit
        if limit is not None:
            room = limit - AROUND_TRANSACTIONS_BYTES
            max_bytes = room if max_bytes is None else min(max_bytes, room)
        self._bytes_left = max_bytes
        self._gas_used = 0
        self._receipts: list[Receipt] = []
        self._included: list[RecoveredTransaction] = []
        self._finished = False
        self._begun = begin_block(self._world, env)

    @property
    def gas_left(self) -> int:
        """Gas that the block still has room for."""
        return self._env.gas_limit - self._gas_used

    @property
    def included(self) -> tuple[RecoveredTransaction, ...]:
        """The transactions of the block so far, in order."""
        return tuple(self._included)

    def try_add(self, recovered: RecoveredTransaction) -> TransactionResult:
        """Executes one more transaction.

        Raises TransactionRejected if it may not run or does not fit (BlockGasExhausted, BlockBytesExhausted), and
        what the checkpoint raises; the block is then what it was before.
        """
        if self._finished:
            raise InvariantViolation("the block is finished")
        transaction = recovered.transaction
        size = transaction.size_bytes + ENVELOPE_BYTES
        if self._bytes_left is not None and size > self._bytes_left:
            raise BlockBytesExhausted(size, self._bytes_left)
        result = self._apply(recovered)
        self._gas_used += result.gas_used
        if self._bytes_left is not None:
            self._bytes_left -= size
        logs = result.logs
        self._receipts.append(
            Receipt(transaction.type, result.succeeded, self._gas_used, logs_bloom(logs), logs)
        )
        self._included.append(recovered)
        return result

    def _apply(self, recovered: RecoveredTransaction) -> TransactionResult:
        world, checkpoint = self._world, self._checkpoint
        if checkpoint is None:
            return apply_transaction(world, self._env, recovered, gas_available=self.gas_left)
        checkpoint()
        world.begin_transaction()  # so that there is nothing else to undo
        try:
            return apply_transaction(
                world, self._env, recovered, gas_available=self.gas_left, checkpoint=checkpoint
            )
        except Exception:
            world.revert(0)
            raise

    def finish(self) -> BlockResult:
        """Runs the hooks after the last transaction. The block's result; nothing can be added afterwards."""
        if self._finished:
            raise InvariantViolation("the block is finished")
        self._finished = True
        ended = run_end_block(self._world, self._env)
        updates = self._begun.validator_updates + ended.validator_updates
        events = self._begun.logs + ended.logs
        receipts = tuple(self._receipts)
        return BlockResult(
            receipts=receipts,
            gas_used=self._gas_used,
            logs_bloom=merge_blooms([receipt.logs_bloom for receipt in receipts]),
            receipts_root=ordered_root([receipt.encode() for receipt in receipts]),
            transactions_root=ordered_root([added.transaction.raw for added in self._included]),
            requests_hash=requests_hash(updates, events) if self._env.fork >= Fork.PRAGUE else None,
            changes=self._world.changes(),
            validator_updates=updates,
            events=events,
        )


def execute_block(
    reader: StateReader, env: BlockEnvironment, transactions: Sequence[RecoveredTransaction]
) -> BlockResult:
    """Executes all transactions or none.

    Raises InvalidBlock, naming the first transaction that may not run.
    """
    builder = BlockBuilder(reader, env)
    for index, recovered in enumerate(transactions):
        try:
            builder.try_add(recovered)
        except TransactionRejected as rejection:
            raise InvalidBlock(str(rejection), index) from rejection
    return builder.finish()
