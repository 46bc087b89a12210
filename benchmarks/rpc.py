"""The RPC listener beside anvil: CPU of the server for a request, subscribers of new heads, and readers against blocks.

Both servers get the same chain: an ERC-20 contract, a block with 1,000 transfers, and 10,000 blocks with a few logs.
anvil comes from the npm packages of tests/clients.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measurement import Measurement, Options
from benchmarks.rpc_load import Served, best, load
from benchmarks.rpc_readers import readers_against_blocks
from benchmarks.rpc_subscribers import heads_to_subscribers
from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address
from genesis import DEV_MNEMONIC, dev_accounts
from node.rpc_client import RpcClient

PORT = 26_545
ANVIL_PORT = 26_555
CHAIN_ID = 1337
LOG_BLOCKS = 10_000
LOGS_EVERY = 200  # one of that many blocks has logs
TRANSFERS = 1_000
CLIENTS = Path(__file__).parent.parent / "tests" / "clients"
ANVIL = CLIENTS / "node_modules" / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil"
KEY = dev_accounts()[0]
HOLDER = "0x" + KEY.address.hex()
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, prepared."""

    name: str
    port: int
    pid: int
    token: str
    full_block: str


def run(options: Options) -> Iterator[Measurement]:
    """Yields CPU per request, latencies of subscribers, and how late blocks come while others read."""
    seconds = 4.0 if options.full else 1.5
    if not ANVIL.is_file():
        sys.stderr.write("anvil is missing, there will be no peer: run npm ci in tests/clients\n")
    with tempfile.TemporaryDirectory() as folder, _ours(Path(folder)) as ours:
        if ANVIL.is_file():
            with _anvil() as peer:
                yield from _requests(ours, peer, seconds)
        else:
            yield from _requests(ours, None, seconds)
        yield from heads_to_subscribers(ours.port, ours.pid, 1_000)
    yield from readers_against_blocks(60 if options.full else 25)


def _requests(ours: Server, peer: Server | None, seconds: float) -> Iterator[Measurement]:
    """One measurement for each kind of request and number of connections."""
    for name, connections, rounds in (
        ("chain_id", (1, 16, 64), 3),
        ("batch_of_50", (16,), 3),
        ("get_balance", (16, 64), 2),
        ("erc20_balance_of", (16, 64), 2),
        ("logs_of_10000_blocks", (1,), 2),
        ("block_of_1000_transactions", (1,), 2),
        ("block_of_1000_hashes", (1,), 2),
    ):
        for count in connections:
            served = _measure(ours, name, count, seconds, rounds)
            theirs = _measure(peer, name, count, seconds, rounds).cpu_us if peer is not None else None
            yield Measurement(f"rpc.{name}.c{count}.cpu", served.cpu_us, "us", peer=theirs)
            yield Measurement(f"rpc.{name}.c{count}.rate", served.per_second, "1/s", better="higher")


def _measure(server: Server, name: str, connections: int, seconds: float, rounds: int) -> Served:
    body = json.dumps(_body(server, name)).encode()
    return best(lambda: load(server.port, server.pid, body, connections, seconds), rounds)


def _body(server: Server, name: str) -> Any:
    def call(method: str, *params: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}

    balance_of = {"to": server.token, "data": "0x70a08231" + "00" * 12 + HOLDER[2:]}
    bodies: dict[str, Any] = {
        "chain_id": call("eth_chainId"),
        "batch_of_50": [call("eth_chainId") for _ in range(50)],
        "get_balance": call("eth_getBalance", HOLDER, "latest"),
        "erc20_balance_of": call("eth_call", balance_of, "latest"),
        "logs_of_10000_blocks": call(
            "eth_getLogs",
            {
                "fromBlock": server.full_block,
                "toBlock": "latest",
                "address": server.token,
                "topics": [TRANSFER_TOPIC],
            },
        ),
        "block_of_1000_transactions": call("eth_getBlockByNumber", server.full_block, True),
        "block_of_1000_hashes": call("eth_getBlockByNumber", server.full_block, False),
    }
    return bodies[name]


