"""Tests of the generated codecs: the same as eth-abi, strict, bounded, and clear about wrong values."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.keccak import keccak256
from tests.vm.system.abi.abi_values import (
    TYPE_LISTS,
    TYPES,
    Pair,
    foreign_text,
    foreign_values,
    pair_of,
    values_of,
)
from tests.vm.system.abi.plain_decoder import plain_decode
from vm.system.abi.codec import AbiDecodeError, decoder, encoder, topic_encoder
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
)
from vm.system.errors import InvalidDeclaration, Panic, Revert

WORD = 32
U256 = UintType(256)
WORDS_IN_WORDS = ArrayType(ArrayType(U256))


def word(value: int) -> bytes:
    return value.to_bytes(WORD, "big", signed=value < 0)


@st.composite
def encodings(draw: st.DrawFn) -> tuple[tuple[AbiType, ...], tuple[Any, ...], bytes]:
    types = draw(TYPE_LISTS)
    values = tuple(draw(values_of(each)) for each in types)
    texts = [foreign_text(each) for each in types]
    return types, values, encode(texts, foreign_values(types, values))


@st.composite
def damaged(draw: st.DrawFn) -> tuple[tuple[AbiType, ...], bytes]:
    """A valid encoding, of which some words or bytes are others, or which is cut."""
    types, _, encoded = draw(encodings())
    raw = bytearray(encoded)
    for _ in range(draw(st.integers(1, 4))):
        if not raw:
            break
        if draw(st.booleans()):
            at = draw(st.integers(0, len(raw) // WORD - 1)) * WORD if len(raw) >= WORD else 0
            small = st.integers(0, len(raw) + WORD).map(word)
            aligned = st.integers(0, len(raw) // WORD).map(lambda count: word(count * WORD))
            raw[at : at + WORD] = draw(small | aligned | st.binary(min_size=WORD, max_size=WORD))
        else:
            raw[draw(st.integers(0, len(raw) - 1))] = draw(st.sampled_from([0, 1, 2, 0x20, 0x40, 0x80, 0xFF]))
    return types, bytes(raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw)


@given(encodings(), st.binary(max_size=5), st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_values_are_encoded_and_decoded_as_eth_abi_does(
    case: tuple[tuple[AbiType, ...], tuple[Any, ...], bytes], prefix: bytes, trailing: bytes
) -> None:
    types, values, encoded = case
    assert encoder(types, prefix)(*values) == prefix + encoded
    assert decoder(types, len(prefix))(prefix + encoded + trailing) == values


@given(damaged())
@settings(max_examples=600, deadline=None)
def test_damaged_encodings_decode_as_by_the_rules_of_solidity(
    case: tuple[tuple[AbiType, ...], bytes],
) -> None:
    types, raw = case
    try:
        values: tuple[Any, ...] | None = decoder(types)(raw)
    except AbiDecodeError:
        values = None
    assert values == plain_decode(types, raw)
    try:
        foreign = decode([foreign_text(each) for each in types], raw)
    except (DecodingError, OverflowError):
        return  # it also refuses offsets into the head, and padding that is not zero
    if values is None:
        # It knows no bound for values that use the same bytes.
        assert len(encode([foreign_text(each) for each in types], foreign)) > len(raw)
    else:
        assert foreign_values(types, values) == foreign


@given(TYPES, st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_decode_or_are_an_abi_decode_error(abi_type: AbiType, raw: bytes) -> None:
    with suppress(AbiDecodeError):
        decoder((abi_type,))(raw)


@pytest.mark.parametrize(
    ("abi_type", "raw"),
    [
        (U256, bytes(31)),
        (UintType(8), word(256)),
        (UintType(24), word(2**24)),
        (UintType(64), word(2**64)),
        (UintType(248), word(2**248)),
        (IntType(8), word(128)),
        (IntType(8), word(-129)),
        (IntType(24), word(2**23)),
        (IntType(248), word(2**247)),
        (BoolType(), word(2)),
        (BoolType(), word(256)),
        (AddressType(), word(2**160)),
        (FixedBytesType(4), b"abcd" + bytes(27) + b"\x01"),
        (BytesType(), word(32)),
        (BytesType(), word(64) + word(0)),
        (BytesType(), word(2**256 - 32) + word(0)),
        (BytesType(), word(2**64) + word(0)),
        (BytesType(), word(32) + word(1)),
        (BytesType(), word(32) + word(2**256 - 1) + bytes(64)),
        (ArrayType(U256), word(32) + word(2) + word(1)),
        (ArrayType(U256), word(32) + word(2**251) + word(1)),
        (ArrayType(BoolType()), word(32) + word(1) + word(2)),
        (ArrayType(BytesType()), word(32) + word(1) + word(2**255)),
        (ArrayType(BytesType(), 2), word(32) + word(64)),
        (pair_of(U256, BytesType()), word(32) + word(1)),
    ],
)
def test_what_solidity_refuses_is_refused(abi_type: AbiType, raw: bytes) -> None:
    with pytest.raises(AbiDecodeError):
        decoder((abi_type,))(raw)


@pytest.mark.parametrize(
    ("abi_type", "raw", "value"),
    [
        (UintType(64), word(2**64 - 1), 2**64 - 1),
        (IntType(8), word(-128), -128),
        (IntType(24), word(-(2**23)), -(2**23)),
        (IntType(256), word(-1), -1),
        (StringType(), word(32) + word(2) + b"hi", "hi"),  # not padded
        (BytesType(), word(32) + word(1) + b"a" * 32, b"a"),  # padding is not zero
        (BytesType(), word(96) + bytes(64) + word(1) + b"b", b"b"),  # a gap
        (StringType(), word(32) + word(2) + b"\xff\x00", "\udcff\x00"),
    ],
)
def test_what_solidity_accepts_is_accepted(abi_type: AbiType, raw: bytes, value: object) -> None:
    assert decoder((abi_type,))(raw) == (value,)


def test_offsets_that_point_at_the_same_bytes_do_not_multiply_them() -> None:
    def aliased(depth: int) -> bytes:
        width = 100
        levels = b"".join(
            word(width) + word(width * WORD) * width  # each element is the next level
            for _ in range(depth)
        )
        return word(WORD) + levels + word(0)

    nested: AbiType = ArrayType(U256)
    for _ in range(4):
        nested = ArrayType(nested)
    started = time.process_time()
    with pytest.raises(AbiDecodeError):
        decoder((nested,))(aliased(4))
    assert time.process_time() - started < 0.1, "100**4 arrays were made"
    with pytest.raises(AbiDecodeError):
        decoder((BytesType(), BytesType()))(word(64) + word(64) + word(64) + bytes(64))


def test_a_number_outside_its_type_is_a_panic() -> None:
    for abi_type, value in (
        (UintType(8), 256),
        (UintType(8), -1),
        (U256, 2**256),
        (U256, -1),
        (IntType(8), 128),
        (IntType(24), -(2**23) - 1),
        (IntType(256), 2**255),
    ):
        for types, values in (
            ((abi_type,), (value,)),
            ((BytesType(), ArrayType(abi_type)), (b"", [value])),
            ((pair_of(StringType(), abi_type),), (Pair("", value),)),
        ):
            with pytest.raises(Panic) as raised:
                encoder(types)(*values)
            assert raised.value.code == 0x11


@pytest.mark.parametrize(
    ("abi_type", "value"),
    [
        (U256, "1"),
        (U256, b"\x01"),
        (U256, None),
        (U256, 1.0),
        (IntType(256), "1"),
        (IntType(8), b"1"),
        (AddressType(), bytes(19)),
        (AddressType(), "a" * 20),
        (AddressType(), 5),
        (AddressType(), [0] * 20),
        (BoolType(), 1),
        (BoolType(), "x"),
        (FixedBytesType(32), "a" * 32),
        (FixedBytesType(32), bytes(31)),
        (FixedBytesType(4), [1, 2, 3, 4]),
        (BytesType(), "text"),
        (BytesType(), [1, 2]),
        (BytesType(), 3),
        (StringType(), b"raw"),
        (StringType(), "\ud800"),
        (ArrayType(UintType(8)), b"\x01\x02"),
        (ArrayType(UintType(8)), {1: 2}),
        (ArrayType(UintType(8)), 1),
        (ArrayType(UintType(8), 2), [1]),
        (ArrayType(StringType(), 1), []),
        (pair_of(U256, U256), 5),
        (pair_of(U256, U256), (1, 2)),
        (TupleType("", pair_of(U256, U256).components), (1,)),
        (TupleType("", pair_of(U256, U256).components), [1, 2]),
    ],
)
def test_a_value_of_another_python_type_is_a_type_error(abi_type: AbiType, value: object) -> None:
    for encode_one in (encoder((abi_type,)), encoder((abi_type,), b"abcd"), topic_encoder(abi_type)):
        with pytest.raises(TypeError):
            encode_one(value)
    with pytest.raises(TypeError):
        encoder((ArrayType(abi_type),))([value])
    with pytest.raises(TypeError):
        encoder((abi_type, abi_type))(value, value)


def test_an_encoder_takes_as_many_values_as_it_has_types() -> None:
    with pytest.raises(TypeError):
        encoder((U256,))()
    with pytest.raises(TypeError):
        encoder((U256,))(1, 2)
    assert encoder((), b"abcd")() == b"abcd"
    assert decoder((), 4)(b"abcd") == ()


def test_each_prefix_has_an_encoder_of_its_own() -> None:
    first, second = encoder((U256,), b"aaaa"), encoder((U256,), b"bbbb")
    assert (first(1), second(1)) == (b"aaaa" + word(1), b"bbbb" + word(1))
    assert encoder((U256,), b"aaaa") is first


def test_arrays_deeper_than_python_compiles_are_refused_at_import() -> None:
    nested: AbiType = U256
    for _ in range(16):
        nested = ArrayType(nested)
    value: Any = 7
    for _ in range(16):
        value = [value]
    assert decoder((nested,))(encoder((nested,))(value)) == (value,)
    deep = ArrayType(ArrayType(ArrayType(nested)))
    for generate in (decoder, encoder):
        with pytest.raises(InvalidDeclaration):
            generate((deep,))


def test_a_decode_error_reverts_without_data() -> None:
    error = AbiDecodeError("why")
    assert isinstance(error, Revert)
    assert (error.data, str(error)) == (b"", "why")


def test_a_topic_is_the_word_of_a_value_and_the_hash_of_anything_else() -> None:
    assert topic_encoder(AddressType())(b"\x11" * 20) == bytes(12) + b"\x11" * 20
    assert topic_encoder(BoolType())(True) == word(1)
    assert topic_encoder(FixedBytesType(4))(b"abcd") == b"abcd" + bytes(28)
    assert topic_encoder(BytesType())(b"abc") == keccak256(b"abc")
    assert topic_encoder(StringType())("ü\udcff") == keccak256(b"\xc3\xbc\xff")


def test_what_is_inside_of_a_topic_is_padded_and_has_no_lengths() -> None:
    assert topic_encoder(ArrayType(UintType(8)))([1, 2]) == keccak256(word(1) + word(2))
    assert topic_encoder(ArrayType(StringType()))(["a", "b" * 33]) == keccak256(
        b"a".ljust(32, b"\0") + (b"b" * 33).ljust(64, b"\0")
    )
    struct = pair_of(U256, BytesType())
    assert topic_encoder(struct)(Pair(5, b"xy")) == keccak256(word(5) + b"xy".ljust(32, b"\0"))
    assert topic_encoder(WORDS_IN_WORDS)([[1], [], [2, 3]]) == keccak256(word(1) + word(2) + word(3))
    anonymous = TupleType("", struct.components)
    assert topic_encoder(anonymous)((5, b"")) == keccak256(word(5))
