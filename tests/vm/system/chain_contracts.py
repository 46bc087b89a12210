"""The chain contracts for the chain on which every function is attacked: configurations, and calls that succeed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chain.keccak import keccak256
from chain.types import Address, checksum_address
from vm.environment import CommitVote
from vm.system.addresses import SLASHING
from vm.system.contract import Contract
from vm.system.staking.consensus_key import key_to_text, prove_possession
from vm.system.staking.parameters import GenesisStaker, StakingGenesis, StakingParameters
from vm.system.staking.types import Coin, CommissionRates, Description
from vm.system.testing import COIN, ContractHandle, TestChain, address_of, key_of
from vm.system.testing.chain import CHAIN_ID
from vm.system.tokens.templates.fungible import FixedToken
from vm.system.tokens.wrapped_coin import WrappedCoinGenesis
from vm.system.upgrades.parameters import UpgradesGenesis

OWNER, STRANGER, FRIEND = address_of("owner"), address_of("stranger"), address_of("friend")
NEWCOMER = key_of("newcomer")
OWNER_TEXT, FRIEND_TEXT = checksum_address(OWNER), checksum_address(FRIEND)

STAKING: Final = StakingGenesis(
    StakingParameters(unbonding_time_s=3_600),
    (
        GenesisStaker("owner", key_of("owner's consensus").public_key, 10, OWNER),
        GenesisStaker("friend", key_of("friend's consensus").public_key, 10, FRIEND),
    ),
)

GENESES: Final[Mapping[str, object]] = {
    "upgrades": UpgradesGenesis(authority=OWNER, notice_blocks=1),
    "staking": STAKING,
    "distribution": STAKING,
    "slashing": STAKING,
    "token_factory": None,
    "wrapped_coin": WrappedCoinGenesis(),
}
"""By the name of the registry's table."""

VOTES: Final = [
    CommitVote(key_of(f"{name}'s consensus").address, 10, signed=True) for name in ("owner", "friend")
]

UNDELEGATED_AT: Final = 9
"""The height at which something began to wait that can still be taken back."""

FRIEND_CONSENSUS = key_of("friend's consensus").address

_DESCRIPTION = Description("moniker", "", "", "", "")

CREATE_VALIDATOR: Final = (
    "Staking.createValidator((string,string,string,string,string),(uint256,uint256,uint256),uint256,address,"
    "string,uint256)"
)

USES: Final[Mapping[str, tuple[tuple[Any, ...], Address, int]]] = {
    "Staking.delegate(address,string,uint256)": ((STRANGER, OWNER_TEXT, 5), STRANGER, 5),
    "Staking.undelegate(address,string,uint256)": ((STRANGER, OWNER_TEXT, COIN), STRANGER, 0),
    "Staking.redelegate(address,string,string,uint256)": (
        (STRANGER, OWNER_TEXT, FRIEND_TEXT, COIN),
        STRANGER,
        0,
    ),
    "Staking.registerConsensusKey(bytes,bytes)": (
        (NEWCOMER.public_key, prove_possession(NEWCOMER, CHAIN_ID, STRANGER)),
        STRANGER,
        0,
    ),
    CREATE_VALIDATOR: (
        (
            _DESCRIPTION,
            CommissionRates(10**17, 10**18, 10**16),
            1,
            NEWCOMER.address,
            key_to_text(NEWCOMER.public_key),
            COIN,
        ),
        NEWCOMER.address,
        COIN,
    ),
    "Staking.editValidator((string,string,string,string,string),address,int256,int256)": (
        (_DESCRIPTION, OWNER, -1, -1),
        OWNER,
        0,
    ),
    "Staking.cancelUnbondingDelegation(address,string,uint256,uint256)": (
        (STRANGER, OWNER_TEXT, 5, UNDELEGATED_AT),
        STRANGER,
        0,
    ),
    "Staking.slashForDoubleSign(address,uint64,uint16)": ((FRIEND_CONSENSUS, 8, 500), SLASHING, 0),
    "Staking.slashForDowntime(address,uint16)": ((FRIEND_CONSENSUS, 1), SLASHING, 0),
    "Upgrades.acceptAuthority()": ((), FRIEND, 0),
    "Distribution.withdrawDelegatorRewards(address,string)": ((STRANGER, OWNER_TEXT), STRANGER, 0),
    "Distribution.claimRewards(address,uint32)": ((STRANGER, 5), STRANGER, 0),
    "Distribution.withdrawValidatorCommission(string)": ((OWNER_TEXT,), OWNER, 0),
    "Distribution.setWithdrawAddress(address,string)": ((STRANGER, FRIEND_TEXT), STRANGER, 0),
    "Distribution.fundCommunityPool(address,(string,uint256)[])": (
        (STRANGER, [Coin("wei", 5)]),
        STRANGER,
        5,
    ),
    "Distribution.depositValidatorRewardsPool(address,string,(string,uint256)[])": (
        (STRANGER, OWNER_TEXT, [Coin("wei", 5)]),
        STRANGER,
        5,
    ),
    "TokenFactory.createToken(bytes32,bytes,bytes32)": (
        (
            keccak256(b"erc20-fixed"),
            FixedToken.constructing.encode("Name", "SYM", 18, 5, STRANGER),
            bytes(32),
        ),
        STRANGER,
        0,
    ),
    "WrappedCoin.deposit()": ((), STRANGER, 5),
}
"""Calls that succeed, of functions that harmless arguments alone do not satisfy: arguments, sender, wei."""


def prepare_chain_contracts(chain: TestChain, handles: Mapping[type[Contract], ContractHandle]) -> None:
    """So that there is something to lose."""
    by_name = {contract.__name__: handle for contract, handle in handles.items()}
    for who in (OWNER, STRANGER, FRIEND):
        by_name["WrappedCoin"].deposit(value=COIN, sender=who)
    by_name["Upgrades"].setAuthority(FRIEND, sender=OWNER)
    chain.fund(NEWCOMER, 100 * COIN)
    staking = by_name["Staking"]
    staking.delegate(STRANGER, OWNER_TEXT, 9 * COIN, sender=STRANGER, value=9 * COIN)
    proof = prove_possession(NEWCOMER, CHAIN_ID, NEWCOMER.address)
    staking.registerConsensusKey(NEWCOMER.public_key, proof, sender=NEWCOMER)
    chain.mine(5, seconds=30, votes=VOTES)
    staking.undelegate(STRANGER, OWNER_TEXT, COIN, sender=STRANGER)
    assert chain.block.number == UNDELEGATED_AT
    chain.mine(2, seconds=10, votes=VOTES)
