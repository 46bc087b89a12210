"""Voting power that follows tokens.

Owns: Votes: delegation, by call and by signature, and the checkpoints that answer for past blocks; ERC20Votes and
ERC721Votes bind it to tokens.
Never does: count votes of a proposal.
Specification: ERC-5805 and ERC-6372 with the block number as clock; OpenZeppelin Contracts 5,
governance/utils/Votes.sol and utils/structs/Checkpoints.sol.
"""

from __future__ import annotations

from math import isqrt
from typing import Final

from chain.keccak import keccak256
from vm.system.abi.codec import encoder
from vm.system.abi.types import AddressType, FixedBytesType, UintType
from vm.system.access.erc165 import ERC165
from vm.system.framework import (
    ZERO_ADDRESS,
    Array,
    ContractError,
    Event,
    Indexed,
    Map,
    Struct,
    address,
    bytes32,
    external,
    u8,
    u32,
    u48,
    u208,
    u256,
    view,
)
from vm.system.signatures.eip712 import EIP712, Nonces
from vm.system.signatures.signers import SignatureChecks
from vm.system.tokens.erc20 import ERC20
from vm.system.tokens.erc721 import ERC721
from vm.system.tokens.interfaces import IERC6372, IVotes

MAX_SUPPLY: Final = 2**208 - 1  # a checkpoint is one slot: 48 bits of block number, 208 of votes
_RECENT: Final = 5  # up to so many checkpoints a plain binary search is as good
_DELEGATION_TYPE: Final = keccak256(b"Delegation(address delegatee,uint256 nonce,uint256 expiry)")
_encode_delegation: Final = encoder((FixedBytesType(32), AddressType(), UintType(256), UintType(256)))


class Checkpoint208(Struct):
    """Votes from a block on."""

    key: u48
    value: u208


class Votes(ERC165, EIP712, Nonces, SignatureChecks, implements=(IVotes, IERC6372)):
    """Votes that accounts delegate, to themselves or to others, with their history by block (ERC-5805, ERC-6372)."""

    class DelegateChanged(Event):
        """Somebody else votes for `delegator`."""

        delegator: Indexed[address]
        fromDelegate: Indexed[address]
        toDelegate: Indexed[address]

    class DelegateVotesChanged(Event):
        """`delegate` has more votes, or fewer."""

        delegate: Indexed[address]
        previousVotes: u256
        newVotes: u256

    class ERC5805FutureLookup(ContractError):
        """Votes are known for past blocks alone."""

        timepoint: u256
        clock: u48

    class VotesExpiredSignature(ContractError):
        """The signature was good until `expiry`."""

        expiry: u256

    delegatees: Map[address, address]
    vote_checkpoints: Map[address, Array[Checkpoint208]]
    supply_checkpoints: Array[Checkpoint208]

    @view
    def clock(self) -> u48:
        """The block number."""
        return self.block_number

    @view
    def CLOCK_MODE(self) -> str:
        """The clock counts blocks."""
        return "mode=blocknumber&from=default"

    @view
    def getVotes(self, account: address) -> u256:
        """Votes of `account` now."""
        return _latest(self.vote_checkpoints[account])

    @view
    def getPastVotes(self, account: address, timepoint: u256) -> u256:
        """Votes of `account` at the end of block `timepoint`, which must be past."""
        self._check_past(timepoint)
        return _value_at(self.vote_checkpoints[account], timepoint)

    @view
    def getPastTotalSupply(self, timepoint: u256) -> u256:
        """All votes at the end of block `timepoint`, delegated or not."""
        self._check_past(timepoint)
        return _value_at(self.supply_checkpoints, timepoint)

    @view
    def delegates(self, account: address) -> address:
        """Who votes for `account`; nobody until it delegates, be it to itself."""
        return self.delegatees[account]

    @view
    def numCheckpoints(self, account: address) -> u32:
        """How often the votes of `account` changed, counting each block once."""
        return len(self.vote_checkpoints[account])

    @view
    def checkpoints(self, account: address, pos: u32) -> Checkpoint208:
        """One of the changes: from which block on, how many votes."""
        return self.vote_checkpoints[account][pos].copy()

    @external(lock=False)
    def delegate(self, delegatee: address) -> None:
        """Lets `delegatee` vote for the caller, with all that the caller has and gets."""
        self._delegate(self.sender, delegatee)

    @external(lock=False)
    def delegateBySig(
        self, delegatee: address, nonce: u256, expiry: u256, v: u8, r: bytes32, s: bytes32
    ) -> None:
        """Lets `delegatee` vote for the signer; good until `expiry` (seconds since 1970)."""
        if self.timestamp > expiry:
            raise self.VotesExpiredSignature(expiry)
        struct_hash = self.keccak(_encode_delegation(_DELEGATION_TYPE, delegatee, nonce, expiry))
        signer = self._recover(self._typed_data_digest(struct_hash), v, r, s)
        self._use_checked_nonce(signer, nonce)
        self._delegate(signer, delegatee)

    def _voting_units(self, account: address) -> u256:
        """What `account` brings to its delegate."""
        raise NotImplementedError

    def _check_past(self, timepoint: u256) -> None:
        if timepoint >= self.block_number:
            raise self.ERC5805FutureLookup(timepoint, self.block_number)

    def _delegate(self, account: address, delegatee: address) -> None:
        previous = self.delegatees[account]
        self.delegatees[account] = delegatee
        self.emit(self.DelegateChanged(account, previous, delegatee))
        self._move_votes(previous, delegatee, self._voting_units(account))

    def _transfer_voting_units(self, from_: address, to: address, amount: u256) -> None:
        """To be called after tokens moved, were made (from zero) or destroyed (to zero)."""
        if from_ == ZERO_ADDRESS:
            self._push(self.supply_checkpoints, amount)
        if to == ZERO_ADDRESS:
            self._push(self.supply_checkpoints, -amount)
        self._move_votes(self.delegatees[from_], self.delegatees[to], amount)

    def _move_votes(self, from_: address, to: address, amount: u256) -> None:
        if from_ == to or amount == 0:
            return
        if from_ != ZERO_ADDRESS:
            before, after = self._push(self.vote_checkpoints[from_], -amount)
            self.emit(self.DelegateVotesChanged(from_, before, after))
        if to != ZERO_ADDRESS:
            before, after = self._push(self.vote_checkpoints[to], amount)
            self.emit(self.DelegateVotesChanged(to, before, after))

    def _push(self, history: Array[Checkpoint208], change: int) -> tuple[int, int]:
        """Votes before and after. One checkpoint for each block. What its 208 bits cannot hold is Panic(0x11)."""
        now, length = self.block_number, len(history)
        if length == 0:
            before = 0
        else:
            last = history[length - 1]
            before = last.value
        after = before + change
        if length and last.key == now:
            last.value = after
        else:
            history.append(Checkpoint208(now, after))
        return before, after


