from dataclasses import replace

import pytest

from chain.types import Hash32
from consensus.certificates import (
    commit_hash,
    commit_of_precommits,
    polka_certificate_of_prevotes,
    precommits_of_commit,
    prevotes_of_polka,
    round_certificate_of_votes,
    verify_commit,
    verify_evidence,
    verify_polka_certificate,
    verify_proposal,
    verify_round_certificate,
    verify_vote,
    with_late_precommit,
)
from consensus.errors import (
    InsufficientPower,
    InvalidCertificate,
    InvalidMessage,
    InvalidProposal,
    UnknownValidator,
    WrongSignature,
)
from consensus.types import (
    BlockIdFlag,
    Commit,
    CommitSignature,
    DuplicateProposalEvidence,
    DuplicateVoteEvidence,
    PolkaCertificate,
    RoundCertificate,
    RoundCertificateKind,
    Vote,
    VoteKind,
)
from tests.consensus.committee import CHAIN_ID, block, committee, key, proposal, vote

PREVOTE, PRECOMMIT = VoteKind.PREVOTE, VoteKind.PRECOMMIT
SKIP, PRECOMMIT_ANY = RoundCertificateKind.SKIP, RoundCertificateKind.PRECOMMIT_ANY
V, W = block("v"), block("w")
SET = committee(4, 3, 2, 1)


def commit(votes: dict[int, Hash32 | None], at_round: int = 1, height: int = 9) -> Commit:
    cast = {key(i).address: vote(PRECOMMIT, height, at_round, choice, i) for i, choice in votes.items()}
    return commit_of_precommits(SET, height, at_round, V, cast)


def polka(*voters: int, at_round: int = 1) -> PolkaCertificate:
    return polka_certificate_of_prevotes(
        SET, 9, at_round, V, [vote(PREVOTE, 9, at_round, V, i) for i in voters]
    )


def check_commit(checked: Commit) -> None:
    verify_commit(CHAIN_ID, SET, 9, V, checked)


def test_a_right_vote_and_proposal_pass() -> None:
    verify_vote(CHAIN_ID, SET, vote(PREVOTE, 9, 0, None, 3))
    verify_proposal(CHAIN_ID, SET, proposal(9, 4, 3, V, 2))


def test_a_vote_by_a_stranger_or_for_another_chain_or_changed_is_refused() -> None:
    right = vote(PREVOTE, 9, 0, V, 0)
    with pytest.raises(UnknownValidator):
        verify_vote(CHAIN_ID, SET, vote(PREVOTE, 9, 0, V, 8))
    for wrong_chain, changed in (
        (CHAIN_ID + 1, right),
        (CHAIN_ID, replace(right, round=1)),
        (CHAIN_ID, replace(right, block_id=W)),
        (CHAIN_ID, replace(right, block_id=None)),
        (CHAIN_ID, replace(right, kind=PRECOMMIT)),
        (CHAIN_ID, replace(right, validator=key(1).address)),
        (CHAIN_ID, replace(right, signature=b"")),
        (CHAIN_ID, replace(right, signature=b"\xff" * 64)),
    ):
        with pytest.raises(WrongSignature):
            verify_vote(wrong_chain, SET, changed)


def test_a_proposal_proven_by_its_own_or_a_later_round_is_refused() -> None:
    for pol_round in (4, 5, -2):
        with pytest.raises(InvalidProposal):
            verify_proposal(CHAIN_ID, SET, proposal(9, 4, pol_round, V, 2))
    with pytest.raises(WrongSignature):
        verify_proposal(CHAIN_ID, SET, replace(proposal(9, 4, 3, V, 2), pol_round=2))


def test_a_commit_has_one_slot_per_validator_in_set_order() -> None:
    built = commit({0: V, 1: V, 2: None})
    assert [slot.validator for slot in built.signatures] == [member.address for member in SET.validators]
    flags = [slot.block_id_flag for slot in built.signatures]
    assert flags == [BlockIdFlag.COMMIT, BlockIdFlag.COMMIT, BlockIdFlag.NIL, BlockIdFlag.ABSENT]
    check_commit(built)


def test_a_precommit_for_another_block_leaves_the_slot_absent() -> None:
    assert commit({0: V, 1: V, 2: W}).signatures[2].block_id_flag is BlockIdFlag.ABSENT


@pytest.mark.parametrize("voters", [{0: V, 2: V}, {1: V, 2: V, 3: V}, {0: V, 2: V, 1: None}, {}])
def test_a_commit_without_more_than_two_thirds_is_refused(voters: dict[int, Hash32 | None]) -> None:
    with pytest.raises(InsufficientPower):
        check_commit(commit(voters))


