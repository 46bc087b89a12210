"""js-libp2p, an implementation that nobody here wrote, speaks every protocol of the node."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.p2p.p2p_tools import QUESTION, TOPIC, echo, eventually, node

JS_PEER = Path(__file__).parent / "js_peer"

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def js_peer() -> Path:
    """The script, with its locked packages installed on first use."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        if os.environ.get("CI"):
            pytest.fail("node and npm are needed for the tests with js-libp2p")
        pytest.skip("node and npm are needed for the tests with js-libp2p")
    stamp = JS_PEER / "node_modules" / ".installed"
    lock = (JS_PEER / "package-lock.json").read_text()
    if not stamp.is_file() or stamp.read_text() != lock:
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=JS_PEER, check=True, timeout=300, capture_output=True)
        stamp.write_text(lock)
    return JS_PEER / "peer.mjs"


async def test_requests_gossip_ping_and_identify_work_with_js_libp2p(js_peer: Path) -> None:
    async with node(1) as a:
        a.set_handler(QUESTION, echo)
        inbox = a.subscribe(TOPIC)
        process = await trio.lowlevel.open_process(
            ["node", str(js_peer), a.listen_addresses[0]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdin is not None
        seen: list[dict[str, Any]] = []
        try:
            with trio.fail_after(30):
                received = [payload for _, payload in [await inbox.receive() for _ in range(21)]]
                await eventually(lambda: a._stack.gossip.router.mesh.get(TOPIC))
                for size in (1, 2, 200_000):
                    await a.broadcast(TOPIC, b"\xff" * size)
                output = b""
                while output.count(b"gossip") < 3 or b"protocols" not in output:
                    output += await process.stdout.receive_some(65536)
            seen = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
        finally:
            with trio.CancelScope() as scope:
                scope.shield = True
                process.kill()
                await process.wait()
                await process.stdin.aclose()
                await process.stdout.aclose()
    assert received[:20] == [bytes([i]) for i in range(20)]
    assert received[20] == bytes(200_000)
    assert {"pinged": True} in seen
    assert {"answered": 600_005} in seen
    assert [message["gossip"] for message in seen if "gossip" in message] == [1, 2, 200_000]
    (protocols,) = [message["protocols"] for message in seen if "protocols" in message]
    assert {"/meshsub/1.1.0", QUESTION} <= set(protocols)
