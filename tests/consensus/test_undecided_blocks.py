"""Copies, verdicts and the engine's questions; above all: nobody can spoil an honest block."""

from __future__ import annotations

from chain.types import Hash32
from consensus.application import Validation
from consensus.block_fetch import BlockFetch
from consensus.jobs import JobQueue
from consensus.messages import BlockPayload, BlockReady
from consensus.payloads import Candidate
from consensus.ports import ValidateJob
from consensus.undecided_blocks import MAX_REJECTED_COPIES, UndecidedBlocks
from consensus.wal import Wal
from tests.consensus.recording_port import RecordingPort
from tests.sim.disk import SimDisk

BLOCK, OTHER = Hash32(b"\xaa" * 32), Hash32(b"\xbb" * 32)
GOOD, BAD = Candidate(b"honest", b"payload"), Candidate(b"liar", b"broken")
VALID = Validation(BLOCK, True, "")


class Desk:
    """UndecidedBlocks of height 5 and what it works with."""

    def __init__(self) -> None:
        self.port = RecordingPort()
        self.jobs = JobQueue(self.port)
        self.fetch = BlockFetch()
        self.wal = Wal.open(SimDisk(), lambda: b"markmark")
        self.wal.begin_height(5)
        self.blocks = UndecidedBlocks(self.wal, self.jobs, self.fetch, lambda: frozenset({BLOCK}))
        self.blocks.start_height(5)

    def finish(self, validation: Validation) -> BlockReady | None:
        job, _ = self.jobs.done()
        assert isinstance(job, ValidateJob)
        answer = self.blocks.validated(job, validation)
        self.jobs.start_next()
        return answer

    def is_fetching(self) -> bool:
        return bool(self.fetch.requests(0.0, [b"a"]))


def test_a_copy_is_judged_when_the_engine_asks_and_logged_before_the_answer() -> None:
    desk = Desk()
    desk.blocks.offer(5, BLOCK, GOOD)
    assert desk.port.jobs == []
    assert desk.blocks.ask(BLOCK) is None
    assert desk.blocks.is_judging(BLOCK)
    assert desk.finish(VALID) == BlockReady(5, BLOCK, True)
    assert list(desk.wal.replay()) == [BlockPayload(5, BLOCK, b"payload")]
    assert desk.blocks.payload(BLOCK) == b"payload"
    assert not desk.blocks.is_judging(BLOCK)


def test_a_known_verdict_is_given_at_once() -> None:
    desk = Desk()
    desk.blocks.accept(BLOCK, b"payload")
    assert desk.blocks.ask(BLOCK) == BlockReady(5, BLOCK, True)
    desk.blocks.log(BLOCK)
    assert len(list(desk.wal.replay())) == 1


def test_a_block_that_nobody_sent_is_fetched() -> None:
    desk = Desk()
    desk.blocks.ask(BLOCK)
    assert desk.is_fetching()
    desk.blocks.offer(5, BLOCK, GOOD)
    assert desk.port.jobs == [ValidateJob(5, BLOCK, b"payload", b"honest")]


def test_a_broken_copy_says_nothing_about_the_block_and_the_next_copy_is_judged() -> None:
    for verdict in (
        Validation(None, False, "undecodable"),
        Validation(OTHER, True, ""),
        Validation(OTHER, False, ""),
    ):
        desk = Desk()
        desk.blocks.offer(5, BLOCK, BAD)
        desk.blocks.offer(5, BLOCK, GOOD)
        desk.blocks.ask(BLOCK)
        assert desk.finish(verdict) is None
        assert desk.port.jobs[-1] == ValidateJob(5, BLOCK, b"payload", b"honest")
        assert desk.finish(VALID) == BlockReady(5, BLOCK, True)


def test_after_a_broken_copy_the_block_is_fetched_but_not_for_ever() -> None:
    desk = Desk()
    desk.blocks.ask(BLOCK)
    for attempt in range(MAX_REJECTED_COPIES):
        assert desk.is_fetching()
        desk.fetch.start_height(5)
        desk.blocks.offer(5, BLOCK, Candidate(b"liar", b"broken %d" % attempt))
        desk.finish(Validation(None, False, "undecodable"))
    assert not desk.is_fetching()


def test_a_block_that_is_really_invalid_is_answered_so() -> None:
    desk = Desk()
    desk.blocks.offer(5, BLOCK, GOOD)
    desk.blocks.ask(BLOCK)
    assert desk.finish(Validation(BLOCK, False, "wrong root")) == BlockReady(5, BLOCK, False)
    assert list(desk.wal.replay()) == []


def test_a_question_that_fell_out_of_the_line_is_taken_up_again() -> None:
    desk = Desk()
    desk.blocks.offer(5, BLOCK, GOOD)
    desk.blocks.ask(BLOCK)
    desk.jobs.drop_where(lambda _: True)
    desk.jobs.done()
    desk.blocks.reconsider()
    assert desk.port.jobs[-1] == ValidateJob(5, BLOCK, b"payload", b"honest")


def test_an_early_copy_waits_for_its_height() -> None:
    desk = Desk()
    desk.blocks.offer(6, OTHER, GOOD)
    desk.blocks.ask(OTHER)
    assert desk.port.jobs == []
    desk.blocks.start_height(6)
    desk.blocks.ask(OTHER)
    assert desk.port.jobs == [ValidateJob(6, OTHER, b"payload", b"honest")]


def test_what_the_log_remembers_is_not_judged_or_logged_again() -> None:
    desk = Desk()
    desk.blocks.restore_payload(BLOCK, b"payload")
    desk.blocks.restore_verdict(BLOCK, valid=True)
    assert desk.blocks.ask(BLOCK) == BlockReady(5, BLOCK, True)
    assert desk.port.jobs == []
    assert list(desk.wal.replay()) == []