@contextmanager
def _ours(folder: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "cli", "start", "--dev", "--home", str(folder / "home")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--rpc-port", str(PORT)], stdout=log, stderr=log)
    try:
        yield _prepared("ours", PORT, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextmanager
def _anvil() -> Iterator[Server]:
    options = ["--port", str(ANVIL_PORT), "--chain-id", str(CHAIN_ID), "--mnemonic", DEV_MNEMONIC, "--silent"]
    process = subprocess.Popen([str(ANVIL), *options], stdout=subprocess.DEVNULL)
    try:
        yield _prepared("anvil", ANVIL_PORT, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _prepared(name: str, port: int, pid: int) -> Server:
    """The token, the block with transfers, and the blocks with logs."""
    client = RpcClient(f"http://127.0.0.1:{port}", timeout_s=120)
    for _ in range(200):
        try:
            client.call("eth_chainId")
            break
        except Exception:
            time.sleep(0.1)
    token = _compiled_token()
    client.call("eth_sendRawTransaction", _signed(KEY, 0, None, token, 2_000_000))
    client.call("evm_mine")
    address = _created(client)
    client.call("evm_setAutomine", False)
    for nonce in range(TRANSFERS):
        client.call(
            "eth_sendRawTransaction", _signed(dev_accounts()[1], nonce, Address(b"\x55" * 20), b"", 21_000)
        )
    client.call("evm_mine")
    full_block: str = client.call("eth_blockNumber")
    count = len(client.call("eth_getBlockByNumber", full_block, False)["transactions"])
    if count != TRANSFERS:
        raise RuntimeError(f"{name}: the block has {count} transactions")
    transfer = bytes.fromhex("a9059cbb" + "00" * 12 + "66" * 20 + f"{1:064x}")
    for turn in range(LOG_BLOCKS // LOGS_EVERY):
        raw = _signed(KEY, 1 + turn, Address(bytes.fromhex(address[2:])), transfer, 100_000)
        client.call("eth_sendRawTransaction", raw)
        client.call("anvil_mine", hex(LOGS_EVERY))
    client.call("evm_setAutomine", True)
    return Server(name, port, pid, address, full_block)


def _created(client: RpcClient) -> str:
    block = client.call("eth_getBlockByNumber", "0x1", False)
    receipt = client.call("eth_getTransactionReceipt", block["transactions"][0])
    return str(receipt["contractAddress"])


def _compiled_token() -> bytes:
    """Init code of the test token with name, symbol and supply as its arguments."""
    source = CLIENTS.parent.parent / "contracts" / "solidity" / "Token.sol"
    made = subprocess.run(
        ["node", "compile.cjs", str(source)], cwd=CLIENTS, capture_output=True, check=True, env=os.environ
    )
    code = bytes.fromhex(json.loads(made.stdout)["Token"]["bytecode"][2:])
    words = (
        96,
        160,
        10**24,
        1,
        int.from_bytes(b"T".ljust(32, b"\0"), "big"),
        1,
        int.from_bytes(b"T".ljust(32, b"\0"), "big"),
    )
    # (string, string, uint256): offsets of both texts, the number, then each text as length and bytes.
    return code + b"".join(word.to_bytes(32, "big") for word in words)


def _signed(key: PrivateKey, nonce: int, to: Address | None, data: bytes, gas: int) -> str:
    unsigned = UnsignedTransaction(
        type=TransactionType.DYNAMIC_FEE,
        chain_id=CHAIN_ID,
        nonce=nonce,
        max_priority_fee_per_gas=10**9,
        max_fee_per_gas=200 * 10**9,
        gas_limit=gas,
        to=to,
        value=0,
        data=data,
    )
    return "0x" + sign_transaction(unsigned, key).raw.hex()
