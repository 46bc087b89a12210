"""A second decoder, which walks over the types: slow, short, and written from the rules of Solidity's decoder.

It takes what solc's generated code takes: every offset counts from the head it is in and may be anything up to the
end, lengths must fit into what is there, value types must be clean, padding behind bytes is not looked at.
"""

from __future__ import annotations

from typing import Any

from vm.system.abi.types import (
    AbiType,
    AddressType,
    ArrayType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    TupleType,
    UintType,
    head_bytes,
    is_dynamic,
)


class Refused(Exception):
    """Solidity would revert, or more would be decoded than there is."""


class PlainDecoder:
    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.taken = 0

    def sequence(self, types: tuple[AbiType, ...], base: int) -> list[Any]:
        """Values whose heads begin at `base`, which is counted as taken already."""
        values, at = [], base
        for each in types:
            if is_dynamic(each):
                values.append(self.tail(each, base + self.word(at)))
            else:
                values.append(self.static(each, at))
            at += head_bytes(each)
        return values

    def static(self, abi_type: AbiType, at: int) -> Any:
        match abi_type:
            case ArrayType(element, length):
                assert length is not None
                return self.sequence((element,) * length, at)
            case TupleType(_, components):
                return self.struct(abi_type, self.sequence(tuple(each.type for each in components), at))
        value, word = self.word(at), self.raw[at : at + 32]
        match abi_type:
            case UintType(bits):
                return self.only_if(value < 2**bits, value)
            case IntType(bits):
                signed = int.from_bytes(word, signed=True)
                return self.only_if(-(2 ** (bits - 1)) <= signed < 2 ** (bits - 1), signed)
            case BoolType():
                return self.only_if(value < 2, value == 1)
            case AddressType():
                return self.only_if(value < 2**160, word[12:])
            case FixedBytesType(size):
                return self.only_if(not any(word[size:]), word[:size])
        raise AssertionError(abi_type)

    def tail(self, abi_type: AbiType, at: int) -> Any:
        match abi_type:
            case BytesType() | StringType():
                size = self.word(at)
                self.take(32 + size, at)
                value = self.raw[at + 32 : at + 32 + size]
                return value if abi_type == BytesType() else value.decode("utf-8", "surrogateescape")
            case ArrayType(element, length):
                count = length
                if count is None:
                    count = self.word(at)
                    self.take(32, at)
                    at += 32
                self.take(count * head_bytes(element), at)
                return self.sequence((element,) * count, at)
            case TupleType(_, components):
                types = tuple(each.type for each in components)
                self.take(sum(head_bytes(each) for each in types), at)
                return self.struct(abi_type, self.sequence(types, at))
        raise AssertionError(abi_type)

    @staticmethod
    def struct(abi_type: TupleType, values: list[Any]) -> Any:
        return tuple(values) if abi_type.python_class is None else abi_type.python_class(*values)

    def word(self, at: int) -> int:
        if at + 32 > len(self.raw):
            raise Refused
        return int.from_bytes(self.raw[at : at + 32])

    def take(self, size: int, at: int) -> None:
        self.taken += size
        if at + size > len(self.raw) or self.taken > len(self.raw):
            raise Refused

    @staticmethod
    def only_if(condition: bool, value: Any) -> Any:
        if not condition:
            raise Refused
        return value


def plain_decode(types: tuple[AbiType, ...], raw: bytes) -> tuple[Any, ...] | None:
    """The values, or None if `raw` is no encoding of the types."""
    plain = PlainDecoder(raw)
    try:
        plain.take(sum(head_bytes(each) for each in types), 0)
        return tuple(plain.sequence(types, 0))
    except Refused:
        return None
