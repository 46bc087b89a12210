from dataclasses import fields, replace

import pytest

from chain.errors import InvariantViolation
from chain.types import Hash32
from consensus.consensus_root import ConsensusData, evidence_hash
from consensus.types import DuplicateVoteEvidence, VoteKind
from tests.consensus.committee import block, plain_vote

CONTENT = ConsensusData(
    validators_hash=block("validators"),
    next_validators_hash=block("next"),
    params_hash=block("params"),
    last_commit_hash=block("commit"),
    evidence_hash=block("evidence"),
    timestamp_ms=1_700_000_000_123,
)


def test_the_encoding_and_the_root_are_pinned() -> None:
    encoded = CONTENT.encode()
    assert len(encoded) == 193
    assert encoded.startswith(b"aurigraph-consensus-root\x01" + block("validators") + block("next"))
    assert encoded.endswith(block("evidence") + (1_700_000_000_123).to_bytes(8, "big"))
    assert CONTENT.root().hex() == "f689342aeb743f022bb42ad2436dbb02a59039889ba5f8f2f01af627c17c9a58"


def test_every_field_changes_the_root() -> None:
    roots = {CONTENT.root()}
    for field in fields(ConsensusData):
        value = 1 if field.name == "timestamp_ms" else Hash32(b"\x01" * 32)
        roots.add(replace(CONTENT, **{field.name: value}).root())  # type: ignore[arg-type]
    assert len(roots) == 7


def test_values_that_do_not_fit_stop_the_node() -> None:
    with pytest.raises(InvariantViolation):
        replace(CONTENT, params_hash=Hash32(b"short")).root()
    with pytest.raises(InvariantViolation):
        replace(CONTENT, timestamp_ms=-1).root()


def test_the_evidence_hash_depends_on_content_and_order() -> None:
    first = DuplicateVoteEvidence(
        plain_vote(VoteKind.PREVOTE, 0, block("a"), 0), plain_vote(VoteKind.PREVOTE, 0, None, 0)
    )
    second = DuplicateVoteEvidence(
        plain_vote(VoteKind.PRECOMMIT, 0, block("a"), 0), plain_vote(VoteKind.PRECOMMIT, 0, None, 0)
    )
    hashes = {evidence_hash(pieces) for pieces in ([], [first], [first, second], [second, first])}
    assert len(hashes) == 4
