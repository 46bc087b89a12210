"""Parameters are read as go-ethereum reads them, with its texts for what is wrong."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.errors import RpcError
from rpc.params.call_params import block_overrides, call_object, call_object_with_blobs, state_overrides
from rpc.params.method import MalformedArgument, Parameter, bind, optional
from rpc.params.values import (
    BlockTag,
    address,
    block_number_or_tag,
    block_reference,
    boolean,
    byte_string,
    decimal_or_hex_uint64,
    hash32,
    percentiles,
    quantity,
    storage_key,
    uint64,
)

ADDRESS_TEXT = "0x" + "aB" * 20
HASH_TEXT = "0x" + "01" * 32

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
HEX_LIKE = st.from_regex(r"0[xX][0-9a-fA-FgG ]{0,70}", fullmatch=True)

CODECS: list[Any] = [
    address,
    hash32,
    quantity,
    uint64,
    byte_string,
    boolean,
    storage_key,
    percentiles,
    decimal_or_hex_uint64,
    block_number_or_tag,
    block_reference,
    call_object,
    state_overrides,
    block_overrides,
]


@given(JSON | HEX_LIKE)
def test_every_codec_answers_any_json_with_a_value_or_a_refusal(value: object) -> None:
    for codec in CODECS:
        # Any other exception would be answered as an internal error.
        with contextlib.suppress(MalformedArgument, RpcError):
            codec(value)


@given(st.binary(max_size=200))
def test_byte_strings_round_trip(payload: bytes) -> None:
    assert byte_string("0x" + payload.hex()) == payload
    assert byte_string("0X" + payload.hex().upper()) == payload


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_quantities_round_trip(number: int) -> None:
    assert quantity(hex(number)) == number


@pytest.mark.parametrize(
    ("codec", "value", "text"),
    [
        (byte_string, "12", "json: cannot unmarshal hex string without 0x prefix into Go value of type hexutil.Bytes"),
        (byte_string, "0x1", "json: cannot unmarshal hex string of odd length into Go value of type hexutil.Bytes"),
        (byte_string, "0xzz", "json: cannot unmarshal invalid hex string into Go value of type hexutil.Bytes"),
        (byte_string, "0x12 4", "json: cannot unmarshal invalid hex string into Go value of type hexutil.Bytes"),
        (byte_string, "0x12  ", "json: cannot unmarshal invalid hex string into Go value of type hexutil.Bytes"),
        (byte_string, 7, "json: cannot unmarshal non-string into Go value of type hexutil.Bytes"),
        (address, "0x12", "hex string has length 2, want 40 for common.Address"),
        (hash32, "01" * 32, "json: cannot unmarshal hex string without 0x prefix into Go value of type common.Hash"),
        (hash32, "", "json: cannot unmarshal empty hex string into Go value of type common.Hash"),
        (quantity, "0x", 'json: cannot unmarshal hex string "0x" into Go value of type *hexutil.Big'),
        (block_number_or_tag, "0x01", "hex number with leading zero digits"),
        (quantity, "0x1" + "0" * 64, "json: cannot unmarshal hex number > 256 bits into Go value of type *hexutil.Big"),
        (quantity, 1, "json: cannot unmarshal non-string into Go value of type *hexutil.Big"),
        (uint64, "0x1" + "0" * 16, "json: cannot unmarshal hex number > 64 bits into Go value of type hexutil.Uint64"),
        (block_number_or_tag, "2", "hex string without 0x prefix"),
        (block_number_or_tag, 2, "hex string without 0x prefix"),
        (block_number_or_tag, "newest", "hex string without 0x prefix"),
        (block_number_or_tag, "0x8000000000000000", "block number larger than int64"),
        (block_reference, {}, "invalid arguments; neither block nor hash specified"),
        (
            block_reference,
            {"blockHash": HASH_TEXT, "blockNumber": "0x1"},
            "cannot specify both BlockHash and BlockNumber, choose one or the other",
        ),
        (boolean, "true", "json: cannot unmarshal string into Go value of type bool"),
        (storage_key, "0xasdf", 'invalid hex in storage key: "0xasdf"'),
        (storage_key, "0x" + "0" * 65, f'storage key too long (want at most 32 bytes): "0x{"0" * 65}"'),
        (percentiles, [101], "invalid reward percentile: 101.000000"),
        (percentiles, [-1], "invalid reward percentile: -1.000000"),
        (percentiles, [5, 5], "invalid reward percentile: #0:5.000000 >= #1:5.000000"),
        (percentiles, [0] * 101, "over the query limit 100"),
        (decimal_or_hex_uint64, "ten", 'invalid hex or decimal integer "ten"'),
        (call_object, [], "json: cannot unmarshal array into Go value of type ethapi.TransactionArgs"),
        (
            call_object,
            {"input": "0x01", "data": "0x02"},
            'both "data" and "input" are set and not equal. Please use "input" to pass call data',
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_words_of_go_ethereum(codec: Any, value: object, text: str) -> None:
    with pytest.raises((MalformedArgument, RpcError)) as caught:
        codec(value)

    assert str(caught.value) == text


def test_an_address_may_be_in_any_case() -> None:
    assert address(ADDRESS_TEXT) == address(ADDRESS_TEXT.lower()) == address("0X" + "AB" * 20) == b"\xab" * 20


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        ("latest", BlockTag.LATEST),
        ("pending", BlockTag.PENDING),
        ("", BlockTag.LATEST),
        ("0x0", 0),
        ("0x10", 16),
        (HASH_TEXT, b"\x01" * 32),
        ({"blockNumber": "0x2"}, 2),
        ({"blockNumber": "earliest"}, BlockTag.EARLIEST),
        ({"blockHash": HASH_TEXT, "requireCanonical": True}, b"\x01" * 32),
        ({"blockHash": HASH_TEXT, "blockNumber": None}, b"\x01" * 32),
    ],
)
def test_a_block_parameter_is_a_tag_a_number_a_hash_or_an_object(value: object, reference: object) -> None:
    assert block_reference(value) == reference


@pytest.mark.parametrize("value", ["5", "0x5", "0X05", 5])
def test_a_count_may_be_decimal_hex_or_a_number(value: object) -> None:
    if value == "0X05":
        with pytest.raises(MalformedArgument):
            decimal_or_hex_uint64(value)
    else:
        assert decimal_or_hex_uint64(value) == 5


@pytest.mark.parametrize(("value", "slot"), [("0x0", 0), ("", 0), ("5", 5), ("0x" + "f" * 64, 2**256 - 1)])
def test_a_storage_key_is_hex_of_any_length_up_to_32_bytes(value: str, slot: int) -> None:
    assert storage_key(value) == slot


def test_a_call_object_reads_all_members_and_ignores_strangers() -> None:
    call = call_object(
        {
            "from": ADDRESS_TEXT,
            "to": None,
            "gas": "0x5208",
            "maxFeePerGas": "0x2",
            "maxPriorityFeePerGas": "0x1",
            "gasPrice": None,
            "value": "0x3",
            "nonce": "0x4",
            "data": "0x0102",
            "input": "0x0102",
            "chainId": "0x539",
            "type": "0x2",
            "accessList": [{"address": ADDRESS_TEXT, "storageKeys": [HASH_TEXT]}],
            "authorizationList": [
                {
                    "chainId": "0x1",
                    "address": ADDRESS_TEXT,
                    "nonce": "0x0",
                    "yParity": "0x1",
                    "r": "0x5",
                    "s": "0x6",
                }
            ],
            "unknown": [1, 2, 3],
        }
    )

    assert call.chain_id == 0x539
    request = call.request
    assert request.caller == b"\xab" * 20
    assert request.to is None
    assert (request.gas, request.value, request.nonce, request.input) == (21_000, 3, 4, b"\x01\x02")
    assert (request.gas_price, request.max_fee_per_gas, request.max_priority_fee_per_gas) == (None, 2, 1)
    assert request.access_list == ((b"\xab" * 20, (int.from_bytes(b"\x01" * 32, "big"),)),)
    assert request.authorizations[0].s == 6


def test_blob_calls_are_refused() -> None:
    with pytest.raises(RpcError, match="blob"):
        call_object({"blobVersionedHashes": []})


def test_a_call_that_only_asks_may_name_blobs_by_their_hashes() -> None:
    call = call_object_with_blobs({"blobVersionedHashes": [HASH_TEXT], "maxFeePerBlobGas": "0x1"})
    assert call.request.blob_hashes == (b"\x01" * 32,)
    with pytest.raises(RpcError, match="blob"):
        call_object_with_blobs({"blobs": []})


def test_state_overrides_read_all_members() -> None:
    (override,) = state_overrides(
        {
            ADDRESS_TEXT: {
                "balance": "0x1",
                "nonce": "0x2",
                "code": "0x00",
                "stateDiff": {HASH_TEXT: HASH_TEXT},
            }
        }
    ).values()

    slot = int.from_bytes(b"\x01" * 32, "big")
    assert (override.balance, override.nonce, override.code, override.state) == (1, 2, b"\x00", None)
    assert override.state_diff == {slot: slot}


def test_bind_fills_in_defaults_and_drops_surplus_nulls() -> None:
    parameters = (Parameter(uint64), optional(Parameter(boolean), default=False))

    assert bind(parameters, ["0x1"]) == [1, False]
    assert bind(parameters, ["0x1", None, None]) == [1, False]
    assert bind(parameters, ["0x1", True]) == [1, True]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "missing value for required argument 0"),
        ([None, True], "missing value for required argument 0"),
        (["0x1", True, 5], "too many arguments, want at most 2"),
        (["0x1", 7], "invalid argument 1: json: cannot unmarshal number into Go value of type bool"),
    ],
)
def test_bind_names_the_argument_that_is_wrong(values: list[object], text: str) -> None:
    with pytest.raises(RpcError) as caught:
        bind((Parameter(uint64), optional(Parameter(boolean), default=False)), values)

    assert (caught.value.code, caught.value.message) == (-32602, text)
