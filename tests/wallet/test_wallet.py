"""A wallet in a real Chromium against four real validators: two dapps, and what hostile pages can do.

The wallet is ours (inpage.js and wallet.mjs: EIP-1193, EIP-6963, EIP-3085, EIP-3326) and acts as MetaMask's published
packages do; it is not MetaMask. The pages are a viem dapp of our own and MetaMask's test-dapp as published. What they
did is checked on another node than the one that the browser spoke to.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from web3 import Web3

from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import parse_address
from node.local_network import LocalNetwork
from node.rpc_client import RpcClient
from tests.wallet.flows import CLOSED_NODE, Flow

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
CHAIN_ID = 1337
RECEIVER = "0x00000000000000000000000000000000000ca111"
DAPP_PAYEE = "0x0c54fccd2e384b4bb6f2e405bf5cbc15a017aafb"
DAPP_TOKEN_PAYEE = "0x2f318c334780961fb129d2a6c30d0763d9a5c970"
OTHER_NODE = 2
TRANSFER_TOPIC = Web3.to_hex(Web3.keccak(text="Transfer(address,address,uint256)"))


class OtherNode:
    """What a node that the browser did not speak to knows."""

    def __init__(self, network: LocalNetwork) -> None:
        self.rpc = RpcClient(network.rpc_url(OTHER_NODE))

    def receipt(self, sent: str) -> Any:
        deadline = time.monotonic() + 30
        while (receipt := self.rpc.call("eth_getTransactionReceipt", sent)) is None:
            assert time.monotonic() < deadline, f"{sent} is not in a block"
            time.sleep(0.1)
        return receipt

    def mined(self, sent: str) -> Any:
        """A transaction that is in a block and succeeded."""
        assert self.receipt(sent)["status"] == "0x1"
        return self.rpc.call("eth_getTransactionByHash", sent)

    def read(self, token: str, signature: str, *words: str) -> int:
        selector = Web3.keccak(text=signature)[:4].hex()
        arguments = "".join(word.removeprefix("0x").rjust(64, "0") for word in words)
        call = {"to": token, "data": "0x" + selector + arguments}
        return self.rpc.quantity("eth_call", call, "latest")


@pytest.fixture
def other(network: LocalNetwork) -> OtherNode:
    return OtherNode(network)


def test_a_viem_page_connects_adds_the_network_pays_deploys_signs_and_uses_a_permit(
    flow: Flow, other: OtherNode, keys: list[str], permit_token: dict[str, Any]
) -> None:
    told = flow("viem_flow.mjs", keys=keys[4:6], token=permit_token)
    first, second = (Account.from_key(key).address.lower() for key in keys[4:6])

    paid = other.mined(told["payment"]["hash"])
    assert (paid["type"], paid["from"], paid["to"], int(paid["value"], 16)) == (
        "0x2", first, RECEIVER, 125 * 10**16,
    )  # fmt: skip
    assert int(paid["gas"], 16) == 31_500  # 21,000 and half as much again
    legacy = other.mined(told["legacy"]["hash"])
    assert (legacy["type"], legacy["chainId"], legacy["gasPrice"]) == ("0x0", hex(CHAIN_ID), hex(3 * 10**9))
    assert int(legacy["v"], 16) - 35 >> 1 == CHAIN_ID
    assert other.rpc.quantity("eth_getBalance", RECEIVER, "latest") == 125 * 10**16 + 7
    # Nothing that the user refused, and nothing of another's, was sent: two payments, the deployment, one transfer.
    assert other.rpc.quantity("eth_getTransactionCount", first, "latest") == 4
    assert "insufficient funds" in told["inside"]["data"]["message"]
    assert told["inside"]["code"] == -32603

    token = told["deployed"]["contractAddress"]
    assert other.receipt(told["deployed"]["hash"])["contractAddress"] == token
    moved = other.receipt(told["transfer"]["hash"])
    assert [log["topics"][0] for log in moved["logs"]] == [TRANSFER_TOPIC]
    assert told["revert"]["revert"] == "ERC20InsufficientBalance"

    watched = [[word.lower() for word in transfer] for transfer in told["watched"]]
    assert watched == [[first, RECEIVER, "250"], [first, RECEIVER, "3999"]]

    message = encode_defunct(text="Grüße from viem")
    assert Account.recover_message(message, signature=told["message"]["signature"]).lower() == first
    assert told["message"]["valid"] is True  # by a contract that the node ran

    assert told["permit"]["valid"] is True
    assert other.mined(told["permitted"]["hash"])["from"] == second
    assert other.mined(told["pulled"]["hash"])["from"] == second
    assert told["reused"]["revert"] == "ERC2612InvalidSigner"
    assert other.read(token, "allowance(address,address)", first, second) == 1
    assert other.read(token, "nonces(address)", first) == 1
    assert other.read(token, "balanceOf(address)", RECEIVER) == 250 + 3999

    first_connection = ["connect", {"chainId": "0x1"}]  # may come before the page listens
    assert [event for event in told["events"] if event != first_connection] == [
        ["accountsChanged", [first, second]],
        ["chainChanged", "0x539"],
        ["accountsChanged", [second, first]],
        ["disconnect", 4900],
        ["connect", {"chainId": "0x539"}],
        ["chainChanged", "0x1"],
        ["accountsChanged", []],
    ]
    balance = str(10_000 * 10**18)  # of an account that is no validator's operator: those receive tips
    assert told["read"] == {"viaWallet": [CHAIN_ID, balance], "direct": [CHAIN_ID, balance]}
    heads = [int(number) for number in told["heads"]]
    assert heads == list(range(heads[0], heads[0] + 3))  # subscribed to over a WebSocket
    assert told["questions"].count("transaction") == 9


def test_metamasks_test_dapp_works_unchanged(flow: Flow, other: OtherNode, keys: list[str]) -> None:
    told = flow("test_dapp_flow.mjs", keys=keys[8:9])
    account = told["account"]
    assert (told["network"], told["chainId"]) == (str(CHAIN_ID), hex(CHAIN_ID))
    for name, kind in (("legacy", "0x0"), ("dynamic", "0x2"), ("filled", "0x2")):
        sent = other.mined(told[name])
        assert (sent["type"], sent["from"], sent["to"]) == (kind, account, DAPP_PAYEE), name
    token = told["token"]
    assert other.rpc.call("eth_getCode", token, "latest") != "0x"
    assert other.mined(told["transfer"])["to"] == other.mined(told["approve"])["to"] == token.lower()
    assert other.read(token, "balanceOf(address)", DAPP_TOKEN_PAYEE) > 0
    for name in ("personalSigUtil", "personalEcRecover", "typedData", "permit"):
        assert told[name].lower() == account, name
    assert "User rejected" in told["rejected"]
    assert "eth_accounts" in told["permissions"]


def test_a_hostile_page_reads_nothing_sends_nothing_and_cannot_rebind_its_name(
    flow: Flow, network: LocalNetwork, keys: list[str]
) -> None:
    key = PrivateKey(bytes.fromhex(keys[9][2:]))
    payment = sign_transaction(
        UnsignedTransaction(
            TransactionType.DYNAMIC_FEE, CHAIN_ID, 0, 10**9, 10**10, 21_000, parse_address(RECEIVER), 1
        ),
        key,
    )
    told = flow("guards_flow.mjs", transaction="0x" + payment.raw.hex())
    assert told["open"] == {"type": "cors", "status": 200, "text": told["open"]["text"]}
    assert '"result":"0x539"' in told["open"]["text"]
    assert told["closed"] == {"error": "TypeError"}  # the preflight was not answered with permission
    assert told["sockets"] == ["0x539", "refused"]
    assert told["reboundSocket"] == "refused"
    assert [reply["type"] for reply in told["simple"]] == ["opaque", "opaque"]
    assert told["visited"] == 403
    assert told["rebound"]["status"] == 403
    assert "0x539" not in told["rebound"]["text"]
    assert told["elsewhere"] == "ERR_NAME_NOT_RESOLVED"
    time.sleep(1)  # two blocks
    address = "0x" + key.address.hex()
    for index in (0, CLOSED_NODE):
        rpc = RpcClient(network.rpc_url(index))
        assert rpc.quantity("eth_getTransactionCount", address, "pending") == 0, (
            "a page sent a transaction without being asked"
        )
