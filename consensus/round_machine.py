"""The Tendermint state machine of one validator at one height: Algorithm 1 of arXiv 1807.04938.

Owns: round, step, locked value, valid value and decision, and every change of them.
Never does: count votes, judge blocks, know whose turn it is, or sign; those facts arrive inside events.

`apply(state, event)` is the whole machine. Each branch names its lines of the paper. An event whose guard does
not hold changes nothing and gives no output, so that offering an event twice is harmless.

What differs from the paper:
  * L14/L18: a proposer learns of a valid value while its block is being built, so the choice is made again then.
  * L36/L42: a polka of an earlier round may set the valid value later, when it comes as a certificate. That is
    safe, because the valid value only chooses what to propose; prevotes are guarded by the locked value alone.
    It is needed, because votes are not relayed: otherwise one hidden lock could stop the chain (malachite
    issue 956).
  * L55: the vote keeper may name any later round that a correct validator has reached.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from chain.types import Hash32
from consensus.types import NO_ROUND, Height, Round, Step, TimeoutKind, VoteKind


@dataclass(frozen=True, slots=True)
class RoundValue:
    """A block and the round in which it was locked, became valid, or was decided."""

    round: Round
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class RoundState:
    """The variables of the paper (L1-L9); a fresh state waits in step NEW_HEIGHT with round -1."""

    height: Height
    round: Round = NO_ROUND
    step: Step = Step.NEW_HEIGHT
    locked: RoundValue | None = None
    valid: RoundValue | None = None
    decision: RoundValue | None = None
    proposed: bool = False
    prevote_timeout_scheduled: bool = False
    precommit_timeout_scheduled: bool = False


# --- events ---


@dataclass(frozen=True, slots=True)
class StartRound:
    """L11: enter `round`; `is_proposer` tells whether it is this validator's turn."""

    round: Round
    is_proposer: bool


@dataclass(frozen=True, slots=True)
class OwnBlock:
    """L18: the block asked for by `GetBlock` is there."""

    round: Round
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class FreshProposal:
    """L22: the proposer's proposal with validRound -1, its block judged."""

    round: Round
    block_id: Hash32
    valid: bool


@dataclass(frozen=True, slots=True)
class ProvenProposal:
    """L28: the proposer's proposal with validRound >= 0, its block judged, and the polka of that round."""

    round: Round
    block_id: Hash32
    pol_round: Round
    valid: bool


@dataclass(frozen=True, slots=True)
class PolkaAny:
    """L34: more than 2/3 prevoted in `round`, for whatever."""

    round: Round


@dataclass(frozen=True, slots=True)
class PolkaBlock:
    """L36: more than 2/3 prevoted this valid block in `round`."""

    round: Round
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class PolkaNil:
    """L44: more than 2/3 prevoted nil in `round`."""

    round: Round


@dataclass(frozen=True, slots=True)
class PrecommitAny:
    """L47: more than 2/3 precommitted in `round`, for whatever."""

    round: Round


@dataclass(frozen=True, slots=True)
class PrecommitBlock:
    """L49: more than 2/3 precommitted this valid block in `round`, any round of the height."""

    round: Round
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class SkipRound:
    """L55: more than 1/3 sent messages of `round` or later ones."""

    round: Round


@dataclass(frozen=True, slots=True)
class Timeout:
    """L57, L61, L65: a timeout of `round` ran out."""

    kind: TimeoutKind
    round: Round


Event: TypeAlias = (
    StartRound
    | OwnBlock
    | FreshProposal
    | ProvenProposal
    | PolkaAny
    | PolkaBlock
    | PolkaNil
    | PrecommitAny
    | PrecommitBlock
    | SkipRound
    | Timeout
)

# --- outputs ---


@dataclass(frozen=True, slots=True)
class GetBlock:
    """L18: build a block for `round`; the answer is `OwnBlock`."""

    round: Round


@dataclass(frozen=True, slots=True)
class Propose:
    """L19: broadcast a proposal."""

    round: Round
    block_id: Hash32
    pol_round: Round


