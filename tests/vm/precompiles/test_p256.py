"""P-256 verification (EIP-7951): keys and signatures that OpenSSL makes, and the edges that the EIP names."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from chain.types import Address
from vm.forks import Fork
from vm.precompiles import PRECOMPILES
from vm.precompiles.p256 import FIELD_MODULUS, GROUP_ORDER, P256_VERIFY, VALID, VERIFY_GAS, verify

KEY = ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
DIGEST = bytes(range(32))


def words(*numbers: int) -> bytes:
    return b"".join([number.to_bytes(32, "big") for number in numbers])


def signed() -> tuple[int, int, int, int]:
    """(r, s, x, y)"""
    r, s = decode_dss_signature(KEY.sign(DIGEST, ec.ECDSA(Prehashed(SHA256()))))
    point = KEY.public_key().public_numbers()
    return r, s, point.x, point.y


def test_a_signature_is_accepted_and_so_is_its_twin_with_a_high_s() -> None:
    r, s, x, y = signed()
    assert verify(DIGEST + words(r, s, x, y)) == VALID
    assert verify(DIGEST + words(r, GROUP_ORDER - s, x, y)) == VALID


def test_another_digest_or_key_is_not_accepted() -> None:
    r, s, x, y = signed()
    assert verify(bytes(32) + words(r, s, x, y)) == b""
    assert verify(DIGEST + words(r, s, x, FIELD_MODULUS - y)) == b""


@pytest.mark.parametrize(
    "change",
    [
        {"r": 0},
        {"s": 0},
        {"r": GROUP_ORDER},
        {"s": GROUP_ORDER},
        {"s": 2**256 - 1},
        {"x": FIELD_MODULUS},
        {"y": FIELD_MODULUS},
        {"x": 0, "y": 0},
        {"x": 1},
    ],
)
def test_numbers_out_of_range_and_points_off_the_curve_answer_with_nothing(change: dict[str, int]) -> None:
    fields = dict(zip(("r", "s", "x", "y"), signed(), strict=True)) | change
    assert verify(DIGEST + words(*fields.values())) == b""


@pytest.mark.parametrize("size", [0, 1, 159, 161, 320])
def test_input_of_another_length_answers_with_nothing(size: int) -> None:
    whole = DIGEST + words(*signed())
    assert verify((whole * 2)[:size]) == b""


def test_it_stands_at_0x100_from_osaka_on_and_has_one_price() -> None:
    place = Address((0x100).to_bytes(20, "big"))
    assert place not in PRECOMPILES[Fork.PRAGUE]
    assert PRECOMPILES[Fork.OSAKA][place] is P256_VERIFY
    assert P256_VERIFY.gas(b"") == P256_VERIFY.gas(bytes(500)) == VERIFY_GAS == 6_900
