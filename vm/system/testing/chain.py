"""A chain in memory for tests of system contracts, in the spirit of titanoboa.

Owns: TestChain, which deploys contracts, makes calls as anybody, mines blocks with their hooks, and goes back in time.
Never does: charge fees or check nonces: a call is a message that is alone in its transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from chain.keccak import keccak256
from chain.receipt import Log
from chain.types import Address, Hash32
from chain.validator_update import ValidatorUpdate
from state.world import WorldState
from vm.call import new_context
from vm.creation_address import create2_address
from vm.environment import BlockEnvironment, CommitVote, Misbehaviour, TransactionContext
from vm.forks import Fork
from vm.message import CallKind, Message, Outcome, Status, SystemCreation
from vm.revert_reason import revert_reason
from vm.system.abi.codec import decoder
from vm.system.contract import Contract
from vm.system.events import ContractError, Event
from vm.system.registry import CHAIN_CONTRACTS, ChainContract, Registry
from vm.system.runtime.faults import FAULTS
from vm.system.runtime.hooks import run_begin_block, run_end_block, run_genesis
from vm.system.storage.bind import layout_of
from vm.system.testing.accounts import address_of
from vm.system.testing.failures import CallFailed, CallReverted
from vm.system.testing.handle import BoundFunction, ContractHandle
from vm.system.testing.starve import Starvation, starve
from vm.system.testing.state import StateCopy, TestState
from vm.system.testing.values import Account, LoggedEvent, address, plain, read_log
from vm.system.tooling.declared import Declared, errors_of, events_of
from vm.system.tooling.storage_reading import find, show

COIN: Final = 10**18
"""Wei in a coin."""

CHAIN_ID: Final = 1337
START: Final = 1_700_000_000
"""Seconds: the time of the first block."""

GAS: Final = 10_000_000
"""The limit of a call that says none."""

PRICE: Final = 10
"""Wei per gas that a contract may see; nobody pays it."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """Everything that `revert` brings back."""

    state: StateCopy
    block: BlockEnvironment
    validators: dict[bytes, int]
    created: int


@dataclass(frozen=True, slots=True)
class MinedBlock:
    """What the hooks of one block left: end of block `number - 1`, begin of `number`."""

    number: int
    events: list[LoggedEvent]
    validator_updates: tuple[ValidatorUpdate, ...]


class TestChain:
    """registry: which system contracts exist, by default all; classes that are deployed join it. `gas_used` and
    `refund` (gas) and `logs` are those of the last transaction or call."""

    __test__ = False

    def __init__(self, *, registry: Registry | None = None, fork: Fork = Fork.PRAGUE) -> None:
        self.sender: Address = address_of("sender")
        self.gas_used = 0
        self.refund = 0
        self.validators: dict[bytes, int] = {}  # power by public key, as validator updates say
        self._state = TestState()
        self._logs: tuple[Log, ...] = ()
        self._snapshots: list[_Moment] = []
        self._created = 0
        self._declared: dict[Address, Declared] = {}
        self._kinds: dict[type[Event], None] = {}
        self._errors: dict[bytes, type[ContractError]] = {}
        self.block = BlockEnvironment(
            chain_id=CHAIN_ID,
            number=1,
            timestamp=START,
            beneficiary=address_of("proposer"),
            gas_limit=30_000_000,
            base_fee_per_gas=0,
            prev_randao=Hash32(bytes(32)),
            excess_blob_gas=0,
            parent_beacon_block_root=Hash32(bytes(32)),
            parent_hash=Hash32(bytes(32)),
            fork=fork,
            block_hash=lambda number: keccak256(b"block %d" % number),
            system_contracts=CHAIN_CONTRACTS if registry is None else registry,
        )
        self.fund(self.sender, 1_000 * COIN)

    # --- contracts ----------------------------------------------------------------------------------------

    def deploy(
        self,
        contract: type[Contract],
        *arguments: object,
        sender: Account | None = None,
        value: int = 0,
        gas: int | None = None,
        at: Address | None = None,
    ) -> ContractHandle:
        """Creates a contract, at a new address if none is given, and runs its constructor.

        Raises CallReverted and CallFailed.
        """
        self.register(contract)
        creator = self._sender(sender)
        self._created += 1
        target = create2_address(creator, self._created, contract.code) if at is None else at
        encoded = contract.constructing.encode(*plain(arguments))
        limit = GAS if gas is None else gas
        self.know(target, contract)
        self._run(
            SystemCreation(
                CallKind.CREATE2, creator, target, target, value, encoded, limit, system_code=contract.code
            )
        )
        return ContractHandle(self, target, contract)

    def genesis(self, *contracts: tuple[type[Contract], object]) -> tuple[ContractHandle, ...]:
        """Sets up chain contracts of the registry and runs their `genesis` hooks on these configurations, in order.

        Raises HookFailed.
        """
        entries = [(self._chain_contract(contract), configuration) for contract, configuration in contracts]
        world = self._state.world()
        with _faults_are_fatal():
            run_genesis(world, self.block, entries)
        self._state.commit(world.changes())
        self._logs = world.logs
        return tuple([self.at(entry.address, entry.contract) for entry, _ in entries])

    def register(self, contract: type[Contract], *, hooks_at: Address | None = None) -> None:
        """Makes a class known, if it is not; with an address as a chain contract, whose hooks run there."""
        registry = self.registry
        if hooks_at is not None:
            entry = ChainContract(contract.__name__, hooks_at, contract)
            registry = Registry(registry.classes, (*registry.chain_contracts, entry))
        elif registry.contract(contract.code) is not contract:
            registry = Registry((*registry.classes, contract), registry.chain_contracts)
        self.block = replace(self.block, system_contracts=registry)

    def at(self, account: Account, declared: Declared) -> ContractHandle:
        """The contract at an address, by the functions of a class or an interface."""
        target = address(account)
        self.know(target, declared)
        return ContractHandle(self, target, declared)

    def run_evm(self, code: bytes, *, value: int = 0, at: Address | None = None) -> Address:
        """An account with this EVM bytecode (not init code), a new one if none is given, and `value` wei."""
        self._created += 1
        target = Address(keccak256(b"evm %d" % self._created)[12:]) if at is None else at

        def change(world: WorldState) -> None:
            world.set_code(target, code)
            world.set_nonce(target, 1)
            world.add_balance(target, value)

        self._change(change)
        return target

    @property
    def registry(self) -> Registry:
        """The system contracts that this chain knows."""
        return self.block.system_contracts or CHAIN_CONTRACTS

    def _chain_contract(self, contract: type[Contract]) -> ChainContract:
        for entry in self.registry.chain_contracts:
            if entry.contract is contract:
                return entry
        raise AssertionError(f"{contract.__name__} is no chain contract: register it with hooks_at=address")

    def know(self, target: Address, declared: Declared) -> None:
        """Reads logs of `target`, and everybody's errors, by this declaration from now on."""
        self._declared[target] = declared
        for kind in events_of(declared):
            self._kinds.setdefault(kind)
        for error in errors_of(declared):
            self._errors.setdefault(error.signature.selector, error)

    # --- accounts -----------------------------------------------------------------------------------------

    def account(self, name: str, coins: int = 1_000) -> Address:
        """The account called `name`, with this many coins."""
        found = address_of(name)
        self._change(lambda world: world.set_balance(found, coins * COIN))
        return found

    def fund(self, account: Account, wei: int) -> None:
        """Gives an account coins from nowhere."""
        self._change(lambda world: world.add_balance(address(account), wei))

    def balance(self, account: Account) -> int:
        """Coins of an account, in wei."""
        return self._state.world().get_balance(address(account))

    def code(self, account: Account) -> bytes:
        """The code of an account."""
        return self._state.world().get_code(address(account))

    def storage(self, account: Account) -> dict[int, int]:
        """Slots of an account that are not zero."""
        return self._state.storage_of(address(account))

    def read(self, contract: ContractHandle, *path: object) -> Any:
        """What is stored in a contract under a field, then keys, indexes and members: `chain.read(token, "balances",
        alice)`. As the command line shows it: addresses and bytes as hex text. Raises InvalidPath."""
        slots = self.storage(contract)
        words = [f"0x{one.hex()}" if isinstance(one, bytes) else str(one) for one in plain(path)]

        def load(slot: int) -> int:
            return slots.get(slot, 0)

        return show(find(layout_of(contract.declared).variables, words, load), load)

    @property
    def world(self) -> WorldState:
        """The state to read, or to try something on: what is written there is lost."""
        return self._state.world()

    @contextmanager
    def prank(self, account: Account) -> Iterator[None]:
        """Inside, calls that name no sender come from `account`."""
        before = self.sender
        self.sender = address(account)
        try:
            yield
        finally:
            self.sender = before

    # --- calls --------------------------------------------------------------------------------------------

    def transact(
        self,
        target: Account,
        payload: bytes,
        *,
        sender: Account | None = None,
        value: int = 0,
        gas: int | None = None,
    ) -> bytes:
        """A message as a transaction makes it; what it returned. Raises CallReverted and CallFailed."""
        return self._run(self._message(target, payload, sender, value, gas, CallKind.CALL)).output

    def call(
        self,
        target: Account,
        payload: bytes,
        *,
        sender: Account | None = None,
        value: int = 0,
        gas: int | None = None,
        kind: CallKind = CallKind.CALL,
    ) -> bytes:
        """As `transact`, with nothing staying. kind: CALL or STATICCALL."""
        message = self._message(target, payload, sender, value, gas, kind)
        outcome, world = self.try_message(message)
        self._note(message, outcome, world)
        self._raise_unless_successful(outcome)
        return outcome.output

    def _message(
        self,
        target: Account,
        payload: bytes,
        sender: Account | None,
        value: int,
        gas: int | None,
        kind: CallKind,
    ) -> Message:
        to, limit = address(target), GAS if gas is None else gas
        is_static = kind is CallKind.STATICCALL
        return Message(kind, self._sender(sender), to, to, value, payload, limit, is_static=is_static)

    def try_message(self, message: Message) -> tuple[Outcome, WorldState]:
        """Runs a message on a world of its own, which is not committed. A fault of a contract is raised."""
        world = self._state.world()
        world.begin_transaction()
        context = new_context(world, self.block, TransactionContext(message.caller, PRICE))
        world.warm_address(message.caller)
        world.warm_address(message.target)
        with _faults_are_fatal():
            return context.execute_message(context, message), world

    def starve(
        self,
        function: BoundFunction,
        *arguments: object,
        sender: Account | None = None,
        value: int = 0,
        levels: int = 150,
    ) -> Starvation:
        """Runs the call with many gas limits, and demands that one that fails leaves no trace, that one that succeeds
        does all that the call does with plenty, and that there is one limit between the two. Nothing stays.

        Raises AssertionError, and CallReverted or CallFailed if even plenty is not enough.
        """
        payload = function.encode(*arguments)
        message = self._message(function._target, payload, sender, value, None, CallKind.CALL)
        self._raise_unless_successful(self.try_message(message)[0])
        return starve(self.try_message, message, levels)

    def _run(self, message: Message) -> Outcome:
        outcome, world = self.try_message(message)
        self._note(message, outcome, world)
        self._raise_unless_successful(outcome)
        world.end_transaction()
        self._state.commit(world.changes())
        return outcome

    def _note(self, message: Message, outcome: Outcome, world: WorldState) -> None:
        self.gas_used = message.gas - outcome.gas_left
        self.refund = world.refund
        self._logs = world.logs

    def _raise_unless_successful(self, outcome: Outcome) -> None:
        if outcome.status is Status.REVERT:
            raise CallReverted(outcome.output, self._told(outcome.output))
        if outcome.status is Status.FAILURE:
            raise CallFailed(outcome.error or "failed")

    def _told(self, raw: bytes) -> str:
        """Revert data for people."""
        reason = revert_reason(raw)
        error = self._errors.get(raw[:4])
        if reason is not None or error is None:
            return repr(reason) if reason is not None else f"0x{raw.hex()}"
        signature = error.signature
        values = decoder(tuple([field.type for field in signature.inputs]), 4)(raw)
        shown = [f"0x{one.hex()}" if isinstance(one, bytes) else repr(one) for one in values]
        fields = [f"{field.name}={value}" for field, value in zip(signature.inputs, shown, strict=True)]
        return f"{signature.name}({', '.join(fields)})"

    def _sender(self, sender: Account | None) -> Address:
        return self.sender if sender is None else address(sender)

    # --- logs ---------------------------------------------------------------------------------------------

    @property
    def logs(self) -> list[LoggedEvent]:
        """What the last transaction or call logged, decoded; nothing if it failed."""
        return [self._read(log) for log in self._logs]

    def events(self, kind: type[Event]) -> list[LoggedEvent]:
        """Those of `logs` that are of this kind."""
        return [self._read(log, kind) for log in self._logs if log.topics[:1] == (kind.signature.topic,)]

    @property
    def raw_logs(self) -> tuple[Log, ...]:
        """What the last transaction or call logged."""
        return self._logs

    def _read(self, log: Log, kind: type[Event] | None = None) -> LoggedEvent:
        declared = self._declared.get(log.address)
        own = events_of(declared) if declared is not None else []
        return read_log(log, [*([kind] if kind is not None else []), *own, *self._kinds])

    # --- blocks -------------------------------------------------------------------------------------------

    def mine(
        self,
        blocks: int = 1,
        *,
        seconds: int | None = None,
        votes: Sequence[CommitVote] = (),
        misbehaviour: Sequence[Misbehaviour] = (),
    ) -> list[MinedBlock]:
        """Ends the block and begins the next one, `blocks` times; `seconds` pass in all, by default one for each.

        Every new block sees these votes, and the first one the misbehaviour. `validators` follows the updates.
        Raises HookFailed if a hook does.
        """
        passed = blocks if seconds is None else seconds
        start, mined = self.block.timestamp, []
        for index in range(1, blocks + 1):
            world = self._state.world()
            following = replace(
                self.block,
                number=self.block.number + 1,
                timestamp=start + passed * index // blocks,
                votes=tuple(votes),
                misbehaviour=tuple(misbehaviour) if index == 1 else (),
            )
            with _faults_are_fatal():
                ended = run_end_block(world, self.block)
                begun = run_begin_block(world, following)
            self.block = following
            self._state.commit(world.changes())
            updates = ended.validator_updates + begun.validator_updates
            self._follow(updates)
            logs = [self._read(log) for log in ended.logs + begun.logs]
            mined.append(MinedBlock(self.block.number, logs, updates))
        return mined

    def warp(self, seconds: int) -> None:
        """Time passes within the block, without hooks."""
        self.block = replace(self.block, timestamp=self.block.timestamp + seconds)

    def _follow(self, updates: Sequence[ValidatorUpdate]) -> None:
        for update in updates:
            if update.power:
                self.validators[update.public_key] = update.power
            else:
                self.validators.pop(update.public_key, None)

    # --- back in time -------------------------------------------------------------------------------------

    def snapshot(self) -> int:
        """A mark for `revert`."""
        self._snapshots.append(self._moment())
        return len(self._snapshots) - 1

    def revert(self, mark: int) -> None:
        """Back to a mark: state, block and validators. The mark and those before it stay."""
        self._return_to(self._snapshots[mark])
        del self._snapshots[mark + 1 :]

    @contextmanager
    def anchor(self) -> Iterator[None]:
        """What happens inside is undone at the end."""
        moment = self._moment()
        try:
            yield
        finally:
            self._return_to(moment)

    def _moment(self) -> _Moment:
        return _Moment(self._state.copy(), self.block, dict(self.validators), self._created)

    def _return_to(self, moment: _Moment) -> None:
        self._state.restore(moment.state)
        self.block = moment.block
        self.validators = dict(moment.validators)
        self._created = moment.created

    def _change(self, change: Callable[[WorldState], Any]) -> None:
        world = self._state.world()
        change(world)
        world.end_transaction()
        self._state.commit(world.changes())


@contextmanager
def _faults_are_fatal() -> Iterator[None]:
    before = FAULTS.raises
    FAULTS.raises = True
    try:
        yield
    finally:
        FAULTS.raises = before
