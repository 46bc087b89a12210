"""eth_call and eth_estimateGas.

Owns: the choice of state and environment, and the run in a worker thread under a gas cap and a time limit.
Never executes anything itself (vm/simulation.py) and never changes state.
Specification: ethereum/execution-apis, go-ethereum internal/ethapi DoCall and DoEstimateGas.
"""

from __future__ import annotations

from collections.abc import Mapping

from chain.types import Address
from rpc.call_params import (
    BLOCK_OVERRIDES,
    CALL,
    STATE_OVERRIDES,
    BlockOverride,
    CallObject,
    with_block_overrides,
)
from rpc.chain_view import ChainView
from rpc.deferred import Deadline, OffLoop
from rpc.errors import RpcFault
from rpc.method import Method
from rpc.params import BLOCK_OR_LATEST, BlockReference
from rpc.rendering import text
from rpc.services import Services
from vm.overrides import AccountOverride
from vm.simulation import estimate_gas, simulate_call

Overrides = Mapping[Address, AccountOverride] | None


def methods(services: Services) -> tuple[Method, ...]:
    """Calls that nobody signed."""
    handlers = ExecutionMethods(services.view, services.limits.gas_cap)
    parameters = (CALL, BLOCK_OR_LATEST, STATE_OVERRIDES, BLOCK_OVERRIDES)
    return (
        Method("eth_call", handlers.call, parameters),
        Method("eth_estimateGas", handlers.estimate_gas, parameters),
    )


class ExecutionMethods:
    """Handlers over simulated execution."""

    def __init__(self, view: ChainView, gas_cap: int) -> None:
        self._view = view
        self._gas_cap = gas_cap

    def call(
        self, call: CallObject, reference: BlockReference, overrides: Overrides, block: BlockOverride | None
    ) -> OffLoop:
        """eth_call: the returned bytes; a revert is error 3 with the revert data."""
        self._check_chain(call)
        state = self._view.state(reference)
        environment = with_block_overrides(self._view.environment(reference), block)

        def run(deadline: Deadline) -> str:
            result = simulate_call(
                state,
                environment,
                call.request,
                gas_cap=self._gas_cap,
                overrides=overrides,
                checkpoint=deadline.check,
            )
            result.raise_if_failed()
            return text(result.output)

        return OffLoop(run)

    def estimate_gas(
        self, call: CallObject, reference: BlockReference, overrides: Overrides, block: BlockOverride | None
    ) -> OffLoop:
        """eth_estimateGas: the smallest gas limit that suffices."""
        self._check_chain(call)
        state = self._view.state(reference)
        environment = with_block_overrides(self._view.environment(reference), block)
        return OffLoop(
            lambda deadline: hex(
                estimate_gas(
                    state,
                    environment,
                    call.request,
                    gas_cap=self._gas_cap,
                    overrides=overrides,
                    checkpoint=deadline.check,
                )
            )
        )

    def _check_chain(self, call: CallObject) -> None:
        chain_id = self._view.chain.chain_id
        if call.chain_id is not None and call.chain_id != chain_id:
            raise RpcFault.CALL_FOR_OTHER_CHAIN.error(have=call.chain_id, want=chain_id)
