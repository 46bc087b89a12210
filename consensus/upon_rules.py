"""Which "upon" clause of the algorithm holds right now.

Owns: the combination of round state, votes and proposals into one event for the round machine.
Never does: change anything. `next_event` is asked again after each event until it answers None.
Specification: arXiv 1807.04938, Algorithm 1. The clauses, in the order in which they are tried:

    | step         | votes                           | proposal, block         | event           | line |
    |--------------|---------------------------------|-------------------------|-----------------|------|
    | any          | > 2/3 precommits for v, round r | v judged valid          | PrecommitBlock  | L49  |
    | any          | > 1/3 reached a round r > round | any                     | SkipRound       | L55  |
    | NEW_HEIGHT   | any                             | proposal of round 0     | SkipRound(0)    | L10  |
    | PROPOSE      | any                             | (v, -1), judged         | FreshProposal   | L22  |
    | PROPOSE      | > 2/3 prevotes for v, round vr  | (v, vr), judged         | ProvenProposal  | L28  |
    | >= PREVOTE   | > 2/3 prevotes for v            | v judged valid          | PolkaBlock      | L36  |
    | PREVOTE      | > 2/3 prevotes for nil          | any                     | PolkaNil        | L44  |
    | PREVOTE      | > 2/3 prevotes                  | any                     | PolkaAny        | L34  |
    | any          | > 2/3 precommits                | any                     | PrecommitAny    | L47  |
    | any          | > 2/3 prevotes for v, earlier r | v judged valid          | PolkaBlock      | L42  |

The paper asks in L36 and L49 for the proposal of that very round. Here the block is what counts: its id names its
content, and a node that got it by another way (an equivocating proposer's second proposal, a peer's answer) may
use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chain.errors import InvariantViolation
from chain.types import Hash32
from consensus.proposal_keeper import ProposalKeeper
from consensus.round_machine import (
    Event,
    FreshProposal,
    PolkaAny,
    PolkaBlock,
    PolkaNil,
    PrecommitAny,
    PrecommitBlock,
    ProvenProposal,
    RoundState,
    SkipRound,
)
from consensus.types import NO_ROUND, Step, VoteKind
from consensus.vote_keeper import VoteKeeper


def next_event(state: RoundState, votes: VoteKeeper, proposals: ProposalKeeper) -> Event | None:
    """The first event that would change `state` or give an output, or None.

    Raises InvariantViolation if more than 2/3 decided a block that was judged invalid here.
    """
    if state.step is Step.COMMIT:
        return None
    for rule in _RULES:
        event = rule(state, votes, proposals)
        if event is not None:
            return event
    return None


def wanted_blocks(state: RoundState, votes: VoteKeeper, proposals: ProposalKeeper) -> list[Hash32]:
    """Blocks that a rule waits for because nobody judged them here: decided ones, then those with a newer polka."""
    if state.step is Step.COMMIT:
        return []
    wanted = [block_id for _, block_id in votes.precommit_quorums()]
    for at_round in votes.polka_rounds():
        block_id = votes.polka(at_round)
        if block_id is not None and at_round > _valid_round(state):
            wanted.append(block_id)
    return [block_id for block_id in dict.fromkeys(wanted) if proposals.verdict(block_id) is None]


def require_not_invalid(proposals: ProposalKeeper, block_id: Hash32) -> None:
    """Stop the node when the network decided what this node found invalid: one of the two is broken."""
    if proposals.verdict(block_id) is False:
        raise InvariantViolation(
            f"more than 2/3 of the power decided block 0x{block_id.hex()}, which is invalid by our execution"
        )


def _valid_round(state: RoundState) -> int:
    return NO_ROUND if state.valid is None else state.valid.round


def _decision(_state: RoundState, votes: VoteKeeper, proposals: ProposalKeeper) -> Event | None:
    for at_round, block_id in votes.precommit_quorums():
        require_not_invalid(proposals, block_id)
        if proposals.verdict(block_id):
            return PrecommitBlock(at_round, block_id)
    return None


def _later_round(state: RoundState, votes: VoteKeeper, _proposals: ProposalKeeper) -> Event | None:
    later = votes.skip_round()
    return SkipRound(later) if later > state.round else None


def _first_proposal(state: RoundState, _votes: VoteKeeper, proposals: ProposalKeeper) -> Event | None:
    if state.step is Step.NEW_HEIGHT and proposals.proposal(0) is not None:
        return SkipRound(0)
    return None


def _proposal(state: RoundState, votes: VoteKeeper, proposals: ProposalKeeper) -> Event | None:
    proposal = proposals.proposal(state.round)
    if state.step is not Step.PROPOSE or proposal is None:
        return None
    valid = proposals.verdict(proposal.block_id)
    if valid is None:
        return None
    if proposal.pol_round == NO_ROUND:
        return FreshProposal(state.round, proposal.block_id, valid)
    if votes.has_polka(proposal.pol_round, proposal.block_id):
        return ProvenProposal(state.round, proposal.block_id, proposal.pol_round, valid)
    return None


def _polka_block(state: RoundState, votes: VoteKeeper, proposals: ProposalKeeper) -> Event | None:
    block_id = votes.polka(state.round)
    if state.step < Step.PREVOTE or block_id is None or not proposals.verdict(block_id):
        return None
    if state.step is Step.PREVOTE or _valid_round(state) < state.round:
        return PolkaBlock(state.round, block_id)
    return None


def _polka_nil(state: RoundState, votes: VoteKeeper, _proposals: ProposalKeeper) -> Event | None:
    if state.step is Step.PREVOTE and votes.has_nil_polka(state.round):
        return PolkaNil(state.round)
    return None


def _polka_any(state: RoundState, votes: VoteKeeper, _proposals: ProposalKeeper) -> Event | None:
    if state.step is not Step.PREVOTE or state.prevote_timeout_scheduled:
        return None
    return PolkaAny(state.round) if votes.has_quorum_any(state.round, VoteKind.PREVOTE) else None


def _precommit_any(state: RoundState, votes: VoteKeeper, _proposals: ProposalKeeper) -> Event | None:
    if state.precommit_timeout_scheduled:
        return None
    return PrecommitAny(state.round) if votes.has_quorum_any(state.round, VoteKind.PRECOMMIT) else None


def _earlier_polka(state: RoundState, votes: VoteKeeper, proposals: ProposalKeeper) -> Event | None:
    for at_round in votes.polka_rounds():
        block_id = votes.polka(at_round)
        if at_round <= _valid_round(state):
            return None
        if at_round < state.round and block_id is not None and proposals.verdict(block_id):
            return PolkaBlock(at_round, block_id)
    return None


_RULES: Final[tuple[Callable[[RoundState, VoteKeeper, ProposalKeeper], Event | None], ...]] = (
    _decision,
    _later_round,
    _first_proposal,
    _proposal,
    _polka_block,
    _polka_nil,
    _polka_any,
    _precommit_any,
    _earlier_polka,
)
