"""Cuts a stream of JSON values into single ones.

Owns where a value ends, found by brackets and quotes. Never parses: what is between the brackets may be anything.
Specification: RFC 8259; values follow each other with or without white space between them, as go-ethereum's decoder
takes them.
"""

from __future__ import annotations

import re
from typing import Final

_NOT_SPACE: Final = re.compile(rb"[^ \t\r\n]")
_STRUCTURE: Final = re.compile(rb'["{}\[\]]')
_END_OF_TEXT: Final = re.compile(rb'["\\]')
_OPENING: Final = frozenset(b"{[")
_QUOTE: Final = ord('"')


class NoJsonRequest(Exception):
    """Neither an object nor an array begins here, or the value is longer than allowed."""


class JsonStream:
    """Feed it pieces as they come; `held_bytes` are those of a value that has not ended yet."""

    def __init__(self, max_value_bytes: int) -> None:
        self._max_value_bytes = max_value_bytes
        self._buffer = bytearray()
        self._position = 0  # so far it has been looked at
        self._depth = 0
        self._is_in_text = False

    @property
    def held_bytes(self) -> int:
        """Bytes that wait for the rest of their value."""
        return len(self._buffer)

    def feed(self, piece: bytes) -> list[bytes]:
        """The values that end in this piece. Raises NoJsonRequest; then the stream cannot be read any further."""
        self._buffer += piece
        values: list[bytes] = []
        while self._begin() and self._find_end():
            values.append(bytes(self._buffer[: self._position]))
            del self._buffer[: self._position]
            self._position = 0
        if len(self._buffer) > self._max_value_bytes:
            raise NoJsonRequest("request too large")
        return values

    def _begin(self) -> bool:
        """Whether a value has begun; white space before it is dropped."""
        if self._depth:
            return True
        start = _NOT_SPACE.search(self._buffer)
        if start is None:
            self._buffer.clear()
            return False
        if self._buffer[start.start()] not in _OPENING:
            raise NoJsonRequest("a request is a JSON object or array")
        del self._buffer[: start.start()]
        return True

    def _find_end(self) -> bool:
        """Look on from where the last look ended."""
        buffer, position = self._buffer, self._position
        while True:
            found = (_END_OF_TEXT if self._is_in_text else _STRUCTURE).search(buffer, position)
            if found is None:
                self._position = len(buffer)
                return False
            position = found.end()
            mark = buffer[found.start()]
            if mark == _QUOTE:
                self._is_in_text = not self._is_in_text
            elif self._is_in_text:  # a backslash hides the next byte
                if position == len(buffer):
                    self._position = found.start()
                    return False
                position += 1
            else:
                self._depth += 1 if mark in _OPENING else -1
                if not self._depth:
                    self._position = position
                    return True
