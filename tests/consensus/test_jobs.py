"""The line of the application's work."""

import pytest

from chain.errors import InvariantViolation
from chain.types import Hash32
from consensus.jobs import MAX_WAITING, JobQueue
from consensus.ports import BuildJob, CommitJob, ValidateJob
from consensus.types import Commit
from tests.consensus.recording_port import RecordingPort


def validate(number: int) -> ValidateJob:
    return ValidateJob(1, Hash32(bytes([number]) * 32), b"p%d" % number, b"peer")


def build(round_: int) -> BuildJob:
    return BuildJob(1, round_, None, 0.5)


COMMIT = CommitJob(b"payload", Commit(1, 0, Hash32(bytes(32)), ()))


def test_one_job_runs_at_a_time_and_the_newest_comes_next() -> None:
    port = RecordingPort()
    jobs = JobQueue(port)
    for number in range(3):
        jobs.add(validate(number))
    assert port.jobs == [validate(0)]
    assert jobs.done() == (validate(0), True)
    jobs.start_next()
    assert port.jobs[-1] == validate(2)


def test_a_build_goes_before_every_validation() -> None:
    port = RecordingPort()
    jobs = JobQueue(port)
    for job in (validate(0), build(0), validate(1)):
        jobs.add(job)
    jobs.done()
    jobs.start_next()
    assert port.jobs[-1] == build(0)


def test_the_same_job_is_taken_once() -> None:
    port = RecordingPort()
    jobs = JobQueue(port)
    for _ in range(3):
        jobs.add(validate(0))
        jobs.add(validate(1))
    jobs.done()
    jobs.start_next()
    jobs.done()
    jobs.start_next()
    assert port.jobs == [validate(0), validate(1)]
    assert jobs.is_idle()


def test_beyond_the_bound_the_oldest_is_forgotten() -> None:
    port = RecordingPort()
    jobs = JobQueue(port)
    for number in range(MAX_WAITING + 3):
        jobs.add(validate(number))
    assert not jobs.is_judging(validate(1).block_id)
    assert jobs.is_judging(validate(MAX_WAITING + 2).block_id)


def test_a_cancelled_job_still_occupies_the_application_until_it_ends() -> None:
    port = RecordingPort()
    jobs = JobQueue(port)
    jobs.add(validate(0))
    jobs.drop_where(lambda _: True)
    jobs.drop_where(lambda _: True)
    jobs.add(COMMIT)
    assert port.cancelled == 1
    assert port.jobs == [validate(0)]
    assert not jobs.is_judging(validate(0).block_id)
    assert jobs.done() == (validate(0), False)
    jobs.start_next()
    assert port.jobs[-1] == COMMIT


def test_a_commit_is_never_dropped() -> None:
    port = RecordingPort()
    jobs = JobQueue(port)
    jobs.add(COMMIT)
    jobs.drop_where(lambda _: True)
    assert port.cancelled == 0
    assert jobs.done() == (COMMIT, True)


def test_an_end_without_a_start_is_a_bug() -> None:
    with pytest.raises(InvariantViolation):
        JobQueue(RecordingPort()).done()
