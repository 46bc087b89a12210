"""Benchmark `state`: roots and commits of blocks that change many accounts, and reads.

Owns its own chains in a temporary directory, with real LevelDB and real commits. Times are CPU times of the calling
thread, because neighbours on a shared machine would drown them; only rows named `wall` are elapsed time. The peer is
py-trie's HexaryTrie, which py-evm uses, in memory; it does less than we count for ourselves (no flat state, no disk).
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from trie.hexary import HexaryTrie

from benchmarks.measurement import Measurement, Options, best_seconds, median
from chain.block import Block
from chain.header import Header
from chain.keccak import keccak256
from chain.receipt import EMPTY_BLOOM
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from state.account import Account, trie_leaf_value
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.reader import DictReader, StateReader
from state.world import WorldState

SIZES: Final = (10_000, 100_000)
FULL_SIZES: Final = (10_000, 100_000, 1_000_000)
CHANGED: Final = (1_000, 10_000)
ROUNDS: Final = 7
BUILD_STEP: Final = 50_000  # accounts made by one block while the chain is built
PEER_KEYS: Final = 500  # py-trie takes half a millisecond for each
READS: Final = 20_000
SLOT_COUNT: Final = 20_000


def run(options: Options) -> Iterator[Measurement]:
    """All measurements; with `full` also a state of a million accounts, and the peer with 100 000."""
    yield from _world_measurements()
    peers: dict[int, tuple[float, float]] = {}
    for size in FULL_SIZES if options.full else SIZES:
        if size == SIZES[0] or (options.full and size <= 100_000):
            peers[size] = _peer_seconds(size)
        # The cost of py-trie grows with the depth only, so the largest peer measured stands for larger sizes too.
        update_peer, read_peer = peers[max(peers)]
        with tempfile.TemporaryDirectory(prefix="benchmark-state-") as folder:
            bench = _Bench(Path(folder) / "chain", size)
            try:
                yield from bench.updates(update_peer)
                yield from bench.reads(read_peer)
            finally:
                bench.store.close()


def _address(index: int) -> Address:
    return Address(index.to_bytes(20, "big"))


def _header(number: int, parent_hash: Hash32, state_root: Hash32) -> Header:
    return Header(
        parent_hash=parent_hash,
        ommers_hash=ZERO_HASH,
        beneficiary=ZERO_ADDRESS,
        state_root=state_root,
        transactions_root=ZERO_HASH,
        receipts_root=ZERO_HASH,
        logs_bloom=EMPTY_BLOOM,
        difficulty=0,
        number=number,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=number,
        extra_data=b"",
        prev_randao=ZERO_HASH,
        nonce=bytes(8),
        base_fee_per_gas=7,
        withdrawals_root=ZERO_HASH,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        requests_hash=ZERO_HASH,
    )


class _Bench:
    """A chain with `size` accounts, one of them with storage."""

    def __init__(self, path: Path, size: int) -> None:
        self.size = size
        self.path = path
        self.label = f"{size // 1000}k"
        self.rng = random.Random(size)
        self.store = ChainStore.open(path, chain_id=1)
        first = StateChanges({_address(0): Account(0, 1)})
        root = self.store.compute_root(first).root
        self.store.initialise(Block(_header(0, ZERO_HASH, root), ()), first, b"benchmark")
        for start in range(0, size, BUILD_STEP):
            end = min(size, start + BUILD_STEP)
            self._commit(StateChanges({_address(i): Account(1, 10**18 + i) for i in range(start, end)}))
        self._commit(StateChanges(storage={_address(0): {slot: slot + 1 for slot in range(SLOT_COUNT)}}))

    def _commit(self, changes: StateChanges) -> tuple[float, float, float]:
        """CPU seconds for the root, CPU seconds for the commit, elapsed seconds for the commit."""
        start = time.thread_time()
        update = self.store.compute_root(changes)
        computed = time.thread_time()
        head = self.store.head
        block = Block(_header(head.number + 1, head.hash, update.root), ())
        begun = time.perf_counter()
        self.store.commit_block(block, (), update, b"", b"")
        return computed - start, time.thread_time() - computed, time.perf_counter() - begun

    def updates(self, peer_seconds: float) -> Iterator[Measurement]:
        """Blocks that change existing accounts, that make new ones, and that change slots of one contract."""
        for changed in CHANGED:
            if changed * 2 > self.size:
                continue
            peer = peer_seconds * 1e6
            yield from self._rounds(f"update-{changed}", "account", self._touched, changed, peer)
            yield from self._rounds(f"insert-{changed}", "account", self._new, changed)
        yield from self._rounds(f"slots-{CHANGED[0]}", "slot", self._slots, CHANGED[0])

    def _rounds(
        self,
        name: str,
        thing: str,
        make: Callable[[int], StateChanges],
        changed: int,
        peer: float | None = None,
    ) -> Iterator[Measurement]:
        rounds = [self._commit(make(changed)) for _ in range(ROUNDS)]
        roots, commits, walls = (
            [seconds * 1e6 / changed for seconds in column] for column in zip(*rounds, strict=True)
        )
        name = f"state/{self.label}/{name}"
        yield Measurement(f"{name}/root", min(roots), f"us/{thing}", peer=peer)
        yield Measurement(f"{name}/commit", min(commits), f"us/{thing}")
        yield Measurement(f"{name}/commit-wall", median(walls), f"us/{thing}")

    def _touched(self, count: int) -> StateChanges:
        view = self.store.latest_state()
        accounts: dict[Address, Account | None] = {}
        for index in self.rng.sample(range(1, self.size), count):
            account = view.account(_address(index))
            if account is not None:
                accounts[_address(index)] = Account(account.nonce + 1, account.balance + 1)
        return StateChanges(accounts)

    def _new(self, count: int) -> StateChanges:
        return StateChanges({Address(self.rng.randbytes(20)): Account(1, 10**18) for _ in range(count)})

    def _slots(self, count: int) -> StateChanges:
        slots = self.rng.sample(range(SLOT_COUNT), count)
        return StateChanges(storage={_address(0): {slot: self.rng.getrandbits(250) for slot in slots}})

    def reads(self, peer_seconds: float) -> Iterator[Measurement]:
        """Reads through a view: from LevelDB, from the cache, and of what is not there."""
        wanted = [_address(self.rng.randrange(self.size)) for _ in range(READS)]
        cold = self._cold_view()
        seconds = best_seconds(lambda: [cold.account(address) for address in wanted], 1)
        yield Measurement(
            f"state/{self.label}/read-account/cold", seconds * 1e6 / READS, "us", peer=peer_seconds * 1e6
        )
        view = self.store.latest_state()
        recent = wanted[:2000]
        seconds = best_seconds(lambda: [view.account(address) for address in recent], ROUNDS)
        yield Measurement(f"state/{self.label}/read-account/cached", seconds * 1e6 / len(recent), "us")
        absent = [Address(self.rng.randbytes(20)) for _ in range(2000)]
        seconds = best_seconds(lambda: [view.account(address) for address in absent], 1)
        yield Measurement(f"state/{self.label}/read-account/absent", seconds * 1e6 / len(absent), "us")
        slots = list(range(2000))
        owner = _address(0)
        seconds = best_seconds(lambda: [cold.storage(owner, slot) for slot in slots], 1)
        yield Measurement(f"state/{self.label}/read-slot/cold", seconds * 1e6 / len(slots), "us")
        seconds = best_seconds(lambda: [cold.storage(owner, slot) for slot in slots], ROUNDS)
        yield Measurement(f"state/{self.label}/read-slot/cached", seconds * 1e6 / len(slots), "us")

    def _cold_view(self) -> StateReader:
        """The latest state with nothing in its caches: the chain is opened anew."""
        self.store.close()
        self.store = ChainStore.open(self.path, chain_id=1)
        return self.store.latest_state()


def _peer_seconds(size: int) -> tuple[float, float]:
    """Seconds that py-trie takes to update one account, and to read one, in a trie of `size` accounts."""
    keys = [keccak256(_address(index)) for index in range(size)]
    trie = HexaryTrie({}, prune=True)
    with trie.squash_changes() as building:
        for index, key in enumerate(keys):
            building[key] = trie_leaf_value(Account(1, 10**18 + index))
    rng = random.Random(size)
    chosen = rng.sample(keys, PEER_KEYS)
    leaf = trie_leaf_value(Account(2, 10**18))
    start = time.thread_time()
    with trie.squash_changes() as batch:
        for key in chosen:
            batch[key] = leaf
    updated = time.thread_time()
    for key in chosen:
        trie[key]
    return (updated - start) / PEER_KEYS, (time.thread_time() - updated) / PEER_KEYS


def _world_measurements() -> Iterator[Measurement]:
    """The overlay, on accounts and slots that it has read before."""
    addresses = [_address(index) for index in range(1000)]
    world = WorldState(DictReader({address: Account(1, 10**18) for address in addresses}))
    owner = addresses[0]
    operations: list[tuple[str, Callable[[int], object]]] = [
        ("get_balance", lambda index: world.get_balance(addresses[index])),
        ("set_balance", lambda index: world.set_balance(addresses[index], 5)),
        ("get_storage", lambda index: world.get_storage(owner, index)),
        ("set_storage", lambda index: world.set_storage(owner, index, 7)),
        ("warm_slot", lambda index: world.warm_slot(owner, index)),
        ("set_transient", lambda index: world.set_transient(owner, index, 7)),
    ]
    for name, operation in operations:
        seconds = best_seconds(lambda operation=operation: _each(operation, 1000), ROUNDS * 3)  # type: ignore[misc]
        yield Measurement(f"state/world/{name}", seconds * 1e6 / 1000, "us")

    def write_and_revert() -> None:
        mark = world.snapshot()
        for address in addresses:
            world.set_balance(address, 6)
        world.revert(mark)

    yield Measurement(
        "state/world/set_balance+revert", best_seconds(write_and_revert, ROUNDS) * 1e6 / 1000, "us"
    )


def _each(operation: Callable[[int], object], count: int) -> None:
    for index in range(count):
        operation(index)
