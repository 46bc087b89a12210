"""Contract calls from text: a function signature and its arguments as words of a command line.

Owns parsing of the words by ABI type; encoding is eth-abi's. Specification: Solidity contract ABI.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from chain.errors import CallerError
from chain.keccak import keccak256
from chain.types import parse_address

_SIGNATURE = re.compile(r"([A-Za-z_$][A-Za-z0-9_$]*)\((.*)\)")
_ARRAY = re.compile(r"(.*)\[(\d*)\]")
_INTEGER = re.compile(r"(u?)int([1-9][0-9]{0,2})?")
MAX_WRITTEN_BITS = 64  # longer limits are hard to read


class InvalidCall(CallerError):
    """A signature or an argument that does not fit the ABI."""


def encode_call(signature: str, arguments: Sequence[str]) -> bytes:
    """Call data of `name(type,...)` with its arguments. Raises InvalidCall."""
    match = _SIGNATURE.fullmatch(signature.replace(" ", ""))
    if match is None:
        raise InvalidCall(f"{signature!r} is not a signature; write it as transfer(address,uint256)")
    return keccak256(match[0].encode())[:4] + encode_arguments(_split(match[2]), arguments)


def encode_constructor(types: str, arguments: Sequence[str]) -> bytes:
    """Constructor arguments for types written as `(uint256,address)`. Raises InvalidCall."""
    return encode_arguments(_split(types.replace(" ", "").removeprefix("(").removesuffix(")")), arguments)


def encode_arguments(types: Sequence[str], arguments: Sequence[str]) -> bytes:
    """A list of arguments, each a word of its type: `uint256`, `(address,uint8)[]`. Raises InvalidCall."""
    from eth_abi.abi import encode
    from eth_abi.exceptions import EncodingError, ParseError
    from parsimonious.exceptions import VisitationError

    if len(types) != len(arguments):
        raise InvalidCall(f"{len(types)} arguments expected, {len(arguments)} given")
    values = [parse_word(kind, text) for kind, text in zip(types, arguments, strict=True)]
    try:
        return bytes(encode(list(types), values))
    except (EncodingError, ParseError, VisitationError, ValueError, OverflowError, TypeError) as error:
        raise InvalidCall(f"arguments do not fit ({','.join(types)}): {error}") from error


def _split(types: str) -> list[str]:
    """Splits at commas outside of tuples."""
    parts: list[str] = []
    depth = start = 0
    for at, character in enumerate(types):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(types[start:at])
            start = at + 1
    if types:
        parts.append(types[start:])
    return parts


def parse_word(kind: str, word: Any) -> Any:
    """The value that a word, or what JSON makes of it, has as `kind`. Raises InvalidCall."""
    try:
        array = _ARRAY.fullmatch(kind)
        if array is not None:
            return [parse_word(array[1], item) for item in _items(word)]
        if kind.startswith("("):
            return tuple(
                parse_word(inner, item) for inner, item in zip(_split(kind[1:-1]), _items(word), strict=True)
            )
        text = str(word)
        if kind == "address":
            return parse_address(text)
        if kind == "bool":
            return _truth(text)
        if kind.startswith(("uint", "int")):
            return _in_range(kind, int(text, 0))
        if kind.startswith("bytes"):
            return bytes.fromhex(text.removeprefix("0x"))
    except (ValueError, CallerError) as error:
        raise InvalidCall(f"{word!r} is no {kind}: {error}") from error
    if kind == "string":
        return text
    raise InvalidCall(f"unknown type {kind!r}")


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("write true or false")
    return text.lower() == "true"


def _in_range(kind: str, number: int) -> int:
    """The number, if an integer of this type holds it; types that there are not are refused by the encoder."""
    match = _INTEGER.fullmatch(kind)
    if match is not None:
        bits = int(match[2] or 256)
        least, most = (0, 2**bits - 1) if match[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if not least <= number <= most:
            ends = f"from {least} to {most}" if bits <= MAX_WRITTEN_BITS else f"of {bits} bits"
            raise ValueError(f"it holds numbers {ends}")
    return number


def _items(word: Any) -> list[Any]:
    try:
        parsed = json.loads(word) if isinstance(word, str) else word
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(parsed, list):
        raise ValueError("write it as a JSON list, as [1, 2]")
    return parsed
