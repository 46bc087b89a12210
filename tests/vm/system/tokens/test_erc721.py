"""Tokens that are told apart: owners, approvals, safe transfers and what receivers may do meanwhile."""

from __future__ import annotations

import pytest

from tests.vm.system.tokens.people import ALICE, BOB, CAROL, MALLORY, NOBODY, Attempts, coming_back, new_chain
from vm.system.framework import address, external, u256
from vm.system.testing import ContractHandle, TestChain, reverts
from vm.system.testing.bytecode import answering, assemble, reverting
from vm.system.tokens.erc721 import ERC721
from vm.system.tokens.interfaces import IERC721Receiver

ACCEPTED = IERC721Receiver.onERC721Received.selector + bytes(28)


class FreeCollection(ERC721, class_id=0xFFFF0201, version=1):
    """Anybody makes and destroys tokens."""

    def constructor(self) -> None:
        self._set_names("Free", "FRE")

    @external(lock=False)
    def mint(self, to: address, tokenId: u256) -> None:
        self._mint(to, tokenId)

    @external(lock=False)
    def safe_mint(self, to: address, tokenId: u256, data: bytes) -> None:
        self._safe_mint(to, tokenId, data)

    @external(lock=False)
    def burn(self, tokenId: u256) -> None:
        self._burn(tokenId)


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def token(chain: TestChain) -> ContractHandle:
    made = chain.deploy(FreeCollection)
    made.mint(ALICE, 7)
    return made


def test_a_new_token_belongs_to_somebody(chain: TestChain, token: ContractHandle) -> None:
    token.mint(BOB, 2**256 - 1)
    assert chain.logs == [ERC721.Transfer(NOBODY, BOB, 2**256 - 1)]
    assert (token.ownerOf(2**256 - 1), token.balanceOf(BOB)) == (BOB, 1)
    assert (token.name(), token.symbol(), token.tokenURI(7)) == ("Free", "FRE", "")


def test_what_cannot_be_made(token: ContractHandle) -> None:
    with reverts(ERC721.ERC721InvalidSender, NOBODY):
        token.mint(BOB, 7)
    with reverts(ERC721.ERC721InvalidReceiver, NOBODY):
        token.mint(NOBODY, 8)
    assert token.ownerOf(7) == ALICE


def test_a_token_that_does_not_exist(token: ContractHandle) -> None:
    attempts: Attempts = (
        lambda: token.ownerOf(8),
        lambda: token.getApproved(8),
        lambda: token.tokenURI(8),
        lambda: token.approve(BOB, 8, sender=ALICE),
        lambda: token.transferFrom(ALICE, BOB, 8, sender=ALICE),
        lambda: token.burn(8),
    )
    for ask in attempts:
        with reverts(ERC721.ERC721NonexistentToken, 8):
            ask()
    with reverts(ERC721.ERC721InvalidOwner, NOBODY):
        token.balanceOf(NOBODY)


def test_owner_operator_and_approved_may_transfer(chain: TestChain, token: ContractHandle) -> None:
    token.transferFrom(ALICE, BOB, 7, sender=ALICE)
    assert chain.logs == [ERC721.Transfer(ALICE, BOB, 7)]
    token.setApprovalForAll(CAROL, True, sender=BOB)
    assert chain.logs == [ERC721.ApprovalForAll(BOB, CAROL, True)]
    token.transferFrom(BOB, ALICE, 7, sender=CAROL)
    token.approve(BOB, 7, sender=ALICE)
    assert chain.logs == [ERC721.Approval(ALICE, BOB, 7)]
    token.transferFrom(ALICE, CAROL, 7, sender=BOB)
    assert token.ownerOf(7) == CAROL
    assert [token.balanceOf(who) for who in (ALICE, BOB, CAROL)] == [0, 0, 1]


def test_a_transfer_takes_the_approval_away(chain: TestChain, token: ContractHandle) -> None:
    token.approve(BOB, 7, sender=ALICE)
    token.transferFrom(ALICE, CAROL, 7, sender=BOB)
    assert chain.logs == [ERC721.Transfer(ALICE, CAROL, 7)]  # without an Approval event
    assert token.getApproved(7) == NOBODY
    with reverts(ERC721.ERC721InsufficientApproval, BOB, 7):
        token.transferFrom(CAROL, BOB, 7, sender=BOB)


