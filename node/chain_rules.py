"""What a header must say, given its parent, the consensus record and the chain's constants.

Owns the rules that bind an Ethereum header to our consensus: used to make a header and to judge one, so the two
cannot differ. Pure. Never executes transactions (vm.block) or verifies signatures of a commit (consensus).

    parent_beacon_block_root  consensus root: validators, parameters, parent's commit, evidence, exact time
    prev_randao               keccak of a tag and the parent's commit; a proposer can bias it by choosing which
                              precommits to include, so contracts must not gamble on it
    timestamp                 whole seconds of the record's milliseconds, which grow by at least the block interval
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chain.errors import InvariantViolation, PeerError
from chain.fees import next_base_fee
from chain.header import Header
from chain.keccak import EMPTY_OMMERS_HASH, EMPTY_TRIE_ROOT, keccak256
from chain.ordered_trie import ordered_root
from chain.types import Address, Hash32
from consensus.certificates import commit_hash, verify_evidence
from consensus.consensus_root import ConsensusData, evidence_hash
from consensus.evidence import accused_of, height_of
from consensus.params import ConsensusParams
from consensus.types import BlockIdFlag, Commit
from consensus.validator_set import ValidatorSet
from node.errors import AheadOfClock, InvalidPayload
from node.payload import BlockPayload, ConsensusRecord
from node.validator_registry import ValidatorRegistry
from state.reader import StateReader
from vm.environment import BlockEnvironment, CommitVote, Misbehaviour
from vm.forks import ForkSchedule

EXTRA_DATA = b"aurigraph"
POW_NONCE = bytes(8)
_RANDAO_TAG = b"aurigraph-prev-randao\x01"


@dataclass(frozen=True, slots=True)
class ChainConstants:
    """What genesis fixes, and where the state tells about validators. gas_limit is per block.

    fee_recipient: the account that shares out the fees of blocks; None where the beneficiary keeps them.
    """

    chain_id: int
    gas_limit: int
    forks: ForkSchedule
    params: ConsensusParams
    registry: ValidatorRegistry
    fee_recipient: Address | None = None


@dataclass(frozen=True, slots=True)
class ParentBlock:
    """The block below, and who decides the next one (`validators`) and the one after (`next_validators`)."""

    header: Header
    timestamp_ms: int
    validators: ValidatorSet
    next_validators: ValidatorSet


def consensus_root(constants: ChainConstants, parent: ParentBlock, record: ConsensusRecord) -> Hash32:
    """What `parent_beacon_block_root` of the block after `parent` must be."""
    return consensus_data(constants, parent.validators, parent.next_validators, record).root()


def genesis_consensus_root(
    constants: ChainConstants, validators: ValidatorSet, next_validators: ValidatorSet, timestamp_ms: int
) -> Hash32:
    """As `consensus_root` for block 0, which nobody decided: it commits to the sets of heights 1 and 2."""
    record = ConsensusRecord(timestamp_ms, None)
    return consensus_data(constants, validators, next_validators, record).root()


def consensus_data(
    constants: ChainConstants,
    validators: ValidatorSet,
    next_validators: ValidatorSet,
    record: ConsensusRecord,
) -> ConsensusData:
    """The parts of a block's consensus root; `validators` are those of its own height."""
    return ConsensusData(
        validators_hash=validators.hash(),
        next_validators_hash=next_validators.hash(),
        params_hash=constants.params.hash(),
        last_commit_hash=commit_hash(record.last_commit),
        evidence_hash=evidence_hash(record.evidence),
        timestamp_ms=record.timestamp_ms,
    )


@dataclass(frozen=True, slots=True)
class ConsensusReport:
    """What hooks of a block hear of consensus: who was there for the parent, and who is proven to have signed twice."""

    votes: tuple[CommitVote, ...] = ()
    misbehaviour: tuple[Misbehaviour, ...] = ()


