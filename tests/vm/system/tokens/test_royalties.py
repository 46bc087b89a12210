"""Royalties of all tokens and of single ones (ERC-2981)."""

from __future__ import annotations

import pytest

from tests.vm.system.tokens.people import ALICE, BOB, CAROL, NOBODY, Attempts, new_chain
from vm.system.access.ownable import Ownable
from vm.system.testing import ContractHandle, TestChain, reverts
from vm.system.tokens.royalties import ERC2981
from vm.system.tokens.templates.collections import RoyaltyCollection


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def token(chain: TestChain) -> ContractHandle:
    return chain.deploy(RoyaltyCollection, "Cards", "CRD", "https://cards/", BOB, 250, ALICE)


def test_a_royalty_is_a_part_of_the_price(token: ContractHandle) -> None:
    assert token.royaltyInfo(5, 10_000) == (BOB, 250)
    assert token.royaltyInfo(5, 39) == (BOB, 0)  # rounds down
    most = 2**256 - 1
    assert token.royaltyInfo(5, most) == (BOB, most * 250 // 10_000)


def test_a_token_may_have_its_own(token: ContractHandle) -> None:
    token.setTokenRoyalty(5, CAROL, 10_000, sender=ALICE)
    assert (token.royaltyInfo(5, 77), token.royaltyInfo(6, 10_000)) == ((CAROL, 77), (BOB, 250))
    token.resetTokenRoyalty(5, sender=ALICE)
    assert token.royaltyInfo(5, 10_000) == (BOB, 250)


def test_the_royalty_of_all_can_change_and_end(token: ContractHandle) -> None:
    token.setDefaultRoyalty(CAROL, 1, sender=ALICE)
    assert token.royaltyInfo(0, 10_000) == (CAROL, 1)
    token.deleteDefaultRoyalty(sender=ALICE)
    assert token.royaltyInfo(0, 10_000) == (NOBODY, 0)


def test_a_royalty_is_at_most_the_price_and_goes_to_somebody(chain: TestChain, token: ContractHandle) -> None:
    with reverts(ERC2981.ERC2981InvalidDefaultRoyalty, 10_001, 10_000):
        token.setDefaultRoyalty(BOB, 10_001, sender=ALICE)
    with reverts(ERC2981.ERC2981InvalidDefaultRoyaltyReceiver, NOBODY):
        token.setDefaultRoyalty(NOBODY, 1, sender=ALICE)
    token.setDefaultRoyalty(BOB, 10_000, sender=ALICE)
    assert token.royaltyInfo(0, 5) == (BOB, 5)
    with reverts(ERC2981.ERC2981InvalidTokenRoyalty, 3, 2**96 - 1, 10_000):
        token.setTokenRoyalty(3, BOB, 2**96 - 1, sender=ALICE)
    with reverts(ERC2981.ERC2981InvalidTokenRoyaltyReceiver, 3, NOBODY):
        token.setTokenRoyalty(3, NOBODY, 1, sender=ALICE)
    with reverts(ERC2981.ERC2981InvalidDefaultRoyalty, 10_001, 10_000):
        chain.deploy(RoyaltyCollection, "C", "C", "", BOB, 10_001, ALICE)


def test_only_the_owner_sets_royalties(token: ContractHandle) -> None:
    attempts: Attempts = (
        lambda: token.setDefaultRoyalty(BOB, 1, sender=BOB),
        lambda: token.deleteDefaultRoyalty(sender=BOB),
        lambda: token.setTokenRoyalty(1, BOB, 1, sender=BOB),
        lambda: token.resetTokenRoyalty(1, sender=BOB),
    )
    for attempt in attempts:
        with reverts(Ownable.OwnableUnauthorizedAccount, BOB):
            attempt()
