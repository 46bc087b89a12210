"""Several nodes with real stores and the real staking contracts; tests play consensus by hand.

Each height is decided by one proposal of the validator whose turn it is; everybody judges it, who is present signs.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import trio

from chain.secp256k1 import PrivateKey
from chain.transaction import Transaction, TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address
from consensus.certificates import commit_of_precommits, verify_commit
from consensus.proposer import ProposerSchedule
from consensus.sign_bytes import sign_digest
from consensus.types import Vote, VoteKind
from consensus.validator_set import ValidatorSet
from genesis import AUR, ConsensusParameters, Genesis, GenesisValidator, dev_genesis
from tests.node.chain_fixture import ACCOUNTS, GENESIS_TIME, Clock, HandDrivenChain
from vm.system.addresses import SLASHING, STAKING
from vm.system.staking.consensus_key import key_to_text, prove_possession
from vm.system.staking.parameters import StakingParameters
from vm.system.staking.slashing import Slashing
from vm.system.staking.staking import Staking
from vm.system.staking.types import CommissionRates, Description

CHAIN_ID = 1337
POWER = 100
PARAMETERS = StakingParameters(
    unbonding_time_s=1_000,
    signed_blocks_window=8,
    min_signed_bps=5_000,
    downtime_jail_s=5,
    evidence_max_age_blocks=20,
)
TENTH = 10**17
GAS = 5_000_000


def consensus_key(index: int) -> PrivateKey:
    """Of node `index`, whose operator is development account `index`."""
    return PrivateKey(bytes([0x60 + index]) * 32)


def staking_calls(index: int, coins: int = POWER) -> tuple[tuple[bytes, int], ...]:
    """Calls of STAKING by which operator `index` makes its node a validator, each with its wei."""
    key, operator = consensus_key(index), ACCOUNTS[index].address
    return (
        (
            Staking.registerConsensusKey.encode(key.public_key, prove_possession(key, CHAIN_ID, operator)),
            0,
        ),
        (
            Staking.createValidator.encode(
                Description(f"v{index}", "", "", "", ""),
                CommissionRates(TENTH, 2 * TENTH, TENTH // 10),
                1,
                operator,
                key_to_text(key.public_key),
                coins * AUR,
            ),
            coins * AUR,
        ),
    )


def signed_call(index: int, nonce: int, to: Address, payload: bytes, value: int) -> Transaction:
    """From development account `index`."""
    return sign_transaction(
        UnsignedTransaction(
            type=TransactionType.DYNAMIC_FEE,
            chain_id=CHAIN_ID,
            nonce=nonce,
            max_priority_fee_per_gas=10**9,
            max_fee_per_gas=100 * 10**9,
            gas_limit=GAS,
            to=to,
            value=value,
            data=payload,
        ),
        ACCOUNTS[index],
    )


def network_genesis(count: int, parameters: ConsensusParameters | None = None) -> Genesis:
    """The first `count` nodes are validators."""
    validators = [
        GenesisValidator(f"v{index}", consensus_key(index).public_key, POWER, ACCOUNTS[index].address)
        for index in range(count)
    ]
    return dev_genesis(validators, timestamp=GENESIS_TIME, staking=PARAMETERS, parameters=parameters)


class ValidatorNetwork:
    """`count` nodes, all with a key; the first `genesis` are validators of block 1."""

    def __init__(self, folder: Path, count: int = 5, genesis: int = 4) -> None:
        self._genesis = network_genesis(genesis)
        self._folder = folder
        self.clock = Clock()
        self.nodes = [self.opened(index) for index in range(count)]
        self.index_of = {consensus_key(index).address: index for index in range(count)}
        self.proposers: list[int] = []
        self._nonces = [0] * len(ACCOUNTS)

    def opened(self, index: int) -> HandDrivenChain:
        folder = self._folder / f"node{index}"
        folder.mkdir(exist_ok=True)
        return HandDrivenChain(
            folder, clock=self.clock, genesis=self._genesis, own_address=consensus_key(index).address
        )

    def restart(self, index: int) -> None:
        """Everything that is only in memory is gone."""
        self.nodes[index].close()
        self.nodes[index] = self.opened(index)

    def close(self) -> None:
        for node in self.nodes:
            node.close()

    @property
    def height(self) -> int:
        return self.nodes[0].application.position().height

    @property
    def validators(self) -> ValidatorSet:
        """Who decides the next height."""
        return self.nodes[0].application.position().validators

    def members(self) -> dict[int, int]:
        """Power by node of who decides the next height."""
        return {self.index_of[member.address]: member.power for member in self.validators.validators}

    async def decide(self, blocks: int = 1, *, absent: Collection[int] = ()) -> None:
        for _ in range(blocks):
            await self._decide_one(absent)

    async def _decide_one(self, absent: Collection[int]) -> None:
        self.clock.now_ms += 1_000
        position = self.nodes[0].application.position()
        schedule = ProposerSchedule(position.validators)
        turns = (self.index_of[schedule.at(turn).address] for turn in range(100))
        at_round, proposer = next((turn, index) for turn, index in enumerate(turns) if index not in absent)
        height = position.height + 1
        built = await self.nodes[proposer].application.build(height, at_round, position.last_commit, 1.0)
        votes = {}
        for index, node in enumerate(self.nodes):
            validation = await node.application.validate(height, built.payload)
            assert validation.valid, f"node {index}: {validation.reason}"
            key = consensus_key(index)
            if index not in absent and key.address in position.validators:
                vote = Vote(VoteKind.PRECOMMIT, height, at_round, built.block_id, key.address)
                votes[key.address] = vote.signed(key.sign_compact(sign_digest(CHAIN_ID, vote)))
        commit = commit_of_precommits(position.validators, height, at_round, built.block_id, votes)
        verify_commit(CHAIN_ID, position.validators, height, built.block_id, commit)
        for node in self.nodes:
            await node.application.commit(built.payload, commit)
        assert len({node.store.head.hash for node in self.nodes}) == 1
        self.proposers.append(proposer)

    # --- transactions ---

    async def send(self, index: int, to: Address, payload: bytes, value: int = 0) -> Transaction:
        """From development account `index`, to the pools of all nodes; the next block has it."""
        transaction = signed_call(index, self._nonces[index], to, payload, value)
        self._nonces[index] += 1
        for node in self.nodes:
            async with trio.open_nursery() as nursery:
                await nursery.start(node.pool.run)
                assert await node.pool.submit([transaction.raw]) == [transaction.hash]
                nursery.cancel_scope.cancel()
        return transaction

    async def stake(self, index: int, coins: int = POWER) -> None:
        """Operator `index` makes its node a validator, in the next two blocks."""
        for payload, value in staking_calls(index, coins):
            await self.send(index, STAKING, payload, value)

    async def leave(self, index: int, coins: int = POWER) -> None:
        """Operator `index` takes its stake back."""
        operator = ACCOUNTS[index].address
        await self.send(
            index, STAKING, Staking.undelegate.encode(operator, "0x" + operator.hex(), coins * AUR)
        )

    async def unjail(self, index: int) -> None:
        """Operator `index` ends the jail of its validator."""
        await self.send(index, SLASHING, Slashing.unjail.encode(ACCOUNTS[index].address))

    def succeeded(self, transaction: Transaction) -> bool:
        """Whether the last block has it, and it worked."""
        block, receipts = self.nodes[0].store.block(self.height), self.nodes[0].store.receipts(self.height)
        assert block is not None
        assert receipts is not None
        hashes = [sent.hash for sent in block.transactions]
        return receipts[hashes.index(transaction.hash)].succeeded
