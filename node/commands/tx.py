"""`aurigraph tx …`: sign with a key of the local keystore, send, and wait for the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from chain.secp256k1 import PrivateKey
from chain.transaction import Transaction, TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address, checksum_address
from node.abi import encode_call, encode_constructor
from node.commands.common import (
    CommandFailed,
    CommandGroup,
    ExitCode,
    home_option,
    json_option,
    read_address,
    rpc_option,
    show,
)
from node.commands.query import RECEIPT_FIELDS, ask_record, decimal, read_hash
from node.commands.secrets import password_option, read_password
from node.home import NodeHome
from node.keystore import Keystore
from node.rpc_client import NodeUnreachable, RpcCallFailed, RpcClient
from node.units import parse_amount

RECEIPT_POLL_S = 0.2
BASE_FEE_HEADROOM = 2  # fee cap = tip + twice the base fee, as wallets do: it lasts for six full blocks
MAX_UINT64 = 2**64 - 1
MAX_TIMEOUT_S = 86_400.0
MAX_BYTECODE_FILE_BYTES = 1 << 20

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class SendOptions:
    """What all sending commands share."""

    sender: str
    home: NodeHome
    password_file: Path | None
    rpc: RpcClient
    gas: int | None
    tip: str | None
    fee_cap: str | None
    nonce: int | None
    asynchronous: bool
    dry_run: bool
    timeout_s: float
    as_json: bool


def send_options(function: F) -> F:
    """Adds the options and passes them on as one `options: SendOptions`."""

    def command(**values: Any) -> Any:
        names = SendOptions.__dataclass_fields__
        options = SendOptions(**{name: values.pop(name) for name in names})
        return function(options=options, **values)

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    command.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    decorators = [
        click.option("--from", "sender", required=True, help="Address of a key in the keystore."),
        home_option,
        password_option,
        rpc_option,
        click.option(
            "--gas", type=click.IntRange(21_000, MAX_UINT64), help="Gas limit [default: estimated]."
        ),
        click.option("--tip", help="Priority fee per gas, as 1gwei [default: the node's suggestion]."),
        click.option("--fee-cap", help="Most to pay per gas, as 30gwei [default: tip + twice the base fee]."),
        click.option(
            "--nonce", type=click.IntRange(0, MAX_UINT64), help="[default: the account's next one]."
        ),
        click.option("--async", "asynchronous", is_flag=True, help="Print the hash and do not wait."),
        click.option("--dry-run", is_flag=True, help="Print the signed transaction instead of sending it."),
        click.option(
            "--timeout",
            "timeout_s",
            type=click.FloatRange(0, MAX_TIMEOUT_S),
            default=60.0,
            show_default=True,
            help="Seconds to wait.",
        ),
        json_option,
    ]
    wrapped: Any = command
    for decorator in reversed(decorators):
        wrapped = decorator(wrapped)
    result: F = wrapped
    return result


@click.group(cls=CommandGroup)
def tx() -> None:
    """Send transactions and look after them."""


@tx.command()
@click.option("--to", "to", required=True, help="Receiving address.")
@click.option("--value", required=True, help="Amount, as 1.5aur or 20gwei (AUR without a unit).")
@send_options
def transfer(to: str, value: str, options: SendOptions) -> None:
    """Send coins."""
    send(options, read_address(to), parse_amount(value), b"")


@tx.command()
@click.argument("to")
@click.argument("signature", required=False)
@click.argument("arguments", nargs=-1)
@click.option("--data", "calldata", help="Raw call data in hex, instead of SIGNATURE and ARGUMENTS.")
@click.option("--value", default="0", help="Coins to send along.")
@send_options
def call(
    to: str,
    signature: str | None,
    arguments: tuple[str, ...],
    calldata: str | None,
    value: str,
    options: SendOptions,
) -> None:
    """Call the contract TO: for example  0x… 'transfer(address,uint256)' 0x… 100."""
    if (signature is None) == (calldata is None):
        raise CommandFailed("give either a function signature or --data", ExitCode.USAGE)
    payload = (
        encode_call(signature, arguments) if signature is not None else parse_hex(calldata or "", "--data")
    )
    send(options, read_address(to), parse_amount(value), payload)


@tx.command()
@click.argument("bytecode_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--constructor", help="Constructor types, as (uint256,address).")
@click.argument("arguments", nargs=-1)
@click.option("--value", default="0", help="Coins to send along.")
@send_options
def deploy(
    bytecode_file: Path,
    constructor: str | None,
    arguments: tuple[str, ...],
    value: str,
    options: SendOptions,
) -> None:
    """Deploy the creation bytecode (hex) in BYTECODE_FILE."""
    if bytecode_file.stat().st_size > MAX_BYTECODE_FILE_BYTES:
        raise CommandFailed(f"{bytecode_file} is too large for bytecode")
    code = parse_hex(bytecode_file.read_text("utf-8", "replace").strip(), str(bytecode_file))
    if not code:
        raise CommandFailed(f"{bytecode_file} holds no bytecode")
    if arguments and constructor is None:
        raise CommandFailed("constructor arguments need --constructor with their types", ExitCode.USAGE)
    tail = encode_constructor(constructor, arguments) if constructor is not None else b""
    send(options, None, parse_amount(value), code + tail)


@tx.command()
@click.argument("transaction_hash")
@rpc_option
@json_option
def status(transaction_hash: str, rpc: RpcClient, as_json: bool) -> None:
    """Whether a transaction is pending, in a block, or unknown."""
    wanted = read_hash(transaction_hash)
    receipt = ask_record(rpc, RECEIPT_FIELDS, "eth_getTransactionReceipt", wanted)
    if receipt is None:
        found = rpc.call("eth_getTransactionByHash", wanted)
        state = "pending" if found is not None else "unknown"
        show({"hash": wanted, "state": state}, as_json)
        return
    show(receipt if as_json else _receipt_rows(receipt), as_json)


class Sender:
    """The account of `--from`. Its password is asked for once, when there is something to sign."""

    def __init__(self, options: SendOptions) -> None:
        """Raises KeystoreError."""
        self._keystore = Keystore(options.home.keystore)
        self._stored = self._keystore.find(options.sender)
        self._password_file = options.password_file
        self._key: PrivateKey | None = None
        self.address = self._stored.address

    def sign(self, unsigned: UnsignedTransaction) -> Transaction:
        """Raises KeystoreError, CommandFailed."""
        if self._key is None:
            password = read_password(self._password_file, f"Password of {checksum_address(self.address)}")
            self._key = self._keystore.unlock(self._stored, password)
        return sign_transaction(unsigned, self._key)


def send(options: SendOptions, to: Address | None, value: int, payload: bytes) -> None:
    """Completes, signs and sends a transaction, waits for its receipt and shows it."""
    receipt = submit(options, Sender(options), to, value, payload)
    if receipt is not None:
        show_outcome(receipt, options.as_json)


def submit(
    options: SendOptions,
    sender: Sender,
    to: Address | None,
    value: int,
    payload: bytes,
    headroom_percent: int = 100,
) -> dict[str, Any] | None:
    """Completes, signs and sends a transaction, and waits for its receipt; None after --dry-run and --async, which
    show what there is."""
    rpc = options.rpc
    signed = sender.sign(complete(options, sender.address, to, value, payload, headroom_percent))
    if options.dry_run:
        show({"hash": "0x" + signed.hash.hex(), "raw": "0x" + signed.raw.hex()}, options.as_json)
        return None
    try:
        transaction_hash = rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
    except RpcCallFailed as error:
        raise CommandFailed(
            f"the node refused the transaction: {error}", ExitCode.TRANSACTION_REJECTED
        ) from error
    except NodeUnreachable as error:
        raise NodeUnreachable(
            f"{error}; it may have taken the transaction: ask later with: aurigraph tx status 0x{signed.hash.hex()}"
        ) from error
    if options.asynchronous:
        show({"hash": transaction_hash}, options.as_json)
        return None
    if not options.as_json:
        click.echo(f"sent {transaction_hash}, waiting", err=True)
    return wait_for_receipt(rpc, transaction_hash, options.timeout_s)


def complete(
    options: SendOptions,
    sender: Address,
    to: Address | None,
    value: int,
    payload: bytes,
    headroom_percent: int = 100,
) -> UnsignedTransaction:
    """Asks the node for what the user left open: chain id, nonce, fees, gas. headroom_percent: of the estimate."""
    rpc = options.rpc
    account = checksum_address(sender)
    chain_id = rpc.quantity("eth_chainId")
    nonce = options.nonce
    if nonce is None:
        nonce = rpc.quantity("eth_getTransactionCount", account, "pending")
    tip = _fee(options.tip)
    if tip is None:
        tip = rpc.quantity("eth_maxPriorityFeePerGas")
    fee_cap = _fee(options.fee_cap)
    if fee_cap is None:
        block = rpc.call("eth_getBlockByNumber", "latest", False)
        if not isinstance(block, dict) or not isinstance(block.get("baseFeePerGas"), str):
            raise CommandFailed("the node tells no base fee; give --fee-cap and --tip")
        fee_cap = tip + BASE_FEE_HEADROOM * int(block["baseFeePerGas"], 16)
    request = {"from": account, "value": hex(value), "input": "0x" + payload.hex()}
    if to is not None:
        request["to"] = checksum_address(to)
    gas = options.gas if options.gas is not None else _estimate(rpc, request) * headroom_percent // 100
    return UnsignedTransaction(
        type=TransactionType.DYNAMIC_FEE,
        chain_id=chain_id,
        nonce=nonce,
        max_priority_fee_per_gas=min(tip, fee_cap),
        max_fee_per_gas=fee_cap,
        gas_limit=gas,
        to=to,
        value=value,
        data=payload,
    )


def wait_for_receipt(rpc: RpcClient, transaction_hash: str, timeout_s: float) -> dict[str, Any]:
    """Polls until the transaction is in a block, also while the node is away for a moment: it keeps what it took.

    Raises CommandFailed with the time-out code.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            receipt = ask_record(rpc, RECEIPT_FIELDS, "eth_getTransactionReceipt", transaction_hash)
        except NodeUnreachable:
            receipt = None
        if receipt is not None:
            return receipt
        if time.monotonic() > deadline:
            raise CommandFailed(
                f"{transaction_hash} is in no block after {timeout_s:g} s; "
                f"ask later with: aurigraph tx status {transaction_hash}",
                ExitCode.TIMEOUT,
            )
        time.sleep(RECEIPT_POLL_S)


