"""Codecs of eth_simulateV1: blocks of calls with their overrides, and the options of a simulation.

Owns the names of these members. Unknown ones are ignored, as go-ethereum does. A payload can be as long as a request
and is read in a worker thread: `SIMULATION` only passes it on.
Specification: ethereum/execution-apis EthSimulatePayload, go-ethereum internal/ethapi simOpts and
override.BlockOverrides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from rpc.errors import RpcFault
from rpc.params.call_params import (
    BLOCK_FIELDS,
    Codec,
    call_object,
    check_chain,
    needed,
    state_overrides,
)
from rpc.params.method import MalformedArgument, Parameter
from rpc.params.values import address, boolean, elements, hash32, members, uint64
from vm.block_simulation import BlockOverrides, SimulatedBlockRequest, Withdrawal
from vm.simulated_chain import check_size
from vm.simulation import CallRequest


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """A decoded payload."""

    blocks: tuple[SimulatedBlockRequest, ...]
    traces_transfers: bool
    validates: bool
    returns_full_transactions: bool


def simulation_request(value: object, chain_id: int, check: Callable[[], None]) -> SimulationRequest:
    """The payload. `check` is called for each block and may raise to give up.

    Raises RpcError: -32602 for what cannot be read, -32000 for calls of another chain than `chain_id`; and
    EmptySimulation or SimulationTooLarge, before the calls are read.
    """
    try:
        fields = members(value, "ethapi.simOpts")
        blocks = elements(
            fields.get("blockStateCalls", []),
            lambda block: members(block, "ethapi.simBlock"),
            "[]ethapi.simBlock",
        )
        check_size([len(calls) if isinstance(calls := block.get("calls"), list) else 0 for block in blocks])
        return SimulationRequest(
            tuple([_block(block, chain_id, check) for block in blocks]),
            boolean(fields.get("traceTransfers", False)),
            boolean(fields.get("validation", False)),
            boolean(fields.get("returnFullTransactions", False)),
        )
    except MalformedArgument as error:
        raise RpcFault.INVALID_ARGUMENT.error(position=0, detail=error) from None


def _block(fields: Mapping[str, object], chain_id: int, check: Callable[[], None]) -> SimulatedBlockRequest:
    check()
    return SimulatedBlockRequest(
        _block_overrides(fields.get("blockOverrides", {})),
        state_overrides(fields.get("stateOverrides", {})),
        elements(fields.get("calls", []), lambda call: _call(call, chain_id), "[]ethapi.TransactionArgs"),
    )


def _call(value: object, chain_id: int) -> CallRequest:
    call = call_object(value)
    check_chain(call.chain_id, chain_id)
    return call.request


def _block_overrides(value: object) -> BlockOverrides:
    fields = members(value, "override.BlockOverrides")
    return BlockOverrides(
        **{name: decode(fields[wire]) for wire, (name, decode) in _BLOCK_FIELDS.items() if wire in fields}
    )


def _withdrawals(value: object) -> tuple[Withdrawal, ...]:
    return elements(value, _withdrawal, "types.Withdrawals")


def _withdrawal(value: object) -> Withdrawal:
    fields = members(value, "types.Withdrawal")
    present = {wire: needed(fields, wire) for wire in _WITHDRAWAL_FIELDS}
    return Withdrawal(**{name: decode(present[wire]) for wire, (name, decode) in _WITHDRAWAL_FIELDS.items()})


_WITHDRAWAL_FIELDS: Final[Mapping[str, tuple[str, Codec]]] = {
    "index": ("index", uint64),
    "validatorIndex": ("validator_index", uint64),
    "address": ("address", address),
    "amount": ("amount_gwei", uint64),
}

_BLOCK_FIELDS: Final[Mapping[str, tuple[str, Codec]]] = {
    **BLOCK_FIELDS,
    "beaconRoot": ("parent_beacon_block_root", hash32),
    "withdrawals": ("withdrawals", _withdrawals),
}
"""`difficulty` has no effect since the merge."""

SIMULATION: Final = Parameter(lambda value: value)
