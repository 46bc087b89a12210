"""Validators with known keys, and votes and proposals by them, for tests of consensus."""

from __future__ import annotations

from functools import cache

from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey
from chain.types import Address, Hash32
from consensus.sign_bytes import sign_digest
from consensus.types import Proposal, Vote, VoteKind
from consensus.validator_set import Validator, ValidatorSet, new_validator_set, validator_of

CHAIN_ID = 1337
FAKE_SIGNATURE = b"\x01" * 64


@cache
def key(index: int) -> PrivateKey:
    """The secret key number `index`."""
    return PrivateKey(keccak256(b"validator key" + bytes([index])))


def committee(*powers: int) -> ValidatorSet:
    """Validators 0, 1, ... with these powers and real keys."""
    return new_validator_set(validator_of(key(i).public_key, power) for i, power in enumerate(powers))


def plain_committee(*powers: int) -> ValidatorSet:
    """Validators with addresses 0x0101.., 0x0202.., for tests without signatures."""
    return new_validator_set(
        Validator(plain_address(i), b"\x02" + bytes([i + 1]) * 32, power) for i, power in enumerate(powers)
    )


def plain_address(index: int) -> Address:
    """The address of validator `index` of a plain committee."""
    return Address(bytes([index + 1]) * 20)


def block(name: str) -> Hash32:
    """A block id."""
    return keccak256(name.encode())


def vote(
    kind: VoteKind, height: int, at_round: int, block_id: Hash32 | None, index: int, *, signed: bool = True
) -> Vote:
    """A really signed vote of committee member `index`."""
    unsigned = Vote(kind, height, at_round, block_id, key(index).address)
    return unsigned.signed(key(index).sign_compact(sign_digest(CHAIN_ID, unsigned))) if signed else unsigned


def proposal(height: int, at_round: int, pol_round: int, block_id: Hash32, index: int) -> Proposal:
    """A really signed proposal of committee member `index`."""
    unsigned = Proposal(height, at_round, pol_round, block_id, key(index).address)
    return unsigned.signed(key(index).sign_compact(sign_digest(CHAIN_ID, unsigned)))


def plain_vote(kind: VoteKind, at_round: int, block_id: Hash32 | None, index: int, height: int = 1) -> Vote:
    """A vote of plain committee member `index` with a made-up signature."""
    return Vote(kind, height, at_round, block_id, plain_address(index), FAKE_SIGNATURE)
