"""Transactions: every type round trips, agrees with eth-account, and has exactly one encoding."""

import pickle
from typing import Any

import pytest
import rlp as reference
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.keccak import keccak256
from chain.rlp import encode, uint
from chain.secp256k1 import CURVE_ORDER, PrivateKey, Signature
from chain.transaction import (
    MAX_TRANSACTION_BYTES,
    AccessList,
    Authorization,
    BlobTransactionUnsupported,
    InvalidTransactionSignature,
    MalformedTransaction,
    RecoveredTransaction,
    Transaction,
    TransactionError,
    TransactionType,
    TransactionTypeUnsupported,
    UnprotectedTransaction,
    UnsignedTransaction,
    WrongChainId,
    assemble_transaction,
    authorization_digest,
    decode_transaction,
    recover_sender,
    sign_authorization,
    sign_transaction,
)
from chain.types import Address, checksum_address

CHAIN_ID = 1337
KEY = PrivateKey(b"\x46" * 32)
RECIPIENT = Address(b"\x35" * 20)
LEGACY, ACCESS_LIST, DYNAMIC_FEE, BLOB, SET_CODE = TransactionType

uint64 = st.integers(0, 2**64 - 1)
uint256 = st.integers(0, 2**256 - 1)
addresses = st.binary(min_size=20, max_size=20).map(Address)
access_lists: st.SearchStrategy[AccessList] = st.lists(
    st.tuples(addresses, st.lists(uint256, max_size=3).map(tuple)), max_size=3
).map(tuple)
authorization_lists = st.lists(
    st.builds(Authorization, uint256, addresses, uint64, st.integers(0, 255), uint256, uint256), max_size=3
).map(tuple)


@st.composite
def unsigned_transactions(draw: st.DrawFn) -> UnsignedTransaction:
    kind = draw(st.sampled_from([LEGACY, ACCESS_LIST, DYNAMIC_FEE, SET_CODE]))
    max_fee = draw(uint256)
    one_price = kind in (LEGACY, ACCESS_LIST)
    return UnsignedTransaction(
        kind,
        draw(st.sampled_from([CHAIN_ID, None])) if kind is LEGACY else CHAIN_ID,
        draw(uint64),
        max_fee if one_price else draw(uint256),
        max_fee,
        draw(uint64),
        draw(addresses) if kind is SET_CODE else draw(st.none() | addresses),
        draw(uint256),
        draw(st.binary(max_size=100)),
        () if kind is LEGACY else draw(access_lists),
        draw(authorization_lists) if kind is SET_CODE else (),
    )


def unsigned(kind: TransactionType, **changes: Any) -> UnsignedTransaction:
    fields: dict[str, Any] = {
        "type": kind,
        "chain_id": CHAIN_ID,
        "nonce": 9,
        "max_priority_fee_per_gas": 20 * 10**9,
        "max_fee_per_gas": 20 * 10**9,
        "gas_limit": 21_000,
        "to": RECIPIENT,
        "value": 10**18,
    }
    return UnsignedTransaction(**{**fields, **changes})


def sample(kind: TransactionType) -> Transaction:
    if kind is LEGACY:
        return sign_transaction(unsigned(kind), KEY)
    slots = ((RECIPIENT, (1, 2**255)),)
    if kind is not SET_CODE:
        return sign_transaction(unsigned(kind, data=b"\x01\x02", access_list=slots), KEY)
    authorization = sign_authorization(CHAIN_ID, RECIPIENT, 5, KEY)
    return sign_transaction(unsigned(kind, access_list=slots, authorizations=(authorization,)), KEY)


ACCEPTED_TYPES = [LEGACY, ACCESS_LIST, DYNAMIC_FEE, SET_CODE]


def body(transaction: Transaction) -> list[Any]:
    """The fields as the reference decoder sees them, to be changed and encoded again."""
    raw = transaction.raw if transaction.type is LEGACY else transaction.raw[1:]
    fields: list[Any] = _thaw(reference.decode(raw))
    return fields


def _thaw(item: Any) -> Any:
    return item if isinstance(item, bytes) else [_thaw(part) for part in item]


def reencode(transaction: Transaction, fields: list[Any]) -> bytes:
    prefix = b"" if transaction.type is LEGACY else bytes((transaction.type,))
    return prefix + encode(fields)


