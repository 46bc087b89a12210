import json
import logging
from pathlib import Path

import pytest

from p2p.multiaddress import PeerAddress
from p2p.peer_book import MAX_ADDRESSES_PER_PEER, MAX_PEERS, PeerBook

ME = b"\x12\x20" + b"\0" * 32


def peer(number: int) -> bytes:
    return b"\x12\x20" + number.to_bytes(32, "big")


def address(number: int, port: int = 1) -> PeerAddress:
    return PeerAddress("ip4", "10.0.0.1", port, peer(number))


def saved(book: PeerBook) -> None:
    content = book.changes()
    assert content is not None
    book.write(content)


def test_the_book_survives_a_restart_with_its_order(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    book = PeerBook(path, ME)
    book.add(address(1))
    book.add(address(2))
    book.add(address(1, port=2))
    saved(book)
    again = PeerBook(path, ME)
    assert again.peers() == [peer(1), peer(2)]
    assert again.addresses(peer(1)) == [address(1, port=2), address(1)]
    assert again.changes() is None
    assert list(tmp_path.iterdir()) == [path]


def test_peers_and_addresses_are_bounded_and_own_ones_ignored() -> None:
    book = PeerBook(None, ME)
    for number in range(1, MAX_PEERS + 3):
        book.add(address(number))
    for port in range(1, 10):
        book.add(address(5000, port))
    book.add(PeerAddress("ip4", "10.0.0.1", 1, ME))
    book.add(PeerAddress("ip4", "10.0.0.1", 1))
    assert len(book.peers()) == MAX_PEERS
    assert book.addresses(peer(1)) == []
    assert [a.port for a in book.addresses(peer(5000))] == [9, 8, 7, 6][:MAX_ADDRESSES_PER_PEER]
    assert book.addresses(ME) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        json.dumps({"version": 2, "peers": []}).encode(),
        json.dumps({"version": 1, "peers": [["/ip4/1.1.1.1/tcp/1"]]}).encode(),
        json.dumps({"version": 1, "peers": 5}).encode(),
    ],
)
def test_a_damaged_file_costs_the_addresses_but_not_the_start(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "peers.json"
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        book = PeerBook(path, ME)
    assert book.peers() == []
    assert "damaged" in caplog.text
    book.add(address(1))
    saved(book)
    assert PeerBook(path, ME).peers() == [peer(1)]


def test_a_book_that_cannot_be_written_is_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = PeerBook(tmp_path / "missing" / "peers.json", ME)
    book.add(address(1))
    saved(book)
    assert "cannot save" in caplog.text
