import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.precompiles.reference import ours, reference
from vm.precompiles.blake2f import blake2f, blake2f_gas

_STATE = bytes.fromhex(
    "48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
    "d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b"
)


def call(rounds: int, final: int, message: bytes = b"abc") -> bytes:
    return (
        rounds.to_bytes(4, "big")
        + _STATE
        + message.ljust(128, b"\x00")
        + len(message).to_bytes(8, "little")
        + bytes(8)
        + bytes((final,))
    )


@pytest.mark.parametrize(
    ("rounds", "final", "start"),
    [  # EIP-152 test vectors 4 to 7
        (0, 1, "08c9bcf367e6096a3ba7ca8485ae67bb2bf894fe72f36e3c"),
        (12, 1, "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b7"),
        (12, 0, "75ab69d3190a562c51aef8d88f1c2775876944407270c42c"),
        (1, 1, "b63a380cb2897d521994a85234ee2c181b5f844d2c624c00"),
    ],
)
def test_vectors_of_eip_152(rounds: int, final: int, start: str) -> None:
    result = ours(9, call(rounds, final))
    assert result is not None
    assert result[0] == rounds
    assert result[1].hex().startswith(start)


def test_twelve_final_rounds_are_blake2b() -> None:
    assert blake2f(call(12, 1)) == hashlib.blake2b(b"abc").digest()


@given(st.integers(0, 30), st.binary(min_size=208, max_size=208), st.integers(0, 2))
def test_it_equals_the_reference(rounds: int, body: bytes, final: int) -> None:
    payload = rounds.to_bytes(4, "big") + body + bytes((final,))
    assert ours(9, payload) == reference(9, payload)


@pytest.mark.parametrize("length", [0, 1, 4, 212, 214, 426])
def test_another_length_fails_and_is_free(length: int) -> None:
    payload = call(12, 1).ljust(500, b"\x01")[:length]
    assert ours(9, payload) is None
    assert blake2f_gas(payload) == 0


@pytest.mark.parametrize("final", [2, 3, 255])
def test_another_final_flag_fails(final: int) -> None:
    assert ours(9, call(12, final)) is None


def test_the_price_is_the_number_of_rounds_even_when_it_is_huge() -> None:
    assert blake2f_gas(call(2**32 - 1, 1)) == 2**32 - 1