# --- vectors --------------------------------------------------------------------------------------------


def test_the_example_of_eip_155() -> None:
    request = unsigned(LEGACY, chain_id=1)
    assert request.signing_hash.hex() == "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53"
    transaction = sign_transaction(request, KEY)
    assert transaction.v == 37
    assert transaction.raw.hex() == (
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd9"
        "39bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b"
        "297fb1966a3b6d83"
    )
    assert recover_sender(transaction).hex() == "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"


def test_the_deployment_of_the_create2_deployer_recovers_its_known_sender() -> None:
    raw = bytes.fromhex(
        "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffff"
        "ffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba0"
        "2222222222222222222222222222222222222222222222222222222222222222a0222222222222222222222222222222222222"
        "2222222222222222222222222222"
    )
    transaction = decode_transaction(raw, CHAIN_ID, allow_unprotected=True)
    assert transaction.hash.hex() == "eddf9e61fb9d8f5111840daef55e5fde0041f5702856532cdbb5a02998033d26"
    assert checksum_address(recover_sender(transaction)) == "0x3fAB184622Dc19b6109349B94811493BF2a45362"
    assert transaction.is_create
    assert transaction.chain_id is None
    assert transaction.v == 27


def oracle_request(request: UnsignedTransaction) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "nonce": request.nonce,
        "gas": request.gas_limit,
        "to": b"" if request.to is None else checksum_address(request.to),
        "value": request.value,
        "data": request.data,
    }
    if request.type in (LEGACY, ACCESS_LIST):
        fields["gasPrice"] = request.max_fee_per_gas
    else:
        fields["maxFeePerGas"] = request.max_fee_per_gas
        fields["maxPriorityFeePerGas"] = request.max_priority_fee_per_gas
    if request.chain_id is not None:
        fields["chainId"] = request.chain_id
    if request.type is not LEGACY:
        fields["type"] = int(request.type)
        fields["accessList"] = [
            {
                "address": checksum_address(address),
                "storageKeys": [f"0x{slot:064x}" for slot in slots],
            }
            for address, slots in request.access_list
        ]
    return fields


@settings(max_examples=40)
@given(unsigned_transactions().filter(lambda request: request.type is not SET_CODE))
def test_signing_agrees_with_eth_account(request: UnsignedTransaction) -> None:
    expected = Account.sign_transaction(oracle_request(request), KEY.secret)
    transaction = sign_transaction(request, KEY)
    assert transaction.raw == bytes(expected.raw_transaction)
    assert transaction.hash == bytes(expected.hash)
    assert (transaction.v, transaction.r, transaction.s) == (expected.v, expected.r, expected.s)


def test_set_code_signing_agrees_with_eth_account() -> None:
    authorization = Account.sign_authorization(
        {"chainId": CHAIN_ID, "address": checksum_address(RECIPIENT), "nonce": 5}, KEY.secret
    )
    expected = Account.sign_transaction(
        {
            **oracle_request(unsigned(SET_CODE)),
            "chainId": CHAIN_ID,
            "type": 4,
            "accessList": [
                {"address": checksum_address(RECIPIENT), "storageKeys": [f"0x{slot:064x}" for slot in (1, 2**255)]}
            ],
            "authorizationList": [authorization],
        },
        KEY.secret,
    )  # fmt: skip
    assert sample(SET_CODE).raw == bytes(expected.raw_transaction)


# --- round trips ----------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(unsigned_transactions())
def test_every_transaction_round_trips(request: UnsignedTransaction) -> None:
    signed = sign_transaction(request, KEY)
    decoded = decode_transaction(signed.raw, CHAIN_ID, allow_unprotected=True)
    assert decoded == signed
    assert recover_sender(decoded) == KEY.address
    for name in (
        "type", "chain_id", "nonce", "max_priority_fee_per_gas", "max_fee_per_gas", "gas_limit", "to", "value",
        "data", "access_list", "authorizations", "signing_hash",
    ):  # fmt: skip
        assert getattr(decoded, name) == getattr(request, name)
    assert decoded.raw == signed.raw
    assert decoded.hash == keccak256(signed.raw)
    assert decoded.size_bytes == len(signed.raw)


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_eth_account_recovers_the_same_sender(kind: TransactionType) -> None:
    assert Account.recover_transaction(sample(kind).raw) == checksum_address(KEY.address)


