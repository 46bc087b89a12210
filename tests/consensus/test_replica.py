"""What the replica does with the ends of jobs that came too late."""

from __future__ import annotations

from consensus.application import ChainPosition, Validation
from consensus.codec import encode_message
from consensus.params import ConsensusParams
from consensus.ports import ValidateJob
from consensus.replica import Replica
from consensus.types import DuplicateVoteEvidence, VoteKind
from consensus.wal import Wal
from tests.consensus.committee import CHAIN_ID, block, committee, vote
from tests.consensus.recording_port import HandClock, RecordingPort
from tests.sim.disk import SimDisk

BLOCK = block("slow")


def follower(port: RecordingPort, disk: SimDisk | None = None) -> Replica:
    wal = Wal.open(disk or SimDisk(), lambda: b"markmark")
    replica = Replica(
        chain_id=CHAIN_ID, params=ConsensusParams(), signer=None, wal=wal, port=port, clock=HandClock()
    )
    validators = committee(1, 1, 1, 1)
    replica.start(ChainPosition(0, block("genesis"), 0, validators, validators, None))
    return replica


def test_a_verdict_that_comes_after_its_round_is_kept() -> None:
    """Execution cannot be interrupted; if its outcome were dropped, slow blocks would be executed again and again."""
    port = RecordingPort()
    replica = follower(port)
    replica._jobs.add(ValidateJob(1, BLOCK, b"payload", b"peer"))
    replica._jobs.drop_where(lambda _: True)
    assert port.cancelled == 1
    replica.on_job_done(Validation(BLOCK, True, ""))
    assert replica._blocks.payload(BLOCK) == b"payload"


def test_double_signing_is_reported_again_when_the_process_ended_before_anybody_stored_it() -> None:
    disk, port = SimDisk(), RecordingPort()
    replica = follower(port, disk)
    first, second = (vote(VoteKind.PREVOTE, 1, 0, block(name), 1) for name in ("v", "w"))
    for sent in (first, second, second):
        replica.on_message(b"peer", encode_message(sent))
    expected = [DuplicateVoteEvidence(first, second)]
    assert port.evidence == expected
    assert replica.status().evidence_count == 1

    restarted = RecordingPort()
    follower(restarted, disk)
    assert restarted.evidence == expected


def test_a_verdict_of_another_height_is_dropped() -> None:
    port = RecordingPort()
    replica = follower(port)
    replica._jobs.add(ValidateJob(7, BLOCK, b"payload", b"peer"))
    replica._jobs.drop_where(lambda _: True)
    replica.on_job_done(Validation(BLOCK, True, ""))
    assert replica._blocks.payload(BLOCK) is None
