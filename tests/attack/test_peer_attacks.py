"""Peers that want to stop the validators, hold their loops or fill their memory through the network."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address, Hash32
from consensus.codec import decode_message, encode_message
from consensus.messages import ProposalMessage, Status, SyncRequest
from consensus.types import Step, Vote, VoteKind
from node.gossip import TOPIC, encode_batch
from node.transport import CONSENSUS_PROTOCOL, SYNC_PROTOCOL
from p2p.identity import NodeIdentity
from p2p.libp2p_network import Libp2pNetwork, open_libp2p_network
from p2p.network import Inbox, RequestFailed
from p2p.network_config import NetworkConfig
from p2p.peer_score import PenaltyPolicy
from tests.attack.arena import BLOCK_MS, NODES, Arena, Damage
from tests.p2p.p2p_tools import stream

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
SHORT_GAP_S = 8 * BLOCK_MS / 1000
ATTACK_S = 2.0
MOST_GROWTH_MIB = 120  # the queues of four protocols and two minutes of gossip ids, all of them bounded
Attack = Callable[[Libp2pNetwork, Inbox], Awaitable[None]]


@asynccontextmanager
async def joined(
    arena: Arena, identity: NodeIdentity, folder: Path, patience_s: float = 15
) -> AsyncIterator[tuple[Libp2pNetwork, Inbox]]:
    """A peer that never bans anybody, connected to all validators if they let it in."""
    config = NetworkConfig(
        listen="",
        peers=tuple(arena.network.peer_addresses()),
        peer_book=folder / "peers.json",
        topics=(TOPIC,),
        penalties=PenaltyPolicy(ban_at_points=1e9),
    )
    async with open_libp2p_network(config, identity) as network:
        inbox = network.inbox(CONSENSUS_PROTOCOL)
        with trio.move_on_after(patience_s):
            while len(network.peers()) < NODES:
                await trio.sleep(0.05)
        yield network, inbox


async def flood(network: Libp2pNetwork, messages: Sequence[bytes], pause_s: float = 0.0005) -> None:
    """Sends the messages to all validators in turns, for ATTACK_S."""
    sent = 0
    with trio.move_on_after(ATTACK_S):
        while True:
            for peer in network.peers():
                await network.send(peer.peer_id, CONSENSUS_PROTOCOL, messages[sent % len(messages)])
                sent += 1
            await trio.sleep(pause_s)


async def garbage(network: Libp2pNetwork, _inbox: Inbox) -> None:
    await flood(network, [os.urandom(size) for size in (0, 1, 30, 500, 60_000) * 20])


async def broken_frames(network: Libp2pNetwork, _inbox: Inbox) -> None:
    pieces = (b"\xff" * 4 + b"x" * 100, b"\x00\x10\x00\x00abc", b"\x80" * 50, b"\x00" * 1_000)
    for peer in network.peers():
        for protocol in (CONSENSUS_PROTOCOL, SYNC_PROTOCOL):
            for piece in pieces:
                try:
                    with trio.move_on_after(1):
                        await (await stream(network, peer.peer_id, protocol, piece)).close()
                except Exception:
                    pass


async def votes_of_nobody_far_away(network: Libp2pNetwork, _inbox: Inbox) -> None:
    heights = (1, 2**20, 2**40, 2**62)
    votes = [
        Vote(
            VoteKind.PREVOTE,
            heights[n % 4] + n,
            n,
            Hash32(os.urandom(32)),
            Address(os.urandom(20)),
            b"\1" * 64,
        )
        for n in range(2_000)
    ]
    await flood(network, [encode_message(vote) for vote in votes])


async def replay(network: Libp2pNetwork, inbox: Inbox) -> None:
    heard: list[bytes] = []
    with trio.move_on_after(2):
        async for _, message in inbox:
            heard.append(message)
    assert len(heard) > 20
    await flood(network, heard)


async def giant_copies_of_proposals(network: Libp2pNetwork, inbox: Inbox) -> None:
    """The proposer's signature covers the block id, not the bytes that travel with it."""
    junk = os.urandom(2 * 1024 * 1024 - 1_000)
    with trio.move_on_after(ATTACK_S):
        async for _, message in inbox:
            decoded = decode_message(message)
            if not isinstance(decoded, ProposalMessage):
                continue
            for peer in network.peers():
                forged = encode_message(ProposalMessage(decoded.proposal, junk))
                await network.send(peer.peer_id, CONSENSUS_PROTOCOL, forged)
                await network.send(peer.peer_id, CONSENSUS_PROTOCOL, os.urandom(8 * 1024 * 1024 - 64))


