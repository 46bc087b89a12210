from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.block import Block
from chain.header import Header
from chain.keccak import EMPTY_OMMERS_HASH, EMPTY_TRIE_ROOT
from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from consensus.codec import encode_evidence
from consensus.types import (
    MAX_HEIGHT,
    MAX_ROUND,
    BlockIdFlag,
    Commit,
    CommitSignature,
    DuplicateProposalEvidence,
    DuplicateVoteEvidence,
    Evidence,
    Proposal,
    Vote,
    VoteKind,
)
from node.errors import InvalidPayload
from node.payload import (
    MAX_EVIDENCE_PER_BLOCK,
    BlockPayload,
    ConsensusRecord,
    decode_payload,
    decode_record,
    encode_payload,
    encode_record,
)
from tests.node.chain_fixture import ACCOUNTS, transfer

CHAIN_ID = 1337
TRANSACTIONS = [
    RecoveredTransaction(transfer(sender, nonce), ACCOUNTS[sender].address)
    for sender in range(2)
    for nonce in range(3)
]
hashes = st.binary(min_size=32, max_size=32).map(Hash32)
addresses = st.binary(min_size=20, max_size=20).map(Address)
numbers = st.integers(0, 2**64 - 1)
slots = st.builds(
    CommitSignature, addresses, st.just(BlockIdFlag.COMMIT), st.binary(min_size=64, max_size=64)
)
commits = st.builds(
    Commit,
    st.integers(0, 10**9),
    st.integers(0, 50),
    hashes,
    st.lists(slots, min_size=1, max_size=4).map(tuple),
)
signatures = st.binary(min_size=64, max_size=64)


@st.composite
def evidence_of(draw: st.DrawFn, accused: Address) -> Evidence:
    height, at_round = draw(st.integers(0, MAX_HEIGHT)), draw(st.integers(0, MAX_ROUND))
    first, second = sorted(draw(st.lists(hashes, min_size=2, max_size=2, unique=True)))
    one, other = draw(signatures), draw(signatures)
    if draw(st.booleans()):
        return DuplicateProposalEvidence(
            Proposal(height, at_round, -1, first, accused, one),
            Proposal(height, at_round, at_round - 1, second, accused, other),
        )
    kind, nil = draw(st.sampled_from(VoteKind)), draw(st.booleans())
    return DuplicateVoteEvidence(
        Vote(kind, height, at_round, None if nil else first, accused, one),
        Vote(kind, height, at_round, second, accused, other),
    )


@st.composite
def evidence_lists(draw: st.DrawFn) -> tuple[Evidence, ...]:
    accused = sorted(draw(st.lists(addresses, max_size=3, unique=True)))
    return tuple(draw(evidence_of(address)) for address in accused)


records = st.builds(ConsensusRecord, st.integers(0, 2**63 - 1), st.none() | commits, evidence_lists())
headers = st.builds(
    Header,
    parent_hash=hashes,
    ommers_hash=st.just(EMPTY_OMMERS_HASH),
    beneficiary=addresses,
    state_root=hashes,
    transactions_root=hashes,
    receipts_root=hashes,
    logs_bloom=st.just(bytes(256)),
    difficulty=st.just(0),
    number=numbers,
    gas_limit=numbers,
    gas_used=numbers,
    timestamp=numbers,
    extra_data=st.binary(max_size=32),
    prev_randao=hashes,
    nonce=st.just(bytes(8)),
    base_fee_per_gas=st.integers(0, 2**256 - 1),
    withdrawals_root=st.just(EMPTY_TRIE_ROOT),
    blob_gas_used=st.just(0),
    excess_blob_gas=st.just(0),
    parent_beacon_block_root=hashes,
    requests_hash=st.none() | hashes,
)


@st.composite
def payloads(draw: st.DrawFn) -> BlockPayload:
    chosen = tuple(draw(st.lists(st.sampled_from(TRANSACTIONS), max_size=4)))
    block = Block(draw(headers), tuple(item.transaction for item in chosen))
    return BlockPayload(block, chosen, draw(records))


def decode(raw: bytes, **bounds: int) -> BlockPayload:
    return decode_payload(raw, CHAIN_ID, 10**7, lambda _hash: None, **bounds)


ZERO = Hash32(bytes(32))
SAMPLE = BlockPayload(
    Block(
        Header(
            parent_hash=ZERO,
            ommers_hash=ZERO,
            beneficiary=Address(bytes(20)),
            state_root=ZERO,
            transactions_root=ZERO,
            receipts_root=ZERO,
            logs_bloom=bytes(256),
            difficulty=0,
            number=1,
            gas_limit=1,
            gas_used=1,
            timestamp=1,
            extra_data=b"",
            prev_randao=ZERO,
            nonce=bytes(8),
            base_fee_per_gas=1,
            withdrawals_root=ZERO,
            blob_gas_used=0,
            excess_blob_gas=0,
            parent_beacon_block_root=ZERO,
            requests_hash=ZERO,
        ),
        tuple(item.transaction for item in TRANSACTIONS[:2]),
    ),
    tuple(TRANSACTIONS[:2]),
    ConsensusRecord(7, None),
)


@settings(max_examples=60, deadline=None)
@given(payloads())
def test_a_payload_reads_back(payload: BlockPayload) -> None:
    assert decode(encode_payload(payload)) == payload


@settings(max_examples=100, deadline=None)
@given(records)
def test_a_record_reads_back(record: ConsensusRecord) -> None:
    assert decode_record(encode_record(record)) == record


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_bytes_are_refused_or_are_another_block(data: st.DataObject) -> None:
    """No two byte strings give the same block and record: whatever is accepted encodes to what it was read from."""
    raw = bytearray(encode_payload(SAMPLE))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        payload = decode(bytes(raw))
    except InvalidPayload:
        return
    assert encode_payload(payload) == bytes(raw)