@settings(max_examples=300)
@given(st.sampled_from(ACCEPTED_TYPES), st.data())
def test_a_changed_byte_is_refused_or_changes_hash_and_sender(
    kind: TransactionType, data: st.DataObject
) -> None:
    original = sample(kind)
    changed = bytearray(original.raw)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        transaction = decode_transaction(bytes(changed), CHAIN_ID, allow_unprotected=True)
        sender = recover_sender(transaction)
    except TransactionError:
        return
    assert transaction.hash != original.hash
    assert sender != KEY.address


@settings(max_examples=300)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x01", b"\x02", b"\x03", b"\x04"]))
def test_any_bytes_give_a_transaction_or_a_transaction_error(raw: bytes, prefix: bytes) -> None:
    try:
        decode_transaction(prefix + raw, CHAIN_ID)
    except TransactionError:
        pass


# --- one encoding only ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_trailing_and_missing_bytes_are_refused(kind: TransactionType) -> None:
    raw = sample(kind).raw
    for changed in (raw + b"\x00", raw[:-1], raw[:10], raw[:1], raw + raw):
        with pytest.raises(TransactionError):
            decode_transaction(changed, CHAIN_ID)


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_a_list_that_ends_before_its_last_field_is_refused(kind: TransactionType) -> None:
    transaction = sample(kind)
    *inside, last = body(transaction)
    with pytest.raises(MalformedTransaction):
        decode_transaction(reencode(transaction, inside) + encode(last), CHAIN_ID)


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_a_leading_zero_in_any_number_is_refused(kind: TransactionType) -> None:
    transaction = sample(kind)
    for index, field in enumerate(body(transaction)):
        if isinstance(field, bytes) and len(field) != 20:
            fields = body(transaction)
            if field == transaction.data:
                continue
            fields[index] = b"\x00" + field
            with pytest.raises(TransactionError):
                decode_transaction(reencode(transaction, fields), CHAIN_ID)


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_every_field_is_needed_and_none_may_be_added(kind: TransactionType) -> None:
    transaction = sample(kind)
    for index in range(len(body(transaction))):
        fields = body(transaction)
        del fields[index]
        with pytest.raises(TransactionError):
            decode_transaction(reencode(transaction, fields), CHAIN_ID)
    with pytest.raises(MalformedTransaction):
        decode_transaction(reencode(transaction, [*body(transaction), b""]), CHAIN_ID)


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_a_list_in_place_of_a_field_is_refused(kind: TransactionType) -> None:
    transaction = sample(kind)
    for index, field in enumerate(body(transaction)):
        fields = body(transaction)
        fields[index] = [] if isinstance(field, bytes) else b""
        with pytest.raises(TransactionError):
            decode_transaction(reencode(transaction, fields), CHAIN_ID)


NONCE_AND_GAS = {LEGACY: (0, 2), ACCESS_LIST: (1, 3), DYNAMIC_FEE: (1, 4), SET_CODE: (1, 4)}
PRICES_AND_VALUE = {LEGACY: (1, 4), ACCESS_LIST: (2, 5), DYNAMIC_FEE: (2, 3, 6), SET_CODE: (2, 3, 6)}
RECIPIENT_AT = {LEGACY: 3, ACCESS_LIST: 4, DYNAMIC_FEE: 5, SET_CODE: 5}


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_numbers_wider_than_their_field_are_refused(kind: TransactionType) -> None:
    transaction = sample(kind)
    wide = [(index, 8) for index in NONCE_AND_GAS[kind]] + [(index, 32) for index in PRICES_AND_VALUE[kind]]
    for index, width in wide:
        fields = body(transaction)
        fields[index] = b"\xff" * width
        decode_transaction(reencode(transaction, fields), CHAIN_ID)
        fields[index] = b"\xff" * (width + 1)
        with pytest.raises(MalformedTransaction):
            decode_transaction(reencode(transaction, fields), CHAIN_ID)


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_a_recipient_is_empty_or_20_bytes(kind: TransactionType) -> None:
    transaction = sample(kind)
    recipient: Any
    for recipient in (bytes(19), bytes(21), bytes(32), b"\x01", []):
        fields = body(transaction)
        fields[RECIPIENT_AT[kind]] = recipient
        with pytest.raises(MalformedTransaction, match=r"recipient|create"):
            decode_transaction(reencode(transaction, fields), CHAIN_ID)
    fields = body(transaction)
    fields[RECIPIENT_AT[kind]] = b""
    if kind is SET_CODE:
        with pytest.raises(MalformedTransaction, match="cannot create"):
            decode_transaction(reencode(transaction, fields), CHAIN_ID)
    else:
        assert decode_transaction(reencode(transaction, fields), CHAIN_ID).is_create


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_high_s_and_numbers_out_of_range_are_refused(kind: TransactionType) -> None:
    transaction = sample(kind)
    for index, value in (
        (-1, CURVE_ORDER - transaction.s),
        (-1, 0),
        (-1, CURVE_ORDER),
        (-2, 0),
        (-2, CURVE_ORDER),
        (-2, 2**256 - 1),
    ):
        fields = body(transaction)
        fields[index] = uint(value)
        with pytest.raises(InvalidTransactionSignature):
            decode_transaction(reencode(transaction, fields), CHAIN_ID)


