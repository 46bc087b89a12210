"""Owners: one step, two steps, none."""

from __future__ import annotations

import pytest

from vm.system.access.ownable import Ownable, Ownable2Step, owner_only
from vm.system.framework import ZERO_ADDRESS, Slot, address, external, u256
from vm.system.testing import ContractHandle, TestChain, address_of, reverts

ALICE, BOB, CAROL = address_of("alice"), address_of("bob"), address_of("carol")


class Owned(Ownable, class_id=0xFFFF0301, version=1):
    number: Slot[u256]

    def constructor(self, owner: address) -> None:
        self._set_first_owner(owner)

    @external(only=owner_only)
    def set(self, number: u256) -> None:
        self.number = number


class Owned2Step(Ownable2Step, class_id=0xFFFF0302, version=1):
    def constructor(self, owner: address) -> None:
        self._set_first_owner(owner)


@pytest.fixture
def chain() -> TestChain:
    return TestChain()


@pytest.fixture
def owned(chain: TestChain) -> ContractHandle:
    return chain.deploy(Owned, ALICE)


def test_the_first_owner_is_logged_and_is_somebody(chain: TestChain) -> None:
    owned = chain.deploy(Owned, ALICE)
    assert chain.logs == [Ownable.OwnershipTransferred(ZERO_ADDRESS, ALICE)]
    assert owned.owner() == ALICE
    with reverts(Ownable.OwnableInvalidOwner, ZERO_ADDRESS):
        chain.deploy(Owned, ZERO_ADDRESS)


def test_a_guarded_function_is_the_owners_alone(chain: TestChain, owned: ContractHandle) -> None:
    owned.set(5, sender=ALICE)
    with reverts(Ownable.OwnableUnauthorizedAccount, BOB):
        owned.set(6, sender=BOB)
    assert chain.read(owned, "number") == 5


def test_ownership_moves(chain: TestChain, owned: ContractHandle) -> None:
    owned.transferOwnership(BOB, sender=ALICE)
    assert chain.logs == [Ownable.OwnershipTransferred(ALICE, BOB)]
    with reverts(Ownable.OwnableUnauthorizedAccount, ALICE):
        owned.transferOwnership(ALICE, sender=ALICE)
    with reverts(Ownable.OwnableInvalidOwner, ZERO_ADDRESS):
        owned.transferOwnership(ZERO_ADDRESS, sender=BOB)
    assert owned.owner() == BOB


def test_a_contract_given_up_belongs_to_nobody(chain: TestChain, owned: ContractHandle) -> None:
    with reverts(Ownable.OwnableUnauthorizedAccount, BOB):
        owned.renounceOwnership(sender=BOB)
    owned.renounceOwnership(sender=ALICE)
    assert chain.logs == [Ownable.OwnershipTransferred(ALICE, ZERO_ADDRESS)]
    with reverts(Ownable.OwnableUnauthorizedAccount, ALICE):
        owned.set(1, sender=ALICE)


def test_in_two_steps_the_new_owner_must_accept(chain: TestChain) -> None:
    owned = chain.deploy(Owned2Step, ALICE)
    owned.transferOwnership(BOB, sender=ALICE)
    assert chain.logs == [Ownable2Step.OwnershipTransferStarted(ALICE, BOB)]
    assert (owned.owner(), owned.pendingOwner()) == (ALICE, BOB)
    for other in (ALICE, CAROL):
        with reverts(Ownable.OwnableUnauthorizedAccount, other):
            owned.acceptOwnership(sender=other)
    owned.acceptOwnership(sender=BOB)
    assert chain.logs == [Ownable.OwnershipTransferred(ALICE, BOB)]
    assert (owned.owner(), owned.pendingOwner()) == (BOB, ZERO_ADDRESS)
    with reverts(Ownable.OwnableUnauthorizedAccount, BOB):
        owned.acceptOwnership(sender=BOB)


def test_an_offer_is_taken_back_or_ends_when_the_contract_is_given_up(chain: TestChain) -> None:
    owned = chain.deploy(Owned2Step, ALICE)
    owned.transferOwnership(BOB, sender=ALICE)
    owned.transferOwnership(ZERO_ADDRESS, sender=ALICE)
    with reverts(Ownable.OwnableUnauthorizedAccount, BOB):
        owned.acceptOwnership(sender=BOB)
    owned.transferOwnership(BOB, sender=ALICE)
    owned.renounceOwnership(sender=ALICE)
    with reverts(Ownable.OwnableUnauthorizedAccount, BOB):
        owned.acceptOwnership(sender=BOB)
    with reverts(Ownable.OwnableUnauthorizedAccount, CAROL):
        owned.transferOwnership(CAROL, sender=CAROL)
