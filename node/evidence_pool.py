"""Proof of double signing that waits for a block of this node.

Owns: the pieces that consensus reported and no block holds yet, also across restarts, and which of them the next block
may carry. Never verifies a signature (consensus did) or punishes anybody (the slashing contract does).

Everybody who takes part in a height sees the two votes, so the pieces are not sent around: whoever proposes next and
saw them puts them into its block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgpack
import structlog

from chain.errors import InvariantViolation, NodeError
from chain.types import Address
from consensus.codec import decode_evidence, encode_evidence
from consensus.evidence import accused_of, canonical, height_of
from consensus.types import Evidence
from node.chain_rules import is_of_age
from node.payload import MAX_EVIDENCE_PER_BLOCK
from node.validator_registry import ValidatorRegistry
from state.chain_store import ChainStore
from state.reader import StateReader

MAX_PENDING: Final = 64
"""One piece a validator; more validators that sign twice at the same time leave nothing to agree on."""

_STORED_KEY: Final = b"consensus/evidence"

log = structlog.get_logger(__name__)


class EvidencePool:
    """`add` and `follow` belong to the event loop; `offer` may be called by any thread."""

    def __init__(self, store: ChainStore, registry: ValidatorRegistry) -> None:
        self._store = store
        self._registry = registry
        self._pending = {accused_of(piece): piece for piece in _read(store)}  # replaced, never changed

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, evidence: Evidence) -> None:
        """Keep a piece; of several about one validator the first, since it is punished once."""
        piece = canonical(evidence)
        accused = accused_of(piece)
        if accused in self._pending or len(self._pending) >= MAX_PENDING:
            return
        if not self._registry.may_be_accused(self._store.latest_state(), accused):
            return
        self._replace({**self._pending, accused: piece})

    def offer(self, reader: StateReader, number: int) -> tuple[Evidence, ...]:
        """What block `number` on the state of `reader` may carry, in the order of the record."""
        pending = self._pending
        if not pending:
            return ()
        max_age = self._registry.evidence_max_age_blocks(reader)
        usable = [
            accused
            for accused, piece in pending.items()
            if is_of_age(height_of(piece), number, max_age) and self._registry.may_be_accused(reader, accused)
        ]
        return tuple(pending[accused] for accused in sorted(usable)[:MAX_EVIDENCE_PER_BLOCK])

    def follow(self, reader: StateReader, number: int, included: Iterable[Evidence]) -> None:
        """Block `number` was committed with `included`: drop that, what is too old, and who is punished already."""
        if not self._pending:
            return
        done = {accused_of(piece) for piece in included}
        max_age = self._registry.evidence_max_age_blocks(reader)
        kept = {
            accused: piece
            for accused, piece in self._pending.items()
            if accused not in done
            and height_of(piece) + max_age > number
            and self._registry.may_be_accused(reader, accused)
        }
        if len(kept) != len(self._pending):
            self._replace(kept)

    def _replace(self, pending: dict[Address, Evidence]) -> None:
        self._pending = pending
        pieces = [encode_evidence(piece) for piece in pending.values()]
        self._store.meta_put(_STORED_KEY, msgpack.packb(pieces))
        log.info("evidence_pending", accused=["0x" + accused.hex() for accused in pending])


def _read(store: ChainStore) -> list[Evidence]:
    raw = store.meta_get(_STORED_KEY)
    if raw is None:
        return []
    try:
        return [decode_evidence(piece) for piece in msgpack.unpackb(raw)]
    except (ValueError, TypeError, NodeError) as error:
        raise InvariantViolation(f"stored evidence does not decode: {error}") from error
