"""The one call path: every call and creation, of a transaction and of every engine, goes through here.

Owns: the depth limit, balance check and value transfer, snapshot and revert, the static and delegate rules,
precompiles, following a delegation, choosing the engine, and the life of a new account.
Never does: charge for the instruction that made the call, or run code itself.
Specification: yellow paper sections 7 and 8; EIP-150, EIP-161, EIP-170, EIP-214, EIP-684/7610, EIP-1014,
EIP-2681, EIP-3541, EIP-3860, EIP-7702.
"""

from __future__ import annotations

from collections.abc import Callable

from chain.errors import InvariantViolation
from chain.types import Address
from state.world import WorldState
from vm.call_stack import ensure_call_stack
from vm.context import CreateRequest, ExecutionContext
from vm.creation_address import create2_address, create_address
from vm.engines import DEFAULT_EVM, RESERVED_FIRST_BYTE, engine_for
from vm.environment import BlockEnvironment, TransactionContext
from vm.gas import CALL_DEPTH_LIMIT, CODE_DEPOSIT_BYTE, NONCE_LIMIT
from vm.message import CallKind, Message, Outcome, Status, SystemCreation
from vm.precompiles import HEAD_BYTES, Precompile, PrecompileFailure
from vm.rules import rules_of
from vm.tracer import Tracer

ensure_call_stack()

DEPTH_EXCEEDED = "max call depth exceeded"
INSUFFICIENT_BALANCE = "insufficient balance for transfer"
NONCE_OVERFLOW = "nonce uint64 overflow"
WRITE_PROTECTION = "write protection"
OUT_OF_GAS = "out of gas"
ADDRESS_COLLISION = "contract address collision"
CODE_TOO_LARGE = "max code size exceeded"
RESERVED_CODE = "invalid code: must not begin with 0xef"
CODE_DEPOSIT_OUT_OF_GAS = "contract creation code storage out of gas"


def new_context(
    world: WorldState,
    block: BlockEnvironment,
    transaction: TransactionContext,
    checkpoint: Callable[[], None] | None = None,
    tracer: Tracer | None = None,
) -> ExecutionContext:
    """The context of one transaction or system call on `world`."""
    rules = rules_of(block.fork)
    return ExecutionContext(
        world,
        block,
        transaction,
        rules,
        rules.precompiles if block.precompiles is None else block.precompiles,
        execute_message,
        execute_create,
        block.evm or DEFAULT_EVM,
        checkpoint,
        tracer,
    )


def execute_message(context: ExecutionContext, message: Message) -> Outcome:
    """Runs `message`; its effects are on `context.world` exactly if the outcome is SUCCESS.

    The caller has charged for the call and made the addresses warm. Never raises for what a contract does.
    """
    if context.checkpoint is not None:
        context.checkpoint()
    if context.tracer is None:
        return _execute(context, message)
    context.tracer.enter(message)
    outcome = _execute(context, message)
    context.tracer.leave(message, outcome)
    return outcome


def _execute(context: ExecutionContext, message: Message) -> Outcome:
    if message.depth > CALL_DEPTH_LIMIT:
        return Outcome(Status.FAILURE, message.gas, error=DEPTH_EXCEEDED)
    kind = message.kind
    if kind >= CallKind.CREATE:
        return _run_creation(context, message)
    world = context.world
    value = message.value
    if value and message.transfers_value:
        if message.is_static and kind is CallKind.CALL:
            return Outcome(Status.FAILURE, 0, error=WRITE_PROTECTION)
        if world.get_balance(message.caller) < value:
            return Outcome(Status.FAILURE, message.gas, error=INSUFFICIENT_BALANCE)
    elif kind is CallKind.STATICCALL and not message.is_static:
        raise InvariantViolation("a STATICCALL message must be static")
    precompile = context.precompiles.get(message.code_address)
    code = context.executable_code(message.code_address) if precompile is None else b""
    if precompile is None and not code:
        _transfer_or_touch(context, message)
        return Outcome(Status.SUCCESS, message.gas)
    snapshot = world.snapshot()
    if precompile is not None:
        _transfer_or_touch(context, message)
        outcome = _run_precompile(precompile, message)
    else:
        if value and kind is CallKind.CALL:
            world.move_balance(message.caller, message.target, value)
        outcome = engine_for(context, code).run(context, message, code)
    if outcome.status is not Status.SUCCESS:
        world.revert(snapshot)
    return outcome


def execute_create(context: ExecutionContext, request: CreateRequest) -> Outcome:
    """What a CREATE or CREATE2 instruction does once its gas is paid: raises the caller's nonce, derives and
    warms the address, and runs the creation.

    When it cannot even start (depth, balance, nonce) all of `request.gas` is left and nothing has changed.
    """
    world = context.world
    caller = request.caller
    nonce = world.get_nonce(caller)
    obstacle = _obstacle(world, request, nonce)
    tracer = context.tracer
    if obstacle is not None and tracer is None:
        return Outcome(Status.FAILURE, request.gas, error=obstacle)
    if request.salt is None:
        kind = CallKind.CREATE
        address = create_address(caller, nonce)
    else:
        kind = CallKind.CREATE2
        address = create2_address(caller, request.salt, request.system_code or request.init_code)
    fields = (kind, caller, address, address, request.value, request.init_code, request.gas, request.depth)
    system_code = request.system_code
    message = Message(*fields) if system_code is None else SystemCreation(*fields, system_code=system_code)
    if obstacle is not None and tracer is not None:
        tracer.enter(message)
        outcome = Outcome(Status.FAILURE, request.gas, error=obstacle)
        tracer.leave(message, outcome)
        return outcome
    world.set_nonce(caller, nonce + 1)
    return execute_message(context, message)


