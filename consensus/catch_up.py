"""Block synchronisation: which decided blocks to ask of which peer, and serving them to others.

Owns: what peers claim to have, the open requests, the fetched blocks not yet applied, and back-off from
peers that do not deliver. Never does: verify a commit or apply a block (`replica` feeds them to the engine one at
a time, as it feeds votes). There is no mode: a node that fetches blocks goes on voting, and one that votes may
fetch (tendermint issues 129 and 5696 tell what a mode costs).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from consensus.application import Application
from consensus.codec import decode_message, encode_message
from consensus.errors import InvalidMessage
from consensus.messages import SyncedBlock, SyncRequest, SyncResponse
from consensus.params import MAX_BLOCK_BYTES_LIMIT
from consensus.types import Commit

BLOCKS_PER_REQUEST: Final = 16
"""Small enough that a bad peer wastes little, large enough that the round trip does not count."""
REFILL_BELOW: Final = 8
"""The next request goes out while this many fetched blocks still wait to be applied."""
RESPONSE_BYTES: Final = 8 * 1024 * 1024
"""About what one response may carry; a single larger block is served alone."""
MAX_RESPONSE_BYTES: Final = RESPONSE_BYTES + MAX_BLOCK_BYTES_LIMIT
REQUEST_TIMEOUT_S: Final = 8.0
"""Eight megabytes at 1 MB/s; then the request counts as failed."""
HEDGE_S: Final = 2.0
"""Without an answer for so long another peer is asked as well: a dead peer must not cost the whole timeout."""
MAX_OPEN: Final = 3
"""Requests open at a time, each to another peer."""
GRACE_S: Final = 0.4
"""A peer one height ahead is normal for the time a precommit travels; asking sooner would waste a block."""
FIRST_RETRY_S: Final = 1.0
MAX_RETRY_S: Final = 30.0
MAX_PEERS: Final = 256
"""Peers whose height is remembered; more than any node connects to."""


@dataclass(frozen=True, slots=True)
class FetchedBlock:
    """A decided block as a peer sent it, commit not verified."""

    payload: bytes
    commit: Commit
    peer: bytes


@dataclass(slots=True)
class _PeerChain:
    height: int  # the peer works on it: it has decided everything below
    failures: int = 0
    retry_at_s: float = 0.0
    asked: int = 0  # number of the last request; the longest unasked peer is asked first


@dataclass(frozen=True, slots=True)
class _Asked:
    start: int
    count: int
    at_s: float


class CatchUp:
    """The scheduler. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._peers: dict[bytes, _PeerChain] = {}
        self._blocks: dict[int, FetchedBlock] = {}
        self._open: dict[bytes, _Asked] = {}
        self._requests = 0
        self._ahead_since: tuple[int, float] | None = None
        self._urged_height = 0

    # --- what peers have ---

    def note_peer(self, peer: bytes, height: int) -> None:
        """`peer` says that it works on `height`."""
        chain = self._peers.get(peer)
        if chain is not None:
            chain.height = height
        elif len(self._peers) < MAX_PEERS:
            self._peers[peer] = _PeerChain(height)

    def keep_peers(self, connected: Collection[bytes]) -> None:
        """Forget peers that are gone."""
        for peer in [peer for peer in self._peers if peer not in connected]:
            del self._peers[peer]

    def urge(self, height: int) -> None:
        """More than 1/3 of the power works above `height`: ask without grace."""
        self._urged_height = max(self._urged_height, height)

    def highest_claim(self) -> int:
        """The highest head that a peer claims, peers that failed to deliver left out; 0 without any."""
        return max((chain.height - 1 for chain in self._peers.values() if chain.failures == 0), default=0)

    # --- asking ---

    def next_request(self, now_s: float, height: int) -> tuple[bytes, SyncRequest] | None:
        """The peer to ask now and what for, when this node works on `height`; None if there is nothing to ask."""
        start = self._first_missing(height)
        able = self._able(start)
        if start - height >= REFILL_BELOW or not able or now_s < self._hedge_at_s():
            return None
        if not self._grace_is_over(now_s, height, max(chain.height for chain in able.values())):
            return None
        ready = [peer for peer, chain in able.items() if chain.retry_at_s <= now_s]
        if not ready:
            return None
        peer = min(ready, key=lambda peer: (able[peer].failures, able[peer].asked))
        count = min(BLOCKS_PER_REQUEST, able[peer].height - start)
        self._requests += 1
        able[peer].asked = self._requests
        self._open[peer] = _Asked(start, count, now_s)
        return peer, SyncRequest(start, count)

    def wake_at_s(self, height: int) -> float | None:
        """After `next_request` gave nothing: when it may answer differently though nothing happened, or None."""
        start = self._first_missing(height)
        able = self._able(start)
        if start - height >= REFILL_BELOW or not able:
            return None
        at_s = max(min(chain.retry_at_s for chain in able.values()), self._hedge_at_s())
        highest = max(chain.height for chain in able.values())
        if not self._is_pressing(height, highest) and self._ahead_since is not None:
            at_s = max(at_s, self._ahead_since[1] + GRACE_S)
        return at_s

    def _able(self, start: int) -> dict[bytes, _PeerChain]:
        """Peers that claim the block of `start` and are not being asked; none while enough requests are open."""
        if len(self._open) >= MAX_OPEN:
            return {}
        return {p: chain for p, chain in self._peers.items() if chain.height > start and p not in self._open}

    def _hedge_at_s(self) -> float:
        """When one more request may go out beside the open ones."""
        return max((asked.at_s + HEDGE_S for asked in self._open.values()), default=0.0)

    def _first_missing(self, height: int) -> int:
        while height in self._blocks:
            height += 1
        return height

    def _is_pressing(self, height: int, highest: int) -> bool:
        """Whether this node lags for sure, so that there is no reason to wait for a late precommit."""
        return highest >= height + 2 or self._urged_height >= height or height in self._blocks

    def _grace_is_over(self, now_s: float, height: int, highest: int) -> bool:
        if self._ahead_since is None or self._ahead_since[0] != height:
            self._ahead_since = (height, now_s)
        return self._is_pressing(height, highest) or now_s >= self._ahead_since[1] + GRACE_S

    # --- answers ---

    def answered(self, peer: bytes, raw: bytes | None, now_s: float, height: int) -> None:
        """Take the answer of a peer that was asked, None for a failure. Raises PeerError for a broken one."""
        asked = self._open.pop(peer, None)
        if asked is None:
            return
        chain = self._peers.get(peer)
        blocks: tuple[SyncedBlock, ...] = ()
        try:
            if raw is not None:
                response = _decode_response(raw, asked.start, asked.count)
                blocks = response.blocks
                if chain is not None and not blocks:
                    chain.height = min(chain.height, response.head + 1)
        finally:
            if chain is not None and not blocks:
                self._back_off(chain, now_s)
        if chain is not None and blocks:
            chain.failures, chain.retry_at_s = 0, 0.0
        for block in blocks:
            if block.commit.height >= height:
                # The first copy stays: it may be under examination.
                fetched = FetchedBlock(block.payload, block.commit, peer)
                self._blocks.setdefault(block.commit.height, fetched)

    def block(self, height: int) -> FetchedBlock | None:
        """The fetched block of `height`; blocks below are forgotten."""
        for old in [old for old in self._blocks if old < height]:
            del self._blocks[old]
        return self._blocks.get(height)

    def reject(self, height: int, now_s: float) -> None:
        """The block of `height` is bad: forget all that its peer sent, and leave the peer alone for a while."""
        bad = self._blocks.get(height)
        if bad is None:
            return
        self._blocks = {at: block for at, block in self._blocks.items() if block.peer != bad.peer}
        chain = self._peers.get(bad.peer)
        if chain is not None:
            self._back_off(chain, now_s)

    def is_working(self, height: int) -> bool:
        """Whether decided blocks from `height` on are here, so that starting a round would be in vain."""
        return height in self._blocks

    def _back_off(self, chain: _PeerChain, now_s: float) -> None:
        chain.retry_at_s = now_s + min(FIRST_RETRY_S * 2.0**chain.failures, MAX_RETRY_S)
        chain.failures = min(chain.failures + 1, 16)


def _decode_response(raw: bytes, start: int, count: int) -> SyncResponse:
    """Decode and check what can be checked without validator sets. Raises PeerError."""
    message = decode_message(raw, max_bytes=MAX_RESPONSE_BYTES)
    if not isinstance(message, SyncResponse):
        raise InvalidMessage("not an answer to a request for blocks")
    heights = [block.commit.height for block in message.blocks]
    if len(heights) > count or heights != list(range(start, start + len(heights))):
        raise InvalidMessage(f"asked for {count} blocks from {start}, got heights {heights[:4]}...")
    return message


async def serve_sync_request(application: Application, request: SyncRequest) -> bytes:
    """The answer for a peer that catches up. Blocks of this node are its own word: nothing is verified again."""
    count = min(request.count, BLOCKS_PER_REQUEST)
    found = await application.certified_blocks(request.start, count, RESPONSE_BYTES)
    head = application.position().height
    blocks = tuple(SyncedBlock(payload, commit) for payload, commit in found[:count])
    return encode_message(SyncResponse(head, blocks))
