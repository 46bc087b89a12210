"""Stake in shares: what a share of a validator is worth, and every rounding of it.

Owns: the exchange between wei and shares. Never does: know who owns what.
Specification: x/staking of the Cosmos SDK (shares and tokens of a validator), with whole shares instead of decimals.

A validator has `tokens` wei that belong to `shares` shares. The first share costs one wei, and a slash takes tokens,
not shares. Every rounding is against who acts, so that always tokens <= shares: a share is never worth more than one
wei, and nobody can make shares so dear that rounding eats the stake of the next delegator.
"""

from __future__ import annotations

from vm.system.staking.parameters import BPS


def shares_of_deposit(wei: int, tokens: int, shares: int) -> int:
    """Shares for new stake, rounded down; at least `wei`. A validator that has shares must have tokens."""
    return wei * shares // tokens if shares else wei


def worth(part: int, tokens: int, shares: int) -> int:
    """Wei that `part` of the shares are worth, rounded down."""
    return part * tokens // shares if part else 0


def shares_of_withdrawal(wei: int, held: int, tokens: int, shares: int) -> int:
    """Shares that must go for `wei`, which `held` shares are worth at least; all of them if they are worth just
    that."""
    if wei == worth(held, tokens, shares):
        return held
    return -(-wei * shares // tokens)


def part_of(amount: int, bps: int) -> int:
    """`bps` of an amount, rounded up."""
    return -(-amount * bps // BPS)
