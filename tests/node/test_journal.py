import os
from pathlib import Path

import pytest
import trio

from node.errors import HomeError
from node.journal import REWRITE_SLACK_BYTES, TransactionJournal, frame, parse_frames


def opened(path: Path) -> TransactionJournal:
    journal = TransactionJournal(path)
    journal.open()
    return journal


def content_of(path: Path) -> list[bytes]:
    return parse_frames(path.read_bytes()).raws


async def test_what_was_appended_is_read_back_after_reopening(tmp_path: Path) -> None:
    journal = TransactionJournal(tmp_path / "journal")
    assert journal.open() == []
    await journal.append([b"one", b"two"])
    await journal.append([b"three"])
    journal.close()
    assert TransactionJournal(tmp_path / "journal").open() == [b"one", b"two", b"three"]
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600


async def test_callers_at_the_same_time_are_all_on_disk(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(journal.append, [b"%d" % number])
    assert sorted(content_of(tmp_path / "journal")) == sorted(b"%d" % number for number in range(50))
    assert journal.size_bytes == (tmp_path / "journal").stat().st_size
    journal.close()


@pytest.mark.parametrize("cut", [1, 4, 9])
async def test_a_torn_tail_is_cut_and_writing_goes_on(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = opened(path)
    await journal.append([b"whole", b"torn-off"])
    journal.close()
    path.write_bytes(path.read_bytes()[:-cut])
    journal = TransactionJournal(path)
    assert journal.open() == [b"whole"]
    await journal.append([b"next"])
    journal.close()
    assert TransactionJournal(path).open() == [b"whole", b"next"]


def test_a_tail_of_zeros_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"\x01" + frame(b"good") + bytes(4096))
    assert TransactionJournal(path).open() == [b"good"]
    assert path.stat().st_size == 1 + len(frame(b"good"))


@pytest.mark.parametrize("at", range(8, 12))
def test_a_flipped_bit_costs_one_transaction(at: int) -> None:
    content = bytearray(b"\x01" + frame(b"good") + frame(b"bad!") + frame(b"after"))
    content[len(b"\x01" + frame(b"good")) + at] ^= 1
    found = parse_frames(bytes(content))
    assert (found.raws, found.damaged, found.end) == ([b"good", b"after"], 1, len(content))


async def test_rewriting_replaces_the_content(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.append([b"old"])
    await journal.rewrite(lambda: [b"kept"])
    await journal.append([b"new"])
    journal.close()
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600
    assert TransactionJournal(tmp_path / "journal").open() == [b"kept", b"new"]


async def test_nothing_is_lost_between_appending_and_rewriting(tmp_path: Path) -> None:
    """What waits is asked for when the rewrite has its turn, not when it was requested."""
    journal = opened(tmp_path / "journal")
    pool: list[bytes] = []

    async def acknowledge(raw: bytes) -> None:
        pool.append(raw)
        await journal.append([raw])

    async with trio.open_nursery() as nursery:
        for number in range(60):
            nursery.start_soon(acknowledge, b"%d" % number)
            if number % 3 == 0:
                nursery.start_soon(journal.rewrite, lambda: tuple(pool))
            await trio.sleep(0)
    journal.close()
    assert set(content_of(tmp_path / "journal")) == set(pool)


def test_the_file_is_rewritten_once_most_of_it_is_history(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    journal.size_bytes = REWRITE_SLACK_BYTES + 2_000
    assert journal.needs_rewrite(999)
    assert not journal.needs_rewrite(1_000)
    journal.close()


@pytest.mark.parametrize("content", [b"#!/bin/sh\n", b"\x02"])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal").write_bytes(content)
    journal = TransactionJournal(tmp_path / "journal")
    with pytest.raises(HomeError, match="not a transaction journal"):
        journal.open()
    journal.close()


async def test_after_a_failed_write_nothing_is_acknowledged_until_the_file_is_rewritten(
    tmp_path: Path,
) -> None:
    journal = opened(tmp_path / "journal")
    await journal.append([b"before"])
    journal.close()
    journal._file = os.open("/dev/full", os.O_WRONLY)
    for _ in range(2):
        with pytest.raises(HomeError, match="cannot be written"):
            await journal.append([b"lost"])
    assert journal.needs_rewrite(0)
    await journal.rewrite(lambda: [b"before"])
    assert not journal.needs_rewrite(0)
    await journal.append([b"again"])
    journal.close()
    assert content_of(tmp_path / "journal") == [b"before", b"again"]


async def test_a_failed_rewrite_leaves_the_old_file(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.append([b"old"])
    (tmp_path / "journal.new").mkdir()
    with pytest.raises(HomeError, match="cannot be rewritten"):
        await journal.rewrite(list)
    await journal.append([b"new"])
    journal.close()
    assert content_of(tmp_path / "journal") == [b"old", b"new"]
