"""Making, judging and writing blocks: the part of the application that runs in a worker thread.

Owns the way from a payload to its outcome on the head and into the store. Pure but for reading and writing the store
and, when building, the monotonic clock of the time budget. Never touches the mempool, trio or consensus state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from chain.block import Block
from chain.errors import EnvironmentFault, InvariantViolation, PeerError
from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from consensus.certificates import verify_commit
from consensus.codec import encode_commit
from consensus.types import Commit
from consensus.validator_set import ValidatorSet
from node.chain_record import (
    ChainRecord,
    GenesisRecord,
    HeadRecord,
    deciding_validators,
    following_validators,
    head_record_after,
    write_chain_record,
)
from node.chain_rules import (
    EXTRA_DATA,
    ChainConstants,
    ExecutionRoots,
    check_beneficiary,
    check_clock,
    check_evidence,
    check_header,
    check_payload_is_of_header,
    check_record,
    consensus_report,
    environment_after,
    make_header,
)
from node.engines import NATIVE_ONLY, EngineChoice
from node.errors import InvalidPayload
from node.payload import (
    BlockPayload,
    ConsensusRecord,
    KnownTransaction,
    decode_payload,
    encode_payload,
    encode_record,
)
from node.production import Chosen, ExecutedBlock, ExecutionCrashed, fill_block, most_transactions
from state.chain_store import ChainStore
from vm.block import BlockResult
from vm.cross_check import Crash, Execution, WatchedBuilder, execute_watched
from vm.environment import BlockEnvironment

# Space in a payload for the header and the msgpack framing of lists; transactions get the rest.
HEADER_ROOM_BYTES = 4096
# Transactions that make execution crash are left out one by one; after this many the block stays empty.
MAX_CRASHES = 4

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RefusedBlock:
    """An authentic block that is not valid on this head."""

    block_id: Hash32
    reason: str


class BlockExecutor:
    """Executes blocks on the store's head; one call at a time."""

    def __init__(
        self,
        constants: ChainConstants,
        genesis_record: GenesisRecord,
        store: ChainStore,
        known: KnownTransaction,
        engines: EngineChoice = NATIVE_ONLY,
    ) -> None:
        self._constants = constants
        self._genesis_record = genesis_record
        self._engines = engines
        self._store = store
        self._known = known

    def environment(
        self, head: HeadRecord, record: ConsensusRecord, beneficiary: Address
    ) -> BlockEnvironment:
        """The environment of the next block (any thread)."""
        told = consensus_report(record, head.validators, self.validators_of)
        environment = environment_after(
            self._constants, head.parent, record, beneficiary, self._store.canonical_hash, told
        )
        return replace(environment, evm=self._engines.evm)

    def validators_of(self, height: int) -> ValidatorSet | None:
        """The set that decides, or decided, the block of this height, up to two after the head (any thread)."""
        return deciding_validators(self._store, height, self._genesis_record)

    def build(
        self,
        head: HeadRecord,
        environment: BlockEnvironment,
        record: ConsensusRecord,
        candidates: Sequence[RecoveredTransaction],
        deadline: float,
    ) -> tuple[ExecutedBlock, Chosen]:
        """Fills a block from `candidates`; `deadline` is on time.monotonic()'s clock."""
        room = self._constants.params.max_block_bytes - len(encode_record(record)) - HEADER_ROOM_BYTES
        crashed: list[Hash32] = []
        while True:
            usable = [item for item in candidates if item.transaction.hash not in crashed]
            if len(crashed) >= MAX_CRASHES:
                usable = []  # an empty block keeps the chain alive while somebody reads the log
            builder = WatchedBuilder(self._store.latest_state(), environment, max_bytes=room)
            try:
                chosen = fill_block(builder, usable, deadline)
            except ExecutionCrashed as crash:
                log.exception("execution_crashed", transaction=str(crash), height=environment.number)
                tried = (*builder.included, crash.recovered)
                self._confirm(environment, tried, Execution(Crash(crash.error), tuple(builder.outcomes)))
                crashed.append(crash.recovered.transaction.hash)
                continue
            chosen = Chosen(chosen.included, (*crashed, *chosen.unusable))
            result = builder.finish()
            executed = self._outcome(head, environment, record, chosen.included, result, EXTRA_DATA)
            execution = Execution(result, tuple(builder.outcomes))
            self._confirm(environment, chosen.included, execution, executed.block)
            return executed, chosen

    def judge(self, head: HeadRecord, raw: bytes, latest_ms: int | None) -> ExecutedBlock | RefusedBlock:
        """Executes a payload on `head`; `latest_ms` bounds its time, None for a decided block.

        Raises PeerError for bytes that are no payload, or not that of their header, and for a time ahead of the
        clock: that says nothing about the block, which may be valid in other bytes or a little later. A crash of
        execution counts as invalid too: no peer may stop this node, and every node of this version crashes on the
        same transaction, so that no quorum will want the block.
        """
        payload = self._decode(raw)
        check_payload_is_of_header(self._constants, head.parent, payload)
        if latest_ms is not None:
            check_clock(payload.record, latest_ms)
        try:
            return self._judge_payload(head, payload)
        except PeerError as error:
            return RefusedBlock(payload.block.hash, str(error))

    def _decode(self, raw: bytes) -> BlockPayload:
        constants = self._constants
        return decode_payload(
            raw,
            constants.chain_id,
            constants.params.max_block_bytes,
            self._known,
            max_transactions=most_transactions(constants.gas_limit),
        )

    def _judge_payload(self, head: HeadRecord, payload: BlockPayload) -> ExecutedBlock:
        check_record(self._constants, head.parent, payload)
        last_commit = payload.record.last_commit
        if last_commit is not None:
            if head.validators is None:
                raise InvariantViolation("a head above genesis has no validators")
            verify_commit(
                self._constants.chain_id,
                head.validators,
                head.parent.header.number,
                head.parent.header.hash,
                last_commit,
            )
        check_evidence(
            self._constants,
            payload.block.number,
            self._store.latest_state(),
            payload.record,
            self.validators_of,
        )
        return self._execute(head, payload)

    def execute_decided(self, head: HeadRecord, raw: bytes, commit: Commit) -> ExecutedBlock:
        """Executes a payload that +2/3 decided, so a fault in it is a fault of this program.

        The parent's commit and the evidence inside were judged by those validators. Raises InvariantViolation.
        """
        try:
            payload = self._decode(raw)
            if payload.block.hash != commit.block_id:
                raise InvalidPayload(
                    f"payload of block 0x{payload.block.hash.hex()}, another one was decided"
                )
            check_record(self._constants, head.parent, payload)
            return self._execute(head, payload)
        except PeerError as error:
            raise InvariantViolation(
                f"decided block {commit.height} 0x{commit.block_id.hex()} does not execute here: {error}"
            ) from error

    def write(self, head: HeadRecord, executed: ExecutedBlock, commit: Commit) -> HeadRecord:
        """Makes the block durable with its commit, in one batch; returns the new head."""
        record = executed.payload.record
        chain_record = ChainRecord(
            encode_record(record), executed.following, executed.updates, executed.events
        )
        self._store.commit_block(
            executed.block,
            executed.receipts,
            executed.update,
            encode_commit(commit),
            write_chain_record(self._store, chain_record),
        )
        return head_record_after(head.parent, executed.block, record.timestamp_ms, commit, executed.following)

    def _execute(self, head: HeadRecord, payload: BlockPayload) -> ExecutedBlock:
        header = payload.block.header
        state = self._store.latest_state()
        check_beneficiary(self._constants, head.parent, state, header)
        environment = self.environment(head, payload.record, header.beneficiary)
        execution = execute_watched(state, environment, payload.transactions)
        self._confirm(environment, payload.transactions, execution, payload.block)
        try:
            result = execution.result()
        except (PeerError, InvariantViolation, EnvironmentFault):
            raise
        except Exception as error:
            log.exception("execution_crashed", block="0x" + header.hash.hex(), height=header.number)
            raise InvalidPayload(f"execution crashed: {error!r}") from error
        executed = self._outcome(
            head, environment, payload.record, payload.transactions, result, header.extra_data
        )
        check_header(executed.block.header, header)
        return executed

    def _confirm(
        self,
        environment: BlockEnvironment,
        transactions: Sequence[RecoveredTransaction],
        execution: Execution,
        block: Block | None = None,
    ) -> None:
        """Has a second engine agree, if the settings ask for that. Raises EnginesDisagree."""
        self._engines.confirm(
            self._store.latest_state(),
            environment,
            transactions,
            execution,
            parent_state_root=self._store.head.state_root,
            block=block,
        )

    def _outcome(
        self,
        head: HeadRecord,
        environment: BlockEnvironment,
        record: ConsensusRecord,
        transactions: Sequence[RecoveredTransaction],
        result: BlockResult,
        extra_data: bytes,
    ) -> ExecutedBlock:
        update = self._store.compute_root(result.changes)
        roots = ExecutionRoots(
            state_root=update.root,
            transactions_root=result.transactions_root,
            receipts_root=result.receipts_root,
            logs_bloom=result.logs_bloom,
            gas_used=result.gas_used,
            requests_hash=result.requests_hash,
        )
        header = make_header(environment, roots, extra_data=extra_data)
        block = Block(header, tuple(recovered.transaction for recovered in transactions))
        payload = BlockPayload(block, tuple(transactions), record)
        return ExecutedBlock(
            payload,
            encode_payload(payload),
            tuple(result.receipts),
            update,
            following_validators(head.parent, result.validator_updates),
            result.validator_updates,
            result.events,
        )
