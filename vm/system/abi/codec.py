"""Encoders and decoders of the contract ABI for lists of types.

Owns: `decoder`, `encoder` and `topic_encoder`, and that each is generated once. Like the __init__ of a dataclass, each
is Python source written for exactly its types (decoding.py, encoding.py): a walk over type objects would cost several
times the work itself.
Never does: price decoding. Whoever decodes charges by the length of the input first, which also bounds the result.
Specification: Solidity documentation, "Contract ABI Specification"; for topics, "Encoding of Indexed Event Parameters".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, assert_never

from chain.keccak import keccak256
from chain.types import Hash32
from vm.system.abi.decoding import AbiDecodeError as AbiDecodeError
from vm.system.abi.decoding import generate_decoder
from vm.system.abi.encoding import generate_encoder
from vm.system.abi.types import (
    WORD_BYTES,
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
)

# The types come from the declarations of contracts, so what is kept is bounded by the program.


@cache
def decoder(types: tuple[AbiType, ...], skip: int = 0) -> Callable[[bytes], tuple[Any, ...]]:
    """A function from encoded bytes to the values, a tuple as long as `types`.

    The first `skip` bytes of the input are passed over: 4 for call data. Bytes behind the encoding are allowed.
    Values: uintN and intN int, address and bytesN bytes, bool, bytes, string str, arrays list, a struct its class.
    The function raises AbiDecodeError, and nothing else, for bytes that are no encoding.
    """
    return generate_decoder(types, skip)


@cache
def encoder(types: tuple[AbiType, ...], prefix: bytes = b"") -> Callable[..., bytes]:
    """A function of as many arguments as `types` to `prefix` and their encoding.

    The function raises Panic(0x11) for an int outside its type, and TypeError for a value of another Python type or
    with another length than the type has: that is a bug of the contract. An array may be a list or a tuple.
    """
    return generate_encoder(types, prefix)


def topic_encoder(abi_type: AbiType) -> Callable[[Any], Hash32]:
    """A function from the value of an indexed field to its topic: the word of a value type, else a hash.

    The function raises what that of `encoder` raises.
    """
    match abi_type:
        case UintType() | IntType() | AddressType() | BoolType() | FixedBytesType():
            word: Callable[[Any], Hash32] = encoder((abi_type,))  # type: ignore[assignment]
            return word
        case BytesType() | StringType() | ArrayType() | TupleType():
            in_place = _in_place_encoder(abi_type, is_padded=False)
            return lambda value: keccak256(in_place(value))
    assert_never(abi_type)


def _in_place_encoder(abi_type: AbiType, *, is_padded: bool = True) -> Callable[[Any], bytes]:
    """What the topic of an indexed value is the hash of: no offsets, no lengths, and inner values padded."""
    alone = encoder((abi_type,))
    match abi_type:
        case BytesType() | StringType():
            return lambda value: _content(alone(value), is_padded=is_padded)
        case ArrayType(element):
            of_element = _in_place_encoder(element)

            def encode_elements(value: Any) -> bytes:
                alone(value)  # refuses what is no such array
                return b"".join([of_element(each) for each in value])

            return encode_elements
        case TupleType(_, components, python_class):
            of_fields = [_in_place_encoder(each.type) for each in components]
            names = [each.python_name for each in components]

            def encode_fields(value: Any) -> bytes:
                alone(value)
                fields = value if python_class is None else [getattr(value, name) for name in names]
                return b"".join([of_field(each) for of_field, each in zip(of_fields, fields, strict=True)])

            return encode_fields
        case UintType() | IntType() | AddressType() | BoolType() | FixedBytesType():
            return alone
    assert_never(abi_type)


def _content(encoded: bytes, *, is_padded: bool) -> bytes:
    """What is in a single string, behind its offset and length."""
    size = int.from_bytes(encoded[WORD_BYTES : 2 * WORD_BYTES])
    return encoded[2 * WORD_BYTES :] if is_padded else encoded[2 * WORD_BYTES : 2 * WORD_BYTES + size]
