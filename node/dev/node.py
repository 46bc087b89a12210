"""The development chain as its RPC methods drive it: mining, time, state, snapshots and accounts.

Owns the order of all that changes the chain (one thing at a time), the mining mode, and what a snapshot holds beside
the database. Never looks at JSON. Implements rpc.dev_backend.DevBackend.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import structlog
import trio

from chain.errors import CallerError
from chain.impersonation import impersonation_signature
from chain.keccak import EMPTY_KECCAK, keccak256
from chain.secp256k1 import PrivateKey
from chain.transaction import RecoveredTransaction, assemble_transaction, sign_transaction
from chain.types import Address, Hash32
from node.chain_start import ChainFile, start_over
from node.dev.application import BlockWishes, DevApplication
from node.dev.clock import ClockState, UnusableTime
from node.dev.pool import DevPool
from rpc.backend import Json
from rpc.dev_backend import AccountChange, Draft
from state.account import EMPTY_ACCOUNT, MAX_BALANCE, MAX_NONCE, Account
from state.changes import StateChanges
from state.dev_store import DevChainStore
from vm.context import delegation_target

MAX_BLOCKS_AT_ONCE: Final = 100_000
"""Blocks of one request. Each is a real one, with a header, a state root and a commit, and takes about 2 ms."""

MIN_GAS_LIMIT: Final = 5_000  # go-ethereum's params.MinGasLimit
MAX_GAS_LIMIT: Final = (1 << 63) - 1
MAX_IMPERSONATED: Final = 100_000
MAX_INTERVAL_MS: Final = 1 << 40
MAX_BASE_FEE: Final = (
    1 << 128
)  # above the wei that exist, and far enough below 2**256 for eight blocks to raise it

_OFFSET_KEY: Final = b"dev/clock-offset-ms"
_OFFSET_BYTES: Final = 9
_GRANTED_KEY: Final = b"dev/granted-wei"

T = TypeVar("T")

log = structlog.get_logger(__name__)


class UnknownAccount(CallerError):
    """No key, and not impersonated; go-ethereum's text."""

    def __init__(self) -> None:
        super().__init__("unknown account")


class Refused(CallerError):
    """A wish that this chain cannot grant."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What belongs to a mark of the store and lies outside of it."""

    clock: ClockState
    wishes: BlockWishes
    waiting: tuple[RecoveredTransaction, ...]


@dataclass(slots=True)
class Accounts:
    """Whom the node may sign for, and whom it believes without a signature (`may_speak_for`: any thread)."""

    keys: Mapping[Address, PrivateKey]
    impersonated: set[Address]
    everybody: bool = False
    this_time: Address | None = None

    def may_speak_for(self, address: Address) -> bool:
        """Whether a transaction of this account needs no signature."""
        return self.everybody or address in self.impersonated or address == self.this_time

    @contextmanager
    def believing(self, address: Address) -> Iterator[None]:
        """Believe one more; one task at a time."""
        self.this_time = address
        try:
            yield
        finally:
            self.this_time = None


