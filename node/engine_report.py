"""The report of a disagreement between two engines: all that somebody needs to execute the block again elsewhere.

Owns: the form of the file, writing it so that it survives a power cut, and reading it back. Public data only.
Never does: compare (vm/cross_check.py) or decide what a disagreement means.
Specification: this module. One JSON object; bytes are 0x and hex, numbers are decimal strings, because they are large.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from chain.block import Block
from chain.errors import EnvironmentFault
from chain.keccak import EMPTY_TRIE_ROOT
from chain.transaction import RecoveredTransaction, decode_transaction, recover_sender
from chain.types import Address, Hash32
from node.errors import HomeError
from node.home import write_public
from state.account import Account
from state.changes import StateChanges
from vm.block import BlockResult
from vm.cross_check import Difference, Execution, ReadState, text_of
from vm.environment import BlockEnvironment, CommitVote, Misbehaviour
from vm.forks import Fork
from vm.transaction import TransactionResult

REPORT_FORMAT: Final = 2
MAX_REPORTS: Final = 16
"""In one folder. A supervisor may start a node again and again; the first reports are the interesting ones."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What is reported. block: None if no block came of it. read: the state before, as far as it was asked for."""

    environment: BlockEnvironment
    parent_state_root: Hash32
    transactions: Sequence[RecoveredTransaction]
    block: Block | None
    names: tuple[str, str]
    executions: tuple[Execution, Execution]
    differences: tuple[Difference, ...]
    read: ReadState


class ReportedState:
    """A StateReader over the state in a report. What nobody asked for then is absent."""

    def __init__(self, read: dict[str, Any]) -> None:
        self.accounts = {Address(_bytes(at)): _account(told) for at, told in read["accounts"].items()}
        self.slots = {
            (Address(_bytes(at)), int(slot)): int(value)
            for at, slots in read["slots"].items()
            for slot, value in slots.items()
        }
        self.codes = {Hash32(_bytes(at)): _bytes(code) for at, code in read["codes"].items()}
        self.has_slots: dict[Address, bool] = {
            Address(_bytes(at)): bool(has) for at, has in read["hasStorage"].items()
        }

    def account(self, address: Address) -> Account | None:
        return self.accounts.get(address)

    def storage(self, address: Address, slot: int) -> int:
        return self.slots.get((address, slot), 0)

    def code(self, code_hash: Hash32) -> bytes:
        return self.codes.get(code_hash, b"")

    def has_storage(self, address: Address) -> bool:
        return self.has_slots.get(address, False)


@dataclass(frozen=True, slots=True)
class ReportedBlock:
    """What a report says about the block: the arguments of vm.block.execute_block."""

    reader: ReportedState
    environment: BlockEnvironment
    transactions: tuple[RecoveredTransaction, ...]


def write_report(folder: Path, told: Disagreement) -> Path:
    """Writes the next free file of this block; it is on disk when this returns. Raises HomeError."""
    number = told.environment.number
    if len(list(folder.glob("engines-disagree-*.json"))) >= MAX_REPORTS:
        raise HomeError(f"{folder} holds {MAX_REPORTS} reports of disagreements already")
    paths = [folder / f"engines-disagree-{number}{suffix}.json" for suffix in ("", *_SUFFIXES)]
    path = next(path for path in paths if not path.exists())
    write_public(path, json.dumps(_content(told), indent=1).encode() + b"\n")
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)  # the name of the file too
        finally:
            os.close(descriptor)
    except OSError as error:
        raise HomeError(f"{folder}: cannot be synced: {error.strerror}") from error
    return path


