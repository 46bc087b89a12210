import random
import threading
from pathlib import Path

import pytest

from chain.block import Block
from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.receipt import EMPTY_BLOOM, Receipt
from chain.transaction import TransactionType
from chain.types import ZERO_HASH, Hash32
from state.account import Account
from state.block_store import TransactionLocation
from state.chain_store import (
    DEFAULT_LIMITS,
    STATE_VIEWS_KEPT,
    ChainStore,
    Head,
    StateUnavailable,
    StoreLimits,
    WrongGenesis,
    WrongSchema,
)
from state.changes import StateChanges
from state.columns import META_HEAD, META_SCHEMA, Column, number_key
from state.kv import DatabaseDamaged, DatabaseLocked, DatabaseUnavailable, LevelStore, MemoryStore, WriteBatch
from state.views import StateView
from tests.state.chain_builder import (
    CHAIN_ID,
    GENESIS_ID,
    ChainBuilder,
    check_tries,
    make_address,
    make_header,
    make_transaction,
)
from tests.state.conftest import OpenChain

ALICE, BOB, TOKEN = make_address(1), make_address(2), make_address(3)
TINY = StoreLimits(
    cached_accounts=2, cached_slots=2, cached_trie_nodes=2, code_bytes=10, header_bytes=1, block_bytes=1
)


def transfer(number: int) -> StateChanges:
    """Changes of block `number`: two accounts own 1000 together, slot 0 of TOKEN is the number, and one more is set."""
    return StateChanges(
        {ALICE: Account(number, 1000 - number), BOB: Account(0, number), TOKEN: Account(1, 0)},
        {TOKEN: {0: number, 1000 + number: 1}},
    )


def memory_chain() -> ChainBuilder:
    builder = ChainBuilder(ChainStore.open(MemoryStore(), chain_id=CHAIN_ID, genesis_id=GENESIS_ID))
    builder.start(transfer(0))
    return builder


def rows_of(path: Path) -> LevelStore:
    return LevelStore(path, create=False)


def rewrite(path: Path, batch: WriteBatch) -> None:
    rows = rows_of(path)
    rows.write(batch, sync=True)
    rows.close()


# --- genesis and commits -----------------------------------------------------------------------------------------


def test_a_new_database_has_no_head_until_it_is_initialised(open_chain: OpenChain) -> None:
    builder = open_chain()
    initialised_before = builder.store.is_initialised
    assert not initialised_before
    with pytest.raises(InvariantViolation, match="no genesis"):
        builder.store.latest_state()
    with pytest.raises(InvariantViolation, match="no genesis"):
        _ = builder.store.head
    builder.start()
    assert builder.store.is_initialised
    assert builder.store.head.number == 0
    account = builder.store.latest_state().account(ALICE)
    assert account == Account(0, 1000)


def test_a_committed_block_can_be_read_in_every_way_also_after_reopening(open_chain: OpenChain) -> None:
    builder = open_chain()
    builder.start()
    transactions = [make_transaction(nonce) for nonce in range(2)]
    receipts = [Receipt(TransactionType.DYNAMIC_FEE, True, 21_000 * n, EMPTY_BLOOM, ()) for n in (1, 2)]
    block = builder.commit(transfer(1), transactions, receipts)
    builder.store.meta_put(b"name", b"value")
    for _ in range(2):
        store = builder.store
        assert store.head == Head(1, block.hash, block.header.state_root)
        assert store.header(1) == store.header_by_hash(block.hash) == block.header
        assert store.block(1) == store.block_by_hash(block.hash) == block
        assert store.block_number(block.hash) == 1
        assert store.canonical_hash(1) == block.hash
        assert store.receipts(1) == tuple(receipts)
        assert store.receipts(0) == ()
        assert store.transaction_location(transactions[1].hash) == TransactionLocation(1, 1)
        assert store.certificate(1) == b"certificate 1"
        assert store.consensus_record(1) == b"record 1"
        assert store.certificate(0) is None
        assert store.meta_get(b"name") == b"value"
        assert store.meta_get(b"other") is None
        assert store.header_by_hash(ZERO_HASH) is None
        assert store.block_by_hash(ZERO_HASH) is None
        assert store.latest_state().storage(TOKEN, 0) == 1
        store.close()
        builder = open_chain()


def test_a_genesis_block_with_another_state_root_is_refused() -> None:
    store = ChainStore.open(MemoryStore(), chain_id=CHAIN_ID)
    with pytest.raises(InvariantViolation, match="state root"):
        store.initialise(Block(make_header(0, ZERO_HASH, ZERO_HASH), ()), transfer(0), GENESIS_ID)
    assert not store.is_initialised


