from pathlib import Path

import pytest

from p2p.identity import (
    IdentityUnusable,
    create_identity,
    identity_from_secret,
    load_identity,
    load_or_create_identity,
)


def test_the_peer_id_is_the_one_libp2p_derives() -> None:
    # Computed with libp2p.peer.id.ID.from_pubkey of libp2p 0.8.1 for the same seed.
    assert identity_from_secret(b"\1" * 32).text == "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"


def test_a_created_identity_is_private_and_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "node_key"
    created = create_identity(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_identity(path) == created
    assert load_or_create_identity(path) == created
    assert created.secret.hex() not in repr(created)


def test_an_existing_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "node_key"
    first = create_identity(path)
    with pytest.raises(IdentityUnusable, match="exists"):
        create_identity(path)
    assert load_identity(path) == first


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "node_key"
    create_identity(path)
    path.chmod(0o640)
    with pytest.raises(IdentityUnusable, match="chmod 600"):
        load_identity(path)


@pytest.mark.parametrize(
    "content", ["", "ed25519 zz\n", "ed25519 " + "00" * 31 + "\n", "rsa 00\n", "\xff" * 200]
)
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "node_key"
    path.touch(mode=0o600)
    path.write_text(content, encoding="latin-1")
    with pytest.raises(IdentityUnusable):
        load_identity(path)


def test_a_missing_or_unwritable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(IdentityUnusable, match="nowhere"):
        load_identity(tmp_path / "nowhere")
    with pytest.raises(IdentityUnusable, match="no_folder"):
        create_identity(tmp_path / "no_folder" / "key")
