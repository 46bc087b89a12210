"""The chain in memory: deploying, calling as anybody, failing on demand, mining, going back in time."""

from __future__ import annotations

import pytest

from chain.keccak import keccak256
from tests.vm.system.testing.bank import Bank, Clock, IBank
from vm.environment import CommitVote, Misbehaviour
from vm.message import CallKind
from vm.system.registry import Registry
from vm.system.runtime.hooks import HookFailed
from vm.system.testing import (
    COIN,
    CallReverted,
    ContractHandle,
    TestChain,
    address_of,
    fails,
    key_of,
    reverts,
)
from vm.system.testing.bytecode import (
    answering,
    assemble,
    calling,
    proxy,
    reentering,
    reverting,
    through_proxy,
)

ALICE, BOB = address_of("alice"), address_of("bob")
CLOCK_AT = address_of("clock")


@pytest.fixture
def chain() -> TestChain:
    chain = TestChain(registry=Registry((), ()))
    chain.account("alice")
    chain.account("bob")
    return chain


@pytest.fixture
def bank(chain: TestChain) -> ContractHandle:
    return chain.deploy(Bank, ALICE, "The Bank", sender=BOB)


def test_a_deployed_contract_answers_by_the_names_of_its_functions(
    chain: TestChain, bank: ContractHandle
) -> None:
    assert bank.both() == (ALICE, "The Bank")
    assert bank.deposit("rent", value=5, sender=ALICE) == 5
    assert bank.deposit("rent", value=7, sender=ALICE) == 12
    assert bank.balanceOf(ALICE) == 12
    assert bank.balanceOf(key_of("alice")) == 12  # a key stands for its address
    assert bank.balanceOf(bank) == 0  # and so does a contract
    assert bank.balance == 12
    assert chain.balance(ALICE) == 1_000 * COIN - 12


def test_two_contracts_of_a_class_are_two_accounts(chain: TestChain, bank: ContractHandle) -> None:
    other = chain.deploy(Bank, BOB, "Another")
    assert other.address != bank.address
    assert other.both() == (BOB, "Another")
    assert chain.code(other) == chain.code(bank) == Bank.code


def test_a_constructor_that_reverts_leaves_no_contract(chain: TestChain) -> None:
    with reverts("Bank: no title"):
        chain.deploy(Bank, ALICE, "", at=CLOCK_AT)
    assert chain.code(CLOCK_AT) == b""
    assert chain.deploy(Bank, ALICE, "now", at=CLOCK_AT).address == CLOCK_AT


def test_overloads_are_told_apart_by_method_or_signature(bank: ContractHandle) -> None:
    assert bank.twice_number(4) == 8
    assert bank.twice_text("ab") == "abab"
    assert bank["twice(string)"]("x") == "xx"
    with pytest.raises(AttributeError, match="Bank has no function, event or error nothing"):
        bank.nothing()


def test_prank_and_sender_say_who_calls(chain: TestChain, bank: ContractHandle) -> None:
    with reverts(Bank.NotOwner, chain.sender):
        bank.set_level(1)
    with chain.prank(ALICE):
        bank.set_level(2)
        with chain.prank(BOB), reverts(Bank.NotOwner, BOB):
            bank.set_level(3)
        with reverts(Bank.NotOwner, CLOCK_AT):
            bank.set_level(4, sender=CLOCK_AT)
        bank.set_level(5)
    with reverts(Bank.NotOwner):
        bank.set_level(6)


def test_what_a_call_must_revert_with_is_compared(bank: ContractHandle) -> None:
    with reverts(Bank.TooLittle, 0, 5):
        bank.withdraw(5, BOB)
    with reverts(bank.TooLittle):
        bank.withdraw(5, BOB)
    with reverts(panic=0x32):
        bank.panic(0x32)
    with reverts(panic=0x11):
        bank.set_level(256, sender=ALICE)
    with reverts():
        bank.panic(1)
    with reverts(data=b""):
        bank.twice_number(1, value=1)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda: reverts("no"), r"reverted with TooLittle\(held=0, needed=5\), not with 'no'"),
        (lambda: reverts(Bank.TooLittle, 0, 6), r"not with TooLittle\(0, 6\)"),
        (lambda: reverts(Bank.NotOwner), "not with NotOwner"),
        (lambda: reverts(panic=0x11), "not with panic 0x11"),
        (lambda: reverts(data=b"\x01"), "not with 0x01"),
        (lambda: fails("gas"), "TooLittle"),
    ],
)
def test_another_revert_than_the_expected_one_is_told(
    bank: ContractHandle, wrong: type[object], text: str
) -> None:
    with pytest.raises((AssertionError, CallReverted), match=text), wrong():  # type: ignore[attr-defined]
        bank.withdraw(5, BOB)


