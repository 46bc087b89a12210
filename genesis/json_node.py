"""Strict reading of JSON in which every value knows its path.

Owns the checks of shape: no unknown, missing or repeated key, no fraction where a whole number stands, and an
error that names the place and the nearest key that exists. Never knows what a genesis is.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from genesis.errors import GenesisError

MAX_DOCUMENT_BYTES: Final = 32 * 1024 * 1024
"""Longest genesis file: some 100,000 allocations. A file beyond it is surely not a genesis."""

MAX_QUANTITY_DIGITS: Final = 78
"""Decimal digits of 2**256 - 1; longer numbers are refused before they are computed."""

MAX_DEPTH: Final = 16
"""Deepest nesting; a genesis needs 4. Checked before the JSON parser runs, because that one recurses on the C
stack, which overflows when some library has raised Python's own recursion limit."""

_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_QUANTITY: Final = re.compile(r"0x(?P<hex>[0-9a-fA-F]{1,64})|(?P<decimal>0|[1-9][0-9]{0,77})", re.ASCII)
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)


def _check_depth(raw: bytes) -> None:
    depth = 0
    for token in _BRACKETS.finditer(raw):
        bracket = raw[token.start()]
        if bracket in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise GenesisError("$", f"not a genesis: nested deeper than {MAX_DEPTH}")
        elif bracket in b"]}":
            depth -= 1


class _Fraction:
    """A number that is not whole (or NaN, Infinity): kept as an object that no reader accepts."""

    def __init__(self, text: str) -> None:
        pass


class _JsonObject(dict[str, Any]):
    """A JSON object that remembers the first key that came twice, which `dict` would hide."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: str | None = None
        if len(self) != len(pairs):
            seen: dict[str, None] = {}
            for key, _ in pairs:
                if key in seen:
                    self.repeated = key
                    break
                seen[key] = None


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "true or false"),
    (int, "a number"),
    (_Fraction, "a fraction"),
    (str, "a string"),
    (list, "a list"),
    (dict, "an object"),
)


def parse_document(raw: bytes) -> "JsonNode":
    """Return the root of a JSON document.

    Raises:
        GenesisError: not UTF-8, not JSON, or too long.
    """
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise GenesisError("$", f"{len(raw)} bytes, at most {MAX_DOCUMENT_BYTES} are read")
    _check_depth(raw)
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_JsonObject,
            parse_float=_Fraction,
            parse_constant=_Fraction,
        )
    except UnicodeDecodeError as error:
        raise GenesisError("$", f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise GenesisError("$", f"not JSON: {error.msg}, line {error.lineno} column {error.colno}") from None
    except ValueError:
        raise GenesisError("$", "not JSON: a number with too many digits") from None
    return JsonNode("$", value)


@dataclass(frozen=True, slots=True)
class JsonNode:
    """A JSON value and its path, such as `$.validators[0].power`."""

    path: str
    value: Any

    def error(self, reason: str) -> GenesisError:
        """The error that something is wrong with this value."""
        return GenesisError(self.path, reason)

    def _expected(self, kind: str) -> GenesisError:
        found = next((name for of, name in _KINDS if isinstance(self.value, of)), "null")
        return self.error(f"{kind} is expected, not {found}")

    def child(self, key: str) -> str:
        """The path of a member; keys that are not plain words are quoted."""
        return f"{self.path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{self.path}[{json.dumps(key[:64])}]"

    def entries(self) -> dict[str, "JsonNode"]:
        """The members of an object with free keys, in the order of the file."""
        if not isinstance(self.value, dict):
            raise self._expected("an object")
        repeated = getattr(self.value, "repeated", None)
        if repeated is not None:
            raise GenesisError(self.child(repeated), "the key stands here twice")
        return {key: JsonNode(self.child(key), value) for key, value in self.value.items()}

    def members(self, required: Iterable[str], optional: Iterable[str] = ()) -> Mapping[str, "JsonNode"]:
        """The members of an object with fixed keys; those of `optional` may be missing."""
        entries = self.entries()
        must = tuple(required)
        known = (*must, *optional)
        for key in entries:
            if key not in known:
                near = get_close_matches(key[:64], known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(sorted(known))}"
                raise GenesisError(self.child(key), f"unknown key; {hint}")
        for key in must:
            if key not in entries:
                raise GenesisError(self.child(key), "missing")
        return entries

    def elements(self) -> list["JsonNode"]:
        """The elements of a list."""
        if not isinstance(self.value, list):
            raise self._expected("a list")
        return [JsonNode(f"{self.path}[{index}]", value) for index, value in enumerate(self.value)]

    def integer(self) -> int:
        """A JSON number."""
        if type(self.value) is not int:
            raise self._expected("a whole number")
        return self.value

    def text(self) -> str:
        """A JSON string."""
        if not isinstance(self.value, str):
            raise self._expected("a string")
        return self.value

    def hex_bytes(self) -> bytes:
        """A string of 0x and pairs of hex digits."""
        text = self.text()
        if _HEX.fullmatch(text) is None:
            raise self.error("must be 0x and an even number of hex digits")
        return bytes.fromhex(text[2:])

    def quantity(self) -> int:
        """A string that holds a number below 2**256: decimal, or 0x and hex digits."""
        return parse_quantity(self.text(), self)


def parse_quantity(text: str, place: JsonNode) -> int:
    """Read a number below 2**256, decimal or 0x and hex digits.

    Raises:
        GenesisError: at `place`, for anything else.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise place.error(
            f"must be a string with a decimal number of at most {MAX_QUANTITY_DIGITS} digits, or 0x and hex digits"
        )
    digits = match["decimal"]
    value = int(digits) if digits is not None else int(match["hex"], 16)
    if value >= 2**256:
        raise place.error("must be below 2**256")
    return value
