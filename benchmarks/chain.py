"""A whole network under load: real processes, signed transfers over JSON-RPC, from first submission to last receipt.

Measures one validator (blocks as soon as there are transactions) and four (a block a second): throughput, latency,
CPU and memory of the node processes, whether blocks keep their pace, and what an idle node costs. The sender runs in
this process and counts against the same cores. Transactions are signed before the clock starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.measurement import Measurement, Options
from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address
from genesis import dev_accounts
from node.local_network import LocalNetwork, LocalNetworkOptions
from node.rpc_client import RpcClient

BASE_PORT = 17_545
CHAIN_ID = 1337
BATCH = 100
CONNECTIONS = 8
POLL_S = 0.02
IDLE_S = 20.0
RECEIVER = Address(b"\x55" * 20)
# Loads that span about 20 blocks: a shorter run would measure where a block boundary happens to fall.
ONE_VALIDATOR_TRANSFERS = 20_000
FOUR_VALIDATOR_TRANSFERS = 20_000


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds and resident bytes of processes, from /proc."""

    cpu_s: float
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Seconds from first submission to last receipt, and the latency of each transaction."""

    seconds: float
    latencies_s: list[float]
    blocks: int
    usage_before: Usage
    usage_after: Usage


def run(options: Options) -> Iterator[Measurement]:
    """Yields the figures of one and of four validators."""
    scale = 2 if options.full else 1
    with tempfile.TemporaryDirectory() as folder:
        yield from _one_validator(Path(folder), ONE_VALIDATOR_TRANSFERS * scale)
    with tempfile.TemporaryDirectory() as folder:
        yield from _four_validators(Path(folder), FOUR_VALIDATOR_TRANSFERS * scale)


def _one_validator(folder: Path, count: int) -> Iterator[Measurement]:
    home, port = folder / "dev", BASE_PORT
    aurigraph = [sys.executable, "-m", "cli"]
    subprocess.run([*aurigraph, "init", "--dev", "--home", str(home)], check=True, capture_output=True)
    # Without --dev the chain has consensus, its log and its signer, as every validator does.
    command = [*aurigraph, "start", "--home", str(home), "--rpc-port", str(port)]
    alone = {**os.environ, "AURIGRAPH_P2P_LISTEN": ""}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=alone) as process,
    ):
        try:
            client = RpcClient(f"http://127.0.0.1:{port}")
            _wait_for_rpc(client)
            result = _load([port], [process.pid], count)
            yield from _figures("chain.one_validator", result, count, [process.pid])
        finally:
            process.terminate()


def _four_validators(folder: Path, count: int) -> Iterator[Measurement]:
    network = LocalNetwork(folder / "net")
    network.create(LocalNetworkOptions(validators=4, block_ms=1000, base_port=BASE_PORT))
    try:
        pids = [network.start(index) for index in range(4)]
        begun = time.monotonic()
        network.wait_until_up()
        yield Measurement("chain.four_validators.first_block", time.monotonic() - begun, "s")
        time.sleep(3)
        before, height = _usage(pids), _height(RpcClient(network.rpc_url(0)))
        time.sleep(IDLE_S)
        after = _usage(pids)
        blocks = _height(RpcClient(network.rpc_url(0))) - height
        share = (after.cpu_s - before.cpu_s) / IDLE_S / len(pids) * 100
        yield Measurement("chain.idle.cpu_per_node", share, "% of a core")
        yield Measurement("chain.idle.memory_per_node", after.resident_bytes / len(pids) / 1e6, "MB")
        yield Measurement("chain.idle.block_interval", IDLE_S / max(1, blocks), "s")
        ports = [BASE_PORT + 10 * index for index in range(4)]
        result = _load(ports[:1], pids, count)
        yield from _figures("chain.four_validators", result, count, pids)
        yield Measurement("chain.four_validators.block_interval", result.seconds / max(1, result.blocks), "s")
    finally:
        network.stop()


def _figures(name: str, result: LoadResult, count: int, pids: list[int]) -> Iterator[Measurement]:
    latencies = sorted(result.latencies_s)
    cpu_s = result.usage_after.cpu_s - result.usage_before.cpu_s
    yield Measurement(f"{name}.transfers", count / result.seconds, "1/s", better="higher")
    yield Measurement(f"{name}.latency_p50", latencies[len(latencies) // 2] * 1000, "ms")
    yield Measurement(f"{name}.latency_p99", latencies[int(len(latencies) * 0.99)] * 1000, "ms")
    yield Measurement(f"{name}.cpu_per_transfer", cpu_s / count * 1e6, "us")
    yield Measurement(f"{name}.memory_per_node", result.usage_after.resident_bytes / len(pids) / 1e6, "MB")
    yield Measurement(f"{name}.blocks", result.blocks, "blocks", better="higher")


def _load(ports: list[int], pids: list[int], count: int) -> LoadResult:
    """Submits `count` transfers of ten accounts in batches, and waits for every receipt."""
    work: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    hashes: set[str] = set()
    accounts = dev_accounts()
    for number in range(count):
        sender = number % len(accounts)
        raw, transaction_hash = _transfer(accounts[sender], number // len(accounts))
        hashes.add(transaction_hash)
        work[sender % CONNECTIONS].append(raw)
    sent_at: dict[str, float] = {}
    client = RpcClient(f"http://127.0.0.1:{ports[0]}", timeout_s=60)
    head = _height(client)
    before, begun = _usage(pids), time.perf_counter()
    senders = [
        threading.Thread(target=_submit, args=(ports[index % len(ports)], raws, sent_at))
        for index, raws in enumerate(work)
    ]
    for thread in senders:
        thread.start()
    latencies, blocks = _watch(client, head, hashes, sent_at)
    seconds = time.perf_counter() - begun
    for thread in senders:
        thread.join()
    return LoadResult(seconds, latencies, blocks, before, _usage(pids))


def _transfer(key: PrivateKey, nonce: int) -> tuple[bytes, str]:
    unsigned = UnsignedTransaction(
        type=TransactionType.DYNAMIC_FEE,
        chain_id=CHAIN_ID,
        nonce=nonce,
        max_priority_fee_per_gas=10**9,
        max_fee_per_gas=200 * 10**9,
        gas_limit=21_000,
        to=RECEIVER,
        value=1,
        data=b"",
    )
    transaction = sign_transaction(unsigned, key)
    return transaction.raw, "0x" + transaction.hash.hex()


def _submit(port: int, raws: list[bytes], sent_at: dict[str, float]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    for start in range(0, len(raws), BATCH):
        calls = [
            {"jsonrpc": "2.0", "id": n, "method": "eth_sendRawTransaction", "params": ["0x" + raw.hex()]}
            for n, raw in enumerate(raws[start : start + BATCH])
        ]
        now = time.perf_counter()
        connection.request("POST", "/", json.dumps(calls), {"Content-Type": "application/json"})
        for answer in json.loads(connection.getresponse().read()):
            if "result" not in answer:
                raise RuntimeError(f"transaction refused: {answer['error']}")
            sent_at[answer["result"]] = now
    connection.close()


def _watch(
    client: RpcClient, head: int, hashes: set[str], sent_at: dict[str, float]
) -> tuple[list[float], int]:
    latencies: list[float] = []
    blocks = 0
    waiting = set(hashes)
    while waiting:
        top = _height(client)
        if top == head:
            time.sleep(POLL_S)
            continue
        for number in range(head + 1, top + 1):
            receipts: list[dict[str, Any]] = client.call("eth_getBlockReceipts", hex(number))
            now = time.perf_counter()
            mine = [
                receipt["transactionHash"] for receipt in receipts if receipt["transactionHash"] in waiting
            ]
            waiting.difference_update(mine)
            latencies += [now - sent_at.get(told, now) for told in mine]
            blocks += bool(mine)
        head = top
    return latencies, blocks


def _height(client: RpcClient) -> int:
    return int(client.call("eth_blockNumber"), 16)


def _wait_for_rpc(client: RpcClient) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            _height(client)
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _usage(pids: list[int]) -> Usage:
    ticks, pages = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    cpu_s, resident = 0.0, 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu_s += (int(fields[11]) + int(fields[12])) / ticks
        resident += int(fields[21]) * pages
    return Usage(cpu_s, resident)
