import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.types import Hash32
from consensus.certificates import polka_certificate_of_prevotes
from consensus.types import DuplicateVoteEvidence, Vote, VoteKind
from consensus.vote_keeper import (
    LATER_VOTES_PER_ROUND,
    PAST_ROUNDS,
    POLKA_CERTIFICATES,
    Threshold,
    ThresholdKind,
    VoteKeeper,
)
from tests.consensus.committee import block, plain_committee, plain_vote

PREVOTE, PRECOMMIT = VoteKind.PREVOTE, VoteKind.PRECOMMIT
V, W, X = block("v"), block("w"), block("x")


def keeper(*powers: int, at_round: int = 0) -> VoteKeeper:
    votes = VoteKeeper(1, plain_committee(*powers))
    votes.enter_round(at_round)
    return votes


def feed(votes: VoteKeeper, *cast: Vote) -> list[Threshold]:
    return [threshold for vote in cast for threshold in votes.add(vote).thresholds]


def test_two_thirds_for_a_block_cross_block_and_any_once() -> None:
    votes = keeper(1, 1, 1, 1)
    assert feed(votes, *(plain_vote(PREVOTE, 0, V, i) for i in (0, 1))) == []
    assert feed(votes, plain_vote(PREVOTE, 0, V, 2)) == [
        Threshold(ThresholdKind.POLKA_BLOCK, 0, V),
        Threshold(ThresholdKind.POLKA_ANY, 0),
    ]
    assert feed(votes, plain_vote(PREVOTE, 0, V, 3)) == []
    assert (votes.polka(0), votes.has_polka(0, V), votes.has_polka(0, W)) == (V, True, False)
    assert votes.has_quorum_any(0, PREVOTE)
    assert not votes.has_quorum_any(0, PRECOMMIT)


def test_two_thirds_for_nil_are_no_polka_for_a_block() -> None:
    votes = keeper(1, 1, 1, 1)
    crossed = feed(votes, *(plain_vote(PREVOTE, 0, None, i) for i in range(4)))
    assert crossed == [Threshold(ThresholdKind.POLKA_NIL, 0), Threshold(ThresholdKind.POLKA_ANY, 0)]
    assert votes.has_nil_polka(0)
    assert votes.polka(0) is None


def test_split_votes_cross_only_any() -> None:
    votes = keeper(1, 1, 1, 1)
    crossed = feed(
        votes, plain_vote(PREVOTE, 0, V, 0), plain_vote(PREVOTE, 0, W, 1), plain_vote(PREVOTE, 0, None, 2)
    )
    assert crossed == [Threshold(ThresholdKind.POLKA_ANY, 0)]
    assert (votes.polka(0), votes.has_nil_polka(0)) == (None, False)


def test_precommits_have_thresholds_of_their_own() -> None:
    votes = keeper(1, 1, 1, 1)
    assert feed(votes, *(plain_vote(PRECOMMIT, 0, V, i) for i in range(3))) == [
        Threshold(ThresholdKind.PRECOMMIT_BLOCK, 0, V),
        Threshold(ThresholdKind.PRECOMMIT_ANY, 0),
    ]
    assert list(votes.precommit_quorums()) == [(0, V)]
    assert votes.polka(0) is None
    assert (
        feed(votes, *(plain_vote(PRECOMMIT, 1, None, i) for i in range(3)))[0].kind
        is ThresholdKind.PRECOMMIT_NIL
    )


@pytest.mark.parametrize(("powers", "voters", "crossed"), [
    ((1, 1, 1), (0, 1), False),  # exactly two thirds are not more than two thirds
    ((1, 1, 1), (0, 1, 2), True),
    ((34, 33, 33), (0, 1), True),
    ((33, 33, 34), (0, 1), False),
    ((67, 33), (0,), True),
    ((66, 34), (0,), False),
])  # fmt: skip
def test_power_counts_and_not_heads(powers: tuple[int, ...], voters: tuple[int, ...], crossed: bool) -> None:
    votes = keeper(*powers)
    feed(votes, *(plain_vote(PREVOTE, 0, V, i) for i in voters))
    assert (votes.polka(0) is not None) is crossed


def test_a_repeated_vote_is_dropped() -> None:
    votes = keeper(1, 1, 1)
    assert votes.add(plain_vote(PREVOTE, 0, V, 0)).kept
    assert not votes.add(plain_vote(PREVOTE, 0, V, 0)).kept
    assert votes.size() == 1


def test_double_signing_gives_both_votes_as_evidence_once() -> None:
    votes = keeper(1, 1, 1)
    first, second = plain_vote(PREVOTE, 0, V, 0), plain_vote(PREVOTE, 0, W, 0)
    votes.add(first)
    outcome = votes.add(second)
    assert outcome.evidence == DuplicateVoteEvidence(first, second)
    assert votes.add(second).evidence is None
    third = votes.add(plain_vote(PREVOTE, 0, X, 0))
    assert (third.kept, third.evidence) == (False, None)
    assert votes.size() == 2


