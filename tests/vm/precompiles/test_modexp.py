import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.precompiles.reference import ours, reference
from vm.precompiles.interface import PrecompileFailure
from vm.precompiles.modexp import (
    MAX_OPERAND_BYTES,
    modexp,
    modexp_bounded,
    modexp_gas,
    modexp_gas_byzantium,
    modexp_gas_osaka,
)


def header(base_length: int, exponent_length: int, modulus_length: int) -> bytes:
    return b"".join(n.to_bytes(32, "big") for n in (base_length, exponent_length, modulus_length))


def call(base: bytes, exponent: bytes, modulus: bytes) -> bytes:
    return header(len(base), len(exponent), len(modulus)) + base + exponent + modulus


operand = st.binary(min_size=1, max_size=80)


@given(operand, st.binary(max_size=80), operand, st.integers(0, 250))
def test_it_equals_the_reference_even_when_the_input_is_cut(
    base: bytes, exponent: bytes, modulus: bytes, cut: int
) -> None:
    payload = call(base, exponent, modulus)
    payload = payload[: max(96, len(payload) - cut)]
    assert ours(5, payload) == reference(5, payload)


@given(operand, st.binary(max_size=60), operand)
def test_it_equals_pow(base: bytes, exponent: bytes, modulus: bytes) -> None:
    result = modexp(call(base, exponent, modulus))
    m = int.from_bytes(modulus, "big")
    expected = pow(int.from_bytes(base, "big"), int.from_bytes(exponent, "big"), m) if m else 0
    assert result == expected.to_bytes(len(modulus), "big")


@pytest.mark.parametrize(
    ("payload", "output"),
    [
        (b"", b""),
        (header(0, 0, 1) + b"\x05", b"\x01"),  # 0 ** 0 is 1
        (header(0, 1, 1) + b"\x00\x05", b"\x01"),
        (header(0, 1, 1) + b"\x02\x05", b"\x00"),
        (header(0, 0, 1) + b"\x01", b"\x00"),  # everything is 0 modulo 1
        (header(1, 1, 2) + b"\x02\x03", bytes(2)),  # missing modulus is 0
        (header(1, 1, 3) + b"\x02\x03\x00\x00\x07", b"\x00\x00\x01"),
        (header(1, 1, 0), b""),
    ],
)
def test_edges(payload: bytes, output: bytes) -> None:
    assert modexp(payload) == output


@pytest.mark.parametrize(
    ("base", "exponent", "modulus", "gas"),
    [  # EIP-2565 test vectors: (lengths of) nagydani-1-square, -qube, -pow0x10001
        (64, b"\x02", 64, 200),
        (64, b"\x03", 64, 200),
        (64, b"\x01\x00\x01", 64, 341),
        (128, b"\x01\x00\x01", 128, 1365),
        (256, b"\x01\x00\x01", 256, 5461),
        (512, b"\x01\x00\x01", 512, 21845),
        (1024, b"\x01\x00\x01", 1024, 87381),
        (0, b"", 0, 200),
    ],
)
def test_prices_are_those_of_eip_2565(base: int, exponent: bytes, modulus: int, gas: int) -> None:
    payload = header(base, len(exponent), modulus) + b"\xff" * base + exponent + b"\xff" * modulus
    assert modexp_gas(payload) == gas


def test_a_huge_length_costs_a_huge_price_and_no_memory() -> None:
    huge = 2**256 - 1
    for payload in (header(huge, 0, 0), header(0, 0, huge), header(huge, huge, huge), header(1, huge, 1)):
        assert modexp_gas(payload) > 2**200
    assert modexp_gas(header(0, huge, 0)) == 200
    assert modexp(header(0, huge, 0)) == modexp(header(huge, huge, 0)) == b""


@pytest.mark.parametrize("position", range(3))
def test_operands_above_the_bound_are_refused(position: int) -> None:
    lengths = [1, 1, 1]
    lengths[position] = MAX_OPERAND_BYTES + 1
    with pytest.raises(PrecompileFailure, match="too long"):
        modexp(header(*lengths))


def test_the_price_bounds_the_time() -> None:
    payload = call(b"\xff" * 512, b"\xff" * 32, b"\xff" * 511 + b"\xfd")
    start = time.process_time()
    modexp(payload)
    mgas_per_s = modexp_gas(payload) / 1e6 / (time.process_time() - start)
    assert mgas_per_s > 50  # about 290 measured; `pow` reaches 35


@pytest.mark.parametrize(
    ("sizes", "exponent", "gas"),
    [
        ((1, 1), b"\x03", 500),  # the least
        ((32, 32), b"\xff" * 32, 16 * 255),
        ((33, 33), b"\xff" * 32, 2 * 25 * 255),
        ((64, 64), b"\x80" + bytes(39), 2 * 64 * (16 * 8 + 255)),  # bytes behind the 32nd count double
        ((1024, 1024), b"\x01", 2 * 128 * 128),
        ((0, 0), b"\xff" * 32, 16 * 255),  # the exponent counts even where it changes nothing
    ],
)
def test_the_price_of_osaka(sizes: tuple[int, int], exponent: bytes, gas: int) -> None:
    """EIP-7883."""
    base, modulus = (b"\xff" * size for size in sizes)
    assert modexp_gas_osaka(call(base, exponent, modulus)) == gas


@pytest.mark.parametrize(
    ("size", "exponent", "gas"),
    [
        (1, b"\x03", 0),
        (64, b"\xff" * 32, 64 * 64 * 255 // 20),
        (65, b"\x80", (65 * 65 // 4 + 96 * 65 - 3072) * 7 // 20),
    ],
)
def test_the_price_of_byzantium(size: int, exponent: bytes, gas: int) -> None:
    """EIP-198."""
    assert modexp_gas_byzantium(call(b"\xff" * size, exponent, b"\xff" * size)) == gas


@pytest.mark.parametrize("which", [0, 1, 2])
def test_osaka_bounds_every_operand(which: int) -> None:
    """EIP-7823."""
    parts = [b"\x03", b"\x05", b"\x07"]
    parts[which] = bytes(1_023) + parts[which]
    assert modexp_bounded(call(*parts)) == modexp(call(*parts))
    parts[which] = b"\x00" + parts[which]
    with pytest.raises(PrecompileFailure, match="longer than 1024"):
        modexp_bounded(call(*parts))
