import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.transaction import MAX_TRANSACTION_BYTES
from node.errors import InvalidPayload
from node.gossip import TARGET_BATCH_BYTES, decode_batch, encode_batch, split_batches


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_a_batch_reads_back(raws: list[bytes]) -> None:
    assert decode_batch(encode_batch(raws)) == raws


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_never_crashes(garbage: bytes) -> None:
    try:
        decode_batch(garbage)
    except InvalidPayload:
        pass


@pytest.mark.parametrize(
    "message",
    [
        b"",
        msgpack.packb([2, []]),
        msgpack.packb([1]),
        msgpack.packb([1, ["text"]]),
        msgpack.packb([1, [b"x" * (MAX_TRANSACTION_BYTES + 1)]]),
        msgpack.packb([1, [[b"x"]]]),
        msgpack.packb({1: 2}),
        b"\x91" * 2000,
        msgpack.packb([1, []]) + b"\x00",
    ],
)
def test_wrong_forms_are_refused(message: bytes) -> None:
    with pytest.raises(InvalidPayload):
        decode_batch(message)


def test_messages_stay_near_the_target_size_and_keep_the_order() -> None:
    raws = [bytes([n]) * 50_000 for n in range(20)]
    batches = split_batches(raws)
    assert [raw for batch in batches for raw in batch] == raws
    assert all(sum(map(len, batch)) <= TARGET_BATCH_BYTES for batch in batches)
