"""A security token: which transfers its rules forbid, and what agents do for holders."""

from __future__ import annotations

import pytest

from tests.vm.system.tokens.people import ALICE, BOB, CAROL, MALLORY, NOBODY, Attempts, new_chain
from vm.system.access.pausable import Pausable
from vm.system.access.roles import AccessControl
from vm.system.testing import ContractHandle, TestChain, address_of, reverts
from vm.system.tokens import restrictions
from vm.system.tokens.erc20 import ERC20
from vm.system.tokens.identities import AGENT, Identities
from vm.system.tokens.restrictions import MESSAGES, ERC20Restricted
from vm.system.tokens.templates.fungible import RestrictedToken

AGENT_HOLDER = address_of("agent")
IDENTITY = address_of("identity of bob")
OTHER = address_of("another identity")


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def open_token(chain: TestChain) -> ContractHandle:
    """Everybody may hold it who is not denied."""
    token = chain.deploy(RestrictedToken, "Share", "SHR", 0, False, ALICE)
    token.grantRole(AGENT, AGENT_HOLDER, sender=ALICE)
    token.mint(BOB, 1_000, sender=AGENT_HOLDER)
    return token


@pytest.fixture
def token(chain: TestChain) -> ContractHandle:
    """Only verified investors may hold it; BOB and CAROL are."""
    token = chain.deploy(RestrictedToken, "Share", "SHR", 0, True, ALICE)
    token.grantRole(AGENT, AGENT_HOLDER, sender=ALICE)
    token.batchRegisterIdentity([BOB, CAROL], [IDENTITY, OTHER], [276, 840], sender=AGENT_HOLDER)
    token.mint(BOB, 1_000, sender=AGENT_HOLDER)
    return token


def restricted(token: ContractHandle, code: int, from_: bytes, to: bytes, value: int) -> None:
    """The rules forbid the transfer with this code, in all ways that a holder has."""
    assert token.detectTransferRestriction(from_, to, value) == code
    assert token.messageForTransferRestriction(code) == MESSAGES[code]
    token.approve(MALLORY, value, sender=from_)
    attempts: Attempts = (
        lambda: token.transfer(to, value, sender=from_),
        lambda: token.transferFrom(from_, to, value, sender=MALLORY),
        lambda: token.batchTransfer([to], [value], sender=from_),
    )
    for attempt in attempts:
        with reverts(MESSAGES[code]):
            attempt()


def test_what_no_rule_forbids_passes(chain: TestChain, token: ContractHandle) -> None:
    assert token.detectTransferRestriction(BOB, CAROL, 10) == restrictions.SUCCESS
    assert token.messageForTransferRestriction(0) == "SUCCESS"
    assert token.transfer(CAROL, 10, sender=BOB)
    assert chain.logs == [ERC20.Transfer(BOB, CAROL, 10)]
    token.approve(MALLORY, 5, sender=BOB)
    assert token.transferFrom(BOB, CAROL, 5, sender=MALLORY)
    token.batchTransfer([CAROL, CAROL], [1, 2], sender=BOB)
    assert (token.balanceOf(BOB), token.balanceOf(CAROL)) == (982, 18)


def test_unknown_codes_have_a_message_too(token: ContractHandle) -> None:
    assert token.messageForTransferRestriction(len(MESSAGES)) == "UNKNOWN"
    assert token.messageForTransferRestriction(255) == "UNKNOWN"


def test_each_rule_forbids_with_its_code(token: ContractHandle) -> None:
    agent = AGENT_HOLDER
    token.pause(sender=agent)
    restricted(token, restrictions.PAUSED, BOB, CAROL, 1)
    token.unpause(sender=agent)
    token.setAddressFrozen(BOB, True, sender=agent)
    restricted(token, restrictions.SENDER_FROZEN, BOB, CAROL, 1)
    restricted(token, restrictions.RECEIVER_FROZEN, CAROL, BOB, 0)
    token.setAddressFrozen(BOB, False, sender=agent)
    token.setAddressDenied(BOB, True, sender=agent)
    restricted(token, restrictions.SENDER_DENIED, BOB, CAROL, 1)
    restricted(token, restrictions.RECEIVER_DENIED, CAROL, BOB, 0)
    token.setAddressDenied(BOB, False, sender=agent)
    restricted(token, restrictions.RECEIVER_NOT_VERIFIED, BOB, ALICE, 1)
    token.freezePartialTokens(BOB, 900, sender=agent)
    restricted(token, restrictions.AMOUNT_FROZEN, BOB, CAROL, 101)
    assert token.transfer(CAROL, 100, sender=BOB)


