import pytest

from consensus.sign_bytes import proposal_sign_bytes, sign_bytes, sign_digest, vote_sign_bytes
from consensus.types import Proposal, Vote, VoteKind
from tests.consensus.committee import block, plain_address

BLOCK = block("b")
PREVOTE = Vote(VoteKind.PREVOTE, 5, 2, BLOCK, plain_address(0))
TAG = b"aurigraph-consensus\x01".hex()


def test_a_vote_has_the_documented_layout() -> None:
    expected = TAG + "0000000000000539" + "01" + "0000000000000005" + "00000002" + "01" + BLOCK.hex()
    assert vote_sign_bytes(1337, PREVOTE).hex() == expected
    assert len(vote_sign_bytes(1337, PREVOTE)) == 74


def test_a_vote_for_nil_has_a_zero_mark_and_a_zero_block() -> None:
    nil = Vote(VoteKind.PRECOMMIT, 5, 2, None, plain_address(0))
    expected = TAG + "0000000000000539" + "02" + "0000000000000005" + "00000002" + "00" + "00" * 32
    assert vote_sign_bytes(1337, nil).hex() == expected


def test_a_proposal_has_the_documented_layout() -> None:
    proposal = Proposal(5, 2, -1, BLOCK, plain_address(0))
    expected = TAG + "0000000000000539" + "20" + "0000000000000005" + "00000002" + "ffffffff" + BLOCK.hex()
    assert proposal_sign_bytes(1337, proposal).hex() == expected
    assert len(proposal_sign_bytes(1337, proposal)) == 77


def test_digests_are_pinned() -> None:
    assert (
        sign_digest(1337, PREVOTE).hex() == "f95ef3cf2682fb829cb38a15b6561cc1f665585cba60cec1fe345295d09e4579"
    )
    proposal = Proposal(5, 2, 1, BLOCK, plain_address(0))
    assert (
        sign_digest(1337, proposal).hex()
        == "7e8ee0ebd3dc0a0ecacff06660127e32470c20d5977fac951ac3c6849bfe0222"
    )


@pytest.mark.parametrize(
    "other",
    [
        Vote(VoteKind.PRECOMMIT, 5, 2, BLOCK, plain_address(0)),
        Vote(VoteKind.PREVOTE, 6, 2, BLOCK, plain_address(0)),
        Vote(VoteKind.PREVOTE, 5, 3, BLOCK, plain_address(0)),
        Vote(VoteKind.PREVOTE, 5, 2, None, plain_address(0)),
        Vote(VoteKind.PREVOTE, 5, 2, block("c"), plain_address(0)),
        Proposal(5, 2, -1, BLOCK, plain_address(0)),
    ],
)
def test_whatever_changes_the_meaning_changes_the_bytes(other: Vote | Proposal) -> None:
    assert sign_bytes(1337, other) != sign_bytes(1337, PREVOTE)


def test_another_chain_has_other_bytes() -> None:
    assert sign_bytes(1, PREVOTE) != sign_bytes(1337, PREVOTE)


def test_the_signature_is_not_part_of_the_bytes() -> None:
    assert sign_bytes(1337, PREVOTE.signed(b"\x07" * 64)) == sign_bytes(1337, PREVOTE)
