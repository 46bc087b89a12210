"""eth_simulateV1: blocks of calls that nobody signed, on top of a committed block.

Owns: the choice of that block, the run in a worker thread under gas cap, time limit and reply limit, and the JSON of
simulated blocks. Never executes anything itself (vm/block_simulation.py) and never changes state.
Specification: ethereum/execution-apis eth_simulateV1, go-ethereum 1.17 internal/ethapi SimulateV1.
"""

from __future__ import annotations

import msgspec

from chain.transaction import TransactionType
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.errors import Code, RpcFault
from rpc.params.method import Method
from rpc.params.simulate_params import SIMULATION, simulation_request
from rpc.params.values import BLOCK_OR_LATEST, BlockReference
from rpc.reading.rendering import JsonObject, Place, block_json, log_json, text
from rpc.services import Services
from vm.block_simulation import CallOutcome, CallRules, SimulatedBlock, Withdrawal, simulate_blocks
from vm.message import Status


def methods(services: Services) -> tuple[Method, ...]:
    """Simulated blocks."""
    return (Method("eth_simulateV1", SimulationMethods(services).simulate, (SIMULATION, BLOCK_OR_LATEST)),)


class SimulationMethods:
    """The handler over simulated execution."""

    def __init__(self, services: Services) -> None:
        self._view = services.view
        self._limits = services.limits

    def simulate(self, payload: object, reference: BlockReference) -> OffLoop:
        """eth_simulateV1: the blocks, each with what its calls did. A call that fails does not end it; one that could
        not even stand in its block does. `pending` is the committed head: the first simulated block follows it."""

        def run(deadline: Deadline) -> msgspec.Raw:
            chain = self._view.chain
            request = simulation_request(payload, chain.chain_id, deadline.check)
            base = chain.simulation_base(self._view.state_number(reference), deadline.check)
            rules = CallRules(request.validates, request.traces_transfers, deadline.check)
            blocks: list[bytes] = []
            size = 0
            for block in simulate_blocks(base, request.blocks, rules, gas_cap=self._limits.gas_cap):
                rendered = simulated_block_json(block, full=request.returns_full_transactions)
                encoded = msgspec.json.encode(rendered)
                size += len(encoded) + 1
                if size > self._limits.max_simulation_reply_bytes:
                    raise RpcFault.RESPONSE_TOO_LARGE.error()
                blocks.append(encoded)
            return msgspec.Raw(b"[" + b",".join(blocks) + b"]")

        return OffLoop(run)


def simulated_block_json(simulated: SimulatedBlock, *, full: bool) -> JsonObject:
    """A block as eth_getBlockByNumber shows it, with the outcome of each call."""
    senders = [recovered.sender for recovered in simulated.transactions] if full else None
    rendered = block_json(simulated.block, senders)
    rendered["size"] = hex(simulated.size_bytes)
    rendered["withdrawals"] = [_withdrawal_json(item) for item in simulated.withdrawals]
    transactions = rendered["transactions"]
    if full and isinstance(transactions, list):
        for shown in transactions:
            if shown["type"] == hex(TransactionType.LEGACY):
                shown["v"] = "0x0"  # nobody signed, so not even the chain is in it
    place = Place.of(simulated.block.header)
    rendered["calls"] = [
        _call_json(outcome, place, text(transaction.hash), hex(index))
        for index, (outcome, transaction) in enumerate(
            zip(simulated.calls, simulated.block.transactions, strict=True)
        )
    ]
    return rendered


def _call_json(outcome: CallOutcome, place: Place, transaction_hash: str, index: str) -> JsonObject:
    succeeded = outcome.status is Status.SUCCESS
    rendered: JsonObject = {
        "returnData": text(outcome.output) if succeeded else "0x",
        "logs": [log_json(log, place, transaction_hash, index, number) for number, log in outcome.logs],
        "gasUsed": hex(outcome.gas_used),
        "maxUsedGas": hex(outcome.peak_gas),
        "status": "0x1" if succeeded else "0x0",
    }
    if outcome.status is Status.REVERT:
        rendered["error"] = {
            "message": outcome.error,
            "code": int(Code.REVERTED),
            "data": text(outcome.output),
        }
    elif not succeeded:
        rendered["error"] = {"message": outcome.error, "code": int(Code.EXECUTION_FAILED)}
    return rendered


def _withdrawal_json(withdrawal: Withdrawal) -> JsonObject:
    return {
        "index": hex(withdrawal.index),
        "validatorIndex": hex(withdrawal.validator_index),
        "address": text(withdrawal.address),
        "amount": hex(withdrawal.amount_gwei),
    }
