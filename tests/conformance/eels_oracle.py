"""Ethereum's execution specification (EELS) as the judge of a transaction under the rules of Osaka.

EELS is the protocol in readable Python, some hundred times slower than this node. Its dependencies exclude ours, so it
lives in a virtual environment of its own, made from requirements/eels.lock when it is first wanted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from chain.rlp import encode
from chain.transaction import Transaction
from state.account import Account
from tests.vm.worlds import CHAIN_ID, Accounts
from vm.environment import BlockEnvironment

REPOSITORY: Final = Path(__file__).resolve().parents[2]
LOCK: Final = REPOSITORY / "requirements" / "eels.lock"
FOLDER: Final = REPOSITORY / ".cache" / "eels"
INSTALL_TIMEOUT_S: Final = 300
ANSWER_TIMEOUT_S: Final = 60


def eels_python() -> Path:
    """The interpreter of the environment that has EELS. Raises subprocess.SubprocessError if it cannot be made."""
    python, stamp = FOLDER / "bin" / "python", FOLDER / "installed"
    if stamp.is_file() and stamp.read_text() == LOCK.read_text():
        return python
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-deps",
    ]
    for command in ([sys.executable, "-m", "venv", "--clear", str(FOLDER)], [*pip, "-r", str(LOCK)]):
        subprocess.run(command, check=True, timeout=INSTALL_TIMEOUT_S)
    stamp.write_text(LOCK.read_text())
    return python


class OracleFault(Exception):
    """The tool itself failed, which says nothing about the transaction."""


class Eels:
    """The process; a context manager."""

    def __init__(self) -> None:
        command = [str(eels_python()), str(Path(__file__).with_name("eels_process.py"))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> Eels:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def run(self, accounts: Accounts, env: BlockEnvironment, transaction: Transaction) -> dict[str, Any]:
        """The tool's {"alloc", "result"} for one transaction on this state. Raises OracleFault."""
        request = {
            "alloc": allocation(accounts),
            "env": environment(env),
            "txs": "0x" + encode([transaction.raw]).hex(),
            "fork": "Osaka",
            "chain_id": CHAIN_ID,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "fault" in answer:
            raise OracleFault(answer["fault"])
        return answer


def allocation(accounts: Accounts) -> dict[str, Any]:
    return {
        "0x" + at.hex(): {
            "balance": hex(account.balance),
            "nonce": hex(account.nonce),
            "code": "0x" + accounts.codes[account.code_hash].hex(),
            "storage": _slots(accounts.storage.get(at, {})),
        }
        for at, account in accounts.accounts.items()
        if isinstance(account, Account)
    }


def _slots(slots: Mapping[int, int]) -> dict[str, str]:
    return {f"0x{slot:064x}": f"0x{value:064x}" for slot, value in slots.items()}


def environment(env: BlockEnvironment) -> dict[str, Any]:
    hashes = {number: env.block_hash(number) for number in range(max(0, env.number - 256), env.number)}
    return {
        "currentCoinbase": "0x" + env.beneficiary.hex(),
        "currentGasLimit": hex(env.gas_limit),
        "currentNumber": hex(env.number),
        "currentTimestamp": hex(env.timestamp),
        "currentBaseFee": hex(env.base_fee_per_gas),
        "currentRandom": "0x" + env.prev_randao.hex(),
        "currentDifficulty": "0x0",
        "currentExcessBlobGas": hex(env.excess_blob_gas),
        "parentBeaconBlockRoot": "0x" + env.parent_beacon_block_root.hex(),
        "withdrawals": [],
        "ommers": [],
        "blockHashes": {str(number): "0x" + (told or bytes(32)).hex() for number, told in hashes.items()},
    }
