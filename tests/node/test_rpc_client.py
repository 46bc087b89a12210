import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from chain.errors import CallerError
from node.rpc_client import NodeUnreachable, RpcCallFailed, RpcClient, call_socket


class FakeNode:
    """Answers every POST with `body`; remembers what it was asked."""

    def __init__(self) -> None:
        self.body = b""
        self.asked: list[tuple[str, Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                fake.asked.append((self.path, json.loads(self.rfile.read(length))))
                self.send_response(200)
                self.send_header("Content-Length", str(len(fake.body)))
                self.end_headers()
                self.wfile.write(fake.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answers(self, **document: Any) -> None:
        self.body = json.dumps({"jsonrpc": "2.0", "id": 1, **document}).encode()


@pytest.fixture(scope="module")
def node() -> Iterator[FakeNode]:
    fake = FakeNode()
    thread = threading.Thread(target=fake.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()
    thread.join()


def test_a_result_comes_back_and_path_and_query_are_kept(node: FakeNode) -> None:
    node.answers(result=[1, "x"])
    assert RpcClient(node.url + "/v1?apikey=abc").call("some_method", 5) == [1, "x"]
    path, document = node.asked[-1]
    assert path == "/v1?apikey=abc"
    assert (document["method"], document["params"]) == ("some_method", [5])


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        ({"code": -32000, "message": "nonce too low"}, -32000, "nonce too low"),
        ({"code": "x"}, 0, "None"),
        ("just a text", 0, "just a text"),
        ([1], 0, "[1]"),
    ],
)
def test_an_error_of_any_form_is_a_failed_call(node: FakeNode, error: object, code: int, text: str) -> None:
    node.answers(error=error)
    with pytest.raises(RpcCallFailed) as failure:
        RpcClient(node.url).call("x")
    assert (failure.value.code, str(failure.value)) == (code, text)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"5", b"[" * 100_000])
def test_what_is_no_json_rpc_is_no_node(node: FakeNode, body: bytes) -> None:
    node.body = body
    with pytest.raises(NodeUnreachable):
        RpcClient(node.url).call("x")


@pytest.mark.parametrize("result", [None, "zz", 5, {}, ""])
def test_a_number_must_be_one(node: FakeNode, result: object) -> None:
    node.answers(result=result)
    with pytest.raises(NodeUnreachable, match="not a number"):
        RpcClient(node.url).quantity("some_number")
    node.answers(result="0x10")
    assert RpcClient(node.url).quantity("some_number") == 16


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8545",
        "ftp://x",
        "http://",
        "http://[::1",
        "http://x:99999",
        "http://x:port",
        "http://a:secret@x",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_secrets(url: str) -> None:
    with pytest.raises(CallerError, match="address") as refusal:
        RpcClient(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/?key=secret", "http://" + "a" * 70 + ".example"])
def test_an_unreachable_node_is_named_without_its_query(url: str) -> None:
    with pytest.raises(NodeUnreachable) as failure:
        RpcClient(url, timeout_s=1).call("x")
    assert "secret" not in str(failure.value)
    assert url.partition("?")[0].rstrip("/") in str(failure.value)


@contextmanager
def answering_socket(path: Path, answer: bytes) -> Iterator[list[bytes]]:
    """A program at a unix socket that answers one request with `answer`; what it was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield asked
        thread.join()


def test_a_unix_socket_is_asked_as_an_address_is(tmp_path: Path) -> None:
    reply = {"jsonrpc": "2.0", "id": 1, "result": [5]}
    with answering_socket(tmp_path / "s", json.dumps(reply).encode() + b"\n") as asked:
        assert call_socket(tmp_path / "s", "some_method", "x") == [5]
    assert json.loads(asked[0]) == {"jsonrpc": "2.0", "id": 1, "method": "some_method", "params": ["x"]}
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such method"}}
    with (
        answering_socket(tmp_path / "e", json.dumps(error).encode() + b"\n"),
        pytest.raises(RpcCallFailed, match="no such method") as failed,
    ):
        call_socket(tmp_path / "e", "some_method")
    assert failed.value.code == -32601


@pytest.mark.parametrize("answer", [b"", b"no json\n", b"[" * 100_000 + b"\n", b"5\n"])
def test_a_socket_that_answers_otherwise_is_no_node(tmp_path: Path, answer: bytes) -> None:
    with answering_socket(tmp_path / "s", answer), pytest.raises(NodeUnreachable):
        call_socket(tmp_path / "s", "some_method")


@pytest.mark.parametrize("name", ["missing", "a" * 200, "a-file"])
def test_a_socket_that_nobody_serves_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(NodeUnreachable, match="no node answers at"):
        call_socket(tmp_path / name, "some_method")
