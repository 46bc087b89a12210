import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import EnvironmentFault
from chain.keccak import keccak256
from chain.secp256k1 import CURVE_ORDER, PrivateKey
from tests.vm.precompiles.reference import ours, reference
from vm.precompiles import frontier


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def signed(seed: int) -> tuple[PrivateKey, bytes, int, int, int]:
    rng = random.Random(seed)
    key = PrivateKey(word(rng.randrange(1, CURVE_ORDER)))
    digest = keccak256(rng.randbytes(32))
    signature = key.sign(digest)
    return key, digest, 27 + signature.y_parity, signature.r, signature.s


@pytest.mark.parametrize("seed", range(10))
def test_ecrecover_finds_the_signer(seed: int) -> None:
    key, digest, v, r, s = signed(seed)
    payload = digest + word(v) + word(r) + word(s)
    assert ours(1, payload) == (3000, bytes(12) + key.address) == reference(1, payload)


def test_ecrecover_accepts_a_high_s() -> None:
    key, digest, v, r, s = signed(1)
    payload = digest + word(55 - v) + word(r) + word(CURVE_ORDER - s)
    assert ours(1, payload) == (3000, bytes(12) + key.address)


@pytest.mark.parametrize(
    ("v", "r", "s"),
    [
        (0, None, None),
        (1, None, None),
        (26, None, None),
        (29, None, None),
        (27 + 256, None, None),
        (27 + 2**255, None, None),
        (None, 0, None),
        (None, CURVE_ORDER, None),
        (None, CURVE_ORDER + 1, None),
        (None, 2**256 - 1, None),
        (None, None, 0),
        (None, None, CURVE_ORDER),
        (None, None, 2**256 - 1),
        (None, 5, None),  # x = 5 is on no point of the curve
    ],
)
def test_ecrecover_gives_nothing_for_a_bad_signature(v: int | None, r: int | None, s: int | None) -> None:
    _, digest, good_v, good_r, good_s = signed(2)
    values = (good_v if v is None else v, good_r if r is None else r, good_s if s is None else s)
    payload = digest + b"".join(map(word, values))
    assert ours(1, payload) == (3000, b"") == reference(1, payload)


def test_ecrecover_pads_short_input_and_ignores_the_rest() -> None:
    _, digest, v, r, _ = signed(3)
    s = 0x7FFF << 240
    cut = digest + word(v) + word(r) + word(s)[:2]
    assert ours(1, cut) == ours(1, cut + bytes(30)) == ours(1, cut + bytes(30) + b"tail") == reference(1, cut)
    assert ours(1, b"") == (3000, b"")


@given(st.binary(max_size=300))
def test_hashes_and_identity_equal_the_reference(payload: bytes) -> None:
    for number in (2, 3, 4):
        assert ours(number, payload) == reference(number, payload)


def test_ripemd160_has_a_second_implementation() -> None:
    second = frontier.select_ripemd160((frontier._pycryptodome_ripemd160,))
    assert bytes(12) + second(b"abc") == frontier.ripemd160(b"abc")


def test_a_machine_without_ripemd160_is_told_what_to_install() -> None:
    def missing() -> frontier.Digest:
        raise ImportError("Crypto")

    with pytest.raises(EnvironmentFault, match="pip install"):
        frontier.select_ripemd160((missing,))
