import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from libp2p.exceptions import BaseLibp2pError

from p2p.libp2p_network import Libp2pNetwork
from p2p.multiaddress import parse_address
from p2p.multistream import NegotiationFailed
from tests.p2p.attacks import ATTACKS
from tests.p2p.p2p_tools import DIRECT, PATIENCE_S, QUESTION, eventually, node

GUARDED_HOST = Path(__file__).with_name("guarded_host.py")
COUNTERS = "/test/counters/1"

MAX_GROWTH_BYTES = 80 * 1024 * 1024
"""Of the victim's peak memory over all attacks: windows of one peer, one frame per protocol, interpreter noise."""


class Victim:
    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address
        self.peer_id = parse_address(address, needs_peer=True).peer_id or b""
        self.port = parse_address(address).port
        self.first_peak_bytes = self.peak_bytes()

    def peak_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    process = subprocess.Popen(
        [sys.executable, str(GUARDED_HOST)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield Victim(process, json.loads(process.stdout.readline())["address"])
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


async def attack_as_long_as_possible(name: str, attacker: Libp2pNetwork, victim: Victim) -> None:
    """The victim may cut the attacker off at any moment."""
    with suppress(BaseLibp2pError, NegotiationFailed, OSError, trio.BrokenResourceError, trio.TooSlowError):
        await ATTACKS[name](attacker, victim.peer_id, victim.port)


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_node_survives_and_serves_others(victim: Victim, name: str) -> None:
    number = 10 + list(ATTACKS).index(name)
    async with (
        node(1, victim.address, listen="") as honest,
        node(number, victim.address, listen="", redial_listed_max_s=60) as attacker,
    ):
        await eventually(lambda: honest.peers() and attacker.peers())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attack_as_long_as_possible, name, attacker, victim)
            for _ in range(3):
                assert await honest.request(victim.peer_id, QUESTION, b"alive?", PATIENCE_S) == b"alive?"
        await honest.send(victim.peer_id, DIRECT, b"still here")
        assert await honest.request(victim.peer_id, QUESTION, b"alive?", PATIENCE_S) == b"alive?"
        if not name.startswith(("stream", "direct", "meshsub")):
            async with node(2, victim.address, listen="") as newcomer:
                await eventually(lambda: newcomer.peers())
    assert victim.process.poll() is None
    assert victim.peak_bytes() - victim.first_peak_bytes < MAX_GROWTH_BYTES


async def test_the_victim_has_noticed_what_was_done_to_it(victim: Victim) -> None:
    async with node(1, victim.address, listen="") as honest:
        await eventually(lambda: honest.peers())
        counters = json.loads(await honest.request(victim.peer_id, COUNTERS, b"", PATIENCE_S))
    assert counters.get("guarded_task_error", 0) == 0
    for event in (
        "inbound_failed",
        "inbound_refused_handshakes",
        "guarded_stream_error:FrameTooLarge",
        "guarded_stream_error:DecodeError",
        "negotiation_failed",
        "gossip_rejected",
        "gossip_validator_error",
        "request_handler_error",
        "penalties",
    ):
        assert counters.get(event, 0) > 0, event
