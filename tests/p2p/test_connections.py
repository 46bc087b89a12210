import signal
from pathlib import Path

import pytest
import trio

from p2p.multiaddress import parse_address, peer_id_text
from p2p.peer_book import PeerBook
from p2p.peer_score import PenaltyPolicy
from tests.p2p.p2p_tools import (
    DIRECT,
    TOPIC,
    connection,
    eventually,
    identity,
    knows,
    meet,
    mesh,
    node,
    raw_stream,
    stock_host,
)


def free_port_of(address: str) -> str:
    return address.split("/p2p/")[0]


async def test_a_restarted_peer_is_back_within_a_second_and_receives_again() -> None:
    async with node(1) as a:
        async with node(2, a) as b:
            await meet(a, b)
            address = b.listen_addresses[0]
        async with node(3, address) as c:
            await eventually(lambda: c.counters().get("dials_failed", 0) >= 3)
            async with node(2, a, listen=free_port_of(address)) as again:
                start_s = trio.current_time()
                await meet(a, again)
                await meet(c, again)
                assert trio.current_time() - start_s < 1.5
                inbox = again.inbox(DIRECT)
                await a.send(again.me, DIRECT, b"welcome")
                with trio.fail_after(2):
                    assert await inbox.receive() == (a.me, b"welcome")


async def test_a_broken_connection_comes_back_with_gossip_and_direct_messages() -> None:
    async with node(1) as a, node(2, a) as b:
        gossip, direct = a.subscribe(TOPIC), a.inbox(DIRECT)
        b.subscribe(TOPIC)
        await mesh(a, b)
        b._stack._swarm.connection_to(next(iter(b._stack._swarm.connections))).muxed_conn.abandon()
        await eventually(lambda: not knows(a, b) or not knows(b, a))
        await meet(a, b)
        await mesh(a, b)
        await b.broadcast(TOPIC, b"gossip")
        await b.send(a.me, DIRECT, b"direct")
        with trio.fail_after(2):
            assert await gossip.receive() == (b.me, b"gossip")
            assert await direct.receive() == (b.me, b"direct")


async def test_peers_that_dial_each_other_at_once_keep_one_connection() -> None:
    async with node(1) as a, node(2) as b:
        inbox, gossip = a.inbox(DIRECT), a.subscribe(TOPIC)
        b.subscribe(TOPIC)

        async def dial(one, other) -> None:  # type: ignore[no-untyped-def]
            from libp2p.peer.id import ID

            port = int(other.listen_addresses[0].split("/")[4])
            await one._stack._swarm.connect("127.0.0.1", port, ID(other.me))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(dial, a, b)
            nursery.start_soon(dial, b, a)

        def connections() -> list[int]:
            return [len(n._stack._swarm.get_connections()) for n in (a, b)]

        await eventually(lambda: connections() == [1, 1])
        assert {a.peers()[0].direction, b.peers()[0].direction} == set(type(a.peers()[0].direction))
        await mesh(a, b)
        await b.send(a.me, DIRECT, b"x")
        await b.broadcast(TOPIC, b"y")
        with trio.fail_after(3):
            assert await inbox.receive() == (b.me, b"x")
            assert await gossip.receive() == (b.me, b"y")


async def test_only_listed_peers_are_admitted_and_the_list_can_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stranger = identity(3).peer_id
    async with node(1) as known, node(2, known, only_listed_peers=True) as guarded, node(3, guarded) as other:
        await meet(known, guarded)
        await eventually(lambda: guarded.counters().get("connection_refused_not_allowed", 0) >= 2)
        assert not knows(guarded, other)
        told = [record.getMessage() for record in caplog.records if "peer_refused" in record.getMessage()]
        assert told == [
            f"peer_refused: {peer_id_text(stranger)} from 127.0.0.1 is not on the list of allowed peers"
        ]
        guarded.allow_only(frozenset({known.me, stranger}))
        await meet(guarded, other)
        guarded.allow_only(frozenset({stranger}))
        await eventually(lambda: not knows(guarded, known))
        assert knows(guarded, other)
        guarded.allow_only(None)
        await meet(known, guarded)


async def test_a_node_never_connects_to_itself() -> None:
    async with node(1) as a, node(1, a, listen="") as twin:
        await trio.sleep(0.3)
        assert a.peers() == []
        assert twin.peers() == []


async def test_repeated_offences_disconnect_and_ban_but_one_does_not() -> None:
    policy = PenaltyPolicy(ban_at_points=25, ban_first_s=60)
    async with node(1, penalties=policy) as a, node(2, a) as b:
        await meet(a, b)
        a.penalise(b.me, "test")
        await trio.sleep(0.05)
        assert knows(a, b)
        assert a.peers()[0].penalty in (9, 10)
        for _ in range(2):
            a.penalise(b.me, "test")
        await eventually(lambda: not knows(a, b))
        await eventually(lambda: a.counters().get("connection_refused_banned", 0) >= 2)
        assert not knows(a, b)


async def test_a_banned_validator_is_back_after_a_moment() -> None:
    policy = PenaltyPolicy(ban_at_points=25, ban_protected_s=0.4)
    async with node(1) as b, node(2, b, penalties=policy, only_listed_peers=True) as a:
        await meet(a, b)
        for _ in range(3):
            a.penalise(b.me, "test")
        await eventually(lambda: not knows(a, b))
        banned_s = trio.current_time()
        await meet(a, b)
        assert 0.2 < trio.current_time() - banned_s < 3


