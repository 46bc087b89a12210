"""Rules about who may hold and move a token.

Owns: ERC20Restricted: the check of every transfer (ERC-1404), freezing, and what agents may do for holders: forced
transfer, recovery of a lost account, minting and burning (ERC-3643).
Never does: keep the register of investors (identities.py).
Specification: ERC-1404; ERC-3643 (IToken), behaviour as T-REX 4: forced transfers and burning thaw what they need.

A transfer that the rules forbid reverts with `Error(string)`, the text of its code, as ERC-1404's reference does.
"""

from __future__ import annotations

from typing import Final

from vm.system.access.pausable import Pausable
from vm.system.framework import (
    ZERO_ADDRESS,
    Event,
    Indexed,
    Interface,
    Map,
    address,
    external,
    require,
    u8,
    u256,
    view,
)
from vm.system.tokens.erc20 import ERC20
from vm.system.tokens.identities import Identities, agent_only

SUCCESS: Final = 0
PAUSED: Final = 1
SENDER_FROZEN: Final = 2
RECEIVER_FROZEN: Final = 3
SENDER_DENIED: Final = 4
RECEIVER_DENIED: Final = 5
RECEIVER_NOT_VERIFIED: Final = 6
AMOUNT_FROZEN: Final = 7

MESSAGES: Final = (
    "SUCCESS",
    "token is paused",
    "sender is frozen",
    "recipient is frozen",
    "sender is on the deny list",
    "recipient is on the deny list",
    "recipient is not a verified investor",
    "amount exceeds the sender's free balance",
)
UNKNOWN_MESSAGE: Final = "UNKNOWN"


class IERC1404(Interface):
    """ERC-1404: why a transfer would fail."""

    @view
    def detectTransferRestriction(self, from_: address, to: address, value: u256) -> u8:
        """0 if the transfer is allowed, or else a code."""
        raise NotImplementedError

    @view
    def messageForTransferRestriction(self, restrictionCode: u8) -> str:
        """What a code means."""
        raise NotImplementedError


