"""Watches a simulated network from outside and raises when something happened that never may.

Owns: the invariants. Never does: use the counting, locking or certificate code of the product; what it needs of
it, it works out again from the messages on the wire. Only decoding and sign bytes are shared (golden-tested).

    I1 agreement         no two nodes commit different blocks at one height
    I2 validity          every committed block extends the one before and was not made to be invalid
    I3 no equivocation   one message per honest key, height, round and kind, across all restarts
    I4 lock rule         a prevote against an own earlier precommit needs a newer polka for it
    I5 monotone          what a node signs never goes back in (height, round, step)
    I6 commit soundness  every commit has distinct signers of more than 2/3 of the power, signatures verify
    I7 durability        when an own message leaves, it is in the durable part of the log, and the signer is synced
    I9 evidence          nobody honest is accused
    I10 membership       nobody honest signs for a height at which it is no validator
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import coincurve

from chain.keccak import keccak256
from chain.types import Address, Hash32
from consensus.codec import decode_message, encode_input
from consensus.messages import OwnSigned, ProposalMessage
from consensus.sign_bytes import sign_bytes
from consensus.types import BlockIdFlag, Commit, Evidence, Proposal, Vote, VoteKind
from consensus.validator_set import ValidatorSet
from tests.sim.chain import GENESIS_ID, block_id_of, parent_of

decoded = lru_cache(maxsize=4096)(decode_message)
"""What is sent again and again is decoded once."""


class Violation(AssertionError):
    """An invariant broke."""


class Checker:
    """One per network. `validators_of` gives the set that decides a height."""

    def __init__(self, chain_id: int, validators_of: Callable[[int], ValidatorSet]) -> None:
        self.decided: dict[int, Hash32] = {}
        self.payloads: dict[int, bytes] = {}
        self.evidence_against: set[Address] = set()
        self.byzantine: set[Address] = set()
        self._chain_id = chain_id
        self._validators_of = validators_of
        self._signed: dict[tuple[Address, int, int, int], Hash32 | None] = {}
        self._newest: dict[Address, tuple[int, int, int]] = {}
        self._prevotes: dict[tuple[int, int, Hash32], set[Address]] = {}
        self._precommits: dict[Address, list[tuple[int, int, Hash32]]] = {}
        self._checked: set[Commit] = set()

    # --- messages ---

    def sent(self, sender: Address | None, raw: bytes, is_durable: Callable[[bytes], bool]) -> None:
        """A node hands a message to the network; `is_durable` looks for a log entry on its disk."""
        message = decoded(raw)
        if isinstance(message, ProposalMessage):
            signed: Vote | Proposal = message.proposal
            signer, kind = message.proposal.proposer, 0
        elif isinstance(message, Vote):
            signed, signer, kind = message, message.validator, int(message.kind)
        else:
            return
        is_new = self._observe(signed, signer, kind)
        if is_new and signer == sender and not is_durable(encode_input(OwnSigned(signed))):
            raise Violation(f"I7: message left before it was durable: {signed!r}")

    def _observe(self, message: Vote | Proposal, signer: Address, kind: int) -> bool:
        slot = (signer, message.height, message.round, kind)
        if slot in self._signed:
            if self._signed[slot] != message.block_id and signer not in self.byzantine:
                raise Violation(f"I3: {signer.hex()} signed twice: {message!r}")
            return False
        self._signed[slot] = message.block_id
        place = (message.height, message.round, kind)
        if signer not in self.byzantine:
            if signer not in {member.address for member in self._validators_of(message.height).validators}:
                raise Violation(f"I10: {signer.hex()} is no validator of height {message.height}")
            if place < self._newest.get(signer, (0, 0, 0)):
                raise Violation(f"I5: {signer.hex()} signed {place} after {self._newest[signer]}")
            self._newest[signer] = place
        if isinstance(message, Vote) and message.block_id is not None:
            self._observe_vote(message, message.block_id)
        return True

    def _observe_vote(self, vote: Vote, block_id: Hash32) -> None:
        if vote.kind is VoteKind.PREVOTE:
            self._prevotes.setdefault((vote.height, vote.round, block_id), set()).add(vote.validator)
            if vote.validator not in self.byzantine:
                self._check_lock(vote, block_id)
        else:
            self._precommits.setdefault(vote.validator, []).append((vote.height, vote.round, block_id))

    def _check_lock(self, vote: Vote, block_id: Hash32) -> None:
        locks = [
            (at, block)
            for height, at, block in self._precommits.get(vote.validator, [])
            if height == vote.height and at < vote.round
        ]
        if not locks or locks[-1][1] == block_id:
            return
        locked_round = locks[-1][0]
        for at in range(locked_round, vote.round):
            voters = self._prevotes.get((vote.height, at, block_id), set())
            if self._is_quorum(vote.height, voters):
                return
        raise Violation(f"I4: {vote.validator.hex()} is locked since round {locked_round}, yet sent {vote!r}")

    def _is_quorum(self, height: int, voters: set[Address]) -> bool:
        members = self._validators_of(height).validators
        total = sum(member.power for member in members)
        return 3 * sum(member.power for member in members if member.address in voters) > 2 * total

    # --- blocks ---

    def committed(self, height: int, payload: bytes, commit: Commit) -> None:
        """A node made a block durable."""
        block_id = block_id_of(payload)
        if self.decided.setdefault(height, block_id) != block_id:
            raise Violation(f"I1: two blocks at height {height}")
        self.payloads[height] = payload
        before = GENESIS_ID if height == 1 else self.decided.get(height - 1)
        if parent_of(payload) != before or payload.endswith(b"invalid"):
            raise Violation(f"I2: block {height} is not valid on the one before")
        if commit.height != height or commit.block_id != block_id:
            raise Violation(f"I6: commit of something else at height {height}")
        if commit not in self._checked:
            self._check_commit(commit)
            self._checked.add(commit)

    def _check_commit(self, commit: Commit) -> None:
        keys = {
            member.address: member.public_key33 for member in self._validators_of(commit.height).validators
        }
        voters: set[Address] = set()
        for slot in commit.signatures:
            if slot.block_id_flag is not BlockIdFlag.COMMIT:
                continue
            if slot.validator in voters or slot.validator not in keys:
                raise Violation(f"I6: repeated or unknown signer at height {commit.height}")
            voters.add(slot.validator)
            vote = Vote(VoteKind.PRECOMMIT, commit.height, commit.round, commit.block_id, slot.validator)
            digest = keccak256(sign_bytes(self._chain_id, vote))
            if not _verifies(keys[slot.validator], digest, slot.signature):
                raise Violation(f"I6: bad signature at height {commit.height}")
        if not self._is_quorum(commit.height, voters):
            raise Violation(f"I6: too little power at height {commit.height}")

    def accused(self, evidence: Evidence) -> None:
        """A node reports double signing."""
        first = evidence.first
        validator = first.validator if isinstance(first, Vote) else first.proposer
        if validator not in self.byzantine:
            raise Violation(f"I9: honest validator {validator.hex()} was accused")
        self.evidence_against.add(validator)


def _verifies(public_key33: bytes, digest: bytes, signature: bytes) -> bool:
    """By recovery, another path through the library than the product's."""
    for parity in (0, 1):
        try:
            key = coincurve.PublicKey.from_signature_and_message(
                signature + bytes([parity]), digest, hasher=None
            )
        except Exception:
            continue
        if key.format() == public_key33:
            return True
    return False
