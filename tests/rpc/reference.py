"""docs/rpc.md, made from the method table: each method with its signature, an example and the reply to it.

    python -m tests.rpc.reference          writes docs/rpc.md
    python -m tests.rpc.reference --check  tells whether it is up to date

The replies are real ones: the examples run on the chain of dev_chain.py.
"""

import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import trio

from rpc.config import CallLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.dispatcher import Dispatcher
from rpc.dispatch.heavy import HeavyCalls
from rpc.methods.table import method_table
from rpc.openrpc.document import Description, descriptions
from rpc.params.method import Method
from rpc.services import Services
from tests.rpc.dev_chain import ACCOUNTS, COUNTER, EMITTER, SENDER, FakeNode, build_dev_chain, hexed, signed

PAGE = Path(__file__).parents[2] / "docs" / "rpc.md"
MAX_TEXT = 100  # characters of a text in an example; the rest is told as …
MAX_ITEMS = 2  # elements of a list in an example

TITLES = {
    "eth": "eth_: blocks, state, calls, transactions",
    "net": "net_: the network",
    "web3": "web3_: the program",
    "debug": "debug_: traces and raw records",
    "txpool": "txpool_: what waits",
    "node": "node_: validators, finality, peers",
    "ots": "ots_: for the Otterscan explorer",
    "erigon": "erigon_: for the Otterscan explorer",
    "rpc": "rpc: this interface, described by itself",
    "admin": "admin_: on the unix socket only",
    "evm": "evm_: development nodes only",
    "hardhat": "hardhat_: development nodes only",
    "anvil": "anvil_: development nodes only",
    "personal": "Signing: development nodes only",
}

HEAD = """# The JSON-RPC interface

Made from the method table by `python -m tests.rpc.reference`; do not edit by hand. The same is answered by
`rpc.discover` as an OpenRPC document.

HTTP: `POST /` with `content-type: application/json`, single calls or batches (1,000 calls at most). WebSocket: the same
port, for subscriptions too. The unix socket `node.sock` in the node's folder answers everything, and `admin_` besides.
Every block is final: `latest`, `safe` and `finalized` are the same block; `pending` is built from the pool.
Errors have the codes and texts of go-ethereum, because client libraries read them; see the end of this page.

A signature names parameters in their order; `?` may be left out or null. Types are listed at the end.
"""

ERRORS = """## Errors

| code | meaning |
|---|---|
| 3 | execution reverted; `data` holds the revert data as hex |
| -32700 | parse error |
| -32600 | invalid request, empty or too large batch |
| -32601 | the method does not exist, or is not served here |
| -32602 | missing, surplus or malformed parameter; bad block range |
| -32603 | internal error: a fault of this program, please report it |
| -32000 | everything that the chain or the pool refuses: the text says why |
| -32002 | the request took longer than the time limit |
| -32003 | the response would be too large |
| -32005 | a limit: too many results, blocks, or calls that wait |
| 4444 | the history that was asked for is pruned |
"""


class Examples:
    """The chain of the examples, and their place holders."""

    def __init__(self) -> None:
        chain = build_dev_chain()
        self.node = FakeNode(chain)
        # The last block but one has the transactions with logs.
        head = chain.blocks[-1]
        self.names: Mapping[str, Any] = {
            "SENDER": SENDER,
            "COUNTER": hexed(COUNTER),
            "EMITTER": hexed(EMITTER),
            "BLOCK_HASH": hexed(head.hash),
            "TRANSACTION_HASH": hexed(head.transactions[0].hash),
            "RAW_TRANSACTION": hexed(signed(11, to=ACCOUNTS[1].address, value=1).raw),
        }
        self.services = Services.of(self.node, self.node, self.node, CallLimits())
        self.table: Mapping[str, Method] = method_table(self.services)
        self.dispatcher = Dispatcher(
            self.table,
            self.node,
            HeavyCalls(1, 10, 10.0),
            ByteBudget(100_000_000),
            max_batch_calls=10,
            max_response_bytes=25_000_000,
            handler_timeout_s=30,
        )

    def filled(self, value: Any) -> Any:
        """The example's parameters with the place holders replaced."""
        if isinstance(value, str):
            return self.names.get(value, value)
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, dict):
            return {name: self.filled(member) for name, member in value.items()}
        return value

    async def reply(self, method: str, parameters: list[Any]) -> Any:
        """The whole reply object of a call."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        raw = await self.dispatcher.handle(json.dumps(body).encode())
        assert raw is not None
        return json.loads(raw)


async def page() -> str:
    """The whole text."""
    examples = Examples()
    known = descriptions()
    spaces: dict[str, list[Description]] = {}
    for name in sorted(known):
        spaces.setdefault(_space(name, examples), []).append(known[name])
    parts = [HEAD]
    for space in sorted(spaces, key=list(TITLES).index):
        parts.append(f"## {TITLES[space]}\n")
        for entry in spaces[space]:
            parts.append(await _section(examples, entry))
    parts += [_types(), ERRORS]
    return "\n".join(parts)


def _space(name: str, examples: Examples) -> str:
    """The heading of a method: its namespace, but signing is for development nodes."""
    space = name.replace(".", "_").partition("_")[0]
    return "personal" if space == "eth" and name not in examples.table else space


async def _section(examples: Examples, entry: Description) -> str:
    lines = [f"### {entry.name}\n", f"{entry.summary}\n", f"    {entry.name}{entry.call}\n"]
    shown = entry.reply
    if entry.example is not None and shown is None and entry.name in examples.table:
        reply = await examples.reply(entry.name, examples.filled(entry.example))
        assert "result" in reply, (entry.name, reply)
        shown = reply["result"]
    if entry.example is not None:
        parameters = _json(_shortened(examples.filled(entry.example)))
        lines += ["```", f"params  {parameters}", f"result  {_json(_shortened(shown))}", "```\n"]
    return "\n".join(lines)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:20] + "…" + value[-6:]
    if isinstance(value, list):
        return [_shortened(item) for item in value[:MAX_ITEMS]] + (["…"] if len(value) > MAX_ITEMS else [])
    if isinstance(value, dict):
        return {name: _shortened(member) for name, member in value.items()}
    return value


def _types() -> str:
    document = tomllib.loads(files("rpc.openrpc").joinpath("types.toml").read_text("utf-8"))
    lines = ["## Types\n", "```"]
    lines += [f"{name} = /{pattern}/" for name, pattern in document["patterns"].items()]
    lines.append("")
    lines += [f"{name} = {notation.strip()}" for name, notation in document["types"].items()]
    return "\n".join([*lines, "```\n"])


def undescribed(names: Iterable[str]) -> list[str]:
    """Those of `names` without an entry in rpc/openrpc."""
    return sorted(set(names) - set(descriptions()))


def main() -> int:
    """Write or check the page."""
    text = trio.run(page)
    if "--check" in sys.argv:
        return 0 if PAGE.read_text() == text else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
