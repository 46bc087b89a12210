"""The base class of system contracts: the language that contract authors write in.

Owns: what a class declares (storage, functions, events, errors, its code), and what a function may say and ask.
Never does: price or journal anything itself (vm/system/runtime/frame.py), read call data (runtime/dispatch.py), or
decide when it runs (vm/call.py, and runtime/hooks.py for blocks).
Specification: docs/system-contracts.md; Solidity's contract ABI for everything that callers can see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_KECCAK, keccak256
from chain.secp256k1 import InvalidSignature, recover_address
from chain.types import ZERO_ADDRESS, Address, Hash32
from vm.creation_address import create2_address
from vm.message import Status
from vm.system.errors import InvalidDeclaration, Panic, PanicCode, Revert
from vm.system.events import ContractError, Event
from vm.system.functions import Constructor, Function
from vm.system.gas import RECOVER
from vm.system.interface import Interface, functions_of
from vm.system.storage.bind import bind_storage

if TYPE_CHECKING:
    from vm.environment import BlockEnvironment
    from vm.system.runtime.frame import Frame

MARKER: Final = b"\xef\x53\x43"
CLASS_ID_BYTES: Final = 4
VERSION_BYTES: Final = 2
CODE_BYTES: Final = len(MARKER) + CLASS_ID_BYTES + VERSION_BYTES

I = TypeVar("I", bound=Interface)  # noqa: E741


class ReentrancyGuardReentrantCall(ContractError):
    """The contract is in a locked function further up the call stack."""


class Contract:
    """A system contract. One instance lives for one call.

    A subclass without `class_id` is a mix-in. With one it is a contract that can have accounts, whose code names the
    class and its version: `class FixedToken(ERC20, class_id=0x100, version=1)`.
    """

    class_id: ClassVar[int | None] = None
    version: ClassVar[int] = 0
    code: ClassVar[bytes] = b""
    code_hash: ClassVar[Hash32] = EMPTY_KECCAK
    functions: ClassVar[dict[str, Function[..., Any]]] = {}
    entries: ClassVar[dict[bytes, Function[..., Any]]] = {}
    constructing: ClassVar[Constructor]
    is_privileged: ClassVar[bool] = False
    """May make and destroy coins, and change versions of others."""
    constructor_takes_coins: ClassVar[bool] = False

    def __init_subclass__(cls, *, class_id: int | None = None, version: int = 0) -> None:
        cls.class_id, cls.version = class_id, version
        cls.code = b"" if class_id is None else code_of_class(class_id, version)
        cls.code_hash = keccak256(cls.code)
        cls.functions = functions_of(cls)
        for function in cls.functions.values():
            function.complete()
        cls.entries = {function.selector: function for function in cls.functions.values()}
        if len(cls.entries) != len(cls.functions):
            raise InvalidDeclaration(f"{cls.__name__}: two functions have the same selector")
        cls.constructing = Constructor.of(cls)
        bind_storage(cls)

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.address: Address = frame.address
        self.sender: Address = frame.caller
        self.value: int = frame.value
        """Wei that came with the call."""

    # --- the block ----------------------------------------------------------------------------------------

    @property
    def block(self) -> BlockEnvironment:
        return self.frame.context.block

    @property
    def timestamp(self) -> int:
        """Of the block, in seconds."""
        return self.frame.context.block.timestamp

    @property
    def block_number(self) -> int:
        return self.frame.context.block.number

    @property
    def chain_id(self) -> int:
        return self.frame.context.block.chain_id

    # --- what a function may do ---------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Logs `event` as coming from this contract."""
        self.frame.log(event.topics, event.data)

    def charge(self, gas: int) -> None:
        """Pays for work that nothing else pays for, as in a loop without storage."""
        self.frame.charge(gas)

    def keccak(self, raw: bytes) -> Hash32:
        return self.frame.keccak(raw)

    def recover(self, digest: bytes, v: int, r: int, s: int) -> Address:
        """Who signed `digest`, v being 27 or 28; the zero address if nobody did. Refuses high s (EIP-2)."""
        self.frame.charge(RECOVER)
        try:
            return recover_address(Hash32(digest), v - 27, r, s)
        except InvalidSignature:
            return ZERO_ADDRESS

    def balance_of(self, address: Address) -> int:
        """Wei of any account."""
        return self.frame.balance_of(address)

    def code_size(self, address: Address) -> int:
        """Bytes of code; 0 for an account that is no contract."""
        return len(self.frame.code_of(address))

    def at(self, target: Address, interface: type[I], *, value: int = 0, gas: int | None = None) -> I:
        """The contract at `target`, to be called by the functions of `interface`; see Interface."""
        return interface(self.frame, target, value, gas)

    def call(
        self, target: Address, payload: bytes, *, value: int = 0, gas: int | None = None
    ) -> tuple[bool, bytes]:
        """Whether the call succeeded, and what it returned or reverted with. It succeeds where there is no code."""
        outcome = self.frame.call(target, payload, value, gas)
        return outcome.status is Status.SUCCESS, outcome.output

    def static_call(self, target: Address, payload: bytes, *, gas: int | None = None) -> tuple[bool, bytes]:
        """As `call`, but the target can change nothing."""
        outcome = self.frame.call(target, payload, 0, gas, static=True)
        return outcome.status is Status.SUCCESS, outcome.output

    def send(self, to: Address, wei: int, *, gas: int | None = None) -> None:
        """Sends coins, running the code of `to` if it has some. Reverts with its revert data if that fails."""
        outcome = self.frame.call(to, b"", wei, gas)
        if outcome.status is not Status.SUCCESS:
            raise Revert(outcome.output)

    # --- other system contracts ---------------------------------------------------------------------------

    def predict(self, contract: type[Contract], salt: bytes, *arguments: object) -> Address:
        """Where `deploy` with the same arguments puts the contract."""
        return create2_address(
            self.address, self._creation_salt(salt, contract.constructing.encode(*arguments)), contract.code
        )

    def deploy(self, contract: type[Contract], salt: bytes, *arguments: object, value: int = 0) -> Address:
        """Creates an account with the code of `contract` and runs its constructor.

        Reverts with what the constructor reverts with, and without data if there is an account already.
        """
        encoded = contract.constructing.encode(*arguments)
        outcome = self.frame.create(contract.code, self._creation_salt(salt, encoded), encoded, value)
        if outcome.status is not Status.SUCCESS or outcome.created is None:
            raise Revert(outcome.output)
        return outcome.created

    def _creation_salt(self, salt: bytes, encoded: bytes) -> int:
        """Code says nothing of the arguments, so the address must, through the salt."""
        return int.from_bytes(self.keccak(salt + encoded))

    # --- privileges of chain contracts --------------------------------------------------------------------

    def mint_coins(self, to: Address, wei: int) -> None:
        """Makes new coins. Less than none is Panic(0x11)."""
        self._require_privilege()
        if wei < 0:
            raise Panic(PanicCode.OVERFLOW)
        self.frame.mint(to, wei)

    def burn_coins(self, wei: int) -> None:
        """Destroys coins of this contract. More than its balance, or less than none, is Panic(0x11)."""
        self._require_privilege()
        if not 0 <= wei <= self.frame.world.get_balance(self.address):
            raise Panic(PanicCode.OVERFLOW)
        self.frame.world.sub_balance(self.address, wei)

    def upgrade(self, target: Address, version: int) -> None:
        """Gives the system contract at `target` another version of its class, and migrates its storage.

        Reverts if there is no system contract, or no such version; and with what the migration reverts with.
        """
        from vm.system.runtime.upgrade import change_version  # which knows every class, this one too

        self._require_privilege()
        change_version(self.frame, target, version)

    def _require_privilege(self) -> None:
        if not self.is_privileged:
            raise InvariantViolation(f"{type(self).__name__} is not privileged")
        self.frame.refuse_static()


def code_of_class(class_id: int, version: int) -> bytes:
    """The code of an account: marker, class id, version."""
    return MARKER + class_id.to_bytes(CLASS_ID_BYTES) + version.to_bytes(VERSION_BYTES)