def parse_hex(text: str, source: str) -> bytes:
    """Bytes from hex with or without 0x; `source` is named in the error."""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise CommandFailed(f"{source} is not hex: {error}") from error


def _estimate(rpc: RpcClient, request: dict[str, str]) -> int:
    try:
        return rpc.quantity("eth_estimateGas", request)
    except RpcCallFailed as error:
        raise would_fail(error) from error


def would_fail(error: RpcCallFailed) -> CommandFailed:
    """A node's refusal to estimate or simulate a transaction, with the words of the contract."""
    from node.contract_calls import REVERT_CODE, explained  # knows every contract: slow to import

    code = ExitCode.TRANSACTION_REVERTED if error.code == REVERT_CODE else ExitCode.TRANSACTION_REJECTED
    return CommandFailed(f"the transaction would fail: {explained(error)}", code)


def _fee(text: str | None) -> int | None:
    return None if text is None else parse_amount(text, default_unit="wei")


def show_outcome(
    receipt: dict[str, Any],
    as_json: bool,
    rows: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
) -> None:
    """A receipt, with more `rows` for people and more `fields` for programs. Raises CommandFailed if it reverted."""
    if as_json:
        show({**receipt, **(fields or {})}, as_json=True)
    else:
        show({**_receipt_rows(receipt), **(rows or {})}, as_json=False)
    if receipt["status"] != "0x1":
        raise CommandFailed("the transaction was included but reverted", ExitCode.TRANSACTION_REVERTED)


def _receipt_rows(receipt: dict[str, Any]) -> dict[str, Any]:
    plain = decimal(receipt)
    chosen = {
        "hash": plain["transactionHash"],
        "state": "succeeded" if receipt["status"] == "0x1" else "reverted",
        "block": plain["blockNumber"],
        "gas used": plain["gasUsed"],
        "logs": len(plain["logs"]),
    }
    if plain.get("contractAddress"):
        chosen["contract"] = plain["contractAddress"]
    return chosen
