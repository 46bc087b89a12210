"""The other engines of benchmark `evm`: py-evm with its own state, and pyrevm in an environment of its own.

Owns their set-up and how they run a work. Their figures include the same as ours: one message on a state begun anew.
pyrevm is installed from requirements/pyrevm.lock into .cache when it is wanted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.evm_works import (
    BENEFICIARY,
    CACHE,
    CALLER,
    ENVIRONMENT,
    Holding,
    Result,
    Work,
    WorkUnavailable,
)
from chain.types import ZERO_HASH, Address

LOCK: Final = Path(__file__).parent.parent / "requirements" / "pyrevm.lock"
INSTALL_SECONDS: Final = 120
RUN_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Timed:
    """A result and what it took."""

    result: Result
    seconds: float


class PyEvmStage:
    """A work prepared for py-evm, used once."""

    __slots__ = ("_context", "_message", "_state", "_work")

    def __init__(self, work: Work) -> None:
        from eth.vm.message import Message

        make_message: Any = Message
        self._work = work
        self._state = _py_evm_state(work)
        code = work.holdings[work.to].code
        self._message = make_message(work.gas, work.to, CALLER, 0, work.payload, code)
        self._context = self._state.transaction_context_class(gas_price=0, origin=CALLER)

    def run(self) -> Any:
        state = self._state
        return state.computation_class.apply_message(state, self._message, self._context)

    def result_of(self, computation: Any) -> Result:
        used = self._work.gas - computation.get_gas_remaining()
        return Result(used, computation.output, not computation.is_error)


def _py_evm_state(work: Work) -> Any:
    from eth import constants
    from eth.db.atomic import AtomicDB
    from eth.db.backends.memory import MemoryDB
    from eth.vm.execution_context import ExecutionContext
    from eth.vm.forks.prague import PragueVM

    make_context: Any = ExecutionContext
    context = make_context(
        coinbase=BENEFICIARY,
        timestamp=ENVIRONMENT.timestamp,
        block_number=ENVIRONMENT.number,
        difficulty=0,
        mix_hash=ZERO_HASH,
        gas_limit=ENVIRONMENT.gas_limit,
        prev_hashes=(),
        chain_id=ENVIRONMENT.chain_id,
        base_fee_per_gas=0,
        excess_blob_gas=0,
    )
    state_class: Any = PragueVM.get_state_class()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        state = state_class(AtomicDB(MemoryDB()), context, constants.BLANK_ROOT_HASH)
    for address, holding in work.holdings.items():
        _put(state, address, holding)
    state.lock_changes()
    for address in (CALLER, BENEFICIARY, work.to):
        state.mark_address_warm(address)
    return state


def _put(state: Any, address: Address, holding: Holding) -> None:
    state.set_balance(address, holding.balance)
    state.set_nonce(address, holding.nonce)
    state.set_code(address, holding.code)
    for slot, value in holding.storage.items():
        state.set_storage(address, slot, value)


def pyrevm_results(works: Sequence[Work], rounds: int) -> list[Timed]:
    """All works on pyrevm, in order. Raises WorkUnavailable if it cannot be installed or does not run."""
    request = {
        "works": [_as_json(work) for work in works],
        "rounds": rounds,
        "block": {
            "number": ENVIRONMENT.number,
            "timestamp": ENVIRONMENT.timestamp,
            "coinbase": _hex(BENEFICIARY),
            "gas_limit": 2**63,
            "basefee": 0,
        },
    }
    program = Path(__file__).parent / "evm_pyrevm.py"
    try:
        done = subprocess.run(
            [_pyrevm_python(), program],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=True,
            timeout=RUN_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise WorkUnavailable(f"pyrevm failed: {error.stderr.strip()[-300:]}") from error
    except (subprocess.SubprocessError, OSError) as error:
        raise WorkUnavailable(f"pyrevm does not run: {error}") from error
    return [
        Timed(Result(answer["gas"], bytes.fromhex(answer["output"])), answer["seconds"])
        for answer in json.loads(done.stdout)
    ]


def _pyrevm_python() -> Path:
    """The interpreter of an environment with pyrevm."""
    folder = CACHE / "pyrevm"
    python = folder / "bin" / "python"
    stamp = folder / "installed.lock"
    if stamp.is_file() and stamp.read_text() == LOCK.read_text():
        return python
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-deps",
    ]
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), *install, "--only-binary=:all:", "-r", str(LOCK)],
    )
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.CalledProcessError as error:
            raise WorkUnavailable(f"pyrevm cannot be installed: {error.stderr.strip()[-300:]}") from error
        except (subprocess.SubprocessError, OSError) as error:
            raise WorkUnavailable(f"pyrevm cannot be installed: {error}") from error
    stamp.write_text(LOCK.read_text())
    return python


def _as_json(work: Work) -> dict[str, object]:
    return {
        "caller": _hex(CALLER),
        "to": _hex(work.to),
        "payload": work.payload.hex(),
        "gas": work.gas,
        "holdings": {
            _hex(address): {
                "nonce": holding.nonce,
                "balance": holding.balance,
                "code": holding.code.hex(),
                "storage": list(holding.storage.items()),
            }
            for address, holding in work.holdings.items()
        },
    }


def _hex(address: Address) -> str:
    return "0x" + address.hex()
