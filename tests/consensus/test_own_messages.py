"""Signing: log first, then record, then the world; silence; and what a restart makes of it."""

from __future__ import annotations

from random import Random

import pytest

from chain.errors import InvariantViolation
from chain.types import Hash32
from consensus.messages import OwnSigned, SigningRefused
from consensus.own_messages import OwnMessages
from consensus.signer import FileSigner
from consensus.types import Vote, VoteKind
from consensus.wal import Wal
from tests.sim.chain import key_of
from tests.sim.disk import PowerCut, SimDisk

KEY = key_of(0)
BLOCK, OTHER = Hash32(b"\xaa" * 32), Hash32(b"\xbb" * 32)


def prevote(block_id: Hash32 = BLOCK) -> Vote:
    return Vote(VoteKind.PREVOTE, 1, 0, block_id, KEY.address)


def on(disk: SimDisk) -> tuple[OwnMessages, Wal]:
    wal = Wal.open(disk, lambda: b"markmark")
    if wal.position is None:
        wal.begin_height(1)
    signer = FileSigner(KEY, disk, "key.state", 7)
    if signer.last_height() is None:
        signer.create_state()
    return OwnMessages(signer, wal), wal


def test_a_message_is_durable_in_log_and_record_when_it_is_signed() -> None:
    disk = SimDisk()
    own, wal = on(disk)
    answer = own.sign(prevote())
    assert isinstance(answer, OwnSigned)
    own.require_durable(answer.message)
    assert list(wal.replay()) == [answer]
    assert not any(content.pending for content in disk.files.values())
    own.persist(answer)
    assert list(wal.replay()) == [answer]


def test_at_every_power_cut_the_log_leads_to_whatever_the_record_holds() -> None:
    """Otherwise a node that lost power while signing could be refused its vote for ever in that round."""
    for cut_in in range(12):
        disk = SimDisk()
        own, _ = on(disk)
        disk.cut_in = cut_in
        try:
            own.sign(prevote())
        except PowerCut:
            disk.power_cut(Random(cut_in))
        disk.cut_in = None
        own, wal = on(disk)
        entries = list(wal.replay())
        for entry in entries:
            assert isinstance(entry, OwnSigned)
            own.restore(entry.message, {prevote()})
        answer = own.sign(prevote(BLOCK if entries else OTHER))
        assert isinstance(answer, OwnSigned), f"refused after a cut at operation {cut_in}"


def test_what_was_not_made_durable_here_may_not_leave() -> None:
    own, _ = on(SimDisk())
    with pytest.raises(InvariantViolation):
        own.require_durable(prevote().signed(b"\x01" * 64))
    answer = own.sign(prevote())
    own.start_height()
    with pytest.raises(InvariantViolation):
        own.require_durable(answer.message)


def test_a_silent_height_a_conflict_and_a_missing_key_are_refusals() -> None:
    own, _ = on(SimDisk())
    own.silent_through = 1
    assert own.sign(prevote()) == SigningRefused(prevote())
    own.silent_through = 0
    own.sign(prevote())
    assert own.sign(prevote(OTHER)) == SigningRefused(prevote(OTHER))
    _, wal = on(SimDisk())
    assert OwnMessages(None, wal).sign(prevote()) == SigningRefused(prevote())


def test_a_message_that_replay_did_not_lead_to_stops_the_node() -> None:
    own, _ = on(SimDisk())
    with pytest.raises(InvariantViolation, match="remove the log"):
        own.restore(prevote().signed(b"\x01" * 64), {prevote(OTHER)})


def test_the_log_raises_a_signer_record_that_fell_behind() -> None:
    signed = on(SimDisk())[0].sign(prevote()).message
    own, _ = on(SimDisk())
    own.restore(signed, {prevote()})
    own.require_durable(signed)
    assert own.sign(prevote(OTHER)) == SigningRefused(prevote(OTHER))
