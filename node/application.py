"""The chain as consensus drives it: build, validate and commit blocks on the durable head.

Owns the head, the memory of executed blocks, and the order of a commit: database first, then pool.
Every block is executed once, in a worker thread, one at a time. Never decides anything about votes or rounds.
Implements consensus.application.Application.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import structlog
import trio

from chain.block import Block
from chain.errors import InvariantViolation, PeerError
from chain.types import ZERO_ADDRESS, Address, Hash32
from consensus.application import BuiltBlock, ChainPosition, Validation
from consensus.codec import decode_commit
from consensus.consensus_root import ConsensusData
from consensus.types import Commit, Evidence
from consensus.validator_set import ValidatorSet
from node.block_execution import BlockExecutor, RefusedBlock
from node.chain_record import (
    ChainRecord,
    GenesisRecord,
    HeadRecord,
    chain_record_of,
    load_head_record,
    record_bytes,
    stored_record,
)
from node.chain_rules import (
    ChainConstants,
    ConsensusReport,
    consensus_data,
    consensus_report,
    earliest_time_ms,
)
from node.config import ProductionSettings
from node.engines import NATIVE_ONLY, EngineChoice
from node.errors import AheadOfClock
from node.evidence_pool import EvidencePool
from node.payload import ConsensusRecord, encode_payload_parts
from node.pool import TransactionPool
from node.production import Chosen, ExecutedBlock, most_transactions
from state.chain_store import ChainStore
from vm.environment import BlockEnvironment, CommitVote

# Proposals of several rounds of one height may be executed before one is decided; each outcome holds the
# changed part of the state, so only the latest few are kept. A forgotten one is executed again.
MAX_REMEMBERED_BLOCKS = 4
# More candidates than fit are offered to the builder, because some no longer run.
SPARE_CANDIDATES = 256
MAX_SERVED_BLOCKS = 64
# The others may refuse what this node holds for valid (a node at fault): then it must try another block.
MAX_OFFERS = 4

log = structlog.get_logger(__name__)


class ChainApplication:
    """See the module's docstring. Every method is called on the event loop unless it says otherwise."""

    def __init__(
        self,
        constants: ChainConstants,
        genesis_record: GenesisRecord,
        store: ChainStore,
        pool: TransactionPool,
        settings: ProductionSettings,
        wall_time_ms: Callable[[], int],
        own_address: Address | None,
        engines: EngineChoice = NATIVE_ONLY,
    ) -> None:
        self.constants = constants
        self.engines = engines
        self._store = store
        self._pool = pool
        self._settings = settings
        self._wall_time_ms = wall_time_ms
        self._own_address = own_address  # of the consensus key, None on a node without one
        self._executor = BlockExecutor(constants, genesis_record, store, pool.known, engines)
        self._evidence = EvidencePool(store, constants.registry)
        self._executed: dict[Hash32, ExecutedBlock] = {}
        self._own_block: ExecutedBlock | None = None  # built on the head and not decided yet
        self._offers: Counter[Hash32] = Counter()  # how often this node proposed a block on the head
        self._one_at_a_time = trio.CapacityLimiter(1)
        self._genesis_record = genesis_record
        self._head = load_head_record(store, genesis_record)

    def position(self) -> ChainPosition:
        """The durable head."""
        parent = self._head.parent
        return ChainPosition(
            height=parent.header.number,
            block_id=parent.header.hash,
            block_time_ms=parent.timestamp_ms,
            validators=parent.validators,
            next_validators=parent.next_validators,
            last_commit=self._head.commit,
            last_validators=self._head.validators,
        )

    def validators_of(self, height: int) -> ValidatorSet | None:
        """The set that decides, or decided, the block of this height, up to two after the head (any thread)."""
        return self._executor.validators_of(height)

    def chain_record(self, number: int) -> ChainRecord | None:
        """What is stored with block `number`; None for block 0 and above the head (any thread)."""
        return chain_record_of(self._store, number) if 1 <= number <= self._store.head.number else None

    def report_evidence(self, evidence: Evidence) -> None:
        """Proof of double signing, for a block that this node proposes."""
        self._evidence.add(evidence)

    async def build(
        self,
        height: int,
        round: int,  # noqa: A002  the protocol's word
        last_commit: Commit | None,
        deadline_s: float,
    ) -> BuiltBlock:
        """Fills a block from the pool within the time budget.

        A block with transactions that missed its round is offered again in the next one: it may have taken longer
        than a round, and so would another.
        """
        head = self._head
        again = self._block_to_offer_again()
        if again is not None:
            self._offers[again.block.hash] += 1
            return BuiltBlock(again.block.hash, again.encoded)
        if height != head.parent.header.number + 1:
            raise InvariantViolation(f"asked to build block {height} on head {head.parent.header.number}")
        deadline = time.monotonic() + min(deadline_s, self._settings.build_budget_ms / 1000)
        evidence = self._evidence.offer(self._store.latest_state(), height)
        record = ConsensusRecord(self._next_time_ms(head), last_commit, evidence)
        environment = self._environment(head, record)
        most = most_transactions(environment.gas_limit) + SPARE_CANDIDATES
        candidates = self._pool.candidates(environment.base_fee_per_gas, most)

        def work() -> tuple[ExecutedBlock, Chosen]:
            return self._executor.build(head, environment, record, candidates, deadline)

        executed, chosen = await trio.to_thread.run_sync(work, limiter=self._one_at_a_time)
        self._pool.discard(chosen.unusable)
        if self._remember(head, executed):
            self._own_block = executed
            self._offers[executed.block.hash] += 1
        log.debug("block_built", height=height, round=round, transactions=len(chosen.included))
        return BuiltBlock(executed.block.hash, executed.encoded)

    async def validate(self, height: int, payload: bytes, *, decided: bool = False) -> Validation:
        """Executes the payload on the head; a bad one is answered, never raised.

        `decided`: its commit was verified, so that its time is what it is, whatever the local clock says.
        """
        head = self._head
        if height != head.parent.header.number + 1:
            reason = f"height {height} is not next after {head.parent.header.number}"
            return Validation(None, False, reason, is_peer_fault=False)
        latest_ms = None if decided else self._wall_time_ms() + self._settings.max_clock_drift_ms

        def work() -> ExecutedBlock | Validation:
            try:
                judged = self._executor.judge(head, payload, latest_ms)
            except AheadOfClock as error:
                return Validation(None, False, str(error), is_peer_fault=False)
            except PeerError as error:
                return Validation(None, False, str(error))
            if isinstance(judged, RefusedBlock):
                return Validation(judged.block_id, False, judged.reason)
            return judged

        outcome = await trio.to_thread.run_sync(work, limiter=self._one_at_a_time)
        if isinstance(outcome, Validation):
            log.warning("proposal_refused", height=height, reason=outcome.reason)
            if self._own_block is not None and self._own_block.encoded == payload:
                self._own_block = None
            self._executed = {at: kept for at, kept in self._executed.items() if kept.encoded != payload}
            return outcome
        self._remember(head, outcome)
        return Validation(outcome.block.hash, True, "", parent_commit=outcome.payload.record.last_commit)

    async def commit(self, payload: bytes, commit: Commit) -> ChainPosition:
        """Writes the decided block; all that follows from it is durable when this returns."""
        head, remembered = self._head, self._executed.get(commit.block_id)

        def work() -> tuple[ExecutedBlock, HeadRecord]:
            executed = remembered or self._executor.execute_decided(head, payload, commit)
            return executed, self._executor.write(head, executed, commit)

        # Shielded: a commit that is written but not told would leave memory behind the database.
        with trio.CancelScope(shield=True):
            executed, self._head = await trio.to_thread.run_sync(work, limiter=self._one_at_a_time)
            self._executed.clear()
            self._own_block = None
            self._offers.clear()
            self._pool.on_block(executed.update.changes.accounts)
            self._evidence.follow(
                self._store.latest_state(), executed.block.number, executed.payload.record.evidence
            )
        self._log_committed(executed.block, commit)
        return self.position()

    def _log_committed(self, block: Block, commit: Commit) -> None:
        log.info(
            "block_committed",
            height=block.number,
            round=commit.round,
            hash="0x" + block.hash.hex(),
            transactions=len(block.transactions),
            gas_used=block.header.gas_used,
        )

    def has_transactions(self) -> bool:
        """Whether the pool holds anything executable."""
        return self._pool.has_executable()

    async def wait_for_transactions(self) -> None:
        """Returns when the pool holds something executable."""
        await self._pool.wait_for_executable()

    async def certified_blocks(self, start: int, count: int, max_bytes: int) -> list[tuple[bytes, Commit]]:
        """Decided blocks with their commits, for a peer that is behind."""
        return await trio.to_thread.run_sync(
            self._read_certified, start, min(count, MAX_SERVED_BLOCKS), max_bytes
        )

    def pending_environment(self) -> BlockEnvironment:
        """The environment of a block built now by this node (any thread)."""
        head = self._head
        evidence = self._evidence.offer(self._store.latest_state(), head.parent.header.number + 1)
        return self._environment(head, ConsensusRecord(self._next_time_ms(head), head.commit, evidence))

    def consensus_data_of(self, number: int) -> ConsensusData | None:
        """What the consensus root of block `number` is made of; None for one that nobody decided (any thread)."""
        validators, following = self.validators_of(number), self.validators_of(number + 1)
        if validators is None or following is None or number > self._store.head.number:
            return None
        record = stored_record(self._store, number, self._genesis_record)
        return consensus_data(self.constants, validators, following, record)

    def votes_on(self, number: int) -> tuple[CommitVote, ...]:
        """Who signed the commit that decided block `number`, for the hooks of one that follows it (any thread)."""
        certificate = self._store.certificate(number)
        if not certificate:
            return ()
        record = ConsensusRecord(0, decode_commit(certificate))
        return consensus_report(record, self.validators_of(number), self.validators_of).votes

    def environment_of(self, number: int) -> BlockEnvironment | None:
        """The environment that block `number` ran in; None above the head (any thread)."""
        header = self._store.header(number)
        if header is None:
            return None
        told = ConsensusReport()
        if number > 0:
            record = stored_record(self._store, number, self._genesis_record)
            told = consensus_report(record, self.validators_of(number - 1), self.validators_of)
        return BlockEnvironment(
            chain_id=self.constants.chain_id,
            number=number,
            timestamp=header.timestamp,
            beneficiary=header.beneficiary,
            gas_limit=header.gas_limit,
            base_fee_per_gas=header.base_fee_per_gas,
            prev_randao=header.prev_randao,
            excess_blob_gas=header.excess_blob_gas,
            parent_beacon_block_root=header.parent_beacon_block_root,
            parent_hash=header.parent_hash,
            fork=self.constants.forks.at(number),
            block_hash=self._store.canonical_hash,
            evm=self.engines.evm,
            votes=told.votes,
            misbehaviour=told.misbehaviour,
            fee_recipient=self.constants.fee_recipient,
        )

    def _environment(self, head: HeadRecord, record: ConsensusRecord) -> BlockEnvironment:
        """Of the block that this node makes on `head`."""
        return self._executor.environment(head, record, self._beneficiary(head))

    def _beneficiary(self, head: HeadRecord) -> Address:
        """Who is named by a block of this node: the operator of its key.

        A node that decides nothing shows its operator too, or the last block's. Should staking have forgotten a
        validator that is still in the set, its block names another one of the set rather than not being made.
        """
        state, operator_of = self._store.latest_state(), self.constants.registry.operator_of
        own = None if self._own_address is None else operator_of(state, self._own_address)
        if own is not None:
            return own
        if self._own_address not in head.parent.validators:
            return head.parent.header.beneficiary
        operators = (operator_of(state, member.address) for member in head.parent.validators.validators)
        return next((operator for operator in operators if operator is not None), ZERO_ADDRESS)

    def _next_time_ms(self, head: HeadRecord) -> int:
        return max(earliest_time_ms(self.constants, head.parent), self._wall_time_ms())

    def _block_to_offer_again(self) -> ExecutedBlock | None:
        """An executed block with transactions; one of a peer rather than the own one.

        A peer's block was proposed, so the others have executed it or are about to. If each proposer insisted on its
        own, every round would cost everybody the execution of one more block that does not fit into a round.
        """
        own = self._own_block
        own_hash = None if own is None else own.block.hash
        peers = [block for block in reversed(self._executed.values()) if block.block.hash != own_hash]
        for block in peers if own is None else (*peers, own):
            if block.payload.transactions and self._offers[block.block.hash] < MAX_OFFERS:
                return block
        return None

    def _remember(self, head: HeadRecord, executed: ExecutedBlock) -> bool:
        if head is not self._head:
            return False  # decided meanwhile: an outcome on another head is worthless
        self._executed[executed.block.hash] = executed
        while len(self._executed) > MAX_REMEMBERED_BLOCKS:
            del self._executed[next(iter(self._executed))]
        return True

    def _read_certified(self, start: int, count: int, max_bytes: int) -> list[tuple[bytes, Commit]]:
        served: list[tuple[bytes, Commit]] = []
        size = 0
        for number in range(max(1, start), start + count):
            block, certificate = self._store.block(number), self._store.certificate(number)
            stored = self._store.consensus_record(number)
            if block is None or certificate is None or stored is None:
                break
            payload = encode_payload_parts(block, record_bytes(stored))
            size += len(payload)
            if served and size > max_bytes:
                break
            served.append((payload, decode_commit(certificate)))
        return served
