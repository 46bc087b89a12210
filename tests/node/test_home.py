import errno
from pathlib import Path

import pytest

from node.errors import HomeError
from node.home import NodeHome, default_home, write_private, write_public


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("before", [0o700, 0o750, 0o1777])
def test_a_folder_that_the_user_made_keeps_its_mode(tmp_path: Path, before: int) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    root.chmod(before)
    NodeHome(root).make_folders()
    assert mode(root) == before


def test_folders_with_secrets_are_closed_to_others(tmp_path: Path) -> None:
    home = NodeHome(tmp_path / "a" / "b")
    home.make_folders()
    home.keystore.chmod(0o755)
    home.make_folders()
    assert mode(home.keystore) == mode(home.database.parent) == 0o700
    assert home.wal.is_dir()


def test_a_home_that_cannot_be_made_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match="file"):
        NodeHome(tmp_path / "file" / "home").make_folders()


def test_files_are_never_overwritten_and_private_ones_are_private(tmp_path: Path) -> None:
    write_private(tmp_path / "new" / "key", b"secret")
    write_public(tmp_path / "genesis", b"open")
    assert mode(tmp_path / "new" / "key") == 0o600
    for write, name in ((write_private, "new/key"), (write_public, "genesis")):
        with pytest.raises(HomeError, match="not overwritten"):
            write(tmp_path / name, b"other")
    assert (tmp_path / "new" / "key").read_bytes() == b"secret"


def test_the_default_home_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURIGRAPH_HOME", "/somewhere")
    assert default_home() == Path("/somewhere")
    monkeypatch.delenv("AURIGRAPH_HOME")
    assert default_home().name == ".aurigraph"


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("node.home.os.fsync", full)
    with pytest.raises(HomeError, match="No space left on device"):
        write_private(tmp_path / "key.json", b"secret")
    assert list(tmp_path.iterdir()) == []
