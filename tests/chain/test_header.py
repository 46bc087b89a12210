"""Headers have Ethereum's bytes and hashes."""

from dataclasses import fields, replace
from typing import Any

import pytest
import rlp as reference
from hypothesis import given
from hypothesis import strategies as st

from chain.header import Header, HeaderError, decode_header
from chain.keccak import keccak256
from chain.rlp import encode
from chain.types import Address, Hash32

# Block 54 of the chain of ethereum/execution-apis (CC0), and the hash that its RPC answers give.
OFFICIAL_HEADER = bytes.fromhex(
    "f90260a01c40cb1eae4d15a808b06f18145f4585fd6d45244b332853bd695e62e6990454a01dcc4de8dec75d7aab85b567b6"
    "ccd41ad312451b948a7413f0a142fd40d49347940000000000000000000000000000000000000000a06da8f636cdc85dbe8c"
    "1b5299e5db22f462c041febaf3b78cac1040152ee30b3ba01d8e3b1f3ca532f9ea439d21d14dc59b7b5871dcd32c0c4c328d"
    "17e18f8f85b3a01a7a488c0a3a5c1f846f03b8f37243cadc7e2b085d95f93612da2bdf3973d5ddb901000000000000000000"
    "0000008000000000000000000000010000000000800000000000002000000000000000000200000800020000000000000000"
    "0000000000000100000000000000000040000008000002000000000000004008000010010020000000001000000000000000"
    "0000000000000000000000000000000000000000000000000100020000000000000000000100000000000002200000000800"
    "0000000000000000009000800000000000000000200002400000001000000000000000000000001000000200000000000000"
    "0000008000000200000001000400000000002000000000000000000000010000000000008048000000000000000080008036"
    "840bebc20083052f7182021c80a0000000000000000000000000000000000000000000000000000000000000000088000000"
    "00000000008401a21397a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b4218080a0346910f7"
    "e777c596be32f0dcf46ccfda2efe8d6c5d3abbfe0f76dba7437f5dada0e3b0c44298fc1c149afbf4c8996fb92427ae41e464"
    "9b934ca495991b7852b855"
)
OFFICIAL_HASH = "d226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7"

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
uint64 = st.integers(0, 2**64 - 1)
uint256 = st.integers(0, 2**256 - 1)
headers = st.builds(
    Header,
    hashes,
    hashes,
    st.binary(min_size=20, max_size=20).map(Address),
    hashes,
    hashes,
    hashes,
    st.binary(min_size=256, max_size=256),
    uint256,
    uint64,
    uint64,
    uint64,
    uint64,
    st.binary(max_size=32),
    hashes,
    st.binary(min_size=8, max_size=8),
    uint256,
    hashes,
    uint64,
    uint64,
    hashes,
    st.none() | hashes,
)

SIZES: dict[str, int] = {
    "parent_hash": 32, "ommers_hash": 32, "beneficiary": 20, "state_root": 32, "transactions_root": 32,
    "receipts_root": 32, "logs_bloom": 256, "prev_randao": 32, "nonce": 8, "withdrawals_root": 32,
    "parent_beacon_block_root": 32, "requests_hash": 32,
}  # fmt: skip
WIDTHS: dict[str, int] = {
    "difficulty": 32, "number": 8, "gas_limit": 8, "gas_used": 8, "timestamp": 8, "base_fee_per_gas": 32,
    "blob_gas_used": 8, "excess_blob_gas": 8,
}  # fmt: skip
POSITIONS = [field.name for field in fields(Header) if field.init]


def items() -> list[Any]:
    return list(reference.decode(OFFICIAL_HEADER))


def test_an_official_header_has_its_known_hash() -> None:
    header = decode_header(OFFICIAL_HEADER)
    assert header.hash.hex() == OFFICIAL_HASH
    assert header.encode() == OFFICIAL_HEADER
    assert header.number == 54


@given(headers)
def test_every_header_round_trips(header: Header) -> None:
    encoded = header.encode()
    decoded = decode_header(encoded)
    assert decoded == header
    assert decoded.hash == header.hash == keccak256(encoded)
    assert len(reference.decode(encoded)) == (20 if header.requests_hash is None else 21)


@given(st.integers(0, len(OFFICIAL_HEADER) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_the_hash(position: int, change: int) -> None:
    changed = bytearray(OFFICIAL_HEADER)
    changed[position] ^= change
    try:
        header = decode_header(bytes(changed))
    except HeaderError:
        return
    assert header.encode() == changed
    assert header.hash.hex() != OFFICIAL_HASH


@given(st.binary(max_size=200))
def test_any_bytes_give_a_header_error(raw: bytes) -> None:
    with pytest.raises(HeaderError):
        decode_header(raw)


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_byte_fields_have_a_fixed_size(name: str, size: int) -> None:
    wrong: Any
    for wrong in (b"", bytes(size - 1), bytes(size + 1), []):
        changed = items()
        changed[POSITIONS.index(name)] = wrong
        with pytest.raises(HeaderError, match=name.replace("_", " ")):
            decode_header(encode(changed))


@pytest.mark.parametrize(("name", "width"), WIDTHS.items())
def test_numbers_are_canonical_and_bounded(name: str, width: int) -> None:
    changed = items()
    changed[POSITIONS.index(name)] = b"\xff" * width
    assert getattr(decode_header(encode(changed)), name) == 2 ** (8 * width) - 1
    wrong: Any
    for wrong in (b"\x00", b"\x00\x01", b"\x01" * (width + 1), []):
        changed[POSITIONS.index(name)] = wrong
        with pytest.raises(HeaderError, match=name.replace("_", " ")):
            decode_header(encode(changed))


def test_extra_data_is_bounded() -> None:
    changed = items()
    changed[12] = bytes(32)
    assert decode_header(encode(changed)).extra_data == bytes(32)
    wrong: Any
    for wrong in (bytes(33), []):
        changed[12] = wrong
        with pytest.raises(HeaderError, match="extra data"):
            decode_header(encode(changed))


def test_the_number_of_fields_and_the_size_are_bounded() -> None:
    for changed in (items()[:19], [*items(), b""], []):
        with pytest.raises(HeaderError, match="fields"):
            decode_header(encode(changed))
    with pytest.raises(HeaderError, match="after the end"):
        decode_header(OFFICIAL_HEADER + b"\x00")
    with pytest.raises(HeaderError, match="at most"):
        decode_header(bytes(1025))
    with pytest.raises(HeaderError):
        decode_header(b"\x80")


def test_the_hash_depends_on_every_field() -> None:
    header = decode_header(OFFICIAL_HEADER)
    for name in POSITIONS:
        value = getattr(header, name)
        other = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:] if value else b"x"
        assert replace(header, **dict[str, Any]({name: other})).hash != header.hash
