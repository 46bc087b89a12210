from pathlib import Path

import pytest
import trio

from node.errors import HomeError
from node.journal import TransactionJournal, frame, parse_frames


async def test_what_was_appended_is_read_back_after_reopening(tmp_path: Path) -> None:
    journal = TransactionJournal(tmp_path / "journal")
    assert journal.open() == []
    await journal.append([b"one", b"two"])
    await journal.append([b"three"])
    journal.close()
    assert TransactionJournal(tmp_path / "journal").open() == [b"one", b"two", b"three"]


async def test_callers_at_the_same_time_share_a_write_and_all_are_on_disk(tmp_path: Path) -> None:
    journal = TransactionJournal(tmp_path / "journal")
    journal.open()
    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(journal.append, [b"%d" % number])
    entries, _ = parse_frames((tmp_path / "journal").read_bytes())
    assert sorted(entries) == sorted(b"%d" % number for number in range(50))
    journal.close()


@pytest.mark.parametrize("cut", [1, 4, 9])
async def test_a_torn_tail_is_cut_and_writing_goes_on(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = TransactionJournal(path)
    journal.open()
    await journal.append([b"whole", b"torn-off"])
    journal.close()
    path.write_bytes(path.read_bytes()[:-cut])
    journal = TransactionJournal(path)
    assert journal.open() == [b"whole"]
    await journal.append([b"next"])
    journal.close()
    assert TransactionJournal(path).open() == [b"whole", b"next"]


def test_a_flipped_bit_ends_the_good_part() -> None:
    content = bytearray(b"\x01" + frame(b"good") + frame(b"bad") + frame(b"after"))
    content[len(b"\x01" + frame(b"good")) + 9] ^= 1
    assert parse_frames(bytes(content))[0] == [b"good"]


async def test_rewriting_replaces_the_content(tmp_path: Path) -> None:
    journal = TransactionJournal(tmp_path / "journal")
    journal.open()
    await journal.append([b"old"])
    await journal.rewrite([b"kept"])
    await journal.append([b"new"])
    journal.close()
    assert TransactionJournal(tmp_path / "journal").open() == [b"kept", b"new"]


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"#!/bin/sh\n")
    with pytest.raises(HomeError, match="not a transaction journal"):
        TransactionJournal(tmp_path / "journal").open()


async def test_after_a_failed_write_nothing_more_is_acknowledged(tmp_path: Path) -> None:
    journal = TransactionJournal(Path("/dev/full"))
    journal._file = __import__("os").open("/dev/full", __import__("os").O_WRONLY)
    for _ in range(2):
        with pytest.raises(HomeError, match="cannot be written"):
            await journal.append([b"lost"])
    journal.close()
