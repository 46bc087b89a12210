"""Accounts with names, so that a test says who acts: the same key for the same name everywhere.

Never does: give them coins (TestChain.account) or guard a secret: anybody can compute these keys.
"""

from __future__ import annotations

from functools import cache

from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey
from chain.types import Address


@cache
def key_of(name: str) -> PrivateKey:
    """The key of the account called `name`."""
    return PrivateKey(keccak256(b"test account " + name.encode()))


def address_of(name: str) -> Address:
    """The address of the account called `name`."""
    return key_of(name).address