@pytest.mark.parametrize("kind", [ACCESS_LIST, DYNAMIC_FEE, SET_CODE])
def test_a_parity_other_than_0_and_1_is_refused(kind: TransactionType) -> None:
    for parity in (b"\x02", b"\x1b", b"\x01\x00"):
        fields = body(sample(kind))
        fields[-3] = parity
        with pytest.raises(InvalidTransactionSignature):
            decode_transaction(reencode(sample(kind), fields), CHAIN_ID)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 34])
def test_a_legacy_v_that_means_nothing_is_refused(v: int) -> None:
    fields = body(sample(LEGACY))
    fields[6] = bytes((v,)) if v else b""
    with pytest.raises(InvalidTransactionSignature):
        decode_transaction(reencode(sample(LEGACY), fields), CHAIN_ID, allow_unprotected=True)


def test_the_other_parity_belongs_to_another_sender() -> None:
    original = sample(DYNAMIC_FEE)
    flipped = assemble_transaction(
        unsigned(DYNAMIC_FEE), Signature(1 - original.y_parity, original.r, original.s)
    )
    assert recover_sender(flipped) != KEY.address


def test_a_signature_without_public_key_is_refused_at_recovery() -> None:
    transaction = assemble_transaction(unsigned(DYNAMIC_FEE), Signature(0, 5, 1))
    with pytest.raises(InvalidTransactionSignature, match="no public key"):
        recover_sender(transaction)


# --- chain id and type ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chain_id", [1, 45, 46, 47, 110, 111, 255, 256, 2**32, 2**52, 2**256 - 1])
def test_a_v_of_any_width_recovers_the_sender(chain_id: int) -> None:
    for nonce in range(4):  # both parities
        request = unsigned(LEGACY, chain_id=chain_id, nonce=nonce)
        transaction = sign_transaction(request, KEY)
        assert transaction.raw == bytes(
            Account.sign_transaction(oracle_request(request), KEY.secret).raw_transaction
        )
        assert transaction.v == 35 + 2 * chain_id + transaction.y_parity
        assert recover_sender(transaction) == KEY.address


@pytest.mark.parametrize("kind", ACCEPTED_TYPES)
def test_another_chain_is_named(kind: TransactionType) -> None:
    with pytest.raises(WrongChainId, match="have 1337 want 1") as caught:
        decode_transaction(sample(kind).raw, 1)
    assert (caught.value.got, caught.value.expected) == (1337, 1)


def test_a_transaction_without_chain_id_is_accepted_only_when_allowed() -> None:
    transaction = sign_transaction(unsigned(LEGACY, chain_id=None), KEY)
    with pytest.raises(UnprotectedTransaction, match="EIP-155"):
        decode_transaction(transaction.raw, CHAIN_ID)
    decoded = decode_transaction(transaction.raw, CHAIN_ID, allow_unprotected=True)
    assert decoded.chain_id is None
    assert recover_sender(decoded) == KEY.address