msgpack_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary(max_size=40) | st.just(""),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    msgpack_values
    | st.tuples(st.sampled_from([1, 1.0, True]), msgpack_values, msgpack_values, msgpack_values)
)
def test_well_formed_msgpack_of_another_shape_is_refused(value: Any) -> None:
    raw = msgpack.packb(value)
    with pytest.raises(InvalidPayload):
        decode(raw)
    try:
        decode_record(raw)
    except InvalidPayload:
        pass


@given(st.binary(max_size=200))
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(InvalidPayload):
        decode(garbage)


HEADER = SAMPLE.block.header.encode()
RECORD = encode_record(SAMPLE.record)
RAWS = [item.transaction.raw for item in SAMPLE.transactions]


@pytest.mark.parametrize(
    "raw",
    [
        msgpack.packb([True, HEADER, RAWS, RECORD]),
        msgpack.packb([1.0, HEADER, RAWS, RECORD]),
        msgpack.packb([2, HEADER, RAWS, RECORD]),
        msgpack.packb([1, HEADER, RAWS, RECORD, 0]),
        msgpack.packb([1, HEADER, RAWS, RECORD]) + b"\xc0",
        msgpack.packb([1, HEADER, RAWS, msgpack.packb([2, 7.0, b"", []])]),
        msgpack.packb([1, HEADER, RAWS, msgpack.packb([1, 7, b""])]),
        msgpack.packb([1, HEADER, RAWS, msgpack.packb([2, 7, b"", b""])]),
        msgpack.packb([1, HEADER, RAWS, msgpack.packb([2, -1, b"", []])]),
        msgpack.packb([1, HEADER, RAWS, msgpack.packb([2, 7, b"\x01", []])]),
        b"\x94\x01" + b"\xc6" + len(HEADER).to_bytes(4, "big") + HEADER + msgpack.packb(RAWS) + msgpack.packb(RECORD),
        b"\xdd\x00\x00\x00\x04\x01" + b"".join(map(msgpack.packb, (HEADER, RAWS, RECORD))),
        b"\x94\xcc\x01" + b"".join(map(msgpack.packb, (HEADER, RAWS, RECORD))),
        b"\x94\x01" + b"".join(map(msgpack.packb, (HEADER, RAWS, b"\x94\x02\xcc\x07\xc4\x00\x90"))),
    ],
    ids=[
        "version true", "version as float", "other version", "one too many", "trailing byte", "time as float",
        "record of version 1", "evidence as bytes",
        "negative time", "no commit", "long header length", "long list", "long version", "long time in the record",
    ],
)  # fmt: skip
def test_another_encoding_of_the_same_block_is_refused(raw: bytes) -> None:
    assert decode(msgpack.packb([1, HEADER, RAWS, RECORD])) == SAMPLE
    with pytest.raises(InvalidPayload):
        decode(raw)


def double_vote(accused: int, first: Hash32 | None, second: Hash32 | None) -> DuplicateVoteEvidence:
    address, signature = Address(bytes([accused]) * 20), bytes(64)
    return DuplicateVoteEvidence(
        Vote(VoteKind.PREVOTE, 9, 0, first, address, signature),
        Vote(VoteKind.PREVOTE, 9, 0, second, address, signature),
    )


LOW, HIGH = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)


def test_the_bytes_of_a_record_are_pinned() -> None:
    record = ConsensusRecord(7, None, (double_vote(1, None, HIGH),))
    piece = encode_evidence(record.evidence[0])
    assert encode_record(record) == b"\x94\x02\x07\xc4\x00\x91\xc4" + bytes([len(piece)]) + piece
    assert encode_record(ConsensusRecord(7, None)) == b"\x94\x02\x07\xc4\x00\x90"


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        ((double_vote(1, LOW, HIGH), double_vote(1, None, HIGH)), "different validators"),
        ((double_vote(2, LOW, HIGH), double_vote(1, LOW, HIGH)), "ascending order"),
        ((double_vote(1, HIGH, LOW),), "not in order"),
        ((double_vote(1, LOW, None),), "not in order"),
        (tuple(double_vote(n, LOW, HIGH) for n in range(MAX_EVIDENCE_PER_BLOCK + 1)), "at most 16"),
    ],
)
def test_evidence_has_one_form_and_a_bound(evidence: tuple[Evidence, ...], text: str) -> None:
    assert decode_record(encode_record(ConsensusRecord(7, None, (double_vote(1, LOW, HIGH),))))
    with pytest.raises(InvalidPayload, match=text):
        decode_record(encode_record(ConsensusRecord(7, None, evidence)))


def test_size_and_number_of_transactions_are_bounded_before_senders_are_recovered() -> None:
    raw = encode_payload(SAMPLE)
    with pytest.raises(InvalidPayload, match="at most"):
        decode_payload(raw, CHAIN_ID, len(raw) - 1, lambda _hash: None)
    assert decode(raw, max_transactions=2) == SAMPLE
    with pytest.raises(InvalidPayload, match="allowed length"):
        decode(raw, max_transactions=1)


def test_a_known_transaction_is_not_recovered_again() -> None:
    stranger = RecoveredTransaction(TRANSACTIONS[0].transaction, Address(b"\x99" * 20))
    asked: list[Hash32] = []

    def known(transaction_hash: Hash32) -> RecoveredTransaction | None:
        asked.append(transaction_hash)
        return stranger if transaction_hash == stranger.transaction.hash else None

    payload = decode_payload(encode_payload(SAMPLE), CHAIN_ID, 10**7, known)
    assert payload.transactions == (stranger, TRANSACTIONS[1])
    assert asked == [item.transaction.hash for item in SAMPLE.transactions]
