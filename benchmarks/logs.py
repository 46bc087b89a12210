"""Logs: what eth_getLogs takes over long ranges, what the index of logs costs a commit, and its size on the disk.

The peer of a search is the walk over the blooms of all headers, with receipts and bodies decoded where they let a block
through: what a node without index does. Both read the same database of blocks with 100 token transfers each, opened
anew. The peer of a commit is the same commit without index.
"""

from __future__ import annotations

import gc
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from benchmarks.measurement import Measurement, Options, median
from benchmarks.state import _address, _header
from chain.block import Block
from chain.errors import CallerError
from chain.header import Header
from chain.receipt import Log, Receipt, logs_bloom, merge_blooms
from chain.secp256k1 import PrivateKey
from chain.transaction import Transaction, TransactionType, UnsignedTransaction, sign_transaction
from chain.types import ZERO_HASH, Address, Hash32
from rpc.backend import ChainBackend
from rpc.config import CallLimits
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.methods.logs import LogMethods
from rpc.params.log_filter import LogFilter
from rpc.reading.chain_view import ChainView
from rpc.reading.rendering import Place, log_json, receipts_with_offsets, text
from state.account import Account
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.columns import Column
from state.kv import KeyValueStore, LevelStore, WriteBatch
from state.log_index import Indexed, LogIndex

BLOCKS: Final = 10_000
FULL_BLOCKS: Final = 30_000
LOGS_PER_BLOCK: Final = 100
RARE_EVERY: Final = 1_000  # blocks between logs of the rare address
RECIPIENT_EVERY: Final = 100  # blocks between transfers to one recipient
HOLDERS: Final = 20_000
COMMIT_BLOCKS: Final = 132  # two sections
COMMIT_LOGS: Final = 1_000
FLOOD_LOGS: Final = 60_000
ROUNDS: Final = 3

