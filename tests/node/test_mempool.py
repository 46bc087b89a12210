import random
from collections.abc import Iterable

import pytest

from chain.secp256k1 import PrivateKey
from chain.transaction import RecoveredTransaction, TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address
from node.config import MempoolSettings
from node.errors import AlreadyKnown, PoolError, PoolFull, ReplacementUnderpriced
from node.mempool import Mempool, SenderAccount, maximum_cost

KEYS = [PrivateKey(bytes([n]) * 32) for n in range(1, 7)]
RECEIVER = Address(b"\x77" * 20)
RICH = 10**24


class Accounts:
    """The head's accounts as the pool sees them."""

    def __init__(self) -> None:
        self.of: dict[Address, SenderAccount] = {key.address: SenderAccount(0, RICH) for key in KEYS}

    def __call__(self, address: Address) -> SenderAccount:
        return self.of.get(address, SenderAccount(0, 0))


def transaction(
    key: PrivateKey, nonce: int, tip: int = 1, fee: int = 100, payload: bytes = b""
) -> RecoveredTransaction:
    unsigned = UnsignedTransaction(
        type=TransactionType.DYNAMIC_FEE,
        chain_id=1337,
        nonce=nonce,
        max_priority_fee_per_gas=tip,
        max_fee_per_gas=fee,
        gas_limit=21_000,
        to=RECEIVER,
        value=1,
        data=payload,
    )
    return RecoveredTransaction(sign_transaction(unsigned, key), key.address)


def pool(accounts: Accounts | None = None, **settings: int) -> tuple[Mempool, Accounts]:
    accounts = accounts or Accounts()
    return Mempool(MempoolSettings(**settings), accounts), accounts


def order(chosen: Iterable[RecoveredTransaction]) -> list[tuple[int, int]]:
    index = {key.address: number for number, key in enumerate(KEYS)}
    return [(index[item.sender], item.transaction.nonce) for item in chosen]


def test_the_best_tip_comes_first_and_each_sender_keeps_its_nonce_order() -> None:
    mempool, _ = pool()
    for item in (
        transaction(KEYS[0], 1, tip=50),
        transaction(KEYS[0], 0, tip=2),
        transaction(KEYS[1], 0, tip=9),
        transaction(KEYS[1], 1, tip=1),
    ):
        mempool.add(item)
    assert order(mempool.best_first(10)) == [(1, 0), (0, 0), (0, 1), (1, 1)]


def test_the_tip_that_counts_is_what_is_left_above_the_base_fee() -> None:
    mempool, _ = pool()
    mempool.add(transaction(KEYS[0], 0, tip=90, fee=100))
    mempool.add(transaction(KEYS[1], 0, tip=20, fee=1000))
    assert order(mempool.best_first(95)) == [(1, 0), (0, 0)]
    assert order(mempool.best_first(101)) == [(1, 0)]


def test_a_gap_waits_until_it_is_filled() -> None:
    mempool, _ = pool()
    mempool.add(transaction(KEYS[0], 2))
    assert (mempool.executable, mempool.queued, mempool.pending_nonce(KEYS[0].address)) == (0, 1, 0)
    mempool.add(transaction(KEYS[0], 0))
    mempool.add(transaction(KEYS[0], 1))
    assert (mempool.executable, mempool.queued, mempool.pending_nonce(KEYS[0].address)) == (3, 0, 3)


def test_the_same_transaction_twice_is_already_known() -> None:
    mempool, _ = pool()
    mempool.add(transaction(KEYS[0], 0))
    with pytest.raises(AlreadyKnown, match="already known"):
        mempool.add(transaction(KEYS[0], 0))


@pytest.mark.parametrize(("tip", "fee", "accepted"), [(10, 109, False), (11, 110, True), (10, 200, False)])
def test_a_replacement_must_bump_both_prices_by_a_tenth(tip: int, fee: int, accepted: bool) -> None:
    mempool, _ = pool()
    first = transaction(KEYS[0], 0, tip=10, fee=100)
    mempool.add(first)
    replacement = transaction(KEYS[0], 0, tip=tip, fee=fee)
    if not accepted:
        with pytest.raises(ReplacementUnderpriced, match="replacement transaction underpriced"):
            mempool.add(replacement)
        assert first.transaction.hash in mempool
        return
    assert mempool.add(replacement).replaced == first.transaction.hash
    assert len(mempool) == 1
    assert first.transaction.hash not in mempool


def test_old_nonces_and_poor_senders_are_refused_in_geths_words() -> None:
    mempool, accounts = pool()
    accounts.of[KEYS[0].address] = SenderAccount(5, RICH)
    with pytest.raises(PoolError, match=r"nonce too low: .*tx: 4 state: 5"):
        mempool.add(transaction(KEYS[0], 4))
    item = transaction(KEYS[1], 0)
    accounts.of[KEYS[1].address] = SenderAccount(0, maximum_cost(item.transaction))
    mempool.add(item)
    with pytest.raises(PoolError, match=r"insufficient funds for gas \* price \+ value"):
        mempool.add(transaction(KEYS[1], 1))


def test_a_fee_cap_that_no_block_can_take_is_refused() -> None:
    mempool, _ = pool()
    with pytest.raises(PoolError, match="transaction underpriced: gas fee cap 6, minimum needed 7"):
        mempool.add(transaction(KEYS[0], 0, tip=1, fee=6))
    mempool.add(transaction(KEYS[0], 0, tip=1, fee=7))