def test_a_call_that_does_not_fail_is_told_too(bank: ContractHandle) -> None:
    with pytest.raises(AssertionError, match=r"did not revert \('x' was expected\)"), reverts("x"):
        bank.both()
    with pytest.raises(AssertionError, match="did not fail"), fails("out of gas"):
        bank.both()


def test_a_call_without_gas_fails_and_stays_without_effect(chain: TestChain, bank: ContractHandle) -> None:
    with fails("out of gas"):
        bank.deposit("rent", value=5, sender=ALICE, gas=30_000)
    assert chain.logs == []
    assert bank.balanceOf(ALICE) == 0


def test_a_fault_of_the_contract_is_raised(bank: ContractHandle) -> None:
    with pytest.raises(KeyError, match="a bug"):
        bank.fault()


def test_a_view_runs_in_a_static_call(bank: ContractHandle) -> None:
    with fails("write protection"):
        bank.writes_in_a_view()
    with fails("write protection"):
        bank.writes_in_a_view.transact()
    with fails("write protection"):
        bank.deposit.static("rent")


def test_a_call_shows_the_result_and_keeps_nothing(chain: TestChain, bank: ContractHandle) -> None:
    before = chain.storage(bank)
    assert bank.deposit.call("rent", value=9, sender=ALICE) == 9
    assert len(chain.logs) == 1
    assert chain.storage(bank) == before
    assert bank.balanceOf(ALICE) == 0


def test_logs_are_decoded_and_compared_with_events(chain: TestChain, bank: ContractHandle) -> None:
    bank.deposit("rent", value=5, sender=ALICE)
    assert chain.logs == [Bank.Deposited(ALICE, "rent", 5, "rent")]
    assert chain.logs != [Bank.Deposited(ALICE, "rent", 6, "rent")]
    (log,) = chain.events(bank.Deposited)
    assert (log.owner, log.coins, log.message, log.address) == (ALICE, 5, "rent", bank.address)
    assert log.note == log.topics[2]  # of an indexed string only the hash is known
    assert repr(log).startswith("Deposited(owner=0x")
    with pytest.raises(AttributeError, match="Deposited has no field other"):
        log.other
    bank.set_level(1, sender=ALICE)
    assert chain.logs == []


def test_gas_and_refund_are_those_of_the_last_call(chain: TestChain, bank: ContractHandle) -> None:
    bank.set_level(1, sender=ALICE)
    assert (20_000 > chain.gas_used > 5_000, chain.refund) == (True, 0)  # owner and level share a slot
    bank.deposit("x", value=1, sender=ALICE)
    used = chain.gas_used
    bank.deposit("x", value=1, sender=ALICE)
    assert chain.gas_used < used


def test_plain_coins_reach_receive(bank: ContractHandle) -> None:
    bank.send(5, sender=ALICE)
    assert bank.balance == 5
    with reverts("Bank: nothing"):
        bank.send(0)


def test_an_interface_is_enough_to_call(chain: TestChain, bank: ContractHandle) -> None:
    seen = chain.at(bank.address, IBank)
    assert seen.deposit("a", value=3, sender=BOB) == 3
    assert seen.balanceOf(BOB) == 3
    with pytest.raises(AttributeError):
        seen.withdraw(1, BOB)


def test_snapshots_bring_everything_back(chain: TestChain, bank: ContractHandle) -> None:
    mark = chain.snapshot()
    before = (chain.storage(bank), chain.block, bank.balance)
    bank.deposit("x", value=1, sender=ALICE)
    chain.mine(3)
    later = chain.snapshot()
    bank.deposit("x", value=1, sender=ALICE)
    chain.revert(later)
    assert bank.balance == 1
    chain.revert(mark)
    assert (chain.storage(bank), chain.block, bank.balance) == before
    with chain.anchor():
        bank.deposit("x", value=1, sender=ALICE)
        chain.warp(50)
    assert (chain.storage(bank), chain.block, bank.balance) == before
    chain.revert(mark)
    assert (chain.storage(bank), chain.block, bank.balance) == before


def test_time_passes_as_a_test_wants(chain: TestChain, bank: ContractHandle) -> None:
    start = chain.block.timestamp
    chain.mine(4)
    assert (chain.block.number, chain.block.timestamp) == (5, start + 4)
    chain.mine(2, seconds=100)
    assert (chain.block.number, chain.block.timestamp) == (7, start + 104)
    chain.warp(10)
    bank.deposit("x", sender=ALICE)
    assert chain.block.timestamp == start + 114
    assert (
        chain.storage(bank)[int.from_bytes(keccak256(bytes(12) + ALICE + (2).to_bytes(32)))] >> 128
        == start + 114
    )


