"""go-ethereum's own test cases of its tracers, in the form that our tracers take.

Each case names a genesis state with the schedule of forks, a block, a raw transaction, options and the expected result.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.keccak import EMPTY_KECCAK, keccak256
from chain.transaction import RecoveredTransaction, decode_transaction, recover_sender
from chain.types import ZERO_HASH, Address, Hash32, parse_address
from state.account import Account
from state.reader import DictReader
from state.world import WorldState
from vm.environment import BlockEnvironment
from vm.forks import Fork

TRACER_OF_FOLDER = {
    "call_tracer": "callTracer",
    "call_tracer_withLog": "callTracer",
    "prestate_tracer": "prestateTracer",
    "prestate_tracer_with_diff_mode": "prestateTracer",
}
_BY_BLOCK = (
    ("homesteadBlock", Fork.HOMESTEAD),
    ("eip150Block", Fork.TANGERINE_WHISTLE),
    ("eip158Block", Fork.SPURIOUS_DRAGON),
    ("byzantiumBlock", Fork.BYZANTIUM),
    ("constantinopleBlock", Fork.CONSTANTINOPLE),
    ("petersburgBlock", Fork.PETERSBURG),
    ("istanbulBlock", Fork.ISTANBUL),
    ("berlinBlock", Fork.BERLIN),
    ("londonBlock", Fork.LONDON),
    ("mergeNetsplitBlock", Fork.PARIS),
)
_BY_TIME = (
    ("shanghaiTime", Fork.SHANGHAI),
    ("cancunTime", Fork.CANCUN),
    ("pragueTime", Fork.PRAGUE),
    ("osakaTime", Fork.OSAKA),
)


@dataclass(frozen=True, slots=True)
class TracerCase:
    name: str
    tracer: str
    options: Mapping[str, Any]
    reader: DictReader
    env: BlockEnvironment
    raw: bytes
    expected: Any

    def transaction(self) -> RecoveredTransaction:
        """Raises what decoding raises."""
        decoded = decode_transaction(self.raw, self.env.chain_id, allow_unprotected=True)
        return RecoveredTransaction(decoded, recover_sender(decoded))


def read_cases(archive: Path) -> Iterator[TracerCase]:
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            folder, _, file = member.name.removeprefix("./").partition("/")
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None and folder in TRACER_OF_FOLDER:
                yield _case(f"{folder}/{file}", TRACER_OF_FOLDER[folder], json.load(content))


def _case(name: str, tracer: str, test: Mapping[str, Any]) -> TracerCase:
    genesis, context = test["genesis"], test["context"]
    number, timestamp = _number(context["number"]), _number(context["timestamp"])
    env = BlockEnvironment(
        chain_id=genesis["config"]["chainId"],
        number=number,
        timestamp=timestamp,
        beneficiary=parse_address(context["miner"]),
        gas_limit=_number(context["gasLimit"]),
        base_fee_per_gas=_number(context.get("baseFeePerGas") or 0),
        prev_randao=Hash32(bytes.fromhex(genesis.get("mixHash", "0x" + "00" * 32)[2:])),
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        parent_hash=ZERO_HASH,
        fork=_fork(genesis["config"], number, timestamp),
        block_hash=lambda _number: None,
        difficulty=_number(context.get("difficulty") or 0),
    )
    return TracerCase(
        name,
        tracer,
        test.get("tracerConfig") or {},
        state_of(genesis["alloc"]),
        env,
        bytes.fromhex(test["input"].removeprefix("0x")),
        test["result"],
    )


def _fork(config: Mapping[str, Any], number: int, timestamp: int) -> Fork:
    config = {name.lower(): value for name, value in config.items()}  # as Go reads JSON
    fork = Fork.FRONTIER
    for name, later in _BY_BLOCK:
        if config.get(name.lower()) is not None and config[name.lower()] <= number:
            fork = later
    if config.get("terminaltotaldifficulty") == 0:
        fork = max(fork, Fork.PARIS)
    for name, later in _BY_TIME:
        if fork >= Fork.PARIS and config.get(name.lower()) is not None and config[name.lower()] <= timestamp:
            fork = later
    return fork


class State(DictReader):
    """A small state that says what it holds."""

    def __init__(
        self,
        accounts: Mapping[Address, Account],
        storage: Mapping[Address, Mapping[int, int]],
        codes: Mapping[Hash32, bytes],
    ) -> None:
        super().__init__(accounts, storage, codes)
        self.parts = accounts, storage, codes


def state_of(alloc: Mapping[str, Mapping[str, Any]]) -> State:
    """The state that the `alloc` of a genesis file describes."""
    accounts, storage, codes = {}, {}, {EMPTY_KECCAK: b""}
    for text, given in alloc.items():
        address = parse_address(text if text.startswith("0x") else "0x" + text)
        code = bytes.fromhex(given.get("code", "0x")[2:])
        codes[keccak256(code)] = code
        accounts[address] = Account(
            _number(given.get("nonce", 0)), _number(given["balance"]), code_hash=keccak256(code)
        )
        slots = {_number(slot): _number(value) for slot, value in given.get("storage", {}).items()}
        storage[address] = {slot: value for slot, value in slots.items() if value}
    return State(accounts, storage, codes)


def after(state: State, world: WorldState) -> State:
    """The state with the changes of `world`."""
    changes = world.changes()
    accounts, storage, codes = state.parts
    all_accounts = {**accounts, **changes.accounts}
    slots = {address: dict(storage.get(address, {})) for address in {**storage, **changes.storage}}
    for address in changes.wiped:
        slots[address] = {}
    for address, changed in changes.storage.items():
        slots[address] = {slot: value for slot, value in {**slots[address], **changed}.items() if value}
    kept = {address: account for address, account in all_accounts.items() if account is not None}
    return State(kept, slots, {**codes, **changes.code})


def _number(given: str | int) -> int:
    return given if isinstance(given, int) else int(given, 0)
