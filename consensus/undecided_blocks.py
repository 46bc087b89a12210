"""The blocks of the height under decision, from "said to be" to "judged": copies, verdicts, questions, log.

Owns: payloads and verdicts by block id, which of them the engine waits for, and getting them there: judging a copy
that a peer brought, or fetching one. Never does: run the application (`jobs`) or talk to the engine; it returns
the answers that the replica feeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chain.errors import InvariantViolation
from chain.types import Hash32
from consensus.application import Validation
from consensus.block_fetch import BlockFetch
from consensus.jobs import JobQueue
from consensus.messages import BlockPayload, BlockReady
from consensus.payloads import Candidate, PayloadStore
from consensus.ports import ValidateJob
from consensus.wal import Wal

MAX_REJECTED_COPIES: Final = 4
"""Copies of one block that may be judged unusable before this node stops fetching it for the height."""


class UndecidedBlocks:
    """`keep` names the payloads that the engine may still need."""

    def __init__(
        self, wal: Wal, jobs: JobQueue, fetch: BlockFetch, keep: Callable[[], frozenset[Hash32]]
    ) -> None:
        self._wal = wal
        self._jobs = jobs
        self._fetch = fetch
        self._keep = keep
        self._payloads = PayloadStore()
        self.start_height(0)

    def start_height(self, height: int) -> None:
        """Forget the height before; copies that came early for this one stay."""
        self._height = height
        self._verdicts: dict[Hash32, bool] = {}
        self._wanted: set[Hash32] = set()
        self._rejected: dict[Hash32, int] = {}
        self._logged: set[Hash32] = set()
        self._payloads.start_height(height)
        self._fetch.start_height(height)

    def enter_round(self) -> None:
        """The engine forgot some of its questions."""
        self._wanted &= self._keep()

    # --- facts ---

    def payload(self, block_id: Hash32) -> bytes | None:
        """The payload of a valid block."""
        return self._payloads.get(block_id)

    def accept(self, block_id: Hash32, payload: bytes) -> None:
        """`payload` is the block, and it is valid."""
        self._verdicts[block_id] = True
        self._payloads.confirm(block_id, payload, self._keep())
        self._fetch.drop(block_id)

    def restore_payload(self, block_id: Hash32, payload: bytes) -> None:
        """A payload from the log."""
        self._logged.add(block_id)
        self._payloads.confirm(block_id, payload, self._keep())

    def restore_verdict(self, block_id: Hash32, *, valid: bool) -> None:
        """A verdict from the log; what was judged once stays so."""
        self._verdicts[block_id] = valid

    def log(self, block_id: Hash32) -> None:
        """Write the payload of a valid block to the log, once; the next synced entry makes it durable."""
        if block_id in self._logged:
            return
        payload = self._payloads.get(block_id)
        if payload is None:
            raise InvariantViolation(f"block 0x{block_id.hex()} counts as valid, but its payload is gone")
        self._wal.append(BlockPayload(self._height, block_id, payload), sync=False)
        self._logged.add(block_id)

    # --- copies and questions ---

    def offer(self, height: int, block_id: Hash32, copy: Candidate) -> None:
        """A payload that is said to be a block: keep it, judge it if the engine waits for it."""
        added = self._payloads.add_candidate(height, block_id, copy)
        if added and height == self._height and block_id in self._wanted:
            self._judge_copy(block_id)

    def ask(self, block_id: Hash32) -> BlockReady | None:
        """The engine waits for a verdict: from memory, by judging a copy, or by fetching one."""
        self._wanted.add(block_id)
        return self._answer(block_id)

    def validated(self, job: ValidateJob, validation: Validation) -> BlockReady | None:
        """The application judged a copy; gives the answer to the engine's question if that settles it."""
        block_id = validation.block_id
        if block_id is not None and validation.valid:
            self.accept(block_id, job.payload)
        elif block_id == job.block_id:
            self._verdicts[job.block_id] = False
        if block_id != job.block_id or not validation.valid:
            self._payloads.reject(job.height, job.block_id, job.payload)
            self._rejected[job.block_id] = self._rejected.get(job.block_id, 0) + 1
        return self._answer(job.block_id) if job.block_id in self._wanted else None

    def reconsider(self) -> None:
        """The application is idle: judge what the engine waits for and what fell out of the line."""
        for block_id in list(self._wanted):
            self._judge_copy(block_id)

    def is_judging(self, block_id: Hash32) -> bool:
        """Whether a verdict is under way."""
        return block_id not in self._verdicts and self._jobs.is_judging(block_id)

    def _answer(self, block_id: Hash32) -> BlockReady | None:
        verdict = self._verdicts.get(block_id)
        if verdict is None:
            self._judge_copy(block_id)
            return None
        self._wanted.discard(block_id)
        if verdict:
            # Before the verdict: the engine's `PersistBlock` comes after it, and a torn log could hold a verdict
            # on a block that nobody has any more.
            self.log(block_id)
        return BlockReady(self._height, block_id, verdict)

    def _judge_copy(self, block_id: Hash32) -> None:
        copy = self._payloads.candidate(self._height, block_id)
        if copy is not None:
            self._fetch.drop(block_id)
            self._jobs.add(ValidateJob(self._height, block_id, copy.payload, copy.peer))
        elif self._rejected.get(block_id, 0) < MAX_REJECTED_COPIES:
            self._fetch.want(block_id)