def test_a_genesis_record_can_be_given() -> None:
    store = ChainStore.open(MemoryStore(), chain_id=CHAIN_ID)
    root = store.compute_root(transfer(0)).root
    store.initialise(Block(make_header(0, ZERO_HASH, root), ()), transfer(0), GENESIS_ID, b"validators")
    assert store.consensus_record(0) == b"validators"


def test_a_second_genesis_is_refused() -> None:
    builder = memory_chain()
    with pytest.raises(InvariantViolation, match="already"):
        builder.start(transfer(0))
    genesis = builder.store.block(0)
    assert genesis is not None
    with pytest.raises(WrongGenesis):
        builder.store.initialise(genesis, transfer(0), b"genesis two")


def test_only_a_child_of_the_head_can_be_committed() -> None:
    builder = memory_chain()
    store = builder.store
    update = store.compute_root(transfer(1))
    head = store.head
    strangers = [
        make_header(2, head.hash, update.root),
        make_header(0, head.hash, update.root),
        make_header(1, keccak256(b"another parent"), update.root),
    ]
    for header in strangers:
        with pytest.raises(InvariantViolation, match="not a child"):
            store.commit_block(Block(header, ()), (), update, b"", b"")
    assert store.head == head


def test_only_the_computed_root_can_be_committed() -> None:
    store = memory_chain().store
    update = store.compute_root(transfer(1))
    header = make_header(1, store.head.hash, Hash32(b"x" * 32))
    with pytest.raises(InvariantViolation, match="state root"):
        store.commit_block(Block(header, ()), (), update, b"", b"")


def test_a_root_computed_on_an_earlier_head_cannot_be_committed() -> None:
    builder = memory_chain()
    update = builder.store.compute_root(transfer(5))
    builder.commit(transfer(1))
    header = make_header(2, builder.store.head.hash, update.root)
    with pytest.raises(InvariantViolation, match="another parent"):
        builder.store.commit_block(Block(header, ()), (), update, b"", b"")
    assert builder.store.head.number == 1


def test_the_number_of_receipts_must_be_that_of_the_transactions() -> None:
    builder = memory_chain()
    with pytest.raises(InvariantViolation, match="receipts"):
        builder.commit(transfer(1), [make_transaction(0)])
    assert builder.store.head.number == 0


# --- compute_root ------------------------------------------------------------------------------------------------


def random_changes(rng: random.Random) -> StateChanges:
    accounts = {make_address(rng.randrange(60)): Account(1, rng.randrange(1, 10**20)) for _ in range(20)}
    removed = {make_address(rng.randrange(60)): None for _ in range(5)}
    storage = {
        address: {rng.randrange(50): rng.randrange(3) for _ in range(10)}
        for address in list(accounts)[:5]
        if address not in removed
    }
    return StateChanges({**accounts, **removed}, storage)


@pytest.mark.parametrize("limits", [DEFAULT_LIMITS, TINY], ids=["warm", "tiny caches"])
def test_a_root_that_is_computed_and_not_committed_has_no_effect(limits: StoreLimits) -> None:
    rng = random.Random(11)
    stores = [MemoryStore(), MemoryStore()]
    with_proposals, plain = (
        ChainBuilder(ChainStore.open(rows, chain_id=CHAIN_ID, limits=limits)) for rows in stores
    )
    with_proposals.start(transfer(0))
    plain.start(transfer(0))
    for _ in range(25):
        proposed, decided = random_changes(rng), random_changes(rng)
        before = dict(stores[0].iterate(b""))
        with_proposals.store.compute_root(proposed)
        assert dict(stores[0].iterate(b"")) == before
        with_proposals.commit(decided)
        plain.commit(decided)
        assert with_proposals.store.head == plain.store.head
        assert dict(stores[0].iterate(b"")) == dict(stores[1].iterate(b""))
    check_tries(stores[0], plain.store.head.state_root)


def test_two_threads_may_not_write_at_once() -> None:
    store = memory_chain().store
    with store._one_writer(), pytest.raises(InvariantViolation, match="two threads"):
        store.compute_root(transfer(1))
    store.compute_root(transfer(1))


# --- views -------------------------------------------------------------------------------------------------------


