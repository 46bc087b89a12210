"""The token factory: every template, addresses known beforehand, the register."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keccak import keccak256
from tests.vm.system.tokens.people import ALICE, BOB, CAROL, NOBODY, new_chain
from vm.creation_address import create2_address
from vm.system.addresses import TOKEN_FACTORY
from vm.system.testing import ContractHandle, TestChain, reverts
from vm.system.testing.bytecode import proxy, through_proxy
from vm.system.tokens.erc20 import ERC20
from vm.system.tokens.factory import MAX_PAGE, TokenFactory
from vm.system.tokens.templates.catalogue import TEMPLATES
from vm.system.tokens.templates.fungible import FixedToken

SALT = b"\x07" * 32
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "erc20-fixed": ("Gold", "GLD", 6, 1_000, ALICE),
    "erc20-mintable": ("Silver", "SLV", 18, 1_000, ALICE),
    "erc20-capped": ("Copper", "CPR", 18, 2_000, 1_000, ALICE),
    "erc20-votes": ("Vote", "VOT", 1_000, ALICE),
    "erc20-restricted": ("Share", "SHR", 0, True, ALICE),
    "erc20-full": ("Platinum", "PLT", 18, 2_000, 1_000, ALICE),
    "erc721-collection": ("Art", "ART", "ipfs://", ALICE),
    "erc721-royalties": ("Cards", "CRD", "https://cards/", BOB, 250, ALICE),
    "erc721-votes": ("Club", "CLB", "https://club/", ALICE),
    "erc1155-multi": ("https://things/{id}", ALICE),
}
BY_NAME = {template.name: template for template in TEMPLATES.values()}
FIXED = keccak256(b"erc20-fixed")


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def factory(chain: TestChain) -> ContractHandle:
    return chain.genesis((TokenFactory, None))[0]


def encoded(name: str) -> bytes:
    return BY_NAME[name].contract.constructing.encode(*ARGUMENTS[name])


def test_the_templates_are_named_for_ever(factory: ContractHandle) -> None:
    assert list(BY_NAME) == list(ARGUMENTS)
    assert factory.templates() == [keccak256(name.encode()) for name in ARGUMENTS]


@pytest.mark.parametrize("name", list(ARGUMENTS))
def test_every_template_makes_a_token_where_it_was_predicted(
    chain: TestChain, factory: ContractHandle, name: str
) -> None:
    template, args = keccak256(name.encode()), encoded(name)
    predicted = factory.predict_token(template, args, SALT, BOB)
    token = factory.createToken(template, args, SALT, sender=BOB)
    assert token == predicted
    assert chain.logs[-1] == TokenFactory.TokenCreated(token, template, BOB, SALT, args)
    contract = BY_NAME[name].contract
    assert chain.code(token) == contract.code
    handle = chain.at(token, contract)
    assert handle.supportsInterface(bytes.fromhex("01ffc9a7"))
    has = [function.function.signature.canonical for function in handle.functions()]
    for asked, value in zip(BY_NAME[name].parameters, ARGUMENTS[name], strict=True):
        if f"{asked.name}()" in has:  # name, symbol, decimals, cap, owner
            assert getattr(handle, asked.name)() == value
        if asked.name == "admin":
            assert handle.hasRole(bytes(32), value)
    if issubclass(contract, ERC20) and "supply" in [one.name for one in BY_NAME[name].parameters]:
        assert handle.balanceOf(ALICE) == handle.totalSupply() == 1_000


@pytest.mark.parametrize("name", list(ARGUMENTS))
def test_a_template_says_what_it_takes(factory: ContractHandle, name: str) -> None:
    title, types, names, description = factory.template(keccak256(name.encode()))
    assert title == name
    assert len(types) == len(names) == len(ARGUMENTS[name])
    assert description.startswith(("A ", "Many ", "Everything "))
    assert "  " not in description
    assert description.endswith(".")


def test_the_predicted_address_is_that_of_create2(factory: ContractHandle) -> None:
    args = encoded("erc20-fixed")
    own = keccak256(bytes(12) + BOB + SALT)
    expected = create2_address(TOKEN_FACTORY, int.from_bytes(keccak256(own + args)), FixedToken.code)
    assert factory.predict_token(FIXED, args, SALT, BOB) == expected


def test_each_creator_and_salt_has_addresses_of_its_own(factory: ContractHandle) -> None:
    args = encoded("erc20-fixed")
    found = [
        factory.createToken(FIXED, args, SALT, sender=BOB),
        factory.createToken(FIXED, args, SALT, sender=CAROL),
        factory.createToken(FIXED, args, bytes(32), sender=BOB),
        factory.createToken(FIXED, FixedToken.constructing.encode("G", "G", 6, 1, ALICE), SALT, sender=BOB),
    ]
    assert len(set(found)) == 4


def test_the_same_token_is_made_once(factory: ContractHandle) -> None:
    args = encoded("erc20-fixed")
    token = factory.createToken(FIXED, args, SALT, sender=BOB)
    with reverts(TokenFactory.TokenExists, token):
        factory.createToken(FIXED, args, SALT, sender=BOB)
    with reverts(TokenFactory.TokenExists, token):  # data behind the arguments changes nothing
        factory.createToken(FIXED, args + bytes(32), SALT, sender=BOB)
    assert factory.tokenCount() == 1


def test_coins_sent_to_the_address_beforehand_do_not_block_it(
    chain: TestChain, factory: ContractHandle
) -> None:
    args = encoded("erc20-fixed")
    chain.fund(factory.predict_token(FIXED, args, SALT, BOB), 5)
    assert factory.createToken(FIXED, args, SALT, sender=BOB)


def test_what_cannot_be_made(chain: TestChain, factory: ContractHandle) -> None:
    unknown = keccak256(b"erc20-nothing")
    with reverts(TokenFactory.UnknownTemplate, unknown):
        factory.createToken(unknown, b"", SALT)
    with reverts(TokenFactory.UnknownTemplate, unknown):
        factory.predict_token(unknown, b"", SALT, BOB)
    with reverts(TokenFactory.UnknownTemplate, unknown):
        factory.template(unknown)
    for args in (b"", encoded("erc20-fixed")[:-32], b"\xff" * 320):
        with reverts(TokenFactory.InvalidTemplateArguments, FIXED):
            factory.createToken(FIXED, args, SALT)
    with reverts(ERC20.ERC20InvalidReceiver, NOBODY):  # the constructor's own refusal
        factory.createToken(FIXED, FixedToken.constructing.encode("G", "G", 6, 1, NOBODY), SALT)
    with reverts(data=b""):
        chain.transact(factory, factory.createToken.encode(FIXED, encoded("erc20-fixed"), SALT), value=1)
    assert factory.tokenCount() == 0


def test_the_register_is_read_in_pages(chain: TestChain, factory: ContractHandle) -> None:
    made = []
    for index in range(5):
        creator = (BOB, CAROL)[index % 2]
        token = factory.createToken(FIXED, encoded("erc20-fixed"), bytes([index] * 32), sender=creator)
        made.append((token, FIXED, creator, chain.block.number))
        chain.mine()

    def shown(records: list[Any]) -> list[tuple[Any, ...]]:
        return [(one.token, one.template, one.creator, one.blockNumber) for one in records]

    assert (factory.tokenCount(), factory.tokenCountOf(BOB), factory.tokenCountOf(ALICE)) == (5, 3, 0)
    assert shown(factory.tokens(0, 2**256 - 1)) == made
    assert shown(factory.tokens(1, 2)) == made[1:3]
    assert shown(factory.tokens(4, 9)) == made[4:]
    assert factory.tokens(5, 1) == factory.tokens(2**256 - 1, 2**256 - 1) == factory.tokens(0, 0) == []
    assert shown(factory.tokensOf(BOB, 1, 5)) == [made[2], made[4]]
    assert factory.tokensOf(ALICE, 0, 5) == []
    assert shown([factory.record(made[3][0])]) == [made[3]]
    assert (factory.isToken(made[0][0]), factory.isToken(ALICE)) == (True, False)
    with reverts(TokenFactory.UnknownToken, ALICE):
        factory.record(ALICE)
    assert MAX_PAGE == 256


def test_a_contract_creates_tokens_too(chain: TestChain, factory: ContractHandle) -> None:
    creator = chain.run_evm(proxy())
    args = encoded("erc20-votes")
    template = keccak256(b"erc20-votes")
    raw = chain.transact(
        creator, through_proxy(factory.address, factory.createToken.encode(template, args, SALT))
    )
    assert raw[12:] == factory.predict_token(template, args, SALT, creator)
    assert factory.tokenCountOf(creator) == 1


def test_long_arguments_cost_their_decoding_twice(chain: TestChain, factory: ContractHandle) -> None:
    """As call data of the factory, and as the arguments in it."""
    used = []
    for words in (0, 100):
        factory.predict_token(FIXED, encoded("erc20-fixed") + bytes(32 * words), SALT, BOB)
        used.append(chain.gas_used)
    assert used[1] - used[0] == 100 * (6 + 6)


def test_starving_a_creation_leaves_no_trace(chain: TestChain, factory: ContractHandle) -> None:
    args = encoded("erc20-full")
    chain.starve(factory.createToken, keccak256(b"erc20-full"), args, SALT, sender=BOB, levels=60)


@given(raw=st.binary(max_size=400))
def test_any_argument_bytes_make_a_token_or_revert(raw: bytes) -> None:
    chain = new_chain()
    factory = chain.genesis((TokenFactory, None))[0]
    for template in TEMPLATES.values():
        try:
            template.contract.constructing.decode(raw)
        except Exception:
            with reverts(TokenFactory.InvalidTemplateArguments, template.id):
                factory.createToken(template.id, raw, SALT)