def test_a_full_pool_takes_only_what_pays_more_than_the_cheapest() -> None:
    mempool, _ = pool(max_transactions=2)
    cheap = transaction(KEYS[0], 0, tip=1)
    mempool.add(cheap)
    mempool.add(transaction(KEYS[1], 0, tip=5))
    with pytest.raises(PoolFull, match="underpriced: txpool is full"):
        mempool.add(transaction(KEYS[2], 0, tip=1))
    mempool.add(transaction(KEYS[2], 0, tip=2))
    assert cheap.transaction.hash not in mempool
    assert len(mempool) == 2


def test_bytes_are_bounded_too() -> None:
    mempool, _ = pool(max_bytes=1 << 16)
    mempool.add(transaction(KEYS[0], 0, payload=bytes(30_000)))
    mempool.add(transaction(KEYS[0], 1, payload=bytes(30_000)))
    with pytest.raises(PoolFull):
        mempool.add(transaction(KEYS[0], 2, payload=bytes(30_000)))
    assert 60_000 < mempool.size_bytes <= 1 << 16


def test_a_replacement_may_not_break_the_bound_of_bytes() -> None:
    mempool, _ = pool(max_bytes=1 << 16)
    for nonce in range(4):
        mempool.add(transaction(KEYS[0], nonce, tip=10))
    for nonce in range(2):
        mempool.add(transaction(KEYS[0], nonce, tip=20, fee=200, payload=bytes(30_000)))
    with pytest.raises(PoolFull):
        mempool.add(transaction(KEYS[0], 2, tip=20, fee=200, payload=bytes(30_000)))
    assert mempool.size_bytes <= 1 << 16
    assert (mempool.executable, mempool.queued) == (4, 0)


def test_a_refused_transaction_drives_nobody_out() -> None:
    mempool, _ = pool(max_bytes=1 << 16)
    cheap = [transaction(KEYS[0], nonce, tip=1, payload=bytes(10_000)) for nonce in range(3)]
    dear = transaction(KEYS[1], 0, tip=50, payload=bytes(30_000))
    for item in (*cheap, dear):
        mempool.add(item)
    with pytest.raises(PoolFull, match="underpriced"):
        mempool.add(transaction(KEYS[2], 0, tip=2, payload=bytes(60_000)))
    assert set(mempool.transactions()) == {*cheap, dear}
    mempool.add(transaction(KEYS[2], 0, tip=2, payload=bytes(25_000)))
    assert dear.transaction.hash in mempool
    assert mempool.size_bytes <= 1 << 16


def test_an_account_that_changed_without_sending_anything_is_followed_too() -> None:
    """As after an EIP-7702 authorization of that account, which raises its nonce."""
    mempool, accounts = pool()
    mempool.add(transaction(KEYS[0], 0))
    mempool.add(transaction(KEYS[0], 1))
    accounts.of[KEYS[0].address] = SenderAccount(1, RICH)
    mempool.on_block([RECEIVER, KEYS[0].address])
    assert order(mempool.best_first(1)) == [(0, 1)]
    assert mempool.pending_nonce(KEYS[0].address) == 2


def test_one_sender_and_the_queue_have_their_own_bounds() -> None:
    mempool, _ = pool(max_per_sender=2, max_queued=1)
    mempool.add(transaction(KEYS[0], 0))
    mempool.add(transaction(KEYS[0], 1))
    with pytest.raises(PoolFull, match="account limit exceeded"):
        mempool.add(transaction(KEYS[0], 2))
    mempool.add(transaction(KEYS[1], 7))
    with pytest.raises(PoolFull, match="no room to queue"):
        mempool.add(transaction(KEYS[2], 7))


def test_a_block_drops_what_it_included_and_what_became_stale_or_unpayable() -> None:
    mempool, accounts = pool()
    items = [transaction(KEYS[0], nonce) for nonce in range(4)]
    for item in items:
        mempool.add(item)
    accounts.of[KEYS[0].address] = SenderAccount(2, maximum_cost(items[2].transaction))
    mempool.on_block([KEYS[0].address])
    assert order(mempool.best_first(1)) == [(0, 2)]
    assert (mempool.executable, mempool.queued, len(mempool)) == (1, 0, 1)


def test_removing_one_leaves_the_later_ones_waiting() -> None:
    mempool, _ = pool()
    items = [transaction(KEYS[0], nonce) for nonce in range(3)]
    for item in items:
        mempool.add(item)
    mempool.remove(items[1].transaction.hash)
    assert (mempool.executable, mempool.queued) == (1, 1)


@pytest.mark.parametrize("seed", range(8))
def test_counts_hold_after_any_sequence_of_changes(seed: int) -> None:
    source = random.Random(seed)
    mempool, accounts = pool(max_transactions=25, max_per_sender=12, max_queued=8)
    for _ in range(400):
        key = source.choice(KEYS)
        account = accounts.of[key.address]
        match source.random():
            case chance if chance < 0.75:
                nonce = max(0, account.nonce + source.randrange(-1, 9))
                try:
                    mempool.add(transaction(key, nonce, tip=source.randrange(1, 40)))
                except PoolError:
                    pass
            case chance if chance < 0.9:
                accounts.of[key.address] = SenderAccount(account.nonce + source.randrange(3), account.balance)
                mempool.on_block([key.address])
            case _:
                if len(mempool):
                    mempool.remove(source.choice(list(mempool.transactions())).transaction.hash)
        waiting = list(mempool.transactions())
        assert mempool.size_bytes == sum(len(item.transaction.raw) for item in waiting)
        assert mempool.executable + mempool.queued == len(waiting) <= 25
        expected = 0
        for other in KEYS:
            nonces = {item.transaction.nonce for item in waiting if item.sender == other.address}
            expected += gapless_run(nonces, accounts.of[other.address].nonce)
        assert mempool.executable == expected == len(order(mempool.best_first(1)))


def gapless_run(nonces: set[int], start: int) -> int:
    run = 0
    while start + run in nonces:
        run += 1
    return run
