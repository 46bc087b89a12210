"""Keys and signatures: known vectors, low s, and nothing secret in texts."""

import pytest
from eth_keys.datatypes import PrivateKey as ReferenceKey
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.secp256k1 import (
    CURVE_ORDER,
    HALF_CURVE_ORDER,
    InvalidPrivateKey,
    InvalidPublicKey,
    InvalidSignature,
    PrivateKey,
    address_of_public_key,
    recover_address,
    verify,
)
from chain.types import Hash32, checksum_address

secrets = st.integers(1, CURVE_ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
digests = st.binary(min_size=32, max_size=32).map(Hash32)
KEY = PrivateKey(b"\x46" * 32)
DIGEST = keccak256(b"message")


def test_the_address_of_a_known_key() -> None:
    key = PrivateKey(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
    assert checksum_address(key.address) == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert address_of_public_key(key.public_key) == key.address


def test_the_known_vector_of_the_ecrecover_precompile() -> None:
    address = recover_address(
        Hash32(bytes.fromhex("456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3")),
        1,
        0x9242685BF161793CC25603C231BC2F568EB630EA16AA137D2664AC8038825608,
        0x4F8AE3BD7535248D0BD448298CC2E2071E56992D0774DC340C368AE950852ADA,
    )
    assert address.hex() == "7156526fbd7a3c72969b54f64e42c10fbb768c8a"


@settings(max_examples=50)
@given(secrets, digests)
def test_signatures_recover_verify_and_agree_with_the_reference(secret: bytes, digest: Hash32) -> None:
    key = PrivateKey(secret)
    y_parity, r, s = key.sign(digest)
    assert s <= HALF_CURVE_ORDER
    assert recover_address(digest, y_parity, r, s) == key.address
    compact = key.sign_compact(digest)
    assert compact == r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert verify(key.public_key, digest, compact)
    assert ReferenceKey(secret).sign_msg_hash(digest).vrs == (y_parity, r, s)


@settings(max_examples=50)
@given(digests, st.integers(0, 63), st.integers(1, 255))
def test_a_changed_signature_does_not_verify(digest: Hash32, position: int, change: int) -> None:
    signature = bytearray(KEY.sign_compact(digest))
    signature[position] ^= change
    assert not verify(KEY.public_key, digest, bytes(signature))


def test_a_signature_holds_for_its_digest_and_key_only() -> None:
    signature = KEY.sign_compact(DIGEST)
    assert not verify(KEY.public_key, keccak256(b"other"), signature)
    assert not verify(PrivateKey(b"\x01" * 32).public_key, DIGEST, signature)


def test_high_s_is_refused_unless_asked_for() -> None:
    y_parity, r, s = KEY.sign(DIGEST)
    mirrored = CURVE_ORDER - s
    with pytest.raises(InvalidSignature):
        recover_address(DIGEST, 1 - y_parity, r, mirrored)
    assert recover_address(DIGEST, 1 - y_parity, r, mirrored, allow_high_s=True) == KEY.address
    assert not verify(KEY.public_key, DIGEST, r.to_bytes(32, "big") + mirrored.to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("y_parity", "r", "s"),
    [
        (0, 0, 1),
        (0, 1, 0),
        (0, CURVE_ORDER, 1),
        (0, 1, CURVE_ORDER),
        (0, 1, HALF_CURVE_ORDER + 1),
        (2, 1, 1),
        (-1, 1, 1),
        (0, -1, 1),
        (0, 2**256, 1),
    ],
)
def test_numbers_out_of_range_are_refused(y_parity: int, r: int, s: int) -> None:
    with pytest.raises(InvalidSignature):
        recover_address(DIGEST, y_parity, r, s)


def test_an_r_that_is_no_point_of_the_curve_is_refused() -> None:
    with pytest.raises(InvalidSignature, match="no public key"):
        recover_address(DIGEST, 0, 5, 1)  # x = 5 has no y on secp256k1


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(63), b"\x01" * 65, b"\xff" * 64])
def test_bytes_that_are_no_signature_do_not_verify(signature: bytes) -> None:
    assert not verify(KEY.public_key, DIGEST, signature)


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33), bytes(32), CURVE_ORDER.to_bytes(32, "big")])
def test_bytes_that_are_no_secret_are_refused(secret: bytes) -> None:
    with pytest.raises(InvalidPrivateKey):
        PrivateKey(secret)


@pytest.mark.parametrize(
    "public_key",
    [b"", bytes(33), b"\x04" + bytes(32), b"\x02" + b"\xff" * 32, b"\x02" + (5).to_bytes(32, "big")],
)
def test_bytes_that_are_no_compressed_point_are_refused(public_key: bytes) -> None:
    with pytest.raises(InvalidPublicKey):
        address_of_public_key(public_key)
    with pytest.raises(InvalidPublicKey):
        verify(public_key, DIGEST, KEY.sign_compact(DIGEST))


def test_only_digests_of_32_bytes_are_signed() -> None:
    for attempt in (
        lambda: KEY.sign(Hash32(b"short")),
        lambda: KEY.sign_compact(Hash32(bytes(33))),
        lambda: recover_address(Hash32(b""), 0, 1, 1),
        lambda: verify(KEY.public_key, Hash32(b""), bytes(64)),
    ):
        with pytest.raises(InvariantViolation):
            attempt()


def test_a_key_shows_its_address_and_never_its_secret() -> None:
    assert KEY.address.hex() in repr(KEY)
    assert KEY.secret.hex() not in f"{KEY!r} {KEY}"


def test_keys_are_equal_by_their_public_key() -> None:
    assert PrivateKey(KEY.secret) == KEY
    assert hash(PrivateKey(KEY.secret)) == hash(KEY)
    assert PrivateKey(b"\x01" * 32) != KEY