async def test_a_stopped_process_is_disconnected_and_does_not_delay_closing() -> None:
    async with stock_host() as stock:
        async with node(1, stock.address, ping_interval_s=0.2, ping_timeout_s=1.0) as a:
            await eventually(lambda: a.peers())
            await trio.sleep(0.5)
            assert a.peers()[0].round_trip_ms is not None
            stock.process.send_signal(signal.SIGSTOP)
            stopped_s = trio.current_time()
            await eventually(lambda: not a.peers())
            assert trio.current_time() - stopped_s < 3
            stock.process.send_signal(signal.SIGCONT)
            await eventually(lambda: a.peers())
            stock.process.send_signal(signal.SIGSTOP)
            for _ in range(3):
                await a.send(stock.peer_id, DIRECT, bytes(8_000_000))
            await trio.sleep(0.1)
            closing_s = trio.current_time()
        assert trio.current_time() - closing_s < 2


async def test_addresses_of_peers_are_learned_kept_and_dialled_after_a_restart(tmp_path: Path) -> None:
    book = tmp_path / "peers.json"
    async with node(1, peer_book=book) as a, node(2, a) as b:
        await meet(a, b)
        keeper = a._stack.keeper
        await eventually(lambda: keeper._book.addresses(b.me))
        address = b.listen_addresses[0]
    assert [str(x) for x in PeerBook(book, identity(1).peer_id).addresses(b.me)] == [address]
    async with node(2, listen=free_port_of(address)) as b, node(1, peer_book=book) as a:
        await meet(a, b)
        assert a.peers()[0].direction.value == "outbound"


async def test_a_peer_with_another_identity_at_a_known_address_is_refused() -> None:
    async with node(1) as impostor:
        port = impostor.listen_addresses[0].split("/")[4]
        wrong = f"/ip4/127.0.0.1/tcp/{port}/p2p/{identity(9).text}"
        async with node(2, wrong) as a:
            await eventually(lambda: a.counters().get("dials_failed", 0) >= 2)
            assert a.peers() == []


async def test_the_number_of_connections_is_limited_and_places_become_free_again() -> None:
    async with node(1, max_connections=2) as a:
        refused_before = 0
        for _ in range(2):
            async with node(2, a) as b, node(3, a) as c:
                await meet(a, b)
                await meet(a, c)
                async with node(4, a) as d:
                    while a.counters().get("connection_refused_full", 0) == refused_before:
                        await trio.sleep(0.01)
                    assert not knows(a, d)
            refused_before = a.counters()["connection_refused_full"]
            await eventually(lambda: not a.peers())


async def test_strangers_leave_room_for_listed_peers_and_for_other_addresses() -> None:
    listed = f"/ip4/127.0.0.1/tcp/1/p2p/{identity(2).text}"
    async with node(1, listed, max_connections=2) as a, node(3, a, listen="") as stranger:
        await meet(a, stranger)
        async with node(4, a, listen="") as late:
            await eventually(lambda: a.counters().get("connection_refused_full", 0) > 0)
            assert not knows(a, late)
            async with node(2, a, listen="") as friend:
                await meet(a, friend)
    async with node(1, max_connections_per_host=1) as a, node(3, a, listen="") as first:
        await meet(a, first)
        async with node(4, a, listen=""):
            await eventually(lambda: a.counters().get("connection_refused_too_many_from_host", 0) > 0)
            assert [peer.peer_id for peer in a.peers()] == [first.me]


async def test_silent_handshakes_and_silent_streams_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2p.guards.host.HANDSHAKE_TIMEOUT_S", 0.3)
    monkeypatch.setattr("p2p.guards.host.NEGOTIATION_TIMEOUT_S", 0.3)
    async with node(1) as a, node(2, a) as b:
        await meet(a, b)
        port = int(a.listen_addresses[0].split("/")[4])
        silent = await trio.open_tcp_stream("127.0.0.1", port)
        async with silent:
            await eventually(lambda: a._stack._swarm._handshakes)
            before = connection(a, b.me)._inbound_streams
            streams = [await raw_stream(b, a.me) for _ in range(5)]
            await eventually(lambda: connection(a, b.me)._inbound_streams == before + 5)
            await eventually(lambda: connection(a, b.me)._inbound_streams == before)
            await eventually(lambda: not a._stack._swarm._handshakes)
            await eventually(lambda: all(stream._was_reset for stream in streams))
            with trio.fail_after(1):
                while await silent.receive_some():
                    pass


@pytest.mark.slow
async def test_many_reconnections_leave_nothing_behind() -> None:
    async with node(1, max_connections=4) as a:
        for _ in range(60):
            async with node(2, a) as b:
                await meet(a, b)
        await eventually(lambda: not a.peers())
        await trio.sleep(1.5)
        assert not a._stack._swarm.connections
        assert not a._stack._swarm._handshakes
        assert not a._stack.direct._senders
        assert trio.lowlevel.current_statistics().tasks_living < 40


async def test_a_peer_can_be_added_to_those_that_are_kept_connected_and_taken_away() -> None:
    async with node(1) as target, node(2, only_listed_peers=True) as guarded:
        address = parse_address(target.listen_addresses[0])
        assert guarded.add_peer(address)
        await meet(target, guarded)
        assert guarded.remove_peer(target.me)
        await eventually(lambda: not knows(guarded, target))
        assert not guarded.remove_peer(target.me)
        await trio.sleep(0.3)
        assert not knows(guarded, target)  # neither dialled nor admitted
        assert guarded.add_peer(address)
        await meet(target, guarded)
        assert not guarded.add_peer(parse_address(guarded.listen_addresses[0]))
