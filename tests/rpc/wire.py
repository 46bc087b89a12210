"""A plain HTTP client over one socket, for tests that care about bytes."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import trio

from tests.rpc.json_schema import assert_valid_reply


@dataclass
class Reply:
    """One HTTP reply; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One connection. Every wait is bounded, so that a test fails instead of hanging."""

    opened: ClassVar[list["Wire"]] = []
    """What the fixture `sockets` has to close."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.buffer = b""
        self._sending = trio.Lock()  # a WebSocket answers a Ping or a Close while the test sends

    @classmethod
    async def open(cls, port: int) -> "Wire":
        wire = cls(await trio.open_tcp_stream("127.0.0.1", port))
        cls.opened.append(wire)
        return wire

    async def send(self, data: bytes) -> None:
        async with self._sending:
            await self.stream.send_all(data)

    async def _more(self) -> bool:
        with trio.fail_after(10):
            piece = await self.stream.receive_some(65536)
        self.buffer += piece
        return bool(piece)

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            if not await self._more():
                raise EOFError(f"connection closed, left: {self.buffer!r}")
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    async def _take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not await self._more():
                raise EOFError(f"connection closed, left: {self.buffer!r}")
        piece, self.buffer = self.buffer[:size], self.buffer[size:]
        return piece

    async def read_reply(self, *, head_only: bool = False) -> Reply:
        lines = (await self._until(b"\r\n\r\n")).split(b"\r\n")
        status = int(lines[0].split(b" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        if head_only or status in (100, 204):
            return Reply(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await self._until(b"\r\n"), 16):
                body += await self._take(size)
                await self._take(2)
            await self._take(2)
            return Reply(status, headers, body)
        if "content-length" not in headers:
            while await self._more():
                pass
            body, self.buffer = self.buffer, b""
            return Reply(status, headers, body)
        return Reply(status, headers, await self._take(int(headers["content-length"])))

    async def is_closed(self) -> bool:
        """The server ends the connection without sending more."""
        try:
            with trio.fail_after(10):
                return not self.buffer and not await self.stream.receive_some(1)
        except trio.BrokenResourceError:
            return True

    async def post(self, body: bytes, *headers: str) -> Reply:
        """The answer to a request, which is checked against the official OpenRPC document."""
        await self.send(request("POST", "/", body, *headers))
        reply = await self.read_reply()
        if reply.status == 200 and reply.body:
            assert_valid_reply(body, reply.body)
        return reply

    async def rpc(self, method: str, *params: object) -> Any:
        """The reply object of a call."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        reply = await self.post(json.dumps(call).encode())
        assert reply.status == 200, reply
        answer = reply.json()
        assert answer["jsonrpc"] == "2.0"
        assert answer["id"] == 1
        return answer

    async def result(self, method: str, *params: object) -> Any:
        answer = await self.rpc(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, method: str, *params: object) -> tuple[int, str]:
        answer = await self.rpc(method, *params)
        assert "error" in answer, answer
        return answer["error"]["code"], answer["error"]["message"]


def request(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of a request with the usual headers; `headers` are added lines."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost:8545"]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body
