"""`aurigraph staking …`: questions to the staking contracts of a chain.

Amounts are AUR for people, and wei as strings in JSON.
"""

from __future__ import annotations

from typing import Any, Final

import click

from chain.types import Address, checksum_address
from node.commands.common import (
    json_option,
    read_address,
    rpc_option,
    show,
    show_rows,
)
from node.commands.staking_words import (
    NO_PAGE,
    coins,
    decimal_rate,
    each_validator,
    known_validator,
    moment,
    percent,
    status_word,
    stored,
    wei_of,
)
from node.contract_calls import ContractCallFailed, ContractCalls
from node.rpc_client import RpcClient
from vm.system.addresses import DISTRIBUTION, SLASHING, STAKING
from vm.system.framework import ZERO_ADDRESS
from vm.system.staking.consensus_key import key_from_text
from vm.system.staking.distribution import Distribution
from vm.system.staking.slashing import Slashing
from vm.system.staking.staking import Staking
from vm.system.staking.types import PageRequest, Validator

STATUSES: Final = {
    "all": "",
    "bonded": "BOND_STATUS_BONDED",
    "unbonding": "BOND_STATUS_UNBONDING",
    "unbonded": "BOND_STATUS_UNBONDED",
}
MAX_PAGES: Final = 1_000
"""A node that never ends a list is not asked for ever."""


@click.command()
@click.option("--status", type=click.Choice(list(STATUSES)), default="all", show_default=True)
@rpc_option
@json_option
def validators(status: str, rpc: RpcClient, as_json: bool) -> None:
    """All validators, with and without a seat."""
    found = each_validator(ContractCalls(rpc), STATUSES[status])
    show_rows([_row(one, as_json) for one in found], as_json, empty="no validators")


def _row(one: Validator, as_json: bool) -> dict[str, Any]:
    return {
        "operator": one.operatorAddress,
        "moniker": one.description.moniker,
        "status": status_word(one.status),
        "jailed": one.jailed,
        "tokens": str(one.tokens) if as_json else coins(one.tokens),
        "commission": decimal_rate(one.commission) if as_json else percent(one.commission),
    }


@click.command()
@click.argument("operator")
@rpc_option
@json_option
def validator(operator: str, rpc: RpcClient, as_json: bool) -> None:
    """One validator: its stake, rates, key and description. OPERATOR is the account that runs it."""
    account, calls = read_address(operator), ContractCalls(rpc)
    one = known_validator(calls, account)
    rates, changed = calls.ask(STAKING, Staking.commission, account)
    consensus = calls.ask(STAKING, Staking.consensusAddressOf, account)
    earned = calls.ask(DISTRIBUTION, Distribution.validatorDistributionInfo, checksum_address(account))
    amount, rate = (str, decimal_rate) if as_json else (coins, percent)
    time = int if as_json else moment
    text = one.description
    show(
        {
            **_row(one, as_json),
            "shares": str(one.delegatorShares),
            "maxCommission": rate(rates.maxRate),
            "maxCommissionChange": rate(rates.maxChangeRate),
            "commissionChanged": time(changed),
            "minSelfDelegation": amount(one.minSelfDelegation),
            "commissionEarned": amount(wei_of(earned.commission)),
            "ownRewards": amount(wei_of(earned.selfBondRewards)),
            "unbondingHeight": one.unbondingHeight if as_json else one.unbondingHeight or None,
            "unbondingTime": time(one.unbondingTime),
            "consensusAddress": checksum_address(Address(consensus)),
            "consensusKey": _key_in_hex(one.consensusPubkey),
            "identity": text.identity or None,
            "website": text.website or None,
            "securityContact": text.securityContact or None,
            "details": text.details or None,
        },
        as_json,
    )


def _key_in_hex(text: str) -> str:
    """As all commands show keys; the contract has Base64."""
    key = key_from_text(text)
    return text if key is None else f"0x{key.hex()}"


@click.command()
@click.argument("account")
@rpc_option
@json_option
def delegations(account: str, rpc: RpcClient, as_json: bool) -> None:
    """What ACCOUNT has at stake, with which validators."""
    delegator, calls = read_address(account), ContractCalls(rpc)
    rows = []
    for operator in calls.ask(DISTRIBUTION, Distribution.delegatorValidators, delegator):
        shares, worth = calls.ask(STAKING, Staking.delegation, delegator, operator)
        if shares:
            amount = str(worth.amount) if as_json else coins(worth.amount)
            rows.append({"validator": operator, "amount": amount, "shares": str(shares)})
    show_rows(rows, as_json, empty="nothing is staked")


@click.command()
@click.argument("account")
@rpc_option
@json_option
def rewards(account: str, rpc: RpcClient, as_json: bool) -> None:
    """What ACCOUNT has earned and not withdrawn: as a delegator, and the commission if it runs a validator."""
    delegator, calls = read_address(account), ContractCalls(rpc)
    found, total = calls.ask(DISTRIBUTION, Distribution.delegationTotalRewards, delegator)
    rows = [(one.validatorAddress, "rewards", wei_of(one.reward)) for one in found]
    own = checksum_address(delegator)
    sum_wei = wei_of(total)
    if calls.ask(STAKING, Staking.validator, delegator).consensusPubkey:
        commission = wei_of(calls.ask(DISTRIBUTION, Distribution.validatorCommission, own))
        rows.append((own, "commission", commission))
        sum_wei += commission
    show_rows(
        [
            {"validator": operator, "kind": kind, "amount": str(wei) if as_json else coins(wei)}
            for operator, kind, wei in rows
        ],
        as_json,
        empty="nothing is earned",
    )
    if rows and not as_json:
        receiver = calls.ask(DISTRIBUTION, Distribution.delegatorWithdrawAddress, delegator)
        click.echo(f"together {coins(sum_wei)}, paid to {receiver}", err=True)


