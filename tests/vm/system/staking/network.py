"""A chain with the three staking contracts and a consensus that follows their updates, two blocks later."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from chain.secp256k1 import PrivateKey
from chain.types import Address
from vm.environment import CommitVote, Misbehaviour
from vm.system.addresses import DISTRIBUTION, SLASHING, STAKING
from vm.system.staking.consensus_key import key_to_text, prove_possession
from vm.system.staking.distribution import Distribution
from vm.system.staking.parameters import GenesisStaker, StakingGenesis, StakingParameters
from vm.system.staking.slashing import Slashing
from vm.system.staking.staking import Staking
from vm.system.staking.types import CommissionRates, Description, PageRequest
from vm.system.testing import COIN, TestChain, address_of, key_of
from vm.system.testing.chain import MinedBlock

FIRST_PAGE = PageRequest(b"", 0, 0, True, False)
TENTH = 10**17
DAY = 86_400


def consensus_key(name: str) -> PrivateKey:
    return key_of(f"{name} consensus")


def text(account: Address) -> str:
    return "0x" + account.hex()


@dataclass
class Network:
    """Operators are called v0, v1, …; `powers` are theirs at the beginning."""

    powers: tuple[int, ...] = (40, 30, 20, 10)
    parameters: StakingParameters = field(
        default_factory=lambda: StakingParameters(
            unbonding_time_s=1_000, signed_blocks_window=10, min_signed_bps=5_000, downtime_jail_s=60
        )
    )

    def __post_init__(self) -> None:
        names = [f"v{index}" for index in range(len(self.powers))]
        stakers = tuple(
            GenesisStaker(name, consensus_key(name).public_key, power, address_of(name))
            for name, power in zip(names, self.powers, strict=True)
        )
        self.chain = TestChain()
        genesis = StakingGenesis(self.parameters, stakers)
        self.chain.genesis((Staking, genesis), (Distribution, genesis), (Slashing, genesis))
        self.staking = self.chain.at(STAKING, Staking)
        self.distribution = self.chain.at(DISTRIBUTION, Distribution)
        self.slashing = self.chain.at(SLASHING, Slashing)
        self.names = {consensus_key(name).public_key: name for name in names}
        first = {
            consensus_key(name).public_key: power for name, power in zip(names, self.powers, strict=True)
        }
        self.sets: dict[int, dict[bytes, int]] = {1: first, 2: first}
        for name in names:
            self.chain.account(name)

    # --- blocks ---

    def mine(
        self,
        blocks: int = 1,
        *,
        absent: Collection[str] = (),
        double: Iterable[tuple[str, int]] = (),
        seconds: int | None = None,
    ) -> list[MinedBlock]:
        """double: who signed twice, at which height; the first block has the evidence."""
        mined = []
        evidence = [Misbehaviour(consensus_key(name).address, height, 1) for name, height in double]
        for _ in range(blocks):
            parent = self.chain.block.number
            votes = [
                CommitVote(consensus_key(self.names[key]).address, power, self.names[key] not in absent)
                for key, power in self.sets[parent].items()
            ]
            (block,) = self.chain.mine(1, votes=votes, misbehaviour=evidence, seconds=seconds)
            evidence = []
            following = dict(self.sets[parent + 1])
            for update in block.validator_updates:
                if update.power:
                    following[update.public_key] = update.power
                else:
                    del following[update.public_key]
            assert following, "the validator set is never empty"
            self.sets[parent + 2] = following
            mined.append(block)
        return mined

    def skip(self, seconds: int) -> list[MinedBlock]:
        """One block, so much later."""
        return self.mine(seconds=seconds)

    @property
    def active(self) -> dict[str, int]:
        """Power by name in the newest set that consensus knows of."""
        return {self.names[key]: power for key, power in self.sets[max(self.sets)].items()}

    @property
    def height(self) -> int:
        return self.chain.block.number

    @property
    def now(self) -> int:
        return self.chain.block.timestamp

    # --- accounts ---

    def person(self, name: str, coins: int = 1_000) -> Address:
        return self.chain.account(name, coins)

    def register(self, name: str) -> None:
        key, operator = consensus_key(name), address_of(name)
        proof = prove_possession(key, self.chain.block.chain_id, operator)
        self.staking.registerConsensusKey(key.public_key, proof, sender=operator)
        self.names[key.public_key] = name

    def create(self, name: str, coins: int = 10, *, rate: int = TENTH, least: int = 1) -> Address:
        """A new validator with so many coins of its own."""
        operator = self.person(name, coins + 100)
        self.register(name)
        self.create_registered(name, coins * COIN, rate=rate, least=least)
        return operator

    def create_registered(self, name: str, wei: int, *, rate: int = TENTH, least: int = 1) -> None:
        self.staking.createValidator(
            Description(name, "", "", "", ""),
            CommissionRates(rate, 2 * TENTH, TENTH // 10),
            least,
            address_of(name),
            key_to_text(consensus_key(name).public_key),
            wei,
            sender=address_of(name),
            value=wei,
        )

    # --- stake ---

    def delegate(self, who: Address, validator: str, wei: int) -> None:
        self.staking.delegate(who, text(address_of(validator)), wei, sender=who, value=wei)

    def undelegate(self, who: Address, validator: str, wei: int) -> int:
        completion: int = self.staking.undelegate(who, text(address_of(validator)), wei, sender=who)
        return completion

    def redelegate(self, who: Address, source: str, destination: str, wei: int) -> int:
        completion: int = self.staking.redelegate(
            who, text(address_of(source)), text(address_of(destination)), wei, sender=who
        )
        return completion

    def stake(self, who: Address, validator: str) -> int:
        """Wei that a delegation is worth."""
        wei: int = self.staking.delegation(who, text(address_of(validator)))[1].amount
        return wei

    def leaving(self, who: Address, validator: str) -> list[int]:
        """Wei of each unbonding."""
        output = self.staking.unbondingDelegation(who, text(address_of(validator)))
        return [entry.balance for entry in output.entries]

    def reward(self, who: Address, validator: str) -> int:
        """Wei that can be withdrawn."""
        found = self.distribution.delegationRewards(who, text(address_of(validator)))
        wei: int = sum(coin.amount for coin in found) // 10**18
        return wei

    def withdraw(self, who: Address, validator: str) -> int:
        paid = self.distribution.withdrawDelegatorRewards(who, text(address_of(validator)), sender=who)
        wei: int = sum(coin.amount for coin in paid)
        return wei

    def tokens(self, validator: str) -> int:
        wei: int = self.staking.validator(address_of(validator)).tokens
        return wei

    # --- what always holds ---

    def check_coins(self) -> None:
        """The staking contract has what is staked and what is leaving; DISTRIBUTION has what it promised."""
        staked = leaving = 0
        index = 0
        while True:
            page, more = self.staking.validators("", PageRequest(b"", index, 200, False, False))
            for validator in page:
                assert validator.tokens <= validator.delegatorShares
                staked += validator.tokens
            index += len(page)
            if not more.nextKey:
                break
        first, last = (self.chain.read(self.staking, name) for name in ("first_unbonding", "last_unbonding"))
        for number in range(int(first) + 1, int(last) + 1):
            leaving += int(self.chain.read(self.staking, "unbondings", number, "balance"))
        assert self.staking.totalStaked() == staked
        assert self.staking.balance == staked + leaving
        promised = int(self.chain.read(self.distribution, "promised"))
        assert self.distribution.balance >= promised
