import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.receipt import Log, Receipt, logs_bloom
from chain.transaction import TransactionType
from chain.types import Address, Hash32
from state.block_codec import decode_body, decode_receipts, encode_body, encode_receipts
from tests.state.chain_builder import CHAIN_ID, make_transaction

logs = st.builds(
    Log,
    st.binary(min_size=20, max_size=20).map(Address),
    st.lists(st.binary(min_size=32, max_size=32).map(Hash32), max_size=4).map(tuple),
    st.binary(max_size=40),
)
receipts = st.builds(
    lambda kind, succeeded, gas, logs: Receipt(kind, succeeded, gas, logs_bloom(logs), logs),
    st.sampled_from(TransactionType),
    st.booleans(),
    st.integers(0, 2**64 - 1),
    st.lists(logs, max_size=3).map(tuple),
)


@given(st.lists(receipts, max_size=4))
def test_receipts_read_back_with_the_bloom_of_their_logs(written: list[Receipt]) -> None:
    assert decode_receipts(encode_receipts(written)) == tuple(written)


def test_bodies_read_back_as_the_same_transactions() -> None:
    transactions = [make_transaction(nonce) for nonce in range(3)]
    read = decode_body(encode_body(transactions), CHAIN_ID)
    assert [transaction.raw for transaction in read] == [transaction.raw for transaction in transactions]
    assert decode_body(encode_body([]), CHAIN_ID) == ()


def test_the_stored_forms_are_pinned() -> None:
    log = Log(Address(b"\x01" * 20), (Hash32(b"\x02" * 32),), b"\x03")
    receipt = Receipt(TransactionType.DYNAMIC_FEE, True, 21_000, logs_bloom([log]), (log,))
    assert encode_receipts([receipt]).hex() == (
        "0191" + "94" + "02" + "c3" + "cd5208" + "91" + "93"
        "c414" + "01" * 20 + "91" + "c420" + "02" * 32 + "c40103"
    )
    assert encode_body([]).hex() == "0190"


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda raw: b"\x01" + raw))
def test_foreign_bytes_are_refused_with_a_value_error(raw: bytes) -> None:
    for decode in (decode_receipts, lambda raw: decode_body(raw, CHAIN_ID)):
        try:
            decode(raw)
        except ValueError:
            pass


@pytest.mark.parametrize("record", [5, [5], [[1]], [[0, True, 1, [[b"a"]]]], {"a": 1}, [[9, True, 1, []]]])
def test_records_of_another_shape_are_refused_with_a_value_error(record: object) -> None:
    with pytest.raises(ValueError):
        decode_receipts(b"\x01" + msgpack.packb(record))


@pytest.mark.parametrize("record", [5, [5], [b"\x02"], [b""], ["text"]])
def test_bodies_of_another_shape_are_refused_with_a_value_error(record: object) -> None:
    with pytest.raises(ValueError):
        decode_body(b"\x01" + msgpack.packb(record), CHAIN_ID)


def test_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version"):
        decode_receipts(b"\x02\x90")
