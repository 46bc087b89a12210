"""Which rule set a block runs under.

Owns: the names and order of the rule sets, and the schedule that maps a block number to one of them.
Never does: hold what a rule set changes (vm/rules.py), or read a genesis file.
Specification: the meta EIPs 606 (Homestead) to 7607 (Osaka). Unlike mainnet this chain activates by block
number, because its timestamps may repeat.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from chain.errors import CallerError


class Fork(IntEnum):
    """Rule sets in order of activation: a later one contains the earlier ones. Files name them, never number them."""

    FRONTIER = 1
    HOMESTEAD = 2
    TANGERINE_WHISTLE = 3
    SPURIOUS_DRAGON = 4
    BYZANTIUM = 5
    CONSTANTINOPLE = 6
    PETERSBURG = 7
    ISTANBUL = 8
    BERLIN = 9
    LONDON = 10
    PARIS = 11
    SHANGHAI = 12
    CANCUN = 13
    PRAGUE = 14
    OSAKA = 15


EARLIEST_FOR_A_CHAIN = Fork.CANCUN
"""Blocks of this chain have Cancun's header at least. Older rule sets run single transactions, as in official tests."""


class InvalidForkSchedule(CallerError):
    """The schedule does not start at block 0, goes back, or repeats a rule set."""


@dataclass(frozen=True, slots=True)
class ForkSchedule:
    """`activations` lists (rule set, first block number) in ascending order of both; the first is at block 0.

    Raises InvalidForkSchedule when it does not.
    """

    activations: tuple[tuple[Fork, int], ...]

    def __post_init__(self) -> None:
        if not self.activations or self.activations[0][1] != 0:
            raise InvalidForkSchedule("the first rule set must activate at block 0")
        for (earlier, earlier_number), (later, later_number) in zip(
            self.activations, self.activations[1:], strict=False
        ):
            if later <= earlier:
                raise InvalidForkSchedule(f"{later.name} must not follow {earlier.name}")
            if later_number < earlier_number:
                raise InvalidForkSchedule(
                    f"{later.name} activates at block {later_number}, before {earlier.name}"
                )

    def at(self, number: int) -> Fork:
        """The rule set of block `number` (>= 0); of two that activate at the same block the later one."""
        active = self.activations[0][0]
        for fork, first_block in self.activations:
            if first_block > number:
                break
            active = fork
        return active

    @classmethod
    def constant(cls, fork: Fork) -> ForkSchedule:
        """One rule set from block 0 on."""
        return cls(((fork, 0),))

    @classmethod
    def of(cls, activations: Iterable[tuple[Fork, int]]) -> ForkSchedule:
        return cls(tuple(activations))
