"""One account that may do more than others.

Owns: Ownable and Ownable2Step with OpenZeppelin's ABI, errors and events, and the guard `owner_only`.
Never does: say what the owner may do: functions name the guard.
Specification: OpenZeppelin Contracts 5, access/Ownable.sol and Ownable2Step.sol; ERC-173.
"""

from __future__ import annotations

from typing import Final

from vm.system.framework import (
    ZERO_ADDRESS,
    Contract,
    ContractError,
    Event,
    Guard,
    Indexed,
    Slot,
    address,
    external,
    view,
)


def _check_owner(contract: Ownable) -> None:
    if contract.owner_ != contract.sender:
        raise Ownable.OwnableUnauthorizedAccount(contract.sender)


owner_only: Final = Guard("the owner", _check_owner)


class Ownable(Contract):
    """One owner, who may give the contract to somebody else or to nobody (OpenZeppelin's Ownable)."""

    class OwnershipTransferred(Event):
        """The contract has another owner."""

        previousOwner: Indexed[address]
        newOwner: Indexed[address]

    class OwnableUnauthorizedAccount(ContractError):
        """Only the owner may do this."""

        account: address

    class OwnableInvalidOwner(ContractError):
        """This account cannot be an owner."""

        owner: address

    owner_: Slot[address]

    @view
    def owner(self) -> address:
        """Who owns the contract; the zero address if nobody does."""
        return self.owner_

    @external(only=owner_only)
    def transferOwnership(self, newOwner: address) -> None:
        """Makes `newOwner` the owner."""
        if newOwner == ZERO_ADDRESS:
            raise self.OwnableInvalidOwner(ZERO_ADDRESS)
        self._transfer_ownership(newOwner)

    @external(only=owner_only)
    def renounceOwnership(self) -> None:
        """Leaves the contract without an owner, for ever."""
        self._transfer_ownership(ZERO_ADDRESS)

    def _set_first_owner(self, owner: address) -> None:
        """For constructors."""
        if owner == ZERO_ADDRESS:
            raise self.OwnableInvalidOwner(ZERO_ADDRESS)
        self._transfer_ownership(owner)

    def _transfer_ownership(self, owner: address) -> None:
        previous = self.owner_
        self.owner_ = owner
        self.emit(self.OwnershipTransferred(previous, owner))


class Ownable2Step(Ownable):
    """An owner whose successor must accept (OpenZeppelin's Ownable2Step): no contract is lost to a mistyped address."""

    class OwnershipTransferStarted(Event):
        """The contract waits for a new owner to accept."""

        previousOwner: Indexed[address]
        newOwner: Indexed[address]

    pending_owner: Slot[address]

    @view
    def pendingOwner(self) -> address:
        """Who may accept the contract."""
        return self.pending_owner

    @external(only=owner_only)
    def transferOwnership(self, newOwner: address) -> None:
        """Offers the contract to `newOwner`; the zero address takes an offer back."""
        self.pending_owner = newOwner
        self.emit(self.OwnershipTransferStarted(self.owner_, newOwner))

    @external
    def acceptOwnership(self) -> None:
        """Makes the caller the owner, if the contract was offered to it."""
        if self.pending_owner != self.sender:
            raise self.OwnableUnauthorizedAccount(self.sender)
        self._transfer_ownership(self.sender)

    def _transfer_ownership(self, owner: address) -> None:
        self.pending_owner = ZERO_ADDRESS
        super()._transfer_ownership(owner)
