"""The messages that benchmark `evm` has every engine run: what is in the state, who calls whom with what.

Owns the works and the state they start from, built by deploying the contracts once. Never times anything.
Contracts: benchmarks/fixtures/contracts.json (contracts/solidity, solc; OpenZeppelin's part is MIT), and Uniswap V2
from its npm packages (GPL-3.0, therefore not kept here), which npm installs into .cache when they are wanted.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_KECCAK, keccak256
from chain.types import ZERO_HASH, Address, Hash32
from state.account import Account
from state.reader import DictReader
from state.world import WorldState
from vm.call import execute_message, new_context
from vm.creation_address import create_address
from vm.engines import Engine
from vm.environment import BlockEnvironment, TransactionContext
from vm.forks import Fork
from vm.message import CallKind, Message, Outcome

FIXTURES: Final = Path(__file__).parent / "fixtures"
CACHE: Final = Path(__file__).parent.parent / ".cache" / "benchmarks"
CALLER: Final = Address(b"\xca" * 20)
RECIPIENT: Final = Address(b"\xbe" * 20)
BENEFICIARY: Final = Address(b"\xc0" * 20)
BLOCK_GAS: Final = 30_000_000
WEALTH: Final = 10**24
LOOP_TURNS: Final = 4_000
INSTALL_SECONDS: Final = 120

ENVIRONMENT: Final = BlockEnvironment(
    chain_id=1337,
    number=2,
    timestamp=2,
    beneficiary=BENEFICIARY,
    gas_limit=BLOCK_GAS,
    base_fee_per_gas=0,
    prev_randao=ZERO_HASH,
    excess_blob_gas=0,
    parent_beacon_block_root=ZERO_HASH,
    parent_hash=ZERO_HASH,
    fork=Fork.PRAGUE,
    block_hash=lambda number: None,
)


@dataclass(frozen=True, slots=True)
class Holding:
    """One account of the state that a work starts from. Balance in wei."""

    nonce: int = 1
    balance: int = 0
    code: bytes = b""
    storage: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """One message of CALLER to `to`, and the state it finds. by_gas: gas per second tells more than seconds."""

    name: str
    holdings: Mapping[Address, Holding]
    to: Address
    payload: bytes = b""
    gas: int = BLOCK_GAS
    by_gas: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What all engines must agree on. gas: used by the message, before refunds."""

    gas: int
    output: bytes
    succeeded: bool = True


class Stage:
    """A work prepared for one of our engines: a world begun anew and a context, used once."""

    __slots__ = ("_context", "_message")

    def __init__(self, reader: DictReader, work: Work, engine: Engine) -> None:
        world = WorldState(reader)
        world.begin_transaction()
        for address in (CALLER, BENEFICIARY, work.to):
            world.warm_address(address)
        self._context = new_context(world, replace(ENVIRONMENT, evm=engine), TransactionContext(CALLER, 0))
        self._message = Message(CallKind.CALL, CALLER, work.to, work.to, 0, work.payload, work.gas)

    def run(self) -> Outcome:
        return execute_message(self._context, self._message)


def reader_of(holdings: Mapping[Address, Holding]) -> DictReader:
    """The state as our engines read it."""
    codes = {keccak256(holding.code): holding.code for holding in holdings.values() if holding.code}
    hashes = {code: code_hash for code_hash, code in codes.items()}
    return DictReader(
        {
            address: Account(holding.nonce, holding.balance, code_hash=hashes.get(holding.code, EMPTY_KECCAK))
            for address, holding in holdings.items()
        },
        {address: dict(holding.storage) for address, holding in holdings.items()},
        codes,
    )


def result_of(work: Work, outcome: Outcome) -> Result:
    return Result(work.gas - outcome.gas_left, outcome.output, outcome.succeeded)


def works() -> Iterable[Work]:
    """All that do not need foreign packages."""
    setting = _Setting()
    loops = setting.deploy(_fixture("Loops"))
    token = setting.deploy(_fixture("OpenZeppelinToken"), WEALTH)
    setting.call(token, "transfer(address,uint256)", RECIPIENT, 1_000)
    holdings = setting.holdings()
    for name, function in (
        ("arithmetic loop", "run"),
        ("checked loop", "checked"),
        ("storage loop", "stor"),
        ("keccak loop", "hash"),
    ):
        yield Work(name, holdings, loops, call_payload(f"{function}(uint256)", LOOP_TURNS), by_gas=True)
    transfer = call_payload("transfer(address,uint256)", RECIPIENT, 5)
    yield Work("ERC-20 transfer message", holdings, token, transfer, gas=1_000_000)


