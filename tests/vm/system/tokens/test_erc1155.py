"""Many tokens in one contract: batches, receivers, supplies, URIs."""

from __future__ import annotations

import pytest

from tests.vm.system.tokens.people import ALICE, BOB, CAROL, MALLORY, NOBODY, Attempts, coming_back, new_chain
from vm.system.access.pausable import Pausable
from vm.system.errors import PanicCode
from vm.system.testing import ContractHandle, TestChain, reverts
from vm.system.testing.bytecode import answering, assemble, reverting
from vm.system.tokens.erc1155 import ERC1155
from vm.system.tokens.interfaces import IERC1155Receiver
from vm.system.tokens.templates.collections import MultiToken

MOST = 2**256 - 1
ONE = IERC1155Receiver.onERC1155Received.selector + bytes(28)
MANY = IERC1155Receiver.onERC1155BatchReceived.selector + bytes(28)


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def token(chain: TestChain) -> ContractHandle:
    made = chain.deploy(MultiToken, "https://things/{id}", ALICE)
    made.mintBatch(ALICE, [1, 2], [100, 200], b"", sender=ALICE)
    return made


def test_a_batch_is_made_and_logged_as_one(chain: TestChain, token: ContractHandle) -> None:
    token.mintBatch(BOB, [5, 5, 6], [1, 2, 3], b"", sender=ALICE)
    assert chain.logs == [ERC1155.TransferBatch(ALICE, NOBODY, BOB, [5, 5, 6], [1, 2, 3])]
    assert token.balanceOfBatch([BOB, BOB, ALICE], [5, 6, 5]) == [3, 3, 0]
    assert (token.total_supply_of(5), token.totalSupply(), token.exists(5), token.exists(7)) == (
        3,
        306,
        True,
        False,
    )


def test_a_batch_of_one_is_logged_as_single_and_an_empty_one_as_batch(
    chain: TestChain, token: ContractHandle
) -> None:
    token.safeBatchTransferFrom(ALICE, BOB, [1], [4], b"", sender=ALICE)
    assert chain.logs == [ERC1155.TransferSingle(ALICE, ALICE, BOB, 1, 4)]
    token.safeBatchTransferFrom(ALICE, BOB, [], [], b"", sender=ALICE)
    assert chain.logs == [ERC1155.TransferBatch(ALICE, ALICE, BOB, [], [])]


def test_a_transfer_by_owner_and_operator(chain: TestChain, token: ContractHandle) -> None:
    token.safeTransferFrom(ALICE, BOB, 1, 30, b"", sender=ALICE)
    assert chain.logs == [ERC1155.TransferSingle(ALICE, ALICE, BOB, 1, 30)]
    token.setApprovalForAll(CAROL, True, sender=BOB)
    assert chain.logs == [ERC1155.ApprovalForAll(BOB, CAROL, True)]
    token.safeTransferFrom(BOB, CAROL, 1, 10, b"", sender=CAROL)
    assert chain.logs == [ERC1155.TransferSingle(CAROL, BOB, CAROL, 1, 10)]
    assert token.balanceOfBatch([ALICE, BOB, CAROL], [1, 1, 1]) == [70, 20, 10]
    assert (token.balanceOf(ALICE, 1), token.balanceOf(ALICE, 2)) == (70, 200)
    assert (token.isApprovedForAll(BOB, CAROL), token.isApprovedForAll(CAROL, BOB)) == (True, False)


