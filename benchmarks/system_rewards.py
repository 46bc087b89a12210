"""Part of benchmark `system`: withdrawing rewards, depending on how many others delegate, and the hooks of a block.

Owns: a chain of four validators in memory, as many delegators as asked for, and the times of what they do then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.execute import environment_of
from benchmarks.measurement import Measurement, Options, best_seconds
from chain.errors import InvariantViolation
from chain.secp256k1 import PrivateKey
from chain.types import Address, checksum_address
from state.reader import DictReader
from state.world import WorldState
from vm.call import new_context
from vm.environment import BlockEnvironment, CommitVote, TransactionContext
from vm.message import CallKind, Message, Status
from vm.system.addresses import DISTRIBUTION, STAKING
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.runtime.hooks import run_begin_block, run_end_block, run_genesis
from vm.system.staking.distribution import Distribution
from vm.system.staking.parameters import GenesisStaker, StakingGenesis, StakingParameters
from vm.system.staking.staking import Staking

DELEGATORS: Final = (1, 1_000, 100_000)
VALIDATORS: Final = (4, 100)
COIN: Final = 10**18
GAS: Final = 5_000_000
ROUNDS: Final = 5
WITHDRAWALS: Final = 50
STAKING_CONTRACTS: Final = ("staking", "distribution", "slashing")


def reward_measurements(_options: Options) -> Iterator[Measurement]:
    """Microseconds and gas of a withdrawal by one of so many, and microseconds of the hooks of a block."""
    for count in DELEGATORS:
        scene = _Scene.create(4)
        scene.delegate(count)
        scene.pass_block()
        yield from scene.withdrawals(count)
    for count in VALIDATORS:
        scene = _Scene.create(count)
        scene.pass_block()
        yield Measurement(
            f"hooks of a block, {count} validators", best_seconds(scene.pass_block, ROUNDS) * 1e6, "us"
        )


@dataclass(slots=True)
class _Scene:
    world: WorldState
    environment: BlockEnvironment
    operators: list[Address]

    @classmethod
    def create(cls, validators: int) -> _Scene:
        keys = [PrivateKey((index + 1).to_bytes(32)) for index in range(validators)]
        operators = [Address(b"\x0b" + index.to_bytes(19)) for index in range(validators)]
        stakers = tuple(
            [
                GenesisStaker(f"v{index}", key.public_key, 100, operator)
                for index, (key, operator) in enumerate(zip(keys, operators, strict=True))
            ]
        )
        world = WorldState(DictReader())
        votes = tuple([CommitVote(key.address, 100, True) for key in keys])
        environment = replace(environment_of(1), votes=votes, fee_recipient=DISTRIBUTION)
        configuration = StakingGenesis(StakingParameters(), stakers)
        contracts = [
            (entry, configuration)
            for entry in CHAIN_CONTRACTS.chain_contracts
            if entry.name in STAKING_CONTRACTS
        ]
        run_genesis(world, environment, contracts)
        return cls(world, environment, operators)

    def delegate(self, count: int) -> None:
        chosen = checksum_address(self.operators[0])
        for index in range(count):
            delegator = _delegator(index)
            self.world.add_balance(delegator, COIN)
            self._call(delegator, STAKING, Staking.delegate.encode(delegator, chosen, COIN), COIN)

    def pass_block(self) -> None:
        run_begin_block(self.world, self.environment)
        run_end_block(self.world, self.environment)
        self.environment = replace(self.environment, number=self.environment.number + 1)

    def withdrawals(self, count: int) -> Iterator[Measurement]:
        chosen = checksum_address(self.operators[0])
        asked = min(count, WITHDRAWALS)  # each once a block: a second time there would be nothing to pay
        some = [_delegator(index * count // asked) for index in range(asked)]
        used: list[int] = []

        def withdraw() -> None:
            for delegator in some:
                payload = Distribution.withdrawDelegatorRewards.encode(delegator, chosen)
                used.append(self._call(delegator, DISTRIBUTION, payload, 0))

        def pass_block_and_withdraw() -> None:
            self.pass_block()
            withdraw()

        hooks = best_seconds(self.pass_block, ROUNDS)
        seconds = (best_seconds(pass_block_and_withdraw, ROUNDS) - hooks) / asked
        yield Measurement(f"withdrawal, one of {count:,} delegators", seconds * 1e6, "us")
        yield Measurement(f"gas of a withdrawal, one of {count:,} delegators", used[-1], "gas")

    def _call(self, caller: Address, to: Address, payload: bytes, value: int) -> int:
        """The gas it took."""
        world = self.world
        world.begin_transaction()
        context = new_context(world, self.environment, TransactionContext(caller, 0))
        outcome = context.execute_message(
            context, Message(CallKind.CALL, caller, to, to, value, payload, GAS)
        )
        if outcome.status is not Status.SUCCESS:
            raise InvariantViolation(f"a message of the benchmark failed: {outcome}")
        world.end_transaction()
        return GAS - outcome.gas_left


def _delegator(index: int) -> Address:
    return Address(b"\xde" + index.to_bytes(19))
