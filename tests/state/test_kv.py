import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.kv import (
    DatabaseDamaged,
    DatabaseLocked,
    DatabaseUnavailable,
    KeyValueReader,
    KeyValueStore,
    LevelStore,
    MemoryStore,
    WriteBatch,
    _check_tables,
    _files,
    prefix_end,
)

# Few different bytes, so that keys share prefixes and hit the edge of the key space.
keys = st.lists(st.sampled_from([0x00, 0x01, 0x61, 0xFE, 0xFF]), min_size=1, max_size=4).map(bytes)
batches = st.dictionaries(keys, st.none() | st.binary(max_size=4), max_size=6)


@pytest.fixture(params=["leveldb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValueStore]:
    opened: KeyValueStore = LevelStore(tmp_path / "db") if request.param == "leveldb" else MemoryStore()
    yield opened
    opened.close()


def apply(model: dict[bytes, bytes], batch: WriteBatch) -> None:
    for key, value in batch.items():
        if value is None:
            model.pop(key, None)
        else:
            model[key] = value


def check_reads(
    reader: KeyValueReader, model: dict[bytes, bytes], prefix: bytes, start: bytes, probe: bytes
) -> None:
    assert reader.get(probe) == model.get(probe)
    ascending = sorted((key, value) for key, value in model.items() if key.startswith(prefix))
    assert list(reader.iterate(prefix)) == ascending
    assert list(reader.iterate(prefix, reverse=True)) == ascending[::-1]
    first = prefix + start
    assert list(reader.iterate(prefix, start=start)) == [row for row in ascending if row[0] >= first]
    if start:
        expected = [row for row in ascending[::-1] if row[0] <= first]
        assert list(reader.iterate(prefix, start=start, reverse=True)) == expected


@pytest.mark.parametrize("kind", ["leveldb", "memory"])
@given(data=st.data())
@settings(max_examples=60)
def test_store_and_snapshots_read_like_a_sorted_dictionary(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store: KeyValueStore = LevelStore(tmp_path_factory.mktemp("db")) if kind == "leveldb" else MemoryStore()
    try:
        model: dict[bytes, bytes] = {}
        past = []
        for batch in data.draw(st.lists(batches, max_size=5)):
            past.append((store.snapshot(), dict(model)))
            store.write(batch, sync=False)
            apply(model, batch)
            if data.draw(st.booleans()):
                past.pop(data.draw(st.integers(0, len(past) - 1)))[0].close()
        prefix, start = data.draw(st.just(b"") | keys), data.draw(st.just(b"") | keys)
        probe = data.draw(keys)
        check_reads(store, model, prefix, start, probe)
        for snapshot, then in past:
            check_reads(snapshot, then, prefix, start, probe)
    finally:
        store.close()


def test_a_dropped_snapshot_lets_the_memory_store_forget() -> None:
    store = MemoryStore()
    store.write({b"key": b"0"}, sync=True)
    snapshot = store.snapshot()
    for value in range(50):
        store.write({b"key": str(value).encode()}, sync=True)
    assert snapshot.get(b"key") == b"0"
    del snapshot
    store.write({b"key": b"last"}, sync=True)
    assert len(store._versions[b"key"]) == 1
    store.write({b"key": None}, sync=True)
    assert store._versions == {}


def test_iteration_over_an_open_cursor_survives_writes_behind_it(store: KeyValueStore) -> None:
    store.write({bytes((i,)): b"old" for i in range(10)}, sync=True)
    snapshot = store.snapshot()
    rows = snapshot.iterate(b"")
    next(rows)
    store.write({bytes((i,)): None for i in range(10)}, sync=True)
    assert [value for _, value in rows] == [b"old"] * 9


def test_a_closed_store_answers_with_an_environment_fault(store: KeyValueStore) -> None:
    store.write({b"key": b"value"}, sync=True)
    snapshot = store.snapshot()
    rows = store.iterate(b"")
    store.close()
    store.close()
    calls: list[Callable[[], object]] = [
        lambda: store.get(b"key"),
        lambda: snapshot.get(b"key"),
        lambda: list(snapshot.iterate(b"")),
        lambda: next(rows),
        lambda: store.write({b"key": b"v"}, sync=False),
        store.snapshot,
    ]
    for call in calls:
        with pytest.raises(DatabaseUnavailable):
            call()
    snapshot.close()


def test_a_closed_snapshot_answers_with_an_environment_fault(store: KeyValueStore) -> None:
    snapshot = store.snapshot()
    snapshot.close()
    snapshot.close()
    with pytest.raises(DatabaseUnavailable):
        snapshot.get(b"key")


def test_closing_under_running_readers_ends_them_with_an_environment_fault(tmp_path: Path) -> None:
    store = LevelStore(tmp_path / "db")
    store.write({number.to_bytes(4, "big"): bytes(100) for number in range(2000)}, sync=False)
    ended: list[str] = []
    reading = threading.Barrier(5)

    def read(index: int) -> None:
        snapshot = store.snapshot()
        reading.wait()
        try:
            while True:
                if index % 2:
                    store.get(index.to_bytes(4, "big"))
                else:
                    sum(1 for _ in snapshot.iterate(b""))
        except DatabaseUnavailable:
            ended.append("unavailable")

    threads = [threading.Thread(target=read, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    reading.wait()
    store.close()
    for thread in threads:
        thread.join(timeout=20)
    assert ended == ["unavailable"] * 4


@given(keys)
def test_prefix_end_is_the_first_key_behind_the_prefix(prefix: bytes) -> None:
    end = prefix_end(prefix)
    if end is None:
        assert set(prefix) == {0xFF}
    else:
        assert prefix + b"\xff" * 8 < end
        assert end[:-1] == prefix[: len(end) - 1]


# --- opening ---------------------------------------------------------------------------------------------------


def filled(path: Path, rows: int = 3000) -> Path:
    """A database whose rows are in table files, with two more in the log."""
    store = LevelStore(path)
    rng = random.Random(3)
    store.write({number.to_bytes(4, "big"): rng.randbytes(200) for number in range(rows)}, sync=True)
    store._source.compact_range()
    store.write({b"late": b"row"}, sync=True)
    store.write({b"latest": b"row"}, sync=True)
    store.close()
    return path


def only(path: Path, pattern: str) -> Path:
    """The newest file of that kind."""
    return sorted(path.glob(pattern))[-1]


def read_all(path: Path) -> int:
    store = LevelStore(path)
    try:
        return sum(1 for _ in store.iterate(b""))
    finally:
        store.close()


def test_a_database_survives_reopening(tmp_path: Path) -> None:
    path = filled(tmp_path / "db")
    assert read_all(path) == read_all(path) == 3002


def test_a_database_open_in_this_process_is_locked(tmp_path: Path) -> None:
    store = LevelStore(tmp_path / "db")
    with pytest.raises(DatabaseLocked, match="another process"):
        LevelStore(tmp_path / "db")
    store.close()
    LevelStore(tmp_path / "db").close()


def test_a_database_open_in_another_process_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "db"
    script = (
        "import plyvel, sys\n"
        "db = plyvel.DB(sys.argv[1], create_if_missing=True)\n"
        "print(1, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(DatabaseLocked):
            LevelStore(path)
        other.communicate()


def test_a_missing_database_is_only_made_when_asked(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="no database"):
        LevelStore(tmp_path / "db", create=False)
    assert not (tmp_path / "db").exists()
    LevelStore(tmp_path / "deep" / "db").close()
    LevelStore(tmp_path / "deep" / "db", create=False).close()


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "db"
    path.write_text("not a directory")
    with pytest.raises(DatabaseUnavailable):
        LevelStore(path)


def test_without_its_current_file_a_database_is_damaged_and_not_emptied(tmp_path: Path) -> None:
    path = filled(tmp_path / "db")
    current = path / "CURRENT"
    content = current.read_bytes()
    current.unlink()
    with pytest.raises(DatabaseDamaged, match="CURRENT"):
        LevelStore(path)
    current.write_bytes(content)
    assert read_all(path) == 3002


@pytest.mark.parametrize("pattern", ["MANIFEST-*", "*.ldb"])
def test_a_missing_file_is_damage(tmp_path: Path, pattern: str) -> None:
    path = filled(tmp_path / "db")
    only(path, pattern).unlink()
    with pytest.raises(DatabaseDamaged):
        LevelStore(path)


# LevelDB takes a manifest or log that is cut off near its end for one whose last record was being written.
@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("CURRENT", 0),
        ("CURRENT", 5),
        ("CURRENT", 15),
        ("MANIFEST-*", 0),
        ("MANIFEST-*", 5),
        ("*.ldb", 0),
        ("*.ldb", 100),
    ],
)
def test_a_cut_off_file_is_damage(tmp_path: Path, pattern: str, kept: int) -> None:
    path = filled(tmp_path / "db")
    victim = only(path, pattern)
    content = victim.read_bytes()
    assert kept < len(content)
    victim.write_bytes(content[:kept])
    with pytest.raises(DatabaseDamaged):
        LevelStore(path)


def test_a_table_that_a_compaction_begins_to_write_is_no_damage(tmp_path: Path) -> None:
    path = filled(tmp_path / "db")
    table = only(path, "*.ldb")
    left_over = _files(path)
    content = table.read_bytes()
    table.unlink()
    table.write_bytes(content[:100])
    _check_tables(path, left_over)
    with pytest.raises(DatabaseDamaged):
        _check_tables(path, _files(path))


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.log"])
def test_a_garbled_file_is_damage(tmp_path: Path, pattern: str) -> None:
    path = filled(tmp_path / "db")
    victim = only(path, pattern)
    content = bytearray(victim.read_bytes())
    content[8] ^= 0x55
    victim.write_bytes(bytes(content))
    with pytest.raises((DatabaseDamaged, DatabaseUnavailable)):
        LevelStore(path)


def test_a_garbled_row_is_damage_when_it_is_read(tmp_path: Path) -> None:
    path = filled(tmp_path / "db")
    table = only(path, "*.ldb")
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 0x55
    table.write_bytes(bytes(content))
    with pytest.raises(DatabaseDamaged):
        read_all(path)


def test_a_cut_off_log_keeps_every_batch_before_the_cut(tmp_path: Path) -> None:
    path = filled(tmp_path / "db")
    log = only(path, "*.log")
    log.write_bytes(log.read_bytes()[:-3])
    store = LevelStore(path)
    assert store.get(b"late") == b"row"
    assert store.get(b"latest") is None
    store.close()
