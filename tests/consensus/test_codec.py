import contextlib
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keccak import keccak256
from chain.types import Address, Hash32
from consensus import codec
from consensus import messages as m
from consensus import types as t
from consensus.errors import DecodeError
from consensus.validator_set import MAX_VALIDATORS, Validator, ValidatorSet, new_validator_set
from tests.consensus.committee import FAKE_SIGNATURE, block, plain_address, plain_committee, plain_vote

HEIGHTS = st.integers(0, t.MAX_HEIGHT)
ROUNDS = st.integers(0, 2**20) | st.just(t.MAX_ROUND)
HASHES = st.binary(min_size=32, max_size=32).map(Hash32)
ADDRESSES = st.binary(min_size=20, max_size=20).map(Address)
SIGNATURES = st.binary(min_size=64, max_size=64)
PAYLOADS = st.binary(max_size=300)
VOTES = st.builds(
    t.Vote, st.sampled_from(t.VoteKind), HEIGHTS, ROUNDS, st.none() | HASHES, ADDRESSES, SIGNATURES
)


@st.composite
def proposals(draw: st.DrawFn, signatures: st.SearchStrategy[bytes] = SIGNATURES) -> t.Proposal:
    at_round = draw(ROUNDS)
    pol_round = draw(st.integers(-1, at_round - 1))
    return t.Proposal(draw(HEIGHTS), at_round, pol_round, draw(HASHES), draw(ADDRESSES), draw(signatures))


@st.composite
def slots(draw: st.DrawFn) -> t.CommitSignature:
    flag = draw(st.sampled_from(t.BlockIdFlag))
    return t.CommitSignature(draw(ADDRESSES), flag, b"" if flag is t.BlockIdFlag.ABSENT else draw(SIGNATURES))


@st.composite
def round_certificates(draw: st.DrawFn) -> t.RoundCertificate:
    kind = draw(st.sampled_from(t.RoundCertificateKind))
    height, at_round = draw(HEIGHTS), draw(st.integers(1, t.MAX_ROUND))
    skip = kind is t.RoundCertificateKind.SKIP
    votes = st.builds(
        t.Vote,
        st.sampled_from(t.VoteKind) if skip else st.just(t.VoteKind.PRECOMMIT),
        st.just(height),
        st.just(at_round if skip else at_round - 1),
        st.none() | HASHES,
        ADDRESSES,
        SIGNATURES,
    )
    return t.RoundCertificate(kind, height, at_round, tuple(draw(st.lists(votes, min_size=1, max_size=4))))


def several(values: st.SearchStrategy[Any], least: int = 1) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=least, max_size=4).map(tuple)


COMMITS = st.builds(t.Commit, HEIGHTS, ROUNDS, HASHES, several(slots()))
POLKAS = st.builds(
    t.PolkaCertificate,
    HEIGHTS,
    ROUNDS,
    HASHES,
    several(st.builds(t.CertificateSignature, ADDRESSES, SIGNATURES)),
)
WIRE = st.one_of(
    st.builds(m.ProposalMessage, proposals(), PAYLOADS, st.none() | POLKAS),
    VOTES,
    POLKAS,
    round_certificates(),
    st.builds(m.Status, HEIGHTS, ROUNDS, st.sampled_from(t.Step)),
    st.builds(m.BlockRequest, HEIGHTS, HASHES),
    st.builds(m.BlockResponse, st.none() | PAYLOADS),
    st.builds(m.SyncRequest, HEIGHTS, st.integers(1, codec.MAX_SYNC_BLOCKS)),
    st.builds(m.SyncResponse, HEIGHTS, several(st.builds(m.SyncedBlock, PAYLOADS, COMMITS), least=0)),
)
NO_SIGNATURE = st.just(t.UNSIGNED)
UNSIGNED_VOTES = st.builds(
    t.Vote, st.sampled_from(t.VoteKind), HEIGHTS, ROUNDS, st.none() | HASHES, ADDRESSES, NO_SIGNATURE
)
LOG = st.one_of(
    st.builds(m.StartRound0, HEIGHTS),
    st.builds(m.ProposalReceived, proposals()),
    st.builds(m.BlockReady, HEIGHTS, HASHES, st.booleans()),
    st.builds(m.VoteReceived, VOTES),
    st.builds(m.PolkaCertificateReceived, POLKAS),
    st.builds(m.RoundCertificateReceived, round_certificates()),
    st.builds(m.BlockBuilt, HEIGHTS, ROUNDS, HASHES),
    st.builds(m.OwnSigned, VOTES | proposals()),
    st.builds(m.SigningRefused, UNSIGNED_VOTES | proposals(signatures=NO_SIGNATURE)),
    st.builds(m.TimeoutElapsed, st.sampled_from(t.TimeoutKind), HEIGHTS, ROUNDS),
    st.builds(m.BlockPayload, HEIGHTS, HASHES, PAYLOADS),
)


