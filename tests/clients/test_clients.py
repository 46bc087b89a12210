"""Clients that we did not write, against four real validators: cast, ethers 6, web3.py, @ethereumjs/block."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractLogicError

from genesis import dev_accounts
from node.local_network import LocalNetwork
from node.rpc_client import RpcClient
from tests.clients.commands import script

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
KEYS = ["0x" + key.secret.hex() for key in dev_accounts()]
ADDRESSES = [Web3.to_checksum_address("0x" + key.address.hex()) for key in dev_accounts()]


def wait_for_height(network: LocalNetwork, height: int) -> None:
    network.wait_until_up(timeout_s=30, height=height)


def test_ethers_pays_deploys_reads_events_and_understands_every_error(
    network: LocalNetwork, npm_packages: Path, token: Path
) -> None:
    seen = json.loads(script("node", "ethers_flow.mjs", network.rpc_url(0), KEYS[1], str(token)))
    assert seen["chainId"] == 1337
    assert (seen["transferStatus"], seen["receiverBalance"]) == (1, str(15 * 10**17))
    assert (seen["name"], seen["tokenBalance"]) == ("Ethers", "12345")
    assert seen["events"] == [[ADDRESSES[1], seen["receiver"], "12345"]]
    assert seen["revert"] == "Token: balance too low"
    assert seen["customError"] == ["InsufficientAllowance", "7"]
    assert "OVERFLOW" in seen["panic"] or "overflow" in seen["panic"]
    assert seen["batch"] == [str(15 * 10**17), True, 3, str(10**24), True]
    assert seen["nonceError"] == "NONCE_EXPIRED"


def test_cast_sends_deploys_calls_and_reads_logs(
    network: LocalNetwork, npm_packages: Path, token: Path
) -> None:
    cast = str(npm_packages / ".bin" / "cast")
    url = network.rpc_url(1)
    artifact = json.loads(token.read_text())["Token"]

    def run(*words: str) -> str:
        return script(cast, words[0], "--rpc-url", url, *words[1:]).strip()

    sent = json.loads(run("send", ADDRESSES[5], "--value", "1ether", "--private-key", KEYS[2], "--json"))
    assert sent["status"] == "0x1"
    legacy = json.loads(
        run("send", ADDRESSES[5], "--value", "1gwei", "--legacy", "--private-key", KEYS[2], "--json")
    )
    assert (legacy["status"], legacy["type"]) == ("0x1", "0x0")
    arguments = script(cast, "abi-encode", "c(string,string,uint256)", "Cast", "CST", "1000000").strip()
    code = artifact["bytecode"] + arguments[2:]
    deployed = json.loads(run("send", "--private-key", KEYS[2], "--json", "--create", code))
    address = deployed["contractAddress"]
    assert run("call", address, "name()(string)") == '"Cast"'
    moved = json.loads(
        run(
            "send",
            address,
            "transfer(address,uint256)",
            ADDRESSES[6],
            "500",
            "--private-key",
            KEYS[2],
            "--json",
        )
    )
    assert moved["status"] == "0x1"
    assert run("call", address, "balanceOf(address)(uint256)", ADDRESSES[6]) == "500"
    logs = json.loads(run("logs", "--address", address, "--from-block", "1", "--json"))
    assert len(logs) == 2
    failed = subprocess.run(
        [cast, "call", address, "transfer(address,uint256)", ADDRESSES[6], "9999999", "--rpc-url", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # The npm wrapper around cast exits 0 whatever cast did: its text is what tells.
    assert "execution reverted: Token: balance too low" in failed.stderr
    # EIP-7702: the account takes the token's code while it pays somebody else.
    delegated = json.loads(run("send", ADDRESSES[5], "--auth", address, "--private-key", KEYS[3], "--json"))
    assert delegated["status"] == "0x1"
    assert run("code", ADDRESSES[3]).lower() == "0xef0100" + address[2:].lower()


def test_web3py_pays_deploys_filters_and_sees_reverts(network: LocalNetwork, token: Path) -> None:
    web3 = Web3(HTTPProvider(network.rpc_url(2)))
    assert web3.is_connected()
    artifact = json.loads(token.read_text())["Token"]
    account = web3.eth.account.from_key(KEYS[4])

    def send(fields: dict[str, Any]) -> Any:
        signed = account.sign_transaction(
            {
                "from": account.address,
                "nonce": web3.eth.get_transaction_count(account.address, "pending"),
                **fields,
            }
        )
        return web3.eth.wait_for_transaction_receipt(
            web3.eth.send_raw_transaction(signed.raw_transaction), timeout=30, poll_latency=0.1
        )

    common = {"chainId": 1337, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
    paid = send({**common, "to": ADDRESSES[7], "value": 3, "gas": 21_000})
    assert paid["status"] == 1
    factory = web3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
    made = send(
        factory.constructor("Web3", "WEB", 10**20).build_transaction({**common, "from": account.address})
    )
    contract = web3.eth.contract(address=made["contractAddress"], abi=artifact["abi"])
    moved = send(
        contract.functions.transfer(ADDRESSES[7], 77).build_transaction({**common, "from": account.address})
    )
    assert contract.functions.balanceOf(ADDRESSES[7]).call() == 77
    events = contract.events.Transfer().get_logs(from_block=moved["blockNumber"])
    assert [(event["args"]["to"], event["args"]["value"]) for event in events] == [(ADDRESSES[7], 77)]
    with pytest.raises(ContractLogicError, match="Token: balance too low"):
        contract.functions.transfer(ADDRESSES[7], 10**30).call({"from": account.address})
    with web3.batch_requests() as batch:
        batch.add(web3.eth.get_block(moved["blockNumber"]))
        batch.add(web3.eth.get_balance(ADDRESSES[7]))
        answers: Any = batch.execute()
    assert answers[0]["hash"] == moved["blockHash"]
    assert web3.eth.fee_history(3, "latest", [10.0, 50.0])["baseFeePerGas"]


def test_every_node_tells_the_same_blocks_receipts_and_state_roots(
    network: LocalNetwork, npm_packages: Path
) -> None:
    nodes = [RpcClient(network.rpc_url(index)) for index in range(4)]
    height = min(int(node.call("eth_blockNumber"), 16) for node in nodes)
    for number in range(height + 1):
        told = [node.call("eth_getBlockByNumber", hex(number), True) for node in nodes]
        assert told[0] is not None
        assert all(block == told[0] for block in told)
        receipts = [node.call("eth_getBlockReceipts", hex(number)) for node in nodes]
        assert all(answer == receipts[0] for answer in receipts)
    recomputed = json.loads(
        script("node", "block_hashes.mjs", network.rpc_url(3), *(str(number) for number in range(height + 1)))
    )
    assert len(recomputed) == height + 1
    for block in recomputed:
        assert block["told"] == block["computed"]
        assert block["transactionsRootValid"]


def test_a_transaction_given_to_one_node_is_seen_by_all(network: LocalNetwork) -> None:
    clients = [RpcClient(network.rpc_url(index)) for index in range(4)]
    web3 = Web3(HTTPProvider(network.rpc_url(3)))
    account = web3.eth.account.from_key(KEYS[8])
    signed = account.sign_transaction({
        "chainId": 1337, "nonce": web3.eth.get_transaction_count(account.address), "to": ADDRESSES[9], "value": 1,
        "gas": 21_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1,
    })  # fmt: skip
    sent = web3.eth.send_raw_transaction(signed.raw_transaction).to_0x_hex()
    deadline = time.monotonic() + 30
    while not all(client.call("eth_getTransactionReceipt", sent) for client in clients):
        assert time.monotonic() < deadline, "no receipt on every node within 30 s"
        time.sleep(0.1)
