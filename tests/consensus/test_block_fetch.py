"""Asking for the payload of an undecided block."""

import pytest

from chain.errors import PeerError
from chain.types import Hash32
from consensus.block_fetch import RETRY_S, BlockFetch
from consensus.codec import encode_message
from consensus.messages import BlockRequest, BlockResponse, SyncRequest

BLOCK = Hash32(b"\x01" * 32)
REQUEST = BlockRequest(7, BLOCK)
PEERS = [b"a", b"b", b"c"]


def wanting() -> BlockFetch:
    fetch = BlockFetch()
    fetch.start_height(7)
    fetch.want(BLOCK)
    return fetch


def test_peers_are_asked_one_after_the_other_until_one_has_it() -> None:
    fetch = wanting()
    asked = []
    for _ in PEERS:
        ((peer, request),) = fetch.requests(0.0, PEERS)
        asked.append(peer)
        assert request == REQUEST
        assert fetch.requests(0.0, PEERS) == []
        assert fetch.answered(request, encode_message(BlockResponse(None)), 1000) is None
    assert asked == PEERS
    assert fetch.requests(0.0, PEERS) == []
    assert fetch.wake_at_s() == RETRY_S
    assert fetch.requests(RETRY_S, PEERS) == [(b"a", REQUEST)]
    assert fetch.answered(REQUEST, encode_message(BlockResponse(b"payload")), 1000) == b"payload"


def test_nothing_is_asked_without_peers_or_after_the_block_came() -> None:
    fetch = wanting()
    assert fetch.requests(1.0, []) == []
    assert fetch.wake_at_s() == 1.0 + RETRY_S
    fetch.drop(BLOCK)
    assert fetch.requests(0.0, PEERS) == []
    assert fetch.wake_at_s() is None


@pytest.mark.parametrize("raw", [b"", b"\x01\x90", encode_message(SyncRequest(1, 1)), b"\x01" * 2000])
def test_a_broken_answer_is_the_peers_fault_and_the_next_one_is_asked(raw: bytes) -> None:
    fetch = wanting()
    fetch.requests(0.0, PEERS)
    with pytest.raises(PeerError):
        fetch.answered(REQUEST, raw, 1000)
    assert fetch.requests(0.0, PEERS) == [(b"b", REQUEST)]


def test_answers_of_an_earlier_height_do_no_harm() -> None:
    fetch = wanting()
    fetch.requests(0.0, PEERS)
    fetch.start_height(8)
    assert fetch.answered(REQUEST, encode_message(BlockResponse(b"late")), 1000) == b"late"
    assert fetch.requests(0.0, PEERS) == []
