"""What a hostile peer can send: one function per attack, used against the guarded and the unguarded host.

Each attack gets the attacker's network (connected to the victim), the victim's peer id and its TCP port.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from libp2p.pubsub.pb import rpc_pb2

from p2p.libp2p_network import Libp2pNetwork
from p2p.multistream import HEADER, encode_line
from p2p.network import PeerId
from p2p.yamux_stream import RST, SYN, WINDOW_UPDATE
from tests.p2p.p2p_tools import (
    DIRECT,
    QUESTION,
    TOPIC,
    connection,
    identity,
    prefixed,
    raw_stream,
    stream,
    varint,
)

Attack = Callable[[Libp2pNetwork, PeerId, int], Awaitable[None]]
MESHSUB = "/meshsub/1.1.0"
MiB = 1024 * 1024
HASHED_ID = b"\x12\x20" + hashlib.sha256(b"an rsa key").digest()


def rpc(**fields: Any) -> bytes:
    return prefixed(rpc_pb2.RPC(**fields).SerializeToString())


def control(**fields: Any) -> bytes:
    return rpc(control=rpc_pb2.ControlMessage(**fields))


def message(number: int = 0, **fields: Any) -> rpc_pb2.Message:
    defaults: dict[str, Any] = {
        "from_id": identity(99).peer_id,
        "seqno": number.to_bytes(8, "big"),
        "data": b"x%d" % number,
        "topicIDs": [TOPIC],
        "signature": bytes(64),
    }
    return rpc_pb2.Message(**(defaults | fields))


def on_stream(protocol: str, *pieces: bytes, finishes: bool = False) -> Attack:
    """Negotiate a protocol, then send these bytes."""

    async def attack(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
        opened = await stream(attacker, victim, protocol)
        await send(opened, pieces, finishes=finishes)

    return attack


def unnegotiated(*pieces: bytes, finishes: bool = False) -> Attack:
    """Send these bytes where a negotiation is expected."""

    async def attack(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
        opened = await raw_stream(attacker, victim)
        await send(opened, pieces, finishes=finishes)

    return attack


async def send(opened: Any, pieces: tuple[bytes, ...], *, finishes: bool = False) -> None:
    with trio.move_on_after(0.5):
        try:
            for piece in pieces:
                await opened.write(piece)
            if finishes:
                await opened.close()
        except Exception:
            return  # the victim has reset the stream or closed the connection, as it should
    await trio.sleep(0.05)


def on_tcp(*pieces: bytes) -> Attack:
    """Send these bytes on a fresh TCP connection."""

    async def attack(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as tcp:
            with trio.move_on_after(0.5):
                try:
                    for piece in pieces:
                        await tcp.send_all(piece)
                except trio.BrokenResourceError:
                    return
            await trio.sleep(0.05)

    return attack


async def half_open_handshakes(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    held = []
    for _ in range(100):
        tcp = await trio.open_tcp_stream("127.0.0.1", port, local_address="127.0.0.2")
        held.append(tcp)
        try:
            await tcp.send_all(encode_line(HEADER) + encode_line("/noise"))
        except trio.BrokenResourceError:
            continue
    await trio.sleep(0.1)
    for tcp in held:
        await tcp.aclose()


async def silent_streams(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    for _ in range(100):
        opened = await raw_stream(attacker, victim)
        await opened.write(b"\x13/multi")
    await trio.sleep(0.1)


async def opened_and_reset_streams(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    muxed = connection(attacker, victim)
    for i in range(5000):
        if muxed.is_closed:
            return
        muxed.queue_data(1001 + 2 * i, memoryview(b""), SYN, WINDOW_UPDATE)
        if i % 2:
            muxed.queue_data(1001 + 2 * i, memoryview(b""), RST, WINDOW_UPDATE)
        if i % 100 == 0:
            await trio.sleep(0)
    await trio.sleep(0.2)


async def data_beyond_the_window(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    opened = await stream(attacker, victim, DIRECT)
    opened._send_window = 2**40
    # A frame that never ends, on a protocol whose reader is at work, and more where nobody reads.
    await send(opened, (b"\0\x7f\xff\xff", bytes(20 * MiB)))


async def unread_data_on_many_streams(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + 0.5
        for _ in range(60):
            opened = await raw_stream(attacker, victim)
            nursery.start_soon(send, opened, (b"\xff", bytes(MiB)))


async def small_frames(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    opened = await stream(attacker, victim, DIRECT)
    with trio.move_on_after(0.5):
        try:
            while True:
                await opened.write(b"\0\0\0\0" * 16_000)
        except Exception:
            return


async def parallel_requests(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    async def ask() -> None:
        try:
            await attacker.request(victim, QUESTION, bytes(MiB), 0.5)
        except Exception:
            return

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)


async def answers_never_read(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    for _ in range(10):
        opened = await stream(attacker, victim, QUESTION, (MiB).to_bytes(4, "big") + bytes(MiB))
        opened._unreleased = -(2**40)
    await trio.sleep(0.2)


async def failing_handler(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    opened = await stream(attacker, victim, "/fail/1")
    await send(opened, (b"\0\0\0\x01x",), finishes=True)


async def failing_validator(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    attacker.subscribe(TOPIC)
    await trio.sleep(0.3)
    await attacker.broadcast(TOPIC, b"bug")
    await trio.sleep(0.3)


async def repeated_iwant(attacker: Libp2pNetwork, victim: PeerId, port: int) -> None:
    """One small request for many copies of a large message: 500 MB if all were sent."""
    from p2p.guards.pubsub import message_id

    payload = bytes(500_000)
    attacker.subscribe(TOPIC)
    await trio.sleep(0.3)
    await attacker.broadcast(TOPIC, payload)
    await trio.sleep(0.1)
    own = message_id(rpc_pb2.Message(data=payload, topicIDs=[TOPIC]))
    seqno = attacker._stack.gossip.counter.to_bytes(8, "big")
    keys = [own, attacker.me + seqno] * 1000
    opened = await stream(attacker, victim, MESHSUB)
    await send(opened, (control(iwant=[rpc_pb2.ControlIWant(messageIDs=keys)]),))
    await trio.sleep(0.2)


ATTACKS: dict[str, Attack] = {
    "tcp garbage": on_tcp(b"\xff" * 1000),
    "tcp http": on_tcp(b"GET / HTTP/1.1\r\n\r\n" * 100),
    "tcp endless line": on_tcp(b"\xff\xff\xff\xff\x7f", *[bytes(MiB)] * 30),
    "tcp line that is not utf-8": on_tcp(encode_line(HEADER) + b"\x04\xff\xfe\xfd\n"),
    "tcp endless proposals": on_tcp(encode_line(HEADER), encode_line("/tls/1.0.0") * 50_000),
    "noise garbage": on_tcp(encode_line(HEADER) + encode_line("/noise") + b"\xff\xff" + b"\xee" * 65_535),
    "noise empty": on_tcp(encode_line(HEADER) + encode_line("/noise") + bytes(200)),
    "half-open handshakes": half_open_handshakes,
    "stream garbage": unnegotiated(b"\xff" * 5000),
    "stream line that is not utf-8": unnegotiated(encode_line(HEADER) + b"\x04\xff\xfe\xfd\n"),
    "stream header that is not utf-8": unnegotiated(b"\x04\xff\xfe\xfd\n"),
    "stream endless line": unnegotiated(b"\xff\xff\xff\xff\x7f", *[bytes(MiB)] * 20),
    "stream ends in negotiation": unnegotiated(b"\x13/multistream", finishes=True),
    "silent streams": silent_streams,
    "streams opened and reset": opened_and_reset_streams,
    "unread data on many streams": unread_data_on_many_streams,
    "data beyond the window": data_beyond_the_window,
    "direct length": on_stream(DIRECT, b"\xff\xff\xff\xff", bytes(MiB)),
    "direct cut": on_stream(DIRECT, b"\0\0\x01\0abc", finishes=True),
    "direct small frames": small_frames,
    "request length": on_stream(QUESTION, b"\xff\xff\xff\xff", bytes(MiB)),
    "request cut": on_stream(QUESTION, b"\0\0", finishes=True),
    "parallel requests": parallel_requests,
    "answers never read": answers_never_read,
    "failing handler": failing_handler,
    "ping cut": on_stream("/ipfs/ping/1.0.0", b"12345", finishes=True),
    "ping flood": on_stream("/ipfs/ping/1.0.0", bytes(MiB)),
    "identify chatter": on_stream("/ipfs/id/1.0.0", bytes(MiB)),
    "meshsub garbage": on_stream(MESHSUB, prefixed(b"\xff" * 50)),
    "meshsub length": on_stream(MESHSUB, varint(2**62), bytes(MiB)),
    "meshsub endless length": on_stream(MESHSUB, b"\xff" * 1000),
    "meshsub topic that is not utf-8": on_stream(MESHSUB, prefixed(b"\x12\x08\x22\x02\xff\xfe\x0a\x02ab")),
    "meshsub junk key": on_stream(MESHSUB, rpc(publish=[message(from_id=HASHED_ID, key=b"junkjunk")])),
    "meshsub empty author": on_stream(MESHSUB, rpc(publish=[message(from_id=b"")])),
    "meshsub bad signature": on_stream(MESHSUB, rpc(publish=[message()])),
    "meshsub short signature": on_stream(MESHSUB, rpc(publish=[message(signature=b"s")])),
    "meshsub no topic": on_stream(MESHSUB, rpc(publish=[message(topicIDs=[])])),
    "meshsub two topics": on_stream(MESHSUB, rpc(publish=[message(topicIDs=[TOPIC, "y"])])),
    "meshsub many messages": on_stream(MESHSUB, rpc(publish=[message(i) for i in range(5000)])),
    "meshsub many subscriptions": on_stream(
        MESHSUB,
        rpc(subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=f"t{i}") for i in range(20_000)]),
    ),
    "meshsub record": on_stream(MESHSUB, rpc(senderRecord=b"junk")),
    "meshsub prunes": on_stream(
        MESHSUB,
        *[
            control(prune=[rpc_pb2.ControlPrune(topicID=f"{n}-{i}" * 20, backoff=2**63) for i in range(2000)])
            for n in range(5)
        ],
    ),
    "meshsub peer exchange": on_stream(
        MESHSUB,
        control(
            prune=[
                rpc_pb2.ControlPrune(
                    topicID=TOPIC,
                    backoff=1,
                    peers=[rpc_pb2.PeerInfo(peerID=b"junk", signedPeerRecord=b"junk")] * 100,
                )
            ]
        ),
    ),
    "meshsub grafts": on_stream(
        MESHSUB, control(graft=[rpc_pb2.ControlGraft(topicID=f"t{i}") for i in range(20_000)])
    ),
    "meshsub ihave": on_stream(
        MESHSUB,
        control(
            ihave=[rpc_pb2.ControlIHave(topicID=TOPIC, messageIDs=[b"\xff%d" % i for i in range(50_000)])]
        ),
    ),
    "meshsub iwant": repeated_iwant,
    "failing validator": failing_validator,
}

KILLS_LIBP2P_0_8_1 = (
    "failing handler",
    "failing validator",
    "meshsub garbage",
    "meshsub junk key",
    "stream header that is not utf-8",
    "stream line that is not utf-8",
)
