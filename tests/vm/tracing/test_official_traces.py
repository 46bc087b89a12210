"""Our tracers against results that others publish.

Struct logs: blocks 1 and 2 of the test chain of ethereum/execution-apis. Calls and prestate: go-ethereum's own cases,
which are LGPL-3.0 and no part of this repository. An archive of the folders call_tracer, call_tracer_withLog,
prestate_tracer and prestate_tracer_with_diff_mode of its eth/tracers/internal/tracetest/testdata is looked for under
the name of ARCHIVE where the other official vectors are.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest

from chain.rlp import decode, encode, iterate_encoded_items
from chain.transaction import (
    BlobTransactionUnsupported,
    RecoveredTransaction,
    decode_transaction,
    recover_sender,
)
from chain.types import ZERO_HASH, Address
from state.world import WorldState
from tests.vm.tracing.go_ethereum_cases import after, read_cases, state_of
from vm.environment import BlockEnvironment
from vm.forks import Fork
from vm.tracing.run import make_tracer, trace_transaction
from vm.transaction import apply_transaction

ARCHIVE = "go-ethereum-tracers.tar.xz"
CASES = 49
BLOB_CASES = 2


def without_default_index(result: Any) -> Any:
    """The cases leave out the index of a log where it is 0."""
    if isinstance(result, list):
        return [without_default_index(item) for item in result]
    if isinstance(result, dict):
        kept = {name: without_default_index(value) for name, value in result.items()}
        if kept.get("index") == "0x0":
            del kept["index"]
        return kept
    return result


def test_call_trees_and_prestates_are_those_of_go_ethereum(vectors_dir: Path) -> None:
    if not (vectors_dir / ARCHIVE).is_file():
        pytest.skip(f"no {ARCHIVE} in {vectors_dir}")
    passed = blobs = 0
    for case in read_cases(vectors_dir / ARCHIVE):
        try:
            recovered = case.transaction()
        except BlobTransactionUnsupported:
            blobs += 1
            continue
        found = trace_transaction(case.reader, case.env, recovered, make_tracer(case.tracer, case.options))
        assert without_default_index(found) == without_default_index(case.expected), case.name
        passed += 1
    assert (passed, blobs) == (CASES - BLOB_CASES, BLOB_CASES)


OPTIONS = [
    ("trace-block-memory-encoding", 1),
    ("trace-block-return-data-behavior", 1),
    ("trace-block-storage-encoding", 2),
]


@pytest.mark.parametrize(("name", "number"), OPTIONS)
def test_struct_logs_are_those_of_the_execution_apis(vectors_dir: Path, name: str, number: int) -> None:
    folder = vectors_dir / "execution-apis"
    text = (folder / "debug_traceBlockByNumber" / f"{name}.io").read_text()
    messages = [json.loads(line[3:]) for line in text.splitlines() if line[:3] in (">> ", "<< ")]
    for question, answer in zip(messages[::2], messages[1::2], strict=True):
        block, options = question["params"]
        assert int(block, 16) == number
        assert traces_of_block(folder, number, options) == answer["result"]


def traces_of_block(folder: Path, number: int, options: dict[str, Any]) -> list[Any]:
    """Struct logs of an early block of the chain, whose blocks have Homestead's rules."""
    genesis = json.loads((folder / "genesis.json").read_text())
    reader = state_of(genesis["alloc"])
    raw = (folder / "chain.rlp").read_bytes()
    traces: list[Any] = []
    for _, block, _ in islice(iterate_encoded_items(raw, 0, len(raw)), number):
        header, transactions, _ = cast(Any, decode(block))
        env = environment_of(header, genesis["config"]["chainId"])
        traces.clear()
        for encoded in transactions:
            transaction = decode_transaction(encode(encoded), env.chain_id, allow_unprotected=True)
            recovered = RecoveredTransaction(transaction, recover_sender(transaction))
            found = trace_transaction(reader, env, recovered, make_tracer(None, options))
            traces.append({"txHash": "0x" + transaction.hash.hex(), "result": found})
            world = WorldState(reader)
            apply_transaction(world, env, recovered)
            reader = after(reader, world)
    return traces


def environment_of(header: list[bytes], chain_id: int) -> BlockEnvironment:
    return BlockEnvironment(
        chain_id=chain_id,
        number=int.from_bytes(header[8]),
        timestamp=int.from_bytes(header[11]),
        beneficiary=Address(header[2]),
        gas_limit=int.from_bytes(header[9]),
        base_fee_per_gas=0,
        prev_randao=ZERO_HASH,
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        parent_hash=ZERO_HASH,
        fork=Fork.HOMESTEAD,
        block_hash=lambda _number: None,
        difficulty=int.from_bytes(header[7]),
    )