def _obstacle(world: WorldState, request: CreateRequest, nonce: int) -> str | None:
    """Why the creation cannot even start."""
    if request.depth > CALL_DEPTH_LIMIT:
        return DEPTH_EXCEEDED
    if world.get_balance(request.caller) < request.value:
        return INSUFFICIENT_BALANCE
    return NONCE_OVERFLOW if nonce >= NONCE_LIMIT else None


def _transfer_or_touch(context: ExecutionContext, message: Message) -> None:
    """Moves the value of a plain CALL. Without value a called empty account counts as touched (EIP-161)."""
    world, kind = context.world, message.kind
    if kind is CallKind.CALL and message.value:
        world.move_balance(message.caller, message.target, message.value)
    elif kind is CallKind.CALL or kind is CallKind.STATICCALL:
        touch(context, message.target)


def touch(context: ExecutionContext, address: Address) -> None:
    """What a transfer of nothing does: EIP-161 removes the account if it is empty; before, it came into being."""
    if context.rules.clears_empty_accounts:
        context.world.touch(address)
    else:
        context.world.add_balance(address, 0)


def _run_precompile(precompile: Precompile, message: Message) -> Outcome:
    given, reach = message.input, precompile.reach
    gas = precompile.gas(given)
    if gas > message.gas:
        return Outcome(Status.FAILURE, 0, error=OUT_OF_GAS)  # nothing was copied, because nothing was paid
    payload = given[:] if reach is None else given[: reach(given[:HEAD_BYTES])]
    try:
        output = precompile.run(payload)
    except PrecompileFailure as failure:
        return Outcome(Status.FAILURE, 0, error=str(failure))
    return Outcome(Status.SUCCESS, message.gas - gas, output)


def _run_creation(context: ExecutionContext, message: Message) -> Outcome:
    world = context.world
    address = message.target
    if message.is_static:
        return Outcome(Status.FAILURE, 0, error=WRITE_PROTECTION)
    if world.get_balance(message.caller) < message.value:
        return Outcome(Status.FAILURE, message.gas, error=INSUFFICIENT_BALANCE)
    world.warm_address(address)
    # EIP-7610: storage without code and nonce exists only for accounts older than EIP-161.
    if world.account_has_code_or_nonce(address) or world.has_storage(address):
        return Outcome(Status.FAILURE, 0, error=ADDRESS_COLLISION)
    snapshot = world.snapshot()
    world.mark_created(address)
    world.set_nonce(address, context.rules.contract_nonce)
    if message.value:
        world.move_balance(message.caller, address, message.value)
    if isinstance(message, SystemCreation):
        outcome = _construct(context, message)
    elif message.input:
        outcome = context.evm.run(context, message, message.input[:])
    else:
        outcome = Outcome(Status.SUCCESS, message.gas)
    if outcome.status is Status.SUCCESS and not isinstance(message, SystemCreation):
        outcome = _deposit_code(context, address, outcome)
    if outcome.status is not Status.SUCCESS:
        world.revert(snapshot)
    return outcome


def _construct(context: ExecutionContext, message: SystemCreation) -> Outcome:
    """Gives the new account its code, which its creator has paid for, and runs the constructor of that class."""
    code = message.system_code
    context.world.set_code(message.target, code)
    outcome = engine_for(context, code).run(context, message, code)
    if outcome.status is not Status.SUCCESS:
        return outcome
    return Outcome(Status.SUCCESS, outcome.gas_left, code, created=message.target)


def _deposit_code(context: ExecutionContext, address: Address, outcome: Outcome) -> Outcome:
    """Stores what the init code returned as the code of the new account, and charges for it."""
    code, rules = outcome.output, context.rules
    if rules.code_size_limit is not None and len(code) > rules.code_size_limit:
        return Outcome(Status.FAILURE, 0, error=CODE_TOO_LARGE)
    if rules.reserves_0xef and code and code[0] == RESERVED_FIRST_BYTE:
        return Outcome(Status.FAILURE, 0, error=RESERVED_CODE)
    gas_left = outcome.gas_left - CODE_DEPOSIT_BYTE * len(code)
    if gas_left < 0:
        if rules.deposit_may_fail:
            return Outcome(Status.SUCCESS, outcome.gas_left, code, created=address)
        return Outcome(Status.FAILURE, 0, error=CODE_DEPOSIT_OUT_OF_GAS)
    if code:
        context.world.set_code(address, code)
    return Outcome(Status.SUCCESS, gas_left, code, created=address)
