import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2p.multiaddress import (
    InvalidAddress,
    base58_decode,
    base58_encode,
    parse_address,
    parse_peer_id,
    peer_id_text,
)

PEER = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"


@given(st.binary(max_size=64))
def test_base58_round_trips(raw: bytes) -> None:
    assert base58_decode(base58_encode(raw)) == raw


@pytest.mark.parametrize(
    "text",
    [
        f"/ip4/127.0.0.1/tcp/26656/p2p/{PEER}",
        f"/ip6/::1/tcp/1/p2p/{PEER}",
        f"/dns4/node.example.org/tcp/65535/p2p/{PEER}",
        f"/dns/localhost/tcp/80/p2p/{PEER}",
        "/ip4/0.0.0.0/tcp/0",
    ],
)
def test_a_valid_address_round_trips(text: str) -> None:
    assert str(parse_address(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:26656",
        "/ip4/127.0.0.1/udp/1",
        "/ip4/127.0.0.1/tcp/65536",
        "/ip4/127.0.0.1/tcp/-1",
        "/ip4/127.0.0.1/tcp/١",
        "/ip4/300.0.0.1/tcp/1",
        "/ip6/127.0.0.1/tcp/1",
        "/dns//tcp/1",
        "/dns/a b/tcp/1",
        "/ip4/127.0.0.1/tcp/1/ws",
        "/ip4/127.0.0.1/tcp/1/http/x",
        "/ip4/127.0.0.1/tcp/1/p2p/0OIl",
        "/ip4/127.0.0.1/tcp/1/p2p/12D3",
        "/ip4/127.0.0.1/tcp/1/p2p/" + "1" * 5000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_address(text)


def test_the_peer_part_can_be_demanded() -> None:
    with pytest.raises(InvalidAddress, match="p2p"):
        parse_address("/ip4/127.0.0.1/tcp/1", needs_peer=True)


def test_peer_ids_of_inlined_keys_and_hashes_are_accepted() -> None:
    assert peer_id_text(parse_peer_id(PEER)) == PEER
    hashed = base58_encode(b"\x12\x20" + b"\5" * 32)
    assert peer_id_text(parse_peer_id(hashed)) == hashed
    with pytest.raises(InvalidAddress):
        parse_peer_id(base58_encode(b"\x12\x20" + b"\5" * 31))


@given(st.text(max_size=80))
def test_no_text_makes_the_parser_fail_otherwise(text: str) -> None:
    try:
        parse_address(text)
    except InvalidAddress:
        pass