def test_a_double_signer_counts_for_both_blocks_but_once_for_any() -> None:
    votes = keeper(1, 1, 1, 1)
    feed(votes, plain_vote(PREVOTE, 0, V, 0), plain_vote(PREVOTE, 0, W, 0), plain_vote(PREVOTE, 0, W, 1))
    assert not votes.has_quorum_any(0, PREVOTE)
    crossed = feed(votes, plain_vote(PREVOTE, 0, W, 2))
    assert Threshold(ThresholdKind.POLKA_BLOCK, 0, W) in crossed


def test_the_commit_material_prefers_the_vote_for_the_decided_block() -> None:
    votes = keeper(1, 1, 1, 1)
    twice = (plain_vote(PRECOMMIT, 0, V, 0), plain_vote(PRECOMMIT, 0, W, 0))
    feed(
        votes,
        *twice,
        plain_vote(PRECOMMIT, 0, W, 1),
        plain_vote(PRECOMMIT, 0, W, 2),
        plain_vote(PRECOMMIT, 0, None, 3),
    )
    material = votes.precommits_for(0, W)
    assert [vote.block_id for vote in material.values()] == [W, W, W, None]


def test_votes_of_the_round_after_next_wait_and_are_counted_when_it_comes_near() -> None:
    votes = keeper(1, 1, 1, 1)
    feed(votes, *(plain_vote(PREVOTE, 2, V, i) for i in range(3)))
    assert votes.polka(2) is None
    crossed = [threshold for outcome in votes.enter_round(1) for threshold in outcome.thresholds]
    assert Threshold(ThresholdKind.POLKA_BLOCK, 2, V) in crossed
    assert votes.polka(2) == V


def test_only_the_highest_later_round_of_a_validator_is_kept() -> None:
    votes = keeper(1, 1, 1, 1)
    assert votes.add(plain_vote(PREVOTE, 5, V, 0)).kept
    assert votes.add(plain_vote(PRECOMMIT, 5, V, 0)).kept
    assert votes.add(plain_vote(PREVOTE, 9, V, 0)).kept
    assert not votes.add(plain_vote(PREVOTE, 8, V, 0)).kept
    assert votes.size() == 1


def test_double_signing_in_a_later_round_is_seen_too() -> None:
    votes = keeper(1, 1, 1, 1)
    votes.add(plain_vote(PREVOTE, 5, V, 0))
    outcome = votes.add(plain_vote(PREVOTE, 5, W, 0))
    assert outcome.evidence is not None
    assert not outcome.kept


def test_more_than_a_third_in_later_rounds_name_the_round_that_a_correct_one_reached() -> None:
    votes = keeper(1, 1, 1, 1)
    votes.add(plain_vote(PREVOTE, 50, V, 0))
    assert votes.skip_round() == -1
    votes.add(plain_vote(PRECOMMIT, 4, None, 1))
    assert votes.skip_round() == 4
    votes.add(plain_vote(PRECOMMIT, 6, None, 2))
    assert votes.skip_round() == 6


def test_one_third_exactly_skips_nothing() -> None:
    votes = keeper(1, 1, 1)
    votes.add(plain_vote(PREVOTE, 2, V, 0))
    assert votes.skip_round() == -1
    votes.add(plain_vote(PRECOMMIT, 2, V, 0))
    assert votes.skip_round() == -1


def test_a_certificate_proves_its_round() -> None:
    votes = keeper(1, 1, 1, 1)
    votes.prove_round(7)
    votes.prove_round(3)
    assert votes.skip_round() == 7


def certificate(at_round: int, block_id: Hash32, voters: tuple[int, ...] = (0, 1, 2)):  # type: ignore[no-untyped-def]
    prevotes = [plain_vote(PREVOTE, at_round, block_id, i) for i in voters]
    return polka_certificate_of_prevotes(plain_committee(1, 1, 1, 1), 1, at_round, block_id, prevotes)


def test_a_polka_certificate_counts_as_a_fact_even_for_a_third_vote_of_a_double_signer() -> None:
    votes = keeper(1, 1, 1, 1)
    feed(votes, plain_vote(PREVOTE, 0, W, 0), plain_vote(PREVOTE, 0, X, 0))
    is_new, outcomes = votes.add_polka(certificate(0, V))
    assert is_new
    assert [outcome.kept for outcome in outcomes] == [False, True, True]
    assert votes.polka(0) == V
    assert votes.has_polka(0, V)
    assert votes.has_quorum_any(0, PREVOTE)
    assert votes.polka_certificate(0) == certificate(0, V)
    assert votes.add_polka(certificate(0, V))[0] is False


