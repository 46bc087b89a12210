"""Whether blocks keep their pace while others read: one validator with a block a second, and 64 connections that ask
for calls, logs, balances and blocks as fast as they are answered.

How late a block is: its interval to the one before, less the interval of the chain, by the validator's own log.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.rpc_load import Served, load
from genesis import dev_accounts
from node.local_network import LocalNetwork, LocalNetworkOptions

BASE_PORT = 26_645
BLOCK_MS = 1_000
CONNECTIONS = 64
HOLDER = "0x" + dev_accounts()[0].address.hex()
TARGET = "0x" + "c0" * 20
CALLS = (
    ("eth_call", [{"to": TARGET}, "latest", {TARGET: {"code": "0x6103e85b600190038060035700"}}]),
    ("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest"}]),
    ("eth_getBalance", [HOLDER, "latest"]),
    ("eth_getBlockByNumber", ["latest", True]),
)


def readers_against_blocks(seconds: float) -> Iterator[Measurement]:
    """Yields how late blocks are at the 99th percentile and at worst, without readers and with them."""
    with tempfile.TemporaryDirectory() as folder:
        network = LocalNetwork(Path(folder) / "net")
        network.create(LocalNetworkOptions(validators=1, block_ms=BLOCK_MS, base_port=BASE_PORT))
        try:
            pid = network.start(0)
            network.wait_until_up(height=3)
            quiet_from = time.time()
            time.sleep(seconds)
            busy_from = time.time()
            served = _read(network.options.base_port, pid, seconds)
            ends = time.time()
            times = _block_times(network.log_path(0))
        finally:
            network.stop()
    for name, begin, end in (("quiet", quiet_from, busy_from), ("busy", busy_from, ends)):
        late = _lateness([at for at in times if begin <= at <= end])
        yield Measurement(f"rpc.blocks_{name}.late_p99", late[int(len(late) * 0.99)] * 1000, "ms")
        yield Measurement(f"rpc.blocks_{name}.blocks", len(late) + 1, "blocks", better="higher")
    yield Measurement(
        "rpc.blocks_busy.requests", sum(one.per_second for one in served), "1/s", better="higher"
    )


def _read(port: int, pid: int, seconds: float) -> list[Served]:
    """All kinds of requests at once, each on its share of the connections."""
    served: list[Served] = []

    def one(method: str, params: object) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        served.append(load(port, pid, body, CONNECTIONS // len(CALLS), seconds))

    threads = [threading.Thread(target=one, args=call) for call in CALLS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return served


def _block_times(log: Path) -> list[float]:
    """When each block was committed, in seconds, by the node's log."""
    times = []
    for line in log.read_text().splitlines():
        if '"block_committed"' in line:
            stamp = json.loads(line)["timestamp"].replace("Z", "+00:00")
            times.append(datetime.fromisoformat(stamp).timestamp())
    return times


def _lateness(times: list[float]) -> list[float]:
    """Seconds by which each interval was longer than the chain's, ascending."""
    intervals = [after - before for before, after in pairwise(times)]
    if not intervals:
        raise RuntimeError("no blocks")
    return sorted(max(0.0, interval - BLOCK_MS / 1000) for interval in intervals)