# --- hooks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(chain: TestChain) -> ContractHandle:
    chain.register(Clock, hooks_at=CLOCK_AT)
    (clock,) = chain.genesis((Clock, 10))
    return clock


def stored(chain: TestChain, clock: ContractHandle) -> tuple[int, ...]:
    """begun, ended, missed, faults"""
    word = chain.storage(clock).get(0, 0)
    return tuple(word >> 64 * index & (2**64 - 1) for index in range(4))


def test_mining_runs_the_hooks_with_the_votes_and_faults_given(
    chain: TestChain, clock: ContractHandle
) -> None:
    votes = [CommitVote(ALICE, 1, signed=True), CommitVote(BOB, 1, signed=False)]
    mined = chain.mine(2, votes=votes, misbehaviour=[Misbehaviour(BOB, 1, 1)])
    assert stored(chain, clock) == (12, 2, 2, 1)
    assert [block.events for block in mined] == [[Clock.Ticked(1)], [Clock.Ticked(2)]]


def test_validator_updates_are_collected_and_followed(chain: TestChain, clock: ContractHandle) -> None:
    mined = chain.mine(3)
    assert [len(block.validator_updates) for block in mined] == [0, 0, 1]
    assert list(chain.validators.values()) == [3]
    chain.mine()
    assert chain.validators == {}


def test_a_hook_that_fails_is_raised_and_nothing_moves(chain: TestChain, clock: ContractHandle) -> None:
    clock.break_hooks()
    before = (chain.block, chain.storage(clock))
    with pytest.raises(HookFailed):
        chain.mine()
    assert (chain.block, chain.storage(clock)) == before


def test_a_chain_contract_may_make_coins(chain: TestChain, clock: ContractHandle) -> None:
    clock.mint(BOB, 5)
    assert chain.balance(BOB) == 1_000 * COIN + 5


# --- gas and attackers ----------------------------------------------------------------------------------------------


def test_starving_finds_the_least_gas_and_leaves_no_trace(chain: TestChain, bank: ContractHandle) -> None:
    before = chain.storage(bank)
    found = chain.starve(bank.deposit, "rent", value=5, sender=ALICE)
    assert found.failed > 100
    assert chain.storage(bank) == before
    with fails("out of gas"):
        bank.deposit("rent", value=5, sender=ALICE, gas=found.enough - 1)
    bank.deposit("rent", value=5, sender=ALICE, gas=found.enough)
    with reverts(Bank.TooLittle):
        chain.starve(bank.withdraw, 500, BOB, sender=ALICE)


def test_starving_notices_a_call_that_does_another_thing_when_poor(chain: TestChain) -> None:
    careless = chain.run_evm(assemble("GAS", 0, "SSTORE"))
    with pytest.raises(AssertionError, match="does something else with"):
        chain.starve(chain.at(careless, IBank).deposit, "x")


def test_an_evm_proxy_calls_the_contract_in_every_way(chain: TestChain, bank: ContractHandle) -> None:
    payload = bank.both.encode()
    for kind in (CallKind.CALL, CallKind.STATICCALL):
        raw = chain.call(chain.run_evm(proxy(kind)), through_proxy(bank.address, payload))
        assert bank.both.function.decode(raw) == (ALICE, "The Bank")
    for kind in (CallKind.CALLCODE, CallKind.DELEGATECALL):
        with reverts("system contract: delegated call"):
            chain.call(chain.run_evm(proxy(kind)), through_proxy(bank.address, payload))
    carrier = chain.run_evm(proxy())
    chain.transact(carrier, through_proxy(bank.address, bank.deposit.encode("x")), value=4, sender=ALICE)
    assert bank.balanceOf(carrier) == 4


def test_attackers_reenter_answer_and_revert(chain: TestChain, bank: ContractHandle) -> None:
    attacker = chain.run_evm(reentering(bank.address, bank.withdraw.encode(1, ALICE), b"\x05"))
    with reverts(data=bytes.fromhex("3ee5aeb5")):  # ReentrancyGuardReentrantCall()
        bank.withdraw(0, attacker, sender=ALICE)
    assert chain.call(chain.run_evm(answering(b"hello" * 9)), b"") == b"hello" * 9
    with reverts(data=b"no" * 20):
        chain.call(chain.run_evm(reverting(b"no" * 20)), b"")
    assert chain.call(chain.run_evm(calling(bank.address, bank.twice_number.encode(4))), b"") == (8).to_bytes(
        32
    )
    calm = chain.run_evm(reentering(bank.address, bank.both.encode(), b"\x05"))
    assert chain.call(calm, b"") == b"\x05"