@click.command()
@click.argument("account")
@click.option("--validator", "operator", help="Only those from this validator; otherwise each one is asked.")
@rpc_option
@json_option
def unbondings(account: str, operator: str | None, rpc: RpcClient, as_json: bool) -> None:
    """Stake of ACCOUNT on its way out, and when it is paid."""
    delegator, calls = read_address(account), ContractCalls(rpc)
    if operator is None:
        asked = [one.operatorAddress for one in each_validator(calls)]
    else:
        asked = [checksum_address(read_address(operator))]
    rows = []
    for one in asked:
        for entry in calls.ask(STAKING, Staking.unbondingDelegation, delegator, one).entries:
            rows.append(
                {
                    "validator": one,
                    "amount": str(entry.balance) if as_json else coins(entry.balance),
                    "initialAmount": str(entry.initialBalance) if as_json else coins(entry.initialBalance),
                    "creationHeight": entry.creationHeight,
                    "completionTime": entry.completionTime if as_json else moment(entry.completionTime),
                }
            )
    show_rows(rows, as_json, empty="no unbondings")


@click.command()
@click.argument("account")
@rpc_option
@json_option
def redelegations(account: str, rpc: RpcClient, as_json: bool) -> None:
    """Stake of ACCOUNT that changed its validator and still answers for the old one."""
    delegator, calls = read_address(account), ContractCalls(rpc)
    rows, page = [], NO_PAGE
    for _ in range(MAX_PAGES if any(delegator) else 0):
        found, told = calls.ask(STAKING, Staking.redelegations, delegator, "", "", page)
        for one in found:
            for each in one.entries:
                entry = each.redelegationEntry
                rows.append(
                    {
                        "from": one.redelegation.validatorSrcAddress,
                        "to": one.redelegation.validatorDstAddress,
                        "amount": str(each.balance) if as_json else coins(each.balance),
                        "creationHeight": entry.creationHeight,
                        "completionTime": entry.completionTime if as_json else moment(entry.completionTime),
                    }
                )
        if not told.nextKey:
            break
        page = PageRequest(told.nextKey, 0, 0, False, False)
    show_rows(rows, as_json, empty="no redelegations")


@click.command()
@rpc_option
@json_option
def params(rpc: RpcClient, as_json: bool) -> None:
    """The numbers of proof of stake of this chain, by the names that the genesis file has."""
    rules = stored(rpc, STAKING, Staking, "rules")
    distribution = stored(rpc, DISTRIBUTION, Distribution, "settings")
    slashing = stored(rpc, SLASHING, Slashing, "settings")
    record = {
        **rules,
        **distribution,
        "block_reward_wei": str(distribution["block_reward_wei"]),
        "signed_blocks_window": slashing["window"],
        "min_signed_bps": slashing["min_signed_bps"],
        "downtime_jail_s": slashing["jail_s"],
        "slash_double_sign_bps": slashing["double_sign_bps"],
        "slash_downtime_bps": slashing["downtime_bps"],
        "evidence_max_age_blocks": slashing["evidence_max_age"],
    }
    if not as_json:
        record = {
            name: f"{value}  ({value / 100:g}%)" if name.endswith("_bps") else value
            for name, value in record.items()
        }
    show(record, as_json)


@click.command()
@rpc_option
@json_option
def pool(rpc: RpcClient, as_json: bool) -> None:
    """What is staked on the whole chain, and what the community pool has."""
    calls = ContractCalls(rpc)
    amount = str if as_json else coins
    show(
        {
            "bondedPower": calls.ask(STAKING, Staking.bondedPower),
            "totalStaked": amount(calls.ask(STAKING, Staking.totalStaked)),
            "communityPool": amount(wei_of(calls.ask(DISTRIBUTION, Distribution.communityPool))),
        },
        as_json,
    )


@click.command("signing-info")
@click.argument("address")
@rpc_option
@json_option
def signing_info(address: str, rpc: RpcClient, as_json: bool) -> None:
    """How well a validator signs. ADDRESS is its operator's, or that of its consensus key."""
    asked, calls = read_address(address), ContractCalls(rpc)
    operator = asked
    try:
        consensus = Address(calls.ask(STAKING, Staking.consensusAddressOf, asked))
    except ContractCallFailed:
        consensus = asked
        operator = Address(calls.ask(STAKING, Staking.operatorOf, asked))
    told = calls.ask(SLASHING, Slashing.getSigningInfo, consensus)
    show(
        {
            "operator": None if operator == ZERO_ADDRESS else checksum_address(operator),
            "consensusAddress": checksum_address(consensus),
            "startHeight": told.startHeight,
            "countedBlocks": told.indexOffset,
            "missedBlocks": told.missedBlocksCounter,
            "jailed": calls.ask(STAKING, Staking.validator, operator).jailed,
            "jailedUntil": told.jailedUntil if as_json else moment(told.jailedUntil),
            "tombstoned": told.tombstoned,
        },
        as_json,
    )


QUERIES: Final = (
    validators,
    validator,
    delegations,
    rewards,
    unbondings,
    redelegations,
    params,
    pool,
    signing_info,
)