def test_a_balance_that_is_too_small_reverts_as_in_any_token(token: ContractHandle) -> None:
    with reverts(ERC20.ERC20InsufficientBalance, BOB, 1_000, 1_001):
        token.transfer(CAROL, 1_001, sender=BOB)
    with reverts(ERC20.ERC20InsufficientAllowance, MALLORY, 0, 1):
        token.transferFrom(BOB, CAROL, 1, sender=MALLORY)


def test_an_open_token_needs_no_register(chain: TestChain, open_token: ContractHandle) -> None:
    assert open_token.transfer(MALLORY, 5, sender=BOB)
    open_token.setAddressDenied(MALLORY, True, sender=AGENT_HOLDER)
    assert chain.logs == [Identities.AddressDenied(MALLORY, True, AGENT_HOLDER)]
    restricted(open_token, restrictions.RECEIVER_DENIED, BOB, MALLORY, 1)
    open_token.setVerificationRequired(True, sender=ALICE)
    assert chain.logs == [Identities.VerificationRequired(True)]
    assert open_token.isVerificationRequired()
    restricted(open_token, restrictions.RECEIVER_NOT_VERIFIED, BOB, CAROL, 1)


def test_a_restricted_country_may_send_but_not_receive(chain: TestChain, token: ContractHandle) -> None:
    token.transfer(CAROL, 10, sender=BOB)
    token.setCountryRestricted(840, True, sender=ALICE)
    assert chain.logs == [Identities.CountryRestricted(840, True)]
    assert not token.isVerified(CAROL)
    restricted(token, restrictions.RECEIVER_NOT_VERIFIED, BOB, CAROL, 1)
    assert token.transfer(BOB, 10, sender=CAROL)
    token.updateCountry(CAROL, 756, sender=AGENT_HOLDER)
    assert token.isVerified(CAROL)


def test_the_register(chain: TestChain, token: ContractHandle) -> None:
    assert (token.identity(BOB), token.investorCountry(BOB)) == (IDENTITY, 276)
    assert (token.contains(BOB), token.isVerified(BOB), token.contains(ALICE)) == (True, True, False)
    assert token.identityRegistry() == token.compliance() == token.address
    token.registerIdentity(BOB, OTHER, 56, sender=AGENT_HOLDER)
    assert chain.logs == [Identities.IdentityRegistered(BOB, OTHER), Identities.CountryUpdated(BOB, 56)]
    token.registerIdentity(BOB, IDENTITY, 276, sender=AGENT_HOLDER)
    token.deleteIdentity(BOB, sender=AGENT_HOLDER)
    assert chain.logs == [Identities.IdentityRemoved(BOB, IDENTITY)]
    assert not token.isVerified(BOB)
    with reverts(Identities.IdentityInvalid, BOB):
        token.deleteIdentity(BOB, sender=AGENT_HOLDER)
    with reverts(Identities.IdentityInvalid, BOB):
        token.updateCountry(BOB, 1, sender=AGENT_HOLDER)
    with reverts(Identities.IdentityInvalid, NOBODY):
        token.registerIdentity(BOB, NOBODY, 1, sender=AGENT_HOLDER)
    with reverts(Identities.IdentityInvalid, NOBODY):
        token.registerIdentity(NOBODY, BOB, 1, sender=AGENT_HOLDER)
    assert token.transfer(CAROL, 1, sender=BOB)  # it may still sell


def test_minting_keeps_the_rules_of_receiving(token: ContractHandle) -> None:
    with reverts(MESSAGES[restrictions.RECEIVER_NOT_VERIFIED]):
        token.mint(ALICE, 1, sender=AGENT_HOLDER)
    token.setAddressDenied(CAROL, True, sender=AGENT_HOLDER)
    with reverts(MESSAGES[restrictions.RECEIVER_DENIED]):
        token.batchMint([BOB, CAROL], [1, 1], sender=AGENT_HOLDER)
    token.batchMint([BOB, BOB], [1, 2], sender=AGENT_HOLDER)
    assert token.totalSupply() == token.balanceOf(BOB) == 1_003


