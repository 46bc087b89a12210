"""Judge: py_ecc through py-evm, as far as its speed allows (a pairing takes it 1 s)."""

import random
from importlib import import_module
from typing import Any

import pytest

from tests.vm.precompiles.reference import ours, reference
from vm.forks import Fork
from vm.precompiles.bls12_381 import G1_MSM_GAS, G1_TERM_BYTES, G2_MSM_GAS, G2_TERM_BYTES

curve: Any = import_module("py_ecc.optimized_bls12_381")  # it exports its names without saying so

P = curve.field_modulus
R = curve.curve_order
INFINITY = bytes(128)
INFINITY_2 = bytes(256)

G1_ADD, G1_MSM, G2_ADD, G2_MSM, PAIRING, MAP_G1, MAP_G2 = range(0x0B, 0x12)


def element(number: int) -> bytes:
    return int(number).to_bytes(64, "big")


def scalar(number: int) -> bytes:
    return number.to_bytes(32, "big")


def write_g1(point: Any) -> bytes:
    x, y = curve.normalize(point)
    return element(x.n) + element(y.n)


def write_g2(point: Any) -> bytes:
    x, y = curve.normalize(point)
    return b"".join(element(c) for c in (*x.coeffs, *y.coeffs))


def g1(multiple: int) -> bytes:
    return write_g1(curve.multiply(curve.G1, multiple % R)) if multiple % R else INFINITY


def g2(multiple: int) -> bytes:
    return write_g2(curve.multiply(curve.G2, multiple % R)) if multiple % R else INFINITY_2