def consensus_report(
    record: ConsensusRecord,
    deciders: ValidatorSet | None,
    validators_of: Callable[[int], ValidatorSet | None],
) -> ConsensusReport:
    """From a block's record: `deciders` signed the commit in it, `validators_of` gives the set of a decided height.

    A validator counts as having signed unless its slot is absent: a vote for nil shows that it was there, as in
    cosmos-sdk x/slashing. Power is that at the height of the evidence.
    """
    misbehaviour = tuple(
        Misbehaviour(accused_of(piece), height_of(piece), validators.power_of(accused_of(piece)))
        for piece in record.evidence
        if (validators := validators_of(height_of(piece))) is not None
    )
    return ConsensusReport(_votes(deciders, record.last_commit), misbehaviour)


def _votes(deciders: ValidatorSet | None, commit: Commit | None) -> tuple[CommitVote, ...]:
    if deciders is None or commit is None:
        return ()
    return tuple(
        CommitVote(member.address, member.power, slot.block_id_flag is not BlockIdFlag.ABSENT)
        for member, slot in zip(deciders.validators, commit.signatures, strict=True)
    )


def environment_after(
    constants: ChainConstants,
    parent: ParentBlock,
    record: ConsensusRecord,
    beneficiary: Address,
    block_hash: Callable[[int], Hash32 | None],
    told: ConsensusReport,
) -> BlockEnvironment:
    """The environment in which the block after `parent` runs; `told`: see `consensus_report`."""
    number = parent.header.number + 1
    return BlockEnvironment(
        chain_id=constants.chain_id,
        number=number,
        timestamp=record.timestamp_ms // 1000,
        beneficiary=beneficiary,
        gas_limit=constants.gas_limit,
        base_fee_per_gas=next_base_fee(parent.header),
        prev_randao=keccak256(_RANDAO_TAG + commit_hash(record.last_commit)),
        excess_blob_gas=0,
        parent_beacon_block_root=consensus_root(constants, parent, record),
        parent_hash=parent.header.hash,
        fork=constants.forks.at(number),
        block_hash=block_hash,
        votes=told.votes,
        misbehaviour=told.misbehaviour,
        fee_recipient=constants.fee_recipient,
    )


@dataclass(frozen=True, slots=True)
class ExecutionRoots:
    """The header fields that only execution can tell."""

    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    gas_used: int
    requests_hash: Hash32 | None


def make_header(
    environment: BlockEnvironment, roots: ExecutionRoots, *, extra_data: bytes = EXTRA_DATA
) -> Header:
    """The header of the block that ran in `environment` with these results."""
    return Header(
        parent_hash=environment.parent_hash,
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=environment.beneficiary,
        state_root=roots.state_root,
        transactions_root=roots.transactions_root,
        receipts_root=roots.receipts_root,
        logs_bloom=roots.logs_bloom,
        difficulty=0,
        number=environment.number,
        gas_limit=environment.gas_limit,
        gas_used=roots.gas_used,
        timestamp=environment.timestamp,
        extra_data=extra_data,
        prev_randao=environment.prev_randao,
        nonce=POW_NONCE,
        base_fee_per_gas=environment.base_fee_per_gas,
        withdrawals_root=EMPTY_TRIE_ROOT,
        blob_gas_used=0,
        excess_blob_gas=environment.excess_blob_gas,
        parent_beacon_block_root=environment.parent_beacon_block_root,
        requests_hash=roots.requests_hash,
    )


def earliest_time_ms(constants: ChainConstants, parent: ParentBlock) -> int:
    """The earliest time that the block after `parent` may carry: a proposer in a hurry must lie about the time,
    and `check_record` bounds that lie."""
    return parent.timestamp_ms + constants.params.block_interval_ms


def check_payload_is_of_header(constants: ChainConstants, parent: ParentBlock, payload: BlockPayload) -> None:
    """Whether transactions and record are those that the header commits to.

    Only then does a verdict on them say anything about the block id; anybody can send other bytes under a header.
    Raises InvalidPayload.
    """
    header = payload.block.header
    if (
        ordered_root([transaction.raw for transaction in payload.block.transactions])
        != header.transactions_root
    ):
        raise InvalidPayload("the transactions are not those of the header")
    if consensus_root(constants, parent, payload.record) != header.parent_beacon_block_root:
        raise InvalidPayload("the consensus record is not that of the header")


