"""The calls that MetaMask makes when a network is added and used, byte by byte as its service worker sends them.

What it sends is read off its published packages: network-controller 35, eth-json-rpc-middleware 21, eth-block-tracker
14, gas-fee-controller 26, nonce-tracker 6, transaction-controller 69, and its extension's add-network form. One POST
for each call, never a batch; `latest` is replaced by the number of the last block it saw, which it asks for every 20
seconds; any status but 200 counts as an outage. This is a replay, not a test with MetaMask.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import parse_address
from node.local_network import LocalNetwork, rpc_port
from tests.rpc.json_schema import official_openrpc
from tests.wallet.flows import CLOSED_NODE

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
CHAIN_ID = 1337
ORIGIN = "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn"  # MetaMask's id in Chrome's store
HEADERS = {
    "Connection": "keep-alive",
    "sec-ch-ua-platform": '"Linux"',
    "User-Agent": "Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Accept": "application/json",
    "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
    "Content-Type": "application/json",
    "sec-ch-ua-mobile": "?0",
    "Origin": ORIGIN,
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-US,en;q=0.9",
}
RECEIVER = "0x00000000000000000000000000000000000ca222"
MULTICALL = "0xca11bde05977b3631167028862be2a173976ca11"
ERC721_INTERFACE = "0x01ffc9a7" + "80ac58cd".ljust(
    64, "0"
)  # supportsInterface, asked of every address it is shown


class Extension:
    """MetaMask's connection to one node."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.next_id = 3_405_691_582_000  # its ids are random numbers beyond 32 bits
        self.head = ""

    def exchange(self, method: str, *params: Any) -> dict[str, Any]:
        """One call; the reply is checked as every reply is."""
        self.next_id += 1
        call = {"id": self.next_id, "jsonrpc": "2.0", "method": method, "params": list(params)}
        self.connection.request("POST", "/", json.dumps(call, separators=(",", ":")), HEADERS)
        response = self.connection.getresponse()
        body = response.read()
        assert response.status == 200, (method, body)
        assert response.getheader("content-type", "").startswith("application/json")
        reply: dict[str, Any] = json.loads(body)
        assert reply["id"] == self.next_id
        assert official_openrpc().reply_complaints(call, reply) == []
        return reply

    def ask(self, method: str, *params: Any) -> Any:
        reply = self.exchange(method, *params)
        assert "error" not in reply, (method, reply["error"])
        return reply["result"]

    def refusal(self, method: str, *params: Any) -> tuple[int, str]:
        error = self.exchange(method, *params)["error"]
        return error["code"], error["message"]

    def poll(self) -> str:
        """What its block tracker does every 20 seconds."""
        self.head = self.ask("eth_blockNumber")
        return self.head

    def mined(self, sent: str) -> Any:
        deadline = time.monotonic() + 30
        while (receipt := self.ask("eth_getTransactionReceipt", sent)) is None:
            assert time.monotonic() < deadline, "not in a block within 30 s"
            time.sleep(0.2)
        return receipt


@pytest.fixture
def extension(network: LocalNetwork) -> Iterator[Extension]:
    made = Extension(rpc_port(network.options, 0))
    made.poll()
    yield made
    made.connection.close()


@pytest.fixture(scope="module")
def key(keys: list[str]) -> PrivateKey:
    return PrivateKey(bytes.fromhex(keys[7][2:]))


@pytest.fixture(scope="module")
def sender(key: PrivateKey) -> str:
    return "0x" + key.address.hex()


def signed(
    key: PrivateKey, kind: TransactionType, nonce: int, gas: int, fee: int, tip: int, value: int
) -> str:
    to = parse_address(RECEIVER)
    return (
        "0x"
        + sign_transaction(
            UnsignedTransaction(kind, CHAIN_ID, nonce, tip, fee, gas, to, value), key
        ).raw.hex()
    )


def test_the_add_network_form_accepts_the_node(extension: Extension) -> None:
    assert extension.ask("eth_chainId") == hex(CHAIN_ID)  # compared as text with what the user typed
    assert extension.ask("net_version") == str(CHAIN_ID)
    block = extension.ask("eth_getBlockByNumber", extension.head, False)
    assert int(block["baseFeePerGas"], 16) > 0  # this decides that the network has EIP-1559 fees
    assert block["number"] == extension.head