def swap_work() -> Work:
    """A swap of two tokens through Uniswap's router. Raises WorkUnavailable without the npm packages."""
    packages = _uniswap_folder()
    setting = _Setting()
    first, second = (setting.deploy(_fixture("OpenZeppelinToken"), WEALTH) for _ in range(2))
    factory = setting.deploy(_uniswap(packages, "v2-core", "UniswapV2Factory"), CALLER)
    # No wrapped coin: a swap between tokens never asks for it.
    router = setting.deploy(_uniswap(packages, "v2-periphery", "UniswapV2Router02"), factory, RECIPIENT)
    for token in (first, second):
        setting.call(token, "approve(address,uint256)", router, 2**256 - 1)
    deadline = 2**40
    setting.call(
        router,
        "addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)",
        *(first, second, 10**22, 10**22, 0, 0, CALLER, deadline),
    )
    swap = call_payload(
        "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
        *(10**15, 0, 160, CALLER, deadline, 2, first, second),
    )
    return Work("Uniswap V2 swap", setting.holdings(), router, swap, gas=1_000_000)


def call_payload(signature: str, *arguments: int | Address) -> bytes:
    """Selector and words."""
    return keccak256(signature.encode())[:4] + _words(arguments)


class WorkUnavailable(Exception):
    """A package that a work needs cannot be had; the text says why."""


class _Setting:
    """A state on which contracts are deployed by CALLER."""

    def __init__(self) -> None:
        self._world = WorldState(DictReader())
        self._world.begin_transaction()
        self._world.set_balance(CALLER, WEALTH)
        self._world.end_transaction()
        self._deployed: list[Address] = []

    def deploy(self, creation: bytes, *arguments: int | Address) -> Address:
        nonce = self._world.get_nonce(CALLER)
        address = create_address(CALLER, nonce)
        payload = creation + _words(arguments)
        self._execute(Message(CallKind.CREATE, CALLER, address, address, 0, payload, BLOCK_GAS))
        return address

    def call(self, to: Address, signature: str, *arguments: int | Address) -> None:
        payload = call_payload(signature, *arguments)
        self._execute(Message(CallKind.CALL, CALLER, to, to, 0, payload, BLOCK_GAS))

    def holdings(self) -> Mapping[Address, Holding]:
        """The state so far."""
        changes = self._world.changes()
        return {
            address: Holding(
                account.nonce,
                account.balance,
                changes.code.get(Hash32(account.code_hash), b""),
                changes.storage.get(address, {}),
            )
            for address, account in changes.accounts.items()
            if account is not None
        }

    def _execute(self, message: Message) -> None:
        world = self._world
        world.begin_transaction()
        world.set_nonce(CALLER, world.get_nonce(CALLER) + 1)
        environment = replace(ENVIRONMENT, number=1, timestamp=1)
        outcome = execute_message(new_context(world, environment, TransactionContext(CALLER, 0)), message)
        if not outcome.succeeded:
            raise InvariantViolation(f"the setting of a benchmark failed: {outcome.error}")
        world.end_transaction()


def _words(arguments: Iterable[int | Address]) -> bytes:
    return b"".join(
        [
            argument.to_bytes(32, "big") if isinstance(argument, int) else argument.rjust(32, b"\0")
            for argument in arguments
        ]
    )


def _fixture(name: str) -> bytes:
    contracts = json.loads((FIXTURES / "contracts.json").read_text())
    return bytes.fromhex(contracts[name]["creation"][2:])


def _uniswap(packages: Path, package: str, contract: str) -> bytes:
    artifact = json.loads((packages / package / "build" / f"{contract}.json").read_text())
    creation: str = artifact.get("bytecode") or artifact["evm"]["bytecode"]["object"]
    return bytes.fromhex(creation.removeprefix("0x"))


def _uniswap_folder() -> Path:
    """node_modules/@uniswap as benchmarks/fixtures/package-lock.json has it, installed if need be."""
    folder = CACHE / "npm"
    packages = folder / "node_modules" / "@uniswap"
    if (packages / "v2-periphery" / "build").is_dir() and (packages / "v2-core" / "build").is_dir():
        return packages
    npm = shutil.which("npm")
    if npm is None:
        raise WorkUnavailable("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(FIXTURES / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        raise WorkUnavailable(f"npm ci failed: {error}") from error
    return packages
