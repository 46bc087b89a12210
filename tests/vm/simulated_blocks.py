"""A chain of one block to simulate others on, and short forms of requests."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chain.block import Block
from chain.header import Header
from chain.types import ZERO_HASH, Address
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.kv import MemoryStore
from state.roots_ahead import RootsAhead
from tests.state.chain_builder import make_header
from tests.vm.worlds import (
    ALICE,
    CHAIN_ID,
    Accounts,
    address,
    assemble,
    funded,
    returning,
)
from vm.block_simulation import (
    BlockOverrides,
    CallOutcome,
    CallRules,
    SimulatedBlock,
    SimulatedBlockRequest,
    SimulationBase,
    simulate_blocks,
)
from vm.forks import Fork
from vm.simulation import CallRequest

CONTRACT, OTHER, POOR = address(0xC0DE), address(0xBEEF), address(0xF00)
IDENTITY = address(4)
GAS_CAP = 50_000_000
COUNTER = assemble(0, "SLOAD", 1, "ADD", "DUP1", 0, "SSTORE", 0, "MSTORE", 32, 0, "RETURN")
READER = returning(0, "SLOAD")
LOGGER = assemble(7, 0, "MSTORE", 9, 32, 0, "LOG1")
ENDLESS = assemble("JUMPDEST", 0, "JUMP")
REVERTER = assemble(5, 0, "MSTORE", 32, 0, "REVERT")


def free() -> None:
    """A checkpoint that never gives up."""


class Chain:
    """A chain of one block whose state is that of `accounts`."""

    def __init__(self, accounts: Accounts, **fields: Any) -> None:
        self.store = ChainStore.open(MemoryStore(), chain_id=CHAIN_ID)
        codes = {code_hash: code for code_hash, code in accounts.codes.items() if code}
        state = StateChanges(accounts.accounts, accounts.storage, code=codes)
        root = self.store.compute_root(state).root
        fields = {"timestamp": 1_700_000_000, "base_fee_per_gas": 1000, **fields}
        self.header: Header = replace(make_header(0, ZERO_HASH, root), **fields)
        self.store.initialise(Block(self.header, ()), state, b"id")
        self.fork_at: Callable[[int, int], Fork] = lambda _number, _timestamp: Fork.PRAGUE

    def simulate(
        self,
        *blocks: SimulatedBlockRequest,
        validates: bool = False,
        shows_transfers: bool = False,
        gas_cap: int = GAS_CAP,
        checkpoint: Callable[[], None] = free,
    ) -> list[SimulatedBlock]:
        view = self.store.latest_state()
        base = SimulationBase(
            CHAIN_ID,
            self.header,
            view,
            self.fork_at,
            self.store.canonical_hash,
            RootsAhead(view, checkpoint).advance,
        )
        rules = CallRules(validates, shows_transfers, checkpoint)
        return list(simulate_blocks(base, blocks, rules, gas_cap=gas_cap))


def contract(code: bytes, **fields: Any) -> Accounts:
    return funded().add(CONTRACT, nonce=1, code=code, **fields)


def call(to: Address | None = CONTRACT, caller: Address = ALICE.address, **fields: Any) -> CallRequest:
    return CallRequest(caller=caller, to=to, **fields)


def block(*calls: CallRequest, accounts: Any = None, **overrides: Any) -> SimulatedBlockRequest:
    return SimulatedBlockRequest(BlockOverrides(**overrides), accounts or {}, calls)


def outcome(chain: Chain, request: CallRequest, **options: Any) -> CallOutcome:
    """Of the only call in the only block."""
    accounts = options.pop("accounts", None)
    return chain.simulate(block(request, accounts=accounts), **options)[0].calls[0]


def words(found: CallOutcome) -> list[int]:
    assert found.error is None
    return [int.from_bytes(found.output[at : at + 32], "big") for at in range(0, len(found.output), 32)]


def number(found: CallOutcome) -> int:
    (value,) = words(found)
    return value
