"""The validator set of one height, with the proposer priorities as explicit state.

Owns: `Validator`, `ValidatorSet`, power thresholds, the set's hash, and applying updates to a set.
Never does: pick the proposer (`proposer`), or decide who becomes a validator (staking).
Specification: CometBFT `types/validator_set.go`: order by descending power then address; a new validator
starts at -1.125 x total power, so leaving and coming back does not pay.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from chain.keccak import keccak256
from chain.secp256k1 import address_of_public_key
from chain.types import Address, Hash32
from chain.validator_update import ValidatorUpdate
from consensus.errors import InvalidValidatorSet

MAX_VALIDATORS: Final = 200
"""Each round costs two votes per validator, each verified in about 75 us: 200 keep that near 30 ms."""
MAX_TOTAL_POWER: Final = 2**60 - 1
"""CometBFT's bound (int64 / 8): priorities, at most twice the total away from zero, fit 64 bits."""
PUBLIC_KEY_BYTES: Final = 33
ADDRESS_BYTES: Final = 20
_HASH_TAG: Final = b"aurigraph-validator-set\x01"


@dataclass(frozen=True, slots=True)
class Validator:
    """One validator: consensus address, compressed secp256k1 public key (33 bytes), voting power (> 0)."""

    address: Address
    public_key33: bytes
    power: int


def validator_of(public_key33: bytes, power: int) -> Validator:
    """The validator of a consensus key; its address is that of the key."""
    return Validator(address_of_public_key(public_key33), public_key33, power)


@dataclass(frozen=True)
class ValidatorSet:
    """An ordered, non-empty set; build it with `new_validator_set` or `apply_updates`.

    `priorities[i]` belongs to `validators[i]` and is the state before the proposer of this height is picked.
    The hash covers keys and powers, not priorities (as in CometBFT): priorities follow from history.
    """

    validators: tuple[Validator, ...]
    priorities: tuple[int, ...]
    _index: Mapping[Address, int] = field(init=False, repr=False, compare=False)
    total_power: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_members(self.validators, self.priorities)
        object.__setattr__(self, "_index", {v.address: i for i, v in enumerate(self.validators)})
        object.__setattr__(self, "total_power", sum(v.power for v in self.validators))

    def __len__(self) -> int:
        return len(self.validators)

    def __contains__(self, address: object) -> bool:
        return address in self._index

    def get(self, address: Address) -> Validator | None:
        """The validator at `address`, or None."""
        index = self._index.get(address)
        return None if index is None else self.validators[index]

    def index_of(self, address: Address) -> int | None:
        """Position of `address` in set order, which is also its slot in a commit; None if not a member."""
        return self._index.get(address)

    def power_of(self, address: Address) -> int:
        """Voting power of `address`, 0 if it is not a member."""
        index = self._index.get(address)
        return 0 if index is None else self.validators[index].power

    def is_quorum(self, power: int) -> bool:
        """More than 2/3 of the total power (the paper's 2f + 1)."""
        return 3 * power > 2 * self.total_power

    def is_honest(self, power: int) -> bool:
        """More than 1/3 of the total power (the paper's f + 1): at least one of them is correct."""
        return 3 * power > self.total_power

    @cached_property
    def _hash(self) -> Hash32:
        rows = b"".join(v.public_key33 + struct.pack(">Q", v.power) for v in self.validators)
        return keccak256(_HASH_TAG + struct.pack(">I", len(self.validators)) + rows)

    def hash(self) -> Hash32:
        """Keccak of the tag, the count (u32) and, in set order, each public key and power (u64)."""
        return self._hash


def new_validator_set(members: Iterable[Validator]) -> ValidatorSet:
    """The set of a first height: sorted, all priorities zero. Raises InvalidValidatorSet."""
    ordered = _in_set_order(members)
    return ValidatorSet(ordered, (0,) * len(ordered))


def with_priorities(validators: ValidatorSet, priorities: tuple[int, ...]) -> ValidatorSet:
    """The same members with other priorities."""
    return replace(validators, priorities=priorities)


def apply_updates(validators: ValidatorSet, updates: Iterable[ValidatorUpdate]) -> ValidatorSet:
    """The set after additions, power changes and removals (CometBFT `updateWithChangeSet`).

    Give it the set after the proposer of its height was picked (`proposer.next_height`). Raises
    InvalidValidatorSet for a repeated key, a negative power, the removal of a stranger, or an empty result.
    """
    changes: dict[Address, Validator] = {}
    for update in updates:
        if update.power < 0:
            raise InvalidValidatorSet(f"voting power {update.power} is negative")
        changed = validator_of(update.public_key, update.power)
        if changed.address in changes:
            raise InvalidValidatorSet("two updates for the same validator")
        if update.power == 0 and changed.address not in validators:
            raise InvalidValidatorSet("removal of a validator that is not in the set")
        changes[changed.address] = changed
    if not changes:
        return validators
    merged = {v.address: v for v in validators.validators} | changes
    # A removed validator still counts at its old power here, so that removing somebody in the same update does
    # not make the newcomer's starting point better.
    removed_power = sum(validators.power_of(address) for address, v in changes.items() if v.power == 0)
    power_before_removals = sum(v.power for v in merged.values()) + removed_power
    newcomer = -(power_before_removals + (power_before_removals >> 3))
    priorities = {v.address: p for v, p in zip(validators.validators, validators.priorities, strict=True)}
    members = _in_set_order(v for v in merged.values() if v.power > 0)
    start = tuple(priorities.get(v.address, newcomer) for v in members)
    return ValidatorSet(members, normalised_priorities(start, sum(v.power for v in members)))


def normalised_priorities(priorities: tuple[int, ...], total_power: int) -> tuple[int, ...]:
    """Scale the distance between extremes into 2 x total power, then centre around zero.

    The scale is a whole number and division truncates toward zero, the average is floored: CometBFT's
    `RescalePriorities` and `shiftByAvgProposerPriority`, so sequences can be compared with it.
    """
    if not priorities:
        return priorities
    window = 2 * total_power
    distance = max(priorities) - min(priorities)
    if distance > window:
        ratio = -(-distance // window)
        priorities = tuple(p // ratio if p >= 0 else -(-p // ratio) for p in priorities)
    average = sum(priorities) // len(priorities)
    return tuple(p - average for p in priorities)


def _in_set_order(members: Iterable[Validator]) -> tuple[Validator, ...]:
    return tuple(sorted(members, key=lambda v: (-v.power, v.address)))


def _check_members(validators: tuple[Validator, ...], priorities: tuple[int, ...]) -> None:
    if not 1 <= len(validators) <= MAX_VALIDATORS:
        raise InvalidValidatorSet(f"{len(validators)} validators, must be 1..{MAX_VALIDATORS}")
    if len(priorities) != len(validators):
        raise InvalidValidatorSet(f"{len(priorities)} priorities for {len(validators)} validators")
    for validator in validators:
        if len(validator.public_key33) != PUBLIC_KEY_BYTES or len(validator.address) != ADDRESS_BYTES:
            raise InvalidValidatorSet("a validator needs a 33-byte public key and a 20-byte address")
        if validator.power <= 0:
            raise InvalidValidatorSet(f"voting power {validator.power} is not positive")
    if sum(v.power for v in validators) > MAX_TOTAL_POWER:
        raise InvalidValidatorSet(f"total voting power above {MAX_TOTAL_POWER}")
    if validators != _in_set_order(validators):
        raise InvalidValidatorSet("validators are not ordered by descending power, then address")
    if len({v.address for v in validators}) != len(validators):
        raise InvalidValidatorSet("two validators have the same address")
