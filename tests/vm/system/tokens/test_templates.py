"""The concrete tokens: which interfaces they say they have, and have; their calls without enough gas."""

from __future__ import annotations

from typing import Any

import pytest

from chain.keccak import keccak256
from tests.vm.system.tokens.people import ALICE, BOB, CAROL, NOBODY, delegation, new_chain, permit
from vm.system.access.erc165 import IERC165
from vm.system.access.roles import IAccessControl
from vm.system.contract import Contract
from vm.system.framework import Interface, interface_id
from vm.system.interface import functions_of
from vm.system.testing import ContractHandle, TestChain, fails
from vm.system.testing.bytecode import answering
from vm.system.tokens import interfaces as standard
from vm.system.tokens.restrictions import IERC1404
from vm.system.tokens.templates.catalogue import TEMPLATES
from vm.system.tokens.templates.collections import MultiToken, RoyaltyCollection
from vm.system.tokens.templates.fungible import FullToken, RestrictedToken

KNOWN: tuple[tuple[type[Interface], str], ...] = (
    (IERC165, "01ffc9a7"),
    (IAccessControl, "7965db0b"),
    (standard.IERC20, "36372b07"),
    (standard.IERC20Metadata, "a219a025"),
    (standard.IERC20Permit, "9d8ff7da"),
    (standard.IERC6372, "da287a1d"),
    (standard.IVotes, "e90fb3f6"),
    (standard.IERC721, "80ac58cd"),
    (standard.IERC721Metadata, "5b5e139f"),
    (standard.IERC721Enumerable, "780e9d63"),
    (standard.IERC721Receiver, "150b7a02"),
    (standard.IERC1155, "d9b67a26"),
    (standard.IERC1155MetadataURI, "0e89341c"),
    (standard.IERC1155Receiver, "4e2312e0"),
    (standard.IERC2981, "2a55205a"),
)
PLAIN = ("01ffc9a7", "36372b07", "a219a025")
SAID = {
    "erc20-fixed": (*PLAIN, "9d8ff7da"),
    "erc20-mintable": (*PLAIN, "9d8ff7da", "7965db0b"),
    "erc20-capped": (*PLAIN, "9d8ff7da"),
    "erc20-votes": (*PLAIN, "9d8ff7da", "da287a1d", "e90fb3f6"),
    "erc20-restricted": (*PLAIN, "7965db0b", "ab84a5c8"),
    "erc20-full": (*PLAIN, "9d8ff7da", "7965db0b", "da287a1d", "e90fb3f6"),
    "erc721-collection": ("01ffc9a7", "80ac58cd", "5b5e139f", "49064906", "7965db0b"),
    "erc721-royalties": ("01ffc9a7", "80ac58cd", "5b5e139f", "780e9d63", "2a55205a"),
    "erc721-votes": ("01ffc9a7", "80ac58cd", "5b5e139f", "da287a1d", "e90fb3f6"),
    "erc1155-multi": ("01ffc9a7", "d9b67a26", "0e89341c", "7965db0b"),
}
CONTRACTS = {template.name: template.contract for template in TEMPLATES.values()}


@pytest.mark.parametrize(("interface", "number"), KNOWN, ids=lambda one: getattr(one, "__name__", one))
def test_ids_are_those_of_the_standards(interface: type[Interface], number: str) -> None:
    assert interface_id(interface).hex() == number


@pytest.mark.parametrize("name", list(SAID))
def test_a_token_has_the_interfaces_that_it_says_and_says_those_it_has(name: str) -> None:
    contract: Any = CONTRACTS[name]
    assert sorted(one.hex() for one in contract.interface_ids) == sorted(SAID[name])
    known: tuple[tuple[type[Interface], str], ...] = (*KNOWN, (IERC1404, "ab84a5c8"))
    for interface, number in known:
        assert (number in SAID[name]) == (
            functions_of_interface(interface) <= functions_of_contract(contract)
        )


def functions_of_interface(interface: type[Interface]) -> set[tuple[str, str]]:
    found = functions_of(interface).values()
    return {(one.signature.canonical, one.mutability.name) for one in found}


