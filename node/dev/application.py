"""The application of a development chain: the same blocks, made on request, with what one may wish for the next one.

Owns the wishes for the next block, the commit that the one validator signs, and reading the head again after the store
went back. Never votes, and keeps no signer guard: heights may repeat, because a snapshot can be restored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import trio

from chain.block import Block
from chain.secp256k1 import PrivateKey
from chain.types import Address, Hash32
from consensus.certificates import commit_of_precommits
from consensus.sign_bytes import sign_digest
from consensus.types import Commit, Vote, VoteKind
from node.application import ChainApplication
from node.chain_record import GenesisRecord, HeadRecord, load_head_record
from node.chain_rules import ChainConstants, earliest_time_ms
from node.config import ProductionSettings
from node.dev.clock import DevClock
from node.engines import EngineChoice
from node.payload import ConsensusRecord
from node.pool import TransactionPool
from state.chain_store import ChainStore
from vm.environment import BlockEnvironment

BUILD_DEADLINE_S: Final = 10.0
"""A block takes the transactions that run within it, or within the node's own build budget."""


@dataclass(frozen=True, slots=True)
class BlockWishes:
    """What replaces the chain's own rules: the first two in all blocks from now on, the others in the next one."""

    coinbase: Address | None = None
    gas_limit: int | None = None
    base_fee_per_gas: int | None = None
    prev_randao: Hash32 | None = None

    def after_block(self) -> BlockWishes:
        """What is left of them."""
        return BlockWishes(self.coinbase, self.gas_limit)


class DevApplication(ChainApplication):
    """See the module's docstring. `mine` and `read_head_again` are called by one task at a time."""

    def __init__(
        self,
        constants: ChainConstants,
        genesis_record: GenesisRecord,
        store: ChainStore,
        pool: TransactionPool,
        settings: ProductionSettings,
        clock: DevClock,
        key: PrivateKey,
        engines: EngineChoice,
    ) -> None:
        super().__init__(constants, genesis_record, store, pool, settings, clock, key.address, engines)
        self.clock = clock
        self.wishes = BlockWishes()
        self.tells_blocks = True
        self._key = key

    @property
    def head_time_s(self) -> int:
        """The timestamp of the head."""
        return self._head.parent.header.timestamp

    def gas_limit(self) -> int:
        """Of the next block (any thread)."""
        wished = self.wishes.gas_limit
        return self.constants.gas_limit if wished is None else wished

    async def mine(self, *, even_empty: bool = True) -> int:
        """Make one block of what waits and commit it; returns the number of its transactions.

        Without `even_empty` a block that would have none is not made. Raises UnusableTime.
        """
        self.clock.check_next(self.head_time_s)
        with trio.CancelScope(
            shield=True
        ):  # a block that is built and not committed must not be offered again
            position = self.position()
            height = position.height + 1
            built = await self.build(height, 0, position.last_commit, BUILD_DEADLINE_S)
            block = self._executed[built.block_id].block
            count = len(block.transactions)
            if not count and not even_empty:
                self._forget_built()
                return 0
            await self.commit(built.payload, self._commit_of(height, built.block_id))
        self.wishes = self.wishes.after_block()
        self.clock.block_made(block.header.timestamp)
        return count

    def read_head_again(self) -> None:
        """The store holds another chain now."""
        self._forget_built()
        self._head = load_head_record(self._store, self._genesis_record)

    def _forget_built(self) -> None:
        self._executed.clear()
        self._own_block = None
        self._offers.clear()

    def _next_time_ms(self, head: HeadRecord) -> int:
        """Whole seconds, so that wished times are exact; the block interval of the chain holds all the same."""
        earliest_s = -(-earliest_time_ms(self.constants, head.parent) // 1000)
        return max(earliest_s, self.clock.next_block_s(head.parent.header.timestamp)) * 1000

    def _environment(self, head: HeadRecord, record: ConsensusRecord) -> BlockEnvironment:
        environment = super()._environment(head, record)
        wishes = self.wishes
        return replace(
            environment,
            beneficiary=environment.beneficiary if wishes.coinbase is None else wishes.coinbase,
            fee_recipient=environment.fee_recipient if wishes.coinbase is None else wishes.coinbase,
            gas_limit=environment.gas_limit if wishes.gas_limit is None else wishes.gas_limit,
            base_fee_per_gas=(
                environment.base_fee_per_gas if wishes.base_fee_per_gas is None else wishes.base_fee_per_gas
            ),
            prev_randao=environment.prev_randao if wishes.prev_randao is None else wishes.prev_randao,
        )

    def _log_committed(self, block: Block, commit: Commit) -> None:
        if self.tells_blocks and block.transactions:  # empty ones are asked for by the thousand
            super()._log_committed(block, commit)

    def _commit_of(self, height: int, block_id: Hash32) -> Commit:
        """The decision of the one key that there is, signed as consensus signs it; others that a test has made
        validators are absent, and count as down."""
        key = self._key
        vote = Vote(VoteKind.PRECOMMIT, height, 0, block_id, key.address)
        signed = vote.signed(key.sign_compact(sign_digest(self.constants.chain_id, vote)))
        validators = self._head.parent.validators
        return commit_of_precommits(validators, height, 0, block_id, {key.address: signed})