@given(WIRE)
def test_messages_come_back_as_they_were(message: m.WireMessage) -> None:
    assert codec.decode_message(codec.encode_message(message)) == message


@given(LOG)
def test_log_entries_come_back_as_they_were(entry: m.LogEntry) -> None:
    assert codec.decode_input(codec.encode_input(entry)) == entry


@given(COMMITS)
def test_commits_come_back_as_they_were(commit: t.Commit) -> None:
    assert codec.decode_commit(codec.encode_commit(commit)) == commit


@given(
    st.builds(t.DuplicateVoteEvidence, VOTES, VOTES)
    | st.builds(t.DuplicateProposalEvidence, proposals(), proposals())
)
def test_evidence_comes_back_as_it_was(evidence: t.Evidence) -> None:
    assert codec.decode_evidence(codec.encode_evidence(evidence)) == evidence


@given(st.lists(st.integers(1, 100), min_size=1, max_size=6), st.data())
def test_validator_sets_come_back_with_their_priorities(powers: list[int], data: st.DataObject) -> None:
    members = plain_committee(*powers).validators
    priorities = data.draw(st.lists(st.integers(-(2**61), 2**61), min_size=len(powers), max_size=len(powers)))
    validators = ValidatorSet(members, tuple(priorities))
    assert codec.decode_validator_set(codec.encode_validator_set(validators)) == validators


def test_the_peer_of_an_input_is_not_logged() -> None:
    vote = plain_vote(t.VoteKind.PREVOTE, 0, None, 0)
    assert codec.decode_input(codec.encode_input(m.VoteReceived(vote, b"peer"))) == m.VoteReceived(vote)


# --- pinned bytes ---

VOTE = plain_vote(t.VoteKind.PREVOTE, 2, block("v"), 0)
PROPOSAL = t.Proposal(1, 2, 0, block("v"), plain_address(0), FAKE_SIGNATURE)
POLKA = t.PolkaCertificate(1, 0, block("v"), (t.CertificateSignature(plain_address(0), FAKE_SIGNATURE),))
ROUND_CERTIFICATE = t.RoundCertificate(t.RoundCertificateKind.SKIP, 1, 2, (VOTE,))
COMMIT = t.Commit(
    1,
    0,
    block("v"),
    (
        t.CommitSignature(plain_address(0), t.BlockIdFlag.COMMIT, FAKE_SIGNATURE),
        t.CommitSignature(plain_address(1), t.BlockIdFlag.ABSENT, b""),
    ),
)
ENCODINGS: dict[str, Callable[[], bytes]] = {
    "proposal": lambda: codec.encode_message(m.ProposalMessage(PROPOSAL, b"payload", POLKA)),
    "vote": lambda: codec.encode_message(VOTE),
    "polka": lambda: codec.encode_message(POLKA),
    "round": lambda: codec.encode_message(ROUND_CERTIFICATE),
    "status": lambda: codec.encode_message(m.Status(7, 1, t.Step.PREVOTE)),
    "block request": lambda: codec.encode_message(m.BlockRequest(7, block("v"))),
    "block response": lambda: codec.encode_message(m.BlockResponse(None)),
    "sync request": lambda: codec.encode_message(m.SyncRequest(7, 9)),
    "sync response": lambda: codec.encode_message(m.SyncResponse(9, (m.SyncedBlock(b"payload", COMMIT),))),
    "log start": lambda: codec.encode_input(m.StartRound0(7)),
    "log proposal": lambda: codec.encode_input(m.ProposalReceived(PROPOSAL)),
    "log ready": lambda: codec.encode_input(m.BlockReady(7, block("v"), True)),
    "log vote": lambda: codec.encode_input(m.VoteReceived(VOTE)),
    "log polka": lambda: codec.encode_input(m.PolkaCertificateReceived(POLKA)),
    "log round": lambda: codec.encode_input(m.RoundCertificateReceived(ROUND_CERTIFICATE)),
    "log built": lambda: codec.encode_input(m.BlockBuilt(7, 0, block("v"))),
    "log signed": lambda: codec.encode_input(m.OwnSigned(PROPOSAL)),
    "log refused": lambda: codec.encode_input(m.SigningRefused(VOTE.signed(b""))),
    "log timeout": lambda: codec.encode_input(m.TimeoutElapsed(t.TimeoutKind.PREVOTE, 7, 0)),
    "log payload": lambda: codec.encode_input(m.BlockPayload(7, block("v"), b"payload")),
    "commit": lambda: codec.encode_commit(COMMIT),
    "set": lambda: codec.encode_validator_set(plain_committee(3, 1)),
    "evidence": lambda: codec.encode_evidence(t.DuplicateVoteEvidence(VOTE, VOTE)),
}