def test_what_must_not_pass(token: ContractHandle) -> None:
    with reverts(ERC1155.ERC1155MissingApprovalForAll, MALLORY, ALICE):
        token.safeTransferFrom(ALICE, MALLORY, 1, 1, b"", sender=MALLORY)
    with reverts(ERC1155.ERC1155MissingApprovalForAll, MALLORY, ALICE):
        token.safeBatchTransferFrom(ALICE, NOBODY, [1], [], b"", sender=MALLORY)
    with reverts(ERC1155.ERC1155InvalidReceiver, NOBODY):
        token.safeTransferFrom(ALICE, NOBODY, 1, 1, b"", sender=ALICE)
    with reverts(ERC1155.ERC1155InvalidReceiver, NOBODY):
        token.safeBatchTransferFrom(ALICE, NOBODY, [1], [1], b"", sender=ALICE)
    with reverts(ERC1155.ERC1155InvalidSender, NOBODY):
        token.safeBatchTransferFrom(NOBODY, BOB, [1], [0], b"", sender=NOBODY)
    with reverts(ERC1155.ERC1155InvalidSender, NOBODY):
        token.burn(NOBODY, 1, 0, sender=NOBODY)
    with reverts(ERC1155.ERC1155InvalidApprover, NOBODY):
        token.setApprovalForAll(NOBODY, True, sender=NOBODY)
    with reverts(ERC1155.ERC1155InsufficientBalance, ALICE, 100, 101, 1):
        token.safeTransferFrom(ALICE, BOB, 1, 101, b"", sender=ALICE)
    with reverts(ERC1155.ERC1155InsufficientBalance, ALICE, 40, 41, 1):  # the second entry of the same id
        token.safeBatchTransferFrom(ALICE, BOB, [1, 1], [60, 41], b"", sender=ALICE)
    with reverts(ERC1155.ERC1155InvalidArrayLength, 2, 1):
        token.safeBatchTransferFrom(ALICE, BOB, [1, 2], [1], b"", sender=ALICE)
    with reverts(ERC1155.ERC1155InvalidArrayLength, 1, 2):
        token.balanceOfBatch([ALICE, BOB], [1])
    with reverts(ERC1155.ERC1155InvalidOperator, NOBODY):
        token.setApprovalForAll(NOBODY, True, sender=ALICE)
    with reverts(ERC1155.ERC1155InvalidReceiver, NOBODY):
        token.mint(NOBODY, 1, 1, b"", sender=ALICE)
    with reverts(ERC1155.ERC1155InvalidReceiver, NOBODY):
        token.mintBatch(NOBODY, [], [], b"", sender=ALICE)
    assert token.balanceOfBatch([ALICE, ALICE], [1, 2]) == [100, 200]


def test_burning(chain: TestChain, token: ContractHandle) -> None:
    token.burn(ALICE, 1, 40, sender=ALICE)
    assert chain.logs == [ERC1155.TransferSingle(ALICE, ALICE, NOBODY, 1, 40)]
    with reverts(ERC1155.ERC1155MissingApprovalForAll, BOB, ALICE):
        token.burn(ALICE, 1, 1, sender=BOB)
    with reverts(ERC1155.ERC1155MissingApprovalForAll, BOB, ALICE):
        token.burnBatch(ALICE, [1, 2], [60, 200], sender=BOB)
    token.setApprovalForAll(BOB, True, sender=ALICE)
    token.burnBatch(ALICE, [1, 2], [60, 200], sender=BOB)
    assert chain.logs == [ERC1155.TransferBatch(BOB, ALICE, NOBODY, [1, 2], [60, 200])]
    assert (token.totalSupply(), token.exists(1), token.exists(2)) == (0, False, False)
    with reverts(ERC1155.ERC1155InsufficientBalance, ALICE, 0, 1, 1):
        token.burn(ALICE, 1, 1, sender=ALICE)
    with reverts(ERC1155.ERC1155InvalidArrayLength, 1, 0):
        token.burnBatch(ALICE, [1], [], sender=ALICE)


def test_supplies_end_at_the_greatest_number(token: ContractHandle) -> None:
    with reverts(panic=PanicCode.OVERFLOW):
        token.mint(BOB, 9, MOST, b"", sender=ALICE)  # all tokens together
    token.mint(BOB, 9, MOST - 300, b"", sender=ALICE)
    with reverts(panic=PanicCode.OVERFLOW):
        token.mint(CAROL, 10, 1, b"", sender=ALICE)
    with reverts(panic=PanicCode.OVERFLOW):
        token.mintBatch(CAROL, [10, 10], [MOST, MOST], b"", sender=ALICE)
    assert token.totalSupply() == MOST


def test_uris(chain: TestChain, token: ContractHandle) -> None:
    assert token.uri(1) == token.uri(99) == "https://things/{id}"
    token.setTokenURI(1, "ipfs://sword", sender=ALICE)
    assert chain.logs == [ERC1155.URI("ipfs://sword", 1)]
    token.setURI("https://other/{id}", sender=ALICE)
    assert (token.uri(1), token.uri(2)) == ("ipfs://sword", "https://other/{id}")
    token.setTokenURI(1, "", sender=ALICE)
    assert chain.logs == [ERC1155.URI("https://other/{id}", 1)]


def test_nothing_moves_while_paused(token: ContractHandle) -> None:
    token.pause(sender=ALICE)
    attempts: Attempts = (
        lambda: token.safeTransferFrom(ALICE, BOB, 1, 1, b"", sender=ALICE),
        lambda: token.mint(ALICE, 1, 1, b"", sender=ALICE),
        lambda: token.burn(ALICE, 1, 1, sender=ALICE),
    )
    for attempt in attempts:
        with reverts(Pausable.EnforcedPause):
            attempt()
    token.unpause(sender=ALICE)
    attempts[0]()


class PlainMultiToken(ERC1155, class_id=0xFFFF0203, version=1):
    """Without extensions."""

    def constructor(self, uri: str) -> None:
        self._set_uri(uri)


