"""The command line against a development node of this process: what a command asks, the real methods answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

import cli
from chain.types import checksum_address
from genesis import DEV_OPERATOR, GenesisValidator, dev_genesis, dump_genesis
from node.keystore import LIGHT_SCRYPT_ROUNDS, Keystore
from node.rpc_client import RpcCallFailed, RpcClient
from tests.node.chain_fixture import GENESIS_TIME, VALIDATOR
from tests.node.dev.dev_fixture import ACCOUNTS, RunningDev, WallClock, open_dev
from vm.system.staking.parameters import StakingParameters

NAMES = [checksum_address(key.address) for key in ACCOUNTS]


def run(*arguments: str) -> int:
    """The exit code."""
    try:
        cli.main(list(arguments))
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


@dataclass
class CommandLine:
    """`home` has the keys of the first three accounts."""

    dev: RunningDev
    wall: WallClock
    home: Path
    capsys: pytest.CaptureFixture[str]

    async def fails(self, *words: str, code: int = 1) -> str:
        """The text on standard error of a command that ends with `code`."""
        ended, _, error = await self._run(*words)
        assert ended == code, (words, error.splitlines()[-1:])
        return error.splitlines()[-1]

    async def __call__(self, *words: str) -> str:
        """The output of a command that succeeds."""
        code, out, error = await self._run(*words)
        assert code == 0, (words, error.splitlines()[-1:])
        return out

    async def record(self, *words: str) -> Any:
        """The JSON of a command that shows one record."""
        return json.loads(await self(*words, "--json"))

    async def rows(self, *words: str) -> list[Any]:
        """The JSON of a command that shows several."""
        return [json.loads(line) for line in (await self(*words, "--json")).splitlines()]

    def signing(self, account: int = 0) -> list[str]:
        """The options with which that account signs."""
        files = ["--home", str(self.home), "--password-file", str(self.home / "password")]
        return [*files, "--from", NAMES[account]]

    async def _run(self, *words: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = await trio.to_thread.run_sync(partial(run, *words))
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err


@asynccontextmanager
async def command_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    staking: StakingParameters | None = None,
) -> AsyncIterator[CommandLine]:
    """A node, and a folder with keys."""
    if staking is not None:
        validator = GenesisValidator("dev", VALIDATOR.public_key, 1, DEV_OPERATOR)
        genesis = dev_genesis([validator], timestamp=GENESIS_TIME)
        dumped = dump_genesis(replace(genesis, predeploys=(), staking=staking))
        (folder / "genesis.json").write_bytes(dumped)
    home = folder / "home"
    for key in ACCOUNTS[:3]:
        Keystore(home / "keystore").add(key, "pass", LIGHT_SCRYPT_ROUNDS)
    (home / "password").write_text("pass\n")
    (home / "password").chmod(0o600)
    monkeypatch.setattr("node.commands.tx.RECEIPT_POLL_S", 0.001)
    wall = WallClock()
    async with open_dev(folder, wall=wall) as dev:

        def call(_client: RpcClient, method: str, *params: Any) -> Any:
            reply = trio.from_thread.run(dev.reply, method, *params)
            if "error" in reply:
                error = reply["error"]
                raise RpcCallFailed(error["message"], error["code"], error.get("data"))
            return reply["result"]

        monkeypatch.setattr(RpcClient, "call", call)
        yield CommandLine(dev, wall, home, capsys)
