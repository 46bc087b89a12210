"""1024 nested calls on the default stack of a worker thread."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import trio

from tests.vm.worlds import (
    ALICE,
    ENVIRONMENT,
    ETHER,
    Accounts,
    address,
    assemble,
    transaction,
)
from vm.call import new_context
from vm.call_stack import FRAMES_PER_CALL, RECURSION_LIMIT, ensure_call_stack
from vm.engines import COMPILED, INTERPRETER, PY_EVM, Engine
from vm.environment import TransactionContext
from vm.message import CallKind, Message, Status
from vm.system.framework import Contract, Slot, external, u256
from vm.system.registry import Registry
from vm.tracing.call_list import CallList
from vm.tracing.interface import Budget
from vm.transaction import apply_transaction

LOOP = address(0x100B)
# Each level keeps 63/64 of the gas: after 1024 levels about a ten-millionth is left.
PLENTY_OF_GAS = 2**60
SLOT = 0
FREE = replace(ENVIRONMENT, gas_limit=PLENTY_OF_GAS, base_fee_per_gas=0)


def counting(kind: str) -> bytes:
    """Adds one to slot 0, then calls itself."""
    values = (0,) if kind in ("CALL", "CALLCODE") else ()
    count = assemble(1, SLOT, "SLOAD", "ADD", SLOT, "SSTORE")
    return count + assemble(0, 0, 0, 0, *values, "ADDRESS", "GAS", kind)


ENGINES = {"interpreter": INTERPRETER, "compiled": COMPILED, "py-evm": PY_EVM}


def deepest(code: bytes, engine: Engine | None = None) -> int:
    """How many frames ran."""
    accounts = Accounts().add(ALICE.address, balance=ETHER).add(LOOP, nonce=1, code=code)
    world = accounts.world
    recovered = transaction(to=LOOP, gas_limit=PLENTY_OF_GAS, fee_cap=0, tip=0)
    assert apply_transaction(world, replace(FREE, evm=engine), recovered).succeeded
    return world.get_storage(LOOP, SLOT)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["CALL", "CALLCODE", "DELEGATECALL"])
async def test_a_contract_nests_1024_calls_in_a_worker_thread(kind: Any, engine: str) -> None:
    assert await trio.to_thread.run_sync(deepest, counting(kind), ENGINES[engine]) == 1_025


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_contract_nests_1024_creations_in_a_worker_thread(engine: str) -> None:
    """Init code that copies itself into each new account it makes; the depth is counted in a shared slot."""
    tick = assemble(0, 0, 0, 0, 0, LOOP, "GAS", "CALL", "POP")
    again = tick + assemble("CODESIZE", 0, 0, "CODECOPY", "CODESIZE", 0, 0, "CREATE")
    accounts = Accounts().add(ALICE.address, balance=ETHER)
    accounts.add(LOOP, nonce=1, code=assemble(1, SLOT, "SLOAD", "ADD", SLOT, "SSTORE"))
    world = accounts.world
    recovered = transaction(data=again, gas_limit=PLENTY_OF_GAS, fee_cap=0, tip=0)
    env = replace(FREE, evm=ENGINES[engine])
    result = await trio.to_thread.run_sync(apply_transaction, world, env, recovered)
    assert result.succeeded
    # The deepest creation may not call any more.
    assert world.get_storage(LOOP, SLOT) == 1_024


@pytest.mark.parametrize("engine", ENGINES)
def test_the_depth_needs_no_large_thread_stack(engine: str) -> None:
    """A quarter of a megabyte is enough, because nested frames do not recurse in C."""
    threading.stack_size(256 * 1024)
    try:
        with ThreadPoolExecutor(max_workers=1) as threads:
            assert threads.submit(deepest, counting("CALL"), ENGINES[engine]).result() == 1_025
    finally:
        threading.stack_size(0)


class Nest(Contract, class_id=0xC0_00EE, version=1):
    """Counts, then calls itself from a helper of a helper."""

    count: Slot[u256]

    @external(lock=False)
    def nest(self) -> None:
        self.count += 1
        self._help()

    def _help(self) -> None:
        self._help_more()

    def _help_more(self) -> None:
        self.call(self.address, Nest.nest.encode())


@pytest.mark.parametrize("tracer", [None, CallList(Budget())], ids=["plain", "traced"])
async def test_a_system_contract_nests_1024_calls_in_a_worker_thread(tracer: CallList | None) -> None:
    world = Accounts().add(LOOP, nonce=1, code=Nest.code).world
    environment = replace(FREE, system_contracts=Registry((Nest,), ()))
    context = new_context(world, environment, TransactionContext(ALICE.address, 0), tracer=tracer)
    message = Message(CallKind.CALL, ALICE.address, LOOP, LOOP, 0, Nest.nest.encode(), PLENTY_OF_GAS)
    outcome = await trio.to_thread.run_sync(context.execute_message, context, message)
    assert (outcome.status, world.get_storage(LOOP, SLOT)) == (Status.SUCCESS, 1_025)


def test_frames_per_call_is_enough() -> None:
    """The limit holds 1025 frames with room to spare even when the stack below is deep."""
    depths: list[int] = []

    def nested(levels: int) -> None:
        if levels:
            nested(levels - 1)
        else:
            depths.append(deepest(counting("CALL")))

    nested(1_500)
    assert depths == [1_025]
    assert FRAMES_PER_CALL * 1_024 < RECURSION_LIMIT


NESTED_JSON = """
import json, sys, threading
import msgspec
import vm.block
from vm.call import new_context
from vm.call_stack import RECURSION_LIMIT

assert sys.getrecursionlimit() == RECURSION_LIMIT, sys.getrecursionlimit()

def parse():
    for opening in ("[", "[     ", '{"a":'):
        text = opening * 200_000
        for decode in (json.loads, msgspec.json.decode, msgspec.json.Decoder(dict[str, msgspec.Raw]).decode):
            try:
                decode(text)
            except (RecursionError, ValueError):
                pass
            else:
                raise AssertionError("decoded")

parse()
thread = threading.Thread(target=parse)
thread.start()
thread.join()
print("alive")
"""


def test_nested_json_does_not_kill_the_process_after_importing_the_ethereum_engine() -> None:
    """py-evm's recursion limit would let the C parsers overrun the stack of any thread."""
    done = subprocess.run(
        [sys.executable, "-c", NESTED_JSON], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert done.stdout == "alive\n"


def test_the_recursion_limit_is_set_back_to_what_the_depth_needs() -> None:
    sys.setrecursionlimit(RECURSION_LIMIT + 1)
    ensure_call_stack()
    assert sys.getrecursionlimit() == RECURSION_LIMIT
