from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from libp2p.custom_types import TProtocol
from libp2p.io.abc import ReadWriteCloser
from libp2p.protocol_muxer.multiselect import Multiselect
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator

from p2p.multistream import (
    HEADER,
    MAX_LINE_BYTES,
    NegotiationFailed,
    ProtocolUnavailable,
    encode_line,
    propose,
    respond,
)
from tests.p2p.test_framing import Chunks, run


class Pipe(ReadWriteCloser):
    """One end of an in-memory connection with the interface of libp2p streams."""

    def __init__(self, end: Any) -> None:
        self._end = end

    async def close(self) -> None:
        await self._end.aclose()

    def get_remote_address(self) -> tuple[str, int] | None:
        return None

    async def read(self, n: int | None = None) -> bytes:
        return bytes(await self._end.receive_some(n))

    async def write(self, data: bytes) -> None:
        await self._end.send_all(data)


def pipes() -> tuple[Pipe, Pipe]:
    one, other = trio.testing.memory_stream_pair()
    return Pipe(one), Pipe(other)


class Recorded(Chunks):
    """Answers from a script; keeps what was written."""

    written = b""

    async def write(self, data: bytes) -> None:
        self.written += data


async def test_both_sides_agree_and_the_payload_follows_at_once() -> None:
    dialler, listener = pipes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(propose, dialler, "/b/1", b"payload")
        assert await respond(listener, {"/a/1", "/b/1"}) == "/b/1"
        assert await listener.read(100) == b"payload"


async def test_an_unknown_protocol_is_refused_and_the_next_proposal_taken() -> None:
    dialler, listener = pipes()

    async def dial() -> None:
        with pytest.raises(ProtocolUnavailable):
            await propose(dialler, "/none/1")
        await dialler.write(encode_line("/a/1"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dial)
        assert await respond(listener, {"/a/1"}) == "/a/1"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0",
        b"\x01x",
        b"\xff\xff" + b"x" * 5000,
        encode_line("/multistream/2.0.0"),
        encode_line(HEADER) + b"\x04\xff\xfe\xfd\n",
        encode_line(HEADER) + encode_line("/none/1") * 50,
        encode_line(HEADER)[:-3],
    ],
)
def test_garbage_ends_the_negotiation_with_a_named_error(sent: bytes) -> None:
    with pytest.raises(NegotiationFailed):
        run(respond(Recorded(sent, [], ends_by_error=False), {"/a/1"}))
    with pytest.raises(NegotiationFailed):
        run(propose(Recorded(sent, [], ends_by_error=False), "/a/1"))


def test_no_more_than_a_line_is_read_of_an_endless_one() -> None:
    stream = Recorded(b"\xff\x7f" + b"x" * 20_000, [])
    with pytest.raises(NegotiationFailed):
        run(respond(stream, {"/a/1"}))
    assert stream.taken <= 2
    assert MAX_LINE_BYTES < 20_000


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=5))
def test_any_bytes_are_a_protocol_or_a_named_error(raw: bytes, at: list[int]) -> None:
    for sent in (raw, encode_line(HEADER) + raw):
        try:
            assert run(respond(Recorded(sent, at, ends_by_error=False), {"/a/1"})) == "/a/1"
        except NegotiationFailed:
            pass


async def test_lines_are_those_of_libp2p() -> None:
    dialler, listener = pipes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(propose, dialler, "/b/1")
        await Multiselect({TProtocol("/b/1"): None}).negotiate(MultiselectCommunicator(listener), 2)
    dialler, listener = pipes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(respond, listener, {"/b/1"})
        client = MultiselectClient()
        assert (
            await client.select_one_of(
                [TProtocol("/x/1"), TProtocol("/b/1")], MultiselectCommunicator(dialler), 2
            )
            == "/b/1"
        )
