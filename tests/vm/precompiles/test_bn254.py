"""Judge: py_ecc through py-evm. Pairings cost it 0.3 s a pair, so those samples are few."""

import random
from importlib import import_module
from typing import Any

import pytest

from tests.vm.precompiles.reference import ours, reference
from vm.precompiles.bn254 import CURVE_ORDER, FIELD_MODULUS, PAIR_BYTES

curve: Any = import_module("py_ecc.optimized_bn128")  # it exports its names without saying so

P = FIELD_MODULUS
INFINITY = (0, 0)
INFINITY_2 = (0, 0, 0, 0)


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def g1(scalar: int) -> tuple[int, int]:
    if scalar % CURVE_ORDER == 0:
        return INFINITY
    x, y = curve.normalize(curve.multiply(curve.G1, scalar % CURVE_ORDER))
    return int(x), int(y)


def g2_words(point: Any) -> tuple[int, int, int, int]:
    """Coordinates as EIP-197 writes them: imaginary part first."""
    x, y = curve.normalize(point)
    return int(x.coeffs[1]), int(x.coeffs[0]), int(y.coeffs[1]), int(y.coeffs[0])


def g2(scalar: int) -> tuple[int, int, int, int]:
    return g2_words(curve.multiply(curve.G2, scalar % CURVE_ORDER))


def outside_g2(seed: int) -> tuple[int, int, int, int]:
    """A point of the twisted curve that is not in the subgroup (which is a 2**-254th of the curve)."""
    rng = random.Random(seed)
    while True:
        x = curve.FQ2([rng.randrange(P), rng.randrange(P)])
        square = x * x * x + curve.b2
        root = square_root(square)
        if root is not None:
            return g2_words((x, root, curve.FQ2.one()))


def square_root(square: Any) -> Any:
    """Complex method; None if there is no root."""
    a, b = (int(c) for c in square.coeffs)
    norm = pow(a * a + b * b, (P + 1) // 4, P)
    for candidate in ((a + norm) * pow(2, -1, P) % P, (a - norm) * pow(2, -1, P) % P):
        real = pow(candidate, (P + 1) // 4, P)
        if real and real * real % P == candidate:
            root = curve.FQ2([real, b * pow(2 * real, -1, P) % P])
            if root * root == square:
                return root
    return None


@pytest.mark.parametrize("seed", range(25))
def test_addition_equals_the_reference(seed: int) -> None:
    rng = random.Random(seed)
    payload = words(*g1(rng.randrange(CURVE_ORDER)), *g1(rng.randrange(CURVE_ORDER)))
    assert ours(6, payload) == reference(6, payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        words(*INFINITY, *INFINITY),
        words(*g1(5)),
        words(*INFINITY, *g1(5)),
        words(*g1(5), *g1(5)),  # doubling
        words(*g1(5), *g1(-5)),  # to infinity
        words(*g1(1), *g1(2)) + b"ignored",
        words(1),  # (1, 0) is off the curve
        words(1, 3),
        words(1, 2)[:63],
        words(P, 2),
        words(P + 1, 2),
        words(1, P + 2),
        words(2**256 - 1, 2**256 - 1),
        words(*g1(5), P, P),
        words(*g1(5), 0, 1),
    ],
)
def test_addition_at_the_edges_equals_the_reference(payload: bytes) -> None:
    assert ours(6, payload) == reference(6, payload)


@pytest.mark.parametrize("seed", range(12))
def test_multiplication_equals_the_reference(seed: int) -> None:
    rng = random.Random(seed)
    payload = words(*g1(rng.randrange(CURVE_ORDER)), rng.randrange(2**256))
    assert ours(7, payload) == reference(7, payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        words(1, 2),
        words(*INFINITY, 9),
        words(*g1(3), 0),
        words(*g1(3), 1),
        words(*g1(3), 2),
        words(*g1(3), CURVE_ORDER - 1),
        words(*g1(3), CURVE_ORDER),
        words(*g1(3), CURVE_ORDER + 1),
        words(*g1(3), 2**256 - 1),
        words(*g1(3), 9) + b"ignored",
        words(*g1(3)) + b"\x01",  # the scalar is padded on the right
        words(1, 3, 1),
        words(P, 0, 1),
        words(0, P, 1),
        words(P + 1, 2, 1),
        words(1, 3, 0),  # off the curve, even times zero
    ],
)
def test_multiplication_at_the_edges_equals_the_reference(payload: bytes) -> None:
    assert ours(7, payload) == reference(7, payload)


def test_no_pair_gives_one() -> None:
    assert ours(8, b"") == (45_000, words(1))


@pytest.mark.parametrize(
    "pairs",
    [
        [(g1(7), g2(11)), (g1(-77), g2(1))],
        [(g1(7), g2(11)), (g1(-77), g2(2))],
        [(g1(5), g2(-5)), (g1(5), g2(5))],  # y of both signs
        [(INFINITY, g2(3)), (g1(9), INFINITY_2)],
        [(g1(9), g2(4))],
        [(g1(9), g2(4)), (INFINITY, INFINITY_2)],
    ],
)
def test_pairing_equals_the_reference(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    payload = b"".join(words(*left, *right) for left, right in pairs)
    assert ours(8, payload) == reference(8, payload)
    assert ours(8, payload) is not None


@pytest.mark.parametrize("seed", range(4))
def test_pairing_is_bilinear(seed: int) -> None:
    rng = random.Random(seed)
    a, b = rng.randrange(1, CURVE_ORDER), rng.randrange(1, CURVE_ORDER)
    holds = words(*g1(a), *g2(b), *g1(-a * b), *g2(1))
    broken = words(*g1(a), *g2(b), *g1(-a * b + 1), *g2(1))
    assert ours(8, holds) == (113_000, words(1))
    assert ours(8, broken) == (113_000, words(0))


_BAD_PAIRS = [
    (1, 3, *g2(2)),
    (P, 2, *g2(2)),
    (1, P + 2, *g2(2)),
    (1, 2, 0, 0, 0, 1),
    (1, 2, P, 0, 0, 0),
    (1, 2, 0, P, 0, 0),
    (1, 2, 0, 0, P, 0),
    (1, 2, 0, 0, 0, P),
    (1, 2, *(c + P if c + P < 2**256 else c for c in g2(2))),
    (1, 2, *g2(2)[:3], 0),
    (1, 2, *outside_g2(1)),
    (0, 0, *outside_g2(2)),  # checked although the pair counts for nothing
    (*INFINITY, 0, 0, 0, 1),
    (1, 3, *INFINITY_2),
]


@pytest.mark.parametrize("pair", _BAD_PAIRS)
def test_a_bad_pair_fails_alone_and_behind_a_good_one(pair: tuple[int, ...]) -> None:
    assert reference(8, words(*pair)) is None
    assert ours(8, words(*pair)) is None
    assert ours(8, words(*INFINITY, *INFINITY_2) + words(*pair)) is None


@pytest.mark.parametrize("seed", range(3, 23))
def test_points_outside_the_subgroup_never_panic(seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert ours(8, words(1, 2, *outside_g2(seed))) is None
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("length", [1, 31, 191, 193, 383])
def test_a_length_that_is_no_multiple_of_a_pair_fails(length: int) -> None:
    assert ours(8, bytes(length)) is None


def test_many_pairs() -> None:
    left = [g1(n) for n in range(1, 9)]
    right = g2(1)
    total = sum(range(1, 9))
    payload = b"".join(words(*point, *right) for point in left) + words(*g1(-total), *right)
    assert len(payload) == 9 * PAIR_BYTES
    assert ours(8, payload) == (45_000 + 9 * 34_000, words(1))