def test_without_extensions_all_tokens_have_one_uri(chain: TestChain) -> None:
    plain = chain.deploy(PlainMultiToken, "https://all/{id}")
    assert plain.uri(0) == plain.uri(MOST) == "https://all/{id}"


# --- receivers --------------------------------------------------------------------------------------------


def test_a_receiver_of_one_token_is_asked_by_one_function_and_of_a_batch_by_the_other(
    chain: TestChain, token: ContractHandle
) -> None:
    for_one, for_many = chain.run_evm(answering(ONE)), chain.run_evm(answering(MANY))
    token.safeTransferFrom(ALICE, for_one, 1, 1, b"", sender=ALICE)
    token.safeBatchTransferFrom(ALICE, for_many, [1], [1], b"", sender=ALICE)  # a batch, though of one
    token.mint(for_one, 1, 1, b"", sender=ALICE)
    token.mintBatch(for_many, [1, 2], [1, 2], b"", sender=ALICE)
    with reverts(ERC1155.ERC1155InvalidReceiver, for_many):
        token.safeTransferFrom(ALICE, for_many, 1, 1, b"", sender=ALICE)
    with reverts(ERC1155.ERC1155InvalidReceiver, for_one):
        token.safeBatchTransferFrom(ALICE, for_one, [1], [1], b"", sender=ALICE)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (answering(bytes(32)), None),
        (reverting(), None),
        (assemble("INVALID"), None),
        (reverting(b"no, thanks"), b"no, thanks"),
        (assemble("STOP"), b""),
        (answering(ONE[:31]), b""),
        (answering(ONE[:4] + b"\x01" * 28), b""),
    ],
    ids=["zero", "reverts", "fails", "reverts with a reason", "no answer", "short", "more than four bytes"],
)
def test_a_receiver_that_does_not_accept_gets_nothing(
    chain: TestChain, token: ContractHandle, code: bytes, data: bytes | None
) -> None:
    receiver = chain.run_evm(code)
    expected = ERC1155.ERC1155InvalidReceiver(receiver).data if data is None else data
    attempts: Attempts = (
        lambda: token.safeTransferFrom(ALICE, receiver, 1, 1, b"", sender=ALICE),
        lambda: token.safeBatchTransferFrom(ALICE, receiver, [1, 2], [1, 1], b"", sender=ALICE),
        lambda: token.mint(receiver, 1, 1, b"", sender=ALICE),
        lambda: token.mintBatch(receiver, [1, 2], [1, 1], b"", sender=ALICE),
    )
    for attempt in attempts:
        with reverts(data=expected):
            attempt()
    assert token.balanceOfBatch([ALICE, ALICE], [1, 2]) == [100, 200]
    assert token.totalSupply() == 300


def test_a_receiver_sees_everything(chain: TestChain, token: ContractHandle) -> None:
    stores = b"".join(assemble(4 + 32 * at, "CALLDATALOAD", at, "SSTORE") for at in range(7))
    receiver = chain.run_evm(stores + answering(ONE))
    token.setApprovalForAll(CAROL, True, sender=ALICE)
    token.safeTransferFrom(ALICE, receiver, 2, 9, b"hi", sender=CAROL)
    stored = chain.storage(receiver)
    assert [stored[at] for at in range(6)] == [int.from_bytes(CAROL), int.from_bytes(ALICE), 2, 9, 0xA0, 2]
    assert stored[6].to_bytes(32) == b"hi".ljust(32, b"\0")


def test_a_receiver_that_comes_back_has_what_it_got_and_no_more(
    chain: TestChain, token: ContractHandle
) -> None:
    """While it is asked it owns the tokens and may send them on, once."""
    sends = token.safeTransferFrom
    receiver = coming_back(chain, token, lambda own: sends.encode(own, BOB, 1, 11, b""), ONE)
    with reverts(ERC1155.ERC1155InsufficientBalance, receiver, 10, 11, 1):
        token.safeTransferFrom(ALICE, receiver, 1, 10, b"", sender=ALICE)
    receiver = coming_back(chain, token, lambda own: sends.encode(own, BOB, 1, 10, b""), ONE)
    token.safeTransferFrom(ALICE, receiver, 1, 10, b"", sender=ALICE)
    assert token.balanceOfBatch([ALICE, receiver, BOB], [1, 1, 1]) == [90, 0, 10]
    token.mint(receiver, 1, 10, b"", sender=ALICE)
    assert token.balanceOfBatch([receiver, BOB], [1, 1]) == [0, 20]
    assert (token.total_supply_of(1), token.totalSupply()) == (110, 310)
