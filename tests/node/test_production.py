import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chain.errors import EnvironmentFault, InvariantViolation
from chain.transaction import RecoveredTransaction, Transaction
from chain.types import Hash32
from genesis import AUR
from node.payload import MAX_TRANSACTIONS_PER_BLOCK
from node.production import MAX_MISFITS, Chosen, ExecutionCrashed, fill_block, most_transactions
from tests.node.chain_fixture import ACCOUNTS, HandDrivenChain, transfer
from vm.block import BlockBuilder
from vm.environment import BlockEnvironment
from vm.transaction import TransactionResult, apply_transaction

MINUTE = 60.0


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path)
    yield driven
    driven.close()


def builder(chain: HandDrivenChain, *, gas: int = 30_000_000, max_bytes: int = 10**6) -> BlockBuilder:
    environment = chain.application.pending_environment()
    values = {name: getattr(environment, name) for name in BlockEnvironment.__dataclass_fields__}
    limited = BlockEnvironment(**{**values, "gas_limit": gas})
    return BlockBuilder(chain.store.latest_state(), limited, max_bytes=max_bytes)


def from_account(sender: int, transaction: Transaction) -> RecoveredTransaction:
    return RecoveredTransaction(transaction, ACCOUNTS[sender].address)


def fill(made: BlockBuilder, candidates: Sequence[RecoveredTransaction], seconds: float = MINUTE) -> Chosen:
    return fill_block(made, candidates, time.monotonic() + seconds)


def hashes(chosen: Sequence[RecoveredTransaction]) -> list[Hash32]:
    return [item.transaction.hash for item in chosen]


def test_candidates_go_in_in_order(chain: HandDrivenChain) -> None:
    candidates = [from_account(sender, transfer(sender, nonce)) for nonce in range(3) for sender in (1, 0)]
    made = builder(chain)
    chosen = fill(made, candidates)
    assert chosen == Chosen(tuple(candidates), ())
    assert made.included == chosen.included


def test_gas_is_the_first_bound(chain: HandDrivenChain) -> None:
    candidates = [from_account(0, transfer(0, nonce)) for nonce in range(5)]
    chosen = fill(builder(chain, gas=3 * 21_000 + 20_999), candidates)
    assert hashes(chosen.included) == hashes(candidates[:3])
    assert chosen.unusable == ()


def test_bytes_are_the_second_bound_and_smaller_ones_of_others_still_fit(chain: HandDrivenChain) -> None:
    large = [from_account(0, transfer(0, nonce, data=bytes(3_000), gas=200_000)) for nonce in range(3)]
    small = from_account(1, transfer(1, 0))
    chosen = fill(builder(chain, max_bytes=7_000), [*large, small])
    assert hashes(chosen.included) == hashes([large[0], large[1], small])
    assert chosen.unusable == ()


def test_a_sender_whose_transaction_does_not_fit_is_not_tried_with_a_later_one(
    chain: HandDrivenChain,
) -> None:
    large = from_account(0, transfer(0, 0, data=bytes(3_000), gas=200_000))
    chosen = fill(builder(chain, max_bytes=500), [large, from_account(0, transfer(0, 1))])
    assert chosen == Chosen((), ())


def test_the_search_for_one_that_fits_ends(chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Hash32] = []
    made = builder(chain, max_bytes=500)
    add = made.try_add

    def counted(item: RecoveredTransaction) -> TransactionResult:
        tried.append(item.transaction.hash)
        return add(item)

    monkeypatch.setattr(made, "try_add", counted)
    large = transfer(0, 0, data=bytes(3_000), gas=200_000)
    crowd = [RecoveredTransaction(large, key.address) for key in ACCOUNTS] * 10
    strangers = [
        RecoveredTransaction(item.transaction, type(item.sender)(number.to_bytes(20, "big")))
        for number, item in enumerate(crowd)
    ]
    fill(made, strangers)
    assert len(tried) == MAX_MISFITS


def test_time_is_the_third_bound(chain: HandDrivenChain) -> None:
    candidates = [from_account(0, transfer(0, 0))]
    assert fill(builder(chain), candidates, seconds=0.0) == Chosen((), ())


def test_what_can_never_run_leaves_the_pool(chain: HandDrivenChain) -> None:
    stale = from_account(0, transfer(0, 0))
    poor = from_account(1, transfer(1, 0, value=10_001 * AUR))
    good = from_account(2, transfer(2, 0))
    low_gas = from_account(3, transfer(3, 0, gas=20_000))
    gapped = from_account(4, transfer(4, 1))
    made = builder(chain)
    made._world.set_nonce(stale.sender, 1)
    chosen = fill(made, [stale, poor, good, low_gas, gapped])
    assert hashes(chosen.included) == hashes([good])
    assert list(chosen.unusable) == hashes([stale, poor, low_gas])


def test_what_another_transaction_of_the_block_made_impossible_stays(chain: HandDrivenChain) -> None:
    """The block may never be decided: then it can still run."""
    first = from_account(0, transfer(0, 0, value=9_000 * AUR))
    second = from_account(0, transfer(0, 1, value=9_000 * AUR))
    overtaken = from_account(0, transfer(0, 0))
    assert fill(builder(chain), [first, second]) == Chosen((first,), ())
    assert fill(builder(chain), [first, overtaken]) == Chosen((first,), ())


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (RecursionError, ExecutionCrashed),
        (InvariantViolation, InvariantViolation),
        (EnvironmentFault, EnvironmentFault),
    ],
)
def test_faults_of_this_program_are_told_from_those_of_the_disk(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch, fault: type[Exception], expected: type[Exception]
) -> None:
    poison = from_account(1, transfer(1, 0))
    apply = apply_transaction

    def crashing(world: object, env: object, recovered: RecoveredTransaction, **rest: object) -> object:
        if recovered is poison:
            raise fault("broken")
        return apply(world, env, recovered, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr("vm.block.apply_transaction", crashing)
    with pytest.raises(expected) as caught:
        fill(builder(chain), [from_account(0, transfer(0, 0)), poison])
    if isinstance(caught.value, ExecutionCrashed):
        assert caught.value.recovered is poison


@pytest.mark.parametrize(
    ("gas_limit", "most"),
    [(21_000, 1), (30_000_000, 1_428), (10**13, MAX_TRANSACTIONS_PER_BLOCK)],
)
def test_a_block_never_carries_more_than_its_payload_may(gas_limit: int, most: int) -> None:
    assert most_transactions(gas_limit) == most


def test_the_number_of_transactions_is_bounded(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.production.MAX_TRANSACTIONS_PER_BLOCK", 2)
    chosen = fill(builder(chain), [from_account(0, transfer(0, nonce)) for nonce in range(3)])
    assert len(chosen.included) == 2
