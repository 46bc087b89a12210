"""`aurigraph token …`: tokens from the chain's templates, and tokens of any contract with a standard interface.

Amounts of fungible tokens are whole tokens, as in 1.5, of as many decimals as the token says; with `--units wei` they
are the smallest unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, TypeVar

import click

from chain.types import Address, checksum_address, parse_address
from node.commands.common import (
    CommandFailed,
    CommandGroup,
    ExitCode,
    json_option,
    read_address,
    rpc_option,
    show,
    show_rows,
)
from node.commands.query import ask_record, ask_rows, not_a_node
from node.commands.token_templates import (
    encode_template_arguments,
    find_template,
    known_templates,
    salt_option,
    units_option,
)
from node.commands.tx import Sender, SendOptions, send, send_options, show_outcome, submit
from node.contract_calls import ContractCallFailed, ContractCalls, call_data, events_in
from node.rpc_client import RpcClient
from node.units import format_units, parse_units
from vm.system.access.erc165 import IERC165
from vm.system.access.ownable import Ownable
from vm.system.addresses import TOKEN_FACTORY
from vm.system.contract import Contract
from vm.system.functions import SELECTOR_BYTES, Function
from vm.system.interface import interface_id
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.tokens.factory import MAX_PAGE, TokenFactory
from vm.system.tokens.interfaces import (
    IERC20,
    IERC721,
    IERC1155,
    IERC20Metadata,
)
from vm.system.tokens.templates.collections import CollectionToken, MultiToken, RoyaltyCollection
from vm.system.tokens.templates.fungible import MintableToken

DEFAULT_LIMIT: Final = 50
MAX_UINT256: Final = 2**256 - 1
_NUMBER: Final = re.compile(r"[0-9]{1,78}|0x[0-9a-fA-F]{1,64}")

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Standard(Enum):
    """What kind of token a contract is."""

    FUNGIBLE = "ERC-20"
    COLLECTION = "ERC-721"
    MULTI = "ERC-1155"


def id_option(function: F) -> F:
    """`--id`, given to the command as `token_id`: a number or None."""

    def checked(_context: object, _option: object, text: str | None) -> int | None:
        if text is None:
            return None
        if _NUMBER.fullmatch(text) is None or int(text, 0 if "x" in text else 10) > MAX_UINT256:
            raise click.BadParameter("a number, decimal or with 0x in hex, of at most 256 bits")
        return int(text, 0 if "x" in text else 10)

    return click.option(
        "--id", "token_id", callback=checked, help="Which token of a collection or multi-token contract."
    )(function)


@click.group(cls=CommandGroup)
def token() -> None:
    """Make tokens from templates, and use tokens of any kind."""


@token.command()
@rpc_option
@json_option
def templates(rpc: RpcClient, as_json: bool) -> None:
    """What the token factory makes."""
    if as_json:
        show_rows(ask_rows(rpc, "node_tokenTemplates"), as_json=True, empty="")
        return
    rows = [
        {"template": one.name, "arguments": one.usage, "what it is": one.description}
        for one in known_templates(rpc)
    ]
    show_rows(rows, as_json=False, empty="this chain has no templates")


@token.command()
@click.argument("template")
@click.argument("arguments", nargs=-1)
@salt_option
@units_option
@send_options
def create(template: str, arguments: tuple[str, ...], salt: bytes, units: str, options: SendOptions) -> None:
    """Make a token from TEMPLATE with its ARGUMENTS, which `aurigraph token templates` lists.

    For example: erc20-fixed "Red Gold" GOLD 18 1000000 0x…  makes a million tokens for 0x….
    """
    chosen = find_template(options.rpc, template)
    encoded = encode_template_arguments(chosen, arguments, units)
    payload = call_data(TokenFactory.createToken, chosen.id, encoded, salt)
    receipt = submit(options, Sender(options), TOKEN_FACTORY, 0, payload)
    if receipt is None:
        return
    made = _created(receipt)
    if made is None and receipt["status"] == "0x1":
        raise not_a_node(options.rpc, "eth_getTransactionReceipt")
    show_outcome(receipt, options.as_json, {"token": made}, {"token": made, "template": chosen.name})


@token.command()
@click.argument("template")
@click.argument("arguments", nargs=-1)
@click.option("--creator", required=True, help="Account that will make the token.")
@salt_option
@units_option
@rpc_option
@json_option
def predict(
    template: str,
    arguments: tuple[str, ...],
    creator: str,
    salt: bytes,
    units: str,
    rpc: RpcClient,
    as_json: bool,
) -> None:
    """Where `token create` with the same puts the token, and whether it is there already."""
    account = read_address(creator)
    chosen = find_template(rpc, template)
    calls = ContractCalls(rpc)
    address = calls.ask(
        TOKEN_FACTORY,
        TokenFactory.predict_token,
        chosen.id,
        encode_template_arguments(chosen, arguments, units),
        salt,
        account,
    )
    exists = calls.ask(TOKEN_FACTORY, TokenFactory.isToken, address)
    show({"token": checksum_address(Address(address)), "exists": exists}, as_json)


@token.command("list")
@click.option("--creator", help="Only tokens that this account has made.")
@click.option("--start", type=click.IntRange(0), default=0, help="Number of the first one, from 0.")
@click.option("--limit", type=click.IntRange(1), default=DEFAULT_LIMIT, show_default=True)
@rpc_option
@json_option
def list_tokens(creator: str | None, start: int, limit: int, rpc: RpcClient, as_json: bool) -> None:
    """Tokens that the factory has made, the oldest first."""
    account = None if creator is None else checksum_address(read_address(creator))
    rows: list[dict[str, Any]] = []
    total = 0
    while len(rows) < limit:
        wanted = min(MAX_PAGE, limit - len(rows))
        told = ask_record(
            rpc, ("total", "tokens"), "node_tokens", hex(start + len(rows)), hex(wanted), account
        )
        if told is None or not isinstance(told["tokens"], list):
            raise not_a_node(rpc, "node_tokens")
        rows += told["tokens"]
        total = told["total"]
        if len(told["tokens"]) < wanted:
            break
    names = {"0x" + one.id.hex(): one.name for one in known_templates(rpc)} if rows else {}
    ids = [{"templateId": row["template"]} if as_json else {} for row in rows]
    rows = [
        {**row, "template": names.get(row["template"], row["template"]), **more}
        for row, more in zip(rows, ids, strict=True)
    ]
    show_rows(rows, as_json, empty="no tokens")
    if start + len(rows) < total and rows and not as_json:
        click.echo(f"{len(rows)} of {total}; go on with --start {start + len(rows)}", err=True)


@token.command("show")
@click.argument("address")
@rpc_option
@json_option
def show_token(address: str, rpc: RpcClient, as_json: bool) -> None:
    """What a token says of itself, and what the factory knows of it."""
    target = read_address(address)
    calls = ContractCalls(rpc)
    code = _code(rpc, target)
    standard = _standard(calls, target)
    decimals = _told(calls, target, IERC20Metadata.decimals)
    supply = _told(calls, target, IERC20.totalSupply)
    if standard is Standard.FUNGIBLE and supply is None:
        raise CommandFailed(f"the contract at {checksum_address(target)} is no token: it has no totalSupply")
    owner = _told(calls, target, Ownable.owner)
    running = CHAIN_CONTRACTS.contract(code)
    record: dict[str, Any] = {
        "address": checksum_address(target),
        "standard": standard.value,
        "name": _told(calls, target, IERC20Metadata.name),
        "symbol": _told(calls, target, IERC20Metadata.symbol),
        "decimals": decimals,
        "totalSupply": None if supply is None else str(supply),
        "owner": None if owner is None else checksum_address(Address(owner)),
        "class": None if running is None else f"{running.__name__} {running.version}",
        **_made(calls, rpc, target),
    }
    if not as_json and supply is not None and decimals is not None:
        record["totalSupply"] = format_units(supply, decimals)
    show(record, as_json)


@token.command()
@click.argument("address")
@click.argument("account")
@id_option
@click.option("--block", "which", default="latest", show_default=True)
@rpc_option
@json_option
def balance(
    address: str, account: str, token_id: int | None, which: str, rpc: RpcClient, as_json: bool
) -> None:
    """How much ACCOUNT has of the token at ADDRESS; --id names one of a multi-token contract."""
    from node.commands.query import block_tag

    target, holder = read_address(address), read_address(account)
    calls = ContractCalls(rpc, block_tag(which))
    record: dict[str, Any] = {"token": checksum_address(target), "account": checksum_address(holder)}
    try:
        if token_id is not None:
            held = calls.ask(target, IERC1155.balanceOf, holder, token_id)
            show({**record, "id": str(token_id), "balance": str(held)}, as_json)
            return
        held = calls.ask(target, IERC20.balanceOf, holder)
    except ContractCallFailed:
        standard = _standard(calls, target)
        _check_part(standard, "--id", token_id is not None, standard is Standard.MULTI)
        raise
    decimals = _told(calls, target, IERC20Metadata.decimals)
    if as_json:
        show({**record, "balance": str(held), "decimals": decimals}, as_json=True)
        return
    symbol = _told(calls, target, IERC20Metadata.symbol) or ""
    show({**record, "balance": f"{format_units(held, decimals or 0)} {symbol}".strip()}, as_json=False)


@token.command()
@click.argument("address")
@click.argument("to")
@click.argument("amount", required=False)
@id_option
@units_option
@send_options
def transfer(
    address: str, to: str, amount: str | None, token_id: int | None, units: str, options: SendOptions
) -> None:
    """Send AMOUNT of the token at ADDRESS to TO; of a collection the token --id, without an amount."""
    target, receiver = read_address(address), read_address(to)
    calls = ContractCalls(options.rpc)
    _code(options.rpc, target)  # a transaction to nobody succeeds
    standard = _standard(calls, target)
    _check_parts(standard, amount, token_id)
    own = Sender(options).address
    match standard:
        case Standard.FUNGIBLE:
            payload = call_data(IERC20.transfer, receiver, _amount(calls, target, amount or "", units))
        case Standard.COLLECTION:
            payload = call_data(IERC721.safeTransferFrom, own, receiver, token_id or 0)
        case Standard.MULTI:
            payload = call_data(
                IERC1155.safeTransferFrom, own, receiver, token_id or 0, _whole(amount or ""), b""
            )
    send(options, target, 0, payload)


@token.command()
@click.argument("address")
@click.argument("to")
@click.argument("amount", required=False)
@id_option
@click.option("--uri", help="Where the description of a new token of a collection is.")
@units_option
@send_options
def mint(
    address: str,
    to: str,
    amount: str | None,
    token_id: int | None,
    uri: str | None,
    units: str,
    options: SendOptions,
) -> None:
    """Make AMOUNT of the token at ADDRESS for TO; in a collection the next token, in a multi-token AMOUNT of --id.

    --from must be an account that may: the owner, or one with the minter's role.
    """
    target, receiver = read_address(address), read_address(to)
    calls = ContractCalls(options.rpc)
    running = CHAIN_CONTRACTS.contract(_code(options.rpc, target))
    standard = _standard(calls, target)
    if uri is not None and standard is not Standard.COLLECTION:
        raise CommandFailed("--uri goes with the tokens of a collection", ExitCode.USAGE)
    match standard:
        case Standard.FUNGIBLE:
            _check_parts(standard, amount, token_id)
            payload = call_data(MintableToken.mint, receiver, _amount(calls, target, amount or "", units))
        case Standard.COLLECTION:
            if amount is not None or token_id is not None:
                raise CommandFailed(
                    "a collection makes one token at a time, with the next number: leave AMOUNT and --id out",
                    ExitCode.USAGE,
                )
            payload = _next_of_collection(running, receiver, uri)
        case Standard.MULTI:
            _check_parts(standard, amount, token_id)
            payload = call_data(MultiToken.mint, receiver, token_id or 0, _whole(amount or ""), b"")
    if running is not None and payload[:SELECTOR_BYTES] not in running.entries:
        raise CommandFailed(f"nobody can make more of it: {running.__name__} has no function for that")
    receipt = submit(options, Sender(options), target, 0, payload)
    if receipt is None:
        return
    made = _moved_ids(receipt, target) if standard is Standard.COLLECTION else {}
    show_outcome(receipt, options.as_json, made, made)


def _moved_ids(receipt: Mapping[str, Any], target: Address) -> dict[str, str]:
    """The number of the token of a collection that the transaction moved or made."""
    for event in events_in(receipt["logs"]):
        if parse_address(event.address) == target and "tokenId" in event.values and event.name == "Transfer":
            return {"id": str(event.values["tokenId"])}
    return {}


def _next_of_collection(running: type[Contract] | None, receiver: Address, uri: str | None) -> bytes:
    """`safeMint` of the class that runs there; of a foreign contract the form that the options fit."""
    with_uri, without = CollectionToken.safeMint, RoyaltyCollection.safeMint
    entries: Mapping[bytes, object] = {} if running is None else running.entries
    if uri is None and with_uri.selector not in entries:
        return call_data(without, receiver)
    if uri is not None and without.selector in entries:
        raise CommandFailed("the tokens of this collection have no URIs of their own", ExitCode.USAGE)
    return call_data(with_uri, receiver, uri or "")


def _check_parts(standard: Standard, amount: str | None, token_id: int | None) -> None:
    """Raises CommandFailed unless amount and id are there as the kind of token needs them."""
    _check_part(standard, "AMOUNT", amount is not None, standard is not Standard.COLLECTION)
    _check_part(standard, "--id", token_id is not None, standard is not Standard.FUNGIBLE)


def _check_part(standard: Standard, word: str, is_given: bool, is_needed: bool) -> None:
    if is_given != is_needed:
        needs = "needs" if is_needed else "takes no"
        raise CommandFailed(f"a token of {standard.value} {needs} {word}", ExitCode.USAGE)


def _amount(calls: ContractCalls, target: Address, text: str, units: str) -> int:
    if units == "wei":
        return _whole(text)
    decimals = _told(calls, target, IERC20Metadata.decimals)
    if decimals is None:
        raise CommandFailed(f"{checksum_address(target)} tells no decimals: give the amount with --units wei")
    return parse_units(text, decimals)


def _whole(text: str) -> int:
    return parse_units(text, 0)


def _created(receipt: Mapping[str, Any]) -> str | None:
    factory, name = "0x" + TOKEN_FACTORY.hex(), TokenFactory.TokenCreated.signature.name
    found = [
        each for each in events_in(receipt["logs"]) if (each.address.lower(), each.name) == (factory, name)
    ]
    return str(found[0].values["token"]) if found else None


def _made(calls: ContractCalls, rpc: RpcClient, target: Address) -> dict[str, Any]:
    """The factory's record; nothing for a token that it did not make."""
    try:
        record = calls.ask(TOKEN_FACTORY, TokenFactory.record, target)
    except ContractCallFailed:
        return {"template": None, "creator": None, "createdInBlock": None}
    names = {one.id: one.name for one in known_templates(rpc)}
    return {
        "template": names.get(record.template, "0x" + record.template.hex()),
        "creator": checksum_address(Address(record.creator)),
        "createdInBlock": record.blockNumber,
    }


def _standard(calls: ContractCalls, target: Address) -> Standard:
    """By ERC-165, which both standards of tokens that are told apart require."""
    for interface, standard in ((IERC721, Standard.COLLECTION), (IERC1155, Standard.MULTI)):
        if _told(calls, target, IERC165.supportsInterface, interface_id(interface)):
            return standard
    return Standard.FUNGIBLE


def _told(calls: ContractCalls, target: Address, function: Function[..., T], *arguments: Any) -> T | None:
    """The answer; None from a contract without this function."""
    try:
        return calls.ask(target, function, *arguments)
    except ContractCallFailed:
        return None


def _code(rpc: RpcClient, target: Address) -> bytes:
    """Of the contract at `target`. Raises CommandFailed if there is none."""
    told = rpc.call("eth_getCode", checksum_address(target), "latest")
    try:
        code = bytes.fromhex(told.removeprefix("0x"))
    except (AttributeError, ValueError):
        raise not_a_node(rpc, "eth_getCode") from None
    if not code:
        raise CommandFailed(f"there is no contract at {checksum_address(target)}")
    return code
