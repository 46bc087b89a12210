"""`aurigraph query …`: read-only questions to a node over its JSON-RPC."""

from __future__ import annotations

from typing import Any

import click

from chain.types import checksum_address, parse_address
from node.commands.common import CommandFailed, ExitCode, json_option, rpc_option, show, show_rows
from node.rpc_client import RpcClient
from node.units import format_aur

BLOCK_FIELDS = (
    "number", "hash", "parentHash", "timestamp", "miner", "gasUsed", "gasLimit", "baseFeePerGas", "stateRoot", "size",
)  # fmt: skip
NUMBER_FIELDS = frozenset({
    "number", "timestamp", "gasUsed", "gasLimit", "baseFeePerGas", "size", "blockNumber", "nonce", "value", "gas",
    "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "transactionIndex", "cumulativeGasUsed", "effectiveGasPrice",
    "status", "type", "chainId", "v", "yParity", "blobGasUsed", "excessBlobGas",
})  # fmt: skip


@click.group()
def query() -> None:
    """Ask a node about blocks, transactions, balances, validators, peers."""


@query.command()
@click.argument("which", default="latest")
@rpc_option
@json_option
def block(which: str, rpc: RpcClient, as_json: bool) -> None:
    """Block WHICH: a number, a hash, or latest."""
    if which.startswith("0x") and len(which) == 66:
        found = rpc.call("eth_getBlockByHash", which, False)
    else:
        found = rpc.call("eth_getBlockByNumber", block_tag(which), False)
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
    found = rpc.call("eth_getTransactionByHash", transaction_hash)
    if found is None:
        raise CommandFailed(f"no transaction {transaction_hash} is known here")
    receipt = rpc.call("eth_getTransactionReceipt", transaction_hash)
    if as_json:
        show({"transaction": found, "receipt": receipt}, as_json=True)
        return
    show(decimal({name: value for name, value in found.items() if value not in (None, [])}), as_json=False)
    if receipt is not None:
        outcome = "succeeded" if receipt["status"] == "0x1" else "failed"
        show(
            {"outcome": outcome, "gas used": int(receipt["gasUsed"], 16), "logs": len(receipt["logs"])}, False
        )


@query.command()
@click.argument("address")
@click.option("--block", "which", default="latest", show_default=True)
@rpc_option
@json_option
def balance(address: str, which: str, rpc: RpcClient, as_json: bool) -> None:
    """Balance and nonce of ADDRESS."""
    account = checksum_address(parse_address(address))
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
    show_rows(rpc.call("node_validators"), as_json, empty="no validators")


@query.command()
@rpc_option
@json_option
def peers(rpc: RpcClient, as_json: bool) -> None:
    """The nodes that this node is connected to."""
    show_rows(rpc.call("node_peers"), as_json, empty="no peers")


@query.command()
@rpc_option
@json_option
def status(rpc: RpcClient, as_json: bool) -> None:
    """Height, consensus round, pool and peers of the node."""
    show(rpc.call("node_status"), as_json)


def block_tag(which: str) -> str:
    """A block number as JSON-RPC wants it; tags stay."""
    if which.isdecimal():
        return hex(int(which))
    if which in ("latest", "earliest", "pending", "safe", "finalized") or which.startswith("0x"):
        return which
    raise CommandFailed(f"{which!r} is neither a block number nor a tag", ExitCode.USAGE)


def decimal(record: dict[str, Any]) -> dict[str, Any]:
    """Hex quantities as numbers, for people."""
    return {
        name: int(value, 16) if name in NUMBER_FIELDS and isinstance(value, str) else value
        for name, value in record.items()
    }
