"""Calls without enough gas: a call that fails must leave no trace.

Owns: which gas limits are tried, and what a trace is.
Why: a contract that keeps half of its effects when gas runs out can be robbed (GHSA-mjfq-3qr2-6g84).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from state.world import WorldState
from vm.message import Message, Outcome

_FINE_BELOW: Final = 40
"""Limits right below the least that suffices, each tried."""

Try = Callable[[Message], tuple[Outcome, WorldState]]


@dataclass(frozen=True, slots=True)
class Starvation:
    """enough: the least gas with which the call succeeds. failed: how many limits below it were tried."""

    enough: int
    failed: int


def starve(attempt: Try, message: Message, levels: int) -> Starvation:
    """See TestChain.starve; the message succeeds with the gas it has."""
    plenty, world = attempt(message)
    expected = _effects(plenty, world)
    enough = _least(attempt, message)
    tried = sorted(
        {enough * level // levels for level in range(levels)}
        | set(range(max(enough - _FINE_BELOW, 0), enough))
    )
    for gas in tried:
        outcome, world = attempt(replace(message, gas=gas))
        if outcome.succeeded:
            raise AssertionError(f"succeeds with {gas} gas, but not with {enough - 1}")
        trace = _trace(world)
        if trace:
            raise AssertionError(f"failed with {gas} gas, and left {trace}")
    for gas in (enough, enough + 1, enough + enough // 64 + 1, 2 * enough):
        outcome, world = attempt(replace(message, gas=gas))
        if _effects(outcome, world) != expected:
            raise AssertionError(f"does something else with {gas} gas than with {message.gas}")
    return Starvation(enough, len(tried))


def _least(attempt: Try, message: Message) -> int:
    low, high = -1, message.gas  # fails with low, succeeds with high
    while high - low > 1:
        middle = (low + high) // 2
        outcome, _ = attempt(replace(message, gas=middle))
        if outcome.succeeded:
            high = middle
        else:
            low = middle
    return high


def _trace(world: WorldState) -> str:
    """What a message that failed left on its world; empty if nothing, as it must be."""
    changes = world.changes()
    if not changes.is_empty:
        return f"changes: {changes}"
    if world.logs:
        return f"logs: {world.logs}"
    if world.refund:
        return f"a refund of {world.refund} gas"
    destroyed = world.destroyed()
    if destroyed:
        return f"destroyed accounts: {destroyed}"
    return ""


def _effects(outcome: Outcome, world: WorldState) -> object:
    changes = world.changes()
    return (outcome.status, outcome.output, changes.accounts, changes.storage, changes.wiped, world.logs)