def check_view(view: StateView) -> None:
    """A view of `transfer` blocks agrees with itself and with its number."""
    alice, bob = view.account(ALICE), view.account(BOB)
    assert alice is not None
    assert bob is not None
    assert alice.balance + bob.balance == 1000
    assert bob.balance == view.storage(TOKEN, 0) == view.number
    assert view.storage(TOKEN, 1000 + view.number + 1) == 0
    assert view.storage(TOKEN, 1000 + view.number // 2) == 1


@pytest.mark.parametrize("limits", [DEFAULT_LIMITS, TINY], ids=["warm", "tiny caches"])
def test_views_stay_as_they_are_while_blocks_are_committed(
    open_chain: OpenChain, limits: StoreLimits
) -> None:
    builder = open_chain(limits)
    builder.start(transfer(0))
    views = [builder.store.latest_state()]
    for number in range(1, 30):
        builder.commit(transfer(number))
        views.append(builder.store.latest_state())
        for view in views[::3]:
            check_view(view)
    assert [view.number for view in views] == list(range(30))
    for view in views:
        check_view(view)


@pytest.mark.parametrize("limits", [DEFAULT_LIMITS, TINY], ids=["warm", "tiny caches"])
def test_threads_read_consistent_states_during_commits(open_chain: OpenChain, limits: StoreLimits) -> None:
    builder = open_chain(limits)
    builder.start(transfer(0))
    done = threading.Event()
    failures: list[BaseException] = []
    reads = [0, 0, 0]

    def read(index: int) -> None:
        rng = random.Random(index)
        try:
            while not done.is_set():
                head = builder.store.head
                check_view(builder.store.latest_state())
                number = max(0, head.number - rng.randrange(5))
                view = builder.store.state_at(number)
                assert view.number == number
                check_view(view)
                header = builder.store.header(head.number)
                assert header is not None
                assert header.hash == head.hash
                reads[index] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(index,)) for index in range(len(reads))]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        builder.commit(transfer(number))
    done.set()
    for thread in threads:
        thread.join(timeout=20)
    assert failures == []
    assert min(reads) > 0


def test_the_last_states_are_kept_and_no_more(open_chain: OpenChain) -> None:
    builder = open_chain()
    builder.start(transfer(0))
    for number in range(1, STATE_VIEWS_KEPT + 4):
        builder.commit(transfer(number))
    store = builder.store
    head = store.head.number
    for number in (head, head - 1, head - STATE_VIEWS_KEPT + 1):
        check_view(store.state_at(number))
    for number in (head + 1, head - STATE_VIEWS_KEPT, 0, -1):
        with pytest.raises(StateUnavailable, match=f"block {number} is not available"):
            store.state_at(number)
    assert store.state_at(head) is store.latest_state()


def test_only_the_head_state_is_there_after_reopening(open_chain: OpenChain) -> None:
    builder = open_chain()
    builder.start(transfer(0))
    builder.commit(transfer(1))
    builder.store.close()
    store = open_chain().store
    check_view(store.state_at(1))
    with pytest.raises(StateUnavailable):
        store.state_at(0)


def test_a_dropped_view_is_still_good_for_who_holds_it(open_chain: OpenChain) -> None:
    builder = open_chain(TINY)
    builder.start(transfer(0))
    oldest = builder.store.latest_state()
    for number in range(1, STATE_VIEWS_KEPT + 3):
        builder.commit(transfer(number))
    check_view(oldest)


@pytest.mark.parametrize("limits", [DEFAULT_LIMITS, TINY], ids=["warm", "tiny caches"])
def test_wiped_slots_are_gone_for_new_views_and_there_for_old_ones(
    open_chain: OpenChain, limits: StoreLimits
) -> None:
    builder = open_chain(limits)
    builder.start(transfer(5))
    old = builder.store.latest_state()
    assert old.storage(TOKEN, 1005) == 1
    builder.commit(StateChanges(storage={TOKEN: {7: 70}}, wiped=(TOKEN,)))
    new = builder.store.latest_state()
    assert (new.storage(TOKEN, 1005), new.storage(TOKEN, 0), new.storage(TOKEN, 7)) == (0, 0, 70)
    assert (old.storage(TOKEN, 1005), old.storage(TOKEN, 0), old.storage(TOKEN, 7)) == (1, 5, 0)
    builder.commit(StateChanges({TOKEN: None}))
    gone = builder.store.latest_state()
    assert gone.account(TOKEN) is None
    assert (gone.storage(TOKEN, 7), new.storage(TOKEN, 7)) == (0, 70)
    assert (gone.has_storage(TOKEN), new.has_storage(TOKEN)) == (False, True)


def test_code_is_stored_with_the_block(open_chain: OpenChain) -> None:
    builder = open_chain()
    builder.start(transfer(0))
    code = b"\x60\x00\x60\x00"
    code_hash = keccak256(code)
    builder.commit(StateChanges({TOKEN: Account(1, 0, code_hash=code_hash)}, code={code_hash: code}))
    assert builder.store.latest_state().code(code_hash) == code
    builder.store.close()
    assert open_chain().store.latest_state().code(code_hash) == code