def test_small_encodings_are_pinned_byte_by_byte() -> None:
    assert ENCODINGS["status"]().hex() == "01" + "92" + "05" + "93" + "07" + "01" + "02"
    expected_vote = "01" + "92" + "02" + "96" + "01" + "01" + "02" + "c420" + block("v").hex()
    expected_vote += "c414" + "01" * 20 + "c440" + "01" * 64
    assert ENCODINGS["vote"]().hex() == expected_vote
    assert ENCODINGS["log start"]().hex() == "01" + "92" + "01" + "91" + "07"
    assert ENCODINGS["block response"]().hex() == "01" + "92" + "07" + "91" + "c0"


def test_all_encodings_are_pinned_by_their_hash() -> None:
    every = b"".join(keccak256(encode()) for encode in ENCODINGS.values())
    assert keccak256(every).hex() == "8fc744bf682d52b10a0a8d534ba2c7416a05d33e5ec9ebb6d0e940c6a2e83294"


# --- hostile bytes ---


def packed(value: Any, version: int = codec.VERSION) -> bytes:
    return bytes([version]) + bytes(msgpack.packb(value))


VOTE_FIELDS = [1, 1, 2, bytes(32), bytes(20), bytes(64)]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        b"\x00" + codec.encode_message(VOTE)[1:],
        b"\x02" + codec.encode_message(VOTE)[1:],
        codec.encode_message(VOTE) + b"\x00",
        codec.encode_message(VOTE)[:-1],
        packed([]),
        packed([2]),
        packed([2, VOTE_FIELDS, 0]),
        packed([99, VOTE_FIELDS]),
        packed([True, VOTE_FIELDS]),
        packed([2, VOTE_FIELDS[:-1]]),
        packed([2, [*VOTE_FIELDS, 0]]),
        packed([2, [True, *VOTE_FIELDS[1:]]]),
        packed([2, [3, *VOTE_FIELDS[1:]]]),
        packed([2, [1, -1, *VOTE_FIELDS[2:]]]),
        packed([2, [1, 2**63, *VOTE_FIELDS[2:]]]),
        packed([2, [1, 1, 2**31, *VOTE_FIELDS[3:]]]),
        packed([2, [1, 1, 1.0, *VOTE_FIELDS[3:]]]),
        packed([2, [1, 1, 2, bytes(31), *VOTE_FIELDS[4:]]]),
        packed([2, [1, 1, 2, bytes(32), bytes(21), bytes(64)]]),
        packed([2, [1, 1, 2, bytes(32), bytes(20), bytes(63)]]),
        packed([2, [1, 1, 2, bytes(32), bytes(20), b""]]),
        packed([2, [1, 1, 2, "", bytes(20), bytes(64)]]),
        packed({}),
        packed([2, {}]),
        packed("text"),
        packed(msgpack.ExtType(1, b"")),
        b"\x01\xdd\xff\xff\xff\xff",  # an array of four thousand million items
        b"\x01\xc6\xff\xff\xff\xff",  # as many bytes
        b"\x01" + b"\x91" * 100_000,  # nesting
        b"\x01" + b"\xc1",  # never used by msgpack
    ],
)
def test_anything_but_a_message_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        codec.decode_message(raw)


def test_a_longer_form_of_the_same_value_is_refused() -> None:
    status = codec.encode_message(m.Status(7, 1, t.Step.PREVOTE))
    longer = status.replace(b"\x93\x07", b"\x93\xcc\x07")  # 7 as a number of two bytes
    assert msgpack.unpackb(longer[1:]) == msgpack.unpackb(status[1:])
    with pytest.raises(DecodeError, match="canonical"):
        codec.decode_message(longer)