def test_a_commit_of_another_height_block_or_set_is_refused() -> None:
    right = commit({0: V, 1: V})
    with pytest.raises(InvalidCertificate):
        verify_commit(CHAIN_ID, SET, 8, V, right)
    with pytest.raises(InvalidCertificate):
        verify_commit(CHAIN_ID, SET, 9, W, right)
    with pytest.raises(InvalidCertificate, match="4 slots for 3"):
        verify_commit(CHAIN_ID, committee(4, 3, 2), 9, V, right)
    with pytest.raises(WrongSignature):
        verify_commit(CHAIN_ID + 1, SET, 9, V, right)


def test_a_commit_with_one_wrong_signature_is_refused_even_if_the_rest_is_enough() -> None:
    right = commit({0: V, 1: V, 2: V, 3: None})
    for index in range(4):
        slots = list(right.signatures)
        slots[index] = replace(slots[index], signature=bytes(63) + b"\x01")
        with pytest.raises(WrongSignature):
            check_commit(replace(right, signatures=tuple(slots)))
    claimed = list(right.signatures)
    claimed[3] = replace(claimed[3], block_id_flag=BlockIdFlag.COMMIT)
    with pytest.raises(WrongSignature):
        check_commit(replace(right, signatures=tuple(claimed)))
    with pytest.raises(WrongSignature):
        check_commit(replace(right, round=2))


def test_a_validator_cannot_fill_two_slots() -> None:
    slots = list(commit({0: V}).signatures)
    slots[1] = slots[0]
    with pytest.raises(InvalidCertificate, match="order"):
        check_commit(Commit(9, 1, V, tuple(slots)))


def test_a_slot_is_signed_if_and_only_if_it_is_not_absent() -> None:
    right = commit({0: V, 1: V})
    for slot in (
        CommitSignature(SET.validators[3].address, BlockIdFlag.ABSENT, bytes(64)),
        CommitSignature(SET.validators[3].address, BlockIdFlag.NIL, b""),
    ):
        with pytest.raises(InvalidCertificate, match="absent"):
            check_commit(replace(right, signatures=(*right.signatures[:3], slot)))


def test_a_late_precommit_fills_an_absent_slot_only() -> None:
    thin = commit({0: V, 1: V, 2: None})
    late = vote(PRECOMMIT, 9, 1, V, 3)
    filled = with_late_precommit(thin, SET, late)
    assert filled == commit({0: V, 1: V, 2: None, 3: V})
    check_commit(filled)
    assert with_late_precommit(filled, SET, late) is None
    for unfit in (
        vote(PRECOMMIT, 9, 1, W, 3),
        vote(PRECOMMIT, 9, 1, None, 3),
        vote(PRECOMMIT, 9, 2, V, 3),
        vote(PRECOMMIT, 8, 1, V, 3),
        vote(PREVOTE, 9, 1, V, 3),
        vote(PRECOMMIT, 9, 1, V, 2),
        vote(PRECOMMIT, 9, 1, V, 8),
    ):
        assert with_late_precommit(thin, SET, unfit) is None


def test_commit_hashes_differ_and_the_missing_commit_has_one() -> None:
    hashes = {commit_hash(c) for c in (None, commit({0: V, 1: V}), commit({0: V, 1: V, 2: V}))}
    assert len(hashes) == 3
    assert commit_hash(None).hex() == "82659dc3ec211e4b6882d0620977a4294ec68ff0a2f8e47958587d299282d1c5"
    assert (
        commit_hash(commit({0: V, 1: V})).hex()
        == "4aad68321cb79caf1c4902714f1f280da989b5f05bb2fff45f97cbc7139ca399"
    )


def test_a_polka_certificate_passes_and_gives_its_votes_back() -> None:
    certificate = polka(1, 0)
    verify_polka_certificate(CHAIN_ID, SET, certificate)
    assert prevotes_of_polka(certificate) == (vote(PREVOTE, 9, 1, V, 0), vote(PREVOTE, 9, 1, V, 1))


def test_wrong_polka_certificates_are_refused() -> None:
    right = polka(0, 1, 2)
    first, second, third = right.signatures
    with pytest.raises(InsufficientPower):
        verify_polka_certificate(CHAIN_ID, SET, polka(0, 2))
    with pytest.raises(InvalidCertificate, match="distinct"):
        verify_polka_certificate(CHAIN_ID, SET, replace(right, signatures=(first, first, second)))
    with pytest.raises(InvalidCertificate, match="order"):
        verify_polka_certificate(CHAIN_ID, SET, replace(right, signatures=(second, first, third)))
    stranger = replace(third, validator=key(8).address)
    with pytest.raises(UnknownValidator):
        verify_polka_certificate(CHAIN_ID, SET, replace(right, signatures=(first, second, stranger)))
    with pytest.raises(WrongSignature):
        verify_polka_certificate(CHAIN_ID, SET, replace(right, round=2))
    precommits = polka_certificate_of_prevotes(SET, 9, 1, V, [vote(PRECOMMIT, 9, 1, V, i) for i in range(3)])
    with pytest.raises(WrongSignature):
        verify_polka_certificate(CHAIN_ID, SET, precommits)


