"""Which blocks are asked of whom, and when not."""

from __future__ import annotations

import pytest

from chain.errors import PeerError
from chain.types import Hash32
from consensus.catch_up import (
    BLOCKS_PER_REQUEST,
    FIRST_RETRY_S,
    GRACE_S,
    HEDGE_S,
    MAX_OPEN,
    MAX_RETRY_S,
    CatchUp,
    serve_sync_request,
)
from consensus.codec import decode_message, encode_message
from consensus.messages import Status, SyncedBlock, SyncRequest, SyncResponse
from consensus.types import BlockIdFlag, Commit, CommitSignature, Step
from tests.consensus.trio_network import ChainApplication, checker_of
from tests.sim.chain import HashChain, genesis_set, key_of


def synced(height: int) -> SyncedBlock:
    slot = CommitSignature(key_of(0).address, BlockIdFlag.COMMIT, b"\x01" * 64)
    return SyncedBlock(b"payload %d" % height, Commit(height, 0, Hash32(bytes(32)), (slot,)))


def answer(first: int, count: int, head: int = 1000) -> bytes:
    return encode_message(SyncResponse(head, tuple(synced(first + i) for i in range(count))))


def test_a_peer_far_ahead_is_asked_at_once() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 100)
    assert catch_up.next_request(0.0, 10) == (b"a", SyncRequest(10, BLOCKS_PER_REQUEST))


def test_no_more_is_asked_than_the_peer_claims() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 13)
    assert catch_up.next_request(0.0, 10) == (b"a", SyncRequest(10, 3))


def test_peers_at_our_height_or_below_are_not_asked() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 10)
    catch_up.note_peer(b"b", 3)
    assert catch_up.next_request(0.0, 10) is None
    assert catch_up.wake_at_s(10) is None


def test_one_height_behind_waits_for_the_grace_unless_urged() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 11)
    assert catch_up.next_request(5.0, 10) is None
    assert catch_up.wake_at_s(10) == 5.0 + GRACE_S
    assert catch_up.next_request(5.0 + GRACE_S, 10) == (b"a", SyncRequest(10, 1))
    urged = CatchUp()
    urged.note_peer(b"a", 11)
    urged.urge(10)
    assert urged.next_request(5.0, 10) is not None


def test_one_request_at_a_time_and_the_next_before_the_blocks_run_out() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 100)
    assert catch_up.next_request(0.0, 10) is not None
    assert catch_up.next_request(0.0, 10) is None
    catch_up.answered(b"a", answer(10, 16), 1.0, 10)
    assert catch_up.is_working(10)
    assert catch_up.next_request(1.0, 10) is None
    assert catch_up.wake_at_s(10) is None
    assert catch_up.block(19) is not None
    assert catch_up.next_request(1.0, 19) == (b"a", SyncRequest(26, 16))


def test_a_silent_peer_is_left_alone_longer_each_time() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 100)
    now_s, pauses = 0.0, []
    for _ in range(8):
        assert catch_up.next_request(now_s, 10) is not None
        catch_up.answered(b"a", None, now_s, 10)
        wake_s = catch_up.wake_at_s(10)
        assert wake_s is not None
        assert catch_up.next_request(wake_s - 0.001, 10) is None
        pauses.append(wake_s - now_s)
        now_s = wake_s
    assert pauses[0] == FIRST_RETRY_S
    assert pauses[-1] == MAX_RETRY_S
    assert catch_up.highest_claim() == 0


def test_another_peer_is_asked_after_a_failure() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 100)
    catch_up.note_peer(b"b", 100)
    first = catch_up.next_request(0.0, 10)
    assert first is not None
    catch_up.answered(first[0], None, 0.0, 10)
    second = catch_up.next_request(0.0, 10)
    assert second is not None
    assert first[0] != second[0]


def test_a_slow_answer_makes_another_peer_be_asked_too_and_the_first_copy_counts() -> None:
    catch_up = CatchUp()
    for peer in (b"a", b"b", b"c", b"d"):
        catch_up.note_peer(peer, 100)
    asked = []
    now_s = 0.0
    for _ in range(MAX_OPEN):
        request = catch_up.next_request(now_s, 10)
        assert request is not None
        asked.append(request[0])
        assert catch_up.next_request(now_s + HEDGE_S - 0.001, 10) is None
        now_s += HEDGE_S
    assert len(set(asked)) == MAX_OPEN
    assert catch_up.next_request(now_s, 10) is None
    assert catch_up.wake_at_s(10) is None
    catch_up.answered(asked[1], answer(10, 16), now_s, 10)
    first = catch_up.block(10)
    catch_up.answered(asked[0], answer(10, 16), now_s, 10)
    assert catch_up.block(10) is first


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage",
        encode_message(Status(1, 0, Step.PROPOSE)),
        answer(11, 2),
        answer(10, 17),
        encode_message(SyncResponse(99, (synced(10), synced(12)))),
    ],
)
def test_a_broken_answer_is_the_peers_fault_and_leaves_nothing(raw: bytes) -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 100)
    catch_up.next_request(0.0, 10)
    with pytest.raises(PeerError):
        catch_up.answered(b"a", raw, 0.0, 10)
    assert catch_up.block(10) is None
    assert catch_up.next_request(0.0, 10) is None
    assert catch_up.next_request(FIRST_RETRY_S, 10) is not None


def test_an_empty_answer_corrects_the_claim() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 10**9)
    catch_up.next_request(0.0, 10)
    catch_up.answered(b"a", answer(10, 0, head=9), 0.0, 10)
    assert catch_up.next_request(100.0, 10) is None


def test_a_bad_block_takes_all_blocks_of_its_peer_with_it() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 100)
    catch_up.next_request(0.0, 10)
    catch_up.answered(b"a", answer(10, 16), 0.0, 10)
    catch_up.reject(10, 0.0)
    assert catch_up.block(10) is None
    assert catch_up.block(15) is None
    catch_up.note_peer(b"b", 100)
    again = catch_up.next_request(0.0, 10)
    assert again is not None
    assert again[0] == b"b"


def test_peers_that_left_are_forgotten_even_with_a_request_open() -> None:
    catch_up = CatchUp()
    catch_up.note_peer(b"a", 100)
    catch_up.next_request(0.0, 10)
    catch_up.keep_peers({b"b"})
    catch_up.answered(b"a", answer(10, 4), 0.0, 10)
    assert catch_up.block(10) is not None
    for number in range(1000):
        catch_up.note_peer(b"%d" % number, 50)
    assert len(catch_up._peers) <= 256


async def test_served_blocks_stay_within_the_bound_of_a_request() -> None:
    chain = HashChain(genesis_set(1))
    application = ChainApplication(chain, 0, checker_of(1))
    for height in range(1, 30):
        built = chain.build(height, height, b"x")
        slot = CommitSignature(key_of(0).address, BlockIdFlag.COMMIT, b"\x01" * 64)
        chain.commit(built.payload, Commit(height, 0, built.block_id, (slot,)))
    response = decode_message(await serve_sync_request(application, SyncRequest(3, 60)))
    assert isinstance(response, SyncResponse)
    assert response.head == 29
    assert [block.commit.height for block in response.blocks] == list(range(3, 3 + BLOCKS_PER_REQUEST))
