"""What the methods of a development chain need from its node.

Owns the seam only. A node with consensus has no such object, and then none of these methods exists.
Everything is called on the event loop. Amounts in wei, times in seconds unless the name says otherwise.

Errors: any method may raise CallerError for a wish that cannot be granted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chain.secp256k1 import PrivateKey
from chain.transaction import UnsignedTransaction
from chain.types import Address, Hash32
from rpc.backend import Json

Draft = Callable[[int], UnsignedTransaction]
"""A transaction that lacks its nonce only."""


@dataclass(frozen=True, slots=True)
class AccountChange:
    """New values of an account; None leaves what is there."""

    balance: int | None = None
    added_balance: int = 0
    nonce: int | None = None
    code: bytes | None = None


class DevBackend(Protocol):
    """The development chain."""

    # --- accounts -----------------------------------------------------------------------------------------

    def accounts(self) -> Sequence[Address]:
        """Those whose keys the node has."""
        ...

    def key(self, address: Address) -> PrivateKey | None:
        """The key of one of them."""
        ...

    def impersonate(self, address: Address) -> None:
        """Take transactions of this account without a signature."""
        ...

    def stop_impersonating(self, address: Address) -> bool:
        """No more; False if it was not impersonated."""
        ...

    def impersonate_all(self, enabled: bool) -> None:
        """Take transactions of every account without a signature."""
        ...

    async def send(
        self, sender: Address, draft: Draft, nonce: int | None, *, unsigned: bool = False
    ) -> Hash32:
        """Sign with the sender's key, or not at all if impersonated, and submit; mined on return when automining.

        `nonce` None takes the next one, also when many are sent at once. `unsigned` believes any sender, this time.
        Raises the pool's reason against it."""
        ...

    # --- blocks -------------------------------------------------------------------------------------------

    @property
    def automine(self) -> bool:
        """Whether a transaction is mined as soon as it arrives."""
        ...

    @property
    def interval_ms(self) -> int | None:
        """Time between blocks that are made without being asked for."""
        ...

    async def mine(self, blocks: int, *, interval_s: int | None = None, first_s: int | None = None) -> None:
        """Make blocks: the first at time `first_s`, the others `interval_s` later each; None leaves it to the clock."""
        ...

    def set_automine(self, enabled: bool) -> None:
        """A transaction that waits already is mined with the next one that arrives."""
        ...

    def set_interval_ms(self, interval_ms: int | None) -> None:
        """Make a block at each interval; None no more."""
        ...

    # --- the next block -----------------------------------------------------------------------------------

    def set_coinbase(self, address: Address) -> None:
        """Who gets the fees from now on."""
        ...

    def set_block_gas_limit(self, gas_limit: int) -> None:
        """Of all blocks from now on."""
        ...

    def set_next_base_fee(self, base_fee_per_gas: int) -> None:
        """Of the next block; those after it follow EIP-1559 again."""
        ...

    def set_prev_randao(self, prev_randao: Hash32) -> None:
        """Of the next block."""
        ...

    # --- time ---------------------------------------------------------------------------------------------

    async def increase_time(self, seconds: int) -> int:
        """Move the clock; returns its whole offset from the wall clock."""
        ...

    async def set_time_ms(self, time_ms: int) -> int:
        """Let the clock show this time; returns by how many seconds it moved."""
        ...

    def set_next_timestamp(self, time_s: int) -> None:
        """Of the next block, which moves the clock there."""
        ...

    def set_timestamp_interval(self, seconds: int | None) -> bool:
        """Let each block be so much later than the one before; returns whether there was an interval before."""
        ...

    # --- state --------------------------------------------------------------------------------------------

    async def change_account(self, address: Address, change: AccountChange) -> None:
        """Change the state after the head; the next block's state root covers it."""
        ...

    async def set_storage(self, address: Address, slot: int, value: int) -> None:
        """As `change_account`."""
        ...

    # --- the whole chain ----------------------------------------------------------------------------------

    async def snapshot(self) -> int:
        """Remember chain, clock and waiting transactions."""
        ...

    async def revert(self, number: int) -> bool:
        """Go back to a snapshot, which is used up, as are all later ones; False if there is none."""
        ...

    async def reset(self) -> None:
        """Start over from the genesis block."""
        ...

    async def drop_transactions(self, transaction_hash: Hash32 | None) -> bool:
        """Take one transaction out of the pool, or all; False if it does not wait."""
        ...

    def instance(self) -> Hash32:
        """A name of this run of the chain; another one after a reset or a restart."""
        ...

    def tell_blocks(self, enabled: bool) -> None:
        """Whether the log names each block with transactions."""
        ...

    def status(self) -> Mapping[str, Json]:
        """Facts for people: mining mode, clock, wishes, open snapshots."""
        ...