def test_an_account_is_shown_with_reads_at_a_block_number(extension: Extension, sender: str) -> None:
    head = extension.head
    assert int(extension.ask("eth_getBalance", sender, head), 16) > 10**18
    assert int(extension.ask("eth_getTransactionCount", sender, head), 16) >= 0
    assert extension.ask("eth_getCode", RECEIVER, head) == "0x"
    assert extension.ask("eth_getCode", MULTICALL, head).startswith("0x6080")
    # Balances in one call, where Multicall3 is known: aggregate3([(Multicall3, false, getEthBalance(account))]).
    balance_call = "4d2301cc" + sender[2:].rjust(64, "0")
    words = [0x20, 1, 0x20, int(MULTICALL, 16), 0, 0x60, 36]
    data = "0x82ad56cb" + "".join(f"{word:064x}" for word in words) + balance_call.ljust(128, "0")
    told = extension.ask("eth_call", {"to": MULTICALL, "data": data}, head)
    assert int(told[-64:], 16) == int(extension.ask("eth_getBalance", sender, head), 16)


def test_an_address_without_erc165_gives_errors_that_it_takes_for_no(extension: Extension) -> None:
    head = extension.head
    assert extension.ask("eth_call", {"to": RECEIVER, "data": ERC721_INTERFACE}, head) == "0x"
    code, message = extension.refusal("eth_call", {"to": MULTICALL, "data": ERC721_INTERFACE}, head)
    assert (code, message) == (3, "execution reverted")


def test_a_number_from_before_a_reset_is_no_block_of_this_chain(extension: Extension, sender: str) -> None:
    beyond = hex(int(extension.head, 16) + 1_000_000)  # its block tracker never goes back
    assert extension.ask("eth_getBlockByNumber", beyond, False) is None
    for read in (("eth_getBalance", sender), ("eth_getTransactionCount", sender), ("eth_getCode", MULTICALL)):
        assert extension.refusal(*read, beyond) == (-32000, "header not found")


def test_fees_are_asked_for_in_every_way_that_its_versions_know(extension: Extension) -> None:
    block = extension.ask("eth_getBlockByNumber", extension.head, False)
    price = int(extension.ask("eth_gasPrice"), 16)
    assert price >= int(block["baseFeePerGas"], 16) // 2
    assert int(extension.ask("eth_maxPriorityFeePerGas"), 16) >= 0
    history = extension.ask("eth_feeHistory", "0x5", extension.head, [10, 20, 30])
    rewards = len(history["gasUsedRatio"])
    assert len(history["baseFeePerGas"]) == rewards + 1
    assert [len(reward) for reward in history["reward"]] == [3] * rewards
    assert extension.ask("eth_feeHistory", "0xa", "latest", [10, 95])["oldestBlock"]


