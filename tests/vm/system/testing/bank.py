"""A contract that does a little of everything, for the tests of the testing tools."""

from __future__ import annotations

from typing import ClassVar

from chain.validator_update import ValidatorUpdate
from vm.system.framework import (
    Array,
    Contract,
    ContractError,
    Event,
    Guard,
    Indexed,
    Interface,
    Map,
    Panic,
    Slot,
    Struct,
    address,
    bytes32,
    external,
    require,
    u8,
    u64,
    u128,
    u256,
    view,
)

BANK_ID = 0xFFFF0001
CLOCK_ID = 0xFFFF0002


class IBank(Interface):
    """What others may ask of a bank."""

    @view
    def balanceOf(self, owner: address) -> u256:
        raise NotImplementedError

    @external
    def deposit(self, note: str) -> u256:
        raise NotImplementedError


class Account(Struct):
    coins: u128
    changed: u64


def _check_owner(contract: Bank) -> None:
    if contract.sender != contract.owner:
        raise contract.NotOwner(contract.sender)


owner_only = Guard("the owner", _check_owner)


class Bank(Contract, class_id=BANK_ID, version=1):
    """Keeps coins for anybody."""

    class Deposited(Event):
        owner: Indexed[address]
        note: Indexed[str]
        coins: u256
        message: str

    class NotOwner(ContractError):
        caller: address

    class TooLittle(ContractError):
        held: u256
        needed: u256

    owner: Slot[address]
    level: Slot[u8]
    title: Slot[str]
    accounts: Map[address, Account]
    marks: Map[str, Map[u256, bool]]
    owners: Array[address]
    small: Array[u64]

    def constructor(self, owner: address, title: str) -> None:
        require(title, "Bank: no title")
        self.owner = owner
        self.title = title

    @view
    def balanceOf(self, owner: address) -> u256:
        """Coins of an account."""
        return self.accounts[owner].coins

    @view
    def both(self) -> tuple[address, str]:
        return self.owner, self.title

    @external(payable=True)
    def deposit(self, note: str) -> u256:
        """Takes coins."""
        if not self.accounts[self.sender].changed:
            self.owners.append(self.sender)
            self.small.append(len(self.owners))
        held = self.accounts[self.sender].coins + self.value
        self.accounts[self.sender] = Account(held, self.timestamp)
        self.marks[note][self.value] = True
        self.emit(self.Deposited(self.sender, note, self.value, note))
        return held

    @external
    def withdraw(self, coins: u256, to: address) -> None:
        held = self.accounts[self.sender].coins
        if held < coins:
            raise self.TooLittle(held, coins)
        self.accounts[self.sender].coins = held - coins
        self.send(to, coins)

    @external(only=owner_only)
    def set_level(self, level: u256) -> None:
        self.level = level

    @external
    def panic(self, code: u8) -> None:
        raise Panic(code)

    @external
    def fault(self) -> None:
        raise KeyError("a bug")

    @external(name="twice")
    def twice_number(self, number: u256) -> u256:
        return 2 * number

    @external(name="twice")
    def twice_text(self, text: str) -> str:
        return text + text

    @view
    def writes_in_a_view(self) -> None:
        self.level = 5

    @view
    def digest(self, raw: bytes) -> bytes32:
        return self.keccak(raw)

    def receive(self) -> None:
        require(self.value, "Bank: nothing")


class Clock(Contract, class_id=CLOCK_ID, version=1):
    """Counts blocks, and proposes a validator every third one."""

    is_privileged: ClassVar[bool] = True

    class Ticked(Event):
        number: u256

    begun: Slot[u64]
    ended: Slot[u64]
    missed: Slot[u64]
    faults: Slot[u64]
    broken: Slot[bool]

    def genesis(self, begun: int) -> None:
        self.begun = begun

    def begin_block(self) -> None:
        self.begun += 1
        self.missed += len([vote for vote in self.block.votes if not vote.signed])
        self.faults += len(self.block.misbehaviour)
        require(not self.broken, "broken")

    def end_block(self) -> tuple[ValidatorUpdate, ...] | None:
        self.ended += 1
        self.emit(self.Ticked(self.block_number))
        key = b"\x02" + bytes(31) + b"\x01"
        if self.ended % 3 == 0:
            return (ValidatorUpdate(key, self.ended),)
        return (ValidatorUpdate(key, 0),) if self.ended % 3 == 1 and self.ended > 1 else None

    @external
    def break_hooks(self) -> None:
        self.broken = True

    @external
    def mint(self, to: address, wei: u256) -> None:
        self.mint_coins(to, wei)
