"""`aurigraph query …`: read-only questions to a node over its JSON-RPC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import click

from chain.types import checksum_address
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
from node.rpc_client import NodeUnreachable, RpcClient
from node.units import format_aur

BLOCK_FIELDS = (
    "number", "hash", "parentHash", "timestamp", "miner", "gasUsed", "gasLimit", "baseFeePerGas", "stateRoot", "size",
)  # fmt: skip
NUMBER_FIELDS = frozenset({
    "number", "timestamp", "gasUsed", "gasLimit", "baseFeePerGas", "size", "blockNumber", "nonce", "value", "gas",
    "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "transactionIndex", "cumulativeGasUsed", "effectiveGasPrice",
    "status", "type", "chainId", "v", "yParity", "blobGasUsed", "excessBlobGas",
})  # fmt: skip
RECEIPT_FIELDS = ("transactionHash", "blockNumber", "gasUsed", "logs", "status")
_NUMBER = re.compile(r"[0-9]{1,20}")  # a block number has 64 bits
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


@click.group(cls=CommandGroup)
def query() -> None:
    """Ask a node about blocks, transactions, balances, validators, peers."""


@query.command()
@click.argument("which", default="latest")
@rpc_option
@json_option
def block(which: str, rpc: RpcClient, as_json: bool) -> None:
    """Block WHICH: a number, a hash, or latest."""
    by_hash = _HASH.fullmatch(which) is not None
    method, key = ("eth_getBlockByHash", which) if by_hash else ("eth_getBlockByNumber", block_tag(which))
    found = ask_record(rpc, (*BLOCK_FIELDS, "transactions"), method, key, False)
    if found is None:
        raise CommandFailed(f"there is no block {which}")
    if as_json:
        show(found, as_json=True)
        return
    chosen = {name: found[name] for name in BLOCK_FIELDS}
    show({**decimal(chosen), "transactions": len(found["transactions"])}, as_json=False)


@query.command()
@click.argument("transaction_hash")
@rpc_option
@json_option
def tx(transaction_hash: str, rpc: RpcClient, as_json: bool) -> None:
    """A transaction and, once it is in a block, its receipt."""
    wanted = read_hash(transaction_hash)
    found = ask_record(rpc, ("hash",), "eth_getTransactionByHash", wanted)
    if found is None:
        raise CommandFailed(f"no transaction {wanted} is known here")
    receipt = ask_record(rpc, RECEIPT_FIELDS, "eth_getTransactionReceipt", wanted)
    if as_json:
        show({"transaction": found, "receipt": receipt}, as_json=True)
        return
    show(decimal({name: value for name, value in found.items() if value not in (None, [])}), as_json=False)
    if receipt is not None:
        outcome = "succeeded" if receipt["status"] == "0x1" else "failed"
        used = decimal(receipt)["gasUsed"]
        show({"outcome": outcome, "gas used": used, "logs": len(receipt["logs"])}, as_json=False)


@query.command()
@click.argument("address")
@click.option("--block", "which", default="latest", show_default=True)
@rpc_option
@json_option
def balance(address: str, which: str, rpc: RpcClient, as_json: bool) -> None:
    """Balance and nonce of ADDRESS."""
    account = checksum_address(read_address(address))
    wei = rpc.quantity("eth_getBalance", account, block_tag(which))
    nonce = rpc.quantity("eth_getTransactionCount", account, block_tag(which))
    if as_json:
        show({"address": account, "wei": str(wei), "nonce": nonce}, as_json=True)
    else:
        show({"address": account, "balance": f"{format_aur(wei)} AUR", "nonce": nonce}, as_json=False)


@query.command()
@rpc_option
@json_option
def validators(rpc: RpcClient, as_json: bool) -> None:
    """The active validator set."""
    show_rows(ask_rows(rpc, "node_validators"), as_json, empty="no validators")


@query.command()
@rpc_option
@json_option
def peers(rpc: RpcClient, as_json: bool) -> None:
    """The nodes that this node is connected to."""
    show_rows(ask_rows(rpc, "node_peers"), as_json, empty="no peers")


@query.command()
@rpc_option
@json_option
def status(rpc: RpcClient, as_json: bool) -> None:
    """Height, consensus round, pool and peers of the node."""
    told = ask_record(rpc, ("height", "hash"), "node_status")
    if told is None:
        raise not_a_node(rpc, "node_status")
    show(told if as_json else flattened(told), as_json)


def block_tag(which: str) -> str:
    """A block number as JSON-RPC wants it; tags stay. Raises CommandFailed."""
    if _NUMBER.fullmatch(which):
        return hex(int(which))
    if which in ("latest", "earliest", "pending", "safe", "finalized") or which.startswith("0x"):
        return which
    raise CommandFailed(f"{which!r} is neither a block number nor a tag", ExitCode.USAGE)


def read_hash(text: str) -> str:
    """A transaction hash that the user wrote. Raises CommandFailed."""
    if _HASH.fullmatch(text) is None:
        raise CommandFailed(
            f"{text!r} is not a transaction hash: it is 0x followed by 64 hex digits", ExitCode.USAGE
        )
    return text


def ask_record(rpc: RpcClient, fields: Sequence[str], method: str, *params: Any) -> dict[str, Any] | None:
    """The object, with at least `fields`, that a call answers with; None if the node knows none.

    Raises NodeUnreachable when something else answers, RpcCallFailed.
    """
    found = rpc.call(method, *params)
    if found is None:
        return None
    if not isinstance(found, dict) or not all(name in found for name in fields):
        raise not_a_node(rpc, method)
    return found


def ask_rows(rpc: RpcClient, method: str, *params: Any) -> list[dict[str, Any]]:
    """The list of objects that a call answers with. Raises NodeUnreachable for anything else, and RpcCallFailed."""
    found = rpc.call(method, *params)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise not_a_node(rpc, method)
    return found


def not_a_node(rpc: RpcClient, method: str) -> NodeUnreachable:
    """The error for an answer that no node of ours gives."""
    return NodeUnreachable(f"{rpc.url} answers {method} as no node does; is it the right address?")


def decimal(record: dict[str, Any]) -> dict[str, Any]:
    """Hex quantities as numbers, for people; what is no quantity stays."""
    return {name: _number(value) if name in NUMBER_FIELDS else value for name, value in record.items()}


def flattened(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as rows `outer.inner`, and lists of objects as rows `outer.0`, for people."""
    rows: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            rows |= flattened(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            rows |= {f"{prefix}{name}.{index}": _words(item) for index, item in enumerate(value)}
        else:
            rows[prefix + name] = value
    return rows


def _number(value: Any) -> Any:
    try:
        return int(value, 16)
    except (TypeError, ValueError):
        return value


def _words(record: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value}" for name, value in record.items())
