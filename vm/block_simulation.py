"""Blocks that were never proposed: calls of anybody, on a state and in blocks that may be pretended.

Owns: what carries from call to call and from block to block, the headers of such blocks and everything they commit to.
Never does: write anything, sign anything, or decide what a real block may hold.
Specification: ethereum/execution-apis eth_simulateV1; go-ethereum 1.17 internal/ethapi/simulate.go; EIP-1559, EIP-2935,
EIP-4788, EIP-4895, EIP-7685.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chain.block import Block
from chain.fees import ELASTICITY_MULTIPLIER, MIN_BASE_FEE, next_base_fee
from chain.header import NONCE_BYTES, Header
from chain.keccak import EMPTY_OMMERS_HASH, EMPTY_TRIE_ROOT
from chain.ordered_trie import ordered_root
from chain.receipt import Receipt, logs_bloom, merge_blooms
from chain.rlp import EMPTY_LIST, encode_list_payload
from chain.transaction import RecoveredTransaction
from chain.types import ZERO_HASH, Address, Hash32
from state.changed_reader import ChangedReader
from state.changes import StateChanges
from state.reader import StateReader
from vm.block import begin_block
from vm.engines import Engine
from vm.environment import BlockEnvironment, CommitVote
from vm.forks import Fork
from vm.overrides import apply_overrides, check_overrides, moved_precompiles
from vm.requests import requests_hash
from vm.rules import rules_of
from vm.simulated_call import CallOutcome, CallRules, PerformedCall, perform_call
from vm.simulated_chain import (
    BlockOverrides,
    PlannedBlock,
    SimulatedBlockRequest,
    Withdrawal,
    plan_chain,
)
from vm.simulated_world import SimulatedWorld
from vm.system.runtime.faults import on_pretended_state
from vm.system.runtime.hooks import run_end_block

__all__ = [
    "BlockOverrides",
    "CallOutcome",
    "CallRules",
    "SimulatedBlock",
    "SimulatedBlockRequest",
    "SimulationBase",
    "Withdrawal",
    "simulate_blocks",
]

T = TypeVar("T")

WEI_PER_GWEI = 10**9


@dataclass(frozen=True, slots=True)
class SimulationBase:
    """The block that the first simulated one follows, and the chain around it.

    state: behind that block. fork_at: the rule set of a block by number and timestamp. block_hash: of that block and
    those before it. root_after: the state root after the changes of one more block, counted from `state`.
    votes: on that block, for the hooks of the first simulated one. evm, fee_recipient: see BlockEnvironment.
    """

    chain_id: int
    header: Header
    state: StateReader
    fork_at: Callable[[int, int], Fork]
    block_hash: Callable[[int], Hash32 | None]
    root_after: Callable[[StateChanges], Hash32]
    evm: Engine | None = None
    votes: tuple[CommitVote, ...] = ()
    fee_recipient: Address | None = None


@dataclass(frozen=True, slots=True)
class SimulatedBlock:
    """A finished block, who called, and what each call did. The transactions carry no signatures."""

    block: Block
    transactions: tuple[RecoveredTransaction, ...]
    receipts: tuple[Receipt, ...]
    withdrawals: tuple[Withdrawal, ...]
    calls: tuple[CallOutcome, ...]

    @property
    def size_bytes(self) -> int:
        """Length of the block's encoding."""
        if not self.withdrawals:
            return self.block.size_bytes
        parts = [
            self.block.header.encode(),
            encode_list_payload(b"".join([item.encode_in_list() for item in self.block.transactions])),
            EMPTY_LIST,
            encode_list_payload(b"".join([item.encode() for item in self.withdrawals])),
        ]
        return len(encode_list_payload(b"".join(parts)))


def simulate_blocks(
    base: SimulationBase, requests: Sequence[SimulatedBlockRequest], rules: CallRules, *, gas_cap: int
) -> Iterator[SimulatedBlock]:
    """Runs the blocks one after the other on top of `base`, with empty ones in the gaps.

    All calls together use at most `gas_cap` gas. Raises, when it gets there: EmptySimulation, SimulationTooLarge,
    BlockNumberOrder, BlockTimestampOrder, SimulatedBlockFull, SimulatedCallRejected, InvalidCallRequest, and what
    the checkpoint of `rules` raises.
    """
    simulation = _Simulation(base, rules, gas_cap)
    for planned in plan_chain(base.header.number, base.header.timestamp, requests):
        yield simulation.run(planned)


