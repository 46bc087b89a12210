"""node_contracts, node_tokenTemplates and node_tokens on a chain where two accounts have made tokens."""

from __future__ import annotations

import pytest

from chain.keccak import keccak256
from chain.types import ZERO_HASH, checksum_address
from tests.rpc.dev_chain import ACCOUNTS, DevChain, FakeNode, build_dev_chain, hexed, signed, word
from tests.rpc.wire import Wire
from vm.system.abi.codec import encoder
from vm.system.addresses import STAKING, TOKEN_FACTORY, UPGRADES
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.runtime.faults import FAULTS
from vm.system.staking.staking import Staking
from vm.system.tokens.factory import TokenFactory
from vm.system.tokens.templates.catalogue import TEMPLATES
from vm.system.tokens.templates.collections import MultiToken
from vm.system.tokens.templates.fungible import FixedToken

COIN = 10**18
FIXED, MULTI = (
    keccak256(b"erc20-fixed"),
    next(key for key, one in TEMPLATES.items() if one.contract is MultiToken),
)


@pytest.fixture
def dev_chain() -> DevChain:
    """One that may grow: the usual one is shared by all tests."""
    return build_dev_chain()


def creation(template: bytes, *arguments: object) -> bytes:
    types = TEMPLATES[template].contract.constructing.signature.input_types
    return TokenFactory.createToken.encode(template, encoder(types)(*arguments), ZERO_HASH)


def some_arguments(template: bytes) -> list[object]:
    kinds: dict[str, object] = {"string": "Gold", "address": ACCOUNTS[0].address, "uint8": 6, "uint96": 0}
    parameters = TEMPLATES[template].parameters
    return [kinds.get(parameter.type.canonical, 1000) for parameter in parameters]


async def test_chain_contracts_are_listed_with_what_runs_there(wire: Wire) -> None:
    rows = await wire.result("node_contracts")
    assert [row["name"] for row in rows] == [entry.name for entry in CHAIN_CONTRACTS.chain_contracts]
    factory = next(row for row in rows if row["name"] == "token_factory")
    assert factory["address"] == hexed(TOKEN_FACTORY)
    assert (factory["class"], factory["version"], factory["code"]) == (
        "TokenFactory",
        1,
        hexed(TokenFactory.code),
    )


async def test_templates_tell_their_arguments(wire: Wire) -> None:
    rows = await wire.result("node_tokenTemplates")
    assert len(rows) >= 8
    fixed = next(row for row in rows if row["id"] == hexed(FIXED))
    names = [parameter.name for parameter in FixedToken.constructing.signature.inputs]
    assert [argument["name"] for argument in fixed["arguments"]] == names


async def test_tokens_are_listed_by_page_and_creator(wire: Wire, fake_node: FakeNode) -> None:
    assert await wire.result("node_tokens") == {"total": 0, "tokens": []}
    fixed, multi = creation(FIXED, *some_arguments(FIXED)), creation(MULTI, *some_arguments(MULTI))
    fake_node.append(
        signed(11, to=TOKEN_FACTORY, data=fixed, gas=3_000_000),
        signed(0, key=ACCOUNTS[3], to=TOKEN_FACTORY, data=fixed, gas=3_000_000),
        signed(1, key=ACCOUNTS[3], to=TOKEN_FACTORY, data=multi, gas=3_000_000),
    )
    told = await wire.result("node_tokens")
    assert (told["total"], len(told["tokens"])) == (3, 3)
    first = told["tokens"][0]
    assert (first["name"], first["symbol"], first["template"]) == ("Gold", "Gold", hexed(FIXED))
    assert (first["creator"], first["blockNumber"]) == (checksum_address(ACCOUNTS[0].address), 6)
    assert told["tokens"][2]["decimals"] is None
    page = await wire.result("node_tokens", "0x1", "0x1")
    assert page == {"total": 3, "tokens": [told["tokens"][1]]}
    of_creator = await wire.result("node_tokens", None, None, hexed(ACCOUNTS[3].address))
    assert of_creator == {"total": 2, "tokens": told["tokens"][1:]}
    assert (await wire.result("node_tokens", "0x7"))["tokens"] == []
    assert (await wire.result("node_tokens", None, None, None, "0x5"))["total"] == 0


async def test_a_list_does_not_show_names_without_end(wire: Wire, fake_node: FakeNode) -> None:
    owner = ACCOUNTS[0].address
    names = ["N" * 1_000, "N" * 5_000]
    for nonce, name in enumerate(names, start=11):
        made = creation(FIXED, name, "SYM", 6, 1000, owner)
        fake_node.append(signed(nonce, to=TOKEN_FACTORY, data=made, gas=6_000_000))
    told = (await wire.result("node_tokens"))["tokens"]
    assert [(token["name"], token["symbol"], token["decimals"]) for token in told] == [
        (names[0], "SYM", 6),
        (None, "SYM", 6),
    ]


async def test_an_estimate_counts_what_the_next_block_does_before_it(wire: Wire, fake_node: FakeNode) -> None:
    """Each block shares out rewards first, after which a delegation has more to write than in the block before."""
    delegator, validator = ACCOUNTS[0].address, checksum_address(ACCOUNTS[9].address)
    payload = Staking.delegate.encode(delegator, validator, COIN)
    call = {"from": hexed(delegator), "to": hexed(STAKING), "value": hex(COIN), "input": hexed(payload)}
    for nonce in (11, 12, 13):
        gas = int(await wire.result("eth_estimateGas", call), 16)
        block = fake_node.append(signed(nonce, to=STAKING, value=COIN, data=payload, gas=gas))
        (receipt,) = fake_node.receipts(block.number) or ()
        assert (receipt.succeeded, receipt.cumulative_gas_used <= gas) == (True, True)


async def test_hooks_that_fail_in_a_made_up_block_are_no_alarm(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FAULTS, "raises", False)
    before, told = FAULTS.count, []
    monkeypatch.setattr(FAULTS, "alarm", lambda place, error: told.append((place, error)))
    made_up = {"state": {word(slot): word(1) for slot in range(16)}}
    request = {"blockStateCalls": [{"stateOverrides": {hexed(UPGRADES): made_up}}, {}]}
    blocks = await wire.result("eth_simulateV1", request, "latest")
    assert len(blocks) == 2
    assert (FAULTS.count, told) == (before, [])
