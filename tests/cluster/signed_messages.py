"""Every vote and proposal that the validators sign, as an outsider on the network sees them, and what must hold.

A listener joins as a peer without a key; it records, and sends nothing but what a test hands it. The check is
independent of the code under test: it compares decoded fields, nothing of the engine or the signer.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import trio

from chain.errors import NodeError
from consensus.codec import decode_message
from consensus.messages import ProposalMessage
from consensus.types import Proposal, Vote
from node.local_network import LocalNetwork
from node.transport import CONSENSUS_PROTOCOL
from p2p.identity import create_identity
from p2p.libp2p_network import Libp2pNetwork, open_libp2p_network
from p2p.network_config import NetworkConfig

Place = tuple[bytes, int, int, str]  # validator, height, round, step


@dataclass
class Listener:
    """Runs in its own thread with its own event loop; `seen` maps each signing place to the values signed there."""

    network: LocalNetwork
    folder: Path
    listen: str
    seen: dict[Place, set[object]] = field(default_factory=lambda: defaultdict(set))
    heights: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.identity = create_identity(self.folder / "listener_key")
        self._ready = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope = trio.CancelScope()
        self._open: Libp2pNetwork | None = None
        self._thread = threading.Thread(target=trio.run, args=(self._run,), daemon=True)

    def __enter__(self) -> Listener:
        self._thread.start()
        if not self._ready.wait(30):
            raise TimeoutError("the listener did not start")
        return self

    def __exit__(self, *_reason: object) -> None:
        if self._token is not None:
            self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(20)

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        config = NetworkConfig(
            listen=self.listen,
            peers=tuple(self.network.peer_addresses()),
            peer_book=self.folder / "listener_peers.json",
        )
        with self._scope:
            async with open_libp2p_network(config, self.identity) as network:
                self._open = network
                inbox = network.inbox(CONSENSUS_PROTOCOL)
                self._ready.set()
                async for _peer, message in inbox:
                    self._record(message)

    def send_to_all(self, message: bytes) -> None:
        """Hands a message of consensus to every node, from the thread of the test."""

        async def send() -> None:
            if self._open is not None:
                for peer in self._open.peers():
                    await self._open.send(peer.peer_id, CONSENSUS_PROTOCOL, message)

        trio.from_thread.run(send, trio_token=self._token)

    def _record(self, message: bytes) -> None:
        try:
            decoded = decode_message(message)
        except NodeError:
            return
        signed = decoded.proposal if isinstance(decoded, ProposalMessage) else decoded
        match signed:
            case Vote():
                place = (signed.validator, signed.height, signed.round, signed.kind.name)
                self.seen[place].add(signed.block_id)
                self.heights[signed.validator] = max(signed.height, self.heights.get(signed.validator, 0))
            case Proposal():
                place = (signed.proposer, signed.height, signed.round, "PROPOSAL")
                self.seen[place].add((signed.block_id, signed.pol_round))
            case _:
                pass

    def double_signatures(self) -> list[Place]:
        """Places at which one key signed two different things."""
        return [place for place, values in self.seen.items() if len(values) > 1]
