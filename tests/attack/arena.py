"""Four validator processes under attack, and what the attack did to them.

Measures from outside: resident memory, whether each process lives, what the logs say about the pace of blocks, and
whether all nodes tell the same blocks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from chain.errors import NodeError
from node.local_network import LocalNetwork, LocalNetworkOptions
from node.rpc_client import RpcClient

NODES = 4
BLOCK_MS = 500
MIB = 1024 * 1024


@dataclass
class Damage:
    """What happened between the beginning and the end of an attack. Sizes in MiB, one entry a node."""

    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)
    seconds: float = 0.0
    gaps_s: list[float] = field(default_factory=list)
    rounds: int = 0

    @property
    def growth(self) -> int:
        """The most that one node's memory grew."""
        return max(after - before for before, after in zip(self.before, self.after, strict=True))

    @property
    def longest_gap_s(self) -> float:
        """The longest time without a block, at the node that waited longest; an unfinished one counts."""
        return max(self.gaps_s, default=0.0)

    def __str__(self) -> str:
        blocks = len(self.gaps_s)
        mean = self.seconds * NODES / max(blocks, 1)
        return (
            f"{self.seconds:.1f} s, MiB {self.before} -> {self.after} (peak {self.peak}), "
            f"a block each {mean:.2f} s, longest gap {self.longest_gap_s:.1f} s, {self.rounds} extra rounds"
        )


class Arena:
    """The network of one test."""

    def __init__(self, folder: Path, base_port: int, observers: tuple[str, ...] = ()) -> None:
        self.network = LocalNetwork(folder)
        options = LocalNetworkOptions(validators=NODES, block_ms=BLOCK_MS, base_port=base_port)
        self.network.create(options, observers=observers)

    @contextmanager
    def running(self) -> Iterator[Arena]:
        """Starts the nodes, and stops them whatever happens."""
        try:
            for index in range(NODES):
                self.network.start(index)
            self.network.wait_until_up()
            yield self
        finally:
            self.network.stop()

    def client(self, index: int, timeout_s: float = 10.0) -> RpcClient:
        return RpcClient(self.network.rpc_url(index), timeout_s=timeout_s)

    def port(self, index: int) -> int:
        return int(self.network.rpc_url(index).rpartition(":")[2])

    def height(self, index: int) -> int:
        return int(self.client(index).call("eth_blockNumber"), 16)

    def resident_mib(self, index: int, name: str = "VmRSS") -> int:
        """Resident memory now, or its peak so far with `VmHWM`."""
        pid = self.network.pid(index)
        assert pid is not None, f"node {index} died:\n{self.network.log_tail(index, 40)}"
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) // 1024
        raise AssertionError(f"no {name} in the process status")

    @contextmanager
    def attacked(self) -> Iterator[Damage]:
        """Watches what the block does to the nodes; all must be alive at the end."""
        damage = Damage(before=[self.resident_mib(index) for index in range(NODES)])
        begun_s = time.time()
        yield damage
        damage.seconds = time.time() - begun_s
        damage.after = [self.resident_mib(index) for index in range(NODES)]
        damage.peak = [self.resident_mib(index, "VmHWM") for index in range(NODES)]
        for index in range(NODES):
            times = self._times(index, "block_committed", begun_s)
            marks = [begun_s, *times, begun_s + damage.seconds]
            damage.gaps_s += [later - earlier for earlier, later in pairwise(marks)]
            damage.rounds += len(self._times(index, "round_entered", begun_s))

    def wait_for_blocks(self, count: int = 3, timeout_s: float = 60.0) -> float:
        """Waits until every node has `count` more blocks than the highest has now; returns how long it took."""
        begun = time.monotonic()
        target = max(self.height(index) for index in range(NODES)) + count
        for index in range(NODES):
            while True:
                self.resident_mib(index)
                try:
                    if self.height(index) >= target:
                        break
                except NodeError:
                    pass
                assert time.monotonic() - begun < timeout_s, f"node {index} made no block {target}"
                time.sleep(0.1)
        return time.monotonic() - begun

    def assert_agreement(self) -> int:
        """Every node tells the same block at each height that all have; returns the last such height."""
        clients = [self.client(index) for index in range(NODES)]
        last = min(self.height(index) for index in range(NODES))
        for number in range(last + 1):
            hashes = {c.call("eth_getBlockByNumber", hex(number), False)["hash"] for c in clients}
            assert len(hashes) == 1, f"height {number}: {hashes}"
        return last

    def events(self, index: int, name: str) -> list[dict[str, object]]:
        """Log entries of one kind."""
        found: list[dict[str, object]] = []
        for line in self.network.log_path(index).read_text(errors="replace").splitlines():
            if name in line:
                try:
                    found.append(json.loads(line))
                except ValueError:
                    pass  # a traceback, or a line being written
        return found

    def _times(self, index: int, name: str, since_s: float) -> list[float]:
        times = [
            datetime.fromisoformat(str(entry["timestamp"])).timestamp()
            for entry in self.events(index, name)
            if entry.get("event") == name
        ]
        return [at for at in times if at >= since_s]
