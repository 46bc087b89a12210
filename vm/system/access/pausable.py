"""A switch that stops a contract.

Owns: Pausable with OpenZeppelin's ABI, errors and events, and the guards `not_paused` and `when_paused`.
Never does: say who may throw the switch: concrete contracts do, with pause() and unpause().
Specification: OpenZeppelin Contracts 5, utils/Pausable.sol.
"""

from __future__ import annotations

from typing import Final

from vm.system.framework import Contract, ContractError, Event, Guard, Slot, address, view


def _check_not_paused(contract: Pausable) -> None:
    if contract.paused_:
        raise Pausable.EnforcedPause()


def _check_paused(contract: Pausable) -> None:
    if not contract.paused_:
        raise Pausable.ExpectedPause()


not_paused: Final = Guard("while not paused", _check_not_paused)
when_paused: Final = Guard("while paused", _check_paused)


class Pausable(Contract):
    """Can be stopped in an emergency (OpenZeppelin's Pausable)."""

    class Paused(Event):
        """The contract was stopped by `account`."""

        account: address

    class Unpaused(Event):
        """The contract goes on."""

        account: address

    class EnforcedPause(ContractError):
        """Not while the contract is paused."""

    class ExpectedPause(ContractError):
        """Only while the contract is paused."""

    paused_: Slot[bool]

    @view
    def paused(self) -> bool:
        """Whether the contract is stopped."""
        return self.paused_

    def _pause(self) -> None:
        _check_not_paused(self)
        self.paused_ = True
        self.emit(self.Paused(self.sender))

    def _unpause(self) -> None:
        _check_paused(self)
        self.paused_ = False
        self.emit(self.Unpaused(self.sender))
