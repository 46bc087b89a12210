"""Runs a transaction or a call with a tracer.

Owns: the table of tracers, and the two ways to use one. Never does: know where the state and the block come from.
A trace always runs on our own engine, whatever engine executes blocks: only its loop tells of instructions.
Specification: go-ethereum 1.17.6 eth/tracers/api.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chain.transaction import RecoveredTransaction
from chain.types import Address
from state.reader import StateReader
from state.world import WorldState
from vm.engines import NATIVE
from vm.environment import BlockEnvironment
from vm.overrides import AccountOverride
from vm.simulation import CallRequest, traced_call
from vm.tracing import call_tracer, prestate_tracer, struct_log
from vm.tracing.call_tracer import CallTracer
from vm.tracing.four_byte_tracer import FourByteTracer
from vm.tracing.interface import Budget, InvalidTracer, Scene, TransactionTracer, read_options
from vm.tracing.prestate_tracer import PrestateTracer
from vm.tracing.struct_log import StructLogger
from vm.transaction import TransactionResult, apply_transaction

STRUCT_LOGS = "structLogs"


def _struct_logger(config: Mapping[str, Any], budget: Budget) -> TransactionTracer:
    limit = config.get("limit", 0)
    if type(limit) is not int:
        raise InvalidTracer("option limit must be a whole number")
    options = {name: value for name, value in config.items() if name != "limit"}
    return StructLogger(read_options(STRUCT_LOGS, options, struct_log.OPTIONS), limit, budget)


def _call_tracer(config: Mapping[str, Any], budget: Budget) -> TransactionTracer:
    return CallTracer(read_options("callTracer", config, call_tracer.OPTIONS), budget)


def _prestate_tracer(config: Mapping[str, Any], budget: Budget) -> TransactionTracer:
    return PrestateTracer(read_options("prestateTracer", config, prestate_tracer.OPTIONS), budget)


def _four_byte_tracer(config: Mapping[str, Any], budget: Budget) -> TransactionTracer:
    read_options("4byteTracer", config, ())
    return FourByteTracer(budget)


TRACERS: Mapping[str, Callable[[Mapping[str, Any], Budget], TransactionTracer]] = {
    STRUCT_LOGS: _struct_logger,
    "callTracer": _call_tracer,
    "prestateTracer": _prestate_tracer,
    "4byteTracer": _four_byte_tracer,
}
"""The default one of go-ethereum has no name there; here it is called by the name of its result."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    STRUCT_LOGS: (*struct_log.OPTIONS, "limit"),
    "callTracer": call_tracer.OPTIONS,
    "prestateTracer": prestate_tracer.OPTIONS,
    "4byteTracer": (),
}
"""What each tracer can be told."""


def make_tracer(
    name: str | None, config: Mapping[str, Any], budget: Budget | None = None
) -> TransactionTracer:
    """A tracer for one transaction. Raises InvalidTracer for a name or an option that does not exist.

    budget: what is left for several traces together; without, this one may take MAX_TRACE_BYTES.
    """
    make = TRACERS.get(name or STRUCT_LOGS)
    if make is None:
        raise InvalidTracer(f"no tracer is called {name}; there are: {', '.join(TRACERS)}")
    return make(config, budget or Budget())


def trace_transaction(
    reader: StateReader,
    env: BlockEnvironment,
    recovered: RecoveredTransaction,
    tracer: TransactionTracer,
    checkpoint: Callable[[], None] | None = None,
    first_log_index: int = 0,
) -> Any:
    """What `tracer` finds in a transaction on the state that `reader` shows, which is not changed.

    first_log_index: how many logs the block has before it. Raises TransactionRejected, TraceTooLarge, and what
    `checkpoint` raises.
    """
    world = WorldState(reader)
    scene = Scene(reader, replace(env, evm=NATIVE), recovered.transaction, recovered.sender, first_log_index)
    run_traced(world, scene, recovered, tracer, checkpoint=checkpoint)
    return tracer.result()


def run_traced(
    world: WorldState,
    scene: Scene,
    recovered: RecoveredTransaction,
    tracer: TransactionTracer,
    *,
    gas_available: int | None = None,
    checkpoint: Callable[[], None] | None = None,
) -> TransactionResult:
    """Applies the transaction of `scene` to `world`, a fresh one on the state before, with `tracer` listening."""
    tracer.begin(scene)
    result = apply_transaction(
        world, scene.env, recovered, gas_available=gas_available, tracer=tracer, checkpoint=checkpoint
    )
    tracer.finish(world, result)
    return result


def trace_call(
    reader: StateReader,
    env: BlockEnvironment,
    request: CallRequest,
    tracer: TransactionTracer,
    *,
    gas_cap: int,
    overrides: Mapping[Address, AccountOverride] | None = None,
    checkpoint: Callable[[], None] | None = None,
) -> Any:
    """As `trace_transaction`, of a call that nobody signed: see vm.simulation.simulate_call for how it runs."""
    run_traced_call(reader, env, request, tracer, gas_cap=gas_cap, overrides=overrides, checkpoint=checkpoint)
    return tracer.result()


def run_traced_call(
    reader: StateReader,
    env: BlockEnvironment,
    request: CallRequest,
    tracer: TransactionTracer,
    *,
    gas_cap: int,
    overrides: Mapping[Address, AccountOverride] | None = None,
    checkpoint: Callable[[], None] | None = None,
) -> None:
    """`trace_call`, but what was found is left with the tracer."""

    def begin(before: StateReader, call_env: BlockEnvironment, transaction: Any) -> None:
        tracer.begin(Scene(before, call_env, transaction, request.caller))

    world, result = traced_call(
        reader,
        replace(env, evm=NATIVE),
        request,
        begin,
        tracer,
        gas_cap=gas_cap,
        overrides=overrides,
        checkpoint=checkpoint,
    )
    tracer.finish(world, result)