@pytest.mark.parametrize(
    "message",
    [
        m.ProposalMessage(t.Proposal(1, 2, 2, block("v"), plain_address(0), FAKE_SIGNATURE), b""),
        t.RoundCertificate(t.RoundCertificateKind.SKIP, 1, 3, (VOTE,)),
        t.RoundCertificate(t.RoundCertificateKind.SKIP, 2, 2, (VOTE,)),
        t.RoundCertificate(t.RoundCertificateKind.PRECOMMIT_ANY, 1, 3, (VOTE,)),
        t.RoundCertificate(t.RoundCertificateKind.SKIP, 1, 0, (plain_vote(t.VoteKind.PREVOTE, 0, None, 0),)),
        t.RoundCertificate(t.RoundCertificateKind.SKIP, 1, 2, ()),
        t.RoundCertificate(t.RoundCertificateKind.SKIP, 1, 2, (VOTE,) * (MAX_VALIDATORS + 1)),
        t.PolkaCertificate(1, 0, block("v"), POLKA.signatures * (MAX_VALIDATORS + 1)),
        t.PolkaCertificate(1, 0, block("v"), ()),
        m.SyncRequest(1, codec.MAX_SYNC_BLOCKS + 1),
        m.SyncRequest(1, 0),
        m.SyncResponse(1, (m.SyncedBlock(b"", COMMIT),) * (codec.MAX_SYNC_BLOCKS + 1)),
    ],
)
def test_messages_that_contradict_themselves_or_are_too_large_are_refused(message: m.WireMessage) -> None:
    raw = codec.encode_message(message)
    with pytest.raises(DecodeError):
        codec.decode_message(raw)


def test_commit_slots_must_be_signed_if_and_only_if_not_absent() -> None:
    for slot in (
        t.CommitSignature(plain_address(0), t.BlockIdFlag.ABSENT, FAKE_SIGNATURE),
        t.CommitSignature(plain_address(0), t.BlockIdFlag.NIL, b""),
    ):
        raw = codec.encode_commit(t.Commit(1, 0, block("v"), (slot,)))
        with pytest.raises(DecodeError):
            codec.decode_commit(raw)


def test_a_validator_set_out_of_order_is_refused() -> None:
    first, second = ([v.address, v.public_key33, v.power] for v in plain_committee(2, 1).validators)
    assert codec.decode_validator_set(packed([[first, second], [0, 0]])) == plain_committee(2, 1)
    with pytest.raises(DecodeError):
        codec.decode_validator_set(packed([[second, first], [0, 0]]))


def test_the_size_limit_of_the_caller_holds() -> None:
    raw = codec.encode_message(m.ProposalMessage(PROPOSAL, bytes(10_000)))
    assert codec.decode_message(raw, max_bytes=len(raw))
    with pytest.raises(DecodeError, match="bytes, expected"):
        codec.decode_message(raw, max_bytes=len(raw) - 1)


def test_the_largest_committee_fits_the_small_limit() -> None:
    members = [Validator(Address(i.to_bytes(20, "big")), b"\x02" * 33, 2**50) for i in range(MAX_VALIDATORS)]
    validators = new_validator_set(members)
    assert codec.decode_validator_set(codec.encode_validator_set(validators)) == validators
    signatures = tuple(t.CommitSignature(v.address, t.BlockIdFlag.COMMIT, FAKE_SIGNATURE) for v in members)
    commit = t.Commit(t.MAX_HEIGHT, t.MAX_ROUND, block("v"), signatures)
    assert codec.decode_commit(codec.encode_commit(commit)) == commit


@given(WIRE, st.data())
def test_a_changed_byte_is_refused_or_is_another_message(message: m.WireMessage, data: st.DataObject) -> None:
    raw = bytearray(codec.encode_message(message))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    try:
        decoded = codec.decode_message(bytes(raw))
    except DecodeError:
        return
    assert decoded != message
    assert codec.encode_message(decoded) == bytes(raw)


@given(st.binary(max_size=200))
def test_noise_is_decoded_or_refused_and_never_raises_anything_else(noise: bytes) -> None:
    for decode in (codec.decode_message, codec.decode_input, codec.decode_commit, codec.decode_validator_set):
        for raw in (noise, b"\x01" + noise, b"\x01\x92" + noise):
            with contextlib.suppress(DecodeError):
                decode(raw)