def test_freezing_counts_up_and_down(chain: TestChain, token: ContractHandle) -> None:
    token.freezePartialTokens(BOB, 600, sender=AGENT_HOLDER)
    assert chain.logs == [ERC20Restricted.TokensFrozen(BOB, 600)]
    with reverts("amount exceeds the balance"):
        token.freezePartialTokens(BOB, 401, sender=AGENT_HOLDER)
    token.freezePartialTokens(BOB, 400, sender=AGENT_HOLDER)
    restricted(token, restrictions.AMOUNT_FROZEN, BOB, CAROL, 1)
    assert token.transfer(CAROL, 0, sender=BOB)
    with reverts("amount exceeds what is frozen"):
        token.unfreezePartialTokens(BOB, 1_001, sender=AGENT_HOLDER)
    token.unfreezePartialTokens(BOB, 999, sender=AGENT_HOLDER)
    assert chain.logs == [ERC20Restricted.TokensUnfrozen(BOB, 999)]
    assert token.getFrozenTokens(BOB) == 1


def test_a_forced_transfer_thaws_what_it_needs(chain: TestChain, token: ContractHandle) -> None:
    token.freezePartialTokens(BOB, 900, sender=AGENT_HOLDER)
    token.setAddressFrozen(BOB, True, sender=AGENT_HOLDER)
    token.pause(sender=AGENT_HOLDER)
    assert token.forcedTransfer(BOB, CAROL, 50, sender=AGENT_HOLDER)
    assert chain.logs == [ERC20.Transfer(BOB, CAROL, 50)]
    assert token.forcedTransfer(BOB, CAROL, 70, sender=AGENT_HOLDER)
    assert chain.logs == [ERC20Restricted.TokensUnfrozen(BOB, 20), ERC20.Transfer(BOB, CAROL, 70)]
    assert (token.getFrozenTokens(BOB), token.balanceOf(BOB)) == (880, 880)
    with reverts(ERC20.ERC20InsufficientBalance, BOB, 880, 881):
        token.forcedTransfer(BOB, CAROL, 881, sender=AGENT_HOLDER)
    with reverts(MESSAGES[restrictions.RECEIVER_NOT_VERIFIED]):
        token.forcedTransfer(BOB, ALICE, 1, sender=AGENT_HOLDER)
    token.batchForcedTransfer([BOB, CAROL], [CAROL, BOB], [880, 1], sender=AGENT_HOLDER)
    assert (token.getFrozenTokens(BOB), token.balanceOf(BOB)) == (0, 1)


def test_an_agent_burns_frozen_tokens_too(chain: TestChain, token: ContractHandle) -> None:
    token.freezePartialTokens(BOB, 1_000, sender=AGENT_HOLDER)
    token.burn(BOB, 300, sender=AGENT_HOLDER)
    assert chain.logs == [ERC20Restricted.TokensUnfrozen(BOB, 300), ERC20.Transfer(BOB, NOBODY, 300)]
    token.batchBurn([BOB, BOB], [100, 600], sender=AGENT_HOLDER)
    assert (token.totalSupply(), token.getFrozenTokens(BOB)) == (0, 0)


def test_recovery_gives_everything_to_the_new_account(chain: TestChain, token: ContractHandle) -> None:
    token.freezePartialTokens(BOB, 250, sender=AGENT_HOLDER)
    token.setAddressFrozen(BOB, True, sender=AGENT_HOLDER)
    assert token.recoveryAddress(BOB, ALICE, IDENTITY, sender=AGENT_HOLDER)
    assert chain.logs == [
        Identities.IdentityRegistered(ALICE, IDENTITY),
        Identities.CountryUpdated(ALICE, 276),
        ERC20Restricted.TokensUnfrozen(BOB, 250),
        ERC20.Transfer(BOB, ALICE, 1_000),
        ERC20Restricted.TokensFrozen(ALICE, 250),
        ERC20Restricted.AddressFrozen(BOB, False, AGENT_HOLDER),
        ERC20Restricted.AddressFrozen(ALICE, True, AGENT_HOLDER),
        Identities.IdentityRemoved(BOB, IDENTITY),
        ERC20Restricted.RecoverySuccess(BOB, ALICE, IDENTITY),
    ]
    assert (token.balanceOf(BOB), token.balanceOf(ALICE)) == (0, 1_000)
    assert (token.getFrozenTokens(BOB), token.getFrozenTokens(ALICE)) == (0, 250)
    assert (token.isFrozen(BOB), token.isFrozen(ALICE)) == (False, True)
    assert (token.identity(BOB), token.identity(ALICE), token.investorCountry(ALICE)) == (
        NOBODY,
        IDENTITY,
        276,
    )


