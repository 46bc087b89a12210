"""`aurigraph staking …`: validators, delegations and rewards; what changes something is a transaction of `--from`.

Amounts are as in `aurigraph tx`: 1.5 or 1.5aur, 20gwei, 7wei. Rates are 0.05 or 5%.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from chain.types import Address, checksum_address
from node.commands.common import (
    CommandFailed,
    CommandGroup,
    ExitCode,
    home_option,
    json_option,
    read_address,
    show,
)
from node.commands.query import not_a_node
from node.commands.staking_queries import QUERIES
from node.commands.staking_words import event_json, event_rows, parse_rate
from node.commands.tx import Sender, SendOptions, send_options, show_outcome, submit, would_fail
from node.contract_calls import REVERT_CODE, call_data, events_in
from node.home import NodeHome
from node.key_proof import KeyProof, proof_from_home
from node.rpc_client import RpcCallFailed, RpcClient
from node.units import parse_amount
from vm.system.addresses import DISTRIBUTION, SLASHING, STAKING
from vm.system.staking.consensus_key import key_to_text
from vm.system.staking.distribution import MAX_VALIDATORS_OF_DELEGATOR, Distribution
from vm.system.staking.slashing import Slashing
from vm.system.staking.staking import Staking
from vm.system.staking.types import (
    DENOMINATION,
    DO_NOT_MODIFY,
    UNCHANGED,
    Coin,
    CommissionRates,
    Description,
)

MAX_PROOF_FILE_BYTES: Final = 4_096
HEADROOM_PERCENT: Final = 150
"""Gas limit of an estimate, which is for the next block: behind another change of the same stake, in that block or a
later one, a call may have more to write."""

GAS_OF_SIMULATED: Final = 2
"""Gas limit of a call whose gas a simulation told: refunds come at the end, and inner calls keep a 64th back."""

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=CommandGroup)
def staking() -> None:
    """Validators, delegations and rewards.

    An AMOUNT is in AUR, or with a unit, as 20gwei or 7wei. A VALIDATOR is named by the account that runs it, its
    operator.
    """


for query in QUERIES:
    staking.add_command(query)


def description_options(default: str | None) -> Callable[[F], F]:
    """The texts of a validator besides its name, each given to the command under its name."""
    options = [
        click.option("--identity", default=default or "", help="Such as a Keybase identity."),
        click.option("--website", default=default or ""),
        click.option("--security-contact", default=default or "", help="Where to report a security problem."),
        click.option("--details", default=default or ""),
    ]

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@staking.command()
@click.argument("operator")
@click.option("--chain-id", type=click.IntRange(1), help="[default: that of the genesis file in --home]")
@home_option
@json_option
def proof(operator: str, chain_id: int | None, home: NodeHome, as_json: bool) -> None:
    """Prove that --home has its consensus key, for the account OPERATOR, which will run the validator.

    The proof is for `create-validator --proof` on the machine that has the account's key. It is no secret: it is of use
    to OPERATOR alone.
    """
    account = read_address(operator)
    if chain_id is None:
        from node.chain_start import read_chain

        home.require_initialised()
        chain_id = read_chain(home.genesis).constants.chain_id
    show(proof_from_home(home, chain_id, account).as_json(), as_json)


@staking.command("create-validator")
@click.option("--amount", required=True, help="Own stake, at least one coin.")
@click.option("--moniker", required=True, help="Name of the validator.")
@description_options(None)
@click.option("--commission-rate", default="0.1", show_default=True, help="Part of the rewards that is kept.")
@click.option("--max-rate", default="0.2", show_default=True, help="The rate never rises above; for ever.")
@click.option(
    "--max-change-rate", default="0.01", show_default=True, help="Most that it rises in a day; for ever."
)
@click.option(
    "--min-self-delegation", default="1aur", show_default=True, help="With less own stake it is jailed."
)
@click.option(
    "--proof",
    "proof_file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="What `staking proof --json` printed [default: made with the consensus key in --home].",
)
@send_options
def create_validator(
    amount: str,
    moniker: str,
    identity: str,
    website: str,
    security_contact: str,
    details: str,
    commission_rate: str,
    max_rate: str,
    max_change_rate: str,
    min_self_delegation: str,
    proof_file: Path | None,
    options: SendOptions,
) -> None:
    """Make --from the operator of a new validator.

    Two transactions: the first registers the consensus key of --home with a proof that it is there, the second makes
    the validator. Both are tried before one is sent. It gets a seat once it is among those with the most stake.
    """
    wei, least = parse_amount(amount), parse_amount(min_self_delegation)
    rates = CommissionRates(parse_rate(commission_rate), parse_rate(max_rate), parse_rate(max_change_rate))
    text = Description(moniker, identity, website, security_contact, details)
    sender = Sender(options)
    chain_id = options.rpc.quantity("eth_chainId")
    proven = (
        proof_from_home(options.home, chain_id, sender.address)
        if proof_file is None
        else _read_proof(proof_file)
    )
    if (proven.chain_id, proven.operator) != (chain_id, sender.address):
        raise CommandFailed(
            f"the proof is for {checksum_address(proven.operator)} on chain {proven.chain_id}, "
            f"not for {checksum_address(sender.address)} on chain {chain_id}"
        )
    register = call_data(Staking.registerConsensusKey, proven.public_key, proven.signature)
    create = call_data(
        Staking.createValidator, text, rates, least, sender.address, key_to_text(proven.public_key), wei
    )
    gas = _simulated_gas(options.rpc, sender.address, [(register, 0), (create, wei)])
    nonce = options.nonce
    if nonce is None:
        nonce = options.rpc.quantity("eth_getTransactionCount", checksum_address(sender.address), "pending")
    is_blind = (
        options.dry_run or options.asynchronous
    )  # the second call cannot be estimated before the first counts
    for index, (payload, value) in enumerate([(register, 0), (create, wei)]):
        chosen = GAS_OF_SIMULATED * gas[index] if is_blind and options.gas is None else options.gas
        receipt = submit(replace(options, nonce=nonce + index, gas=chosen), sender, STAKING, value, payload)
        if receipt is not None and (index == 1 or receipt["status"] != "0x1"):
            _show(receipt, options.as_json)


def _read_proof(path: Path) -> KeyProof:
    with click.open_file(str(path), "rb") as file:
        raw = file.read(MAX_PROOF_FILE_BYTES)
    try:
        return KeyProof.from_json(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"{path}: not a proof of possession: {error}") from error


def _simulated_gas(rpc: RpcClient, sender: Address, calls: list[tuple[bytes, int]]) -> list[int]:
    """Gas of calls to STAKING, one after the other. Raises CommandFailed if one would fail."""
    requests = [
        {
            "from": checksum_address(sender),
            "to": checksum_address(STAKING),
            "input": "0x" + payload.hex(),
            "value": hex(value),
        }
        for payload, value in calls
    ]
    try:
        told = rpc.call("eth_simulateV1", {"blockStateCalls": [{"calls": requests}]}, "latest")
    except RpcCallFailed as error:
        raise would_fail(error) from error
    try:
        outcomes = told[0]["calls"]
        for outcome in outcomes:
            if outcome["status"] != "0x1":
                why = outcome["error"]
                code = REVERT_CODE if outcome["returnData"] != "0x" else why["code"]
                raise would_fail(RpcCallFailed(why["message"], code, outcome["returnData"]))
        return [int(outcome["gasUsed"], 16) for outcome in outcomes]
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise not_a_node(rpc, "eth_simulateV1") from error


@staking.command("edit-validator")
@click.option("--moniker", default=DO_NOT_MODIFY, help="Name of the validator.")
@description_options(DO_NOT_MODIFY)
@click.option("--commission-rate", help="Changes once in 24 hours at most.")
@click.option("--min-self-delegation", help="Only rises.")
@send_options
def edit_validator(
    moniker: str,
    identity: str,
    website: str,
    security_contact: str,
    details: str,
    commission_rate: str | None,
    min_self_delegation: str | None,
    options: SendOptions,
) -> None:
    """Change what is given of the validator that --from runs; the rest stays."""
    text = Description(moniker, identity, website, security_contact, details)
    rate = UNCHANGED if commission_rate is None else parse_rate(commission_rate)
    least = UNCHANGED if min_self_delegation is None else parse_amount(min_self_delegation)
    if (rate, least) == (UNCHANGED, UNCHANGED) and text == Description(*[DO_NOT_MODIFY] * 5):
        raise CommandFailed("nothing to change: give an option", ExitCode.USAGE)
    sender = Sender(options)
    _send(options, sender, STAKING, 0, call_data(Staking.editValidator, text, sender.address, rate, least))


@staking.command()
@click.argument("validator")
@click.argument("amount")
@send_options
def delegate(validator: str, amount: str, options: SendOptions) -> None:
    """Stake AMOUNT with VALIDATOR, named by its operator's address."""
    sender, wei = Sender(options), parse_amount(amount)
    _send(
        options, sender, STAKING, wei, call_data(Staking.delegate, sender.address, _operator(validator), wei)
    )