class _Simulation:
    """What a block inherits from those before it."""

    def __init__(self, base: SimulationBase, rules: CallRules, gas_cap: int) -> None:
        self._base = base
        self._rules = rules
        self._gas_budget = gas_cap
        self._state = ChangedReader(base.state)
        self._parent = base.header
        self._hashes: dict[int, Hash32] = {}

    def run(self, planned: PlannedBlock) -> SimulatedBlock:
        """The next block."""
        with on_pretended_state():
            return self._run(planned)

    def _run(self, planned: PlannedBlock) -> SimulatedBlock:
        self._rules.checkpoint()
        request = planned.request
        env = self._environment(planned)
        check_overrides(request.accounts)
        world = SimulatedWorld(self._state, shows_transfers=self._rules.shows_transfers)
        apply_overrides(world, request.accounts)
        begun = begin_block(world, env, self._rules.checkpoint)
        performed, receipts = self._perform(world, env, request)
        ended = run_end_block(world, env)
        _withdraw(world, request.overrides.withdrawals)
        changes = world.changes()
        state_root = self._base.root_after(changes)
        self._state.absorb(changes)
        requests = requests_hash(begun.validator_updates + ended.validator_updates, begun.logs + ended.logs)
        header = _header(env, state_root, performed, receipts, request.overrides.withdrawals, requests)
        self._hashes[header.number] = header.hash
        self._parent = header
        return SimulatedBlock(
            Block(header, tuple([call.transaction for call in performed])),
            tuple(
                [
                    RecoveredTransaction(call.transaction, asked.caller)
                    for call, asked in zip(performed, request.calls, strict=True)
                ]
            ),
            tuple(receipts),
            request.overrides.withdrawals,
            tuple([call.outcome for call in performed]),
        )

    def _perform(
        self, world: SimulatedWorld, env: BlockEnvironment, request: SimulatedBlockRequest
    ) -> tuple[list[PerformedCall], list[Receipt]]:
        performed: list[PerformedCall] = []
        receipts: list[Receipt] = []
        gas_used = 0
        for asked in request.calls:
            self._rules.checkpoint()
            call = perform_call(
                world,
                env,
                asked,
                self._rules,
                gas_left=env.gas_limit - gas_used,
                gas_budget=self._gas_budget,
            )
            gas_used += call.outcome.gas_used
            self._gas_budget -= call.outcome.gas_used
            logs = call.receipt_logs
            receipts.append(Receipt(call.transaction.type, call.succeeded, gas_used, logs_bloom(logs), logs))
            performed.append(call)
        return performed, receipts

    def _environment(self, planned: PlannedBlock) -> BlockEnvironment:
        base, parent, overrides = self._base, self._parent, planned.request.overrides
        fork = base.fork_at(planned.number, planned.timestamp)
        accounts = planned.request.accounts
        return BlockEnvironment(
            chain_id=base.chain_id,
            number=planned.number,
            timestamp=planned.timestamp,
            beneficiary=_or(overrides.beneficiary, parent.beneficiary),
            gas_limit=_or(overrides.gas_limit, parent.gas_limit),
            base_fee_per_gas=self._base_fee(overrides),
            prev_randao=_or(overrides.prev_randao, ZERO_HASH),
            excess_blob_gas=0,  # this chain has no blobs
            parent_beacon_block_root=_or(overrides.parent_beacon_block_root, ZERO_HASH),
            parent_hash=parent.hash,
            fork=fork,
            block_hash=self._block_hash,
            evm=base.evm,
            precompiles=moved_precompiles(rules_of(fork).precompiles, accounts) if accounts else None,
            blob_base_fee=overrides.blob_base_fee,
            votes=base.votes if planned.number == base.header.number + 1 else (),
            fee_recipient=base.fee_recipient,
        )

    def _base_fee(self, overrides: BlockOverrides) -> int:
        """Wei per gas. Without validation it is 0, so that a call that offers nothing may run."""
        if overrides.base_fee_per_gas is not None:
            return overrides.base_fee_per_gas
        if not self._rules.validates:
            return 0
        parent = self._parent
        if parent.base_fee_per_gas >= MIN_BASE_FEE:
            return next_base_fee(parent)
        # Below the least base fee of this chain, where only a pretended one is, an eighth rounds to nothing (EIP-1559).
        is_above_target = parent.gas_used > parent.gas_limit // ELASTICITY_MULTIPLIER
        return parent.base_fee_per_gas + (1 if is_above_target else 0)

    def _block_hash(self, number: int) -> Hash32 | None:
        if number < self._base.header.number:
            return self._base.block_hash(number)
        if number == self._base.header.number:
            return self._base.header.hash
        return self._hashes.get(number)


def _or(pretended: T | None, default: T) -> T:
    return default if pretended is None else pretended


def _withdraw(world: SimulatedWorld, withdrawals: tuple[Withdrawal, ...]) -> None:
    """EIP-4895: after the last transaction, and outside of all of them."""
    world.begin_transaction()
    for withdrawal in withdrawals:
        world.add_balance(withdrawal.address, withdrawal.amount_gwei * WEI_PER_GWEI)
    world.end_transaction()


def _header(
    env: BlockEnvironment,
    state_root: Hash32,
    performed: Sequence[PerformedCall],
    receipts: Sequence[Receipt],
    withdrawals: tuple[Withdrawal, ...],
    requests: Hash32,
) -> Header:
    return Header(
        parent_hash=env.parent_hash,
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=env.beneficiary,
        state_root=state_root,
        transactions_root=ordered_root([call.transaction.raw for call in performed]),
        receipts_root=ordered_root([receipt.encode() for receipt in receipts]),
        logs_bloom=merge_blooms([receipt.logs_bloom for receipt in receipts]),
        difficulty=0,
        number=env.number,
        gas_limit=env.gas_limit,
        gas_used=receipts[-1].cumulative_gas_used if receipts else 0,
        timestamp=env.timestamp,
        extra_data=b"",
        prev_randao=env.prev_randao,
        nonce=bytes(NONCE_BYTES),
        base_fee_per_gas=env.base_fee_per_gas,
        withdrawals_root=ordered_root([item.encode() for item in withdrawals])
        if withdrawals
        else EMPTY_TRIE_ROOT,
        blob_gas_used=0,
        excess_blob_gas=env.excess_blob_gas,
        parent_beacon_block_root=env.parent_beacon_block_root,
        requests_hash=requests if env.fork >= Fork.PRAGUE else None,
    )
