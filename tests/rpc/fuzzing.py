"""Calls made from the described types, with real values and with junk, against the whole dispatcher.

    python -m tests.rpc.fuzzing --seed 7 --calls 20000

Every reply must be JSON-RPC, come within the time limit, never be an internal error, and a result must have the form
that rpc.discover promises. A seed is a complete bug report.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema
import trio

from rpc.openrpc.document import descriptions, types
from tests.rpc.dev_chain import ACCOUNTS, CODES, NOBODY, UNKNOWN_HASH, emit, hexed
from tests.rpc.reference import Examples

MAX_CALL_S = 12.0  # five of run time, and as much again for a loaded machine
JUNK_SHARE = 0.12  # of all values
MAX_DEPTH = 6

JUNK: tuple[Callable[[random.Random], Any], ...] = (
    lambda rng: None,
    lambda rng: rng.choice((True, False)),
    lambda rng: rng.choice((0, 1, -1, 2**31, 2**53, 2**63, 2**64, 2**256, -(2**70), 1.5, 1e300, -0.0)),
    lambda rng: rng.choice(("", "0x", "0X", "x", "latest ", "0x0g", "0x00", "-0x1", "0x" + "f" * 65)),
    lambda rng: "0x" + "f" * rng.choice((1, 2, 15, 16, 17, 39, 40, 41, 63, 64, 65, 2000)),
    lambda rng: rng.choice(("\x00", "\ud83d\ude00", "\u202e", "a" * 5000, '"', "\\u0000", "İ", "１２")),
    lambda rng: [],
    lambda rng: {},
    lambda rng: [[[[[[]]]]]],
    lambda rng: {"": None, "\x00": {}},
    lambda rng: [None] * rng.choice((1, 5, 2000)),
)


class Maker:
    """Values of the described types."""

    def __init__(self, examples: Examples, rng: random.Random) -> None:
        self._rng = rng
        blocks = examples.node.chain.blocks
        addresses = (
            [hexed(address) for address in CODES] + [hexed(key.address) for key in ACCOUNTS[:3]] + [NOBODY]
        )
        hashes = [hexed(block.hash) for block in blocks] + [UNKNOWN_HASH]
        hashes += [hexed(transaction.hash) for block in blocks for transaction in block.transactions]
        raw = [hexed(emit(11 + nonce, 1, 2).raw) for nonce in range(3)]
        self._known: Mapping[str, list[str]] = {
            "Address": addresses,
            "Hash": hashes,
            "Bytes": ["0x", "0x00", "0x" + "ff" * 36, "0x" + "00" * 64, *raw],
            "Quantity": [
                hex(value) for value in (0, 1, 2, 5, 6, 21_000, 10**9, 10**15, 2**63, 2**64 - 1, 2**256 - 1)
            ],
            "StorageKey": ["0x0", "0x" + "00" * 32, "5", "0x" + "ff" * 32],
            "Identifier": ["0x1", "0x" + "ab" * 16],
            "Decimal": ["0", "5", "1000"],
        }

    def value(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value of the type, or now and then junk."""
        rng = self._rng
        if rng.random() < JUNK_SHARE:
            return rng.choice(JUNK)(rng)
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            known = self._known.get(name)
            return rng.choice(known) if known else self.value(types()[name], depth)
        if "anyOf" in schema:
            return self.value(rng.choice(schema["anyOf"]), depth)
        if "enum" in schema:
            return rng.choice(schema["enum"])
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            count = rng.choice((0, 1, 1, 2, 3)) if depth < MAX_DEPTH else 0
            return [self.value(schema["items"], depth + 1) for _ in range(count)]
        return self._simple(kind)

    def _object(self, schema: Mapping[str, Any], depth: int) -> Any:
        rng = self._rng
        required = schema.get("required", ())
        made = {
            name: self.value(member, depth + 1)
            for name, member in schema["properties"].items()
            if name in required or rng.random() < 0.35
        }
        if isinstance(schema.get("additionalProperties"), Mapping) and depth < MAX_DEPTH:
            for _ in range(rng.choice((0, 1, 2))):
                key = self.value(schema["propertyNames"], depth + 1)
                made[key if isinstance(key, str) else "x"] = self.value(
                    schema["additionalProperties"], depth + 1
                )
        return made

    def _simple(self, kind: str | None) -> Any:
        rng = self._rng
        made: Mapping[str | None, Any] = {
            "boolean": rng.random() < 0.5,
            "integer": rng.choice((0, 1, 5, 100)),
            "number": rng.choice((0, 0.5, 25, 99.9, 100)),
            "string": rng.choice(("", "callTracer", "prestateTracer", "eth", "x")),
            "null": None,
        }
        return made.get(kind, rng.choice(("0x1", 1, [], {})))

    def parameters(self, method: str) -> list[Any]:
        """Parameters for a method: too few or too many now and then."""
        described = descriptions()[method].signature.parameters
        made = [self.value(parameter.schema) for parameter in described]
        while made and self._rng.random() < 0.2:
            made.pop()
        if self._rng.random() < 0.03:
            made.append(self._rng.choice(JUNK)(self._rng))
        return made


@dataclass
class Report:
    """What happened to the calls."""

    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Fuzzer:
    """One dispatcher under fire."""

    def __init__(self, seed: int) -> None:
        self.examples = Examples()
        self.rng = random.Random(seed)
        self.maker = Maker(self.examples, self.rng)
        self.report = Report()
        self._names = sorted(self.examples.table)
        components = {"components": {"schemas": dict(types())}}
        self._validators = {
            name: jsonschema.Draft7Validator({**descriptions()[name].signature.result, **components})
            for name in self._names
        }

    async def run(self, calls: int) -> Report:
        """Make that many calls, one after the other."""
        for _ in range(calls):
            name = self.rng.choice(self._names)
            await self._one(name, self.maker.parameters(name))
        return self.report

    async def _one(self, name: str, parameters: list[Any]) -> None:
        started = time.monotonic()
        try:
            reply = await self.examples.reply(name, parameters)
        except Exception as error:
            self._fault(name, parameters, f"raised {error!r}")
            return
        self.report.calls += 1
        if time.monotonic() - started > MAX_CALL_S:
            self._fault(name, parameters, "took too long")
        if "error" in reply:
            code = reply["error"]["code"]
            self.report.outcomes[str(code)] += 1
            if code == -32603 or not isinstance(reply["error"]["message"], str):
                self._fault(name, parameters, json.dumps(reply["error"]))
            return
        self.report.outcomes["result"] += 1
        for complaint in self._validators[name].iter_errors(reply["result"]):
            self._fault(name, parameters, f"{complaint.json_path}: {complaint.message[:200]}")
            return

    def _fault(self, name: str, parameters: list[Any], text: str) -> None:
        self.report.faults.append(f"{name}({json.dumps(parameters)[:600]}): {text}")


def main() -> int:
    """Run from the command line; 1 when there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--calls", type=int, default=5_000)
    arguments = parser.parse_args()
    report = trio.run(Fuzzer(arguments.seed).run, arguments.calls)
    for fault in report.faults:
        sys.stdout.write(fault + "\n")
    sys.stdout.write(f"{report.calls} calls, {dict(report.outcomes)}, {len(report.faults)} faults\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
