"""EIP-712: the digest of typed structured data, as eth_signTypedData_v4 signs it.

Owns reading and hashing of `{types, primaryType, domain, message}`. Never signs. Arrays and nested structs follow the
fourth version of the method, which wallets use.
Specification: EIP-712; for null structs MetaMask's eth-sig-util (V4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from chain.keccak import keccak256
from chain.types import ADDRESS_BYTES, Hash32
from rpc.params.method import MalformedArgument

MAX_DEPTH: Final = 64
"""Nesting of structs and arrays in a value; deeper ones are no message that a person reads before signing."""

MAX_TYPES: Final = 256
"""Struct types of one message."""

MAX_TYPES_CHARS: Final = 16_384
"""All of them written out, because each is hashed with all that it refers to: 10 ms at worst, not 3 s. Seaport's, among
the longest, have 1,200."""

MAX_TEXT_CHARS: Final = 131_072
"""JSON in a text is not among the values that the listener counts: a megabyte of them takes 0.5 s."""

_DOMAIN: Final = "EIP712Domain"
_DOMAIN_FIELDS: Final = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}
_ARRAY: Final = re.compile(r"(.+)\[([0-9]{0,6})\]", re.ASCII)
_NUMBER: Final = re.compile(r"(u?)int([0-9]{0,3})", re.ASCII)
_FIXED_BYTES: Final = re.compile(r"bytes([0-9]{1,2})", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$:.]{0,255}", re.ASCII)
_KIND: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$:.]{0,255}(?:\[[0-9]{0,6}\]){0,16}", re.ASCII)

_Fields = tuple[tuple[str, str], ...]  # (type, name) of each member


def typed_data_digest(value: object) -> Hash32:
    """The 32 bytes to be signed; `value` is the object, or its JSON as text. Raises MalformedArgument."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT_CHARS:
            raise MalformedArgument(f"typed data is longer than {MAX_TEXT_CHARS} characters")
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise MalformedArgument("typed data is neither an object nor its JSON") from None
    document = _object(value, "typed data")
    structs = _Structs(_object(document.get("types"), "types"), document.get("domain"))
    primary = document.get("primaryType")
    if not isinstance(primary, str) or primary not in structs.fields:
        raise MalformedArgument(f"primary type {_short(primary)} is not among the types")
    separator = structs.hash(_DOMAIN, document.get("domain"), 0)
    if primary == _DOMAIN:
        return keccak256(b"\x19\x01" + separator)
    return keccak256(b"\x19\x01" + separator + structs.hash(primary, document.get("message"), 0))


class _Structs:
    """The struct types of one message."""

    def __init__(self, types: Mapping[str, Any], domain: object) -> None:
        if len(types) > MAX_TYPES:
            raise MalformedArgument(f"more than {MAX_TYPES} types")
        self.fields: dict[str, _Fields] = {
            _checked_name(name): tuple(_member(member) for member in _list(members, f"type {name}"))
            for name, members in types.items()
        }
        if _DOMAIN not in self.fields:
            given = _object(domain, "domain")
            self.fields[_DOMAIN] = tuple(
                (kind, name) for name, kind in _DOMAIN_FIELDS.items() if name in given
            )
        if sum(len(self._written(struct)) for struct in self.fields) > MAX_TYPES_CHARS:
            raise MalformedArgument(f"the types are longer than {MAX_TYPES_CHARS} characters")
        self._type_hashes: dict[str, Hash32] = {}

    def hash(self, struct: str, value: object, depth: int) -> Hash32:
        """hashStruct."""
        members = _object(value, struct)
        words: list[bytes] = [self._type_hash(struct)]
        for kind, name in self.fields[struct]:
            if name not in members and kind not in self.fields:
                raise MalformedArgument(f"{struct} lacks its member {_short(name)}")
            words.append(self._word(kind, members.get(name), depth + 1))
        return keccak256(b"".join(words))

    def _type_hash(self, struct: str) -> Hash32:
        known = self._type_hashes.get(struct)
        if known is None:
            referenced: set[str] = set()
            self._collect(struct, referenced)
            names = [struct, *sorted(referenced - {struct})]
            known = self._type_hashes[struct] = keccak256("".join(map(self._written, names)).encode())
        return known

    def _collect(self, struct: str, found: set[str]) -> None:
        waiting = [struct]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [base for kind, _ in self.fields[name] if (base := _base_of(kind)) in self.fields]

    def _written(self, struct: str) -> str:
        return f"{struct}({','.join(f'{kind} {name}' for kind, name in self.fields[struct])})"

    def _word(self, kind: str, value: object, depth: int) -> bytes:
        if depth > MAX_DEPTH:
            raise MalformedArgument(f"typed data is nested more than {MAX_DEPTH} deep")
        array = _ARRAY.fullmatch(kind)
        if array is not None:
            elements = _list(value, kind)
            if array[2] and len(elements) != int(array[2]):
                raise MalformedArgument(f"{len(elements)} elements for {kind}")
            return keccak256(b"".join([self._word(array[1], element, depth + 1) for element in elements]))
        if kind in self.fields:
            return bytes(32) if value is None else self.hash(kind, value, depth)
        return _atomic_word(kind, value)


