"""What a client can do to a node's RPC, and a client that wants to be served meanwhile."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from chain.errors import NodeError
from node.rpc_client import RpcClient
from tests.attack.arena import Arena

TARGET = "0x" + "c0" * 20


def post(port: int, body: str | bytes, timeout_s: float = 40.0) -> bytes:
    """The body of the reply to one POST."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


def request(method: str, *params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}


def run_code(method: str, code: bytes) -> dict[str, Any]:
    """A call of overridden code with all the gas that the node allows."""
    return request(
        method, {"to": TARGET, "gas": hex(50_000_000)}, "latest", {TARGET: {"code": "0x" + code.hex()}}
    )


def send_batch(arena: Arena, index: int, raws: Sequence[bytes]) -> list[str]:
    """Sends transactions in one batch; the error messages, empty where a transaction was taken."""
    body = json.dumps([request("eth_sendRawTransaction", "0x" + raw.hex()) for raw in raws])
    replies = json.loads(post(arena.port(index), body))
    return [reply["error"]["message"] if "error" in reply else "" for reply in replies]


def all_at_once(count: int, action: Callable[[], object]) -> None:
    """Runs `action` in that many threads and waits for them."""
    threads = [threading.Thread(target=action, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def half_requests(port: int, count: int, seconds: float) -> None:
    """Opens connections that send nothing, a head byte by byte, or a body byte by byte."""
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    beginnings = (
        b"",
        head + b"X: ",
        head + b"Content-Type: application/json\r\nContent-Length: 5000000\r\n\r\n",
    )
    opened: list[socket.socket] = []
    try:
        for number in range(count):
            opened.append(socket.create_connection(("127.0.0.1", port), 5))
            opened[-1].send(beginnings[number % len(beginnings)])
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for connection in opened:
                try:
                    connection.send(b"a")
                except OSError:
                    pass  # the node had enough of it
            time.sleep(0.3)
    finally:
        for connection in opened:
            connection.close()


class Bystander:
    """Asks for the block number ten times a second and notes how long the answers take."""

    def __init__(self, arena: Arena, index: int) -> None:
        self._client = RpcClient(arena.network.rpc_url(index), timeout_s=20)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seconds: list[float] = []
        self.refused = 0

    def __enter__(self) -> Bystander:
        self._thread.start()
        return self

    def __exit__(self, *_reason: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            begun = time.monotonic()
            try:
                self._client.call("eth_blockNumber")
                self.seconds.append(time.monotonic() - begun)
            except NodeError:
                self.refused += 1
