"""Votes: delegation, checkpoints by block, signatures; OpenZeppelin's events in OpenZeppelin's order."""

from __future__ import annotations

import pytest

from tests.vm.system.tokens.people import ALICE, BOB, CAROL, NOBODY, delegation, new_chain, permit
from vm.system.errors import PanicCode
from vm.system.signatures.eip712 import Nonces
from vm.system.signatures.signers import SignatureChecks
from vm.system.testing import ContractHandle, TestChain, reverts
from vm.system.tokens.erc20 import ERC20
from vm.system.tokens.erc721 import ERC721
from vm.system.tokens.templates.collections import MembershipCollection
from vm.system.tokens.templates.fungible import VotesToken
from vm.system.tokens.votes import MAX_SUPPLY, ERC20Votes, Votes


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def token(chain: TestChain) -> ContractHandle:
    return chain.deploy(VotesToken, "Vote", "VOT", 1_000, ALICE)


def test_nobody_has_votes_until_somebody_delegates(token: ContractHandle) -> None:
    assert (token.getVotes(ALICE), token.delegates(ALICE)) == (0, NOBODY)


def test_delegating_to_oneself_makes_votes(chain: TestChain, token: ContractHandle) -> None:
    token.delegate(ALICE, sender=ALICE)
    assert chain.logs == [
        Votes.DelegateChanged(ALICE, NOBODY, ALICE),
        Votes.DelegateVotesChanged(ALICE, 0, 1_000),
    ]
    assert (token.getVotes(ALICE), token.delegates(ALICE)) == (1_000, ALICE)


def test_delegating_anew_moves_the_votes(chain: TestChain, token: ContractHandle) -> None:
    token.delegate(BOB, sender=ALICE)
    token.delegate(CAROL, sender=ALICE)
    assert chain.logs == [
        Votes.DelegateChanged(ALICE, BOB, CAROL),
        Votes.DelegateVotesChanged(BOB, 1_000, 0),
        Votes.DelegateVotesChanged(CAROL, 0, 1_000),
    ]
    token.delegate(NOBODY, sender=ALICE)
    assert (token.getVotes(BOB), token.getVotes(CAROL)) == (0, 0)


def test_without_tokens_delegation_moves_nothing(chain: TestChain, token: ContractHandle) -> None:
    token.delegate(ALICE, sender=BOB)
    assert chain.logs == [Votes.DelegateChanged(BOB, NOBODY, ALICE)]


def test_votes_follow_tokens(chain: TestChain, token: ContractHandle) -> None:
    token.delegate(ALICE, sender=ALICE)
    token.delegate(CAROL, sender=BOB)
    token.transfer(BOB, 300, sender=ALICE)
    assert chain.logs == [
        ERC20.Transfer(ALICE, BOB, 300),
        Votes.DelegateVotesChanged(ALICE, 1_000, 700),
        Votes.DelegateVotesChanged(CAROL, 0, 300),
    ]


def test_between_accounts_of_one_delegate_nothing_changes(chain: TestChain, token: ContractHandle) -> None:
    token.delegate(CAROL, sender=ALICE)
    token.delegate(CAROL, sender=BOB)
    token.transfer(BOB, 300, sender=ALICE)
    assert chain.logs == [ERC20.Transfer(ALICE, BOB, 300)]
    assert token.numCheckpoints(CAROL) == 1


def test_past_votes_are_those_at_the_end_of_the_block(chain: TestChain, token: ContractHandle) -> None:
    start = chain.block.number
    token.delegate(ALICE, sender=ALICE)
    token.transfer(BOB, 1, sender=ALICE)
    chain.mine()
    token.transfer(BOB, 10, sender=ALICE)
    chain.mine(2)
    token.burn(100, sender=ALICE)
    chain.mine()
    assert [token.getPastVotes(ALICE, start + at) for at in (-1, 0, 1, 2, 3)] == [0, 999, 989, 989, 889]
    assert [token.getPastTotalSupply(start + at) for at in (-1, 0, 1, 2, 3)] == [0, 1_000, 1_000, 1_000, 900]


def test_one_checkpoint_for_each_block(chain: TestChain, token: ContractHandle) -> None:
    start = chain.block.number
    token.delegate(ALICE, sender=ALICE)
    token.transfer(BOB, 1, sender=ALICE)
    chain.mine()
    token.transfer(BOB, 10, sender=ALICE)
    assert token.numCheckpoints(ALICE) == 2
    first, second = token.checkpoints(ALICE, 0), token.checkpoints(ALICE, 1)
    assert (first.key, first.value) == (start, 999)
    assert (second.key, second.value) == (start + 1, 989)
    with reverts(panic=PanicCode.INDEX_OUT_OF_BOUNDS):
        token.checkpoints(ALICE, 2)


