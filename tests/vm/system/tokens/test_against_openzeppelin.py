"""The same calls to our tokens and to OpenZeppelin's bytecode on one chain: same answers, same reverts, same logs.

Random sequences of calls with valid and invalid arguments, by several senders, to receivers that accept and refuse. The
contracts are those of the conformance suites, compiled with npm solc; WETH9 is as Aave compiled it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import pytest

from chain.types import Address
from tests.clients.commands import HERE as CLIENTS
from tests.clients.commands import install_npm_packages, script
from tests.vm.system.tokens.people import ALICE, BOB, CAROL, NOBODY, new_chain
from vm.call import new_context
from vm.context import CreateRequest
from vm.environment import TransactionContext
from vm.message import CallKind, Message, Status
from vm.system.abi.types import AbiType, ArrayType, UintType
from vm.system.functions import Function
from vm.system.testing import TestChain
from vm.system.testing.bytecode import answering, assemble, reverting
from vm.system.tokens.interfaces import IERC721Receiver, IERC1155Receiver
from vm.system.tokens.templates.catalogue import TEMPLATES
from vm.system.tokens.templates.collections import URI_SETTER
from vm.system.tokens.templates.roles import MINTER, PAUSER
from vm.system.tokens.wrapped_coin import WrappedCoin

pytestmark = [pytest.mark.clients, pytest.mark.slow]

RUNS: Final = 8
STEPS: Final = 150
GAS: Final = 3_000_000
# name of the template: OpenZeppelin's contract, constructor arguments
PAIRS: Final[Mapping[str, tuple[str, tuple[Any, ...]]]] = {
    "erc20-fixed": ("OzFixed", ("Gold", "GLD", 6, 1_000, ALICE)),
    "erc20-mintable": ("OzMintable", ("Silver", "SLV", 18, 1_000, ALICE)),
    "erc20-capped": ("OzCapped", ("Copper", "CPR", 18, 2_000, 1_000, ALICE)),
    "erc20-votes": ("OzVotes", ("Vote", "VOT", 1_000, ALICE)),
    "erc20-full": ("OzFull", ("Platinum", "PLT", 18, 2_000, 1_000, ALICE)),
    "erc721-collection": ("OzCollection", ("Art", "ART", "ipfs://", ALICE)),
    "erc721-royalties": ("OzRoyaltyCollection", ("Cards", "CRD", "https://cards/", BOB, 250, ALICE)),
    "erc721-votes": ("OzMembership", ("Club", "CLB", "https://club/", ALICE)),
    "erc1155-multi": ("OzMultiToken", ("https://things/{id}", ALICE)),
}
# One of each standard, and the wrapped coin; `scripts/test --all` compares the others too.
SAMPLED: Final = ("erc20-full", "erc721-royalties", "erc1155-multi", "wrapped")
# Not compared: a hash of the contract's address, and what the coin is called.
OUR_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "wrapped": ("name()", "symbol()"),
    **dict.fromkeys(PAIRS, ("DOMAIN_SEPARATOR()",)),
}
# fmt: off
IDS: Final = (
    "01ffc9a7", "7965db0b", "80ac58cd", "5b5e139f", "780e9d63", "2a55205a", "d9b67a26", "0e89341c", "49064906",
    "ffffffff", "00000000", "12345678",
)
# fmt: on
RARE: Final = ("renounceOwnership", "renounceRole", "revokeRole", "transferOwnership", "pause")
MAKING: Final = ("mint", "safeMint", "mintBatch", "pause", "unpause")

Result = tuple[Status, bytes, list[tuple[bytes, tuple[bytes, ...], bytes]]]


@dataclass
class Pair:
    """Ours and theirs on one chain."""

    chain: TestChain
    ours: Address
    theirs: Address
    functions: list[Function[..., Any]]
    people: list[Address]

    def both(self, payload: bytes, sender: Address, value: int = 0, *, view: bool = False) -> list[Result]:
        return [self.run(target, payload, sender, value, view) for target in (self.ours, self.theirs)]

    def run(self, target: Address, payload: bytes, sender: Address, value: int, view: bool) -> Result:
        """With the contract's own address replaced wherever it stands."""
        kind = CallKind.STATICCALL if view else CallKind.CALL
        message = Message(kind, sender, target, target, value, payload, GAS, is_static=view)
        outcome, world = self.chain.try_message(message)
        if outcome.succeeded and not view:
            world.end_transaction()
            self.chain._state.commit(world.changes())

        def told(raw: bytes) -> bytes:
            return raw.replace(target, b"self" * 5)

        logs = world.logs if outcome.succeeded else ()
        shown = [(told(log.address), tuple(map(told, log.topics)), told(log.data)) for log in logs]
        return outcome.status, told(outcome.output), shown


def create(chain: TestChain, init_code: bytes) -> tuple[Address, list[tuple[Any, bytes]]]:
    world = chain.world
    world.begin_transaction()
    context = new_context(world, chain.block, TransactionContext(ALICE, 10))
    world.warm_address(ALICE)
    outcome = context.execute_create(context, CreateRequest(ALICE, 0, init_code, 10_000_000, 0))
    assert outcome.created is not None
    logs = [(log.topics, log.data) for log in world.logs]
    world.end_transaction()
    chain._state.commit(world.changes())
    return outcome.created, logs


def receivers(chain: TestChain) -> list[Address]:
    answers = (
        IERC721Receiver.onERC721Received.selector,
        IERC1155Receiver.onERC1155Received.selector,
        IERC1155Receiver.onERC1155BatchReceived.selector,
        b"\x01" * 32,
    )
    codes = [answering(one.ljust(32, b"\0")) for one in answers]
    return [chain.run_evm(code) for code in (*codes, reverting(b"why"), reverting(), assemble("STOP"))]


