"""Remembered hashes: right for every type of key, bounded, and paid for each time."""

from __future__ import annotations

import pytest

from chain.keccak import keccak256
from tests.vm.system.storage.memory import MemoryStorage
from vm.system.abi.types import (
    AddressType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    UintType,
)
from vm.system.storage import hashing
from vm.system.storage.hashing import locator
from vm.system.storage.layout import KeyType

BASE = 3


@pytest.mark.parametrize(
    ("key_type", "key", "padded"),
    [
        (UintType(8), 7, (7).to_bytes(32)),
        (UintType(256), 2**256 - 1, b"\xff" * 32),
        (IntType(8), -1, b"\xff" * 32),
        (IntType(256), 5, (5).to_bytes(32)),
        (BoolType(), True, (1).to_bytes(32)),
        (AddressType(), b"\x0a" * 20, bytes(12) + b"\x0a" * 20),
        (FixedBytesType(20), b"\x0a" * 20, b"\x0a" * 20 + bytes(12)),
        (FixedBytesType(32), b"\x0a" * 32, b"\x0a" * 32),
        (StringType(), "äx", "äx".encode()),
        (StringType(), "\udcff", b"\xff"),
        (BytesType(), b"\xff\x00", b"\xff\x00"),
        (BytesType(), b"", b""),
    ],
)
def test_a_key_is_padded_as_solidity_pads_it(key_type: KeyType, key: object, padded: bytes) -> None:
    expected = int.from_bytes(keccak256(padded + BASE.to_bytes(32)))
    for _ in range(2):
        assert locator(key_type)(MemoryStorage(), key, BASE) == expected


@pytest.mark.parametrize("key_type", [UintType(32), AddressType(), StringType()])
def test_the_same_key_costs_the_same_gas_again(key_type: KeyType) -> None:
    key = {UintType(32): 123456, AddressType(): b"\x77" * 20, StringType(): "s"}[key_type]
    costs = []
    for _ in range(3):
        frame = MemoryStorage()
        locator(key_type)(frame, key, 1 << 200)
        costs.append(frame.gas_used)
    assert costs == [42, 42, 42]


@pytest.mark.parametrize(
    ("key_type", "key"),
    [
        (AddressType(), b"\x01" * 19),
        (AddressType(), "0x" + "01" * 20),
        (AddressType(), bytearray(20)),
        (FixedBytesType(4), b"\x01" * 5),
        (BytesType(), "text"),
        (BytesType(), 3),
        (BoolType(), 2),
        (BoolType(), "yes"),
    ],
)
def test_a_key_of_another_python_type_is_a_mistake_of_the_contract(key_type: KeyType, key: object) -> None:
    with pytest.raises(TypeError):
        locator(key_type)(MemoryStorage(), key, BASE)


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "MAX_REMEMBERED", 4)
    known: dict[int, int] = {}
    for key in range(10):
        digest = key.to_bytes(32)
        assert hashing._remember(known, key, digest) == key
        assert len(known) <= 4
    assert known[9] == 9


def test_numbers_that_collide_as_ints_do_not_collide_as_keys() -> None:
    """A dict of ints looks at each of those before it finds the last: with 3,000 of them, 1,500 on average."""
    locate, frame = locator(UintType(256)), MemoryStorage()
    prime = 2**61 - 1
    colliding = [7 + n * prime for n in range(3_000)]
    assert len({hash(key) for key in colliding}) == 1
    assert len({hash(key.to_bytes(32)) for key in colliding}) > 2_900
    assert len({locate(frame, key, BASE) for key in colliding}) == 3_000


def test_a_number_is_no_flag_whatever_was_asked_before() -> None:
    locate = locator(BoolType())
    first = locate(MemoryStorage(), True, 5)
    assert locate(MemoryStorage(), True, 5) == first
    with pytest.raises(TypeError):
        locate(MemoryStorage(), 1, 5)
