"""Requests to peers: decided blocks for catching up, and payloads of undecided ones.

Owns: the two schedulers, the tokens of what is outstanding, and penalties for broken answers. Never does: use what
came; the replica does.
"""

from __future__ import annotations

from collections.abc import Callable

from chain.errors import PeerError
from chain.types import Hash32
from consensus.block_fetch import FETCH_TIMEOUT_S, BlockFetch
from consensus.catch_up import REQUEST_TIMEOUT_S, CatchUp
from consensus.codec import encode_message
from consensus.messages import BlockRequest, SyncRequest
from consensus.payloads import Candidate
from consensus.ports import Port

OfferCopy = Callable[[int, Hash32, Candidate], None]


class PeerRequests:
    """`max_block_bytes` bounds the answer with one payload."""

    def __init__(self, port: Port, max_block_bytes: int) -> None:
        self.catch_up = CatchUp()
        self.fetch = BlockFetch()
        self._port = port
        self._max_block_bytes = max_block_bytes
        self._open: dict[int, tuple[bytes, SyncRequest | BlockRequest]] = {}
        self._last_token = 0

    def send_due(self, now_s: float, height: int) -> None:
        """Send what should be asked now by a node that works on `height`."""
        ask = self.catch_up.next_request(now_s, height)
        if ask is not None:
            self._send(*ask, REQUEST_TIMEOUT_S)
        for peer, request in self.fetch.requests(now_s, self._port.peers()):
            self._send(peer, request, FETCH_TIMEOUT_S)

    def wake_at_s(self, height: int) -> float | None:
        """When `send_due` should be called again though nothing happened; None if never."""
        wakes = (self.catch_up.wake_at_s(height), self.fetch.wake_at_s())
        return min((wake for wake in wakes if wake is not None), default=None)

    def answered(self, token: int, raw: bytes | None, now_s: float, height: int, offer: OfferCopy) -> None:
        """An answer came, or None for none. Copies of undecided blocks go to `offer`."""
        peer, request = self._open.pop(token)
        try:
            if isinstance(request, SyncRequest):
                self.catch_up.answered(peer, raw, now_s, height)
                return
            payload = self.fetch.answered(request, raw, self._max_block_bytes)
            if payload is not None and request.height == height:
                offer(height, request.block_id, Candidate(peer, payload))
        except PeerError as fault:
            self._port.penalise(peer, str(fault))

    def _send(self, peer: bytes, request: SyncRequest | BlockRequest, timeout_s: float) -> None:
        self._last_token += 1
        self._open[self._last_token] = (peer, request)
        self._port.request(self._last_token, peer, encode_message(request), timeout_s)