async def lies_about_the_height(network: Libp2pNetwork, _inbox: Inbox) -> None:
    asked = 0

    async def answer(_peer: bytes, _raw: bytes) -> bytes:
        nonlocal asked
        asked += 1
        if asked % 3 == 0:
            await trio.sleep(20)
        return os.urandom(8 * 1024 * 1024 if asked % 3 == 1 else 100)

    network.set_handler(SYNC_PROTOCOL, answer)
    await flood(network, [encode_message(Status(2**62 + n, 0, Step.PROPOSE)) for n in range(2)], 0.02)
    assert asked > 0


async def requests_for_everything(network: Libp2pNetwork, _inbox: Inbox) -> None:
    wanted = [encode_message(SyncRequest(start, 16)) for start in (1, 1, 1, 2**62)]

    async def ask(peer: bytes) -> None:
        number = 0
        while True:
            number += 1
            try:
                await network.request(peer, SYNC_PROTOCOL, wanted[number % len(wanted)], 5)
            except RequestFailed:
                await trio.sleep(0.01)

    with trio.move_on_after(ATTACK_S):
        async with trio.open_nursery() as nursery:
            for peer in network.peers():
                for _ in range(8):
                    nursery.start_soon(ask, peer.peer_id)


async def gossip(network: Libp2pNetwork, batches: Sequence[list[bytes]], pause_s: float) -> None:
    network.subscribe(TOPIC)
    await trio.sleep(1)
    sent = 0
    with trio.move_on_after(ATTACK_S):
        while True:
            await network.broadcast(TOPIC, encode_batch(sent, batches[sent % len(batches)]))
            sent += 1
            await trio.sleep(pause_s)


async def gossip_of_garbage(network: Libp2pNetwork, _inbox: Inbox) -> None:
    batches = [
        [os.urandom(200) for _ in range(900)],
        [b"\x02" + os.urandom(100_000)] * 7,
        [os.urandom(1)] * 4_000,
    ]
    await gossip(network, batches, 0.02)


async def gossip_of_penniless_transactions(network: Libp2pNetwork, _inbox: Inbox) -> None:
    """Each costs every validator the recovery of a sender, and nobody is to blame."""
    key = PrivateKey(os.urandom(32))
    raws = [
        sign_transaction(
            UnsignedTransaction(
                TransactionType.DYNAMIC_FEE,
                1337,
                nonce,
                1,
                10**10,
                21_000,
                Address(b"\1" * 20),
                0,
                b"",
                (),
                (),
            ),
            key,
        ).raw
        for nonce in range(1_500)
    ]
    await gossip(network, [raws], 0.1)


ATTACKS = [
    garbage,
    broken_frames,
    votes_of_nobody_far_away,
    replay,
    giant_copies_of_proposals,
    lies_about_the_height,
    requests_for_everything,
    gossip_of_garbage,
    gossip_of_penniless_transactions,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_a_peer_cannot_stop_the_validators(
    arena: Arena, observer: NodeIdentity, tmp_path: Path, attack: Attack
) -> None:
    def watch(damage: Damage) -> None:
        assert damage.longest_gap_s < SHORT_GAP_S, damage
        assert damage.growth < MOST_GROWTH_MIB, damage

    with arena.attacked() as damage:
        # The validators banned this peer for seconds if the attack before was an offence.
        async with joined(arena, observer, tmp_path) as (network, inbox):
            assert len(network.peers()) == NODES
            await attack(network, inbox)
    watch(damage)


async def test_a_stranger_is_not_let_in(arena: Arena, stranger: NodeIdentity, tmp_path: Path) -> None:
    async with joined(arena, stranger, tmp_path, patience_s=2) as (network, _):
        assert network.peers() == []


async def test_half_open_connections_cost_nothing(arena: Arena) -> None:
    opened: list[socket.socket] = []
    with arena.attacked() as damage:
        try:
            for number in range(400):
                opened.append(socket.create_connection(("127.0.0.1", arena.port(number % NODES) + 1), 5))
                if number % 2:
                    opened[-1].send(b"\x13/multistream/1.0.0\n")
            await trio.sleep(3)
        finally:
            for connection in opened:
                connection.close()
    assert damage.longest_gap_s < SHORT_GAP_S, damage
    assert damage.growth < 40, damage


def test_after_all_attacks_the_validators_agree(arena: Arena) -> None:
    assert arena.wait_for_blocks(4) < 30
    assert arena.assert_agreement() > 10