def test_recovery_needs_the_right_identity(token: ContractHandle) -> None:
    for lost, new, identity in (
        (BOB, ALICE, OTHER),  # not the identity of the lost account
        (BOB, CAROL, IDENTITY),  # the new account is another investor's
        (BOB, BOB, IDENTITY),
    ):
        with reverts("recovery not possible"):
            token.recoveryAddress(lost, new, identity, sender=AGENT_HOLDER)
    with reverts("no tokens to recover"):
        token.recoveryAddress(CAROL, ALICE, OTHER, sender=AGENT_HOLDER)
    token.setAddressDenied(ALICE, True, sender=AGENT_HOLDER)
    with reverts("recovery not possible"):
        token.recoveryAddress(BOB, ALICE, IDENTITY, sender=AGENT_HOLDER)


def test_an_unregistered_account_is_not_recovered(open_token: ContractHandle) -> None:
    with reverts("recovery not possible"):
        open_token.recoveryAddress(BOB, ALICE, NOBODY, sender=AGENT_HOLDER)


def test_lists_of_different_length_are_refused(token: ContractHandle) -> None:
    attempts: Attempts = (
        lambda: token.batchTransfer([CAROL], [], sender=BOB),
        lambda: token.batchMint([], [1], sender=AGENT_HOLDER),
        lambda: token.batchBurn([BOB], [], sender=AGENT_HOLDER),
        lambda: token.batchForcedTransfer([BOB], [CAROL], [1, 2], sender=AGENT_HOLDER),
        lambda: token.batchForcedTransfer([BOB], [], [1], sender=AGENT_HOLDER),
        lambda: token.batchSetAddressFrozen([BOB], [], sender=AGENT_HOLDER),
        lambda: token.batchSetAddressDenied([BOB], [], sender=AGENT_HOLDER),
        lambda: token.batchRegisterIdentity([BOB], [IDENTITY], [], sender=AGENT_HOLDER),
    )
    for attempt in attempts:
        with reverts("array lengths differ"):
            attempt()


def test_a_batch_is_done_whole_or_not_at_all(token: ContractHandle) -> None:
    with reverts(MESSAGES[restrictions.RECEIVER_NOT_VERIFIED]):
        token.batchTransfer([CAROL, ALICE], [1, 1], sender=BOB)
    assert token.balanceOf(CAROL) == 0


def test_batches_of_flags(token: ContractHandle) -> None:
    token.batchSetAddressFrozen([BOB, CAROL], [True, False], sender=AGENT_HOLDER)
    token.batchSetAddressDenied([BOB, CAROL], [False, True], sender=AGENT_HOLDER)
    assert [token.isFrozen(who) for who in (BOB, CAROL)] == [True, False]
    assert [token.isDenied(who) for who in (BOB, CAROL)] == [False, True]


def test_agents_and_administrators_are_not_the_same(token: ContractHandle) -> None:
    with reverts(AccessControl.AccessControlUnauthorizedAccount, BOB, AGENT):
        token.forcedTransfer(CAROL, BOB, 1, sender=BOB)
    with reverts(AccessControl.AccessControlUnauthorizedAccount, AGENT_HOLDER, bytes(32)):
        token.setVerificationRequired(False, sender=AGENT_HOLDER)
    with reverts(AccessControl.AccessControlUnauthorizedAccount, AGENT_HOLDER, bytes(32)):
        token.setCountryRestricted(1, True, sender=AGENT_HOLDER)
    with reverts(Pausable.ExpectedPause):
        token.unpause(sender=AGENT_HOLDER)
