"""Contracts of the framework's own tests: a counter with everything that functions can have, its factory, a caller."""

from __future__ import annotations

from chain.types import parse_address
from vm.system.framework import (
    Address,
    Contract,
    ContractError,
    Event,
    Guard,
    Indexed,
    Interface,
    Map,
    Slot,
    ValidatorUpdate,
    address,
    bytes32,
    external,
    i256,
    require,
    u8,
    u256,
    view,
)
from vm.system.registry import ChainContract, Registry


def _check_owner(contract: Counter) -> None:
    if contract.sender != contract.owner_:
        raise Counter.NotTheOwner(contract.sender)


owner_only = Guard("the owner", _check_owner)


class ICounter(Interface):
    @view
    def count(self) -> u256:
        raise NotImplementedError

    @external
    def add(self, amount: u256) -> u256:
        raise NotImplementedError

    @external(payable=True)
    def pay(self) -> None:
        raise NotImplementedError


class Counter(Contract, class_id=0xC0_0001, version=1):
    """Counts."""

    constructor_takes_coins = True

    class Added(Event):
        by: Indexed[address]
        amount: u256

    class NotTheOwner(ContractError):
        caller: address

    owner_: Slot[address]
    total: Slot[u256]
    by_caller: Map[address, u256]

    def constructor(self, owner: address, start: u256) -> None:
        require(start < 1_000_000, "too much")
        self.owner_ = owner
        self.total = start

    @view
    def count(self) -> u256:
        return self.total

    @view
    def sneaky(self) -> u256:
        """Writes, which a view must not be able to."""
        self.total += 1
        return self.total

    @view(returns=("total", "mine"))
    def both(self, who: address) -> tuple[u256, u256]:
        return self.total, self.by_caller[who]

    @external
    def add(self, amount: u256) -> u256:
        """Adds."""
        self.total += amount
        self.by_caller[self.sender] += amount
        self.emit(self.Added(self.sender, amount))
        return self.total

    @external(only=owner_only)
    def reset(self) -> None:
        self.total = 0

    @external
    def negative(self, amount: i256) -> i256:
        return -amount

    @external(payable=True)
    def pay(self) -> None:
        self.total += self.value

    @external
    def call_back(self, target: address, payload: bytes) -> bytes:
        """Lets `target` do something while this contract is locked."""
        succeeded, output = self.call(target, payload)
        require(succeeded, "callback failed")
        return output

    @external(lock=False)
    def open_call_back(self, target: address, payload: bytes) -> tuple[bool, bytes]:
        return self.call(target, payload)

    @external
    def add_elsewhere(self, target: address, amount: u256) -> u256:
        return self.at(target, ICounter).add(amount) + self.at(target, ICounter).count()

    @external
    def pay_elsewhere(self, target: address, wei: u256) -> None:
        self.at(target, ICounter, value=wei).pay()

    @external
    def send_coins(self, to: address, wei: u256) -> None:
        self.send(to, wei)

    @external
    def divide(self, by: u256) -> u256:
        """Has a bug: Solidity would panic, Python raises."""
        return 100 // by

    @external
    def read_name(self, account: str) -> address:
        """Has a bug: the text may be no address, and what reads it has an error of its own."""
        return parse_address(account)

    @external
    def mint(self, wei: u256) -> None:
        self.mint_coins(self.sender, wei)

    def receive(self) -> None:
        self.total += 1


class CounterV2(Counter, class_id=0xC0_0001, version=2):
    """Counts twice as fast."""

    doubled: Slot[u256]

    def migrate_v2(self) -> None:
        require(self.total != 13, "unlucky")
        self.doubled = self.total * 2

    @view
    def count(self) -> u256:
        return self.doubled


class Factory(Contract, class_id=0xC0_0002, version=1):
    """Makes counters, and changes their version."""

    is_privileged = True

    class Made(Event):
        counter: Indexed[address]

    ticks: Slot[u256]
    last: Slot[address]

    def genesis(self, configuration: int) -> None:
        self.ticks = configuration

    def begin_block(self) -> None:
        self.ticks += 1
        self.emit(self.Made(self.address))

    def end_block(self) -> tuple[ValidatorUpdate, ...]:
        require(self.ticks != 7, "seven")
        return (ValidatorUpdate(bytes(33), self.ticks),)

    @external(payable=True)
    def make(self, salt: bytes32, owner: address, start: u256) -> address:
        made = self.deploy(Counter, salt, owner, start, value=self.value)
        self.last = made
        self.emit(self.Made(made))
        return made

    @view
    def where(self, salt: bytes32, owner: address, start: u256) -> address:
        return self.predict(Counter, salt, owner, start)

    @external
    def upgrade_counter(self, target: address, version: u256) -> None:
        self.upgrade(target, version)

    @external
    def print_coins(self, to: address, wei: u256) -> None:
        self.mint_coins(to, wei)

    @external
    def change_coins(self, wei: i256, how: u8) -> None:
        """Has a bug: less than none."""
        if how == 0:
            self.mint_coins(self.sender, wei)
        elif how == 1:
            self.burn_coins(wei)
        else:
            self.send(self.sender, wei)


FACTORY = Address(bytes(17) + b"\x5c\xff\x01")
REGISTRY = Registry((Counter, CounterV2), (ChainContract("factory", FACTORY, Factory),))
