"""A change of the validator set, as a block asks for it.

Owns the one value that staking gives and consensus applies. Never checks or applies it: the staking contract bounds
what it asks for, consensus.validator_set applies it. Specification: ABCI's ValidatorUpdate (CometBFT spec/abci).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ValidatorUpdate:
    """A change for one consensus key (compressed secp256k1, 33 bytes): a new power, or 0 to remove the validator."""

    public_key: bytes
    power: int
