"""The curve alt_bn128, also called BN254: addition, multiplication, pairing check (0x06 to 0x08).

Owns: reading points, the curve equations, addition (one modular inverse, cheaper in Python than handing the
point over). Multiplication, the subgroup check of G2 and pairings run in arkworks through zksnake: a pairing
check of two pairs takes 2 ms there and 560 ms in py_ecc, which is the reference in the tests.
Never hands a point to the library that it has not found on the curve: the library panics on others.
Specification: EIP-196, EIP-197, prices by EIP-1108.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import gmpy2  # type: ignore[import-untyped]
from zksnake._algebra import ec_bn254  # type: ignore[import-untyped]

from vm.precompiles.apart import Apart
from vm.precompiles.interface import Payload, Precompile, PrecompileFailure, fixed_price, fixed_reach, guarded

FIELD_MODULUS: Final = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47
CURVE_ORDER: Final = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001

ADD_GAS: Final = 150
MULTIPLY_GAS: Final = 6_000
PAIRING_BASE_GAS: Final = 45_000
PAIRING_GAS_PER_PAIR: Final = 34_000

_ADD_INPUT_BYTES: Final = 128
_MULTIPLY_INPUT_BYTES: Final = 96
PAIR_BYTES: Final = 192

LONG_PAIRS: Final = 8
"""More than so many pairs run in another process, 2 ms: the library never gives up the interpreter lock."""

_INFINITY: Final = bytes(64)
_TRUE: Final = (1).to_bytes(32, "big")
_FALSE: Final = bytes(32)

_G2_B: Final = (
    # 3 / (9 + u), the constant of the curve of G2 (EIP-197)
    0x2B149D40CEB8AAAE81BE18991BE06AC3B5B4C5E559DBEFA33267E6DC24A138E5,
    0x009713B03AF0FED4CD2CAFADEED8FDF4A74FA084E52D1852E4A2BD0685C315D2,
)
_COMPRESSED_Y_IS_LARGER: Final = 0x80

_Affine = tuple[int, int]
_Extension = tuple[int, int]
"""a + b*u with u*u = -1, as (a, b)."""

_ONE_IN_GT: Final = ec_bn254.multi_pairing([], [])


def add(payload: bytes) -> bytes:
    """P + Q for two points (x, y) of G1, 32 bytes each number; missing input counts as zeros.

    Raises PrecompileFailure for a coordinate >= FIELD_MODULUS or a point off the curve.
    """
    padded = payload[:_ADD_INPUT_BYTES].ljust(_ADD_INPUT_BYTES, b"\x00")
    first = _read_g1(padded, 0)
    second = _read_g1(padded, 64)
    if first is None:
        return _write_g1(second)
    if second is None:
        return _write_g1(first)
    return _write_g1(_add_affine(first, second))


def multiply(payload: bytes) -> bytes:
    """P * scalar for a point of G1 and any 256-bit scalar; missing input counts as zeros.

    Raises PrecompileFailure as `add`.
    """
    padded = payload[:_MULTIPLY_INPUT_BYTES].ljust(_MULTIPLY_INPUT_BYTES, b"\x00")
    point = _read_g1(padded, 0)
    scalar = int.from_bytes(padded[64:96], "big") % CURVE_ORDER
    if point is None or scalar == 0:
        return _INFINITY
    product = ec_bn254.PointG1(*point) * scalar
    return _write_g1((product.x, product.y))


def pairing_gas_byzantium(payload: Payload) -> int:
    """EIP-197, before EIP-1108."""
    return 100_000 + 80_000 * (len(payload) // PAIR_BYTES)


def pairing_gas(payload: Payload) -> int:
    return PAIRING_BASE_GAS + PAIRING_GAS_PER_PAIR * (len(payload) // PAIR_BYTES)


def pairing(payload: bytes) -> bytes:
    """1 in 32 bytes when the product of e(P, Q) over all pairs (P of G1, Q of G2) is one, else 0.

    Q is written with the imaginary parts first. Raises PrecompileFailure for a length that is no multiple
    of 192, a coordinate >= FIELD_MODULUS, a point off its curve, and Q outside the subgroup.
    """
    if len(payload) % PAIR_BYTES:
        raise PrecompileFailure(f"pairing input is no multiple of {PAIR_BYTES} bytes")
    left: list[ec_bn254.PointG1] = []
    right: list[ec_bn254.PointG2] = []
    for start in range(0, len(payload), PAIR_BYTES):
        p = _read_g1(payload, start)
        q = _read_g2(payload, start + 64)
        if p is not None and q is not None:
            left.append(ec_bn254.PointG1(*p))
            right.append(q)
    if not left:
        return _TRUE
    return _TRUE if ec_bn254.multi_pairing(left, right) == _ONE_IN_GT else _FALSE


def _read_field_element(payload: bytes, start: int) -> int:
    number = int.from_bytes(payload[start : start + 32], "big")
    if number >= FIELD_MODULUS:
        raise PrecompileFailure("coordinate is not below the field modulus")
    return number


def _read_g1(payload: bytes, start: int) -> _Affine | None:
    """The point at `start`; None for infinity, which is written (0, 0). G1 is the whole curve."""
    x = _read_field_element(payload, start)
    y = _read_field_element(payload, start + 32)
    if x == 0 and y == 0:
        return None
    if (y * y - x * x * x - 3) % FIELD_MODULUS:
        raise PrecompileFailure("point is not on the curve of G1")
    return x, y


def _read_g2(payload: bytes, start: int) -> ec_bn254.PointG2 | None:
    """The point at `start`; None for infinity.

    It goes to the library in compressed form, because that reader checks the subgroup and answers with an
    error, where the constructor from coordinates panics.
    """
    x1, x0, y1, y0 = (_read_field_element(payload, start + offset) for offset in (0, 32, 64, 96))
    if not (x0 or x1 or y0 or y1):
        return None
    if not _is_on_g2_curve((x0, x1), (y0, y1)):
        raise PrecompileFailure("point is not on the curve of G2")
    half = FIELD_MODULUS // 2
    larger = y1 > half or (y1 == 0 and y0 > half)
    compressed = bytearray(x0.to_bytes(32, "little") + x1.to_bytes(32, "little"))
    if larger:
        compressed[-1] |= _COMPRESSED_Y_IS_LARGER
    try:
        return ec_bn254.PointG2.from_bytes(bytes(compressed))
    except ValueError:
        raise PrecompileFailure("point is not in the subgroup G2") from None


def _is_on_g2_curve(x: _Extension, y: _Extension) -> bool:
    """y**2 == x**3 + 3/(9+u)."""
    x0, x1 = x
    y0, y1 = y
    square0, square1 = x0 * x0 - x1 * x1, 2 * x0 * x1
    cube0, cube1 = square0 * x0 - square1 * x1, square0 * x1 + square1 * x0
    return not (
        (y0 * y0 - y1 * y1 - cube0 - _G2_B[0]) % FIELD_MODULUS
        or (2 * y0 * y1 - cube1 - _G2_B[1]) % FIELD_MODULUS
    )


def _add_affine(first: _Affine, second: _Affine) -> _Affine | None:
    """Chord and tangent rule; None for infinity."""
    x1, y1 = first
    x2, y2 = second
    if x1 == x2:
        if y1 != y2 or y1 == 0:
            return None
        slope = 3 * x1 * x1 * int(gmpy2.invert(2 * y1, FIELD_MODULUS)) % FIELD_MODULUS
    else:
        slope = (y2 - y1) * int(gmpy2.invert(x2 - x1, FIELD_MODULUS)) % FIELD_MODULUS
    x3 = (slope * slope - x1 - x2) % FIELD_MODULUS
    return x3, (slope * (x1 - x3) - y1) % FIELD_MODULUS


def _write_g1(point: _Affine | None) -> bytes:
    if point is None:
        return _INFINITY
    return point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


BN254_ADD: Final = Precompile("bn254_add", fixed_price(ADD_GAS), guarded(add), fixed_reach(_ADD_INPUT_BYTES))
BN254_MULTIPLY: Final = Precompile(
    "bn254_mul", fixed_price(MULTIPLY_GAS), guarded(multiply), fixed_reach(_MULTIPLY_INPUT_BYTES)
)


def _is_long_pairing(payload: bytes) -> bool:
    return len(payload) > LONG_PAIRS * PAIR_BYTES


BN254_PAIRING: Final = Precompile("bn254_pairing", pairing_gas, guarded(Apart(pairing, _is_long_pairing)))

# Before EIP-1108 (Istanbul).
BN254_ADD_BYZANTIUM: Final = replace(BN254_ADD, gas=fixed_price(500))
BN254_MULTIPLY_BYZANTIUM: Final = replace(BN254_MULTIPLY, gas=fixed_price(40_000))
BN254_PAIRING_BYZANTIUM: Final = replace(BN254_PAIRING, gas=pairing_gas_byzantium)