def test_who_may_not_transfer(token: ContractHandle) -> None:
    with reverts(ERC721.ERC721InsufficientApproval, MALLORY, 7):
        token.transferFrom(ALICE, MALLORY, 7, sender=MALLORY)
    with reverts(ERC721.ERC721InvalidReceiver, NOBODY):
        token.transferFrom(ALICE, NOBODY, 7, sender=ALICE)
    with reverts(ERC721.ERC721IncorrectOwner, BOB, 7, ALICE):
        token.transferFrom(BOB, CAROL, 7, sender=ALICE)
    with reverts(ERC721.ERC721InsufficientApproval, MALLORY, 7):  # comes before the owner is compared
        token.transferFrom(BOB, CAROL, 7, sender=MALLORY)


def test_who_may_not_approve(token: ContractHandle) -> None:
    token.approve(BOB, 7, sender=ALICE)
    for stranger in (MALLORY, BOB):  # an approved account cannot pass its approval on
        with reverts(ERC721.ERC721InvalidApprover, stranger):
            token.approve(MALLORY, 7, sender=stranger)
    with reverts(ERC721.ERC721InvalidOperator, NOBODY):
        token.setApprovalForAll(NOBODY, True, sender=ALICE)
    with reverts(ERC721.ERC721InvalidApprover, NOBODY):
        token.setApprovalForAll(NOBODY, True, sender=NOBODY)
    token.setApprovalForAll(CAROL, True, sender=ALICE)
    token.approve(NOBODY, 7, sender=CAROL)
    assert token.getApproved(7) == NOBODY


def test_an_operator_is_dismissed(token: ContractHandle) -> None:
    token.setApprovalForAll(CAROL, True, sender=ALICE)
    token.setApprovalForAll(CAROL, False, sender=ALICE)
    assert not token.isApprovedForAll(ALICE, CAROL)
    with reverts(ERC721.ERC721InsufficientApproval, CAROL, 7):
        token.transferFrom(ALICE, CAROL, 7, sender=CAROL)


def test_a_transfer_to_oneself_changes_nothing(chain: TestChain, token: ContractHandle) -> None:
    token.transferFrom(ALICE, ALICE, 7, sender=ALICE)
    assert (token.ownerOf(7), token.balanceOf(ALICE)) == (ALICE, 1)


def test_burning(chain: TestChain, token: ContractHandle) -> None:
    token.approve(BOB, 7, sender=ALICE)
    token.burn(7)
    assert chain.logs == [ERC721.Transfer(ALICE, NOBODY, 7)]
    assert token.balanceOf(ALICE) == 0
    token.mint(CAROL, 7)
    assert token.getApproved(7) == NOBODY


# --- receivers --------------------------------------------------------------------------------------------


def test_accounts_without_code_are_not_asked(token: ContractHandle) -> None:
    token.safeTransferFrom(ALICE, BOB, 7, sender=ALICE)
    assert token.ownerOf(7) == BOB


def echoing(slots: int) -> bytes:
    """Accepts, and keeps the first words of its call data in its storage."""
    code = b"".join(
        assemble(4 + 32 * at, "CALLDATALOAD", at + 1, "SSTORE") for at in range(slots)
    ) + assemble("CALLDATASIZE", 0, "SSTORE")
    return code + answering(ACCEPTED)


def test_a_receiver_sees_operator_sender_token_and_data(chain: TestChain, token: ContractHandle) -> None:
    receiver = chain.run_evm(echoing(6))
    token.setApprovalForAll(CAROL, True, sender=ALICE)
    token.safe_transfer_from_with_data(ALICE, receiver, 7, b"hello", sender=CAROL)
    assert token.ownerOf(7) == receiver
    stored = chain.storage(receiver)
    assert stored[0] == 4 + 32 * 6
    assert [stored[at] for at in (1, 2, 3, 4, 5)] == [
        int.from_bytes(CAROL), int.from_bytes(ALICE), 7, 0x80, 5,
    ]  # fmt: skip
    assert stored[6].to_bytes(32) == b"hello".ljust(32, b"\0")


