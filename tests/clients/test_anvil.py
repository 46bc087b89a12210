"""The same keys and the same requests to anvil and to our node: the same shapes, the same classes of errors.

anvil is what most developers test against, so where it and this node differ, the difference stands in a table here
with its reason.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from chain.types import Address, checksum_address
from genesis import DEV_MNEMONIC, dev_accounts
from node.local_network import LocalNetwork

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
ANVIL_PORT = 18_999
KEY = dev_accounts()[7]
SENDER = checksum_address(KEY.address)
RECEIVER = checksum_address(Address(bytes(18) + b"\xa1\x11"))
NOBODY = "0x" + "77" * 20
# Emits one log with one topic and returns 32 bytes; deployed by the init code before it.
RUNTIME = "602a60005260016020600060003760aa60206000a160206000f3"
INIT_CODE = "0x601a600c600039601a6000f3" + RUNTIME

# Members that only one of the two has, as a pattern of their path, and why that is right here.
TOLERATED = (
    r"eth_getBlock\w+: \.totalDifficulty",  # anvil's: gone since the merge, and not in the official schema
    r"eth_get\w+Receipts?: (\[\])?\.(blobGasPrice|blobGasUsed|blockTimestamp)",  # not in the schema
    r"eth_getProof: \.storageProof\[\]\.proof\[\]",  # of an empty trie: [] as go-ethereum, anvil's ["0x80"]
    r"debug_traceTransaction: \.structLogs\[\]\.refund",  # of 0: left out as go-ethereum does
    r"debug_traceTransaction: \.\{\}\.codeHash",  # ours: prestateTracer of go-ethereum 1.17 has it
)
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
FORMS = (
    ("hash", re.compile(r"0x[0-9a-f]{64}")),
    ("address", ADDRESS),
    ("bloom", re.compile(r"0x[0-9a-f]{512}")),
    ("hex", re.compile(r"0x[0-9a-f]*")),
)
ERROR_CLASSES = (
    ("revert", re.compile("execution reverted|gas required exceeds allowance")),
    ("nonce too low", re.compile("nonce too low|already known|already imported")),
    ("funds", re.compile("insufficient funds", re.IGNORECASE)),
    ("underpriced", re.compile("underpriced|less than block base fee|fee cap less than", re.IGNORECASE)),
    ("intrinsic gas", re.compile("intrinsic gas too low", re.IGNORECASE)),
    ("unknown method", re.compile("does not exist|Method not found")),
    (
        "not a request that can be",
        re.compile(
            "header not found|BlockOutOfRange|decode|rlp|malformed|transaction type|too short", re.IGNORECASE
        ),
    ),
)


class Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Peer:
    """One of the two servers, with the contract and the transactions of the test."""

    def __init__(self, url: str) -> None:
        # Not our own client: in tests that one accepts only what the official schemas allow, which anvil exceeds.
        self._provider = HTTPProvider(url, exception_retry_configuration=None)
        self.names: dict[str, Any] = {}

    def call(self, method: str, *parameters: Any) -> Any:
        """The result; raises Refused for an error."""
        reply: Any = self._provider.make_request(RPCEndpoint(method), list(parameters))
        if "error" in reply:
            raise Refused(reply["error"]["code"], reply["error"]["message"])
        return reply["result"]

    def send(self, **fields: Any) -> Any:
        """The receipt of a transaction of the test's account."""
        nonce = int(self.call("eth_getTransactionCount", SENDER, "pending"), 16)
        common = {"chainId": 1337, "nonce": nonce, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
        if "to" in fields:
            fields["to"] = Web3.to_checksum_address(fields["to"])
        signed = Account.sign_transaction({"gas": 200_000, "value": 0, **common, **fields}, KEY.secret)
        transaction_hash = self.call("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex())
        for _ in range(200):
            receipt = self.call("eth_getTransactionReceipt", transaction_hash)
            if receipt is not None:
                return receipt
            time.sleep(0.1)
        raise AssertionError("no receipt")

    def prepare(self) -> None:
        """A contract, a transfer and a call with a log."""
        contract = self.send(data=INIT_CODE)["contractAddress"]
        transfer = self.send(to=RECEIVER, value=5)
        logged = self.send(to=contract, data="0x01")
        self.names = {
            "CONTRACT": contract,
            "TRANSFER": transfer["transactionHash"],
            "LOGGED": logged["transactionHash"],
            "BLOCK": logged["blockNumber"],
            "BLOCK_HASH": logged["blockHash"],
        }

    def filled(self, value: Any) -> Any:
        """Parameters with the names replaced."""
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, dict):
            return {name: self.filled(member) for name, member in value.items()}
        return self.names.get(value, value) if isinstance(value, str) else value

    def ask(self, method: str, parameters: list[Any]) -> dict[str, str] | str:
        """The shape of the result, or the class of the error."""
        try:
            return shape(self.call(method, *self.filled(parameters)))
        except Refused as error:
            return error_class(error)


def shape(value: Any, path: str = "") -> dict[str, str]:
    """The kind of each value by its path; the elements of a list, and the values of a map by address, are one."""
    found: dict[str, str] = {}
    if isinstance(value, dict):
        for name, member in value.items():
            found |= shape(member, f"{path}.{{}}" if ADDRESS.fullmatch(name) else f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            found |= shape(item, path + "[]")
    elif isinstance(value, str):
        found[path] = next((name for name, form in FORMS if form.fullmatch(value)), "text")
    else:
        found[path] = type(value).__name__
    return found


def error_class(error: Refused) -> str:
    """What client libraries make of an error."""
    known = next((name for name, pattern in ERROR_CLASSES if pattern.search(str(error))), None)
    return f"error: {known or error.code}"


@pytest.fixture(scope="module")
def peers(network: LocalNetwork, npm_packages: Path) -> Iterator[tuple[Peer, Peer]]:
    """Ours and anvil, both prepared."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", ANVIL_PORT))
    program = npm_packages / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil"
    options = ["--port", str(ANVIL_PORT), "--chain-id", "1337", "--mnemonic", DEV_MNEMONIC, "--silent"]
    process = subprocess.Popen(
        [str(program), *options, "--hardfork", "prague", "--steps-tracing"], stdout=subprocess.DEVNULL
    )
    try:
        anvil = Peer(f"http://127.0.0.1:{ANVIL_PORT}")
        for _ in range(100):
            try:
                anvil.call("eth_chainId")
                break
            except OSError:
                time.sleep(0.1)
        ours = Peer(network.rpc_url(0))
        ours.prepare()
        anvil.prepare()
        yield ours, anvil
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


SHAPES: tuple[tuple[str, list[Any]], ...] = (
    ("eth_chainId", []),
    ("net_version", []),
    ("eth_blockNumber", []),
    ("eth_gasPrice", []),
    ("eth_maxPriorityFeePerGas", []),
    ("eth_syncing", []),
    ("net_listening", []),
    ("web3_sha3", ["0x68"]),
    ("eth_getBalance", [SENDER, "latest"]),
    ("eth_getBalance", [SENDER, {"blockHash": "BLOCK_HASH"}]),
    ("eth_getBalance", [SENDER, {"blockNumber": "BLOCK"}]),
    ("eth_getTransactionCount", [SENDER, "pending"]),
    ("eth_getCode", ["CONTRACT", "latest"]),
    ("eth_getCode", [NOBODY, "latest"]),
    ("eth_getStorageAt", ["CONTRACT", "0x0", "latest"]),
    ("eth_getBlockByNumber", ["BLOCK", False]),
    ("eth_getBlockByNumber", ["BLOCK", True]),
    ("eth_getBlockByNumber", ["0xfffffff", False]),
    ("eth_getBlockByNumber", ["earliest", False]),
    ("eth_getBlockByHash", ["BLOCK_HASH", False]),
    ("eth_getBlockByHash", ["0x" + "ab" * 32, False]),
    ("eth_getBlockTransactionCountByNumber", ["BLOCK"]),
    ("eth_getBlockReceipts", ["BLOCK"]),
    ("eth_getTransactionByHash", ["TRANSFER"]),
    ("eth_getTransactionByHash", ["0x" + "ab" * 32]),
    ("eth_getTransactionByBlockNumberAndIndex", ["BLOCK", "0x0"]),
    ("eth_getTransactionReceipt", ["TRANSFER"]),
    ("eth_getTransactionReceipt", ["LOGGED"]),
    ("eth_getTransactionReceipt", ["0x" + "ab" * 32]),
    ("eth_getLogs", [{"fromBlock": "BLOCK", "toBlock": "BLOCK", "address": "CONTRACT"}]),
    ("eth_getLogs", [{"blockHash": "BLOCK_HASH"}]),
    ("eth_getLogs", [{"address": NOBODY}]),
    ("eth_call", [{"to": "CONTRACT", "data": "0x"}, "latest"]),
    ("eth_call", [{"to": NOBODY}, "latest"]),
    ("eth_call", [{"to": NOBODY}, "latest", {NOBODY: {"code": "0x602a60005260206000f3"}}]),
    ("eth_estimateGas", [{"from": SENDER, "to": RECEIVER, "value": "0x1"}]),
    ("eth_estimateGas", [{"from": SENDER, "to": None, "data": INIT_CODE}]),
    ("eth_createAccessList", [{"from": SENDER, "to": "CONTRACT"}, "latest"]),
    ("eth_feeHistory", ["0x2", "latest", [25, 75]]),
    ("eth_getProof", ["CONTRACT", ["0x" + "00" * 32], "latest"]),
    ("eth_newBlockFilter", []),
    ("eth_newFilter", [{"address": "CONTRACT"}]),
    ("eth_uninstallFilter", ["0x1234"]),
    ("debug_traceTransaction", ["LOGGED", {"tracer": "callTracer"}]),
    ("debug_traceTransaction", ["LOGGED", {"tracer": "prestateTracer"}]),
    ("debug_traceTransaction", ["LOGGED"]),
    ("txpool_status", []),
    ("txpool_content", []),
)

ERRORS: tuple[tuple[str, list[Any]], ...] = (
    ("eth_unknown", []),
    ("eth_getBalance", []),
    ("eth_getBalance", ["0x1234", "latest"]),
    ("eth_getBalance", [SENDER, "0xfffffff"]),
    ("eth_call", [{"to": NOBODY}, "latest", {NOBODY: {"code": "0x60006000fd"}}]),
    ("eth_call", [{"from": NOBODY, "to": RECEIVER, "value": "0x1"}, "latest"]),
    ("eth_estimateGas", [{"to": NOBODY}, "latest", {NOBODY: {"code": "0x60006000fd"}}]),
    ("eth_sendRawTransaction", ["0x1234"]),
    ("eth_sendRawTransaction", ["nonce too low"]),
    ("eth_sendRawTransaction", ["funds"]),
    ("eth_sendRawTransaction", ["intrinsic gas"]),
)


def _raw(**fields: Any) -> str:
    common = {
        "chainId": 1337,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 10**9,
        "gas": 21_000,
        "value": 1,
    }
    signed = Account.sign_transaction({**common, "to": RECEIVER, **fields}, KEY.secret)
    return "0x" + str(signed.raw_transaction.hex())


def test_results_have_the_same_shape(peers: tuple[Peer, Peer]) -> None:
    differences: set[str] = set()
    for method, parameters in SHAPES:
        ours, anvils = (peer.ask(method, parameters) for peer in peers)
        assert not isinstance(ours, str), (method, parameters, ours)
        assert not isinstance(anvils, str), (method, parameters, anvils)
        for path in ours.keys() | anvils.keys():
            if ours.get(path) != anvils.get(path):
                differences.add(f"{method}: {path}: ours {ours.get(path)}, anvil's {anvils.get(path)}")

    unknown = [text for text in sorted(differences) if not any(re.match(known, text) for known in TOLERATED)]
    assert not unknown, "\n".join(unknown)


def test_errors_are_of_the_same_class(peers: tuple[Peer, Peer]) -> None:
    next_nonce = 10**6
    for peer in peers:
        peer.names |= {
            "nonce too low": _raw(nonce=0),
            "funds": _raw(nonce=next_nonce, value=10**30),
            "intrinsic gas": _raw(nonce=next_nonce, gas=20_000),
        }

    differences = []
    for method, parameters in ERRORS:
        ours, anvils = (peer.ask(method, parameters) for peer in peers)
        if ours != anvils or not str(ours).startswith("error: "):
            differences.append((method, parameters, ours, anvils))

    assert not differences, "\n".join(map(str, differences))