def read_report(path: Path) -> ReportedBlock:
    """The block of a report, to be executed again. Raises EnvironmentFault for a file that is no report."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] != REPORT_FORMAT:
            raise EnvironmentFault(f"{path}: format {content['format']}, this program reads {REPORT_FORMAT}")
        environment = _environment(content["environment"], content["state"]["blockHashes"])
        transactions = [
            decode_transaction(_bytes(raw), environment.chain_id) for raw in content["transactions"]
        ]
        recovered = tuple(RecoveredTransaction(sent, recover_sender(sent)) for sent in transactions)
        return ReportedBlock(ReportedState(content["state"]), environment, recovered)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvironmentFault(f"{path}: not a report of a disagreement: {error!r}") from error


_SUFFIXES: Final = tuple(f"-{number}" for number in range(2, MAX_REPORTS + 1))


def _content(told: Disagreement) -> dict[str, Any]:
    environment, block = told.environment, told.block
    return {
        "format": REPORT_FORMAT,
        "engines": list(told.names),
        "differences": [asdict(difference) for difference in told.differences],
        "blockHash": None if block is None else text_of(block.hash),
        "block": None if block is None else text_of(block.encode()),
        "parentStateRoot": text_of(told.parent_state_root),
        "environment": {
            "chainId": str(environment.chain_id),
            "number": str(environment.number),
            "timestamp": str(environment.timestamp),
            "beneficiary": text_of(environment.beneficiary),
            "gasLimit": str(environment.gas_limit),
            "baseFeePerGas": str(environment.base_fee_per_gas),
            "prevRandao": text_of(environment.prev_randao),
            "excessBlobGas": str(environment.excess_blob_gas),
            "parentBeaconBlockRoot": text_of(environment.parent_beacon_block_root),
            "parentHash": text_of(environment.parent_hash),
            "fork": environment.fork.name.lower(),
            "votes": [
                {"validator": text_of(vote.validator), "power": str(vote.power), "signed": vote.signed}
                for vote in environment.votes
            ],
            "misbehaviour": [
                {"validator": text_of(deed.validator), "height": str(deed.height), "power": str(deed.power)}
                for deed in environment.misbehaviour
            ],
            "feeRecipient": None if environment.fee_recipient is None else text_of(environment.fee_recipient),
        },
        "transactions": [text_of(recovered.transaction.raw) for recovered in told.transactions],
        "transactionHashes": [text_of(recovered.transaction.hash) for recovered in told.transactions],
        "state": _state(told.read),
        "results": [_execution(execution) for execution in told.executions],
    }


def _state(read: ReadState) -> dict[str, Any]:
    slots: dict[str, dict[str, str]] = {}
    for (address, slot), value in sorted(read.slots.items()):
        slots.setdefault(text_of(address), {})[str(int.from_bytes(slot))] = str(value)
    return {
        "accounts": {
            text_of(address): _account_json(told) for address, told in sorted(read.accounts.items())
        },
        "slots": slots,
        "codes": {text_of(at): text_of(code) for at, code in sorted(read.codes.items())},
        "hasStorage": {text_of(address): has for address, has in sorted(read.has_slots.items())},
        "blockHashes": {
            str(number): None if told is None else text_of(told)
            for number, told in sorted(read.block_hashes.items())
        },
    }


def _execution(execution: Execution) -> dict[str, Any]:
    verdict = execution.verdict
    content: dict[str, Any] = {
        "ending": execution.ending,
        "transactions": [_outcome(outcome) for outcome in execution.outcomes],
    }
    if isinstance(verdict, BlockResult):
        content |= {
            "gasUsed": str(verdict.gas_used),
            "receiptsRoot": text_of(verdict.receipts_root),
            "receipts": [text_of(receipt.encode()) for receipt in verdict.receipts],
            "changes": _changes(verdict.changes),
        }
    return content


def _outcome(outcome: TransactionResult) -> dict[str, Any]:
    created = outcome.contract_address
    return {
        "status": text_of(outcome.status),
        "gasUsed": str(outcome.gas_used),
        "peakGas": str(outcome.peak_gas),
        "output": text_of(outcome.output),
        "error": outcome.error,
        "contractAddress": None if created is None else text_of(created),
        "logs": [text_of(log.encode()) for log in outcome.logs],
    }


def _changes(changes: StateChanges) -> dict[str, Any]:
    return {
        "accounts": {
            text_of(address): _account_json(told) for address, told in sorted(changes.accounts.items())
        },
        "slots": {
            text_of(address): {str(slot): str(value) for slot, value in sorted(slots.items())}
            for address, slots in sorted(changes.storage.items())
        },
        "wiped": [text_of(address) for address in sorted(changes.wiped)],
        "codes": {text_of(at): text_of(code) for at, code in sorted(changes.code.items())},
    }


def _account_json(account: Account | None) -> dict[str, str] | None:
    if account is None:
        return None
    return {
        "nonce": str(account.nonce),
        "balance": str(account.balance),
        "codeHash": text_of(account.code_hash),
    }


def _account(told: dict[str, str] | None) -> Account | None:
    if told is None:
        return None
    code_hash = Hash32(_bytes(told["codeHash"]))
    return Account(int(told["nonce"]), int(told["balance"]), EMPTY_TRIE_ROOT, code_hash)


def _environment(told: dict[str, Any], hashes: dict[str, str | None]) -> BlockEnvironment:
    known = {int(at): None if text is None else Hash32(_bytes(text)) for at, text in hashes.items()}
    recipient = told["feeRecipient"]
    return BlockEnvironment(
        chain_id=int(told["chainId"]),
        number=int(told["number"]),
        timestamp=int(told["timestamp"]),
        beneficiary=Address(_bytes(told["beneficiary"])),
        gas_limit=int(told["gasLimit"]),
        base_fee_per_gas=int(told["baseFeePerGas"]),
        prev_randao=Hash32(_bytes(told["prevRandao"])),
        excess_blob_gas=int(told["excessBlobGas"]),
        parent_beacon_block_root=Hash32(_bytes(told["parentBeaconBlockRoot"])),
        parent_hash=Hash32(_bytes(told["parentHash"])),
        fork=Fork[told["fork"].upper()],
        block_hash=known.get,
        votes=tuple(
            CommitVote(Address(_bytes(vote["validator"])), int(vote["power"]), bool(vote["signed"]))
            for vote in told["votes"]
        ),
        misbehaviour=tuple(
            Misbehaviour(Address(_bytes(deed["validator"])), int(deed["height"]), int(deed["power"]))
            for deed in told["misbehaviour"]
        ),
        fee_recipient=None if recipient is None else Address(_bytes(recipient)),
    )


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
