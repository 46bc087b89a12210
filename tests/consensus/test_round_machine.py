"""Each line of Algorithm 1 of arXiv 1807.04938: when its guard holds, and when one part of it does not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.types import Hash32
from consensus.round_machine import (
    CastVote,
    Decided,
    EnterRound,
    Event,
    FreshProposal,
    GetBlock,
    Output,
    OwnBlock,
    PolkaAny,
    PolkaBlock,
    PolkaNil,
    PrecommitAny,
    PrecommitBlock,
    Propose,
    ProvenProposal,
    RoundState,
    RoundValue,
    Schedule,
    SkipRound,
    StartRound,
    Timeout,
    apply,
)
from consensus.types import Step, TimeoutKind, VoteKind
from tests.consensus.committee import block

V, W = block("v"), block("w")
PREVOTE, PRECOMMIT = VoteKind.PREVOTE, VoteKind.PRECOMMIT

WAITING = RoundState(height=7)
PROPOSING = RoundState(7, 3, Step.PROPOSE)
PREVOTED = RoundState(7, 3, Step.PREVOTE)
PRECOMMITTED = RoundState(7, 3, Step.PRECOMMIT)
DECIDED = RoundState(7, 3, Step.COMMIT, decision=RoundValue(3, V))


def locked(state: RoundState, at_round: int, block_id: Hash32 = V) -> RoundState:
    value = RoundValue(at_round, block_id)
    return replace(state, locked=value, valid=value)


def valid(state: RoundState, at_round: int, block_id: Hash32 = V) -> RoundState:
    return replace(state, valid=RoundValue(at_round, block_id))


Row = tuple[str, RoundState, Event, RoundState, tuple[Output, ...]]

POSITIVE: list[Row] = [
    (
        "L12 L21: a round begins for somebody else's proposal",
        WAITING,
        StartRound(0, False),
        RoundState(7, 0, Step.PROPOSE),
        (Schedule(TimeoutKind.PROPOSE, 0),),
    ),
    (
        "L18: the proposer without a valid value asks for a block",
        WAITING,
        StartRound(0, True),
        RoundState(7, 0, Step.PROPOSE),
        (GetBlock(0), Schedule(TimeoutKind.PROPOSE, 0)),
    ),
    (
        "L16 L19: the proposer proposes its valid value again, with its round",
        valid(PRECOMMITTED, 1),
        StartRound(4, True),
        replace(valid(PROPOSING, 1), round=4, proposed=True),
        (Propose(4, V, 1), Schedule(TimeoutKind.PROPOSE, 4)),
    ),
    (
        "L12: what was scheduled in the old round is forgotten, the lock is not",
        replace(locked(PRECOMMITTED, 2), prevote_timeout_scheduled=True, precommit_timeout_scheduled=True),
        StartRound(4, False),
        replace(locked(PROPOSING, 2), round=4),
        (Schedule(TimeoutKind.PROPOSE, 4),),
    ),
    (
        "L18 L19: the block that was built is proposed",
        PROPOSING,
        OwnBlock(3, W),
        replace(PROPOSING, proposed=True),
        (Propose(3, W, -1),),
    ),
    (
        "L16: a valid value learnt while building goes first",
        valid(PROPOSING, 1),
        OwnBlock(3, W),
        replace(valid(PROPOSING, 1), proposed=True),
        (Propose(3, V, 1),),
    ),
    (
        "L23 L24: a valid fresh proposal without a lock",
        PROPOSING,
        FreshProposal(3, V, True),
        PREVOTED,
        (CastVote(PREVOTE, 3, V),),
    ),
    (
        "L23 L24: a valid fresh proposal of the locked block",
        locked(PROPOSING, 1),
        FreshProposal(3, V, True),
        locked(PREVOTED, 1),
        (CastVote(PREVOTE, 3, V),),
    ),
    (
        "L26: a fresh proposal of another block than the locked one",
        locked(PROPOSING, 1),
        FreshProposal(3, W, True),
        locked(PREVOTED, 1),
        (CastVote(PREVOTE, 3, None),),
    ),
    (
        "L26: an invalid fresh proposal",
        PROPOSING,
        FreshProposal(3, V, False),
        PREVOTED,
        (CastVote(PREVOTE, 3, None),),
    ),
    (
        "L26: an invalid block, even if locked on it",
        locked(PROPOSING, 1),
        FreshProposal(3, V, False),
        locked(PREVOTED, 1),
        (CastVote(PREVOTE, 3, None),),
    ),
    (
        "L28 L30: a proven proposal without a lock",
        PROPOSING,
        ProvenProposal(3, V, 1, True),
        PREVOTED,
        (CastVote(PREVOTE, 3, V),),
    ),
    (
        "L29 L30: a polka of the locked round releases the lock",
        locked(PROPOSING, 1),
        ProvenProposal(3, W, 1, True),
        locked(PREVOTED, 1),
        (CastVote(PREVOTE, 3, W),),
    ),
    (
        "L29 L30: a polka of a later round releases the lock",
        locked(PROPOSING, 1),
        ProvenProposal(3, W, 2, True),
        locked(PREVOTED, 1),
        (CastVote(PREVOTE, 3, W),),
    ),
    (
        "L29 L30: the locked block itself, whatever its polka",
        locked(PROPOSING, 2),
        ProvenProposal(3, V, 0, True),
        locked(PREVOTED, 2),
        (CastVote(PREVOTE, 3, V),),
    ),
    (
        "L32: a polka older than the lock does not release it",
        locked(PROPOSING, 2),
        ProvenProposal(3, W, 1, True),
        locked(PREVOTED, 2),
        (CastVote(PREVOTE, 3, None),),
    ),
    (
        "L32: an invalid proven proposal",
        PROPOSING,
        ProvenProposal(3, V, 1, False),
        PREVOTED,
        (CastVote(PREVOTE, 3, None),),
    ),
    (
        "L34 L35: two thirds prevoted anything",
        PREVOTED,
        PolkaAny(3),
        replace(PREVOTED, prevote_timeout_scheduled=True),
        (Schedule(TimeoutKind.PREVOTE, 3),),
    ),
    (
        "L36 to L43: a polka after the own prevote locks and precommits",
        PREVOTED,
        PolkaBlock(3, V),
        locked(PRECOMMITTED, 3),
        (CastVote(PRECOMMIT, 3, V),),
    ),
    (
        "L36 to L43: a polka for another block moves the lock",
        locked(PREVOTED, 1),
        PolkaBlock(3, W),
        locked(PRECOMMITTED, 3, W),
        (CastVote(PRECOMMIT, 3, W),),
    ),
    (
        "L42 L43: a polka after the own precommit only sets the valid value",
        PRECOMMITTED,
        PolkaBlock(3, V),
        valid(PRECOMMITTED, 3),
        (),
    ),
    (
        "L42 L43: a polka of an earlier round sets the valid value, in any step",
        PROPOSING,
        PolkaBlock(1, V),
        valid(PROPOSING, 1),
        (),
    ),
    (
        "L44 to L46: two thirds prevoted nil",
        PREVOTED,
        PolkaNil(3),
        PRECOMMITTED,
        (CastVote(PRECOMMIT, 3, None),),
    ),
    (
        "L44: nil does not release a lock",
        locked(PREVOTED, 1),
        PolkaNil(3),
        locked(PRECOMMITTED, 1),
        (CastVote(PRECOMMIT, 3, None),),
    ),
    *(
        (
            f"L47 L48: two thirds precommitted anything, in step {state.step.name}",
            state,
            PrecommitAny(3),
            replace(state, precommit_timeout_scheduled=True),
            (Schedule(TimeoutKind.PRECOMMIT, 3),),
        )
        for state in (PROPOSING, PREVOTED, PRECOMMITTED)
    ),
    *(
        (
            f"L49 to L51: a decision of round {at_round} in step {state.step.name}",
            state,
            PrecommitBlock(at_round, V),
            replace(state, step=Step.COMMIT, decision=RoundValue(at_round, V)),
            (Decided(at_round, V),),
        )
        for state in (WAITING, PROPOSING, PREVOTED, PRECOMMITTED)
        for at_round in (0, 3, 9)
    ),
    ("L55 L56: a later round", PREVOTED, SkipRound(9), PREVOTED, (EnterRound(9),)),
    ("L55 L56: a round while waiting for the height", WAITING, SkipRound(0), WAITING, (EnterRound(0),)),
    (
        "L57 to L60: no proposal in time",
        PROPOSING,
        Timeout(TimeoutKind.PROPOSE, 3),
        PREVOTED,
        (CastVote(PREVOTE, 3, None),),
    ),
    (
        "L61 to L64: no polka in time",
        PREVOTED,
        Timeout(TimeoutKind.PREVOTE, 3),
        PRECOMMITTED,
        (CastVote(PRECOMMIT, 3, None),),
    ),
    *(
        (
            f"L65 to L67: no decision in time, in step {state.step.name}",
            state,
            Timeout(TimeoutKind.PRECOMMIT, 3),
            state,
            (EnterRound(4),),
        )
        for state in (PROPOSING, PREVOTED, PRECOMMITTED)
    ),
]


@pytest.mark.parametrize(
    ("state", "event", "after", "outputs"), [row[1:] for row in POSITIVE], ids=[r[0] for r in POSITIVE]
)
def test_a_clause_whose_guard_holds(
    state: RoundState, event: Event, after: RoundState, outputs: tuple[Output, ...]
) -> None:
    assert apply(state, event) == (after, outputs)


NEGATIVE: list[tuple[str, RoundState, Event]] = [
    ("L11: a round is not entered twice", PROPOSING, StartRound(3, True)),
    ("L11: nor an earlier one", PROPOSING, StartRound(2, True)),
    ("L18: a block built for another round", PROPOSING, OwnBlock(2, V)),
    ("L18: a block built too late", PREVOTED, OwnBlock(3, V)),
    ("L19: a second proposal in the round", replace(PROPOSING, proposed=True), OwnBlock(3, V)),
    ("L22: not after the own prevote", PREVOTED, FreshProposal(3, V, True)),
    ("L22: not for another round", PROPOSING, FreshProposal(2, V, True)),
    ("L28: not after the own prevote", PREVOTED, ProvenProposal(3, V, 1, True)),
    ("L28: not for another round", PROPOSING, ProvenProposal(4, V, 1, True)),
    ("L28: the polka must be of an earlier round", PROPOSING, ProvenProposal(3, V, 3, True)),
    ("L28: the polka must have a round", PROPOSING, ProvenProposal(3, V, -1, True)),
    ("L34: only after the own prevote", PROPOSING, PolkaAny(3)),
    ("L34: not after the own precommit", PRECOMMITTED, PolkaAny(3)),
    ("L34: only once", replace(PREVOTED, prevote_timeout_scheduled=True), PolkaAny(3)),
    ("L34: not for another round", PREVOTED, PolkaAny(2)),
    ("L36: not before the own prevote", PROPOSING, PolkaBlock(3, V)),
    ("L36: not for a later round", PREVOTED, PolkaBlock(4, V)),
    ("L42: an older polka does not replace the valid value", valid(PRECOMMITTED, 2), PolkaBlock(1, W)),
    ("L42: the same polka again", valid(PRECOMMITTED, 3), PolkaBlock(3, V)),
    ("L44: not before the own prevote", PROPOSING, PolkaNil(3)),
    ("L44: not after the own precommit", PRECOMMITTED, PolkaNil(3)),
    ("L44: not for another round", PREVOTED, PolkaNil(2)),
    ("L47: only once", replace(PREVOTED, precommit_timeout_scheduled=True), PrecommitAny(3)),
    ("L47: not for another round", PREVOTED, PrecommitAny(2)),
    ("L55: not to the same round", PREVOTED, SkipRound(3)),
    ("L55: not backwards", PREVOTED, SkipRound(2)),
    ("L57: stale", PROPOSING, Timeout(TimeoutKind.PROPOSE, 2)),
    ("L57: after the own prevote", PREVOTED, Timeout(TimeoutKind.PROPOSE, 3)),
    ("L61: stale", PREVOTED, Timeout(TimeoutKind.PREVOTE, 2)),
    ("L61: before the own prevote", PROPOSING, Timeout(TimeoutKind.PREVOTE, 3)),
    ("L61: after the own precommit", PRECOMMITTED, Timeout(TimeoutKind.PREVOTE, 3)),
    ("L65: stale", PRECOMMITTED, Timeout(TimeoutKind.PRECOMMIT, 2)),
    ("a repetition timeout is none of the paper's", PRECOMMITTED, Timeout(TimeoutKind.REBROADCAST, 3)),
    ("L49: a decision is final", DECIDED, PrecommitBlock(4, W)),
    ("after the decision no round begins", DECIDED, StartRound(4, True)),
    ("after the decision nothing is skipped", DECIDED, SkipRound(9)),
    ("after the decision no timeout counts", DECIDED, Timeout(TimeoutKind.PRECOMMIT, 3)),
]


@pytest.mark.parametrize(("state", "event"), [row[1:] for row in NEGATIVE], ids=[row[0] for row in NEGATIVE])
def test_a_clause_whose_guard_does_not_hold_changes_nothing(state: RoundState, event: Event) -> None:
    assert apply(state, event) == (state, ())


ROUNDS = st.integers(0, 5)
BLOCKS = st.sampled_from([V, W, block("x")])
EVENTS = st.one_of(
    st.builds(StartRound, ROUNDS, st.booleans()),
    st.builds(OwnBlock, ROUNDS, BLOCKS),
    st.builds(FreshProposal, ROUNDS, BLOCKS, st.booleans()),
    st.builds(ProvenProposal, ROUNDS, BLOCKS, st.integers(-1, 5), st.booleans()),
    st.builds(PolkaAny, ROUNDS),
    st.builds(PolkaBlock, ROUNDS, BLOCKS),
    st.builds(PolkaNil, ROUNDS),
    st.builds(PrecommitAny, ROUNDS),
    st.builds(SkipRound, ROUNDS),
    st.builds(Timeout, st.sampled_from(TimeoutKind), ROUNDS),
)


@given(st.lists(EVENTS, max_size=60))
def test_whatever_happens_one_vote_per_step_and_nothing_goes_back(events: list[Event]) -> None:
    state, voted, proposed = RoundState(1), set(), set()
    for event in events:
        before = state
        state, outputs = apply(state, event)
        assert (state.round, state.step) >= (before.round, before.step)
        assert (state.locked.round if state.locked else -1) >= (before.locked.round if before.locked else -1)
        assert (state.valid.round if state.valid else -1) >= (state.locked.round if state.locked else -1)
        for output in outputs:
            if isinstance(output, CastVote):
                assert (output.kind, output.round) not in voted
                voted.add((output.kind, output.round))
            if isinstance(output, Propose):
                assert output.round not in proposed
                proposed.add(output.round)
            if (
                isinstance(output, CastVote)
                and output.kind is VoteKind.PREVOTE
                and output.block_id
                and before.locked
            ):
                released = isinstance(event, ProvenProposal) and event.pol_round >= before.locked.round
                assert released or output.block_id == before.locked.block_id
        # An event offered again must be harmless; only entering a round is not consumed by the state.
        again, repeated = apply(state, event)
        if not any(isinstance(output, EnterRound) for output in outputs):
            assert (again, repeated) == (state, ())