@staking.command()
@click.argument("validator")
@click.argument("amount")
@send_options
def undelegate(validator: str, amount: str, options: SendOptions) -> None:
    """Take AMOUNT of stake from VALIDATOR; it is paid after the unbonding time."""
    sender, wei = Sender(options), parse_amount(amount)
    payload = call_data(Staking.undelegate, sender.address, _operator(validator), wei)
    _send(options, sender, STAKING, 0, payload)


@staking.command()
@click.argument("source")
@click.argument("destination")
@click.argument("amount")
@send_options
def redelegate(source: str, destination: str, amount: str, options: SendOptions) -> None:
    """Move AMOUNT of stake from the validator SOURCE to DESTINATION at once."""
    sender, wei = Sender(options), parse_amount(amount)
    payload = call_data(Staking.redelegate, sender.address, _operator(source), _operator(destination), wei)
    _send(options, sender, STAKING, 0, payload)


@staking.command("cancel-unbonding")
@click.argument("validator")
@click.argument("amount")
@click.argument("creation_height", type=click.IntRange(0, 2**63 - 1))
@send_options
def cancel_unbonding(validator: str, amount: str, creation_height: int, options: SendOptions) -> None:
    """Stake AMOUNT again that is leaving VALIDATOR since block CREATION_HEIGHT; see `staking unbondings`."""
    sender, wei = Sender(options), parse_amount(amount)
    payload = call_data(
        Staking.cancelUnbondingDelegation, sender.address, _operator(validator), wei, creation_height
    )
    _send(options, sender, STAKING, 0, payload)