# --- opening and closing -----------------------------------------------------------------------------------------


def test_a_closed_store_answers_with_an_environment_fault(open_chain: OpenChain) -> None:
    builder = open_chain(TINY)
    builder.start(transfer(0))
    view = builder.store.latest_state()
    builder.store.close()
    builder.store.close()
    for call in (
        lambda: view.account(make_address(77)),
        lambda: builder.store.header(0),
        lambda: builder.store.compute_root(transfer(1)),
        lambda: builder.store.meta_put(b"a", b"b"),
    ):
        with pytest.raises(DatabaseUnavailable):
            call()


def test_a_database_in_use_is_locked(open_chain: OpenChain) -> None:
    open_chain()
    with pytest.raises(DatabaseLocked):
        open_chain()


def test_a_database_of_another_genesis_is_refused_and_left_unlocked(
    open_chain: OpenChain, chain_path: Path
) -> None:
    builder = open_chain()
    builder.start()
    builder.store.close()
    with pytest.raises(WrongGenesis, match=GENESIS_ID.hex()):
        ChainStore.open(chain_path, chain_id=CHAIN_ID, genesis_id=b"genesis two")
    assert open_chain().store.head.number == 0


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_schema_version_is_refused(open_chain: OpenChain, chain_path: Path, version: int) -> None:
    open_chain().store.close()
    rewrite(chain_path, {b"m" + META_SCHEMA: version.to_bytes(4, "big")})
    with pytest.raises(WrongSchema, match=f"version {version}, this program needs 1"):
        open_chain()


def test_a_database_of_another_program_is_refused(open_chain: OpenChain, chain_path: Path) -> None:
    rows = LevelStore(chain_path)
    rows.write({b"foreign": b"row"}, sync=True)
    rows.close()
    with pytest.raises(WrongSchema, match="not written by this program"):
        open_chain()


def test_every_disagreement_about_the_head_is_damage(open_chain: OpenChain, chain_path: Path) -> None:
    builder = open_chain()
    builder.start(transfer(0))
    for number in (1, 2):
        builder.commit(transfer(number))
    head = builder.store.head
    builder.store.close()
    rows = rows_of(chain_path)
    good = dict(rows.iterate(b""))
    rows.close()
    head_key, header_key = b"m" + META_HEAD, number_key(Column.HEADER, 2)
    earlier_root = good[b"h" + bytes(8)]
    spoilt: list[WriteBatch] = [
        {head_key: b"short"},
        {head_key: good[head_key][:40] + earlier_root[:32]},
        {head_key: (9).to_bytes(8, "big") + head.hash + head.state_root},
        {header_key: None},
        {header_key: good[header_key][:-1]},
        {header_key: good[number_key(Column.HEADER, 1)]},
        {number_key(Column.HEADER, 1): None},
        {Column.ACCOUNT_NODE.value: None},
        {Column.ACCOUNT_NODE.value: b"\x00"},
        {Column.ACCOUNT_NODE.value: good[Column.ACCOUNT_NODE.value][:-34] + b"\x80" * 2},
    ]
    for batch in spoilt:
        rewrite(chain_path, batch)
        with pytest.raises(DatabaseDamaged):
            open_chain()
        rewrite(chain_path, {key: good[key] for key in batch})
    assert open_chain().store.head == head


def test_a_cut_off_log_brings_back_an_earlier_block_as_a_whole(
    open_chain: OpenChain, chain_path: Path
) -> None:
    builder = open_chain()
    builder.start(transfer(0))
    for number in range(1, 6):
        builder.commit(transfer(number))
    builder.store.close()
    log = max(chain_path.glob("*.log"))
    content = log.read_bytes()
    files = {file.name: file.read_bytes() for file in chain_path.iterdir()}
    heads = []
    for kept in range(len(content) - 1, len(content) // 3, -(len(content) // 10)):
        for file in chain_path.iterdir():
            file.unlink()
        for name, original in files.items():
            (chain_path / name).write_bytes(original)
        log.write_bytes(content[:kept])
        store = open_chain().store
        heads.append(store.head.number)
        check_view(store.latest_state())
        check_tries(store._rows, store.head.state_root)
        store.close()
    assert heads == sorted(heads, reverse=True)
    assert 0 < heads[-1] < heads[0] == 4


def test_names_of_small_records_are_bounded() -> None:
    store = memory_chain().store
    for key in (b"", bytes(129)):
        with pytest.raises(InvariantViolation):
            store.meta_put(key, b"value")
