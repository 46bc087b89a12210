"""Fetching the payload of an undecided block that the engine wants and nobody sent.

Owns: which blocks are wanted, and asking one peer after the other for each. Never does: judge a payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.types import Hash32
from consensus.codec import decode_message
from consensus.errors import InvalidMessage
from consensus.messages import BlockRequest, BlockResponse

FETCH_TIMEOUT_S: Final = 3.0
"""Two megabytes at 1 MB/s with a margin; then the next peer is asked."""
RETRY_S: Final = 0.3
"""Pause after every peer said no: somebody who has the block may connect, or may still be judging it."""


@dataclass(slots=True)
class _Want:
    next_peer: int = 0
    in_flight: bool = False
    not_before_s: float = 0.0


class BlockFetch:
    """Wanted blocks of the current height. The engine bounds how many it asks for."""

    def __init__(self) -> None:
        self._height = 0
        self._wanted: dict[Hash32, _Want] = {}

    def start_height(self, height: int) -> None:
        """Nothing is wanted yet."""
        self._height = height
        self._wanted = {}

    def want(self, block_id: Hash32) -> None:
        """Start asking for a block."""
        self._wanted.setdefault(block_id, _Want())

    def drop(self, block_id: Hash32) -> None:
        """The block is here or no longer of use."""
        self._wanted.pop(block_id, None)

    def requests(self, now_s: float, peers: list[bytes]) -> list[tuple[bytes, BlockRequest]]:
        """Requests to send now, one per wanted block that is not being asked for."""
        if not peers:
            for want in self._wanted.values():
                want.not_before_s = max(want.not_before_s, now_s + RETRY_S)
            return []
        found: list[tuple[bytes, BlockRequest]] = []
        for block_id, want in self._wanted.items():
            if want.in_flight or now_s < want.not_before_s:
                continue
            found.append((peers[want.next_peer % len(peers)], BlockRequest(self._height, block_id)))
            want.in_flight = True
            want.next_peer += 1
            if want.next_peer % len(peers) == 0:
                want.not_before_s = now_s + RETRY_S
        return found

    def answered(self, request: BlockRequest, raw: bytes | None, max_bytes: int) -> bytes | None:
        """The payload in an answer, None if the peer has none. Raises PeerError."""
        want = self._wanted.get(request.block_id)
        if want is not None:
            want.in_flight = False
        if raw is None:
            return None
        message = decode_message(raw, max_bytes=max_bytes)
        if not isinstance(message, BlockResponse):
            raise InvalidMessage("not an answer to a request for a block")
        return message.payload

    def wake_at_s(self) -> float | None:
        """When `requests` should be asked again; None if nothing waits."""
        waiting = [want.not_before_s for want in self._wanted.values() if not want.in_flight]
        return min(waiting, default=None)
