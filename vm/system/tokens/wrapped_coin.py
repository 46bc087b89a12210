"""The chain's coin as a token.

Owns: WrappedCoin, a chain contract with the ABI, the storage layout and the behaviour of WETH9.
Never does: answer functions it does not have. WETH9 takes any call it does not know for a deposit, which let contracts
believe that it had `permit`; here such a call reverts.
Specification: WETH9 as on Ethereum, 0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2. Like it, this gives no reason of its
own for a revert, and pays out by Solidity's `transfer`: the receiver's code has 2,300 gas. What a receiver reverts
with is passed on, as by WETH9 from a compiler of today.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vm.system.framework import (
    Contract,
    Event,
    Indexed,
    Map,
    Revert,
    Slot,
    address,
    external,
    u8,
    u256,
    view,
)

_UNLIMITED: Final = 2**256 - 1
_COIN_DECIMALS: Final = 18
_TRANSFER_GAS: Final = 2_300  # Solidity's `transfer`; a call with value brings as much by itself


@dataclass(frozen=True, slots=True)
class WrappedCoinGenesis:
    """coin_symbol: of the chain's coin, as in its genesis file."""

    coin_symbol: str = "AUR"


class WrappedCoin(Contract, class_id=0x0121, version=1):
    """The chain's coin as an ERC-20 token: deposit coins for tokens, withdraw tokens for coins (WETH9)."""

    class Approval(Event):
        """`guy` may move `wad` tokens of `src`."""

        src: Indexed[address]
        guy: Indexed[address]
        wad: u256

    class Transfer(Event):
        """Tokens moved."""

        src: Indexed[address]
        dst: Indexed[address]
        wad: u256

    class Deposit(Event):
        """Coins became tokens of `dst`."""

        dst: Indexed[address]
        wad: u256

    class Withdrawal(Event):
        """Tokens of `src` became coins."""

        src: Indexed[address]
        wad: u256

    name_: Slot[str]
    symbol_: Slot[str]
    decimals_: Slot[u8]
    balances: Map[address, u256]
    allowances: Map[address, Map[address, u256]]

    def genesis(self, config: WrappedCoinGenesis | None) -> None:
        """Names the token after the coin."""
        symbol = (config or WrappedCoinGenesis()).coin_symbol
        self.name_ = f"Wrapped {symbol}"
        self.symbol_ = f"W{symbol}"
        self.decimals_ = _COIN_DECIMALS

    def receive(self) -> None:
        """Coins that are sent here are deposits."""
        self._deposit()

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
        """Digits after the point when amounts are shown, as for the coin."""
        return self.decimals_

    @view
    def totalSupply(self) -> u256:
        """All tokens there are: the coins that lie here."""
        return self.balance_of(self.address)

    @view
    def balanceOf(self, account: address) -> u256:
        """Tokens of `account`."""
        return self.balances[account]

    @view
    def allowance(self, src: address, guy: address) -> u256:
        """What `guy` may still move for `src`."""
        return self.allowances[src][guy]

    @external(payable=True, lock=False)
    def deposit(self) -> None:
        """Makes the coins that come with the call tokens of the caller."""
        self._deposit()

    @external(lock=False)
    def withdraw(self, wad: u256) -> None:
        """Makes `wad` of the caller's tokens coins again. A contract's code gets 2,300 gas to receive them."""
        held = self.balances[self.sender]
        if held < wad:
            raise Revert
        self.balances[self.sender] = held - wad
        succeeded, reason = self.call(self.sender, b"", value=wad, gas=0 if wad else _TRANSFER_GAS)
        if not succeeded:
            raise Revert(reason)
        self.emit(self.Withdrawal(self.sender, wad))

    @external(lock=False)
    def approve(self, guy: address, wad: u256) -> bool:
        """Lets `guy` move `wad` of the caller's tokens."""
        self.allowances[self.sender][guy] = wad
        self.emit(self.Approval(self.sender, guy, wad))
        return True

    @external(lock=False)
    def transfer(self, dst: address, wad: u256) -> bool:
        """Moves `wad` of the caller's tokens to `dst`."""
        self._move(self.sender, dst, wad)
        return True

    @external(lock=False)
    def transferFrom(self, src: address, dst: address, wad: u256) -> bool:
        """Moves `wad` tokens of `src`, who allowed the caller to; 2**256 - 1 is an allowance without end."""
        if src != self.sender:
            allowed = self.allowances[src]
            left = allowed[self.sender]
            if left != _UNLIMITED:
                if left < wad:
                    raise Revert
                allowed[self.sender] = left - wad
        self._move(src, dst, wad)
        return True

    def _deposit(self) -> None:
        self.balances[self.sender] += self.value
        self.emit(self.Deposit(self.sender, self.value))

    def _move(self, src: address, dst: address, wad: u256) -> None:
        balances = self.balances
        held = balances[src]
        if held < wad:
            raise Revert
        balances[src] = held - wad
        balances[dst] += wad
        self.emit(self.Transfer(src, dst, wad))
