"""Proofs made of votes: building them from votes, and checking single messages and whole certificates.

Owns: every signature check of consensus, and the canonical form of commits and certificates.
Never does: count votes of a running height (`vote_keeper`), or remember what was checked (the caller dedupes).
Specification: arXiv 1807.04938; commit slots as in CometBFT `types/block.go`; polka and round certificates as in
malachite's liveness design.

All `verify_*` functions return nothing and raise a subclass of InvalidMessage, which is the peer's fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from chain.keccak import keccak256
from chain.secp256k1 import verify
from chain.types import Address, Hash32
from consensus.codec import encode_commit
from consensus.errors import (
    InsufficientPower,
    InvalidCertificate,
    InvalidMessage,
    InvalidProposal,
    UnknownValidator,
    WrongSignature,
)
from consensus.sign_bytes import sign_digest
from consensus.types import (
    UNSIGNED,
    BlockIdFlag,
    CertificateSignature,
    Commit,
    CommitSignature,
    DuplicateVoteEvidence,
    Evidence,
    Height,
    PolkaCertificate,
    Proposal,
    Round,
    RoundCertificate,
    RoundCertificateKind,
    SignedMessage,
    Vote,
    VoteKind,
)
from consensus.validator_set import Validator, ValidatorSet

_NO_COMMIT_HASH: Final = keccak256(b"aurigraph-no-commit\x01")
"""Hash in place of the parent's commit where there is none: the first block."""


# --- single messages ---


def verify_vote(chain_id: int, validators: ValidatorSet, vote: Vote) -> None:
    """Check that a member of `validators` (the set of the vote's height) signed `vote`."""
    _verify_signature(chain_id, _member(validators, vote.validator), vote, vote.signature)


def verify_proposal(chain_id: int, validators: ValidatorSet, proposal: Proposal) -> None:
    """Check that a member signed `proposal`; whose turn it is, is checked by the engine, which knows the round."""
    if not -1 <= proposal.pol_round < proposal.round:
        raise InvalidProposal("proof-of-lock round is not before the proposal's round")
    _verify_signature(chain_id, _member(validators, proposal.proposer), proposal, proposal.signature)


def _member(validators: ValidatorSet, address: Address) -> Validator:
    member = validators.get(address)
    if member is None:
        raise UnknownValidator(f"0x{address.hex()} is not a validator of this height")
    return member


def _verify_signature(chain_id: int, member: Validator, message: SignedMessage, signature: bytes) -> None:
    if not verify(member.public_key33, sign_digest(chain_id, message), signature):
        raise WrongSignature(f"signature of 0x{member.address.hex()} does not verify")


# --- commits ---


def commit_of_precommits(
    validators: ValidatorSet,
    height: Height,
    at_round: Round,
    block_id: Hash32,
    precommits: Mapping[Address, Vote],
) -> Commit:
    """The commit that these precommits of one round make; a vote for another block leaves its slot ABSENT."""
    slots = tuple(_slot(member.address, block_id, precommits) for member in validators.validators)
    return Commit(height, at_round, block_id, slots)


def _slot(address: Address, block_id: Hash32, precommits: Mapping[Address, Vote]) -> CommitSignature:
    vote = precommits.get(address)
    if vote is not None and vote.block_id == block_id:
        return CommitSignature(address, BlockIdFlag.COMMIT, vote.signature)
    if vote is not None and vote.block_id is None:
        return CommitSignature(address, BlockIdFlag.NIL, vote.signature)
    return CommitSignature(address, BlockIdFlag.ABSENT, UNSIGNED)


def with_late_precommit(commit: Commit, validators: ValidatorSet, vote: Vote) -> Commit | None:
    """`commit` with an ABSENT slot filled by a precommit that came after the decision; None if it does not fit."""
    index = validators.index_of(vote.validator)
    fits = (
        index is not None
        and vote.kind is VoteKind.PRECOMMIT
        and (vote.height, vote.round, vote.block_id) == (commit.height, commit.round, commit.block_id)
    )
    if index is None or not fits or commit.signatures[index].block_id_flag is not BlockIdFlag.ABSENT:
        return None
    slots = list(commit.signatures)
    slots[index] = CommitSignature(vote.validator, BlockIdFlag.COMMIT, vote.signature)
    return replace(commit, signatures=tuple(slots))


def precommits_of_commit(commit: Commit) -> tuple[Vote, ...]:
    """The single votes that the commit holds, for its block and for nil."""
    return tuple(
        Vote(
            VoteKind.PRECOMMIT,
            commit.height,
            commit.round,
            commit.block_id if slot.block_id_flag is BlockIdFlag.COMMIT else None,
            slot.validator,
            slot.signature,
        )
        for slot in commit.signatures
        if slot.block_id_flag is not BlockIdFlag.ABSENT
    )


def verify_commit(
    chain_id: int, validators: ValidatorSet, height: Height, block_id: Hash32, commit: Commit
) -> None:
    """Check that `commit` proves the decision of `block_id` at `height` by `validators`.

    Every signature is checked, also those for nil, because the commit enters the next block; one slot per
    validator in set order; more than 2/3 of the power for the block.
    """
    if (commit.height, commit.block_id) != (height, block_id):
        raise InvalidCertificate(f"commit is for height {commit.height} or another block, not {height}")
    if len(commit.signatures) != len(validators):
        raise InvalidCertificate(f"{len(commit.signatures)} slots for {len(validators)} validators")
    power = 0
    # Powers and shape first: they cost nothing, signatures do.
    for member, slot in zip(validators.validators, commit.signatures, strict=True):
        if slot.validator != member.address:
            raise InvalidCertificate("slots are not in validator set order")
        if (slot.block_id_flag is BlockIdFlag.ABSENT) != (slot.signature == UNSIGNED):
            raise InvalidCertificate("a slot is signed if and only if it is not absent")
        power += member.power if slot.block_id_flag is BlockIdFlag.COMMIT else 0
    _require_quorum(validators, power)
    for member, slot in zip(validators.validators, commit.signatures, strict=True):
        if slot.block_id_flag is not BlockIdFlag.ABSENT:
            voted = block_id if slot.block_id_flag is BlockIdFlag.COMMIT else None
            vote = Vote(VoteKind.PRECOMMIT, height, commit.round, voted, member.address)
            _verify_signature(chain_id, member, vote, slot.signature)


