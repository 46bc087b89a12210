import itertools
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2p.framing import FrameReader, FrameTooLarge, FrameTruncated, encode_frame
from tests.p2p.p2p_tools import prefixed

T = TypeVar("T")


class Chunks:
    """A stream that hands out given pieces, then ends as a muxed stream does."""

    def __init__(self, raw: bytes, cuts: list[int], *, ends_by_error: bool = True) -> None:
        edges = sorted({cut % (len(raw) + 1) for cut in cuts} | {0, len(raw)})
        self._pieces = [raw[a:b] for a, b in itertools.pairwise(edges) if a != b]
        self._ends_by_error = ends_by_error
        self.taken = 0

    async def read(self, n: int | None = None) -> bytes:
        if not self._pieces:
            if self._ends_by_error:
                raise EOFError
            return b""
        piece = self._pieces.pop(0)
        if n is not None and 0 <= n < len(piece):
            self._pieces.insert(0, piece[n:])
            piece = piece[:n]
        self.taken += len(piece)
        return piece

    async def write(self, data: bytes) -> None:
        raise NotImplementedError


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never really waits."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        value: T = finished.value
        return value
    raise AssertionError("it waited")


messages = st.lists(st.binary(max_size=300), max_size=8)
cuts = st.lists(st.integers(0, 5000), max_size=12)


@given(messages, cuts)
def test_frames_come_out_as_they_went_in_however_they_are_cut(payloads: list[bytes], at: list[int]) -> None:
    reader = FrameReader(Chunks(b"".join(map(encode_frame, payloads)), at))
    assert [run(reader.read_frame(300)) for _ in payloads] == payloads
    with pytest.raises(EOFError):
        run(reader.read_frame(300))


@given(messages, cuts)
def test_varint_frames_come_out_as_they_went_in(payloads: list[bytes], at: list[int]) -> None:
    reader = FrameReader(Chunks(b"".join(map(prefixed, payloads)), at))
    assert [run(reader.read_varint_frame(300)) for _ in payloads] == payloads
    with pytest.raises(EOFError):
        run(reader.read_varint_frame(300))


@given(st.binary(max_size=64), cuts, st.booleans())
def test_any_bytes_end_in_a_frame_or_a_named_error(raw: bytes, at: list[int], is_varint: bool) -> None:
    reader = FrameReader(Chunks(raw, at))
    read = reader.read_varint_frame if is_varint else reader.read_frame

    def read_on() -> None:
        while True:
            run(read(16))

    with pytest.raises((FrameTooLarge, FrameTruncated, EOFError)):
        read_on()


def test_a_length_above_the_limit_is_refused_before_its_bytes_are_read() -> None:
    stream = Chunks((2**32 - 1).to_bytes(4, "big") + b"x" * 1000, list(range(1000)))
    with pytest.raises(FrameTooLarge):
        run(FrameReader(stream).read_frame(1024))
    assert stream.taken == 4


@pytest.mark.parametrize("prefix", [b"\xff" * 10, b"\x80" * 5 + b"\1"])
def test_an_endless_varint_is_refused(prefix: bytes) -> None:
    with pytest.raises(FrameTooLarge):
        run(FrameReader(Chunks(prefix, [])).read_varint_frame(1024))


def test_an_end_inside_a_frame_is_not_an_end_between_frames() -> None:
    with pytest.raises(FrameTruncated):
        run(FrameReader(Chunks(encode_frame(b"abc")[:-1], [])).read_frame(10))
    with pytest.raises(FrameTruncated):
        run(FrameReader(Chunks(b"\0\0", [], ends_by_error=False)).read_frame(10))
