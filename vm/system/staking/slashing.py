"""The chain contract SLASHING: who signed, who signed twice, and what follows.

Owns: the window of signed blocks of each validator, jail times and tombstones.
Never does: take stake or seats; it tells STAKING to.
Specification: ISlashing.sol of cosmos/evm; x/slashing (keeper/infractions.go, keeper/unjail.go); signed_blocks.py.

Consensus hears of a validator update of block h for block h + 2, and the votes for that block stand in block h + 3.
As that distance is the same for each update, the blocks that a validator was without a seat are those between its
updates.
"""

from __future__ import annotations

from typing import Final

from chain.secp256k1 import address_of_public_key
from chain.types import Address
from vm.system.addresses import STAKING
from vm.system.framework import (
    Array,
    Contract,
    Event,
    Indexed,
    Map,
    Slot,
    Struct,
    address,
    external,
    require,
    u16,
    u24,
    u32,
    u48,
    u64,
    u256,
    view,
)
from vm.system.staking.interfaces import IStake, staking_only
from vm.system.staking.pages import page_of
from vm.system.staking.parameters import StakingGenesis
from vm.system.staking.signed_blocks import counted_blocks, most_missed, place_of
from vm.system.staking.types import PageRequest, PageResponse, Params, SigningInfo, decimal_of_bps

VOTE_DELAY: Final = 3
"""Blocks from a validator update to the block with the first votes that it matters for."""

FIRST_VOTES: Final = 2
"""Block 2 has the votes for block 1."""

MAX_PUNISHED: Final = 50
"""Validators that one block punishes, so that its begin is bounded: each costs about 200,000 gas of the hook. Others
are punished in the next blocks."""

FOR_EVER: Final = 253_402_300_799
"""The jail time of a tombstoned validator, as in Cosmos: the last second of the year 9999."""


class SlashingSettings(Struct):
    """What the contract needs of the parameters (parameters.py)."""

    window: u32
    min_signed_bps: u16
    jail_s: u48
    double_sign_bps: u16
    downtime_bps: u16
    evidence_max_age: u48


class Fault(Struct):
    """Double signing that waits for its punishment."""

    validator: address
    height: u48


class SigningRecord(Struct):
    """What is known of one consensus key; one slot.

    start: the first block that counts. skipped: blocks after it without a seat. left_at: the block whose update took
    the seat, 0 with one. missed: set bits of the window. epoch: of the window, which begins empty. counting: not in
    jail.
    """

    start: u48
    skipped: u48
    left_at: u48
    jailed_until: u48
    missed: u24
    epoch: u24
    tombstoned: bool
    counting: bool


