"""Validators: their keys, descriptions and rates, and questions about them.

Owns: registerConsensusKey, createValidator, editValidator, and the views of validators.
Never does: give a seat (bonded_set.py).
Specification: StakingI.sol of cosmos/evm; lengths and rules of x/staking (types/validator.go, types/commission.go).

Cosmos takes an Ed25519 key on trust. Here the key is a secp256k1 key whose owner has signed for the operator before:
call registerConsensusKey first, then createValidator with the same key in its text form.
"""

from __future__ import annotations

from typing import Final

from chain.secp256k1 import InvalidPublicKey, address_of_public_key
from chain.types import Address
from vm.system.framework import ZERO_ADDRESS, address, external, i256, require, revert, u64, u128, u256, view
from vm.system.staking.consensus_key import (
    MAX_KEY_TEXT,
    PROOF_BYTES,
    key_from_text,
    key_to_text,
    proof_digest,
)
from vm.system.staking.ledger import KEY_GAS, Ledger
from vm.system.staking.pages import page_of
from vm.system.staking.parameters import BPS, MAX_NAME_BYTES, WEI_PER_POWER
from vm.system.staking.records import ValidatorRecord
from vm.system.staking.shares import worth
from vm.system.staking.texts import address_of_text, text_of_address
from vm.system.staking.types import (
    DENOMINATION,
    DO_NOT_MODIFY,
    ONE,
    STATUS_BY_NAME,
    UNCHANGED,
    BondStatus,
    Coin,
    CommissionRates,
    Description,
    PageRequest,
    PageResponse,
    Validator,
)

TEXT_LIMITS: Final = (
    ("moniker", MAX_NAME_BYTES),
    ("identity", 3_000),
    ("website", 140),
    ("securityContact", 140),
    ("details", 280),
)
"""Bytes of each part of a description, as in the Cosmos SDK."""

RATE_PAUSE_S: Final = 86_400
"""A commission rate changes once in a day."""

VALIDATOR_GAS: Final = 2_000
"""Making the texts of one validator in a view, besides the reads."""