TRANSFER: Final = Hash32(bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"))
TOKENS: Final = tuple(Address(bytes((0x70, number)) * 10) for number in range(20))
COMMON: Final = Address(b"\x77" * 20)  # half of all logs
RARE: Final = Address(b"\x99" * 20)
RECIPIENT: Final = Hash32(b"\x42".rjust(32, b"\0"))


def run(options: Options) -> Iterator[Measurement]:
    """All measurements; with `full` over more blocks."""
    with tempfile.TemporaryDirectory(prefix="benchmark-logs-") as folder:
        yield from _searches(Path(folder) / "chain", FULL_BLOCKS if options.full else BLOCKS)
    with tempfile.TemporaryDirectory(prefix="benchmark-logs-") as folder:
        yield from _commits(Path(folder))


class _Unsynced(LevelStore):
    """The chain is built a hundred times faster when nobody waits for the disk."""

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        super().write(batch, sync=False)


class _NoIndex(LogIndex):
    """An index that never grows."""

    def block(self, number: int, receipts: Sequence[Receipt]) -> Indexed | None:
        return None


class _TimedIndex(LogIndex):
    """The index, and the CPU seconds that it took for each block (without writing its rows)."""

    def __init__(self, rows: KeyValueStore) -> None:
        super().__init__(rows)
        self.seconds: list[float] = []

    def block(self, number: int, receipts: Sequence[Receipt]) -> Indexed | None:
        begun = time.thread_time()
        indexed = super().block(number, receipts)
        self.seconds.append(time.thread_time() - begun)
        return indexed

    def committed(self, indexed: Indexed | None) -> None:
        begun = time.thread_time()
        super().committed(indexed)
        self.seconds[-1] += time.thread_time() - begun


# --- blocks


def _transactions(count: int) -> list[Transaction]:
    key = PrivateKey(b"\x01" * 32)
    return [
        sign_transaction(
            UnsignedTransaction(TransactionType.DYNAMIC_FEE, 1, nonce, 1, 10, 60_000, COMMON, 0, bytes(68)),
            key,
        )
        for nonce in range(count)
    ]


def _transfer(token: Address, sender: Hash32, recipient: Hash32) -> Receipt:
    logs = (Log(token, (TRANSFER, sender, recipient), bytes(31) + b"\x05"),)
    return Receipt(TransactionType.DYNAMIC_FEE, True, 50_000, logs_bloom(logs), logs)


@dataclass
class _Chain:
    """Appends blocks to a store."""

    store: ChainStore
    rng: random.Random
    holders: list[Hash32]

    @classmethod
    def start(cls, store: ChainStore) -> _Chain:
        rng = random.Random(4)
        changes = StateChanges({_address(0): Account(0, 1)})
        root = store.compute_root(changes).root
        store.initialise(Block(_header(0, ZERO_HASH, root), ()), changes, b"benchmark")
        return cls(store, rng, [Hash32(rng.randbytes(20).rjust(32, b"\0")) for _ in range(HOLDERS)])

    def receipts(self, number: int, count: int) -> list[Receipt]:
        """Transfers between random holders; some of the rare address, and to the one recipient."""
        rng, holders = self.rng, self.holders
        found = []
        for index in range(count):
            token = COMMON if index % 2 else rng.choice(TOKENS)
            recipient = rng.choice(holders)
            if index == 0 and number % RARE_EVERY == 0:
                token = RARE
            if index == 1 and number % RECIPIENT_EVERY == 0:
                recipient = RECIPIENT
            # Fresh objects, as execution makes them: hashes of bytes are kept by the object.
            found.append(_transfer(token, Hash32(bytes(bytearray(rng.choice(holders)))), recipient))
        return found

    def append(
        self, changes: StateChanges, transactions: Sequence[Transaction], receipts: Sequence[Receipt]
    ) -> tuple[float, float]:
        """Seconds of the commit: CPU of this thread, and of the whole process, in which LevelDB compacts."""
        update = self.store.compute_root(changes)
        head = self.store.head
        header = _header(head.number + 1, head.hash, update.root)
        fields = {name: getattr(header, name) for name in Header.__match_args__}
        fields["logs_bloom"] = merge_blooms([receipt.logs_bloom for receipt in receipts])
        block = Block(Header(**fields), tuple(transactions))
        begun, process = time.thread_time(), time.process_time()
        self.store.commit_block(block, receipts, update, b"", b"")
        return time.thread_time() - begun, time.process_time() - process


# --- searches


@dataclass(frozen=True)
class _Query:
    name: str
    wanted: LogFilter


def _queries(blocks: int) -> list[_Query]:
    def query(name: str, blocks: int, addresses: Sequence[Address] = (), *topics: Sequence[Hash32]) -> _Query:
        accepted = tuple(frozenset(group) for group in topics)
        return _Query(f"{name}/{blocks}", LogFilter(1, blocks, None, frozenset(addresses), accepted))

    return [
        query("rare-address", blocks, [RARE]),
        query("recipient", blocks, (), [TRANSFER], (), [RECIPIENT]),
        query("token-and-recipient", blocks, [COMMON], [TRANSFER], (), [RECIPIENT]),
        query("absent-address", blocks, [_address(1)]),
        query("common-address", 150, [COMMON]),
        query("common-address-until-the-limit", blocks, [COMMON]),
        query("common-topic", 90, (), [TRANSFER]),
        query("no-terms", 90),
        query("no-terms-until-the-limit", blocks),
    ]


def _searches(path: Path, blocks: int) -> Iterator[Measurement]:
    chain = _Chain.start(ChainStore.open(_Unsynced(path), chain_id=1))
    transactions = _transactions(LOGS_PER_BLOCK)
    for number in range(1, blocks + 1):
        changes = StateChanges({_address(0): Account(number, 1)})
        chain.append(changes, transactions, chain.receipts(number, LOGS_PER_BLOCK))
    size = sum(len(key) + len(value) for key, value in chain.store._rows.iterate(Column.LOG_SECTION.value))
    indexed = int.from_bytes(chain.store._rows.get(b"mlog_index") or b"", "big") - 1
    yield Measurement("logs/size/index", size / indexed / LOGS_PER_BLOCK, "bytes/log")
    receipts = sum(len(value) for _, value in chain.store._rows.iterate(Column.RECEIPTS.value))
    yield Measurement("logs/size/receipts", receipts / blocks / LOGS_PER_BLOCK, "bytes/log")
    chain.store.close()
    begun = time.thread_time()
    ChainStore.open(path, chain_id=1).close()
    yield Measurement("logs/open", (time.thread_time() - begun) * 1e3, "ms")
    for query in _queries(blocks):
        fast, found = _best(path, lambda store, query=query: _search(store, query.wanted))  # type: ignore[misc]
        slow, expected = _best(path, lambda store, query=query: _walk(store, query.wanted), rounds=1)  # type: ignore[misc]
        if msgspec.json.decode(found) != msgspec.json.decode(expected):
            raise AssertionError(f"{query.name}: the index finds something else")
        yield Measurement(f"logs/search/{query.name}", fast * 1e3, "ms", peer=slow * 1e3)


def _best(path: Path, search: Callable[[ChainStore], bytes], rounds: int = ROUNDS) -> tuple[float, bytes]:
    """The least CPU seconds of a search in a store that was opened anew, and its reply."""
    times = []
    for _ in range(rounds):
        store = ChainStore.open(path, chain_id=1)
        begun = time.thread_time()
        found = search(store)
        times.append(time.thread_time() - begun)
        store.close()
    return min(times), found


def _search(store: ChainStore, wanted: LogFilter) -> bytes:
    limits = CallLimits()
    handlers = LogMethods(ChainView(cast(ChainBackend, cast(Any, store))), limits)
    handlers._view.head_number = lambda: store.head.number  # type: ignore[method-assign]
    deferred = handlers.get_logs(wanted)
    if not isinstance(deferred, OffLoop):
        raise AssertionError("an empty range")
    try:
        return bytes(cast(msgspec.Raw, deferred.job(Deadline(60))))
    except CallerError as error:
        return msgspec.json.encode(str(error))


def _walk(store: ChainStore, wanted: LogFilter) -> bytes:
    """Headers, and where the bloom does not rule a block out, receipts and body."""
    if not isinstance(wanted.first, int) or not isinstance(wanted.last, int):
        raise AssertionError("a range of numbers")
    limits = CallLimits()
    may_match = wanted.bloom_test()
    found: list[object] = []
    for number in range(wanted.first, wanted.last + 1):
        header = store.header(number)
        if header is None or not may_match(header.logs_bloom):
            continue
        matches = [
            (index, first + offset, log)
            for index, (receipt, _, first) in enumerate(receipts_with_offsets(store.receipts(number) or ()))
            for offset, log in enumerate(receipt.logs)
            if wanted.matches(log)
        ]
        block = store.block(number) if matches else None
        if block is None:
            continue
        if len(found) + len(matches) > limits.max_log_results:
            return msgspec.json.encode(f"query returned more than {limits.max_log_results} results")
        place = Place.of(header)
        for index, log_index, log in matches:
            found.append(log_json(log, place, text(block.transactions[index].hash), hex(index), log_index))
    return msgspec.json.encode(found)


# --- commits


def _commits(folder: Path) -> Iterator[Measurement]:
    plain, indexed = (
        _Chain.start(ChainStore.open(folder / name, chain_id=1)) for name in ("plain", "indexed")
    )
    plain.store._log_index = _NoIndex(plain.store._rows)
    timed = indexed.store._log_index = _TimedIndex(indexed.store._rows)
    timed.open_section(0)
    transactions = _transactions(COMMIT_LOGS)
    chains = {"plain": plain, "indexed": indexed}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in chains}
    gc.collect()
    gc.freeze()  # as the node does
    for number in range(1, COMMIT_BLOCKS + 1):
        for name, chain in chains.items() if number % 2 else reversed(chains.items()):
            changes = _token_changes(random.Random(number), number)
            receipts = chain.receipts(number, COMMIT_LOGS)
            times[name].append(chain.append(changes, transactions, receipts))
    for at, what in enumerate(("commit", "commit-process")):
        before, after = (sum(pair[at] for pair in times[name]) / COMMIT_BLOCKS for name in chains)
        yield Measurement(f"logs/{what}/1000-transfers", after * 1e3, "ms", peer=before * 1e3)
    before, after = (median([pair[0] for pair in times[name]]) for name in chains)
    yield Measurement("logs/commit/1000-transfers/median", after * 1e3, "ms", peer=before * 1e3)
    yield Measurement("logs/commit/1000-transfers/share-of-index", median(timed.seconds) * 1e3, "ms")
    worst = [max(pair[0] for pair in times[name]) * 1e3 for name in chains]
    yield Measurement("logs/commit/1000-transfers/worst", worst[1], "ms", peer=worst[0])
    rng = random.Random(8)
    flood = [Log(COMMON, tuple(Hash32(rng.randbytes(32)) for _ in range(4)), b"") for _ in range(FLOOD_LOGS)]
    receipts = [Receipt(TransactionType.DYNAMIC_FEE, True, 1, logs_bloom(flood), tuple(flood))]
    costs = [
        chain.append(StateChanges({_address(0): Account(9, 9)}), transactions[:1], receipts)[0] * 1e6
        for chain in chains.values()
    ]
    yield Measurement(
        "logs/commit/60000-logs-of-distinct-topics",
        costs[1] / FLOOD_LOGS,
        "us/log",
        peer=costs[0] / FLOOD_LOGS,
    )
    for chain in chains.values():
        chain.store.close()


def _token_changes(rng: random.Random, number: int) -> StateChanges:
    """What 1,000 token transfers change: 1,000 senders, and two balances each in one contract."""
    accounts: dict[Address, Account | None] = {
        _address(1 + index): Account(number, 10**18) for index in rng.sample(range(HOLDERS), COMMIT_LOGS)
    }
    slots = rng.sample(range(HOLDERS), 2 * COMMIT_LOGS)
    return StateChanges(accounts, {_address(0): {slot: rng.getrandbits(60) + 1 for slot in slots}})