def check_clock(record: ConsensusRecord, latest_ms: int) -> None:
    """Whether a proposal's time is not after `latest_ms`, which comes from the clock of this node.

    The one rule on which honest nodes may differ, and whose verdict may change: it must never condemn the block.
    Raises AheadOfClock.
    """
    if record.timestamp_ms > latest_ms:
        raise AheadOfClock(f"time {record.timestamp_ms} ms is too far ahead of the clock")


def check_record(constants: ChainConstants, parent: ParentBlock, payload: BlockPayload) -> None:
    """The block's place and time. Raises InvalidPayload."""
    header, record = payload.block.header, payload.record
    if header.number != parent.header.number + 1:
        raise InvalidPayload(f"block {header.number} where {parent.header.number + 1} is next")
    if header.parent_hash != parent.header.hash:
        raise InvalidPayload(f"parent 0x{header.parent_hash.hex()} is not the head")
    earliest_ms = earliest_time_ms(constants, parent)
    if record.timestamp_ms < earliest_ms:
        raise InvalidPayload(
            f"time {record.timestamp_ms} ms is before parent plus block interval, {earliest_ms} ms"
        )
    if (record.last_commit is None) != (parent.header.number == 0):
        raise InvalidPayload("only the first block has no commit of its parent")


def check_beneficiary(
    constants: ChainConstants, parent: ParentBlock, state: StateReader, header: Header
) -> None:
    """The operator of a validator of this height must be named; `state` is the parent's. Raises InvalidPayload."""
    operator_of = constants.registry.operator_of
    for validator in parent.validators.validators:
        if operator_of(state, validator.address) == header.beneficiary:
            return
    raise InvalidPayload(f"beneficiary 0x{header.beneficiary.hex()} is no validator's operator")


def check_evidence(
    constants: ChainConstants,
    number: int,
    state: StateReader,
    record: ConsensusRecord,
    validators_of: Callable[[int], ValidatorSet | None],
) -> None:
    """Whether block `number` on the parent's `state` may carry the evidence in its record.

    Each piece is about a decided height that is not too old, about a validator that was not punished for double
    signing before (so that no two blocks carry evidence for the same deed), and its signatures verify.
    Raises InvalidPayload.
    """
    if not record.evidence:
        return
    max_age_blocks = constants.registry.evidence_max_age_blocks(state)
    for piece in record.evidence:
        accused, height = accused_of(piece), height_of(piece)
        if not is_of_age(height, number, max_age_blocks):
            raise InvalidPayload(f"evidence about height {height} in block {number}")
        if not constants.registry.may_be_accused(state, accused):
            raise InvalidPayload(f"evidence about 0x{accused.hex()}, which is unknown or was punished before")
        validators = validators_of(height)
        if validators is None:
            raise InvariantViolation(f"the validators of height {height} are not known")
        try:
            verify_evidence(constants.chain_id, validators, piece)
        except PeerError as error:
            raise InvalidPayload(f"evidence about 0x{accused.hex()} at height {height}: {error}") from error


def is_of_age(height: int, number: int, max_age_blocks: int) -> bool:
    """Whether block `number` may carry evidence about `height`: a decided one, at most so many blocks before."""
    return 0 < height < number <= height + max_age_blocks


def check_header(expected: Header, got: Header) -> None:
    """Compares the header with the one that execution gives. Raises InvalidPayload naming the first difference."""
    if expected.hash == got.hash:
        return
    for name in Header.__dataclass_fields__:
        want, have = getattr(expected, name), getattr(got, name)
        if want != have:
            raise InvalidPayload(f"header field {name} is {_shown(have)}, execution gives {_shown(want)}")


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
