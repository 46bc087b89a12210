"""Makes kinds.json: what solc says of Kinds.sol, and what the storage holds after each of its functions.

    python -m tests.vm.system.storage.solc_fixture        (needs the npm packages of tests/clients)

The functions run on this node's EVM, which the official tests cover.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from chain.keccak import keccak256
from chain.types import Address
from tests.vm.worlds import Accounts, call

HERE = Path(__file__).parent
SOURCE = HERE / "Kinds.sol"
FIXTURE = HERE / "kinds.json"
COMPILER = HERE.parents[2] / "clients" / "solc_wrapper.cjs"
CONTRACT = Address(b"\x77" * 20)
STEPS = (
    "packed",
    "packed_again",
    "short_texts",
    "long_texts",
    "shorter_texts",
    "longer_texts",
    "deleted_texts",
    "mappings",
    "mappings_again",
    "arrays",
    "arrays_again",
    "arrays_cleared",
    "structs",
    "structs_again",
)


def compile_kinds() -> dict[str, Any]:
    """solc's output for the contract."""
    request = {
        "language": "Solidity",
        "sources": {SOURCE.name: {"content": SOURCE.read_text()}},
        "settings": {
            "evmVersion": "prague",
            "optimizer": {"enabled": True, "runs": 200},
            "outputSelection": {"*": {"*": ["storageLayout", "evm.deployedBytecode.object"]}},
        },
    }
    command = ["node", str(COMPILER), "--standard-json"]
    answer = json.loads(
        subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True).stdout
    )
    errors = [each["formattedMessage"] for each in answer.get("errors", ()) if each["severity"] == "error"]
    if errors:
        raise SystemExit("\n".join(errors))
    contract: dict[str, Any] = answer["contracts"][SOURCE.name]["Kinds"]
    return contract


def storage_after_each(code: bytes) -> dict[str, dict[str, str]]:
    """Runs the steps one after another; slots and words in hexadecimal."""
    world = Accounts().add(CONTRACT, code=code).world
    storage: dict[str, dict[str, str]] = {}
    for step in STEPS:
        outcome = call(world, CONTRACT, data=keccak256(f"{step}()".encode())[:4], gas=25_000_000)
        if outcome.error is not None:
            raise SystemExit(f"{step}: {outcome.error}")
        world.end_transaction()
        slots = world.changes().storage[CONTRACT]
        storage[step] = {f"{slot:#x}": f"{value:#x}" for slot, value in sorted(slots.items()) if value}
    return storage


def main() -> None:
    """Writes the fixture."""
    contract = compile_kinds()
    made = {
        "storageLayout": contract["storageLayout"],
        "storage": storage_after_each(bytes.fromhex(contract["evm"]["deployedBytecode"]["object"])),
    }
    FIXTURE.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
