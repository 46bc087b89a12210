"""Stopping and going on."""

from __future__ import annotations

import pytest

from vm.system.access.pausable import Pausable, not_paused, when_paused
from vm.system.framework import external
from vm.system.testing import ContractHandle, TestChain, address_of, reverts

ALICE = address_of("alice")


class Stoppable(Pausable, class_id=0xFFFF0304, version=1):
    @external
    def pause(self) -> None:
        self._pause()

    @external
    def unpause(self) -> None:
        self._unpause()

    @external(when=not_paused)
    def work(self) -> None:
        pass

    @external(when=when_paused)
    def repair(self) -> None:
        pass


@pytest.fixture
def chain() -> TestChain:
    return TestChain()


@pytest.fixture
def contract(chain: TestChain) -> ContractHandle:
    return chain.deploy(Stoppable)


def test_it_stops_and_goes_on(chain: TestChain, contract: ContractHandle) -> None:
    assert not contract.paused()
    contract.work()
    with reverts(Pausable.ExpectedPause):
        contract.repair()
    contract.pause(sender=ALICE)
    assert chain.logs == [Pausable.Paused(ALICE)]
    assert contract.paused()
    contract.repair()
    with reverts(Pausable.EnforcedPause):
        contract.work()
    contract.unpause(sender=ALICE)
    assert chain.logs == [Pausable.Unpaused(ALICE)]
    contract.work()


def test_it_stops_once_and_goes_on_once(contract: ContractHandle) -> None:
    with reverts(Pausable.ExpectedPause):
        contract.unpause()
    contract.pause()
    with reverts(Pausable.EnforcedPause):
        contract.pause()