def commit_hash(commit: Commit | None) -> Hash32:
    """Keccak of the encoded commit; a fixed value where there is none (the first block)."""
    return _NO_COMMIT_HASH if commit is None else keccak256(encode_commit(commit))


# --- polka certificates ---


def polka_certificate_of_prevotes(
    validators: ValidatorSet, height: Height, at_round: Round, block_id: Hash32, prevotes: Iterable[Vote]
) -> PolkaCertificate:
    """The certificate that these prevotes for one block make, in set order; the caller knows it is a quorum."""
    by_validator = {vote.validator: vote.signature for vote in prevotes}
    return PolkaCertificate(
        height,
        at_round,
        block_id,
        tuple(
            CertificateSignature(member.address, by_validator[member.address])
            for member in validators.validators
            if member.address in by_validator
        ),
    )


def prevotes_of_polka(certificate: PolkaCertificate) -> tuple[Vote, ...]:
    """The single votes that the certificate holds."""
    return tuple(
        Vote(
            VoteKind.PREVOTE,
            certificate.height,
            certificate.round,
            certificate.block_id,
            entry.validator,
            entry.signature,
        )
        for entry in certificate.signatures
    )


def verify_polka_certificate(chain_id: int, validators: ValidatorSet, certificate: PolkaCertificate) -> None:
    """Check members, order, power (> 2/3) and each signature."""
    votes = prevotes_of_polka(certificate)
    _require_quorum(validators, _distinct_power(validators, votes))
    for vote in votes:
        verify_vote(chain_id, validators, vote)


# --- round certificates ---


def round_certificate_of_votes(
    validators: ValidatorSet,
    kind: RoundCertificateKind,
    height: Height,
    at_round: Round,
    votes: Iterable[Vote],
) -> RoundCertificate:
    """The certificate that these votes make, one vote per validator in set order."""
    by_validator: dict[Address, Vote] = {}
    for vote in votes:
        by_validator.setdefault(vote.validator, vote)
    ordered = (by_validator.get(member.address) for member in validators.validators)
    return RoundCertificate(kind, height, at_round, tuple(vote for vote in ordered if vote is not None))


def verify_round_certificate(chain_id: int, validators: ValidatorSet, certificate: RoundCertificate) -> None:
    """Check that the votes are of the right round, distinct members, enough power, and each signature."""
    skip = certificate.kind is RoundCertificateKind.SKIP
    voted_round = certificate.round if skip else certificate.round - 1
    for vote in certificate.votes:
        if (vote.height, vote.round) != (certificate.height, voted_round):
            raise InvalidCertificate("a vote of another height or round")
        if not skip and vote.kind is not VoteKind.PRECOMMIT:
            raise InvalidCertificate("only precommits end a round")
    power = _distinct_power(validators, certificate.votes)
    if skip and not validators.is_honest(power):
        raise InsufficientPower(power, validators.total_power // 3)
    if not skip:
        _require_quorum(validators, power)
    for vote in certificate.votes:
        verify_vote(chain_id, validators, vote)


# --- evidence ---


def verify_evidence(chain_id: int, validators: ValidatorSet, evidence: Evidence) -> None:
    """Check that both messages are signed by one member of `validators` (the set of their height) and conflict."""
    first, second = evidence.first, evidence.second
    if isinstance(evidence, DuplicateVoteEvidence):
        same = _vote_slot(evidence.first) == _vote_slot(evidence.second)
        differ = evidence.first.block_id != evidence.second.block_id
    else:
        same = _proposal_slot(evidence.first) == _proposal_slot(evidence.second)
        differ = _proposal_choice(evidence.first) != _proposal_choice(evidence.second)
    if not same or not differ:
        raise InvalidMessage("the two messages do not contradict each other")
    for message in (first, second):
        signer = message.validator if isinstance(message, Vote) else message.proposer
        _verify_signature(chain_id, _member(validators, signer), message, message.signature)


def _vote_slot(vote: Vote) -> tuple[VoteKind, Height, Round, Address]:
    return (vote.kind, vote.height, vote.round, vote.validator)


def _proposal_slot(proposal: Proposal) -> tuple[Height, Round, Address]:
    return (proposal.height, proposal.round, proposal.proposer)


def _proposal_choice(proposal: Proposal) -> tuple[Round, Hash32]:
    return (proposal.pol_round, proposal.block_id)


# --- shared ---


def _distinct_power(validators: ValidatorSet, votes: Iterable[Vote]) -> int:
    """Power of the voters; raises unless all are members, each once, in set order."""
    power = 0
    last_index = -1
    for vote in votes:
        index = validators.index_of(vote.validator)
        if index is None:
            raise UnknownValidator(f"0x{vote.validator.hex()} is not a validator of this height")
        if index <= last_index:
            raise InvalidCertificate("voters are not distinct and in validator set order")
        last_index = index
        power += validators.validators[index].power
    return power


def _require_quorum(validators: ValidatorSet, power: int) -> None:
    if not validators.is_quorum(power):
        raise InsufficientPower(power, 2 * validators.total_power // 3)