def test_a_payment_goes_the_way_that_its_controllers_send_it(
    extension: Extension, key: PrivateKey, sender: str
) -> None:
    head = extension.head
    assert extension.ask("eth_getCode", RECEIVER, head) == "0x"  # a simple send, not a contract interaction
    block = extension.ask("eth_getBlockByNumber", head, False)
    call = {"from": sender, "to": RECEIVER, "value": "0xde0b6b3a7640000", "type": "0x2"}
    estimate = int(extension.ask("eth_estimateGas", call), 16)
    gas = estimate * 3 // 2
    assert (estimate, gas < int(block["gasLimit"], 16) * 9 // 10) == (21_000, True)
    price = int(extension.ask("eth_gasPrice"), 16)  # without its own fee service this is fee and tip
    nonce = int(extension.ask("eth_getTransactionCount", sender, head), 16)
    raw = signed(key, TransactionType.DYNAMIC_FEE, nonce, gas, price, price, 10**18)
    sent = extension.ask("eth_sendRawTransaction", raw)
    assert int(extension.ask("eth_getTransactionCount", sender, "pending"), 16) == nonce + 1
    shown = extension.ask("eth_getTransactionByHash", sent)
    assert (shown["from"], shown["to"], shown["nonce"]) == (sender, RECEIVER, hex(nonce))

    receipt = extension.mined(sent)
    assert (receipt["status"], receipt["type"]) == ("0x1", "0x2")
    assert receipt["gasUsed"] == "0x5208"
    assert int(receipt["effectiveGasPrice"], 16) <= price
    mined_in = extension.ask("eth_getBlockByHash", receipt["blockHash"], False)
    assert sent in mined_in["transactions"]
    assert int(mined_in["timestamp"], 16) > 0
    # Its cached number is older than the payment: reads there still work, and tell the old state.
    assert int(extension.ask("eth_getTransactionCount", sender, head), 16) == nonce
    assert int(extension.ask("eth_getTransactionCount", sender, extension.poll()), 16) == nonce + 1
    assert int(extension.ask("eth_getBalance", RECEIVER, extension.head), 16) >= 10**18


def test_speed_up_replaces_a_waiting_payment_and_mistakes_get_texts_that_it_shows(
    extension: Extension, key: PrivateKey, sender: str
) -> None:
    nonce = int(extension.ask("eth_getTransactionCount", sender, extension.poll()), 16)
    later = nonce + 1  # waits for the one before it
    kind = TransactionType.DYNAMIC_FEE
    first = extension.ask("eth_sendRawTransaction", signed(key, kind, later, 21_000, 10**10, 10**9, 1))
    # "Speed up" and "cancel" raise both fees by a tenth.
    faster = extension.ask(
        "eth_sendRawTransaction", signed(key, kind, later, 21_000, 11 * 10**9, 11 * 10**8, 1)
    )
    assert extension.ask("eth_getTransactionByHash", first) is None
    code, message = extension.refusal(
        "eth_sendRawTransaction", signed(key, kind, later, 21_000, 11 * 10**9, 11 * 10**8, 2)
    )
    assert (code, message) == (-32000, "replacement transaction underpriced")
    legacy = extension.ask(
        "eth_sendRawTransaction", signed(key, TransactionType.LEGACY, nonce, 21_000, 10**10, 10**10, 1)
    )
    assert extension.mined(legacy)["type"] == "0x0"
    assert extension.mined(faster)["status"] == "0x1"

    code, message = extension.refusal(
        "eth_sendRawTransaction", signed(key, kind, nonce, 21_000, 10**10, 10**9, 1)
    )
    assert (code, message.startswith("nonce too low")) == (-32000, True)
    too_much = signed(key, kind, later + 1, 21_000, 10**10, 10**9, 10**30)
    code, message = extension.refusal("eth_sendRawTransaction", too_much)
    assert (code, message.startswith("insufficient funds for gas * price + value")) == (-32000, True)
    poor = {"from": RECEIVER, "to": sender, "value": hex(10**24)}
    assert extension.exchange("eth_estimateGas", poor)["error"]["message"].startswith("insufficient funds")
    code, message = extension.refusal("eth_getEncryptionPublicKey", sender)
    assert (code, message) == (
        -32601,
        "the method eth_getEncryptionPublicKey does not exist/is not available",
    )


@pytest.mark.parametrize(("index", "allowed"), [(0, True), (CLOSED_NODE, False)])
def test_the_preflight_is_answered_as_configured_and_the_extension_needs_none(
    network: LocalNetwork, index: int, allowed: bool
) -> None:
    port = rpc_port(network.options, index)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
        "Access-Control-Request-Private-Network": "true",
        "Sec-Fetch-Mode": "cors",
    }
    connection.request("OPTIONS", "/", headers=asked)
    response = connection.getresponse()
    assert (response.status, response.read()) == (204, b"")
    told = {name.lower(): value for name, value in response.getheaders()}
    assert told.get("access-control-allow-origin") == ("*" if allowed else None)
    if allowed:
        assert "POST" in told["access-control-allow-methods"]
        assert told["access-control-allow-headers"] == "content-type"
        assert told["access-control-allow-private-network"] == "true"
        assert int(told["access-control-max-age"]) > 0
    # On the same connection: an extension with the permission for a host sends its request all the same, and reads it.
    connection.request("POST", "/", '{"id":1,"jsonrpc":"2.0","method":"eth_chainId","params":[]}', HEADERS)
    response = connection.getresponse()
    assert json.loads(response.read())["result"] == hex(CHAIN_ID)
    assert response.getheader("access-control-allow-origin") == ("*" if allowed else None)
    connection.close()
