"""The fungible token: what moves, what is logged, what reverts with what, in OpenZeppelin's order."""

from __future__ import annotations

import pytest

from chain.keccak import keccak256
from tests.vm.system.tokens.people import ALICE, BOB, CAROL, NOBODY, new_chain
from vm.system.errors import PanicCode
from vm.system.framework import address, external, u256
from vm.system.testing import ContractHandle, TestChain, reverts
from vm.system.tokens.erc20 import ERC20
from vm.system.tokens.templates.fungible import FixedToken

MOST = 2**256 - 1


class FreeToken(ERC20, class_id=0xFFFF0101, version=1):
    """Anybody makes and destroys tokens."""

    @external
    def mint(self, account: address, value: u256) -> None:
        self._mint(account, value)

    @external
    def burn(self, account: address, value: u256) -> None:
        self._burn(account, value)

    @external
    def move(self, from_: address, to: address, value: u256) -> None:
        self._transfer(from_, to, value)

    @external
    def allow(self, owner: address, spender: address, value: u256) -> None:
        self._approve(owner, spender, value)


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def token(chain: TestChain) -> ContractHandle:
    return chain.deploy(FixedToken, "Gold", "GLD", 6, 1_000, ALICE)


@pytest.fixture
def free(chain: TestChain) -> ContractHandle:
    return chain.deploy(FreeToken)


def test_the_constructor_gives_the_whole_supply_to_the_owner(chain: TestChain) -> None:
    token = chain.deploy(FixedToken, "Gold", "GLD", 6, 1_000, ALICE)
    assert chain.logs == [FixedToken.Transfer(NOBODY, ALICE, 1_000)]
    assert (token.name(), token.symbol(), token.decimals()) == ("Gold", "GLD", 6)
    assert token.totalSupply() == token.balanceOf(ALICE) == 1_000


def test_a_long_name_is_kept_whole(chain: TestChain) -> None:
    name = "A token whose name fills more than a slot, ünïcödé too 🪙"
    assert chain.deploy(FixedToken, name, "L" * 40, 0, 1, ALICE).name() == name


def test_decimals_are_18_where_nobody_chose(free: ContractHandle) -> None:
    assert free.decimals() == 18


def test_a_transfer_moves_and_logs(chain: TestChain, token: ContractHandle) -> None:
    assert token.transfer(BOB, 300, sender=ALICE) is True
    assert chain.logs == [ERC20.Transfer(ALICE, BOB, 300)]
    assert (token.balanceOf(ALICE), token.balanceOf(BOB), token.totalSupply()) == (700, 300, 1_000)


def test_a_transfer_to_oneself_and_of_nothing_changes_no_balance(
    chain: TestChain, token: ContractHandle
) -> None:
    assert token.transfer(ALICE, 1_000, sender=ALICE)
    assert token.transfer(BOB, 0, sender=CAROL)
    assert chain.logs == [ERC20.Transfer(CAROL, BOB, 0)]
    assert (token.balanceOf(ALICE), token.balanceOf(BOB)) == (1_000, 0)


def test_a_transfer_of_too_much_names_balance_and_need(token: ContractHandle) -> None:
    with reverts(ERC20.ERC20InsufficientBalance, ALICE, 1_000, 1_001):
        token.transfer(BOB, 1_001, sender=ALICE)
    with reverts(ERC20.ERC20InsufficientBalance, CAROL, 0, MOST):
        token.transfer(BOB, MOST, sender=CAROL)


def test_the_zero_address_takes_part_in_nothing(token: ContractHandle, free: ContractHandle) -> None:
    with reverts(ERC20.ERC20InvalidReceiver, NOBODY):
        token.transfer(NOBODY, 1, sender=ALICE)
    with reverts(ERC20.ERC20InvalidReceiver, NOBODY):  # before the balance is looked at
        token.transfer(NOBODY, 1_001, sender=ALICE)
    with reverts(ERC20.ERC20InvalidSpender, NOBODY):
        token.approve(NOBODY, 1, sender=ALICE)
    with reverts(ERC20.ERC20InvalidReceiver, NOBODY):
        free.mint(NOBODY, 1)
    with reverts(ERC20.ERC20InvalidSender, NOBODY):
        free.burn(NOBODY, 1)
    with reverts(ERC20.ERC20InvalidSender, NOBODY):
        free.move(NOBODY, NOBODY, 1)
    with reverts(ERC20.ERC20InvalidReceiver, NOBODY):
        free.move(ALICE, NOBODY, 1)
    with reverts(ERC20.ERC20InvalidApprover, NOBODY):
        free.allow(NOBODY, NOBODY, 1)


