"""Verification of a signature on the curve P-256 (0x100).

Owns: the checks of the input and the call of OpenSSL. Never does: refuse a signature for a high s: the EIP allows it.
Specification: EIP-7951. Invalid input of any kind answers with nothing; the call itself never fails.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from vm.precompiles.interface import Precompile, fixed_price, fixed_reach, guarded

INPUT_BYTES: Final = 160  # hash, r, s, x, y
VERIFY_GAS: Final = 6_900
VALID: Final = (1).to_bytes(32, "big")

FIELD_MODULUS: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
GROUP_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_CURVE: Final = SECP256R1()
_ALGORITHM: Final = ECDSA(Prehashed(SHA256()))


def verify(payload: bytes) -> bytes:
    """VALID if (r, s) is a signature of the hash by the key (x, y), else nothing."""
    if len(payload) != INPUT_BYTES:
        return b""
    r, s, x, y = (int.from_bytes(payload[start : start + 32], "big") for start in (32, 64, 96, 128))
    if not (0 < r < GROUP_ORDER and 0 < s < GROUP_ORDER and x < FIELD_MODULUS and y < FIELD_MODULUS):
        return b""
    try:
        key = EllipticCurvePublicNumbers(x, y, _CURVE).public_key()  # refuses what is not on the curve
        key.verify(encode_dss_signature(r, s), payload[:32], _ALGORITHM)
    except (ValueError, InvalidSignature):
        return b""
    return VALID


P256_VERIFY: Final = Precompile(
    "p256_verify", fixed_price(VERIFY_GAS), guarded(verify), fixed_reach(INPUT_BYTES + 1)
)