def outside_g1(start: int) -> bytes:
    """A point of the curve that is not in the subgroup."""
    x = start
    while True:
        y = pow(x**3 + 4, (P + 1) // 4, P)
        if (y * y - x**3 - 4) % P == 0:
            return element(x) + element(y)
        x += 1


def outside_g2() -> bytes:
    """x = (2, 0): 8 + 4 + 4u has a root."""
    square = (12, 4)
    norm = pow(square[0] ** 2 + square[1] ** 2, (P + 1) // 4, P)
    for candidate in ((12 + norm) * pow(2, -1, P) % P, (12 - norm) * pow(2, -1, P) % P):
        real = pow(candidate, (P + 1) // 4, P)
        if real * real % P == candidate:
            imaginary = 4 * pow(2 * real, -1, P) % P
            if (real * real - imaginary * imaginary - 12) % P == 0:
                return element(2) + element(0) + element(real) + element(imaginary)
    raise AssertionError("no such point")


_BAD_G1 = {
    "off the curve": element(1) + element(2),
    "x not below the modulus": element(P) + element(2),
    "y not below the modulus": g1(1)[:64] + element(int.from_bytes(g1(1)[64:], "big") + P),
    "top bytes not zero": b"\x01" + g1(1)[1:],
    "flag of a compressed point": g1(1)[:16] + bytes((g1(1)[16] | 0x80,)) + g1(1)[17:],
    "flag of infinity": INFINITY[:16] + b"\x40" + INFINITY[17:],
    "all ones": b"\xff" * 128,
}
_BAD_G2 = {
    "off the curve": element(1) * 4,
    "c1 of x not below the modulus": g2(1)[:64] + element(P) + g2(1)[128:],
    "top bytes not zero": g2(1)[:192] + b"\x01" + g2(1)[193:],
    "flag of infinity": INFINITY_2[:16] + b"\x40" + INFINITY_2[17:],
    "all ones": b"\xff" * 256,
}


@pytest.mark.parametrize("seed", range(6))
def test_additions_equal_the_reference(seed: int) -> None:
    rng = random.Random(seed)
    a, b = rng.randrange(R), rng.randrange(R)
    assert ours(G1_ADD, g1(a) + g1(b)) == reference(G1_ADD, g1(a) + g1(b))
    assert ours(G2_ADD, g2(a) + g2(b)) == reference(G2_ADD, g2(a) + g2(b))


def test_additions_at_the_edges_equal_the_reference() -> None:
    low = outside_g1(1)
    for payload in (
        INFINITY + INFINITY,
        g1(3) + INFINITY,
        INFINITY + g1(3),
        g1(3) + g1(3),
        g1(3) + g1(-3),
        low + low,  # additions do not check the subgroup
        low + g1(2),
    ):
        assert ours(G1_ADD, payload) == reference(G1_ADD, payload) is not None
    wild = outside_g2()
    for payload in (
        INFINITY_2 + INFINITY_2,
        g2(3) + INFINITY_2,
        g2(3) + g2(3),
        g2(3) + g2(-3),
        wild + wild,
        wild + g2(2),
    ):
        assert ours(G2_ADD, payload) == reference(G2_ADD, payload) is not None


@pytest.mark.parametrize("point", _BAD_G1.values(), ids=_BAD_G1.keys())
def test_bad_points_of_g1_fail_everywhere(point: bytes) -> None:
    assert reference(G1_ADD, point + INFINITY) is None
    assert ours(G1_ADD, point + INFINITY) is None
    assert ours(G1_ADD, g1(1) + point) is None
    assert ours(G1_MSM, point + scalar(0)) is None
    assert ours(PAIRING, point + INFINITY_2) is None


@pytest.mark.parametrize("point", _BAD_G2.values(), ids=_BAD_G2.keys())
def test_bad_points_of_g2_fail_everywhere(point: bytes) -> None:
    assert reference(G2_ADD, point + INFINITY_2) is None
    assert ours(G2_ADD, point + INFINITY_2) is None
    assert ours(G2_ADD, g2(1) + point) is None
    assert ours(G2_MSM, point + scalar(0)) is None
    assert ours(PAIRING, INFINITY + point) is None


def test_points_outside_the_subgroup_fail_where_the_subgroup_counts() -> None:
    assert ours(G1_MSM, outside_g1(1) + scalar(1)) is None
    assert ours(G2_MSM, outside_g2() + scalar(1)) is None
    assert ours(PAIRING, outside_g1(1) + g2(1)) is None
    assert ours(PAIRING, g1(1) + outside_g2()) is None
    assert ours(PAIRING, g1(1) + g2(1) + outside_g1(5) + INFINITY_2) is None


@pytest.mark.parametrize("terms", [1, 2, 5])
def test_multiplications_equal_the_reference(terms: int) -> None:
    rng = random.Random(terms)
    first = b"".join(g1(rng.randrange(R)) + scalar(rng.randrange(2**256)) for _ in range(terms))
    second = b"".join(g2(rng.randrange(R)) + scalar(rng.randrange(2**256)) for _ in range(terms))
    assert ours(G1_MSM, first) == reference(G1_MSM, first) is not None
    assert ours(G2_MSM, second) == reference(G2_MSM, second) is not None


@pytest.mark.parametrize("factor", [0, 1, 2, R - 1, R, R + 1, 2**256 - 1])
def test_multiplication_takes_any_scalar(factor: int) -> None:
    for point in (g1(3), INFINITY):
        payload = point + scalar(factor)
        assert ours(G1_MSM, payload) == reference(G1_MSM, payload) is not None
    assert ours(G1_MSM, g1(3) + scalar(factor)) == (12_000, g1(3 * factor))
    assert ours(G2_MSM, g2(3) + scalar(factor)) == (22_500, g2(3 * factor))


def test_terms_that_cancel_give_infinity() -> None:
    assert ours(G1_MSM, (g1(3) + scalar(5)) + (g1(-5) + scalar(3))) == (12_000 * 2 * 949 // 1000, INFINITY)


def test_prices_fall_with_the_number_of_terms() -> None:
    assert [G1_MSM_GAS(bytes(k * G1_TERM_BYTES)) for k in (1, 2, 128, 129, 1000)] == [
        12_000,
        22_776,
        128 * 12_000 * 519 // 1000,
        129 * 12_000 * 519 // 1000,
        12_000 * 519,
    ]
    assert [G2_MSM_GAS(bytes(k * G2_TERM_BYTES)) for k in (1, 2, 3, 128, 129)] == [
        22_500,
        45_000,
        3 * 22_500 * 923 // 1000,
        128 * 22_500 * 524 // 1000,
        129 * 22_500 * 524 // 1000,
    ]


def test_pairing_is_bilinear() -> None:
    one, zero = (1).to_bytes(32, "big"), bytes(32)
    for a, b in ((5, 7), (R - 2, 3)):
        assert ours(PAIRING, g1(a) + g2(b) + g1(-a * b) + g2(1)) == (102_900, one)
        assert ours(PAIRING, g1(a) + g2(b) + g1(1 - a * b) + g2(1)) == (102_900, zero)
    assert ours(PAIRING, g1(1) + g2(1)) == (70_300, zero)
    assert ours(PAIRING, INFINITY + g2(1)) == (70_300, one)
    assert ours(PAIRING, g1(1) + INFINITY_2) == (70_300, one)


@pytest.mark.parametrize("number", [0, 1, 2, P - 1])
def test_maps_equal_the_reference(number: int) -> None:
    assert ours(MAP_G1, element(number)) == reference(MAP_G1, element(number)) is not None
    pair = element(number) + element(P - 1 - number)
    assert ours(MAP_G2, pair) == reference(MAP_G2, pair) is not None


@pytest.mark.parametrize("number", [P, P + 1, 2**381, 2**384, 2**512 - 1])
def test_maps_refuse_numbers_that_are_not_reduced(number: int) -> None:
    assert ours(MAP_G1, element(number)) is None
    assert ours(MAP_G2, element(number) + element(1)) is None
    assert ours(MAP_G2, element(1) + element(number)) is None


@pytest.mark.parametrize(
    ("precompile", "good"),
    [
        (G1_ADD, g1(1) * 2),
        (G1_MSM, g1(1) + scalar(1)),
        (G2_ADD, g2(1) * 2),
        (G2_MSM, g2(1) + scalar(1)),
        (PAIRING, g1(1) + g2(1)),
        (MAP_G1, element(1)),
        (MAP_G2, element(1) * 2),
    ],
)
def test_wrong_lengths_fail(precompile: int, good: bytes) -> None:
    assert ours(precompile, good) is not None
    for payload in (b"", good[:-1], good + b"\x00", good[1:]):
        assert ours(precompile, payload) is None


def test_cancun_has_none_of_them() -> None:
    with pytest.raises(KeyError):
        ours(G1_ADD, g1(1) * 2, Fork.CANCUN)