def round_certificate(kind: RoundCertificateKind, *votes: Vote) -> RoundCertificate:
    return round_certificate_of_votes(SET, kind, 9, 5, votes)


def test_round_certificates_pass() -> None:
    mixed = round_certificate(
        SKIP, vote(PRECOMMIT, 9, 5, None, 2), vote(PREVOTE, 9, 5, V, 3), vote(PREVOTE, 9, 5, W, 1)
    )
    verify_round_certificate(CHAIN_ID, SET, mixed)
    ended = round_certificate(PRECOMMIT_ANY, vote(PRECOMMIT, 9, 4, V, 0), vote(PRECOMMIT, 9, 4, None, 1))
    verify_round_certificate(CHAIN_ID, SET, ended)


def test_two_votes_of_one_validator_become_one_in_a_round_certificate() -> None:
    built = round_certificate(SKIP, vote(PREVOTE, 9, 5, V, 0), vote(PRECOMMIT, 9, 5, V, 0))
    assert len(built.votes) == 1


def test_wrong_round_certificates_are_refused() -> None:
    exactly_a_third = RoundCertificate(SKIP, 9, 5, (vote(PREVOTE, 9, 5, V, 0),))
    with pytest.raises(InsufficientPower):
        verify_round_certificate(CHAIN_ID, committee(1, 1, 1), exactly_a_third)
    with pytest.raises(InsufficientPower):
        verify_round_certificate(
            CHAIN_ID, SET, round_certificate(PRECOMMIT_ANY, *(vote(PRECOMMIT, 9, 4, V, i) for i in (0, 2)))
        )
    votes = tuple(vote(PRECOMMIT, 9, 4, V, i) for i in range(3))
    with pytest.raises(InvalidCertificate, match="round"):
        verify_round_certificate(CHAIN_ID, SET, RoundCertificate(SKIP, 9, 5, votes))
    with pytest.raises(InvalidCertificate, match="height"):
        verify_round_certificate(CHAIN_ID, SET, RoundCertificate(PRECOMMIT_ANY, 8, 5, votes))
    prevotes = tuple(vote(PREVOTE, 9, 4, V, i) for i in range(3))
    with pytest.raises(InvalidCertificate, match="precommits"):
        verify_round_certificate(CHAIN_ID, SET, RoundCertificate(PRECOMMIT_ANY, 9, 5, prevotes))
    repeated = (votes[0], votes[0], votes[1])
    with pytest.raises(InvalidCertificate, match="distinct"):
        verify_round_certificate(CHAIN_ID, SET, RoundCertificate(PRECOMMIT_ANY, 9, 5, repeated))
    forged = (votes[0], replace(votes[1], signature=votes[0].signature))
    with pytest.raises(WrongSignature):
        verify_round_certificate(CHAIN_ID, SET, RoundCertificate(PRECOMMIT_ANY, 9, 5, forged))


def test_a_commit_gives_back_the_votes_that_it_was_made_of() -> None:
    made = commit({0: V, 1: V, 2: None})
    assert precommits_of_commit(made) == (
        vote(PRECOMMIT, 9, 1, V, 0),
        vote(PRECOMMIT, 9, 1, V, 1),
        vote(PRECOMMIT, 9, 1, None, 2),
    )


def test_evidence_of_two_contradicting_messages_passes() -> None:
    verify_evidence(
        CHAIN_ID, SET, DuplicateVoteEvidence(vote(PREVOTE, 9, 0, V, 0), vote(PREVOTE, 9, 0, None, 0))
    )
    verify_evidence(
        CHAIN_ID, SET, DuplicateProposalEvidence(proposal(9, 2, -1, V, 0), proposal(9, 2, 1, V, 0))
    )


@pytest.mark.parametrize(
    "second",
    [
        vote(PREVOTE, 9, 0, V, 0),
        vote(PRECOMMIT, 9, 0, W, 0),
        vote(PREVOTE, 9, 1, W, 0),
        vote(PREVOTE, 8, 0, W, 0),
        vote(PREVOTE, 9, 0, W, 1),
        replace(vote(PREVOTE, 9, 0, W, 0), signature=bytes(64)),
    ],
)
def test_nobody_is_accused_by_messages_that_do_not_contradict_or_are_forged(second: Vote) -> None:
    with pytest.raises(InvalidMessage):
        verify_evidence(CHAIN_ID, SET, DuplicateVoteEvidence(vote(PREVOTE, 9, 0, V, 0), second))