def functions_of_contract(contract: type[Contract]) -> set[tuple[str, str]]:
    return {(one.signature.canonical, one.mutability.name) for one in contract.functions.values()}


def test_class_ids_differ_and_are_never_changed() -> None:
    assert [(name, contract.class_id, contract.version) for name, contract in CONTRACTS.items()] == [
        ("erc20-fixed", 0x100, 1),
        ("erc20-mintable", 0x101, 1),
        ("erc20-capped", 0x102, 1),
        ("erc20-votes", 0x103, 1),
        ("erc20-restricted", 0x104, 1),
        ("erc20-full", 0x105, 1),
        ("erc721-collection", 0x110, 1),
        ("erc721-royalties", 0x111, 1),
        ("erc721-votes", 0x112, 1),
        ("erc1155-multi", 0x118, 1),
    ]


# --- calls that do much, with too little gas -----------------------------------------------------------------


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def full(chain: TestChain) -> ContractHandle:
    token = chain.deploy(FullToken, "Platinum", "PLT", 18, 5_000, 1_000, ALICE)
    token.delegate(ALICE, sender=ALICE)
    token.delegate(CAROL, sender=BOB)
    chain.mine()
    return token


def test_a_transfer_that_moves_votes_is_done_whole_or_not_at_all(
    chain: TestChain, full: ContractHandle
) -> None:
    assert chain.starve(full.transfer, BOB, 5, sender=ALICE).failed > 40


def test_so_are_permits_and_delegations_by_signature(chain: TestChain, full: ContractHandle) -> None:
    until = chain.block.timestamp
    signature = permit(full, "alice", BOB, 9, nonce=0, deadline=until)
    chain.starve(full.permit, ALICE, BOB, 9, until, *signature)
    chain.starve(full.delegateBySig, BOB, 0, until, *delegation(full, "alice", BOB, nonce=0, expiry=until))


def test_so_is_a_transfer_to_a_receiver_that_is_asked(chain: TestChain) -> None:
    cards = chain.deploy(RoyaltyCollection, "Cards", "CRD", "", BOB, 250, ALICE)
    cards.safeMint(ALICE, sender=ALICE)
    cards.safeMint(ALICE, sender=ALICE)
    receiver = chain.run_evm(answering(standard.IERC721Receiver.onERC721Received.selector + bytes(28)))
    chain.starve(cards.safeTransferFrom, ALICE, receiver, 0, sender=ALICE, levels=80)
    chain.starve(cards.burn, 0, sender=ALICE, levels=80)
    things = chain.deploy(MultiToken, "", ALICE)
    receiver = chain.run_evm(answering(standard.IERC1155Receiver.onERC1155BatchReceived.selector + bytes(28)))
    chain.starve(things.mintBatch, receiver, [1, 2, 3], [4, 5, 6], b"x", sender=ALICE, levels=80)


def test_so_is_a_recovery(chain: TestChain) -> None:
    token = chain.deploy(RestrictedToken, "Share", "SHR", 0, True, ALICE)
    token.registerIdentity(BOB, CAROL, 276, sender=ALICE)
    token.mint(BOB, 100, sender=ALICE)
    token.freezePartialTokens(BOB, 60, sender=ALICE)
    token.setAddressFrozen(BOB, True, sender=ALICE)
    chain.starve(token.recoveryAddress, BOB, ALICE, CAROL, sender=ALICE, levels=80)


def test_a_long_batch_pays_for_every_entry(chain: TestChain) -> None:
    """An entry that changes nothing costs its storage access and its place in the call data all the same."""
    things = chain.deploy(MultiToken, "", ALICE)
    used = []
    for count in (100, 200):
        things.safeBatchTransferFrom(ALICE, BOB, [1] * count, [0] * count, b"", sender=ALICE)
        used.append(chain.gas_used)
    assert used[1] - used[0] > 100 * 400
    with fails("gas"):
        things.balanceOfBatch([NOBODY] * 5_000, list(range(5_000)), gas=5_000_000)


def test_a_name_of_a_role_is_its_hash(full: ContractHandle) -> None:
    assert (full.MINTER_ROLE(), full.PAUSER_ROLE()) == (keccak256(b"MINTER_ROLE"), keccak256(b"PAUSER_ROLE"))
