"""The engines that are compared, each a function from a case to what can be seen of its execution.

Every run starts from an engine object that knows nothing yet, unless it is asked to keep one; so a case gives the same
result wherever it stands in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from eth import constants
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.vm.execution_context import ExecutionContext as PyEvmExecutionContext
from eth.vm.forks.cancun import CancunVM
from eth.vm.forks.prague import PragueVM
from eth.vm.message import Message as PyEvmMessage

from chain.receipt import Log
from chain.types import Address
from tests.fuzz.cases import BLOB_HASHES, MESSAGE_TARGET, WATCHED, Case
from tests.vm.worlds import ALICE, Accounts
from vm.call import new_context
from vm.context import ExecutionContext
from vm.creation_address import create_address
from vm.engines import PY_EVM, Engine
from vm.environment import BlockEnvironment, TransactionContext
from vm.evm import engine as native
from vm.evm.blocks import decode
from vm.evm.code import Code
from vm.evm.compiler.service import EagerCode, compile_hot
from vm.evm.engine import NativeEngine
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.forks import Fork
from vm.gas import INITCODE_WORD, words
from vm.message import CallKind, Message, Outcome, Status
from vm.tracer import Tracer

GAS_PRICE = 10
PY_EVM_MACHINES = {Fork.CANCUN: CancunVM, Fork.PRAGUE: PragueVM}

Facts: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Result:
    """facts: what must be equal everywhere. error: a text, equal between our own engines. slots: which storage was
    looked at, for an engine that cannot say itself."""

    facts: Facts
    error: str | None = None
    slots: frozenset[tuple[Address, int]] = frozenset()

    def __str__(self) -> str:
        return "\n".join(
            [f"  {name}: {value}" for name, value in self.facts.items()] + [f"  error: {self.error}"]
        )


class Listener:
    """A tracer that only notes how much gas is left before each instruction: in its frame and all that wait for it."""

    def __init__(self) -> None:
        self.gas_seen: set[int] = set()
        self.guarded: set[int] = set()  # the same before each SSTORE, which looks at what is left (EIP-2200)
        self.steps = 0
        self._frames: list[Frame] = []

    def enter(self, message: Message) -> None: ...

    def leave(self, message: Message, outcome: Outcome) -> None: ...

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:
        self.steps += 1
        del self._frames[frame.depth :]
        left = frame.gas + sum([waiting.gas for waiting in self._frames])
        self._frames.append(frame)
        self.gas_seen.add(left)
        if instruction.name == "SSTORE":
            self.guarded.add(left)

    def touch(self, address: Address, slot: int | None) -> None: ...

    def log(self, log: Log) -> None: ...

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None: ...


class DecodedCode(Code):
    """Every block is decoded at first sight."""

    __slots__ = ()

    def visit(self, position: int) -> bool:
        block = decode(self.raw, position, self.program, self.is_target)
        self.entries[position] = block
        self.grow(block.size_bytes)
        return True


class HeatedEngine(NativeEngine):
    """Compiles whenever a little gas was used: blocks and regions of one code run side by side, take each other's place
    within loops, and are soon given up for those of other codes."""

    def __init__(self) -> None:
        super().__init__(cache_bytes=50_000)

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        before = native.ENTRIES_BETWEEN_LOOKS
        native.ENTRIES_BETWEEN_LOOKS = 20
        try:
            return super().run(context, message, code)
        finally:
            native.ENTRIES_BETWEEN_LOOKS = before

    def _warm_up(self, code: Code, gas: int) -> None:
        if code.cache is not None and gas > 500:
            compile_hot(code)


def run(case: Case, engine: Engine, tracer: Tracer | None = None) -> Result:
    """One message on our state."""
    world = case.accounts().world
    world.begin_transaction()
    environment = replace(case.environment, evm=engine)
    context = new_context(
        world, environment, TransactionContext(ALICE.address, GAS_PRICE, BLOB_HASHES), tracer=tracer
    )
    for warm in (ALICE.address, MESSAGE_TARGET, environment.beneficiary):
        world.warm_address(warm)
    try:
        outcome = context.execute_message(context, message_of(case, world.get_code(MESSAGE_TARGET)))
    except Exception as fault:
        return Result({"fault": f"{type(fault).__name__}: {fault}"})
    facts: dict[str, object] = {
        "status": outcome.status.name,
        "gas_left": outcome.gas_left,
        "output": outcome.output.hex(),
        "created": outcome.created,
        "refund": world.refund,
        "logs": [
            (log.address.hex(), [topic.hex() for topic in log.topics], log.data.hex()) for log in world.logs
        ],
        "destroyed": sorted([at.hex() for at in world.destroyed()]),
    }
    world.end_transaction()
    changes = world.changes()
    facts["accounts"] = {
        at.hex(): None if account is None else (account.nonce, account.balance, account.code_hash.hex())
        for at, account in sorted(changes.accounts.items())
    }
    facts["storage"] = {
        at.hex(): dict(sorted(slots.items())) for at, slots in sorted(changes.storage.items())
    }
    facts["wiped"] = sorted([at.hex() for at in changes.wiped])
    facts["code"] = sorted([code.hex() for code in changes.code.values()])
    slots = frozenset([(at, slot) for at, slots in changes.storage.items() for slot in slots])
    return Result(facts, outcome.error, slots)


def message_of(case: Case, code: bytes) -> Message:
    if case.is_creation:
        created = create_address(ALICE.address, 0)
        return Message(CallKind.CREATE, ALICE.address, created, created, case.value, code, case.gas)
    if case.is_static:
        return Message(
            CallKind.STATICCALL,
            ALICE.address,
            MESSAGE_TARGET,
            MESSAGE_TARGET,
            0,
            case.data,
            case.gas,
            0,
            True,
        )
    return Message(
        CallKind.CALL, ALICE.address, MESSAGE_TARGET, MESSAGE_TARGET, case.value, case.data, case.gas
    )


Runner: TypeAlias = Callable[[Case], Result]
Maker: TypeAlias = Callable[[], Runner]


def _with(make_engine: Callable[[], Engine]) -> Maker:
    def make() -> Runner:
        engine = make_engine()
        return lambda case: run(case, engine)

    return make


def _steps() -> Runner:
    engine = NativeEngine()
    return lambda case: run(case, engine, Listener())


ENGINES: Mapping[str, Maker] = {
    "steps": _steps,
    "blocks": _with(lambda: NativeEngine(code_class=DecodedCode)),
    "interpreter": _with(NativeEngine),
    "compiled": _with(lambda: NativeEngine(code_class=EagerCode)),
    "heated": _with(HeatedEngine),
    "py-evm": _with(lambda: PY_EVM),
}
"""By name: functions that make an engine with nothing in its caches. The others are compared with the first."""


# --- py-evm with its own state, journal and call logic


def pyevm_state(accounts: Accounts, environment: BlockEnvironment) -> Any:
    make_context: Any = PyEvmExecutionContext  # its address and hash types are not ours
    context = make_context(
        coinbase=environment.beneficiary,
        timestamp=environment.timestamp,
        block_number=environment.number,
        difficulty=0,
        mix_hash=environment.prev_randao,
        gas_limit=environment.gas_limit,
        prev_hashes=[environment.block_hash(environment.number - 1 - back) for back in range(256)],
        chain_id=environment.chain_id,
        base_fee_per_gas=environment.base_fee_per_gas,
        excess_blob_gas=environment.excess_blob_gas,
    )
    machine: Any = PY_EVM_MACHINES[environment.fork].get_state_class()
    state = machine(AtomicDB(MemoryDB()), context, constants.BLANK_ROOT_HASH)
    for at, account in accounts.accounts.items():
        state.set_balance(at, account.balance)
        state.set_nonce(at, account.nonce)
        state.set_code(at, accounts.codes[account.code_hash])
        for slot, value in accounts.storage.get(at, {}).items():
            state.set_storage(at, slot, value)
    state.persist()
    state.lock_changes()
    return state


def is_for_pure_pyevm(case: Case) -> bool:
    """Whether py-evm alone can run it: it has no Osaka, and its messages begin as calls or creations."""
    return case.fork in PY_EVM_MACHINES and not case.is_static


def run_pure_pyevm(case: Case) -> tuple[Facts, Any]:
    """What happened, and py-evm's state afterwards."""
    accounts, environment = case.accounts(), case.environment
    state = pyevm_state(accounts, environment)
    for warm in (ALICE.address, MESSAGE_TARGET, environment.beneficiary):
        state.mark_address_warm(warm)
    make_message: Any = PyEvmMessage
    code = state.get_code(MESSAGE_TARGET)
    created = create_address(ALICE.address, 0)
    if case.is_creation:
        state.mark_address_warm(
            created
        )  # which py-evm does with the transaction, we with the message (EIP-2929)
    # py-evm charges for the init code of a transaction here (EIP-3860), we do before the message.
    paid_ahead = INITCODE_WORD * words(len(code)) if case.is_creation else 0
    message = make_message(
        gas=case.gas + paid_ahead,
        to=constants.CREATE_CONTRACT_ADDRESS if case.is_creation else MESSAGE_TARGET,
        sender=ALICE.address,
        value=case.value,
        data=b"" if case.is_creation else case.data,
        code=code,
        create_address=created if case.is_creation else None,
    )
    context = state.get_transaction_context_class()(
        gas_price=GAS_PRICE, origin=ALICE.address, blob_versioned_hashes=BLOB_HASHES
    )
    apply = "apply_create_message" if case.is_creation else "apply_message"
    computation = getattr(state.computation_class, apply)(state, message, context)
    facts = {
        "succeeded": computation.is_success,
        "gas_left": computation.get_gas_remaining(),
        "output": computation.output.hex(),
        "refund": computation.get_gas_refund(),
        "logs": [
            (at.hex(), [topic.to_bytes(32, "big").hex() for topic in topics], data.hex())
            for at, topics, data in computation.get_log_entries()
        ],
        "destroyed": sorted([at.hex() for at in computation.get_accounts_for_deletion()]),
    }
    return facts, state


