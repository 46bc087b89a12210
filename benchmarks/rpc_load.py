"""Many connections to one RPC listener, each with one request outstanding, and the server's CPU for them.

Owns the load and its meter. The load runs in this process on the same cores: requests a second say little, CPU
of the server process for each request is what can be compared.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

READ_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Served:
    """What a load cost the server, and how fast it went."""

    requests: int
    seconds: float
    cpu_s: float

    @property
    def cpu_us(self) -> float:
        """CPU of the server for one request, microseconds."""
        return self.cpu_s / self.requests * 1e6

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def http_request(body: bytes) -> bytes:
    """A POST with that JSON."""
    head = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    return head % len(body) + body


def load(port: int, pid: int, body: bytes, connections: int, seconds: float) -> Served:
    """Ask the same thing on that many connections for that long.

    Raises RuntimeError for a reply with an error or none."""
    request = http_request(body)
    with selectors.DefaultSelector() as selector:
        opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
        buffers = {one.fileno(): bytearray() for one in opened}
        for one in opened:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(one, selectors.EVENT_READ, one)
        _ask_once(opened[0], request)
        before, begun, done = cpu_seconds(pid), time.perf_counter(), 0
        for one in opened:
            one.sendall(request)
        waiting = connections
        while waiting:
            ends = time.perf_counter() - begun >= seconds
            for key, _ in selector.select():
                reader: socket.socket = key.data
                buffer = buffers[reader.fileno()]
                piece = reader.recv(READ_BYTES)
                if not piece:
                    raise RuntimeError("the server closed a connection")
                buffer += piece
                if is_complete(buffer):
                    done += 1
                    buffer.clear()
                    if ends:
                        waiting -= 1
                        selector.unregister(reader)
                    else:
                        reader.sendall(request)
        served = Served(done, time.perf_counter() - begun, cpu_seconds(pid) - before)
        for one in opened:
            one.close()
    return served


def is_complete(buffer: bytearray) -> bool:
    """The buffer holds one whole reply."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    head = bytes(buffer[:head_end]).lower()
    at = head.find(b"content-length:")
    if at < 0:
        return buffer.endswith(b"0\r\n\r\n")  # chunked
    return len(buffer) >= head_end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])


def _ask_once(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    buffer = bytearray()
    while not is_complete(buffer):
        piece = connection.recv(READ_BYTES)
        if not piece:
            raise RuntimeError("the server closed the connection")
        buffer += piece
    if b'"error"' in buffer[:400] or not buffer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the server refuses: {bytes(buffer[:400])!r}")


def best(work: Callable[[], Served], rounds: int) -> Served:
    """The round that cost the server least for a request."""
    return min((work() for _ in range(rounds)), key=lambda served: served.cpu_us)