def test_transfer_from_uses_the_allowance_up_without_an_event(
    chain: TestChain, token: ContractHandle
) -> None:
    assert token.approve(BOB, 500, sender=ALICE) is True
    assert chain.logs == [ERC20.Approval(ALICE, BOB, 500)]
    assert token.transferFrom(ALICE, CAROL, 200, sender=BOB) is True
    assert chain.logs == [ERC20.Transfer(ALICE, CAROL, 200)]
    assert token.allowance(ALICE, BOB) == 300
    with reverts(ERC20.ERC20InsufficientAllowance, BOB, 300, 301):
        token.transferFrom(ALICE, CAROL, 301, sender=BOB)


def test_the_allowance_is_checked_before_balance_and_receiver(token: ContractHandle) -> None:
    with reverts(ERC20.ERC20InsufficientAllowance, BOB, 0, 2_000):
        token.transferFrom(ALICE, NOBODY, 2_000, sender=BOB)
    token.approve(BOB, 2_000, sender=ALICE)
    with reverts(ERC20.ERC20InvalidReceiver, NOBODY):
        token.transferFrom(ALICE, NOBODY, 2_000, sender=BOB)
    with reverts(ERC20.ERC20InsufficientBalance, ALICE, 1_000, 2_000):
        token.transferFrom(ALICE, CAROL, 2_000, sender=BOB)
    assert token.allowance(ALICE, BOB) == 2_000  # a revert gives it back


def test_from_the_zero_address_even_nothing_cannot_come(token: ContractHandle) -> None:
    with reverts(ERC20.ERC20InvalidApprover, NOBODY):
        token.transferFrom(NOBODY, BOB, 0, sender=ALICE)


def test_an_unlimited_allowance_stays(token: ContractHandle) -> None:
    token.approve(BOB, MOST, sender=ALICE)
    token.transferFrom(ALICE, CAROL, 1_000, sender=BOB)
    assert token.allowance(ALICE, BOB) == MOST


def test_a_new_allowance_takes_the_place_of_the_old_one(token: ContractHandle) -> None:
    token.approve(BOB, 5, sender=ALICE)
    token.approve(BOB, 3, sender=ALICE)
    assert token.allowance(ALICE, BOB) == 3
    assert token.allowance(BOB, ALICE) == 0


def test_the_owner_needs_an_allowance_from_itself_too(token: ContractHandle) -> None:
    with reverts(ERC20.ERC20InsufficientAllowance, ALICE, 0, 1):
        token.transferFrom(ALICE, BOB, 1, sender=ALICE)


def test_the_supply_ends_at_the_greatest_number(free: ContractHandle) -> None:
    free.mint(ALICE, MOST)
    with reverts(panic=PanicCode.OVERFLOW):
        free.mint(BOB, 1)
    free.move(ALICE, BOB, MOST)
    assert (free.balanceOf(ALICE), free.balanceOf(BOB), free.totalSupply()) == (0, MOST, MOST)
    free.burn(BOB, MOST)
    assert free.totalSupply() == 0


def test_making_and_destroying_log_transfers_with_the_zero_address(
    chain: TestChain, free: ContractHandle
) -> None:
    free.mint(ALICE, 7)
    assert chain.logs == [ERC20.Transfer(NOBODY, ALICE, 7)]
    free.burn(ALICE, 2)
    assert chain.logs == [ERC20.Transfer(ALICE, NOBODY, 2)]
    assert free.totalSupply() == 5
    with reverts(ERC20.ERC20InsufficientBalance, ALICE, 5, 6):
        free.burn(ALICE, 6)


def test_balances_lie_where_openzeppelin_has_them(chain: TestChain, free: ContractHandle) -> None:
    free.mint(ALICE, 9)
    slot = int.from_bytes(keccak256(bytes(12) + ALICE + bytes(32)))
    assert chain.storage(free) == {slot: 9, 2: 9}


def test_a_transfer_costs_little_more_than_its_storage_and_its_log(
    chain: TestChain, token: ContractHandle
) -> None:
    log = 375 * 4 + 8 * 32
    token.transfer(BOB, 1, sender=ALICE)
    assert 0 < chain.gas_used - (5_000 + 22_100 + log) < 1_000
    token.transfer(BOB, 1, sender=ALICE)
    assert 0 < chain.gas_used - (5_000 + 5_000 + log) < 1_000
