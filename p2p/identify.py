"""Identify, asking side: where does a peer that dialled us listen itself?

Owns: one bounded question and the judgement of its answer.
Never: believes a host name or a foreign address: only the port is taken, the host is where the peer came from,
so no peer can make this node dial a third party.
Specification: https://github.com/libp2p/specs/blob/master/identify/README.md
"""

from libp2p.host.ping import ID as PING_PROTOCOL
from libp2p.identity.identify.identify import ID as IDENTIFY_PROTOCOL
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2p.framing import FrameReader
from p2p.guards.host import GuardedHost
from p2p.multiaddress import InvalidAddress, PeerAddress, parse_address

OWN_PROTOCOLS_OF_LIBP2P = (str(IDENTIFY_PROTOCOL), str(PING_PROTOCOL))

MAX_IDENTIFY_BYTES = 16 * 1024
MAX_LISTEN_ADDRESSES = 8


async def listening_address(host: GuardedHost, peer: ID, remote_host: str) -> PeerAddress | None:
    """Where to dial the peer, or None when it does not say. Raises stream and frame errors."""
    stream = await host.open(peer, str(IDENTIFY_PROTOCOL))
    try:
        answer = Identify.FromString(await FrameReader(stream).read_varint_frame(MAX_IDENTIFY_BYTES))
    finally:
        stream.discard()
        await stream.reset()
    kind = "ip6" if ":" in remote_host else "ip4"
    for raw in answer.listen_addrs[:MAX_LISTEN_ADDRESSES]:
        try:
            port = parse_address(str(Multiaddr(raw))).port
        except (InvalidAddress, ValueError, LookupError):
            continue
        if port:
            return PeerAddress(kind, remote_host, port, peer.to_bytes())
    return None
