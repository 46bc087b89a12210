"""The fungible token.

Owns: ERC20 with metadata and the errors of ERC-6093, and the one place where balances change: `_update`.
Never does: make tokens by itself; concrete contracts call `_mint`.
Specification: ERC-20, ERC-6093; behaviour, errors and their order, events and storage layout as OpenZeppelin
Contracts 5, token/ERC20/ERC20.sol.

No function here calls another contract, so none needs the lock.
"""

from __future__ import annotations

from typing import Final

from vm.system.access.erc165 import ERC165
from vm.system.framework import (
    ZERO_ADDRESS,
    ContractError,
    Event,
    Indexed,
    Map,
    Slot,
    address,
    external,
    u8,
    u256,
    view,
)
from vm.system.tokens.interfaces import IERC20, IERC20Metadata

UNLIMITED: Final = 2**256 - 1  # an allowance that is never used up
DEFAULT_DECIMALS: Final = 18


class ERC20(ERC165, implements=(IERC20, IERC20Metadata)):
    """A fungible token (ERC-20) with name, symbol and decimals, and the errors of ERC-6093."""

    class Transfer(Event):
        """Tokens moved; from the zero address when they are made, to it when they are destroyed."""

        from_: Indexed[address]
        to: Indexed[address]
        value: u256

    class Approval(Event):
        """`spender` may move `value` tokens of `owner`."""

        owner: Indexed[address]
        spender: Indexed[address]
        value: u256

    class ERC20InsufficientBalance(ContractError):
        """`sender` has fewer tokens than it wants to move."""

        sender: address
        balance: u256
        needed: u256

    class ERC20InvalidSender(ContractError):
        """Nothing can come from this account."""

        sender: address

    class ERC20InvalidReceiver(ContractError):
        """Nothing can go to this account."""

        receiver: address

    class ERC20InsufficientAllowance(ContractError):
        """The owner allowed less than this."""

        spender: address
        allowance: u256
        needed: u256

    class ERC20InvalidApprover(ContractError):
        """This account cannot allow anything."""

        approver: address

    class ERC20InvalidSpender(ContractError):
        """Nothing can be allowed to this account."""

        spender: address

    balances: Map[address, u256]
    allowances: Map[address, Map[address, u256]]
    total_supply: Slot[u256]
    name_: Slot[str]
    symbol_: Slot[str]

    @view
    def name(self) -> str:
        """The token's name."""
        return self.name_

    @view
    def symbol(self) -> str:
        """The token's symbol."""
        return self.symbol_

    @view
    def decimals(self) -> u8:
        """Digits after the point when amounts are shown."""
        return DEFAULT_DECIMALS

    @view
    def totalSupply(self) -> u256:
        """All tokens there are, in the smallest unit."""
        return self.total_supply

    @view
    def balanceOf(self, account: address) -> u256:
        """Tokens of `account`."""
        return self.balances[account]

    @view
    def allowance(self, owner: address, spender: address) -> u256:
        """What `spender` may still move for `owner`."""
        return self.allowances[owner][spender]

    @external(lock=False)
    def transfer(self, to: address, value: u256) -> bool:
        """Moves `value` of the caller's tokens to `to`."""
        self._transfer(self.sender, to, value)
        return True

    @external(lock=False)
    def approve(self, spender: address, value: u256) -> bool:
        """Lets `spender` move `value` of the caller's tokens, in place of what it might before."""
        self._approve(self.sender, spender, value)
        return True

    @external(lock=False)
    def transferFrom(self, from_: address, to: address, value: u256) -> bool:
        """Moves `value` tokens of `from`, who allowed the caller to."""
        self._spend_allowance(from_, self.sender, value)
        self._transfer(from_, to, value)
        return True

    def _set_names(self, name: str, symbol: str) -> None:
        """For constructors."""
        self.name_ = name
        self.symbol_ = symbol

    def _transfer(self, from_: address, to: address, value: u256) -> None:
        if from_ == ZERO_ADDRESS:
            raise self.ERC20InvalidSender(ZERO_ADDRESS)
        if to == ZERO_ADDRESS:
            raise self.ERC20InvalidReceiver(ZERO_ADDRESS)
        self._update(from_, to, value)

    def _update(self, from_: address, to: address, value: u256) -> None:
        """Moves, makes (from zero) or destroys (to zero) tokens. Extensions wrap it; nothing else changes a balance."""
        balances = self.balances
        if from_ == ZERO_ADDRESS:
            self.total_supply += value  # beyond 2**256 - 1: Panic(0x11), so no balance below can overflow
        else:
            held = balances[from_]
            if held < value:
                raise self.ERC20InsufficientBalance(from_, held, value)
            balances[from_] = held - value
        if to == ZERO_ADDRESS:
            self.total_supply -= value
        else:
            balances[to] += value
        self.emit(self.Transfer(from_, to, value))

    def _mint(self, account: address, value: u256) -> None:
        if account == ZERO_ADDRESS:
            raise self.ERC20InvalidReceiver(ZERO_ADDRESS)
        self._update(ZERO_ADDRESS, account, value)

    def _burn(self, account: address, value: u256) -> None:
        if account == ZERO_ADDRESS:
            raise self.ERC20InvalidSender(ZERO_ADDRESS)
        self._update(account, ZERO_ADDRESS, value)

    def _approve(self, owner: address, spender: address, value: u256) -> None:
        if owner == ZERO_ADDRESS:
            raise self.ERC20InvalidApprover(ZERO_ADDRESS)
        if spender == ZERO_ADDRESS:
            raise self.ERC20InvalidSpender(ZERO_ADDRESS)
        self.allowances[owner][spender] = value
        self.emit(self.Approval(owner, spender, value))

    def _spend_allowance(self, owner: address, spender: address, value: u256) -> None:
        """Without an Approval event, as OpenZeppelin 5."""
        allowed = self.allowances[owner]
        current = allowed[spender]
        if current == UNLIMITED:
            return
        if current < value:
            raise self.ERC20InsufficientAllowance(spender, current, value)
        if owner == ZERO_ADDRESS:
            raise self.ERC20InvalidApprover(ZERO_ADDRESS)
        if spender == ZERO_ADDRESS:
            raise self.ERC20InvalidSpender(ZERO_ADDRESS)
        allowed[spender] = current - value
