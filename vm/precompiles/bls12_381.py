"""The curve BLS12-381: addition, multi-scalar multiplication, pairing check, mapping (0x0b to 0x11).

Owns: the encoding of EIP-2537 (coordinates of 64 bytes, 16 of them zero) and the prices. The arithmetic,
curve and subgroup checks are those of arkworks. Additions take any point of the curve, everything else
only points of the subgroup. Specification: EIP-2537, as activated with Prague.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from vm.precompiles.interface import Payload, Precompile, PrecompileFailure, fixed_price, fixed_reach, guarded
from vm.precompiles.msm_discounts import G1_DISCOUNTS, G1_MAX_DISCOUNT, G2_DISCOUNTS, G2_MAX_DISCOUNT

G1_ADD_GAS: Final = 375
G1_MULTIPLY_GAS: Final = 12_000
G2_ADD_GAS: Final = 600
G2_MULTIPLY_GAS: Final = 22_500
PAIRING_BASE_GAS: Final = 37_700
PAIRING_GAS_PER_PAIR: Final = 32_600
MAP_FP_TO_G1_GAS: Final = 5_500
MAP_FP2_TO_G2_GAS: Final = 23_800
_DISCOUNT_UNIT: Final = 1_000

_ELEMENT_BYTES: Final = 64
_PADDING: Final = bytes(16)
G1_BYTES: Final = 2 * _ELEMENT_BYTES
G2_BYTES: Final = 4 * _ELEMENT_BYTES
_SCALAR_BYTES: Final = 32
G1_TERM_BYTES: Final = G1_BYTES + _SCALAR_BYTES
G2_TERM_BYTES: Final = G2_BYTES + _SCALAR_BYTES
PAIR_BYTES: Final = G1_BYTES + G2_BYTES

_TRUE: Final = (1).to_bytes(32, "big")
_FALSE: Final = bytes(32)


def g1_add(payload: bytes) -> bytes:
    """P + Q of two points of the curve of G1, 128 bytes each. Raises PrecompileFailure."""
    _require_length(payload, 2 * G1_BYTES)
    try:
        first = G1Point.from_xy_bytes_unchecked_be(_unpad(payload[:G1_BYTES]))
        second = G1Point.from_xy_bytes_unchecked_be(_unpad(payload[G1_BYTES:]))
    except ValueError as error:
        raise PrecompileFailure(str(error)) from None
    return _pad((first + second).to_xy_bytes_be())


def g1_msm(payload: bytes) -> bytes:
    """The sum of P * scalar over terms of 160 bytes; scalars are any 256-bit numbers.

    Raises PrecompileFailure for no term, a broken one, or a point outside G1.
    """
    starts = _starts(payload, G1_TERM_BYTES)
    points = [_read_g1(payload, start) for start in starts]
    scalars = [_read_scalar(payload, start + G1_BYTES) for start in starts]
    return _pad(G1Point.multiexp_unchecked(points, scalars).to_xy_bytes_be())


def g2_add(payload: bytes) -> bytes:
    """P + Q of two points of the curve of G2, 256 bytes each. Raises PrecompileFailure."""
    _require_length(payload, 2 * G2_BYTES)
    try:
        first = G2Point.from_xy_bytes_unchecked_be(_unpad(payload[:G2_BYTES]))
        second = G2Point.from_xy_bytes_unchecked_be(_unpad(payload[G2_BYTES:]))
    except ValueError as error:
        raise PrecompileFailure(str(error)) from None
    return _pad((first + second).to_xy_bytes_be())


def g2_msm(payload: bytes) -> bytes:
    """The sum of P * scalar over terms of 288 bytes. Raises PrecompileFailure as `g1_msm`."""
    starts = _starts(payload, G2_TERM_BYTES)
    points = [_read_g2(payload, start) for start in starts]
    scalars = [_read_scalar(payload, start + G2_BYTES) for start in starts]
    return _pad(G2Point.multiexp_unchecked(points, scalars).to_xy_bytes_be())


def pairing_gas(payload: Payload) -> int:
    return PAIRING_BASE_GAS + PAIRING_GAS_PER_PAIR * (len(payload) // PAIR_BYTES)


def pairing(payload: bytes) -> bytes:
    """1 in 32 bytes when the product of e(P, Q) over all pairs of 384 bytes is one, else 0.

    Raises PrecompileFailure for no pair, a broken one, or a point outside its subgroup.
    """
    starts = _starts(payload, PAIR_BYTES)
    left = []
    right = []
    for start in starts:
        left.append(_read_g1(payload, start))
        right.append(_read_g2(payload, start + G1_BYTES))
    return _TRUE if GT.pairing_check(left, right) else _FALSE


def map_fp_to_g1(payload: bytes) -> bytes:
    """A field element of 64 bytes mapped into G1 (RFC 9380). Raises PrecompileFailure for a malformed one."""
    _require_length(payload, _ELEMENT_BYTES)
    try:
        point = G1Point.map_from_fp_be(_unpad(payload))
    except ValueError as error:
        raise PrecompileFailure(str(error)) from None
    return _pad(point.to_xy_bytes_be())


def map_fp2_to_g2(payload: bytes) -> bytes:
    """An element (c0, c1) of the extension field, 128 bytes, mapped into G2. Raises as `map_fp_to_g1`."""
    _require_length(payload, 2 * _ELEMENT_BYTES)
    try:
        point = G2Point.map_from_fp2_be(_unpad(payload))
    except ValueError as error:
        raise PrecompileFailure(str(error)) from None
    return _pad(point.to_xy_bytes_be())


def msm_gas(
    term_bytes: int, price: int, discounts: Sequence[int], max_discount: int
) -> Callable[[Payload], int]:
    """The price of k terms: k * price * discount(k) / 1000; 0 for none."""

    def gas(payload: Payload) -> int:
        terms = len(payload) // term_bytes
        if terms == 0:
            return 0
        discount = discounts[terms - 1] if terms <= len(discounts) else max_discount
        return terms * price * discount // _DISCOUNT_UNIT

    return gas


def _require_length(payload: bytes, length: int) -> None:
    if len(payload) != length:
        raise PrecompileFailure(f"input has {len(payload)} bytes, not {length}")


def _starts(payload: bytes, item_bytes: int) -> range:
    if not payload or len(payload) % item_bytes:
        raise PrecompileFailure(f"input is no positive multiple of {item_bytes} bytes")
    return range(0, len(payload), item_bytes)


def _unpad(elements: bytes) -> bytes:
    """The 48 low bytes of each 64; the high ones must be zero. The library checks the rest."""
    low = []
    for start in range(0, len(elements), _ELEMENT_BYTES):
        if elements[start : start + 16] != _PADDING:
            raise PrecompileFailure("the top 16 bytes of a field element are not zero")
        low.append(elements[start + 16 : start + _ELEMENT_BYTES])
    return b"".join(low)


def _pad(elements: bytes) -> bytes:
    return b"".join(_PADDING + elements[start : start + 48] for start in range(0, len(elements), 48))


def _read_g1(payload: bytes, start: int) -> G1Point:
    try:
        return G1Point.from_xy_bytes_be(_unpad(payload[start : start + G1_BYTES]))
    except ValueError as error:
        raise PrecompileFailure(str(error)) from None


def _read_g2(payload: bytes, start: int) -> G2Point:
    try:
        return G2Point.from_xy_bytes_be(_unpad(payload[start : start + G2_BYTES]))
    except ValueError as error:
        raise PrecompileFailure(str(error)) from None


def _read_scalar(payload: bytes, start: int) -> Scalar:
    return Scalar.from_be_bytes_mod_order(payload[start : start + _SCALAR_BYTES])


G1_MSM_GAS: Final = msm_gas(G1_TERM_BYTES, G1_MULTIPLY_GAS, G1_DISCOUNTS, G1_MAX_DISCOUNT)
G2_MSM_GAS: Final = msm_gas(G2_TERM_BYTES, G2_MULTIPLY_GAS, G2_DISCOUNTS, G2_MAX_DISCOUNT)

BLS12_G1_ADD: Final = Precompile(
    "bls12_g1add", fixed_price(G1_ADD_GAS), guarded(g1_add), fixed_reach(2 * G1_BYTES + 1)
)
BLS12_G1_MSM: Final = Precompile("bls12_g1msm", G1_MSM_GAS, guarded(g1_msm))
BLS12_G2_ADD: Final = Precompile(
    "bls12_g2add", fixed_price(G2_ADD_GAS), guarded(g2_add), fixed_reach(2 * G2_BYTES + 1)
)
BLS12_G2_MSM: Final = Precompile("bls12_g2msm", G2_MSM_GAS, guarded(g2_msm))
BLS12_PAIRING: Final = Precompile("bls12_pairing_check", pairing_gas, guarded(pairing))
BLS12_MAP_FP_TO_G1: Final = Precompile(
    "bls12_map_fp_to_g1",
    fixed_price(MAP_FP_TO_G1_GAS),
    guarded(map_fp_to_g1),
    fixed_reach(_ELEMENT_BYTES + 1),
)
BLS12_MAP_FP2_TO_G2: Final = Precompile(
    "bls12_map_fp2_to_g2",
    fixed_price(MAP_FP2_TO_G2_GAS),
    guarded(map_fp2_to_g2),
    fixed_reach(2 * _ELEMENT_BYTES + 1),
)
