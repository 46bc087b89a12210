"""The wrapped coin behaves as WETH9."""

from __future__ import annotations

import pytest

from chain.keccak import keccak256
from tests.vm.system.tokens.people import ALICE, BOB, CAROL, NOBODY, behave, coming_back, new_chain
from vm.system.addresses import WRAPPED_COIN
from vm.system.testing import COIN, ContractHandle, TestChain, reverts
from vm.system.testing.bytecode import assemble, reverting
from vm.system.tokens.wrapped_coin import WrappedCoin, WrappedCoinGenesis

MOST = 2**256 - 1


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def weth(chain: TestChain) -> ContractHandle:
    return chain.genesis((WrappedCoin, WrappedCoinGenesis("GEM")))[0]


def test_it_is_named_after_the_coin(chain: TestChain, weth: ContractHandle) -> None:
    assert weth.address == WRAPPED_COIN
    assert (weth.name(), weth.symbol(), weth.decimals()) == ("Wrapped GEM", "WGEM", 18)
    assert chain.genesis((WrappedCoin, None))[0].symbol() == "WAUR"


def test_deposits_make_tokens(chain: TestChain, weth: ContractHandle) -> None:
    weth.deposit(value=5, sender=ALICE)
    assert chain.logs == [WrappedCoin.Deposit(ALICE, 5)]
    weth.send(7, sender=ALICE)
    assert chain.logs == [WrappedCoin.Deposit(ALICE, 7)]
    assert (weth.balanceOf(ALICE), weth.totalSupply(), weth.balance) == (12, 12, 12)


def test_withdrawing_gives_coins_back(chain: TestChain, weth: ContractHandle) -> None:
    weth.deposit(value=5, sender=ALICE)
    weth.withdraw(3, sender=ALICE)
    assert chain.logs == [WrappedCoin.Withdrawal(ALICE, 3)]
    assert (weth.balanceOf(ALICE), weth.totalSupply()) == (2, 2)
    assert chain.balance(ALICE) == 1_000 * COIN - 2
    weth.withdraw(0, sender=BOB)
    assert chain.logs == [WrappedCoin.Withdrawal(BOB, 0)]


def test_as_with_weth9_no_revert_says_why(weth: ContractHandle) -> None:
    weth.deposit(value=5, sender=ALICE)
    with reverts(data=b""):
        weth.withdraw(6, sender=ALICE)
    with reverts(data=b""):
        weth.transfer(BOB, 6, sender=ALICE)
    with reverts(data=b""):
        weth.transferFrom(ALICE, BOB, 1, sender=BOB)
    weth.approve(BOB, 4, sender=ALICE)
    with reverts(data=b""):
        weth.transferFrom(ALICE, BOB, 5, sender=BOB)


def test_transfers_and_allowances(chain: TestChain, weth: ContractHandle) -> None:
    weth.deposit(value=10, sender=ALICE)
    assert weth.transfer(BOB, 4, sender=ALICE) is True
    assert chain.logs == [WrappedCoin.Transfer(ALICE, BOB, 4)]
    assert weth.approve(CAROL, 3, sender=ALICE) is True
    assert chain.logs == [WrappedCoin.Approval(ALICE, CAROL, 3)]
    assert weth.transferFrom(ALICE, BOB, 2, sender=CAROL) is True
    assert weth.allowance(ALICE, CAROL) == 1
    assert weth.transferFrom(ALICE, ALICE, 1, sender=CAROL)  # all that is allowed
    assert weth.transferFrom(ALICE, BOB, 1, sender=ALICE)  # one's own, without an allowance
    weth.approve(CAROL, MOST, sender=ALICE)
    assert weth.transferFrom(ALICE, ALICE, 3, sender=CAROL)
    assert weth.allowance(ALICE, CAROL) == MOST
    assert (weth.balanceOf(ALICE), weth.balanceOf(BOB)) == (3, 7)
    weth.transfer(NOBODY, 3, sender=ALICE)  # WETH9 does not mind
    assert weth.balanceOf(NOBODY) == 3


def test_the_layout_is_that_of_weth9(chain: TestChain, weth: ContractHandle) -> None:
    weth.deposit(value=9, sender=ALICE)
    weth.approve(BOB, 8, sender=ALICE)
    balance = int.from_bytes(keccak256(bytes(12) + ALICE + (3).to_bytes(32)))
    outer = keccak256(bytes(12) + ALICE + (4).to_bytes(32))
    allowance = int.from_bytes(keccak256(bytes(12) + BOB + outer))
    stored = chain.storage(weth)
    assert (stored[2], stored[balance], stored[allowance], len(stored)) == (18, 9, 8, 5)


def test_what_it_does_not_know_it_refuses(chain: TestChain, weth: ContractHandle) -> None:
    permit = keccak256(b"permit(address,address,uint256,uint256,uint8,bytes32,bytes32)")[:4] + bytes(224)
    for payload in (permit, b"\x00", b"\xd0\xe3\x0d"):
        with reverts(data=b""):
            chain.transact(weth, payload, sender=ALICE, value=1)
        with reverts(data=b""):
            chain.transact(weth, payload, sender=ALICE)


def test_a_contract_gets_2300_gas_to_receive_coins(chain: TestChain, weth: ContractHandle) -> None:
    plain = chain.run_evm(assemble("GAS", 0, "MSTORE", 32, 0, "LOG0", "STOP"), value=5)
    weth.deposit(value=5, sender=plain)
    weth.withdraw(1, sender=plain)
    seen = next(log for log in chain.raw_logs if log.address == plain)
    assert int.from_bytes(seen.data) == 2_300 - 2
    behave(chain, plain, assemble(1, 0, "SSTORE", "STOP"))
    with reverts(data=b""):
        weth.withdraw(1, sender=plain)
    behave(chain, plain, reverting(b"no coins"))
    with reverts(data=b"no coins"):
        weth.withdraw(1, sender=plain)
    assert weth.balanceOf(plain) == 4


def test_nothing_at_all_is_paid_out_with_2300_gas_too(chain: TestChain, weth: ContractHandle) -> None:
    plain = chain.run_evm(assemble("GAS", 0, "MSTORE", 32, 0, "LOG0", "STOP"))
    weth.withdraw(0, sender=plain)
    assert int.from_bytes(chain.raw_logs[0].data) == 2_300 - 2


def test_coming_back_while_paid_fails_for_lack_of_gas(chain: TestChain, weth: ContractHandle) -> None:
    thief = coming_back(chain, weth, lambda _: weth.withdraw.encode(5), b"")
    chain.fund(thief, 5)
    weth.deposit(value=50, sender=BOB)
    weth.deposit(value=5, sender=thief)
    with reverts(data=b""):
        weth.withdraw(5, sender=thief)
    assert (weth.balanceOf(thief), weth.balance) == (5, 55)


def test_coins_put_there_by_force_are_in_the_supply_and_nobodys(
    chain: TestChain, weth: ContractHandle
) -> None:
    weth.deposit(value=5, sender=ALICE)
    chain.fund(weth, 3)
    assert (weth.totalSupply(), weth.balanceOf(ALICE)) == (8, 5)
