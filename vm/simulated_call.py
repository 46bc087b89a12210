"""One call of a simulated block: from the request to a transaction, through the checks, to its outcome.

Owns: the gas a call gets when it asks for none, which rules bind it, and its form as a transaction that nobody signed.
Never does: know other blocks or the chain below.
Specification: go-ethereum 1.17 internal/ethapi (sanitizeCall, TransactionArgs) and core/state_transition.go (preCheck),
whose order of checks and texts these are. Sender code and EIP-7825's cap are never checked, because nobody signed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from chain.errors import CallerError
from chain.receipt import Log
from chain.transaction import Transaction, TransactionType, UnsignedTransaction, without_signature
from vm.environment import BlockEnvironment, TransactionContext
from vm.errors import (
    ExecutionReverted,
    InitcodeTooLarge,
    InvalidCallRequest,
    NonceMax,
    NonceTooHigh,
    NonceTooLow,
    TransactionRejected,
)
from vm.gas import NONCE_LIMIT
from vm.message import Status
from vm.revert_reason import revert_reason
from vm.rules import rules_of
from vm.simulated_world import NumberedLog, SimulatedWorld, TransferLog
from vm.simulation import CallRequest, check_request, fee_caps
from vm.transaction import (
    TransactionResult,
    check_fees,
    check_funds,
    check_gas_limit,
    check_type,
    execute_transaction,
)

GAS_WAS_CAPPED = " (gas limit was capped by the RPC server's global gas cap)"


class SimulatedBlockFull(CallerError):
    """The block has less gas left than the call asks for."""

    def __init__(self, gas_left: int, gas: int) -> None:
        super().__init__(f"block gas limit reached: remaining: {gas_left}, required: {gas}")


class SimulatedCallRejected(CallerError):
    """A call that could not stand in its block; `rejection` says why."""

    def __init__(self, rejection: TransactionRejected, gas: int) -> None:
        super().__init__(f"err: {rejection} (supplied gas {gas})")
        self.rejection = rejection


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """output: returned bytes, of a creation the new code, or revert data. error: for people, None on success.
    logs: with transfers, if they were asked for; none of a call that failed. Gas as in TransactionResult."""

    status: Status
    output: bytes
    error: str | None
    gas_used: int
    peak_gas: int
    logs: tuple[NumberedLog, ...]


@dataclass(frozen=True, slots=True)
class CallRules:
    """validates: nonces and fees are those of a transaction; without, a call that offers no price is free.
    shows_transfers: movements of the coin are among the logs. checkpoint: may raise to give up."""

    validates: bool
    shows_transfers: bool
    checkpoint: Callable[[], None]


@dataclass(frozen=True, slots=True)
class PerformedCall:
    """A call that has run: the transaction that stands in the block, what it did there, and what its caller sees."""

    transaction: Transaction
    succeeded: bool
    receipt_logs: tuple[Log, ...]
    outcome: CallOutcome


def perform_call(
    world: SimulatedWorld,
    env: BlockEnvironment,
    request: CallRequest,
    rules: CallRules,
    *,
    gas_left: int,
    gas_budget: int,
) -> PerformedCall:
    """Runs `request` on `world`.

    gas_left: of the block, all of which a call gets that asks for none. gas_budget: of the whole simulation.
    Raises SimulatedBlockFull, SimulatedCallRejected, InvalidCallRequest, and what the checkpoint raises.
    """
    check_request(request)
    if (
        request.blob_hashes
    ):  # a call may ask what code would see of them, but no block of this chain holds blobs
        raise InvalidCallRequest("blob transactions are not supported by this chain")
    wanted = gas_left if request.gas is None else request.gas
    if wanted > gas_left:
        raise SimulatedBlockFull(gas_left, wanted)
    gas = min(wanted, gas_budget)
    shown = _transaction(world, env, request, gas)
    # A call with a gas price is shown as a legacy transaction, which has no room for lists, but they take effect.
    run = replace(shown, access_list=request.access_list, authorizations=request.authorizations)
    try:
        _check(world, env, run, request, validates=rules.validates)
    except TransactionRejected as rejection:
        raise SimulatedCallRejected(rejection, gas) from rejection
    context = TransactionContext(request.caller, run.effective_gas_price(env.base_fee_per_gas))
    result = execute_transaction(world, env, run, context, checkpoint=rules.checkpoint)
    outcome = CallOutcome(
        result.status,
        result.output,
        _error(result, was_capped=gas < wanted),
        result.gas_used,
        result.peak_gas,
        tuple(world.numbered_logs()) if result.succeeded else (),
    )
    logs = tuple([log for log in result.logs if type(log) is not TransferLog])
    return PerformedCall(shown, result.succeeded, logs, outcome)


def _error(result: TransactionResult, *, was_capped: bool) -> str | None:
    if result.status is Status.REVERT:
        return str(ExecutionReverted(result.output, revert_reason(result.output)))
    if result.status is Status.FAILURE:
        return (result.error or "execution failed") + (GAS_WAS_CAPPED if was_capped else "")
    return None


def _transaction(world: SimulatedWorld, env: BlockEnvironment, request: CallRequest, gas: int) -> Transaction:
    kind = TransactionType.DYNAMIC_FEE
    if request.gas_price is not None:
        kind = TransactionType.LEGACY
    elif request.authorizations:
        kind = TransactionType.SET_CODE
    fee_cap, tip = fee_caps(request)
    return without_signature(
        UnsignedTransaction(
            type=kind,
            chain_id=None if kind is TransactionType.LEGACY else env.chain_id,
            nonce=world.get_nonce(request.caller) if request.nonce is None else request.nonce,
            max_priority_fee_per_gas=tip,
            max_fee_per_gas=fee_cap,
            gas_limit=gas,
            to=request.to,
            value=request.value,
            data=request.input,
            access_list=() if kind is TransactionType.LEGACY else request.access_list,
            authorizations=request.authorizations if kind is TransactionType.SET_CODE else (),
        )
    )


def _check(
    world: SimulatedWorld,
    env: BlockEnvironment,
    transaction: Transaction,
    request: CallRequest,
    *,
    validates: bool,
) -> None:
    """Raises a TransactionRejected."""
    caller = request.caller
    nonce = world.get_nonce(caller)
    if validates:
        if transaction.nonce > nonce:
            raise NonceTooHigh(caller, transaction.nonce, nonce)
        if transaction.nonce < nonce:
            raise NonceTooLow(caller, transaction.nonce, nonce)
    # Without validation the nonce of a caller wraps around; that of a creator cannot, for it makes the address.
    if nonce >= NONCE_LIMIT and (validates or transaction.to is None):
        raise NonceMax(nonce, caller)
    is_free = not (transaction.max_fee_per_gas or transaction.max_priority_fee_per_gas)
    if validates or not is_free:
        check_fees(transaction, caller, env.base_fee_per_gas)
    kind = TransactionType.SET_CODE if transaction.authorizations else transaction.type
    check_type(replace(transaction, type=kind), caller, env.fork)
    limit = rules_of(env.fork).initcode_size_limit
    if transaction.to is None and limit is not None and len(transaction.data) > limit:
        raise InitcodeTooLarge(len(transaction.data), limit)
    check_funds(world, transaction, caller)
    check_gas_limit(transaction, env.fork)