def _atomic_word(kind: str, value: object) -> bytes:
    if kind == "string":
        if not isinstance(value, str):
            raise MalformedArgument(f"{_short(value)} is no string")
        return keccak256(value.encode("utf-8", "surrogatepass"))
    if kind == "bytes":
        return keccak256(_bytes(value))
    if kind == "bool":
        if not isinstance(value, bool):
            raise MalformedArgument(f"{_short(value)} is no bool")
        return value.to_bytes(32, "big")
    if kind == "address":
        raw = _bytes(value)
        if len(raw) != ADDRESS_BYTES:
            raise MalformedArgument(f"{_short(value)} is no address")
        return bytes(32 - ADDRESS_BYTES) + raw
    number = _NUMBER.fullmatch(kind)
    if number is not None:
        return _number_word(kind, number[1] == "", int(number[2] or 256), _integer(value))
    fixed = _FIXED_BYTES.fullmatch(kind)
    if fixed is not None and 1 <= int(fixed[1]) <= 32:
        raw = _bytes(value)
        if len(raw) != int(fixed[1]):
            raise MalformedArgument(f"{len(raw)} bytes for {kind}")
        return raw.ljust(32, b"\0")
    raise MalformedArgument(f"unknown type {_short(kind)}")


def _number_word(kind: str, is_signed: bool, bits: int, value: int) -> bytes:
    if not 8 <= bits <= 256 or bits % 8:
        raise MalformedArgument(f"unknown type {kind}")
    low, high = (-(1 << bits - 1), 1 << bits - 1) if is_signed else (0, 1 << bits)
    if not low <= value < high:
        raise MalformedArgument(f"{_short(value)} does not fit {kind}")
    return value.to_bytes(32, "big", signed=is_signed)


def _integer(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        if isinstance(value, str) and len(value) <= 80:
            return int(value, 16) if value[:2] in ("0x", "0X") else int(value, 10)
    except ValueError:
        pass
    raise MalformedArgument(f"{_short(value)} is no whole number")


def _bytes(value: object) -> bytes:
    if isinstance(value, str) and value[:2] in ("0x", "0X"):
        try:
            raw = bytes.fromhex(value[2:])
        except ValueError:
            raw = b""
        if 2 * len(raw) == len(value) - 2:
            return raw
    raise MalformedArgument(f"{_short(value)} is no hex string")


def _member(value: object) -> tuple[str, str]:
    fields = _object(value, "member of a type")
    kind, name = fields.get("type"), fields.get("name")
    if not isinstance(kind, str) or not isinstance(name, str):
        raise MalformedArgument("a member of a type has a name and a type")
    if _KIND.fullmatch(kind) is None:
        raise MalformedArgument(f"unknown type {_short(kind)}")
    return kind, _checked_name(name)


def _base_of(kind: str) -> str:
    return kind.partition("[")[0]


def _checked_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise MalformedArgument(f"{_short(name)} is no name")
    return name


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedArgument(f"{what} must be an object")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedArgument(f"{what} must be an array")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"