def differs_from_pure(case: Case, result: Result) -> str | None:
    """What py-evm on its own says differently, as a text."""
    facts, state = run_pure_pyevm(case)
    ours = {name: result.facts.get(name) for name in facts if name != "succeeded"}
    ours["succeeded"] = result.facts.get("status") == Status.SUCCESS.name
    differing = [name for name in facts if facts[name] != ours[name]]
    if differing:
        return "\n".join([f"  {name}: py-evm {facts[name]}, ours {ours[name]}" for name in differing])
    return _state_difference(case, result, facts, state)


def _state_difference(case: Case, result: Result, facts: Facts, state: Any) -> str | None:
    accounts = case.accounts()
    changed: Any = result.facts["accounts"]
    storage: Any = result.facts["storage"]
    destroyed: Any = facts["destroyed"]
    for at in sorted({*WATCHED, *[Address(bytes.fromhex(name)) for name in (*changed, *storage)]}):
        if at.hex() in destroyed:
            continue  # it is still there in py-evm until the transaction ends
        if at.hex() in changed:
            mine = changed[at.hex()] or (0, 0, constants.EMPTY_SHA3.hex())
        elif at in accounts.accounts:
            account = accounts.accounts[at]
            mine = (account.nonce, account.balance, account.code_hash.hex())
        else:
            mine = (0, 0, constants.EMPTY_SHA3.hex())
        theirs = (state.get_nonce(at), state.get_balance(at), state.get_code_hash(at).hex())
        if theirs[2] == constants.NULL_BYTE * 32 or int(theirs[2] or "0", 16) == 0:
            theirs = (*theirs[:2], constants.EMPTY_SHA3.hex())
        if mine != theirs:
            return f"  account {at.hex()}: py-evm {theirs}, ours {mine}"
        before = accounts.storage.get(at, {})
        after = storage.get(at.hex(), {})
        for slot in sorted({*range(4), *before, *after}):
            value = after.get(slot, before.get(slot, 0))
            if state.get_storage(at, slot) != value:
                return f"  slot {slot} of {at.hex()}: py-evm {state.get_storage(at, slot)}, ours {value}"
    return None
