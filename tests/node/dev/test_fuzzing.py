"""Calls of every described form, with junk among them, against a development chain that they change as they go."""

from __future__ import annotations

import json
import random
from pathlib import Path

import jsonschema
import pytest

from rpc.openrpc.document import descriptions, types
from tests.node.dev.dev_fixture import open_dev
from tests.rpc.fuzzing import Maker
from tests.rpc.reference import Examples

CALLS = 1_500


@pytest.mark.parametrize("seed", range(2))
async def test_no_call_meets_an_internal_error(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.dev.node.MAX_BLOCKS_AT_ONCE", 50)
    rng = random.Random(seed)
    maker = Maker(Examples(), rng)
    components = {"components": {"schemas": dict(types())}}
    async with open_dev(tmp_path) as dev:
        names = [name for name in sorted(dev.dispatcher._methods) if name in descriptions()]
        results = 0
        for _ in range(CALLS):
            name = rng.choice(names)
            call = {"jsonrpc": "2.0", "id": 1, "method": name, "params": maker.parameters(name)}
            raw = await dev.dispatcher.handle(json.dumps(call).encode())
            assert raw is not None
            reply = json.loads(raw)
            if "error" in reply:
                assert reply["error"]["code"] != -32603, call
                continue
            results += 1
            jsonschema.validate(reply["result"], {**descriptions()[name].signature.result, **components})
        assert results > CALLS // 10
        await dev.call("evm_setIntervalMining", 0)
        await dev.call("hardhat_reset")
        assert await dev.height() == 0