def test_the_present_and_the_future_have_no_past_votes(chain: TestChain, token: ContractHandle) -> None:
    now = chain.block.number
    for timepoint in (now, now + 1, 2**256 - 1):
        with reverts(Votes.ERC5805FutureLookup, timepoint, now):
            token.getPastVotes(ALICE, timepoint)
        with reverts(Votes.ERC5805FutureLookup, timepoint, now):
            token.getPastTotalSupply(timepoint)


def test_the_clock_counts_blocks(chain: TestChain, token: ContractHandle) -> None:
    assert (token.clock(), token.CLOCK_MODE()) == (chain.block.number, "mode=blocknumber&from=default")


@pytest.mark.parametrize("count", [1, 5, 6, 7, 30])
def test_any_block_of_a_long_history_is_found(chain: TestChain, token: ContractHandle, count: int) -> None:
    token.delegate(BOB, sender=ALICE)
    expected = {}
    for index in range(count):
        chain.mine(1 + index % 3)
        token.burn(1, sender=ALICE)
        expected[chain.block.number] = 999 - index
    last, value = chain.block.number, 1_000
    chain.mine()
    for block in range(1, last + 1):
        value = expected.get(block, value)
        assert token.getPastVotes(BOB, block) == value


def test_a_delegation_by_signature(chain: TestChain, token: ContractHandle) -> None:
    expiry = chain.block.timestamp
    signature = delegation(token, "alice", BOB, nonce=0, expiry=expiry)
    token.delegateBySig(BOB, 0, expiry, *signature, sender=CAROL)
    assert (token.delegates(ALICE), token.getVotes(BOB), token.nonces(ALICE)) == (BOB, 1_000, 1)
    with reverts(Nonces.InvalidAccountNonce, ALICE, 1):
        token.delegateBySig(BOB, 0, expiry, *signature)


def test_a_delegation_by_signature_that_is_late_wrong_or_bent(
    chain: TestChain, token: ContractHandle
) -> None:
    expiry = chain.block.timestamp
    v, r, s = delegation(token, "alice", BOB, nonce=0, expiry=expiry)
    with reverts(Votes.VotesExpiredSignature, expiry - 1):
        token.delegateBySig(BOB, 0, expiry - 1, v, r, s)
    with reverts(SignatureChecks.ECDSAInvalidSignature):
        token.delegateBySig(BOB, 0, expiry, 0, r, s)
    with reverts(SignatureChecks.ECDSAInvalidSignatureS):
        token.delegateBySig(BOB, 0, expiry, v, r, b"\xff" * 32)
    early = delegation(token, "alice", BOB, nonce=1, expiry=expiry)
    with reverts(Nonces.InvalidAccountNonce, ALICE, 0):
        token.delegateBySig(BOB, 1, expiry, *early)
    token.delegateBySig(CAROL, 0, expiry, v, r, s)  # is a signature of somebody, who has no votes to give
    assert token.delegates(ALICE) == NOBODY


def test_permits_and_delegations_count_with_one_nonce(chain: TestChain, token: ContractHandle) -> None:
    now = chain.block.timestamp
    token.permit(ALICE, BOB, 1, now, *permit(token, "alice", BOB, 1, nonce=0, deadline=now))
    token.delegateBySig(BOB, 1, now, *delegation(token, "alice", BOB, nonce=1, expiry=now))
    assert token.nonces(ALICE) == 2


def test_the_supply_of_votes_ends_at_208_bits(chain: TestChain) -> None:
    token = chain.deploy(VotesToken, "Vote", "VOT", MAX_SUPPLY, ALICE)
    with reverts(ERC20Votes.ERC20ExceededSafeSupply, MAX_SUPPLY + 1, MAX_SUPPLY):
        token.mint(BOB, 1, sender=ALICE)
    token.delegate(BOB, sender=ALICE)
    assert token.getVotes(BOB) == MAX_SUPPLY
    with reverts(ERC20Votes.ERC20ExceededSafeSupply, 2**256 - 1, MAX_SUPPLY):
        chain.deploy(VotesToken, "Vote", "VOT", 2**256 - 1, ALICE)


def test_each_token_of_a_membership_is_a_vote(chain: TestChain) -> None:
    club = chain.deploy(MembershipCollection, "Club", "CLB", "https://club/", ALICE)
    assert club.eip712Domain()[1] == "Club"
    club.safeMint(BOB, sender=ALICE)
    assert club.tokenURI(0) == "https://club/0"
    club.delegate(CAROL, sender=BOB)
    club.safeMint(BOB, sender=ALICE)
    assert chain.logs == [ERC721.Transfer(NOBODY, BOB, 1), Votes.DelegateVotesChanged(CAROL, 1, 2)]
    club.transferFrom(BOB, ALICE, 0, sender=BOB)
    block = chain.block.number
    chain.mine()
    assert (club.getPastVotes(CAROL, block), club.getPastTotalSupply(block)) == (1, 2)
    club.burn(1, sender=BOB)
    assert club.getVotes(CAROL) == 0