@staking.command("withdraw-rewards")
@click.argument("validator", required=False)
@send_options
def withdraw_rewards(validator: str | None, options: SendOptions) -> None:
    """Get what --from earned as a delegator: with VALIDATOR, or with all of its validators."""
    sender = Sender(options)
    if validator is None:
        payload = call_data(Distribution.claimRewards, sender.address, MAX_VALIDATORS_OF_DELEGATOR)
    else:
        payload = call_data(Distribution.withdrawDelegatorRewards, sender.address, _operator(validator))
    _send(options, sender, DISTRIBUTION, 0, payload)


@staking.command("withdraw-commission")
@send_options
def withdraw_commission(options: SendOptions) -> None:
    """Get the commission of the validator that --from runs."""
    sender = Sender(options)
    payload = call_data(Distribution.withdrawValidatorCommission, checksum_address(sender.address))
    _send(options, sender, DISTRIBUTION, 0, payload)


@staking.command("set-withdraw-address")
@click.argument("address")
@send_options
def set_withdraw_address(address: str, options: SendOptions) -> None:
    """From now on pay what --from earns to ADDRESS."""
    sender = Sender(options)
    payload = call_data(Distribution.setWithdrawAddress, sender.address, _operator(address))
    _send(options, sender, DISTRIBUTION, 0, payload)


@staking.command()
@send_options
def unjail(options: SendOptions) -> None:
    """End the jail of the validator that --from runs, after its time."""
    sender = Sender(options)
    _send(options, sender, SLASHING, 0, call_data(Slashing.unjail, sender.address))


@staking.command("fund-community-pool")
@click.argument("amount")
@send_options
def fund_community_pool(amount: str, options: SendOptions) -> None:
    """Give AMOUNT to the community pool."""
    sender, wei = Sender(options), parse_amount(amount)
    payload = call_data(Distribution.fundCommunityPool, sender.address, [Coin(DENOMINATION, wei)])
    _send(options, sender, DISTRIBUTION, wei, payload)


def _operator(text: str) -> str:
    """An address as the contracts take it in strings. Raises CommandFailed."""
    return checksum_address(read_address(text))


def _send(options: SendOptions, sender: Sender, target: Address, value: int, payload: bytes) -> None:
    receipt = submit(options, sender, target, value, payload, HEADROOM_PERCENT)
    if receipt is not None:
        _show(receipt, options.as_json)


def _show(receipt: dict[str, Any], as_json: bool) -> None:
    events = events_in(receipt["logs"])
    show_outcome(receipt, as_json, event_rows(events), {"events": event_json(events)})
