"""The gate: what is let in, what is ignored, what is somebody's fault, and what costs a signature check."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import PeerError
from consensus import inbound as inbound_module
from consensus.certificates import polka_certificate_of_prevotes, round_certificate_of_votes
from consensus.codec import encode_message
from consensus.errors import InvalidMessage, UnknownValidator, WrongSignature
from consensus.inbound import HeightSets, Inbound
from consensus.messages import (
    BlockRequest,
    BlockResponse,
    ProposalMessage,
    Status,
    SyncRequest,
    SyncResponse,
    WireMessage,
)
from consensus.proposer import proposer_at
from consensus.types import (
    PolkaCertificate,
    Proposal,
    RoundCertificate,
    RoundCertificateKind,
    Step,
    Vote,
    VoteKind,
)
from tests.consensus.committee import CHAIN_ID, block, committee, key, proposal, vote

SET = committee(10, 10, 10, 10)
STRANGERS = committee(10, 10, 10, 10, 10)
BLOCK = block("a")
HEIGHT = 5


def gate(round_: int = 0, *, knows_last: bool = True) -> Inbound:
    inbound = Inbound(CHAIN_ID, 10_000, HeightSets(HEIGHT, SET if knows_last else None, SET, SET))
    inbound.enter_round(round_)
    return inbound


def receive(inbound: Inbound, message: WireMessage, *, known: bool = False) -> WireMessage | None:
    return inbound.receive(encode_message(message), lambda _: known)


def turn_of(round_: int) -> int:
    """The index of the proposer of a round."""
    address = proposer_at(SET, round_).address
    return next(index for index in range(4) if key(index).address == address)


def own_proposal(height: int, round_: int, pol_round: int = -1) -> Proposal:
    return proposal(height, round_, pol_round, BLOCK, turn_of(round_))


def polka(round_: int) -> PolkaCertificate:
    votes = [vote(VoteKind.PREVOTE, HEIGHT, round_, BLOCK, index) for index in range(3)]
    return polka_certificate_of_prevotes(SET, HEIGHT, round_, BLOCK, votes)


def round_proof(round_: int) -> RoundCertificate:
    votes = [vote(VoteKind.PRECOMMIT, HEIGHT, round_ - 1, None, index) for index in range(3)]
    kind = RoundCertificateKind.PRECOMMIT_ANY
    return round_certificate_of_votes(SET, kind, HEIGHT, round_, votes)


ACCEPTED: list[WireMessage] = [
    vote(VoteKind.PREVOTE, HEIGHT, 0, BLOCK, 1),
    vote(VoteKind.PRECOMMIT, HEIGHT, 700, None, 1),
    vote(VoteKind.PREVOTE, HEIGHT + 1, 0, BLOCK, 1),
    vote(VoteKind.PRECOMMIT, HEIGHT - 1, 0, BLOCK, 1),
    ProposalMessage(own_proposal(HEIGHT, 0), b"payload"),
    ProposalMessage(own_proposal(HEIGHT, 2), b"payload"),
    ProposalMessage(own_proposal(HEIGHT + 1, 0), b"payload"),
    ProposalMessage(own_proposal(HEIGHT, 1, 0), b"payload", polka(0)),
    polka(3),
    round_proof(2),
    Status(900, 0, Step.PREVOTE),
]

IGNORED: list[WireMessage] = [
    vote(VoteKind.PREVOTE, HEIGHT - 1, 0, BLOCK, 1),
    vote(VoteKind.PREVOTE, HEIGHT - 2, 0, BLOCK, 1),
    vote(VoteKind.PRECOMMIT, HEIGHT + 2, 0, BLOCK, 1),
    ProposalMessage(own_proposal(HEIGHT, 3), b"payload"),
    ProposalMessage(own_proposal(HEIGHT + 1, 4), b"payload"),
    ProposalMessage(own_proposal(HEIGHT - 1, 0), b"payload"),
]


@pytest.mark.parametrize("message", ACCEPTED)
def test_a_useful_message_comes_through_once(message: WireMessage) -> None:
    inbound = gate()
    assert receive(inbound, message) == message
    if not isinstance(message, Status):
        assert receive(inbound, message) is None


@pytest.mark.parametrize("message", IGNORED)
def test_a_message_of_no_use_is_ignored_without_blame(message: WireMessage) -> None:
    assert receive(gate(), message) is None


def test_what_was_of_no_use_in_one_round_is_looked_at_again_in_the_next() -> None:
    inbound = gate(0)
    early = ProposalMessage(own_proposal(HEIGHT, 3), b"payload")
    assert receive(inbound, early) is None
    inbound.enter_round(1)
    assert receive(inbound, early) == early


def test_late_precommits_need_the_set_that_signed_them() -> None:
    late = vote(VoteKind.PRECOMMIT, HEIGHT - 1, 0, BLOCK, 1)
    assert receive(gate(knows_last=False), late) is None


def _bad_signature() -> Vote:
    return vote(VoteKind.PREVOTE, HEIGHT, 0, BLOCK, 1).signed(b"\x01" * 64)


BLAMED: list[tuple[WireMessage, type[PeerError]]] = [
    (_bad_signature(), WrongSignature),
    (vote(VoteKind.PREVOTE, HEIGHT, 0, BLOCK, 4), UnknownValidator),
    (ProposalMessage(proposal(HEIGHT, 0, -1, BLOCK, (turn_of(0) + 1) % 4), b""), InvalidMessage),
    (ProposalMessage(proposal(HEIGHT, 0, -1, BLOCK, 4), b""), UnknownValidator),
    (ProposalMessage(own_proposal(HEIGHT, 2, 0), b"", polka(1)), InvalidMessage),
    (BlockRequest(HEIGHT, BLOCK), InvalidMessage),
    (BlockResponse(b""), InvalidMessage),
    (SyncRequest(1, 1), InvalidMessage),
    (SyncResponse(1, ()), InvalidMessage),
]


@pytest.mark.parametrize(("message", "fault"), BLAMED)
def test_what_no_correct_peer_sends_is_the_peers_fault(message: WireMessage, fault: type[PeerError]) -> None:
    inbound = gate()
    for _ in range(2):
        with pytest.raises(fault):
            receive(inbound, message)


def test_a_proposal_larger_than_a_block_may_be_is_refused() -> None:
    huge = ProposalMessage(own_proposal(HEIGHT, 0), bytes(10_000 + inbound_module.PAYLOAD_ENVELOPE_BYTES))
    with pytest.raises(PeerError):
        receive(gate(), huge)


def test_duplicates_and_known_certificates_cost_no_signature_check(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[str] = []

    def counting(name: str) -> Callable[..., None]:
        return lambda *_: checks.append(name)

    for name in ("verify_vote", "verify_proposal", "verify_polka_certificate", "verify_round_certificate"):
        monkeypatch.setattr(inbound_module, name, counting(name))
    inbound = gate()
    for _ in range(3):
        receive(inbound, vote(VoteKind.PREVOTE, HEIGHT, 0, BLOCK, 1))
        receive(inbound, polka(3), known=True)
        receive(inbound, round_proof(2), known=True)
        receive(inbound, vote(VoteKind.PREVOTE, HEIGHT + 7, 0, BLOCK, 1))
    assert checks == ["verify_vote"]


def test_the_memory_of_checked_messages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_module, "MAX_SEEN", 4)
    inbound = gate()
    for index in range(4):
        for kind in VoteKind:
            receive(inbound, vote(kind, HEIGHT, 0, BLOCK, index))
    assert len(inbound._seen) == 4


@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_nothing_but_a_peers_fault(raw: bytes) -> None:
    try:
        assert gate().receive(raw, lambda _: False) is not None
    except PeerError:
        pass
