"""eth_call, eth_estimateGas and eth_createAccessList.

Owns: the choice of state and environment, and the run in a worker thread under a gas cap and a time limit.
Never executes anything itself (vm/simulation.py, vm/tracing/access_list.py) and never changes state.
Specification: ethereum/execution-apis, go-ethereum internal/ethapi DoCall, DoEstimateGas and AccessList. Two things
differ: estimates and access lists are for the next block (ChainView.environment_of_next), and an access list is made
without a price unless the call names one, so that an account needs no funds to ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from chain.types import Address
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.errors import RpcFault
from rpc.params.call_params import (
    BLOCK_OVERRIDES,
    CALL_WITH_BLOBS,
    STATE_OVERRIDES,
    BlockOverride,
    CallObject,
    check_chain,
    with_block_overrides,
)
from rpc.params.method import Method
from rpc.params.values import BLOCK_OR_LATEST, BlockReference
from rpc.reading.chain_view import ChainView
from rpc.reading.rendering import JsonObject, access_list_json, text
from rpc.services import Services
from state.reader import StateReader
from vm.environment import BlockEnvironment
from vm.errors import TransactionRejected
from vm.overrides import AccountOverride
from vm.simulation import estimate_gas, simulate_call
from vm.tracing.access_list import create_access_list

Result = TypeVar("Result")
Overrides = Mapping[Address, AccountOverride] | None


def methods(services: Services) -> tuple[Method, ...]:
    """Calls that nobody signed."""
    handlers = ExecutionMethods(services.view, services.limits.gas_cap)
    parameters = (CALL_WITH_BLOBS, BLOCK_OR_LATEST, STATE_OVERRIDES, BLOCK_OVERRIDES)
    return (
        Method("eth_call", handlers.call, parameters),
        Method("eth_estimateGas", handlers.estimate_gas, parameters),
        Method(
            "eth_createAccessList",
            handlers.create_access_list,
            (CALL_WITH_BLOBS, BLOCK_OR_LATEST, STATE_OVERRIDES),
        ),
    )


class ExecutionMethods:
    """Handlers over simulated execution."""

    def __init__(self, view: ChainView, gas_cap: int) -> None:
        self._view = view
        self._gas_cap = gas_cap

    def call(
        self, call: CallObject, reference: BlockReference, overrides: Overrides, block: BlockOverride | None
    ) -> object:
        """eth_call: the returned bytes; a revert is error 3 with the revert data."""
        check_chain(call.chain_id, self._view.chain.chain_id)
        request = call.request
        gas = self._gas_cap if request.gas is None else min(request.gas, self._gas_cap)

        def run(state: StateReader, environment: BlockEnvironment, deadline: Deadline) -> str:
            result = _judged(
                RpcFault.CALL_REJECTED,
                lambda: simulate_call(
                    state,
                    with_block_overrides(environment, block),
                    request,
                    gas_cap=self._gas_cap,
                    overrides=overrides,
                    checkpoint=deadline.check,
                ),
                gas=gas,
            )
            result.raise_if_failed()
            return text(result.output)

        return self._view.with_execution(
            reference, lambda state, environment: OffLoop(lambda deadline: run(state, environment, deadline))
        )

    def estimate_gas(
        self, call: CallObject, reference: BlockReference, overrides: Overrides, block: BlockOverride | None
    ) -> object:
        """eth_estimateGas: the smallest gas limit that suffices."""
        check_chain(call.chain_id, self._view.chain.chain_id)

        def run(state: StateReader, environment: BlockEnvironment, deadline: Deadline) -> str:
            return hex(
                estimate_gas(
                    state,
                    with_block_overrides(environment, block),
                    call.request,
                    gas_cap=self._gas_cap,
                    overrides=overrides,
                    checkpoint=deadline.check,
                )
            )

        return self._view.with_next(reference, run)

    def create_access_list(self, call: CallObject, reference: BlockReference, overrides: Overrides) -> object:
        """eth_createAccessList: what the call touches, and the gas it takes with the list; `error` if it fails."""
        check_chain(call.chain_id, self._view.chain.chain_id)

        def run(state: StateReader, environment: BlockEnvironment, deadline: Deadline) -> JsonObject:
            result = _judged(
                RpcFault.NOT_APPLIED,
                lambda: create_access_list(
                    state,
                    environment,
                    call.request,
                    gas_cap=self._gas_cap,
                    overrides=overrides,
                    checkpoint=deadline.check,
                ),
            )
            answer: JsonObject = {"accessList": access_list_json(result.access_list)}
            if result.error is not None:
                answer["error"] = result.error
            return answer | {"gasUsed": hex(result.gas_used)}

        return self._view.with_next(reference, run)


def _judged(fault: RpcFault, run: Callable[[], Result], **values: int) -> Result:
    """The result of `run`; a call that may not run is worded as go-ethereum does for this method."""
    try:
        return run()
    except TransactionRejected as rejection:
        raise fault.error(None, reason=rejection, **values) from rejection