class ERC20Votes(ERC20, Votes):
    """A token whose balances are votes (OpenZeppelin's ERC20Votes); at most 2**208 - 1 of them."""

    class ERC20ExceededSafeSupply(ContractError):
        """Checkpoints have no room for so many votes."""

        increasedSupply: u256
        cap: u256

    def _voting_units(self, account: address) -> u256:
        return self.balances[account]

    def _update(self, from_: address, to: address, value: u256) -> None:
        super()._update(from_, to, value)
        if from_ == ZERO_ADDRESS:
            supply = self.total_supply
            if supply > MAX_SUPPLY:
                raise self.ERC20ExceededSafeSupply(supply, MAX_SUPPLY)
        self._transfer_voting_units(from_, to, value)


class ERC721Votes(ERC721, Votes):
    """A collection in which each token is a vote (OpenZeppelin's ERC721Votes)."""

    def _domain(self) -> tuple[str, str]:
        return self.name_, "1"

    def _voting_units(self, account: address) -> u256:
        return self.balanceOf(account)

    def _update(self, to: address, token_id: u256, authorised: address) -> address:
        previous = super()._update(to, token_id, authorised)
        self._transfer_voting_units(previous, to, 1)
        return previous


def _latest(history: Array[Checkpoint208]) -> int:
    length = len(history)
    return history[length - 1].value if length else 0


def _value_at(history: Array[Checkpoint208], timepoint: int) -> int:
    """The value of the last checkpoint whose block is not after `timepoint`; recent blocks are found first."""
    length = len(history)
    low, high = 0, length
    if length > _RECENT:
        middle = length - isqrt(length)
        if timepoint < history[middle].key:
            high = middle
        else:
            low = middle + 1
    while low < high:  # bounded: halves each time, and there is at most one checkpoint for each block
        middle = (low + high) // 2
        if history[middle].key > timepoint:
            high = middle
        else:
            low = middle + 1
    return history[high - 1].value if high else 0
