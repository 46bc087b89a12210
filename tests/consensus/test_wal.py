"""The log: frames, torn tails, damage, segments, replay."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import InvariantViolation
from chain.types import Address, Hash32
from consensus import wal as wal_module
from consensus.durable import DiskDirectory
from consensus.messages import BlockPayload, BlockReady, LogEntry, StartRound0, VoteReceived
from consensus.types import Vote, VoteKind
from consensus.wal import SEGMENT_HEIGHTS, Wal, WalDamaged, WalPosition
from tests.sim.disk import PowerCut, SimDisk

BLOCK = Hash32(b"\xaa" * 32)


def vote(height: int, round_: int) -> VoteReceived:
    return VoteReceived(Vote(VoteKind.PREVOTE, height, round_, BLOCK, Address(b"\x01" * 20), b"\x05" * 64))


def marks(seed: int = 0) -> Callable[[], bytes]:
    return lambda: Random(seed).randbytes(8)


def opened(disk: SimDisk) -> Wal:
    return Wal.open(disk, marks())


def written(entries: list[LogEntry], *, sync: bool = True) -> SimDisk:
    disk = SimDisk()
    wal = opened(disk)
    wal.begin_height(1)
    for entry in entries:
        wal.append(entry, sync=sync)
    return disk


def only_file(disk: SimDisk) -> bytearray:
    (name,) = disk.names()
    return disk.files[name].visible


ENTRIES: list[LogEntry] = [
    StartRound0(1),
    vote(1, 0),
    BlockPayload(1, BLOCK, b"p" * 500),
    BlockReady(1, BLOCK, True),
]


def test_an_empty_directory_is_an_empty_log() -> None:
    wal = opened(SimDisk())
    assert wal.position is None
    assert list(wal.replay()) == []


def test_entries_come_back_in_order() -> None:
    wal = opened(written(ENTRIES))
    assert wal.position == WalPosition(1, False)
    assert list(wal.replay()) == ENTRIES
    assert wal.cut is None


def test_appending_goes_on_after_reopening() -> None:
    disk = written(ENTRIES)
    wal = opened(disk)
    wal.append(vote(1, 1), sync=True)
    assert list(opened(disk).replay()) == [*ENTRIES, vote(1, 1)]


def test_only_the_entries_of_the_newest_height_are_replayed() -> None:
    disk = written(ENTRIES)
    wal = opened(disk)
    wal.begin_height(2)
    assert list(wal.replay()) == []
    wal.append(vote(2, 0), sync=True)
    again = opened(disk)
    assert again.position == WalPosition(2, False)
    assert list(again.replay()) == [vote(2, 0)]


def test_a_new_height_costs_one_sync_and_later_ones_come_in_new_segments() -> None:
    disk = SimDisk()
    wal = opened(disk)
    wal.begin_height(1)
    before = disk.syncs
    for height in range(2, SEGMENT_HEIGHTS + 1):
        wal.begin_height(height)
    assert disk.syncs - before == SEGMENT_HEIGHTS - 1
    first = disk.names()
    wal.begin_height(SEGMENT_HEIGHTS + 1)
    assert len(disk.names()) == 1
    assert disk.names() != first
    assert opened(disk).position == WalPosition(SEGMENT_HEIGHTS + 1, False)


def test_a_large_segment_is_replaced_at_the_next_height(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal_module, "SEGMENT_BYTES", 100)
    disk = written(ENTRIES)
    wal = opened(disk)
    name = disk.names()
    wal.begin_height(2)
    assert len(disk.names()) == 1
    assert disk.names() != name


def test_two_segments_are_left_by_a_crash_and_the_newer_counts() -> None:
    disk = written(ENTRIES)
    old = dict(disk.files)
    wal = opened(disk)
    wal.begin_height(SEGMENT_HEIGHTS + 1)
    disk.files.update(old)
    assert len(disk.names()) == 2
    assert opened(disk).position == WalPosition(SEGMENT_HEIGHTS + 1, False)
    assert len(disk.names()) == 1


def test_heights_never_go_back() -> None:
    wal = opened(written(ENTRIES))
    with pytest.raises(InvariantViolation):
        wal.begin_height(1)


def test_an_entry_outside_a_height_is_a_bug() -> None:
    with pytest.raises(InvariantViolation):
        opened(SimDisk()).append(vote(1, 0), sync=False)


@pytest.mark.parametrize("lost", [1, 7, 100, 480])
def test_a_torn_tail_is_cut_and_reported(lost: int) -> None:
    disk = written(ENTRIES)
    whole = len(only_file(disk))
    del only_file(disk)[-lost:]
    wal = opened(disk)
    assert wal.cut is not None
    assert wal.cut.offset + wal.cut.lost_bytes == whole - lost
    kept = list(wal.replay())
    assert kept == ENTRIES[: len(kept)]
    assert len(kept) < len(ENTRIES)
    wal.append(vote(1, 1), sync=True)
    assert list(opened(disk).replay()) == [*kept, vote(1, 1)]


def test_a_flipped_bit_in_the_last_frame_is_a_torn_tail() -> None:
    disk = written(ENTRIES)
    only_file(disk)[-1] ^= 1
    assert list(opened(disk).replay()) == ENTRIES[:-1]


@pytest.mark.parametrize("offset", [28 + 33 + 30, 200, 400])
def test_a_flipped_bit_before_synced_frames_refuses_to_start(offset: int) -> None:
    disk = written(ENTRIES)
    only_file(disk)[offset] ^= 1
    with pytest.raises(WalDamaged, match=r"wal-0000000000000000001\.log, offset \d+"):
        opened(disk)


def test_a_hole_among_unsynced_frames_is_a_torn_tail() -> None:
    """Nothing after the last sync was promised, so a later frame may be there and an earlier one not."""
    disk = written(ENTRIES, sync=False)
    only_file(disk)[100:160] = bytes(60)
    wal = opened(disk)
    assert wal.cut is not None
    assert list(wal.replay()) == ENTRIES[:0] or list(wal.replay()) == ENTRIES[:1]


def test_a_damaged_header_refuses_to_start() -> None:
    disk = written(ENTRIES)
    only_file(disk)[9] ^= 1
    with pytest.raises(WalDamaged, match="offset 0"):
        opened(disk)


def test_a_payload_that_imitates_frames_does_not_stop_a_start() -> None:
    """A torn entry may hold whatever a transaction holds, even the bytes of another log."""
    other = bytes(only_file(written(ENTRIES)))
    disk = SimDisk()
    wal = Wal.open(disk, marks(1))
    wal.begin_height(1)
    wal.append(BlockPayload(1, BLOCK, other), sync=False)
    del only_file(disk)[-3:]
    again = opened(disk)
    assert again.cut is not None
    assert list(again.replay()) == []


def test_an_entry_of_another_version_names_its_offset() -> None:
    disk = SimDisk()
    wal = opened(disk)
    wal.begin_height(1)
    assert wal._segment is not None
    wal._segment.append(b"\x03\xff\x00", sync=True)
    with pytest.raises(WalDamaged, match="another software version"):
        list(opened(disk).replay())


def test_the_log_works_on_a_real_disk(tmp_path: Path) -> None:
    directory = DiskDirectory(tmp_path / "wal")
    wal = Wal.open(directory)
    wal.begin_height(1)
    for entry in ENTRIES:
        wal.append(entry, sync=entry is ENTRIES[-1])
    wal.close()
    (path,) = (tmp_path / "wal").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    again = Wal.open(directory)
    assert list(again.replay()) == ENTRIES[:-1]
    again.begin_height(2)
    again.append(vote(2, 0), sync=True)
    again.close()
    last = Wal.open(directory)
    assert list(last.replay()) == [vote(2, 0)]
    last.close()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 120))
def test_a_power_cut_loses_no_synced_entry_and_never_looks_like_damage(seed: int, cut_in: int) -> None:
    random = Random(seed)
    disk = SimDisk()
    promised: list[LogEntry] = []
    attempted: list[LogEntry] = []
    disk.cut_in = cut_in
    height = 0
    try:
        wal = Wal.open(disk, lambda: random.randbytes(8))
        for step in range(60):
            if height == 0 or random.random() < 0.1:
                height += random.choice((1, 1, 40))
                attempted, promised = [], []
                wal.begin_height(height)
            entry = (
                vote(height, step)
                if random.random() < 0.8
                else BlockPayload(height, BLOCK, random.randbytes(700))
            )
            attempted.append(entry)
            sync = random.random() < 0.3
            wal.append(entry, sync=sync)
            if sync:
                promised = list(attempted)
    except PowerCut:
        pass
    disk.power_cut(random)
    again = Wal.open(disk, lambda: random.randbytes(8))
    kept = list(again.replay())
    if promised:
        assert again.position == WalPosition(height, False)
    if again.position is not None and again.position.height == height:
        assert kept[: len(promised)] == promised
        assert kept == attempted[: len(kept)]
