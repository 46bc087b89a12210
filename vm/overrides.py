"""Pretended accounts for simulated calls: a state reader that answers differently for some addresses, or the same
changes made to a WorldState, for simulated blocks.

Owns the override value and its rules. Never writes, and never used for blocks of the chain.
Specification: go-ethereum's state override set (eth_call, eth_estimateGas, eth_simulateV1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chain.keccak import EMPTY_KECCAK, keccak256
from chain.types import Address, Hash32, checksum_address
from state.account import EMPTY_ACCOUNT, MAX_BALANCE, MAX_NONCE, Account
from state.reader import StateReader
from state.world import WorldState
from vm.errors import InvalidCallRequest
from vm.gas import UINT256_LIMIT
from vm.precompiles import Precompile


@dataclass(frozen=True, slots=True)
class AccountOverride:
    """What to pretend about one account; None leaves a field as it is. balance in wei.

    state: the whole storage; every other slot is 0. state_diff: single slots. Not both.
    move_precompile_to: where the precompile of this address is found instead.
    """

    balance: int | None = None
    nonce: int | None = None
    code: bytes | None = None
    state: Mapping[int, int] | None = None
    state_diff: Mapping[int, int] | None = None
    move_precompile_to: Address | None = None


def check_overrides(overrides: Mapping[Address, AccountOverride]) -> None:
    """Raises InvalidCallRequest for contradictions and numbers out of range."""
    for address, override in overrides.items():
        if override.state is not None and override.state_diff is not None:
            raise InvalidCallRequest(f"account {checksum_address(address)} has both 'state' and 'stateDiff'")
        if override.balance is not None and not 0 <= override.balance <= MAX_BALANCE:
            raise InvalidCallRequest(f"account {checksum_address(address)}: balance out of range")
        if override.nonce is not None and not 0 <= override.nonce <= MAX_NONCE:
            raise InvalidCallRequest(f"account {checksum_address(address)}: nonce out of range")
        slots = override.state or override.state_diff or {}
        if not all(0 <= number < UINT256_LIMIT for entry in slots.items() for number in entry):
            raise InvalidCallRequest(f"account {checksum_address(address)}: slot or value out of range")


def moved_precompiles(
    precompiles: Mapping[Address, Precompile], overrides: Mapping[Address, AccountOverride]
) -> Mapping[Address, Precompile]:
    """The precompiles once `overrides` are made: one that is overridden is gone, or stands where it was moved to.

    Raises InvalidCallRequest for a move from where there is none, or to an account that is overridden too.
    """
    left = dict(precompiles)
    for address in sorted(overrides):
        destination = overrides[address].move_precompile_to
        precompile = left.pop(address, None)
        if destination is None:
            continue
        if precompile is None:
            raise InvalidCallRequest(f"account {checksum_address(address)} is not a precompile")
        if destination in overrides:
            raise InvalidCallRequest(f"account {checksum_address(destination)} is already overridden")
        left[destination] = precompile
    return left


def apply_overrides(world: WorldState, overrides: Mapping[Address, AccountOverride]) -> None:
    """Makes the overrides, which have passed `check_overrides`, in a transaction of its own.

    An account that is empty afterwards stays until a transaction touches it.
    """
    world.begin_transaction()
    for address, override in overrides.items():
        _apply(world, address, override)
    world.end_transaction(clears_empty=False)


def _apply(world: WorldState, address: Address, override: AccountOverride) -> None:
    if override.nonce is not None:
        world.set_nonce(address, override.nonce)
    if override.code is not None:
        world.set_code(address, override.code)
    if override.balance is not None:
        world.set_balance(address, override.balance)
    if override.state is not None:
        nonce, balance, code = world.get_nonce(address), world.get_balance(address), world.get_code(address)
        world.delete(address)
        world.set_nonce(address, nonce)
        world.set_balance(address, balance)
        world.set_code(address, code)
    slots = override.state if override.state is not None else override.state_diff or {}
    if slots and not world.exists(address):
        world.set_balance(address, 0)
    for slot, value in slots.items():
        world.set_storage(address, slot, value)


class OverriddenReader:
    """A StateReader over another one. The overrides have passed `check_overrides` and do not change."""

    def __init__(self, reader: StateReader, overrides: Mapping[Address, AccountOverride]) -> None:
        self._reader = reader
        self._overrides = overrides
        self._codes: dict[Hash32, bytes] = {}
        self._code_hashes: dict[Address, Hash32] = {}
        for address, override in overrides.items():
            if override.code is not None:
                code_hash = keccak256(override.code) if override.code else EMPTY_KECCAK
                self._codes[code_hash] = override.code
                self._code_hashes[address] = code_hash

    def account(self, address: Address) -> Account | None:
        account = self._reader.account(address)
        override = self._overrides.get(address)
        if override is None:
            return account
        base = account or EMPTY_ACCOUNT
        return Account(
            nonce=base.nonce if override.nonce is None else override.nonce,
            balance=base.balance if override.balance is None else override.balance,
            storage_root=base.storage_root,
            code_hash=self._code_hashes.get(address, base.code_hash),
        )

    def storage(self, address: Address, slot: int) -> int:
        override = self._overrides.get(address)
        if override is not None:
            if override.state is not None:
                return override.state.get(slot, 0)
            if override.state_diff is not None and slot in override.state_diff:
                return override.state_diff[slot]
        return self._reader.storage(address, slot)

    def code(self, code_hash: Hash32) -> bytes:
        code = self._codes.get(code_hash)
        return code if code is not None else self._reader.code(code_hash)

    def has_storage(self, address: Address) -> bool:
        override = self._overrides.get(address)
        if override is not None:
            if override.state is not None:
                return any(override.state.values())
            if override.state_diff is not None and any(override.state_diff.values()):
                return True
        return self._reader.has_storage(address)
