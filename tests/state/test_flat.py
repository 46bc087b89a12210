import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.types import Address
from state.flat import account_key, decode_slot_value, encode_slot_value, hashed_slot, slot_key

ADDRESS = Address(b"\x11" * 20)


def test_keys_are_the_column_and_the_hashes() -> None:
    assert account_key(ADDRESS) == b"a" + keccak256(ADDRESS)
    assert slot_key(ADDRESS, 5) == b"s" + keccak256(ADDRESS) + keccak256((5).to_bytes(32, "big"))


@given(st.integers(0, 2**256 - 1))
def test_slot_values_read_back_and_are_minimal(value: int) -> None:
    raw = encode_slot_value(value)
    assert decode_slot_value(raw) == value
    assert not raw.startswith(b"\x00")


@pytest.mark.parametrize("number", [-1, 2**256])
def test_slots_and_values_beyond_256_bits_are_bugs(number: int) -> None:
    with pytest.raises(InvariantViolation):
        encode_slot_value(number)
    with pytest.raises(InvariantViolation):
        hashed_slot(number)


def test_a_stored_value_of_more_than_32_bytes_is_refused() -> None:
    with pytest.raises(ValueError):
        decode_slot_value(bytes(33))
