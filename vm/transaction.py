"""The rules of a transaction: may it run, what does it cost, who gets the fee.

Owns validation against state and block, intrinsic gas, the warm set at the start, EIP-7702 authorisations,
fee and refund accounting, and the order of all that.
Never does: run code (vm/call.py) or judge encodings and signatures (chain/transaction.py).
Specification: yellow paper section 6; EIP-1559, 2028, 2681, 2929, 2930, 3529, 3607, 3651, 3860, 7623, 7702, 7825.
The order of the checks is go-ethereum's (core/state_transition.go), because callers see only the first error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chain.keccak import EMPTY_KECCAK
from chain.receipt import Log
from chain.transaction import Authorization, RecoveredTransaction, Transaction, TransactionType
from chain.types import ZERO_ADDRESS, Address, Hash32
from state.world import WorldState
from vm import gas as prices
from vm.call import new_context, touch
from vm.context import DELEGATION_PREFIX, ExecutionContext, delegation_target
from vm.creation_address import create_address
from vm.environment import BlockEnvironment, TransactionContext
from vm.errors import (
    BlockGasExhausted,
    EmptyAuthorizationList,
    FeeCapBelowBaseFee,
    FloorGasTooLow,
    GasLimitAboveBlock,
    InitcodeTooLarge,
    InsufficientFunds,
    IntrinsicGasTooLow,
    NonceMax,
    NonceTooHigh,
    NonceTooLow,
    SenderNotEOA,
    SetCodeCreatesContract,
    TipAboveFeeCap,
    TransactionGasAboveCap,
    TransactionRejected,
    TransactionTypeNotSupported,
)
from vm.forks import Fork
from vm.message import CallKind, Message, Outcome, Status
from vm.rules import rules_of
from vm.tracer import Tracer

__all__ = [
    "TransactionRejected",
    "TransactionResult",
    "apply_transaction",
    "check_transaction_form",
    "execute_transaction",
    "intrinsic_gas",
    "validate_transaction",
]


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """What an executed transaction did.

    gas_used: what it paid for, refunds taken off. peak_gas: what it needed before refunds came back.
    output: returned bytes or revert data. error: for people. contract_address: the contract it created, if it
    did. The effects of a result that is not SUCCESS are undone; its fee is paid all the same.
    """

    status: Status
    gas_used: int
    logs: tuple[Log, ...]
    output: bytes
    error: str | None
    contract_address: Address | None
    peak_gas: int

    @property
    def succeeded(self) -> bool:
        return self.status is Status.SUCCESS


def intrinsic_gas(transaction: Transaction, fork: Fork) -> tuple[int, int]:
    """(what the transaction costs before code runs, the least it costs in the end); the second is 0 before
    EIP-7623."""
    rules = rules_of(fork)
    gas = prices.TRANSACTION_BASE
    has_floor = rules.has_calldata_floor
    floor = prices.TRANSACTION_BASE if has_floor else 0
    payload = transaction.data
    if payload:
        zeros = payload.count(0)
        nonzeros = len(payload) - zeros
        gas += zeros * prices.CALLDATA_ZERO_BYTE + nonzeros * rules.calldata_nonzero_byte
        if has_floor:
            floor += prices.FLOOR_PER_TOKEN * (zeros + nonzeros * prices.TOKENS_PER_NONZERO_BYTE)
    if transaction.to is None:
        gas += rules.creation_base + rules.initcode_word * prices.words(len(payload))
    for _, slots in transaction.access_list:
        gas += prices.ACCESS_LIST_ADDRESS + prices.ACCESS_LIST_SLOT * len(slots)
    return gas + prices.AUTHORIZATION * len(transaction.authorizations), floor


def check_transaction_form(transaction: Transaction, fork: Fork, block_gas_limit: int) -> None:
    """The rules that need no state, so that a pool can refuse a transaction for good.

    Raises a TransactionRejected whose cause no later block can cure, short of another rule set or gas limit.
    """
    check_type(transaction, None, fork)
    if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
        raise TipAboveFeeCap(transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas)
    if transaction.nonce >= prices.NONCE_LIMIT:
        raise NonceMax(transaction.nonce)
    check_gas_cap(transaction, fork)
    if transaction.gas_limit > block_gas_limit:
        raise GasLimitAboveBlock(transaction.gas_limit, block_gas_limit)
    check_gas_limit(transaction, fork)


def validate_transaction(
    world: WorldState, env: BlockEnvironment, recovered: RecoveredTransaction, gas_available: int
) -> None:
    """Whether the transaction may run now in a block that has `gas_available` gas left.

    Reads only the sender's account. Raises a TransactionRejected; changes nothing.
    """
    transaction, sender = recovered.transaction, recovered.sender
    _check_nonce(world, transaction, sender)
    check_gas_cap(transaction, env.fork)
    if transaction.impersonated is None:  # on a development chain a contract may be made to speak
        _check_sender_code(world, sender, env.fork)
    check_fees(transaction, sender, env.base_fee_per_gas)
    check_type(transaction, sender, env.fork)
    check_funds(world, transaction, sender)
    if transaction.gas_limit > gas_available:
        if transaction.gas_limit > env.gas_limit:
            raise GasLimitAboveBlock(transaction.gas_limit, env.gas_limit)
        raise BlockGasExhausted(transaction.gas_limit, gas_available)
    check_gas_limit(transaction, env.fork)


def apply_transaction(
    world: WorldState,
    env: BlockEnvironment,
    recovered: RecoveredTransaction,
    *,
    gas_available: int | None = None,
    blob_hashes: tuple[Hash32, ...] = (),
    checkpoint: Callable[[], None] | None = None,
    tracer: Tracer | None = None,
) -> TransactionResult:
    """Validates and runs a transaction on `world`, fees included.

    gas_available: what the block has left, a whole block if None. blob_hashes: what BLOBHASH shows; this
    chain has no blob transactions, foreign test vectors do. checkpoint, tracer: see ExecutionContext; for traces.
    Raises a TransactionRejected, having changed nothing.
    """
    validate_transaction(world, env, recovered, env.gas_limit if gas_available is None else gas_available)
    transaction = recovered.transaction
    price = transaction.effective_gas_price(env.base_fee_per_gas)
    return execute_transaction(
        world,
        env,
        transaction,
        TransactionContext(recovered.sender, price, blob_hashes),
        checkpoint=checkpoint,
        tracer=tracer,
    )


def execute_transaction(
    world: WorldState,
    env: BlockEnvironment,
    transaction: Transaction,
    origin: TransactionContext,
    *,
    checkpoint: Callable[[], None] | None = None,
    tracer: Tracer | None = None,
) -> TransactionResult:
    """Runs a transaction whose right to run was checked: the balance covers gas limit * price + value, the gas
    limit covers `intrinsic_gas`, and the nonce is below its limit.

    checkpoint, tracer: see ExecutionContext; only for simulations and traces.
    """
    sender, price = origin.origin, origin.gas_price
    gas_limit = transaction.gas_limit
    intrinsic, floor = intrinsic_gas(transaction, env.fork)
    world.begin_transaction()
    if price:
        world.sub_balance(sender, gas_limit * price)
    nonce = world.get_nonce(sender)
    world.set_nonce(sender, nonce + 1)
    context = new_context(world, env, origin, checkpoint, tracer)
    _warm_start(context, transaction, sender)
    if transaction.authorizations:
        _apply_authorizations(world, env.chain_id, transaction.authorizations)
    outcome = _run(context, transaction, sender, nonce, gas_limit - intrinsic)
    # EIP-3529 caps the refund, then EIP-7623 sets the floor.
    spent = gas_limit - outcome.gas_left
    gas_used = max(spent - min(world.refund, spent // context.rules.refund_quotient), floor)
    if price:
        world.add_balance(sender, (gas_limit - gas_used) * price)
    _pay_tip(context, gas_used, price)
    world.end_transaction(clears_empty=context.rules.clears_empty_accounts)
    return TransactionResult(
        outcome.status,
        gas_used,
        world.logs,
        outcome.output,
        outcome.error,
        outcome.created,
        max(spent, floor),
    )


def _run(
    context: ExecutionContext, transaction: Transaction, sender: Address, nonce: int, gas: int
) -> Outcome:
    to = transaction.to
    if to is None:
        address = create_address(sender, nonce)
        message = Message(CallKind.CREATE, sender, address, address, transaction.value, transaction.data, gas)
    else:
        delegate = context.delegation_of(to)
        if delegate is not None:
            context.world.warm_address(delegate)
        message = Message(CallKind.CALL, sender, to, to, transaction.value, transaction.data, gas)
    return context.execute_message(context, message)


def _warm_start(context: ExecutionContext, transaction: Transaction, sender: Address) -> None:
    """EIP-2929 and EIP-3651. Precompiles are always warm, which the context knows."""
    world = context.world
    world.warm_address(sender)
    if context.rules.warms_beneficiary:
        world.warm_address(context.block.beneficiary)
    if transaction.to is not None:
        world.warm_address(transaction.to)
    for address, slots in transaction.access_list:
        world.warm_address(address)
        for slot in slots:
            world.warm_slot(address, slot)


def _apply_authorizations(
    world: WorldState, chain_id: int, authorizations: tuple[Authorization, ...]
) -> None:
    """EIP-7702: an authorisation that does not hold is skipped; the others take effect even if the transaction
    reverts later."""
    for authorization in authorizations:
        if authorization.chain_id not in (0, chain_id) or authorization.nonce >= prices.NONCE_LIMIT:
            continue
        authority = authorization.authority()
        if authority is None:
            continue
        world.warm_address(authority)
        code = world.get_code(authority)
        if code and delegation_target(code) is None:
            continue
        if world.get_nonce(authority) != authorization.nonce:
            continue
        if world.exists(authority):
            world.add_refund(prices.AUTHORIZATION - prices.AUTHORIZATION_BASE)
        ends_delegation = authorization.address == ZERO_ADDRESS
        world.set_code(authority, b"" if ends_delegation else DELEGATION_PREFIX + authorization.address)
        world.set_nonce(authority, authorization.nonce + 1)


def _pay_tip(context: ExecutionContext, gas_used: int, price: int) -> None:
    """The base fee is burnt, the rest goes to the beneficiary (EIP-1559) or whom the chain names in its place; a tip of
    nothing still touches."""
    block = context.block
    recipient = block.beneficiary if block.fee_recipient is None else block.fee_recipient
    tip = price - block.base_fee_per_gas
    if tip > 0:
        context.world.add_balance(recipient, gas_used * tip)
    else:
        touch(context, recipient)


def _check_nonce(world: WorldState, transaction: Transaction, sender: Address) -> None:
    nonce, state_nonce = transaction.nonce, world.get_nonce(sender)
    if nonce != state_nonce:
        if nonce < state_nonce:
            raise NonceTooLow(sender, nonce, state_nonce)
        raise NonceTooHigh(sender, nonce, state_nonce)
    if nonce >= prices.NONCE_LIMIT:
        raise NonceMax(nonce, sender)


def _check_sender_code(world: WorldState, sender: Address, fork: Fork) -> None:
    if world.get_code_hash(sender) == EMPTY_KECCAK:
        return
    code = world.get_code(sender)
    if delegation_target(code) is None or not rules_of(fork).has_delegations:
        raise SenderNotEOA(sender, len(code))


def check_fees(transaction: Transaction, sender: Address, base_fee: int) -> None:
    """Raises TipAboveFeeCap or FeeCapBelowBaseFee."""
    fee_cap, tip = transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas
    if tip > fee_cap:
        raise TipAboveFeeCap(tip, fee_cap, sender)
    if fee_cap < base_fee:
        raise FeeCapBelowBaseFee(sender, fee_cap, base_fee)


def check_type(transaction: Transaction, sender: Address | None, fork: Fork) -> None:
    """Raises TransactionTypeNotSupported, SetCodeCreatesContract or EmptyAuthorizationList."""
    kind = transaction.type
    if kind not in rules_of(fork).transaction_types:
        raise TransactionTypeNotSupported(kind)
    if kind is TransactionType.SET_CODE:
        if transaction.to is None:
            raise SetCodeCreatesContract(sender)
        if not transaction.authorizations:
            raise EmptyAuthorizationList(sender)


def check_funds(world: WorldState, transaction: Transaction, sender: Address) -> None:
    """Raises InsufficientFunds unless the balance covers the dearest outcome."""
    want = transaction.gas_limit * transaction.max_fee_per_gas + transaction.value
    have = world.get_balance(sender)
    if have < want:
        raise InsufficientFunds(sender, have, want)


def check_gas_limit(transaction: Transaction, fork: Fork) -> None:
    """Raises IntrinsicGasTooLow, FloorGasTooLow or InitcodeTooLarge."""
    intrinsic, floor = intrinsic_gas(transaction, fork)
    if transaction.gas_limit < intrinsic:
        raise IntrinsicGasTooLow(transaction.gas_limit, intrinsic)
    if transaction.gas_limit < floor:
        raise FloorGasTooLow(transaction.gas_limit, floor)
    limit = rules_of(fork).initcode_size_limit
    if transaction.to is None and limit is not None and len(transaction.data) > limit:
        raise InitcodeTooLarge(len(transaction.data), limit)


def check_gas_cap(transaction: Transaction, fork: Fork) -> None:
    """Raises TransactionGasAboveCap (EIP-7825). Simulated calls are not bound by it."""
    cap = rules_of(fork).transaction_gas_cap
    if cap is not None and transaction.gas_limit > cap:
        raise TransactionGasAboveCap(transaction.gas_limit, cap)
