"""New heads to many WebSocket subscribers: how long the last of them waits, and what each costs the node.

The subscribers are plain sockets of this process, read as fast as one Python loop can: their own cost is in the
latency, and is told beside it.
"""

from __future__ import annotations

import base64
import os
import selectors
import socket
import time
from collections.abc import Iterator

from benchmarks.measurement import Measurement
from benchmarks.rpc_load import cpu_seconds
from node.rpc_client import RpcClient

BLOCKS = 20
SUBSCRIBE = b'{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'


def heads_to_subscribers(port: int, pid: int, count: int) -> Iterator[Measurement]:
    """Yields latency from the request for a block to its arrival, and the server's CPU, for `count` subscribers."""
    client = RpcClient(f"http://127.0.0.1:{port}", timeout_s=60)
    opened = [_subscribed(port) for _ in range(count)]
    waits: list[float] = []
    with selectors.DefaultSelector() as selector:
        for one in opened:
            selector.register(one, selectors.EVENT_READ, one)
        before = cpu_seconds(pid)
        reading = 0.0
        for _ in range(BLOCKS):
            begun = time.perf_counter()
            client.call("evm_mine")
            arrived: dict[int, float] = {}
            while len(arrived) < count:
                ready = selector.select(timeout=20)
                if not ready:
                    raise RuntimeError(f"only {len(arrived)} of {count} subscribers got the head")
                started = time.thread_time()
                for key, _ in ready:
                    reader: socket.socket = key.data
                    if not reader.recv(65_536):
                        raise RuntimeError("a subscriber was dropped")
                    arrived.setdefault(reader.fileno(), time.perf_counter() - begun)
                reading += time.thread_time() - started
            waits += arrived.values()
        cost = cpu_seconds(pid) - before
    for one in opened:
        one.close()
    waits.sort()
    yield Measurement(f"rpc.new_heads.{count}_subscribers.p50", waits[len(waits) // 2] * 1000, "ms")
    yield Measurement(f"rpc.new_heads.{count}_subscribers.p99", waits[int(len(waits) * 0.99)] * 1000, "ms")
    yield Measurement(f"rpc.new_heads.{count}_subscribers.cpu_each", cost / BLOCKS / count * 1e6, "us")
    yield Measurement(f"rpc.new_heads.{count}_subscribers.reader", reading / BLOCKS * 1000, "ms")


def _subscribed(port: int) -> socket.socket:
    """A WebSocket that has its subscription."""
    connection = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    reply = b""
    while b"\r\n\r\n" not in reply:
        reply += connection.recv(4096)
    if b" 101 " not in reply.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"no WebSocket: {reply[:100]!r}")
    connection.sendall(_frame(SUBSCRIBE))
    if b'"result"' not in connection.recv(4096):
        raise RuntimeError("no subscription")
    return connection


def _frame(payload: bytes) -> bytes:
    """A masked text frame of less than 126 bytes (RFC 6455 section 5.2)."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes((0x81, 0x80 | len(payload))) + mask + masked