class Slashing(Contract, class_id=0x0003, version=1):
    """Downtime, double signing and jail, in the ABI of cosmos/evm's ISlashing.

    A validator that missed too many blocks of the last window is slashed and jailed; its operator may end that after
    the jail time. One that signed twice is slashed and never validates again.
    """

    class ValidatorUnjailed(Event):
        """The validator may hold a seat again."""

        validator: Indexed[address]

    class ValidatorDown(Event):
        """The validator missed too many blocks."""

        consensusAddress: Indexed[address]
        missedBlocks: u64
        jailedUntil: u64

    class ValidatorEquivocated(Event):
        """The validator signed twice at this height."""

        consensusAddress: Indexed[address]
        infractionHeight: u64

    settings: Slot[SlashingSettings]
    signing: Map[address, SigningRecord]
    signers: Array[address]
    missed_words: Map[address, Map[u64, u256]]
    faults: Array[Fault]

    # --- hooks --------------------------------------------------------------------------------------------

    def begin_block(self) -> None:
        """Punishes double signing, then counts the votes for the parent."""
        for fault in self.block.misbehaviour:
            self.faults.append(Fault(fault.validator, fault.height))
        budget = MAX_PUNISHED
        while budget and self.faults:  # bounded: MAX_PUNISHED
            budget -= 1
            waiting = self.faults.pop()
            self._punish_double_sign(waiting.validator, waiting.height)
        for vote in self.block.votes:
            record = self.signing[vote.validator]
            # Who signed and missed nothing costs one read.
            if (vote.signed and not record.missed) or not record.counting:
                continue
            is_down = self._count(vote.validator, record, vote.signed)
            if is_down and budget:
                budget -= 1
                self._punish_downtime(vote.validator, record)

    def genesis(self, config: StakingGenesis) -> None:
        """The first validators count from the first votes on."""
        parameters = config.parameters
        self.settings = SlashingSettings(
            parameters.signed_blocks_window,
            parameters.min_signed_bps,
            parameters.downtime_jail_s,
            parameters.slash_double_sign_bps,
            parameters.slash_downtime_bps,
            parameters.evidence_max_age_blocks,
        )
        for staker in config.validators:
            consensus_address = address_of_public_key(staker.public_key)
            self._begin(consensus_address, self.signing[consensus_address], FIRST_VOTES)

    def _begin(self, consensus_address: Address, record: SigningRecord, start: int) -> None:
        if not record.start:
            self.signers.append(consensus_address)
        record.start = start
        record.skipped = record.left_at = 0
        record.counting = True

    def _count(self, validator: Address, record: SigningRecord, signed: bool) -> bool:
        """Notes one vote; returns whether the validator missed too many."""
        settings = self.settings
        window = settings.window
        counted = counted_blocks(self.block_number, record.start, record.skipped)
        if counted < 0:  # back from jail before the last votes from before it are told
            return False
        place = place_of(counted, window, record.epoch)
        words = self.missed_words[validator]
        word = words[place.key]
        missed = record.missed
        if bool(word & place.mask) == signed:  # the bit says: missed
            words[place.key] = word ^ place.mask
            missed += -1 if signed else 1
            record.missed = missed
        return counted >= window and missed > most_missed(window, settings.min_signed_bps)

    def _punish_downtime(self, validator: Address, record: SigningRecord) -> None:
        missed, until = record.missed, self.timestamp + self.settings.jail_s
        self._stop_counting(record, until)
        self.at(STAKING, IStake).slashForDowntime(validator, self.settings.downtime_bps)
        self.emit(self.ValidatorDown(validator, missed, until))

    def _punish_double_sign(self, validator: Address, height: int) -> None:
        record, settings = self.signing[validator], self.settings
        if not record.start or record.tombstoned:
            return
        if self.block_number - height > settings.evidence_max_age:
            return
        self._stop_counting(record, FOR_EVER)
        record.tombstoned = True
        self.at(STAKING, IStake).slashForDoubleSign(validator, height, settings.double_sign_bps)
        self.emit(self.ValidatorEquivocated(validator, height))

    def _stop_counting(self, record: SigningRecord, until: int) -> None:
        record.counting = False
        record.jailed_until = until
        record.missed = 0
        record.epoch += 1

    # --- seats --------------------------------------------------------------------------------------------

    @external(only=staking_only)
    def seatGained(self, consensusAddress: address) -> None:
        """STAKING tells consensus of a validator that had no seat."""
        record = self.signing[consensusAddress]
        if record.tombstoned:
            return
        if not record.counting:
            self._begin(consensusAddress, record, self.block_number + VOTE_DELAY)
        elif record.left_at:
            record.skipped += self.block_number - record.left_at
            record.left_at = 0

    @external(only=staking_only)
    def seatLost(self, consensusAddress: address) -> None:
        """STAKING tells consensus that a validator has no seat any more."""
        record = self.signing[consensusAddress]
        if record.counting:
            record.left_at = self.block_number

    @external(returns=("success",), work=600)
    def unjail(self, validatorAddress: address) -> bool:
        """Ends the jail of the caller's validator after its time. It gets a seat if it is among the strongest."""
        require(self.sender == validatorAddress, "caller is not the validator")
        stake = self.at(STAKING, IStake)
        consensus_address = stake.consensusAddressOf(validatorAddress)
        record = self.signing[consensus_address]
        require(not record.tombstoned, "validator is tombstoned")
        require(self.timestamp >= record.jailed_until, "validator is still jailed")
        has_seat = stake.releaseFromJail(validatorAddress)
        if has_seat and not record.counting:
            self._begin(consensus_address, record, self.block_number + 1)
        self.emit(self.ValidatorUnjailed(validatorAddress))
        return True

    # --- questions ----------------------------------------------------------------------------------------

    @view(returns=("signingInfo",))
    def getSigningInfo(self, consAddress: address) -> SigningInfo:
        """What is known of the signatures of a consensus key; `indexOffset` is the number of blocks that counted."""
        record = self.signing[consAddress].copy()
        require(record.start, "no signing info for this consensus address")
        return self._info(consAddress, record)

    @view(returns=("signingInfos", "pageResponse"))
    def getSigningInfos(self, pagination: PageRequest) -> tuple[list[SigningInfo], PageResponse]:
        """The same for all keys that ever had a seat, in the order in which they first had one."""
        indices, page = page_of(pagination, len(self.signers))
        chosen = [self.signers[index] for index in indices]
        return [self._info(signer, self.signing[signer].copy()) for signer in chosen], page

    def _info(self, consensus_address: Address, record: SigningRecord) -> SigningInfo:
        until = self.block_number
        if record.left_at:
            until = min(until, record.left_at + VOTE_DELAY - 1)
        counted = max(0, 1 + counted_blocks(until, record.start, record.skipped)) if record.counting else 0
        return SigningInfo(
            consensus_address,
            record.start,
            counted,
            record.jailed_until,
            record.tombstoned,
            record.missed,
        )

    @view(returns=("params",))
    def getParams(self) -> Params:
        """The parameters of this contract; times in seconds."""
        settings = self.settings.copy()
        return Params(
            settings.window,
            decimal_of_bps(settings.min_signed_bps),
            settings.jail_s,
            decimal_of_bps(settings.double_sign_bps),
            decimal_of_bps(settings.downtime_bps),
        )