class ValidatorFunctions(Ledger):
    """Validators."""

    @external(work=600)
    def registerConsensusKey(self, publicKey: bytes, proof: bytes) -> None:
        """Says that the caller's validator will sign with this compressed secp256k1 key (33 bytes).

        `proof` is the key's own signature (r, s, v: 65 bytes) over keccak256("aurigraph-consensus-key-proof\\x01" ‖
        chain id in 32 bytes ‖ caller). A later call replaces the key, until createValidator has used it.
        """
        require(not self.records[self.sender].key_parity, "validator has a key already")
        consensus_address = self._address_of_new_key(publicKey)
        require(len(proof) == PROOF_BYTES, "proof: 65 bytes")
        self.charge(KEY_GAS)
        signer = self.recover(
            proof_digest(self.chain_id, self.sender),
            proof[64],
            int.from_bytes(proof[:32]),
            int.from_bytes(proof[32:64]),
        )
        require(signer == consensus_address, "proof is not signed by the key for this account")
        self.registered_keys[self.sender] = publicKey
        self.emit(self.RegisterConsensusKey(self.sender, consensus_address, publicKey))

    def _address_of_new_key(self, public_key: bytes) -> Address:
        self.charge(KEY_GAS)
        try:
            consensus_address = address_of_public_key(public_key)
        except InvalidPublicKey:
            revert("key: no compressed secp256k1 point")
        require(
            self.operators_by_key[consensus_address] == ZERO_ADDRESS, "key belongs to a validator already"
        )
        return consensus_address

    @external(payable=True, returns=("success",), work=1_500)
    def createValidator(
        self,
        description: Description,
        commissionRates: CommissionRates,
        minSelfDelegation: u256,
        validatorAddress: address,
        pubkey: str,
        value: u256,
    ) -> bool:
        """Makes the caller a validator with `value` wei of its own, which come with the call: at least one coin.

        `validatorAddress` is the caller; `pubkey` the key registered before, in Base64 or 0x and hex digits. Rates
        have 18 decimals. It gets a seat at the end of a block in which it is among the strongest.
        """
        require(self.sender == validatorAddress, "caller is not the validator")
        require(self.value == value, "coins sent are not the value")
        require(value >= WEI_PER_POWER, "a validator begins with at least one coin")
        require(0 < minSelfDelegation <= value, "minSelfDelegation: more than 0, at most the value")
        _check_description(description)
        require(len(pubkey) <= MAX_KEY_TEXT, "pubkey: too long")
        public_key = key_from_text(pubkey)
        record = self.records[validatorAddress]
        require(not record.key_parity, "validator exists already")
        if public_key is None or public_key != self.registered_keys[validatorAddress]:
            revert("pubkey is not the key that registerConsensusKey was called with")
        self._check_rates(commissionRates)
        self._insert(validatorAddress, public_key, description, commissionRates, minSelfDelegation)
        del self.registered_keys[validatorAddress]
        self.emit(self.CreateValidator(validatorAddress, value))
        shares = self._add_stake(validatorAddress, record, validatorAddress, value)
        self.emit(self.Delegate(validatorAddress, validatorAddress, value, shares))
        return True

    def _check_rates(self, rates: CommissionRates) -> None:
        require(rates.maxRate <= ONE, "maxRate is above 1")
        require(rates.rate <= rates.maxRate, "rate is above maxRate")
        require(rates.maxChangeRate <= rates.maxRate, "maxChangeRate is above maxRate")
        require(rates.rate >= self._least_rate(), "rate is below the chain's least commission")

    def _least_rate(self) -> int:
        return self.rules.min_commission_bps * (ONE // BPS)

    def _insert(
        self,
        operator: Address,
        public_key: bytes,
        description: Description,
        rates: CommissionRates,
        least_own_stake: int,
    ) -> ValidatorRecord:
        self.operators_by_key[self._address_of_new_key(public_key)] = operator
        record = self.records[operator]
        record.key_parity, record.key_x = public_key[0], public_key[1:]
        record.commission_rate = rates.rate
        record.max_rate = rates.maxRate
        record.max_change_rate = rates.maxChangeRate
        record.rate_time = self.timestamp
        record.min_self_delegation = least_own_stake
        self.descriptions[operator] = description
        self.operators.append(operator)
        return record

    @external(returns=("success",), work=1_000)
    def editValidator(
        self,
        description: Description,
        validatorAddress: address,
        commissionRate: i256,
        minSelfDelegation: i256,
    ) -> bool:
        """Changes the caller's validator: "[do-not-modify]" keeps a text, -1 keeps a number.

        The rate rises by at most maxChangeRate, to at most maxRate, and changes once in 24 hours; the least own stake
        only rises, to at most what the validator has at stake itself.
        """
        require(self.sender == validatorAddress, "caller is not the validator")
        record = self._existing(validatorAddress)
        changed = _changed(self.descriptions[validatorAddress].copy(), description)
        _check_description(changed)
        self.descriptions[validatorAddress] = changed
        if commissionRate != UNCHANGED:
            self._change_rate(validatorAddress, record, commissionRate)
        if minSelfDelegation != UNCHANGED:
            require(minSelfDelegation >= record.min_self_delegation, "minSelfDelegation can only rise")
            record.min_self_delegation = minSelfDelegation
            require(self._has_own_stake(validatorAddress, record), "minSelfDelegation is above the own stake")
        self.emit(self.EditValidator(validatorAddress, commissionRate, minSelfDelegation))
        return True

    def _change_rate(self, operator: Address, record: ValidatorRecord, rate: int) -> None:
        old = record.commission_rate
        require(
            self.timestamp >= record.rate_time + RATE_PAUSE_S, "commission changed within the last 24 hours"
        )
        require(self._least_rate() <= rate <= record.max_rate, "commission rate is out of bounds")
        require(rate - old <= record.max_change_rate, "commission rate rises by more than maxChangeRate")
        # What was earned until now is shared at the old rate.
        self._rewards().beforeValidatorChange(operator, record.power, record.power, old, record.shares)
        record.commission_rate = rate
        record.rate_time = self.timestamp

    # --- questions ----------------------------------------------------------------------------------------

    @view(returns=("validator",), work=VALIDATOR_GAS)
    def validator(self, validatorAddress: address) -> Validator:
        """One validator; all fields are empty if there is none."""
        record = self.records[validatorAddress]
        if not record.key_parity:
            return Validator("", "", False, 0, 0, 0, Description("", "", "", "", ""), 0, 0, 0, 0)
        return self._described(validatorAddress, record)

    @view(returns=("validators", "pageResponse"))
    def validators(self, status: str, pageRequest: PageRequest) -> tuple[list[Validator], PageResponse]:
        """Validators in the order in which they were created. `status`: "" for all, or "BOND_STATUS_BONDED",
        "BOND_STATUS_UNBONDING", "BOND_STATUS_UNBONDED"."""
        wanted = STATUS_BY_NAME.get(status)
        if wanted is None:
            revert("unknown status")
        count = len(self.operators)
        if wanted is BondStatus.UNSPECIFIED:
            indices, page = page_of(pageRequest, count)
        else:
            indices, page = page_of(pageRequest, count, lambda index: self._status_at(index) is wanted)
        found = []
        for index in indices:
            self.charge(VALIDATOR_GAS)
            operator = self.operators[index]
            found.append(self._described(operator, self.records[operator]))
        return found, page

    def _status_at(self, index: int) -> BondStatus:
        return self._status(self.records[self.operators[index]])

    def _described(self, operator: Address, record: ValidatorRecord) -> Validator:
        return Validator(
            text_of_address(operator),
            key_to_text(self._public_key(record)),
            record.jailed,
            int(self._status(record)),
            record.tokens,
            record.shares,
            self.descriptions[operator].copy(),
            record.unbonding_height,
            record.unbonding_time,
            record.commission_rate,
            record.min_self_delegation,
        )

    @view(returns=("shares", "balance"))
    def delegation(self, delegatorAddress: address, validatorAddress: str) -> tuple[u256, Coin]:
        """The shares of a delegator, and the wei that they are worth."""
        operator = address_of_text(validatorAddress)
        record = self.records[operator]
        held = self.delegations[operator][delegatorAddress].shares
        return held, Coin(DENOMINATION, worth(held, record.tokens, record.shares))

    @view(returns=("commissionRates", "updateTime"))
    def commission(self, validatorAddress: address) -> tuple[CommissionRates, u64]:
        """The rates of a validator with their bounds (18 decimals), and when they last changed."""
        record = self._existing(validatorAddress)
        rates = CommissionRates(record.commission_rate, record.max_rate, record.max_change_rate)
        return rates, record.rate_time

    @view
    def operatorOf(self, consensusAddress: address) -> address:
        """Who runs the validator with this consensus address; the zero address for a stranger."""
        return self.operators_by_key[consensusAddress]

    @view
    def consensusAddressOf(self, validator: address) -> address:
        """The address of a validator's consensus key."""
        return self._consensus_address(self._existing(validator))

    @view(returns=("power", "rate", "shares", "delegatorShares"))
    def stakeOf(self, validator: address, delegator: address) -> tuple[u64, u64, u128, u128]:
        """What rewards depend on: power, commission rate, all shares, and those of one delegator."""
        record = self._existing(validator)
        held = self.delegations[validator][delegator].shares
        return record.power, record.commission_rate, record.shares, held


def _changed(old: Description, new: Description) -> Description:
    texts = [getattr(old if getattr(new, name) == DO_NOT_MODIFY else new, name) for name, _ in TEXT_LIMITS]
    return Description(*texts)


def _check_description(description: Description) -> None:
    require(description.moniker, "moniker is empty")
    for name, most in TEXT_LIMITS:
        text: str = getattr(description, name)
        # Bytes are counted only where characters do not decide already.
        fits = len(text) <= most and len(text.encode("utf-8", "surrogateescape")) <= most
        require(fits, f"{name}: longer than {most} bytes")