class DevNode:
    """`run` makes blocks at an interval; everything else is called by RPC."""

    def __init__(
        self,
        chain: ChainFile,
        store: DevChainStore,
        application: DevApplication,
        pool: DevPool,
        accounts: Accounts,
        *,
        automine: bool = True,
        interval_ms: int | None = None,
    ) -> None:
        self._chain = chain
        self._store = store
        self._application = application
        self._pool = pool
        self._accounts = accounts
        self._automine = automine
        self._interval_ms = interval_ms
        self._interval_changed = trio.Event()
        self._one_at_a_time = trio.Lock()
        self._sending = trio.Lock()
        self._snapshots: dict[int, _Snapshot] = {}
        self._instance = Hash32(secrets.token_bytes(32))
        pool.attach(application.pending_environment, lambda: self._automine)

    async def run(self) -> None:
        """Make a block at each interval, while there is one."""
        while True:
            changed = self._interval_changed
            interval_ms = self._interval_ms
            with trio.move_on_after(float("inf") if interval_ms is None else interval_ms / 1000) as wait:
                await changed.wait()
            if not wait.cancelled_caught:
                continue
            try:
                await self.mine(1)
            except UnusableTime as error:
                log.warning("interval_mining_ended", reason=str(error))
                self._interval_ms = None

    async def mine_waiting(self) -> None:
        """Make blocks until nothing that waits can run; what does not fit the nonces or fees goes on waiting."""
        async with self._alone():
            while await self._application.mine(even_empty=False):
                pass

    # --- accounts -----------------------------------------------------------------------------------------

    def accounts(self) -> Sequence[Address]:
        return tuple(self._accounts.keys)

    def key(self, address: Address) -> PrivateKey | None:
        return self._accounts.keys.get(address)

    def impersonate(self, address: Address) -> None:
        if len(self._accounts.impersonated) >= MAX_IMPERSONATED:
            raise Refused(f"more than {MAX_IMPERSONATED} impersonated accounts")
        self._accounts.impersonated.add(address)

    def stop_impersonating(self, address: Address) -> bool:
        was = address in self._accounts.impersonated
        self._accounts.impersonated.discard(address)
        return was

    def impersonate_all(self, enabled: bool) -> None:
        self._accounts.everybody = enabled

    async def send(
        self, sender: Address, draft: Draft, nonce: int | None, *, unsigned: bool = False
    ) -> Hash32:
        key = self.key(sender)
        if key is None and not unsigned and not self._accounts.may_speak_for(sender):
            raise UnknownAccount
        async with self._sending:  # so that two of one sender get two nonces
            form = draft(self._pool.pending_nonce(sender) if nonce is None else nonce)
            if key is not None and not self._is_contract(sender):
                transaction = sign_transaction(form, key)
            else:
                transaction = assemble_transaction(form, impersonation_signature(sender))
            with self._accounts.believing(sender):
                (answer,) = await self._pool.submit([transaction.raw])
        if isinstance(answer, CallerError):
            raise answer
        if self._automine:
            await self.mine_waiting()
        return answer

    # --- blocks -------------------------------------------------------------------------------------------

    @property
    def automine(self) -> bool:
        return self._automine

    @property
    def interval_ms(self) -> int | None:
        return self._interval_ms

    async def mine(self, blocks: int, *, interval_s: int | None = None, first_s: int | None = None) -> None:
        if not 0 <= blocks <= MAX_BLOCKS_AT_ONCE:
            raise Refused(f"cannot mine {blocks} blocks at once: at most {MAX_BLOCKS_AT_ONCE}")
        clock, application = self._application.clock, self._application
        async with self._alone():
            if first_s is not None:
                clock.set_next(first_s, application.head_time_s)
            for made in range(blocks):
                await trio.lowlevel.checkpoint()  # whoever asked may have gone
                if made and interval_s:
                    clock.set_next(application.head_time_s + interval_s, application.head_time_s)
                await application.mine()

    def set_automine(self, enabled: bool) -> None:
        self._automine = enabled

    def set_interval_ms(self, interval_ms: int | None) -> None:
        if interval_ms is not None and not 1 <= interval_ms <= MAX_INTERVAL_MS:
            raise Refused(f"an interval of {interval_ms} ms: 1 to {MAX_INTERVAL_MS} are possible")
        self._interval_ms = interval_ms
        self._interval_changed.set()
        self._interval_changed = trio.Event()

    # --- the next block -----------------------------------------------------------------------------------

    def set_coinbase(self, address: Address) -> None:
        self._application.wishes = replace(self._application.wishes, coinbase=address)

    def set_block_gas_limit(self, gas_limit: int) -> None:
        if not MIN_GAS_LIMIT <= gas_limit <= MAX_GAS_LIMIT:
            raise Refused(f"block gas limit {gas_limit}: {MIN_GAS_LIMIT} to {MAX_GAS_LIMIT} are possible")
        self._application.wishes = replace(self._application.wishes, gas_limit=gas_limit)

    def set_next_base_fee(self, base_fee_per_gas: int) -> None:
        if not 0 <= base_fee_per_gas <= MAX_BASE_FEE:
            raise Refused(f"base fee {base_fee_per_gas}: at most {MAX_BASE_FEE} is possible")
        self._application.wishes = replace(self._application.wishes, base_fee_per_gas=base_fee_per_gas)

    def set_prev_randao(self, prev_randao: Hash32) -> None:
        self._application.wishes = replace(self._application.wishes, prev_randao=prev_randao)

    # --- time ---------------------------------------------------------------------------------------------

    async def increase_time(self, seconds: int) -> int:
        async with self._alone():
            return self._application.clock.increase(seconds, self._application.head_time_s)

    async def set_time_ms(self, time_ms: int) -> int:
        async with self._alone():
            return self._application.clock.set_now(time_ms)

    def set_next_timestamp(self, time_s: int) -> None:
        self._application.clock.set_next(time_s, self._application.head_time_s)

    def set_timestamp_interval(self, seconds: int | None) -> bool:
        return self._application.clock.set_interval(seconds)

    # --- state --------------------------------------------------------------------------------------------

    async def change_account(self, address: Address, change: AccountChange) -> None:
        if change.nonce is not None and not 0 <= change.nonce < MAX_NONCE:
            raise Refused(f"nonce {change.nonce} is out of range")
        async with self._alone():
            self._grant((change.balance or 0) + change.added_balance)
            after = self._store.latest_state().account(address) or EMPTY_ACCOUNT
            code: dict[Hash32, bytes] = {}
            balance = after.balance if change.balance is None else change.balance
            after = replace(after, balance=balance + change.added_balance)
            if change.nonce is not None:
                after = replace(after, nonce=change.nonce)
            if change.code is not None:
                code_hash = keccak256(change.code) if change.code else EMPTY_KECCAK
                after = replace(after, code_hash=code_hash)
                code = {code_hash: change.code} if change.code else {}
            await self._amend(address, StateChanges({address: _unless_nothing(after)}, code=code))

    async def set_storage(self, address: Address, slot: int, value: int) -> None:
        async with self._alone():
            before = self._store.latest_state().account(address)
            if before is None and not value:
                return
            changes = StateChanges({address: before or EMPTY_ACCOUNT}, {address: {slot: value}})
            await self._amend(address, changes)

    # --- the whole chain ----------------------------------------------------------------------------------

    async def snapshot(self) -> int:
        async with self._alone():
            number = self._store.mark()
            self._snapshots[number] = _Snapshot(
                self._application.clock.state(), self._application.wishes, self._pool.waiting()
            )
            if len(self._snapshots) % 100 == 0:  # the store gives up old marks
                self._snapshots = {n: kept for n, kept in self._snapshots.items() if self._store.has_mark(n)}
            return number

    async def revert(self, number: int) -> bool:
        async with self._alone():
            snapshot = self._snapshots.get(number)
            if snapshot is None or not await _in_thread(lambda: self._store.go_back(number)):
                return False
            self._snapshots = {n: kept for n, kept in self._snapshots.items() if n < number}
            self._application.read_head_again()
            self._application.clock.restore(snapshot.clock)
            self._application.wishes = snapshot.wishes
            self._pool.restore(snapshot.waiting)
            self._keep_offset()
            return True

    async def reset(self) -> None:
        async with self._alone():
            await _in_thread(lambda: start_over(self._store, self._chain))
            self._snapshots.clear()
            self._application.read_head_again()
            self._application.clock.restore(ClockState(self._application.clock.wall_ms(), None, None))
            self._application.wishes = BlockWishes()
            self._pool.restore(())
            self._accounts.impersonated.clear()
            self._accounts.everybody = False
            self._instance = Hash32(secrets.token_bytes(32))

    async def drop_transactions(self, transaction_hash: Hash32 | None) -> bool:
        async with self._alone():
            if transaction_hash is not None:
                return self._pool.drop(transaction_hash)
            self._pool.restore(())
            return True

    def instance(self) -> Hash32:
        return self._instance

    def tell_blocks(self, enabled: bool) -> None:
        self._application.tells_blocks = enabled

    def status(self) -> Mapping[str, Json]:
        wishes = self._application.wishes
        return {
            "automine": self._automine,
            "intervalMs": self._interval_ms,
            "clockOffsetSeconds": self._application.clock.offset_ms // 1000,
            "gasLimit": self._application.gas_limit(),
            "coinbase": None if wishes.coinbase is None else "0x" + wishes.coinbase.hex(),
            "snapshots": len(self._snapshots),
            "impersonated": len(self._accounts.impersonated),
        }

    # ------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Nothing else changes the chain meanwhile. What the clock was moved by is kept with the chain."""
        async with self._one_at_a_time:
            offset_ms = self._application.clock.offset_ms
            try:
                yield
            finally:
                if self._application.clock.offset_ms != offset_ms:
                    self._keep_offset()

    def _keep_offset(self) -> None:
        offset_ms = self._application.clock.offset_ms
        self._store.meta_put(_OFFSET_KEY, offset_ms.to_bytes(_OFFSET_BYTES, "big", signed=True))

    def _is_contract(self, address: Address) -> bool:
        """Whether EIP-3607 keeps its key from sending: a test has put code there."""
        state = self._store.latest_state()
        account = state.account(address)
        if account is None or account.code_hash == EMPTY_KECCAK:
            return False
        return delegation_target(state.code(account.code_hash)) is None

    async def _amend(self, address: Address, changes: StateChanges) -> None:
        await _in_thread(lambda: self._store.amend(changes))
        self._pool.on_block((address,))

    def _grant(self, balance: int) -> None:
        """All balances together must fit 256 bits, or a transfer could overflow one. Raises Refused."""
        if not balance:
            return
        stored = self._store.meta_get(_GRANTED_KEY)
        granted = int.from_bytes(stored, "big") if stored is not None else 0
        supply = sum(allocation.balance for allocation in self._chain.genesis.allocations.values())
        if supply + granted + balance > MAX_BALANCE:
            raise Refused(
                f"balance {balance} is too high: all balances of a chain must fit 256 bits together, "
                f"{MAX_BALANCE - supply - granted} wei are left"
            )
        self._store.meta_put(_GRANTED_KEY, (granted + balance).to_bytes(32, "big"))


def clock_offset_ms(store: DevChainStore) -> int:
    """By how much the clock was moved when the chain last ran."""
    stored = store.meta_get(_OFFSET_KEY)
    return int.from_bytes(stored, "big", signed=True) if stored is not None else 0


def _unless_nothing(account: Account) -> Account | None:
    """EIP-161 knows no empty accounts; one with storage is kept, because its slots were set by hand."""
    return None if account == EMPTY_ACCOUNT else account


async def _in_thread(job: Callable[[], T]) -> T:
    """A step that must not be left half way, also when its request ends."""
    with trio.CancelScope(shield=True):
        return await trio.to_thread.run_sync(job)
