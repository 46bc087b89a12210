"""Collections: numbering, enumeration, URIs, pausing, burning."""

from __future__ import annotations

import pytest

from tests.vm.system.tokens.people import ALICE, BOB, CAROL, NOBODY, Attempts, coming_back, new_chain
from vm.system.access.ownable import Ownable
from vm.system.access.pausable import Pausable
from vm.system.access.roles import AccessControl
from vm.system.testing import ContractHandle, TestChain, reverts
from vm.system.tokens.erc721 import ERC721
from vm.system.tokens.erc721_extensions import ERC721Enumerable, ERC721URIStorage
from vm.system.tokens.interfaces import IERC721Receiver
from vm.system.tokens.templates.collections import CollectionToken, RoyaltyCollection
from vm.system.tokens.templates.roles import MINTER

ACCEPTED = IERC721Receiver.onERC721Received.selector + bytes(28)


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def collection(chain: TestChain) -> ContractHandle:
    return chain.deploy(CollectionToken, "Art", "ART", "ipfs://", ALICE)


@pytest.fixture
def listed(chain: TestChain) -> ContractHandle:
    return chain.deploy(RoyaltyCollection, "Cards", "CRD", "https://cards/", BOB, 250, ALICE)


def test_tokens_are_numbered_as_they_are_made(chain: TestChain, collection: ContractHandle) -> None:
    assert collection.safeMint(BOB, "first", sender=ALICE) == 0
    assert chain.logs == [ERC721URIStorage.MetadataUpdate(0), ERC721.Transfer(NOBODY, BOB, 0)]
    assert collection.safeMint(BOB, "", sender=ALICE) == 1
    assert (collection.tokenURI(0), collection.tokenURI(1)) == ("ipfs://first", "ipfs://1")
    with reverts(ERC721.ERC721NonexistentToken, 2):
        collection.tokenURI(2)


def test_without_a_beginning_a_uri_is_the_tokens_own(chain: TestChain) -> None:
    collection = chain.deploy(CollectionToken, "Art", "ART", "", ALICE)
    collection.safeMint(BOB, "ar://x", sender=ALICE)
    collection.safeMint(BOB, "", sender=ALICE)
    assert (collection.tokenURI(0), collection.tokenURI(1)) == ("ar://x", "")


def test_a_number_is_never_used_again(collection: ContractHandle) -> None:
    collection.safeMint(BOB, "", sender=ALICE)
    collection.burn(0, sender=BOB)
    assert collection.safeMint(BOB, "", sender=ALICE) == 1


def test_only_minters_make_tokens(collection: ContractHandle, listed: ContractHandle) -> None:
    with reverts(AccessControl.AccessControlUnauthorizedAccount, BOB, MINTER):
        collection.safeMint(BOB, "", sender=BOB)
    with reverts(Ownable.OwnableUnauthorizedAccount, BOB):
        listed.safeMint(BOB, sender=BOB)


def test_nothing_moves_while_paused(collection: ContractHandle) -> None:
    collection.safeMint(BOB, "", sender=ALICE)
    collection.pause(sender=ALICE)
    attempts: Attempts = (
        lambda: collection.transferFrom(BOB, CAROL, 0, sender=BOB),
        lambda: collection.safeMint(BOB, "", sender=ALICE),
        lambda: collection.burn(0, sender=BOB),
    )
    for attempt in attempts:
        with reverts(Pausable.EnforcedPause):
            attempt()
    collection.approve(CAROL, 0, sender=BOB)
    collection.unpause(sender=ALICE)
    collection.transferFrom(BOB, CAROL, 0, sender=CAROL)


def test_burning_needs_an_approval(collection: ContractHandle) -> None:
    collection.safeMint(BOB, "", sender=ALICE)
    with reverts(ERC721.ERC721InsufficientApproval, ALICE, 0):
        collection.burn(0, sender=ALICE)
    collection.approve(ALICE, 0, sender=BOB)
    collection.burn(0, sender=ALICE)
    with reverts(ERC721.ERC721NonexistentToken, 0):
        collection.burn(0, sender=BOB)


def tokens_of(listed: ContractHandle, owner: bytes) -> list[int]:
    return [listed.tokenOfOwnerByIndex(owner, at) for at in range(listed.balanceOf(owner))]


def all_tokens(listed: ContractHandle) -> list[int]:
    return [listed.tokenByIndex(at) for at in range(listed.totalSupply())]


def test_lists_follow_every_change(listed: ContractHandle) -> None:
    for owner in (BOB, BOB, CAROL, BOB):
        listed.safeMint(owner, sender=ALICE)
    assert (tokens_of(listed, BOB), tokens_of(listed, CAROL)) == ([0, 1, 3], [2])
    assert listed.tokenURI(3) == "https://cards/3"
    listed.transferFrom(BOB, CAROL, 0, sender=BOB)
    assert (tokens_of(listed, BOB), tokens_of(listed, CAROL)) == ([3, 1], [2, 0])
    listed.burn(1, sender=BOB)
    assert (all_tokens(listed), tokens_of(listed, BOB)) == ([0, 3, 2], [3])
    listed.transferFrom(BOB, BOB, 3, sender=BOB)
    assert (all_tokens(listed), tokens_of(listed, BOB)) == ([0, 3, 2], [3])


def test_lists_end(listed: ContractHandle) -> None:
    listed.safeMint(BOB, sender=ALICE)
    for index in (1, 2**256 - 1):
        with reverts(ERC721Enumerable.ERC721OutOfBoundsIndex, BOB, index):
            listed.tokenOfOwnerByIndex(BOB, index)
        with reverts(ERC721Enumerable.ERC721OutOfBoundsIndex, NOBODY, index):
            listed.tokenByIndex(index)
    with reverts(ERC721.ERC721InvalidOwner, NOBODY):
        listed.tokenOfOwnerByIndex(NOBODY, 0)


def test_when_all_are_burnt_no_slot_is_left(chain: TestChain, listed: ContractHandle) -> None:
    before = chain.storage(listed)
    for _ in range(4):
        listed.safeMint(BOB, sender=ALICE)
    for one in (1, 0, 3, 2):
        listed.burn(one, sender=BOB)
    after = chain.storage(listed)
    assert {slot: after[slot] for slot in before} == before
    assert sorted(after.values()) == sorted([*before.values(), 4])  # the number of the next token


def test_a_receiver_that_mints_again_while_it_is_asked_gets_another_number(
    chain: TestChain, collection: ContractHandle
) -> None:
    """A minter that is a contract: the number is taken and the lists are right before it is asked."""
    payload = collection.safeMint.encode(BOB, "inner")
    minter = coming_back(chain, collection, lambda _: payload, ACCEPTED)
    collection.grantRole(MINTER, minter, sender=ALICE)
    assert collection.safeMint(minter, "outer", sender=ALICE) == 0
    assert (collection.ownerOf(0), collection.ownerOf(1)) == (minter, BOB)
    assert (collection.tokenURI(0), collection.tokenURI(1)) == ("ipfs://outer", "ipfs://inner")
