"""What the replica does with the ends of jobs that came too late."""

from __future__ import annotations

from consensus.application import ChainPosition, Validation
from consensus.certificates import commit_of_precommits
from consensus.codec import encode_message
from consensus.params import ConsensusParams
from consensus.ports import ValidateJob
from consensus.replica import Replica
from consensus.types import Commit, DuplicateVoteEvidence, VoteKind
from consensus.wal import Wal
from tests.consensus.committee import CHAIN_ID, block, committee, key, vote
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


def test_the_commit_in_a_block_brings_votes_that_never_came_here() -> None:
    """They complete the own commit, and contradict what this node alone was told."""
    port = RecordingPort()
    wal = Wal.open(SimDisk(), lambda: b"markmark")
    replica = Replica(
        chain_id=CHAIN_ID, params=ConsensusParams(), signer=None, wal=wal, port=port, clock=HandClock()
    )
    validators = committee(1, 1, 1, 1, 1)

    def committed(*voters: int, nil: int | None = None) -> Commit:
        votes = {key(i).address: vote(VoteKind.PRECOMMIT, 1, 0, BLOCK, i) for i in voters}
        if nil is not None:
            votes[key(nil).address] = vote(VoteKind.PRECOMMIT, 1, 0, None, nil)
        return commit_of_precommits(validators, 1, 0, BLOCK, votes)

    own, others = committed(0, 1, 2, 3), committed(0, 1, 2, 4, nil=3)
    replica.start(ChainPosition(1, BLOCK, 0, validators, validators, own, validators))
    replica._jobs.add(ValidateJob(2, block("next"), b"payload", b"peer"))
    replica.on_job_done(Validation(block("next"), True, "", parent_commit=others))
    nil_vote, block_vote = (vote(VoteKind.PRECOMMIT, 1, 0, choice, 3) for choice in (None, BLOCK))
    assert port.evidence == [DuplicateVoteEvidence(block_vote, nil_vote)]
    assert replica._engine.last_commit == committed(0, 1, 2, 3, 4)


def test_a_verdict_of_another_height_is_dropped() -> None:
    port = RecordingPort()
    replica = follower(port)
    replica._jobs.add(ValidateJob(7, BLOCK, b"payload", b"peer"))
    replica._jobs.drop_where(lambda _: True)
    replica.on_job_done(Validation(BLOCK, True, ""))
    assert replica._blocks.payload(BLOCK) is None