def test_blob_transactions_are_refused_by_name() -> None:
    blob = Account.sign_transaction(
        {
            "type": 3,
            "chainId": CHAIN_ID,
            "nonce": 0,
            "gas": 21_000,
            "maxFeePerGas": 1,
            "maxPriorityFeePerGas": 1,
            "maxFeePerBlobGas": 1,
            "to": checksum_address(RECIPIENT),
            "value": 0,
            "data": b"",
            "accessList": [],
            "blobVersionedHashes": [b"\x01" + bytes(31)],
        },
        KEY.secret,
    )
    assert TypedTransaction.from_bytes(HexBytes(blob.raw_transaction)).transaction_type == 3
    with pytest.raises(BlobTransactionUnsupported, match="transaction type not supported"):
        decode_transaction(bytes(blob.raw_transaction), CHAIN_ID)
    with pytest.raises(BlobTransactionUnsupported):
        sign_transaction(unsigned(BLOB), KEY)


@pytest.mark.parametrize("first_byte", [0x00, 0x05, 0x7E, 0x7F, 0x80, 0xB8, 0xBF])
def test_unknown_types_are_refused(first_byte: int) -> None:
    with pytest.raises(TransactionTypeUnsupported, match="transaction type not supported"):
        decode_transaction(bytes((first_byte,)) + sample(DYNAMIC_FEE).raw[1:], CHAIN_ID)


def test_nothing_and_too_much_are_refused() -> None:
    with pytest.raises(MalformedTransaction, match="too short"):
        decode_transaction(b"", CHAIN_ID)
    with pytest.raises(MalformedTransaction, match="oversized data"):
        decode_transaction(bytes(MAX_TRANSACTION_BYTES + 1), CHAIN_ID)
    with pytest.raises(MalformedTransaction, match="oversized data"):
        sign_transaction(unsigned(DYNAMIC_FEE, data=bytes(MAX_TRANSACTION_BYTES)), KEY)
    overhead = sign_transaction(unsigned(DYNAMIC_FEE, data=bytes(100_000)), KEY).size_bytes - 100_000
    largest = sign_transaction(unsigned(DYNAMIC_FEE, data=bytes(MAX_TRANSACTION_BYTES - overhead)), KEY)
    assert largest.size_bytes == MAX_TRANSACTION_BYTES


# --- access lists and authorizations --------------------------------------------------------------------


@pytest.mark.parametrize(
    "access_list",
    [
        b"",
        [b""],
        [[]],
        [[RECIPIENT]],
        [[RECIPIENT, b""]],
        [[RECIPIENT, [], []]],
        [[RECIPIENT[1:], []]],
        [[RECIPIENT, [bytes(31)]]],
        [[RECIPIENT, [bytes(33)]]],
        [[RECIPIENT, [[]]]],
        [[[], []]],
    ],
)
def test_a_misshapen_access_list_is_refused(access_list: Any) -> None:
    fields = body(sample(DYNAMIC_FEE))
    fields[8] = access_list
    with pytest.raises(MalformedTransaction, match="access list"):
        decode_transaction(reencode(sample(DYNAMIC_FEE), fields), CHAIN_ID)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: b"",
        lambda entry: entry[:5],
        lambda entry: [*entry, b""],
        lambda entry: [entry[0], entry[1][1:], *entry[2:]],
        lambda entry: [b"\x01" * 33, *entry[1:]],
        lambda entry: [entry[0], entry[1], b"\x01" * 9, *entry[3:]],
        lambda entry: [*entry[:3], b"\x01\x00", *entry[4:]],
        lambda entry: [*entry[:4], b"\x01" * 33, entry[5]],
        lambda entry: [*entry[:5], b"\x00" + entry[5]],
        lambda entry: [*entry[:5], []],
    ],
)
def test_a_misshapen_authorization_is_refused(change: Any) -> None:
    fields = body(sample(SET_CODE))
    fields[9] = [change(fields[9][0])]
    with pytest.raises(MalformedTransaction, match="authorization"):
        decode_transaction(reencode(sample(SET_CODE), fields), CHAIN_ID)


def test_an_authorization_names_its_authority() -> None:
    authorization = sign_authorization(0, RECIPIENT, 2**64 - 1, KEY)
    assert authorization.authority() == KEY.address
    digest = keccak256(b"\x05" + reference.encode([b"", RECIPIENT, b"\xff" * 8]))
    assert authorization_digest(0, RECIPIENT, 2**64 - 1) == digest


