"""A chain of one validator on a real store, driven by hand: what tests of the node package share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from chain.receipt import Log
from chain.secp256k1 import PrivateKey
from chain.transaction import Transaction, TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address, Hash32
from chain.validator_update import ValidatorUpdate
from consensus.sign_bytes import sign_digest
from consensus.types import BlockIdFlag, Commit, CommitSignature, Vote, VoteKind
from genesis import ConsensusParameters, Genesis, GenesisValidator, dev_accounts, dev_genesis, dump_genesis
from node.application import ChainApplication
from node.chain_start import open_store, read_chain
from node.config import MempoolSettings, ProductionSettings
from node.engines import NATIVE_ONLY, EngineChoice
from node.fork_option import parse_forks
from node.journal import TransactionJournal
from node.pool import TransactionPool
from node.validator_registry import ValidatorRegistry
from state.world import WorldState
from vm.environment import BlockEnvironment
from vm.system.runtime.hooks import HookResult, run_end_block

VALIDATOR = PrivateKey(b"\x42" * 32)
OPERATOR = Address(b"\x0f" * 20)
ACCOUNTS = dev_accounts()
GENESIS_TIME = 1_700_000_000
RECEIVER = Address(b"\x77" * 20)


@dataclass
class Clock:
    """Wall time that only tests move."""

    now_ms: int = GENESIS_TIME * 1000

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


@dataclass
class HandDrivenChain:
    """The application with everything below it; `decide` plays the part of consensus."""

    folder: Path
    parameters: ConsensusParameters = field(default_factory=ConsensusParameters)
    clock: Clock = field(default_factory=Clock)
    journal: bool = False
    engines: EngineChoice = NATIVE_ONLY
    forks: str = "prague"
    registry: ValidatorRegistry | None = None
    genesis: Genesis | None = None
    own_address: Address | None = VALIDATOR.address

    def __post_init__(self) -> None:
        self._hooks: dict[int, HookResult] = {}
        self._patches = pytest.MonkeyPatch()
        path = self.folder / "genesis.json"
        genesis = self.genesis
        if genesis is None:
            validator = GenesisValidator("one", VALIDATOR.public_key, 1, OPERATOR)
            genesis = dev_genesis([validator], timestamp=GENESIS_TIME, parameters=self.parameters)
        path.write_bytes(dump_genesis(replace(genesis, forks=parse_forks(self.forks))))
        chain = read_chain(path)
        self.constants = chain.constants
        if self.registry is not None:
            self.constants = replace(self.constants, registry=self.registry)
        self.store = open_store(self.folder / "chain", chain)
        journal = TransactionJournal(self.folder / "journal") if self.journal else None
        self.pool = TransactionPool(self.constants, self.store, MempoolSettings(), journal)
        self.application = ChainApplication(
            self.constants,
            chain.record,
            self.store,
            self.pool,
            ProductionSettings(),
            self.clock,
            self.own_address,
            self.engines,
        )

    def close(self) -> None:
        self._patches.undo()
        self.store.close()

    def update_validators(self, number: int, *updates: ValidatorUpdate, logs: tuple[Log, ...] = ()) -> None:
        """Let the hooks of block `number` ask for these updates, and log this; after others set before."""
        self._hooks[number] = HookResult(logs, updates)

        def end_block(world: WorldState, env: BlockEnvironment) -> HookResult:
            return self._hooks.get(env.number) or run_end_block(world, env)

        self._patches.setattr("vm.block.run_end_block", end_block)

    async def build(self) -> tuple[int, Hash32, bytes]:
        position = self.application.position()
        height = position.height + 1
        built = await self.application.build(height, 0, position.last_commit, 1.0)
        return height, built.block_id, built.payload

    async def decide(self) -> None:
        """Builds the next block, validates it and commits it; of all validators only VALIDATOR signs."""
        height, block_id, payload = await self.build()
        validation = await self.application.validate(height, payload)
        if not validation.valid:
            raise AssertionError(validation.reason)
        slots = commit_of(self.constants.chain_id, height, block_id).signatures
        validators = self.application.position().validators.validators
        everybody = tuple(
            slots[0]
            if member.address == VALIDATOR.address
            else CommitSignature(member.address, BlockIdFlag.ABSENT, b"")
            for member in validators
        )
        await self.application.commit(payload, Commit(height, 0, block_id, everybody))


def commit_of(chain_id: int, height: int, block_id: Hash32, key: PrivateKey = VALIDATOR) -> Commit:
    """A commit that the one validator signed."""
    vote = Vote(VoteKind.PRECOMMIT, height, 0, block_id, key.address)
    signature = key.sign_compact(sign_digest(chain_id, vote))
    return Commit(height, 0, block_id, (CommitSignature(key.address, BlockIdFlag.COMMIT, signature),))


def transfer(
    sender: int, nonce: int, *, value: int = 1, tip: int = 10**9, fee: int = 100 * 10**9,
    to: Address | None = RECEIVER, data: bytes = b"",
    gas: int = 21_000, chain_id: int = 1337,
) -> Transaction:  # fmt: skip
    """A signed EIP-1559 transaction of development account `sender`."""
    unsigned = UnsignedTransaction(
        type=TransactionType.DYNAMIC_FEE,
        chain_id=chain_id,
        nonce=nonce,
        max_priority_fee_per_gas=tip,
        max_fee_per_gas=fee,
        gas_limit=gas,
        to=to,
        value=value,
        data=data,
    )
    return sign_transaction(unsigned, ACCOUNTS[sender])