@dataclass(frozen=True, slots=True)
class CastVote:
    """Broadcast a vote of this validator; `block_id` None is nil."""

    kind: VoteKind
    round: Round
    block_id: Hash32 | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Start a timeout of `round`."""

    kind: TimeoutKind
    round: Round


@dataclass(frozen=True, slots=True)
class EnterRound:
    """L56, L67: `round` begins; the answer is `StartRound`."""

    round: Round


@dataclass(frozen=True, slots=True)
class Decided:
    """L51: the height is decided."""

    round: Round
    block_id: Hash32


Output: TypeAlias = GetBlock | Propose | CastVote | Schedule | EnterRound | Decided
Transition: TypeAlias = tuple[RoundState, tuple[Output, ...]]


def apply(state: RoundState, event: Event) -> Transition:
    """The next state and what to do; (state, ()) if the event does not apply."""
    if state.step is Step.COMMIT:
        return state, ()
    match event:
        case StartRound():
            return _start_round(state, event)
        case OwnBlock():
            return _own_block(state, event)
        case FreshProposal():
            return _fresh_proposal(state, event)
        case ProvenProposal():
            return _proven_proposal(state, event)
        case PolkaAny():
            return _polka_any(state, event)
        case PolkaBlock():
            return _polka_block(state, event)
        case PolkaNil():
            return _polka_nil(state, event)
        case PrecommitAny():
            return _precommit_any(state, event)
        case PrecommitBlock():
            return _precommit_block(state, event)
        case SkipRound():
            return _skip_round(state, event)
        case Timeout():
            return _timeout(state, event)
        case _:
            assert_never(event)


def _start_round(state: RoundState, event: StartRound) -> Transition:
    if event.round <= state.round:
        return state, ()
    # L12, L13
    entered = replace(
        state,
        round=event.round,
        step=Step.PROPOSE,
        proposed=False,
        prevote_timeout_scheduled=False,
        precommit_timeout_scheduled=False,
    )
    # L21; the proposer sets it too, so that a block that cannot be built does not stop its own round
    timeout = Schedule(TimeoutKind.PROPOSE, event.round)
    if not event.is_proposer:
        return entered, (timeout,)
    if state.valid is not None:
        # L15, L16, L19
        proposed, outputs = _propose(entered, state.valid.block_id, state.valid.round)
        return proposed, (*outputs, timeout)
    # L18
    return entered, (GetBlock(event.round), timeout)


def _own_block(state: RoundState, event: OwnBlock) -> Transition:
    # One proposal per round: a second one would be equivocation.
    if event.round != state.round or state.step is not Step.PROPOSE or state.proposed:
        return state, ()
    if state.valid is not None:
        # L15, L16, L19 with a valid value learnt since the round began
        return _propose(state, state.valid.block_id, state.valid.round)
    return _propose(state, event.block_id, NO_ROUND)  # L18, L19


def _fresh_proposal(state: RoundState, event: FreshProposal) -> Transition:
    if event.round != state.round or state.step is not Step.PROPOSE:
        return state, ()
    # L23: lockedRound = -1 or lockedValue = v
    if event.valid and (state.locked is None or state.locked.block_id == event.block_id):
        return _prevote(state, event.block_id)  # L24, L27
    return _prevote(state, None)  # L26, L27


def _proven_proposal(state: RoundState, event: ProvenProposal) -> Transition:
    if event.round != state.round or state.step is not Step.PROPOSE:
        return state, ()
    # L28: 0 <= vr < round
    if not 0 <= event.pol_round < state.round:
        return state, ()
    # L29: lockedRound <= vr or lockedValue = v
    unlocked = state.locked is None or state.locked.round <= event.pol_round
    same = state.locked is not None and state.locked.block_id == event.block_id
    if event.valid and (unlocked or same):
        return _prevote(state, event.block_id)  # L30, L33
    return _prevote(state, None)  # L32, L33


def _polka_any(state: RoundState, event: PolkaAny) -> Transition:
    # L34 for the first time
    if event.round != state.round or state.step is not Step.PREVOTE or state.prevote_timeout_scheduled:
        return state, ()
    # L35
    return replace(state, prevote_timeout_scheduled=True), (Schedule(TimeoutKind.PREVOTE, event.round),)


def _polka_block(state: RoundState, event: PolkaBlock) -> Transition:
    value = RoundValue(event.round, event.block_id)
    newer = state.valid is None or state.valid.round < event.round
    if event.round < state.round:
        # L42, L43 for a polka of an earlier round
        return (replace(state, valid=value), ()) if newer else (state, ())
    # L36: step >= prevote
    if event.round > state.round or state.step < Step.PREVOTE:
        return state, ()
    if state.step is Step.PREVOTE:
        # L38, L39, L41, L42, L43
        locked = replace(state, step=Step.PRECOMMIT, locked=value, valid=value)
        return locked, (CastVote(VoteKind.PRECOMMIT, event.round, event.block_id),)  # L40
    # L42, L43
    return (replace(state, valid=value), ()) if newer else (state, ())


def _polka_nil(state: RoundState, event: PolkaNil) -> Transition:
    if event.round != state.round or state.step is not Step.PREVOTE:
        return state, ()
    return _precommit_nil(state)  # L44, L45, L46


def _precommit_any(state: RoundState, event: PrecommitAny) -> Transition:
    # L47 for the first time
    if event.round != state.round or state.precommit_timeout_scheduled:
        return state, ()
    # L48
    return replace(state, precommit_timeout_scheduled=True), (Schedule(TimeoutKind.PRECOMMIT, event.round),)


def _precommit_block(state: RoundState, event: PrecommitBlock) -> Transition:
    # L49, L50, L51: decision = -1 holds, because a decided state left in `apply`
    decision = RoundValue(event.round, event.block_id)
    return replace(state, step=Step.COMMIT, decision=decision), (Decided(event.round, event.block_id),)


def _skip_round(state: RoundState, event: SkipRound) -> Transition:
    # L55, L56
    return (state, (EnterRound(event.round),)) if event.round > state.round else (state, ())


def _timeout(state: RoundState, event: Timeout) -> Transition:
    if event.round != state.round:
        return state, ()
    match event.kind:
        case TimeoutKind.PROPOSE if state.step is Step.PROPOSE:
            return _prevote(state, None)  # L57, L58, L59, L60
        case TimeoutKind.PREVOTE if state.step is Step.PREVOTE:
            return _precommit_nil(state)  # L61, L62, L63, L64
        case TimeoutKind.PRECOMMIT:
            return state, (EnterRound(event.round + 1),)  # L65, L66, L67
        case _:
            return state, ()


def _propose(state: RoundState, block_id: Hash32, pol_round: Round) -> Transition:
    return replace(state, proposed=True), (Propose(state.round, block_id, pol_round),)


def _prevote(state: RoundState, block_id: Hash32 | None) -> Transition:
    return replace(state, step=Step.PREVOTE), (CastVote(VoteKind.PREVOTE, state.round, block_id),)


def _precommit_nil(state: RoundState) -> Transition:
    return replace(state, step=Step.PRECOMMIT), (CastVote(VoteKind.PRECOMMIT, state.round, None),)
