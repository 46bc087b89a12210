import hashlib
from typing import Any

import ckzg
import pytest

from chain.errors import EnvironmentFault
from tests.vm.precompiles.reference import ours
from vm.precompiles import kzg

SUCCESS = (4096).to_bytes(32, "big") + kzg.BLS_MODULUS.to_bytes(32, "big")
INFINITY = b"\xc0" + bytes(47)


@pytest.fixture(scope="module")
def setup() -> Any:
    return kzg.load_trusted_setup()


@pytest.fixture(scope="module")
def opening(setup: Any) -> tuple[bytes, bytes, bytes, bytes]:
    """(z, y, commitment, proof) of a polynomial that is not constant."""
    blob = b"".join((7 * i + 1).to_bytes(32, "big") for i in range(4096))
    commitment = ckzg.blob_to_kzg_commitment(blob, setup)
    z = (123456789).to_bytes(32, "big")
    proof, y = ckzg.compute_kzg_proof(blob, z, setup)
    return z, y, commitment, proof


def call(z: bytes, y: bytes, commitment: bytes, proof: bytes) -> bytes:
    versioned_hash = b"\x01" + hashlib.sha256(commitment).digest()[1:]
    return versioned_hash + z + y + commitment + proof


def test_a_right_opening_gives_the_two_constants(opening: tuple[bytes, bytes, bytes, bytes]) -> None:
    assert ours(0x0A, call(*opening)) == (50_000, SUCCESS)


def test_the_zero_polynomial_opens_to_zero_everywhere() -> None:
    assert ours(0x0A, call(bytes(32), bytes(32), INFINITY, INFINITY)) == (50_000, SUCCESS)


def test_a_wrong_value_fails(opening: tuple[bytes, bytes, bytes, bytes]) -> None:
    z, y, commitment, proof = opening
    wrong = (int.from_bytes(y, "big") + 1).to_bytes(32, "big")
    assert ours(0x0A, call(z, wrong, commitment, proof)) is None
    assert ours(0x0A, call(z, y, commitment, commitment)) is None
    assert ours(0x0A, call(z, y, proof, proof)) is None


def test_numbers_must_be_below_the_modulus(opening: tuple[bytes, bytes, bytes, bytes]) -> None:
    z, y, commitment, proof = opening
    for number in (kzg.BLS_MODULUS, 2**256 - 1):
        big = number.to_bytes(32, "big")
        assert ours(0x0A, call(big, y, commitment, proof)) is None
        assert ours(0x0A, call(z, big, commitment, proof)) is None
    shifted = (int.from_bytes(z, "big") + kzg.BLS_MODULUS).to_bytes(32, "big")
    assert ours(0x0A, call(shifted, y, commitment, proof)) is None


@pytest.mark.parametrize(
    "point",
    [
        bytes(48),
        b"\xff" * 48,
        b"\x80" + bytes(47),  # x = 0 is not in the subgroup
        b"\xe0" + bytes(47),  # infinity with a sign
        b"\xc0" + bytes(46) + b"\x01",  # infinity with a coordinate
        b"\x40" + bytes(47),  # infinity that is not marked as compressed
    ],
)
def test_malformed_points_fail(point: bytes, opening: tuple[bytes, bytes, bytes, bytes]) -> None:
    z, y, commitment, proof = opening
    assert ours(0x0A, call(z, y, point, proof)) is None
    assert ours(0x0A, call(z, y, commitment, point)) is None


def test_the_versioned_hash_must_be_the_commitments(opening: tuple[bytes, bytes, bytes, bytes]) -> None:
    payload = call(*opening)
    assert ours(0x0A, b"\x02" + payload[1:]) is None
    assert ours(0x0A, payload[:31] + bytes((payload[31] ^ 1,)) + payload[32:]) is None


@pytest.mark.parametrize("length", [0, 191, 193])
def test_another_length_fails(length: int, opening: tuple[bytes, bytes, bytes, bytes]) -> None:
    assert ours(0x0A, (call(*opening) + b"\x00")[:length]) is None


def test_the_setup_is_loaded_once(setup: Any) -> None:
    assert kzg.load_trusted_setup() is setup


def test_a_missing_or_foreign_setup_is_an_environment_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    uncached = kzg.load_trusted_setup.__wrapped__
    monkeypatch.setattr(kzg, "_SETUP_SHA256", "0" * 64)
    with pytest.raises(EnvironmentFault, match="is not the KZG trusted setup"):
        uncached()
    monkeypatch.setattr(kzg, "_SETUP_FILE", "no_such_file.txt")
    with pytest.raises(EnvironmentFault, match="cannot be read"):
        uncached()
    monkeypatch.setattr(kzg, "_SETUP_PACKAGE", "no_such_package_at_all")
    with pytest.raises(EnvironmentFault, match="not installed"):
        uncached()