def test_a_polka_certificate_of_a_later_round_proves_that_round() -> None:
    votes = keeper(1, 1, 1, 1)
    votes.add_polka(certificate(9, V))
    assert votes.skip_round() == 9
    assert votes.polka(9) == V


def test_a_polka_certificate_proves_its_round_even_when_its_voters_used_up_their_later_votes() -> None:
    votes = keeper(1, 1, 1, 1)
    for index in (0, 1, 2):
        for step in range(LATER_VOTES_PER_ROUND):
            votes.add(plain_vote(PREVOTE, 100 + step, None, index))
    votes.add_polka(certificate(500, V))
    assert votes.skip_round() == 500


def test_a_counted_polka_becomes_a_certificate_in_set_order() -> None:
    votes = keeper(1, 1, 1, 1)
    feed(votes, *(plain_vote(PREVOTE, 0, V, i) for i in (3, 0, 2)))
    assert votes.polka_certificate(0) == certificate(0, V, (0, 2, 3))
    assert votes.polka_certificate(1) is None


def test_old_rounds_are_forgotten_and_stay_so() -> None:
    votes = keeper(1, 1, 1, 1)
    feed(votes, *(plain_vote(PREVOTE, 0, V, i) for i in range(3)))
    votes.enter_round(PAST_ROUNDS)
    assert votes.polka(0) == V
    votes.enter_round(PAST_ROUNDS + 1)
    assert votes.polka(0) is None
    assert not votes.add(plain_vote(PREVOTE, 0, V, 3)).kept
    assert votes.size() == 0


def test_the_signatures_of_a_decision_without_its_block_are_not_forgotten() -> None:
    votes = keeper(1, 1, 1, 1)
    feed(votes, *(plain_vote(PRECOMMIT, 0, V, i) for i in range(3)))
    votes.enter_round(PAST_ROUNDS + 50)
    assert list(votes.precommit_quorums()) == [(0, V)]
    assert len(votes.precommits_for(0, V)) == 3


def test_polka_certificates_are_kept_to_a_number() -> None:
    votes = keeper(1, 1, 1, 1, at_round=1_000)
    for at_round in range(POLKA_CERTIFICATES + 5):
        votes.add_polka(certificate(at_round, V))
    assert not votes.has_polka(4, V)
    assert votes.has_polka(5, V)
    assert votes.polka_rounds() == list(range(POLKA_CERTIFICATES + 4, 4, -1))


def test_counting_rounds_up_is_stopped_until_this_node_moves() -> None:
    votes = keeper(1, 1, 1, 1)
    kept = [votes.add(plain_vote(PREVOTE, 2 + step, V, 0)).kept for step in range(LATER_VOTES_PER_ROUND + 10)]
    assert kept.count(True) == LATER_VOTES_PER_ROUND
    votes.enter_round(1)
    assert votes.add(plain_vote(PREVOTE, 1_000, V, 0)).kept


@given(st.data())
def test_whatever_is_sent_the_memory_is_bounded_and_tallies_match_the_distinct_votes(
    data: st.DataObject,
) -> None:
    powers = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    validators = plain_committee(*powers)
    votes = VoteKeeper(1, validators)
    votes.enter_round(0)
    cast = data.draw(
        st.lists(
            st.builds(
                plain_vote,
                st.sampled_from(VoteKind),
                st.integers(0, 1),
                st.sampled_from([None, V, W, X]),
                st.integers(0, len(powers) - 1),
            ),
            max_size=80,
        )
    )
    crossed = feed(votes, *cast)
    assert len(set(crossed)) == len(crossed)
    assert votes.size() <= 2 * 2 * 2 * len(powers)
    for at_round in (0, 1):
        for kind in VoteKind:
            seen: dict[bytes, list[Hash32 | None]] = {}
            for vote in cast:
                blocks = seen.setdefault(vote.validator, [])
                if (
                    (vote.round, vote.kind) == (at_round, kind)
                    and vote.block_id not in blocks
                    and len(blocks) < 2
                ):
                    blocks.append(vote.block_id)
            voters = sum(v.power for v in validators.validators if seen.get(v.address))
            assert votes.has_quorum_any(at_round, kind) == (3 * voters > 2 * sum(powers))
            for block_id in (None, V, W, X):
                power = sum(v.power for v in validators.validators if block_id in seen.get(v.address, []))
                if 3 * power > 2 * sum(powers) and kind is PREVOTE:
                    assert (
                        votes.has_nil_polka(at_round)
                        if block_id is None
                        else votes.polka(at_round) is not None
                    )
