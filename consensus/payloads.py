"""The payloads of blocks that are not decided yet.

Owns: the bytes behind each block id of the height under decision and the next one, bounded. Never does: judge a
payload. A *candidate* is what some peer says the block is; a *payload* is what the application confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.types import Hash32

MAX_PAYLOADS: Final = 16
"""Confirmed payloads kept: those the engine names, and the newest. A height that took more rounds than this with
fresh blocks finds older ones at peers or in its log."""
CANDIDATES_PER_BLOCK: Final = 2
"""A broken copy from one peer must not keep out the right one from the next."""
MAX_CANDIDATES: Final = 8
"""Blocks with unconfirmed copies: the proposals of this height's round and of the next height's first ones."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An unconfirmed copy and the peer that brought it."""

    peer: bytes
    payload: bytes


class PayloadStore:
    """Payloads by block id."""

    def __init__(self) -> None:
        self._payloads: dict[Hash32, bytes] = {}
        self._candidates: dict[tuple[int, Hash32], list[Candidate]] = {}

    def get(self, block_id: Hash32) -> bytes | None:
        """The confirmed payload."""
        return self._payloads.get(block_id)

    def confirm(self, block_id: Hash32, payload: bytes, keep: frozenset[Hash32]) -> None:
        """Keep a payload that is known to be the block; beyond the bound the oldest not in `keep` goes."""
        self._payloads[block_id] = payload
        for key in [key for key in self._candidates if key[1] == block_id]:
            del self._candidates[key]
        while len(self._payloads) > MAX_PAYLOADS:
            spare = next((old for old in self._payloads if old not in keep and old != block_id), None)
            if spare is None:
                break
            del self._payloads[spare]

    def add_candidate(self, height: int, block_id: Hash32, candidate: Candidate) -> bool:
        """Keep a copy; False if the block is known, the copy is, or too many wait."""
        if block_id in self._payloads:
            return False
        copies = self._candidates.get((height, block_id))
        if copies is None:
            if len(self._candidates) >= MAX_CANDIDATES:
                # The oldest goes, so that a flood of an equivocating proposer ends with the height.
                del self._candidates[next(iter(self._candidates))]
            copies = self._candidates[height, block_id] = []
        if len(copies) >= CANDIDATES_PER_BLOCK or any(copy.payload == candidate.payload for copy in copies):
            return False
        copies.append(candidate)
        return True

    def candidate(self, height: int, block_id: Hash32) -> Candidate | None:
        """The oldest copy of a block."""
        copies = self._candidates.get((height, block_id))
        return copies[0] if copies else None

    def reject(self, height: int, block_id: Hash32, payload: bytes) -> None:
        """Forget a copy that was found not to be the block."""
        copies = self._candidates.get((height, block_id), [])
        copies[:] = [copy for copy in copies if copy.payload != payload]
        if not copies:
            self._candidates.pop((height, block_id), None)

    def start_height(self, height: int) -> None:
        """Forget the payloads of the height before."""
        self._payloads.clear()
        for key in [key for key in self._candidates if key[0] < height]:
            del self._candidates[key]

    def size_bytes(self) -> int:
        """Bytes held, for metrics."""
        copies = sum(len(c.payload) for copies in self._candidates.values() for c in copies)
        return copies + sum(len(payload) for payload in self._payloads.values())
