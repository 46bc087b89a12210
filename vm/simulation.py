"""Execution for a question: what would this call return, how much gas would it take.

Owns eth_call and eth_estimateGas semantics on top of the transaction rules. Every run has a state overlay of
its own that is thrown away.
Never does: change anything, or decide anything that a block depends on.
Specification: go-ethereum internal/ethapi (DoCall, CallDefaults) and eth/gasestimator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from chain.errors import InvariantViolation
from chain.receipt import Log
from chain.transaction import AccessList, Authorization, Transaction, TransactionType
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from state.reader import StateReader
from state.world import WorldState
from vm import gas as prices
from vm.call import OUT_OF_GAS
from vm.environment import BlockEnvironment, TransactionContext
from vm.errors import (
    ExecutionFailed,
    ExecutionReverted,
    FloorGasTooLow,
    GasRequiredExceedsAllowance,
    InsufficientFundsForTransfer,
    IntrinsicGasTooLow,
    InvalidCallRequest,
    NonceMax,
)
from vm.forks import Fork
from vm.message import Status
from vm.overrides import AccountOverride, OverriddenReader, check_overrides, moved_precompiles
from vm.revert_reason import revert_reason
from vm.rules import rules_of
from vm.system.runtime.faults import on_pretended_state
from vm.tracer import Tracer
from vm.transaction import (
    TransactionResult,
    check_fees,
    check_funds,
    check_gas_limit,
    check_type,
    execute_transaction,
)

__all__ = [
    "AccountOverride",
    "CallRequest",
    "CallResult",
    "estimate_gas",
    "revert_reason",
    "simulate_call",
]

Checkpoint = Callable[[], None]
Begin = Callable[[StateReader, BlockEnvironment, Transaction], None]


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A transaction that nobody signed. Prices in wei per gas, value in wei; None takes the default.

    gas_price excludes the two 1559 fees. nonce is accepted and ignored, as by go-ethereum: the account's own
    nonce is used. `to` None creates a contract with `input` as init code. blob_hashes: what BLOBHASH shows; nothing is
    charged for blobs, because no block of this chain can hold them.
    """

    caller: Address = ZERO_ADDRESS
    to: Address | None = None
    gas: int | None = None
    gas_price: int | None = None
    max_fee_per_gas: int | None = None
    max_priority_fee_per_gas: int | None = None
    value: int = 0
    input: bytes = b""
    access_list: AccessList = ()
    authorizations: tuple[Authorization, ...] = ()
    nonce: int | None = None
    blob_hashes: tuple[Hash32, ...] = ()


@dataclass(frozen=True, slots=True)
class CallResult:
    """output: returned bytes or revert data. error: go-ethereum's text, None on success. logs: those of a success."""

    status: Status
    output: bytes
    gas_used: int
    error: str | None
    logs: tuple[Log, ...] = ()

    def raise_if_failed(self) -> None:
        """Raises ExecutionReverted or ExecutionFailed unless the call succeeded."""
        if self.status is Status.REVERT:
            raise ExecutionReverted(self.output, revert_reason(self.output))
        if self.status is Status.FAILURE:
            raise ExecutionFailed(self.error or "execution failed")


def simulate_call(
    reader: StateReader,
    env: BlockEnvironment,
    request: CallRequest,
    *,
    gas_cap: int,
    overrides: Mapping[Address, AccountOverride] | None = None,
    checkpoint: Checkpoint | None = None,
) -> CallResult:
    """Runs `request` as a transaction in a block like `env`, on the state that `reader` shows.

    The nonce, the sender's code and the block gas limit are not checked. Without a gas price the base fee is 0.
    At most `gas_cap` gas is given. `checkpoint` is called now and then and may raise to give up.
    Raises TransactionRejected (funds, fees, intrinsic gas) and InvalidCallRequest; a failing call is a result.
    """
    simulation = _Simulation(reader, env, request, overrides or {}, checkpoint)
    gas = gas_cap if request.gas is None else min(request.gas, gas_cap)
    result = simulation.run(gas)
    error = result.error
    if result.status is Status.REVERT:
        error = str(ExecutionReverted(result.output, revert_reason(result.output)))
    return CallResult(result.status, result.output, result.gas_used, error, result.logs)