@pytest.fixture(scope="module")
def artifacts() -> dict[str, Any]:
    install_npm_packages(CLIENTS)
    made: dict[str, Any] = json.loads(
        script("node", "compile.cjs", str(CLIENTS / "tokens" / "contracts" / "OpenZeppelin.sol"))
    )
    weth = CLIENTS / "node_modules/@aave/core-v3/artifacts/contracts/dependencies/weth/WETH9.sol/WETH9.json"
    return {**made, "WETH9": json.loads(weth.read_text())}


def pair(name: str, artifacts: dict[str, Any]) -> Pair:
    chain = new_chain()
    if name == "wrapped":
        contract: Any = WrappedCoin
        ours = chain.genesis((WrappedCoin, None))[0].contract_address
        made = artifacts["WETH9"]
        theirs, _ = create(chain, bytes.fromhex(made["bytecode"][2:]))
    else:
        contract = next(one.contract for one in TEMPLATES.values() if one.name == name)
        oz_name, arguments = PAIRS[name]
        ours = chain.deploy(contract, *arguments, sender=ALICE).contract_address
        logs = [(log.topics, log.data) for log in chain.raw_logs]
        made = artifacts[oz_name]
        encoded = contract.constructing.encode(*arguments)
        theirs, their_logs = create(chain, bytes.fromhex(made["bytecode"][2:]) + encoded)
        assert logs == their_logs
    theirs_can = {
        f"{one['name']}({','.join(field['type'] for field in one['inputs'])})"
        for one in made["abi"]
        if one["type"] == "function"
    }
    ours_can = {one.signature.canonical: one for one in contract.functions.values()}
    assert theirs_can <= set(ours_can)
    functions = [ours_can[one] for one in sorted(theirs_can) if one not in OUR_OWN[name]]
    people = [ALICE, BOB, CAROL] * 3 + [NOBODY, *receivers(chain)]
    return Pair(chain, ours, theirs, functions, people)


def chosen(kind: AbiType, name: str, random: Random, pair: Pair) -> Any:
    """A value that has a chance to mean something, or is extreme."""
    if isinstance(kind, ArrayType):
        return [chosen(kind.element, name, random, pair) for _ in range(random.choice([0, 1, 2, 2, 3]))]
    if isinstance(kind, UintType):
        likely = random.random() < 0.85
        if likely and name in ("tokenId", "id", "ids"):
            return random.randrange(4)
        number = pair.chain.block.number
        extreme = [2**kind.bits - 1, 2**208, 10_000, 10_001, number, number - 1]
        value = random.randrange(random.choice([3, 60, 1_200])) if likely else random.choice(extreme)
        return min(value, 2**kind.bits - 1)
    match kind.canonical:
        case "address":
            return random.choice(pair.people)
        case "bool":
            return random.random() < 0.7
        case "bytes32":
            return random.choice([bytes(32), MINTER, PAUSER, URI_SETTER, b"\xff" * 32])
        case "bytes4":
            return bytes.fromhex(random.choice(IDS))
        case "string":
            return random.choice(["", "a", "https://" + "x" * 40, "é"])
    return random.choice([b"", b"hi", bytes(40)])


def arguments(function: Function[..., Any], random: Random, pair: Pair, sender: Address) -> list[Any]:
    signature = function.signature
    found = [chosen(one.type, one.name, random, pair) for one in signature.inputs]
    if signature.name in (
        "permit",
        "delegateBySig",
    ):  # a digest has the contract's address: only what fails before
        found[-3], found[-1] = random.choice([0, 29]), random.choice([bytes(32), b"\xff" * 32])
    kinds = [one.canonical for one in signature.input_types]
    if kinds[:1] == ["address"] and len(kinds) > 2 and random.random() < 0.8:
        found[0] = sender  # moves its own
    for at, kind in enumerate(kinds[1:], 1):
        if kind == kinds[at - 1] == "uint256[]" and random.random() < 0.9:
            found[at] = [random.randrange(50) for _ in found[at - 1]]
    return found


def compare(pair: Pair, random: Random) -> int:
    """Calls that succeeded."""
    views = [one for one in pair.functions if one.is_view]
    changing = [one for one in pair.functions if not one.is_view]
    successes = 0
    for _ in range(STEPS):
        function = random.choice(changing)
        name = function.signature.name
        if name in RARE and random.random() < 0.9:
            continue
        sender = random.choice([ALICE] * 12 + [BOB]) if name in MAKING else random.choice([ALICE, BOB, CAROL])
        called = arguments(function, random, pair, sender)
        payload = function.encode(*called)
        if random.random() < 0.03:
            payload = payload[: random.randrange(len(payload) + 1)]
        value = random.choice([0, 1, 50]) if function.is_payable or random.random() < 0.02 else 0
        ours, theirs = pair.both(payload, sender, value)
        assert ours == theirs, (function.signature.canonical, called, sender.hex(), value)
        successes += ours[0] is Status.SUCCESS
        for function in random.sample(views, min(3, len(views))):
            called = arguments(function, random, pair, ALICE)
            ours, theirs = pair.both(function.encode(*called), ALICE, view=True)
            assert ours == theirs, (function.signature.canonical, called)
        if random.random() < 0.2:
            pair.chain.mine()
    return successes


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in SAMPLED else pytest.mark.extra) for name in (*PAIRS, "wrapped")],
)
def test_ours_behaves_as_theirs(name: str, artifacts: dict[str, Any]) -> None:
    successes = sum(compare(pair(name, artifacts), Random(f"{name} {run}")) for run in range(RUNS))
    assert successes > RUNS * 10  # or nothing was compared but reverts