class ERC20Restricted(ERC20, Identities, Pausable, implements=(IERC1404,)):
    """A security token: transfers follow rules (ERC-1404), and agents act for holders (after ERC-3643)."""

    class AddressFrozen(Event):
        """An account is frozen, or thawed."""

        userAddress: Indexed[address]
        isFrozen: Indexed[bool]
        owner: Indexed[address]

    class TokensFrozen(Event):
        """Part of an account's tokens can't move."""

        userAddress: Indexed[address]
        amount: u256

    class TokensUnfrozen(Event):
        """Part of an account's tokens can move again."""

        userAddress: Indexed[address]
        amount: u256

    class RecoverySuccess(Event):
        """The tokens of a lost account have another one."""

        lostWallet: Indexed[address]
        newWallet: Indexed[address]
        investorOnchainID: Indexed[address]

    frozen: Map[address, bool]
    frozen_tokens: Map[address, u256]

    @view
    def detectTransferRestriction(self, from_: address, to: address, value: u256) -> u8:
        """0 if `from` may send `value` to `to`, or else a code; says nothing of its balance beyond what is frozen."""
        return self._restriction(from_, to, value)

    @view
    def messageForTransferRestriction(self, restrictionCode: u8) -> str:
        """What a code means."""
        return MESSAGES[restrictionCode] if restrictionCode < len(MESSAGES) else UNKNOWN_MESSAGE

    @view
    def isFrozen(self, userAddress: address) -> bool:
        """Whether the whole account is frozen."""
        return self.frozen[userAddress]

    @view
    def getFrozenTokens(self, userAddress: address) -> u256:
        """How many of the account's tokens are frozen."""
        return self.frozen_tokens[userAddress]

    @view
    def identityRegistry(self) -> address:
        """Where investors are registered: the token itself."""
        return self.address

    @view
    def compliance(self) -> address:
        """Where the rules are: the token itself."""
        return self.address

    @external(lock=False)
    def transfer(self, to: address, value: u256) -> bool:
        """Moves `value` of the caller's tokens to `to`, if the rules allow it."""
        self._check_restriction(self.sender, to, value)
        self._transfer(self.sender, to, value)
        return True

    @external(lock=False)
    def transferFrom(self, from_: address, to: address, value: u256) -> bool:
        """Moves `value` tokens of `from`, who allowed the caller to, if the rules allow it."""
        self._check_restriction(from_, to, value)
        self._spend_allowance(from_, self.sender, value)
        self._transfer(from_, to, value)
        return True

    @external(lock=False)
    def batchTransfer(self, toList: list[address], amounts: list[u256]) -> None:
        """Several transfers, all or none."""
        require(len(toList) == len(amounts), "array lengths differ")
        for to, amount in zip(toList, amounts, strict=True):
            self._check_restriction(self.sender, to, amount)
            self._transfer(self.sender, to, amount)

    @external(only=agent_only)
    def mint(self, to: address, amount: u256) -> None:
        """Makes tokens for somebody who may receive them."""
        self._check_receiver(to)
        self._mint(to, amount)

    @external(only=agent_only)
    def batchMint(self, toList: list[address], amounts: list[u256]) -> None:
        """Makes tokens for several accounts."""
        require(len(toList) == len(amounts), "array lengths differ")
        for to, amount in zip(toList, amounts, strict=True):
            self._check_receiver(to)
            self._mint(to, amount)

    @external(only=agent_only)
    def burn(self, userAddress: address, amount: u256) -> None:
        """Destroys tokens of an account, thawing what it needs to."""
        self._thaw_for(userAddress, amount)
        self._burn(userAddress, amount)

    @external(only=agent_only)
    def batchBurn(self, userAddresses: list[address], amounts: list[u256]) -> None:
        """Destroys tokens of several accounts."""
        require(len(userAddresses) == len(amounts), "array lengths differ")
        for account, amount in zip(userAddresses, amounts, strict=True):
            self._thaw_for(account, amount)
            self._burn(account, amount)

    @external(only=agent_only)
    def forcedTransfer(self, from_: address, to: address, amount: u256) -> bool:
        """Moves tokens without their holder, thawing what it needs to; `to` must be allowed to receive."""
        self._force(from_, to, amount)
        return True

    @external(only=agent_only)
    def batchForcedTransfer(
        self, fromList: list[address], toList: list[address], amounts: list[u256]
    ) -> None:
        """Several forced transfers, all or none."""
        require(len(fromList) == len(toList) == len(amounts), "array lengths differ")
        for from_, to, amount in zip(fromList, toList, amounts, strict=True):
            self._force(from_, to, amount)

    @external(only=agent_only)
    def setAddressFrozen(self, userAddress: address, freeze: bool) -> None:
        """Freezes or thaws a whole account."""
        self._set_frozen(userAddress, freeze)

    @external(only=agent_only)
    def batchSetAddressFrozen(self, userAddresses: list[address], freeze: list[bool]) -> None:
        """Freezes or thaws several accounts."""
        require(len(userAddresses) == len(freeze), "array lengths differ")
        for account, flag in zip(userAddresses, freeze, strict=True):
            self._set_frozen(account, flag)

    @external(only=agent_only)
    def freezePartialTokens(self, userAddress: address, amount: u256) -> None:
        """Keeps part of an account's tokens from moving."""
        total = self.frozen_tokens[userAddress] + amount
        require(total <= self.balances[userAddress], "amount exceeds the balance")
        self.frozen_tokens[userAddress] = total
        self.emit(self.TokensFrozen(userAddress, amount))

    @external(only=agent_only)
    def unfreezePartialTokens(self, userAddress: address, amount: u256) -> None:
        """Lets part of an account's frozen tokens move again."""
        total = self.frozen_tokens[userAddress]
        require(amount <= total, "amount exceeds what is frozen")
        self.frozen_tokens[userAddress] = total - amount
        self.emit(self.TokensUnfrozen(userAddress, amount))

    @external(only=agent_only)
    def recoveryAddress(self, lostWallet: address, newWallet: address, investorOnchainID: address) -> bool:
        """Gives everything of a registered investor's lost account to a new one: tokens, what of them is frozen, and
        the place in the register."""
        investor = self.investors[lostWallet].copy()
        balance, frozen_tokens = self.balances[lostWallet], self.frozen_tokens[lostWallet]
        require(balance, "no tokens to recover")
        require(newWallet != lostWallet and not self.denied[newWallet], "recovery not possible")
        require(
            investor.identity == investorOnchainID and investor.identity != ZERO_ADDRESS,
            "recovery not possible",
        )
        known = self.investors[newWallet].identity
        require(known in (ZERO_ADDRESS, investorOnchainID), "recovery not possible")
        if known == ZERO_ADDRESS:
            self._register(newWallet, investor.identity, investor.country)
        self._force(lostWallet, newWallet, balance)
        self._carry_freeze(lostWallet, newWallet, frozen_tokens)
        self._unregister(lostWallet)
        self.emit(self.RecoverySuccess(lostWallet, newWallet, investorOnchainID))
        return True

    @external(only=agent_only)
    def pause(self) -> None:
        """Stops transfers by holders. Agents still act."""
        self._pause()

    @external(only=agent_only)
    def unpause(self) -> None:
        """Lets holders transfer again."""
        self._unpause()

    def _restriction(self, from_: address, to: address, value: u256) -> int:
        """The first rule that forbids the transfer, in the order of the codes."""
        if self.paused_:
            return PAUSED
        if self.frozen[from_]:
            return SENDER_FROZEN
        if self.frozen[to]:
            return RECEIVER_FROZEN
        if self.denied[from_]:
            return SENDER_DENIED
        if self.denied[to]:
            return RECEIVER_DENIED
        if self.is_verification_required and not self._is_verified(to):
            return RECEIVER_NOT_VERIFIED
        frozen_tokens = self.frozen_tokens[from_]
        if frozen_tokens and value > self.balances[from_] - frozen_tokens:
            return AMOUNT_FROZEN
        return SUCCESS

    def _is_verified(self, account: address) -> bool:
        investor = self.investors[account]
        return investor.identity != ZERO_ADDRESS and not self.restricted_countries[investor.country]

    def _check_restriction(self, from_: address, to: address, value: u256) -> None:
        code = self._restriction(from_, to, value)
        require(code == SUCCESS, MESSAGES[code])

    def _check_receiver(self, to: address) -> None:
        """What even agents must keep: nobody gets tokens who may not have any."""
        require(not self.denied[to], MESSAGES[RECEIVER_DENIED])
        require(not self.is_verification_required or self._is_verified(to), MESSAGES[RECEIVER_NOT_VERIFIED])

    def _force(self, from_: address, to: address, amount: u256) -> None:
        self._check_receiver(to)
        self._thaw_for(from_, amount)
        self._transfer(from_, to, amount)

    def _thaw_for(self, account: address, amount: u256) -> None:
        """Thaws as little as lets `amount` leave."""
        frozen_tokens = self.frozen_tokens[account]
        needed = amount - (self.balances[account] - frozen_tokens)
        if frozen_tokens and 0 < needed <= frozen_tokens:
            self.frozen_tokens[account] = frozen_tokens - needed
            self.emit(self.TokensUnfrozen(account, needed))

    def _set_frozen(self, account: address, flag: bool) -> None:
        self.frozen[account] = flag
        self.emit(self.AddressFrozen(account, flag, self.sender))

    def _carry_freeze(self, lost: address, new: address, frozen_tokens: int) -> None:
        """What was frozen at the lost account is frozen at the new one."""
        if frozen_tokens:
            self.frozen_tokens[new] += frozen_tokens
            self.emit(self.TokensFrozen(new, frozen_tokens))
        if self.frozen[lost]:
            self._set_frozen(lost, False)
            if not self.frozen[new]:
                self._set_frozen(new, True)