def traced_call(
    reader: StateReader,
    env: BlockEnvironment,
    request: CallRequest,
    begin: Begin,
    tracer: Tracer,
    *,
    gas_cap: int,
    overrides: Mapping[Address, AccountOverride] | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[WorldState, TransactionResult]:
    """As `simulate_call`, with a tracer; `begin` is told state, block and transaction first. The state behind it."""
    simulation = _Simulation(reader, env, request, overrides or {}, checkpoint)
    world = WorldState(simulation.reader)
    gas = gas_cap if request.gas is None else min(request.gas, gas_cap)
    return world, simulation.run_on(world, gas, begin, tracer)


def estimate_gas(
    reader: StateReader,
    env: BlockEnvironment,
    request: CallRequest,
    *,
    gas_cap: int,
    overrides: Mapping[Address, AccountOverride] | None = None,
    checkpoint: Checkpoint | None = None,
) -> int:
    """The smallest gas limit with which `request` succeeds, at most `gas_cap`; exact, found by bisection.

    Raises ExecutionReverted or ExecutionFailed if more gas does not help, GasRequiredExceedsAllowance if the
    caller cannot get enough, InsufficientFundsForTransfer, and what `simulate_call` raises.
    """
    simulation = _Simulation(reader, env, request, overrides or {}, checkpoint)
    allowance = simulation.gas_allowance(gas_cap)
    if not request.input and request.to is not None and not simulation.code_of(request.to):
        result = simulation.try_run(prices.TRANSACTION_BASE)
        if result is not None and result.succeeded:
            return prices.TRANSACTION_BASE
    result = simulation.try_run(allowance)
    if result is None or not result.succeeded:
        raise _why_not(result, allowance)
    too_low, enough = result.gas_used - 1, allowance
    # What it needed before refunds, a stipend, and the 64th that every call holds back (EIP-150) often suffice.
    guess = (result.peak_gas + prices.CALL_STIPEND) * 64 // 63
    if too_low < guess < enough:
        if simulation.succeeds(guess):
            enough = guess
        else:
            too_low = guess
    while too_low + 1 < enough:
        # Most needs are close to the lower bound, so the first steps are taken from there.
        middle = min((too_low + enough) // 2, too_low * 2)
        if simulation.succeeds(middle):
            enough = middle
        else:
            too_low = middle
    return enough


def _why_not(result: TransactionResult | None, allowance: int) -> Exception:
    if result is None or result.error == OUT_OF_GAS:
        return GasRequiredExceedsAllowance(allowance)
    if result.status is Status.REVERT:
        return ExecutionReverted(result.output, revert_reason(result.output))
    return ExecutionFailed(result.error or "execution failed")


class _Simulation:
    """One request against one state; runs it with different gas limits."""

    def __init__(
        self,
        reader: StateReader,
        env: BlockEnvironment,
        request: CallRequest,
        overrides: Mapping[Address, AccountOverride],
        checkpoint: Checkpoint | None,
    ) -> None:
        check_overrides(overrides)
        check_request(request)
        self._overrides = overrides
        self._reader: StateReader = OverriddenReader(reader, overrides) if overrides else reader
        self._request = request
        self._checkpoint = checkpoint
        self._fee_cap, self._tip = fee_caps(request)
        # A call that offers no price is free: contracts then see a base fee of 0.
        self._env = env if self._fee_cap or self._tip else replace(env, base_fee_per_gas=0)
        if overrides:
            precompiles = moved_precompiles(rules_of(env.fork).precompiles, overrides)
            self._env = replace(self._env, precompiles=precompiles)

    @property
    def reader(self) -> StateReader:
        """The state as the overrides show it."""
        return self._reader

    def gas_allowance(self, gas_cap: int) -> int:
        """How much gas an estimate may try: what was asked, what the block, the balance and the caps allow."""
        request = self._request
        allowance = self._env.gas_limit
        if request.gas is not None and request.gas >= prices.TRANSACTION_BASE:
            allowance = request.gas
        if self._fee_cap:
            balance = WorldState(self._reader).get_balance(request.caller)
            if request.value and request.value >= balance:
                raise InsufficientFundsForTransfer(request.caller)
            allowance = min(allowance, (balance - request.value) // self._fee_cap)
        # Unlike a call, an estimate is for a transaction that is to be sent (EIP-7825).
        cap = rules_of(self._env.fork).transaction_gas_cap
        return min(allowance, gas_cap) if cap is None else min(allowance, gas_cap, cap)

    def code_of(self, address: Address) -> bytes:
        return WorldState(self._reader).get_code(address)

    def succeeds(self, gas: int) -> bool:
        result = self.try_run(gas)
        return result is not None and result.succeeded

    def try_run(self, gas: int) -> TransactionResult | None:
        """The result, or None if `gas` does not even cover the intrinsic cost."""
        try:
            return self.run(gas)
        except (IntrinsicGasTooLow, FloorGasTooLow):
            return None

    def run(self, gas: int) -> TransactionResult:
        return self.run_on(WorldState(self._reader), gas)

    def run_on(
        self, world: WorldState, gas: int, begin: Begin | None = None, tracer: Tracer | None = None
    ) -> TransactionResult:
        caller = self._request.caller
        transaction = self._transaction(world.get_nonce(caller), gas)
        if transaction.nonce >= prices.NONCE_LIMIT:
            raise NonceMax(transaction.nonce, caller)
        check_fees(transaction, caller, self._env.base_fee_per_gas)
        check_type(transaction, caller, self._env.fork)
        check_funds(world, transaction, caller)
        check_gas_limit(transaction, self._env.fork)
        price = transaction.effective_gas_price(self._env.base_fee_per_gas)
        context = TransactionContext(caller, price, self._request.blob_hashes)
        if begin is not None:
            begin(self._reader, self._env, transaction)
        try:
            with on_pretended_state(bool(self._overrides)):
                return execute_transaction(
                    world, self._env, transaction, context, checkpoint=self._checkpoint, tracer=tracer
                )
        except InvariantViolation as violation:
            # No real state holds 2**256 wei, but pretended balances can add up to it.
            if any(override.balance is not None for override in self._overrides.values()):
                raise InvalidCallRequest(f"overridden balances overflow: {violation}") from violation
            raise

    def _transaction(self, nonce: int, gas: int) -> Transaction:
        """The request in the form that the rules read; nothing was signed, so hashes and signature are zero."""
        request = self._request
        return Transaction(
            type=_type(request, self._env.fork),
            chain_id=self._env.chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=self._tip,
            max_fee_per_gas=self._fee_cap,
            gas_limit=gas,
            to=request.to,
            value=request.value,
            data=request.input,
            access_list=request.access_list,
            authorizations=request.authorizations,
            y_parity=0,
            r=0,
            s=0,
            raw=b"",
            hash=ZERO_HASH,
            signing_hash=ZERO_HASH,
        )


def check_request(request: CallRequest) -> None:
    """Raises InvalidCallRequest for numbers out of range and for two ways of stating a price."""
    amounts = (
        request.gas,
        request.gas_price,
        request.max_fee_per_gas,
        request.max_priority_fee_per_gas,
        request.value,
    )
    if any(amount is not None and not 0 <= amount < prices.UINT256_LIMIT for amount in amounts):
        raise InvalidCallRequest("a number of the call is out of range")
    has_1559_fee = request.max_fee_per_gas is not None or request.max_priority_fee_per_gas is not None
    if request.gas_price is not None and has_1559_fee:
        raise InvalidCallRequest("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")


def _type(request: CallRequest, fork: Fork) -> TransactionType:
    if request.authorizations:
        return TransactionType.SET_CODE
    types = rules_of(fork).transaction_types
    return TransactionType.DYNAMIC_FEE if TransactionType.DYNAMIC_FEE in types else TransactionType.LEGACY


def fee_caps(request: CallRequest) -> tuple[int, int]:
    """(fee cap, tip) in wei per gas, both 0 for a call that offers nothing."""
    if request.gas_price is not None:
        return request.gas_price, request.gas_price
    return request.max_fee_per_gas or 0, request.max_priority_fee_per_gas or 0