def test_a_wrong_authorization_signature_voids_only_the_authorization() -> None:
    valid = sign_authorization(CHAIN_ID, RECIPIENT, 5, KEY)
    for y_parity, r, s in (
        (valid.y_parity, valid.r, CURVE_ORDER - valid.s),
        (255, valid.r, valid.s),
        (0, 0, 0),
        (0, 2**256 - 1, 2**256 - 1),
        (0, 5, 1),
    ):
        wrong = Authorization(CHAIN_ID, RECIPIENT, 5, y_parity, r, s)
        transaction = sign_transaction(unsigned(SET_CODE, authorizations=(wrong,)), KEY)
        assert transaction.authorizations[0].authority() is None
        assert recover_sender(transaction) == KEY.address


# --- values ---------------------------------------------------------------------------------------------


def test_fields_that_do_not_belong_to_a_type_are_refused_when_signing() -> None:
    slots = ((RECIPIENT, ()),)
    authorization = sign_authorization(CHAIN_ID, RECIPIENT, 5, KEY)
    for request in (
        unsigned(LEGACY, access_list=slots),
        unsigned(LEGACY, authorizations=(authorization,)),
        unsigned(DYNAMIC_FEE, authorizations=(authorization,)),
        unsigned(LEGACY, max_priority_fee_per_gas=1),
        unsigned(ACCESS_LIST, max_priority_fee_per_gas=1),
        unsigned(DYNAMIC_FEE, chain_id=None),
        unsigned(SET_CODE, to=None),
        unsigned(DYNAMIC_FEE, nonce=2**64),
        unsigned(DYNAMIC_FEE, value=2**256),
        unsigned(DYNAMIC_FEE, to=Address(bytes(19))),
        unsigned(DYNAMIC_FEE, access_list=((Address(b""), ()),)),
    ):
        with pytest.raises(TransactionError):
            sign_transaction(request, KEY)


def test_numbers_without_encoding_are_refused_when_signing() -> None:
    for request in (
        unsigned(DYNAMIC_FEE, nonce=-1),
        unsigned(LEGACY, value=-1),
        unsigned(DYNAMIC_FEE, access_list=((RECIPIENT, (-1,)),)),
        unsigned(DYNAMIC_FEE, access_list=((RECIPIENT, (2**256,)),)),
    ):
        with pytest.raises(TransactionError):
            sign_transaction(request, KEY)


def test_the_effective_price_is_capped_and_includes_the_tip() -> None:
    transaction = sign_transaction(
        unsigned(DYNAMIC_FEE, max_fee_per_gas=100, max_priority_fee_per_gas=3), KEY
    )
    assert transaction.gas_price == 100
    assert transaction.effective_gas_price(50) == 53
    assert transaction.effective_gas_price(98) == 100
    assert sample(LEGACY).effective_gas_price(7) == 20 * 10**9


def test_the_item_in_a_block_is_a_list_for_legacy_and_a_string_for_typed() -> None:
    assert sample(LEGACY).encode_in_list() == sample(LEGACY).raw
    for kind in (ACCESS_LIST, DYNAMIC_FEE, SET_CODE):
        assert reference.decode(sample(kind).encode_in_list()) == sample(kind).raw


def test_transactions_and_their_errors_come_back_from_worker_processes() -> None:
    for value in (sample(SET_CODE), RecoveredTransaction(sample(LEGACY), KEY.address)):
        assert pickle.loads(pickle.dumps(value)) == value
    for error in (WrongChainId(5, 7), UnprotectedTransaction(), MalformedTransaction("text")):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert (str(copy), copy.__dict__) == (str(error), error.__dict__)


def test_transactions_are_equal_by_their_bytes() -> None:
    assert sample(SET_CODE) == sample(SET_CODE)
    assert hash(sample(SET_CODE)) == hash(sample(SET_CODE))
    assert sample(LEGACY) != sample(DYNAMIC_FEE)
    assert sample(LEGACY) != sample(LEGACY).raw
    assert len({RecoveredTransaction(sample(kind), KEY.address) for kind in ACCEPTED_TYPES}) == 4