def test_a_receiver_of_a_new_token_is_asked_too(chain: TestChain, token: ContractHandle) -> None:
    receiver = chain.run_evm(echoing(5))
    token.safe_mint(receiver, 8, b"", sender=BOB)
    stored = chain.storage(receiver)
    assert [stored.get(at, 0) for at in (1, 2, 3, 4, 5)] == [int.from_bytes(BOB), 0, 8, 0x80, 0]


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (answering(bytes(32)), None),
        (answering(b"\xde\xad\xbe\xef" + bytes(28)), None),
        (reverting(), None),
        (assemble("INVALID"), None),
        (reverting(b"no, thanks"), b"no, thanks"),
        (reverting(b"\x01"), b"\x01"),
        (assemble("STOP"), b""),
        (answering(ACCEPTED[:4]), b""),
        (answering(ACCEPTED[:4] + bytes(27) + b"\x01"), b""),
    ],
    ids=[
        "zero", "another word", "reverts", "fails", "reverts with a reason", "reverts with a byte", "no answer",
        "a short answer", "more than four bytes",
    ],
)  # fmt: skip
def test_a_receiver_that_does_not_accept_gets_nothing(
    chain: TestChain, token: ContractHandle, code: bytes, data: bytes | None
) -> None:
    """As with OpenZeppelin: a reason is passed on, an answer that is no bytes4 reverts without any."""
    receiver = chain.run_evm(code)
    expected = ERC721.ERC721InvalidReceiver(receiver).data if data is None else data
    with reverts(data=expected):
        token.safeTransferFrom(ALICE, receiver, 7, sender=ALICE)
    with reverts(data=expected):
        token.safe_mint(receiver, 8, b"")
    assert token.ownerOf(7) == ALICE
    token.transferFrom(ALICE, receiver, 7, sender=ALICE)  # which asks nobody
    assert token.ownerOf(7) == receiver


def test_a_long_answer_that_begins_well_accepts(chain: TestChain, token: ContractHandle) -> None:
    receiver = chain.run_evm(answering(ACCEPTED + bytes(64)))
    token.safeTransferFrom(ALICE, receiver, 7, sender=ALICE)
    assert token.ownerOf(7) == receiver


def test_a_receiver_may_pass_the_token_on_at_once(chain: TestChain, token: ContractHandle) -> None:
    """The transfer is complete when the receiver is asked: it owns the token."""
    receiver = coming_back(chain, token, lambda own: token.transferFrom.encode(own, BOB, 7), ACCEPTED)
    token.safeTransferFrom(ALICE, receiver, 7, sender=ALICE)
    assert chain.logs == [ERC721.Transfer(ALICE, receiver, 7), ERC721.Transfer(receiver, BOB, 7)]
    assert token.ownerOf(7) == BOB
    assert [token.balanceOf(who) for who in (ALICE, receiver, BOB)] == [0, 0, 1]


def test_a_receiver_cannot_take_another_token(chain: TestChain, token: ContractHandle) -> None:
    token.mint(ALICE, 8)
    thief = coming_back(chain, token, lambda own: token.transferFrom.encode(ALICE, own, 8), ACCEPTED)
    with reverts(ERC721.ERC721InsufficientApproval, thief, 8):
        token.safeTransferFrom(ALICE, thief, 7, sender=ALICE)
    assert [token.ownerOf(one) for one in (7, 8)] == [ALICE, ALICE]


def test_an_approval_given_while_asked_ends_with_the_next_transfer(
    chain: TestChain, token: ContractHandle
) -> None:
    receiver = coming_back(chain, token, lambda _: token.approve.encode(MALLORY, 7), ACCEPTED)
    token.safeTransferFrom(ALICE, receiver, 7, sender=ALICE)
    assert token.getApproved(7) == MALLORY
    token.transferFrom(receiver, BOB, 7, sender=MALLORY)
    with reverts(ERC721.ERC721InsufficientApproval, MALLORY, 7):
        token.transferFrom(BOB, MALLORY, 7, sender=MALLORY)


def test_a_receiver_that_burns_all_gas_moves_nothing(chain: TestChain, token: ContractHandle) -> None:
    loop = chain.run_evm(assemble("JUMPDEST", 0, "JUMP"))
    with reverts(ERC721.ERC721InvalidReceiver, loop):  # with the 64th that was left
        token.safeTransferFrom(ALICE, loop, 7, sender=ALICE, gas=2_000_000)
    assert token.ownerOf(7) == ALICE
