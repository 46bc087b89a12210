"""Burning, caps, pausing, and allowances by signature with everything that must not pass."""

from __future__ import annotations

import pytest
from eth_account.messages import encode_typed_data

from tests.vm.system.tokens.people import (
    ALICE,
    BOB,
    CAROL,
    NOBODY,
    PERMIT,
    Attempts,
    domain_of,
    new_chain,
    permit,
    signed,
)
from vm.system.access.ownable import Ownable
from vm.system.access.pausable import Pausable
from vm.system.access.roles import AccessControl
from vm.system.signatures.signers import IERC1271, SignatureChecks
from vm.system.testing import ContractHandle, TestChain, reverts
from vm.system.testing.bytecode import answering, reentering, reverting
from vm.system.tokens.erc20 import ERC20
from vm.system.tokens.erc20_extensions import ERC20Capped, ERC20Permit
from vm.system.tokens.templates.fungible import (
    CappedToken,
    FixedToken,
    FullToken,
    MintableToken,
)
from vm.system.tokens.templates.roles import MINTER, PAUSER

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MAGIC = IERC1271.isValidSignature.selector + bytes(28)


@pytest.fixture
def chain() -> TestChain:
    return new_chain()


@pytest.fixture
def token(chain: TestChain) -> ContractHandle:
    return chain.deploy(FixedToken, "Gold", "GLD", 6, 1_000, ALICE)


@pytest.fixture
def mintable(chain: TestChain) -> ContractHandle:
    return chain.deploy(MintableToken, "Silver", "SLV", 18, 1_000, ALICE)


@pytest.fixture
def capped(chain: TestChain) -> ContractHandle:
    return chain.deploy(CappedToken, "Copper", "CPR", 18, 1_500, 1_000, ALICE)


@pytest.fixture
def full(chain: TestChain) -> ContractHandle:
    return chain.deploy(FullToken, "Platinum", "PLT", 18, 5_000, 1_000, ALICE)


# --- burning, capping, pausing ----------------------------------------------------------------------------


def test_burning_takes_from_balance_and_supply(chain: TestChain, mintable: ContractHandle) -> None:
    mintable.burn(400, sender=ALICE)
    assert chain.logs == [ERC20.Transfer(ALICE, NOBODY, 400)]
    assert mintable.totalSupply() == mintable.balanceOf(ALICE) == 600
    with reverts(ERC20.ERC20InsufficientBalance, ALICE, 600, 601):
        mintable.burn(601, sender=ALICE)


def test_burning_for_somebody_uses_the_allowance(mintable: ContractHandle) -> None:
    with reverts(ERC20.ERC20InsufficientAllowance, BOB, 0, 1):
        mintable.burnFrom(ALICE, 1, sender=BOB)
    mintable.approve(BOB, 10, sender=ALICE)
    mintable.burnFrom(ALICE, 4, sender=BOB)
    assert (mintable.balanceOf(ALICE), mintable.allowance(ALICE, BOB)) == (996, 6)


def test_the_cap_holds_for_all_that_is_made(capped: ContractHandle) -> None:
    assert capped.cap() == 1_500
    capped.mint(BOB, 500, sender=ALICE)
    with reverts(ERC20Capped.ERC20ExceededCap, 1_501, 1_500):
        capped.mint(BOB, 1, sender=ALICE)
    capped.burn(100, sender=ALICE)
    capped.mint(BOB, 100, sender=ALICE)
    assert capped.totalSupply() == 1_500


def test_the_first_supply_is_under_the_cap_too(chain: TestChain) -> None:
    with reverts(ERC20Capped.ERC20ExceededCap, 11, 10):
        chain.deploy(CappedToken, "C", "C", 0, 10, 11, ALICE)
    with reverts(ERC20Capped.ERC20InvalidCap, 0):
        chain.deploy(CappedToken, "C", "C", 0, 0, 0, ALICE)
    with reverts(Ownable.OwnableInvalidOwner, NOBODY):
        chain.deploy(CappedToken, "C", "C", 0, 10, 0, NOBODY)


def test_only_the_owner_makes_tokens(capped: ContractHandle) -> None:
    with reverts(Ownable.OwnableUnauthorizedAccount, BOB):
        capped.mint(BOB, 1, sender=BOB)
    capped.transferOwnership(BOB, sender=ALICE)
    capped.mint(BOB, 1, sender=BOB)


def test_nothing_moves_while_paused(mintable: ContractHandle) -> None:
    mintable.approve(BOB, 10, sender=ALICE)
    mintable.pause(sender=ALICE)
    attempts: Attempts = (
        lambda: mintable.transfer(BOB, 1, sender=ALICE),
        lambda: mintable.transfer(BOB, 10_000, sender=ALICE),  # before the balance is looked at
        lambda: mintable.transferFrom(ALICE, BOB, 1, sender=BOB),
        lambda: mintable.mint(BOB, 1, sender=ALICE),
        lambda: mintable.burn(1, sender=ALICE),
        lambda: mintable.burnFrom(ALICE, 1, sender=BOB),
    )
    for attempt in attempts:
        with reverts(Pausable.EnforcedPause):
            attempt()
    with reverts(ERC20.ERC20InvalidReceiver, NOBODY):  # comes first, as with OpenZeppelin
        mintable.transfer(NOBODY, 1, sender=ALICE)
    mintable.approve(BOB, 11, sender=ALICE)  # moves nothing
    mintable.unpause(sender=ALICE)
    assert mintable.transfer(BOB, 1, sender=ALICE)


def test_minting_and_pausing_need_their_roles(mintable: ContractHandle) -> None:
    assert (mintable.MINTER_ROLE(), mintable.PAUSER_ROLE()) == (MINTER, PAUSER)
    with reverts(AccessControl.AccessControlUnauthorizedAccount, BOB, MINTER):
        mintable.mint(BOB, 1, sender=BOB)
    with reverts(AccessControl.AccessControlUnauthorizedAccount, BOB, PAUSER):
        mintable.pause(sender=BOB)
    mintable.grantRole(MINTER, BOB, sender=ALICE)
    mintable.mint(BOB, 1, sender=BOB)
    with reverts(AccessControl.AccessControlUnauthorizedAccount, BOB, PAUSER):
        mintable.pause(sender=BOB)


# --- permits ----------------------------------------------------------------------------------------------


def test_the_domain_is_that_of_the_token(chain: TestChain, token: ContractHandle) -> None:
    fields, name, version, chain_id, contract, salt, extensions = token.eip712Domain()
    assert (fields, name, version) == (b"\x0f", "Gold", "1")
    assert (chain_id, contract) == (chain.block.chain_id, token.address)
    assert (salt, extensions) == (bytes(32), [])


def test_a_permit_sets_the_allowance_for_anybody_who_brings_it(
    chain: TestChain, token: ContractHandle
) -> None:
    deadline = chain.block.timestamp
    token.permit(
        ALICE, BOB, 70, deadline, *permit(token, "alice", BOB, 70, nonce=0, deadline=deadline), sender=CAROL
    )
    assert chain.logs == [ERC20.Approval(ALICE, BOB, 70)]
    assert (token.allowance(ALICE, BOB), token.nonces(ALICE)) == (70, 1)


def test_a_permit_is_good_once(chain: TestChain, token: ContractHandle) -> None:
    deadline = chain.block.timestamp + 9
    signature = permit(token, "alice", BOB, 70, nonce=0, deadline=deadline)
    token.permit(ALICE, BOB, 70, deadline, *signature)
    with reverts(ERC20Permit.ERC2612InvalidSigner):
        token.permit(ALICE, BOB, 70, deadline, *signature)
    assert token.nonces(ALICE) == 1


def test_a_permit_ends_with_its_deadline(chain: TestChain, token: ContractHandle) -> None:
    deadline = chain.block.timestamp - 1
    with reverts(ERC20Permit.ERC2612ExpiredSignature, deadline):
        token.permit(ALICE, BOB, 1, deadline, *permit(token, "alice", BOB, 1, nonce=0, deadline=deadline))


def test_somebody_elses_signature_names_who_signed(chain: TestChain, token: ContractHandle) -> None:
    deadline = chain.block.timestamp
    message = {"owner": ALICE, "spender": BOB, "value": 1, "nonce": 0, "deadline": deadline}
    by_bob = signed(domain_of(token), PERMIT, message, "bob")
    with reverts(ERC20Permit.ERC2612InvalidSigner, BOB, ALICE):
        token.permit(ALICE, BOB, 1, deadline, *by_bob)


def test_every_field_of_a_permit_counts(chain: TestChain, token: ContractHandle) -> None:
    deadline = chain.block.timestamp + 5
    signature = permit(token, "alice", BOB, 70, nonce=0, deadline=deadline)
    for owner, spender, value, until in (
        (BOB, BOB, 70, deadline),
        (ALICE, CAROL, 70, deadline),
        (ALICE, BOB, 71, deadline),
        (ALICE, BOB, 70, deadline + 1),
    ):
        with reverts(ERC20Permit.ERC2612InvalidSigner):
            token.permit(owner, spender, value, until, *signature)
    later = permit(token, "alice", BOB, 70, nonce=1, deadline=deadline)
    with reverts(ERC20Permit.ERC2612InvalidSigner):
        token.permit(ALICE, BOB, 70, deadline, *later)


@pytest.mark.parametrize(
    "change",
    [{"chainId": 1}, {"verifyingContract": BOB}, {"version": "2"}, {"name": "gold"}],
    ids=lambda change: next(iter(change)),
)
def test_a_signature_for_another_domain_is_worth_nothing(
    chain: TestChain, token: ContractHandle, change: dict[str, object]
) -> None:
    deadline = chain.block.timestamp
    message = {"owner": ALICE, "spender": BOB, "value": 1, "nonce": 0, "deadline": deadline}
    signature = signed({**domain_of(token), **change}, PERMIT, message, "alice")
    with reverts(ERC20Permit.ERC2612InvalidSigner):
        token.permit(ALICE, BOB, 1, deadline, *signature)


def test_the_second_form_of_a_signature_is_refused(chain: TestChain, token: ContractHandle) -> None:
    deadline = chain.block.timestamp
    v, r, s = permit(token, "alice", BOB, 1, nonce=0, deadline=deadline)
    high = (ORDER - int.from_bytes(s)).to_bytes(32)
    with reverts(SignatureChecks.ECDSAInvalidSignatureS, high):
        token.permit(ALICE, BOB, 1, deadline, 55 - v, r, high)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_v_is_27_or_28(chain: TestChain, token: ContractHandle, v: int) -> None:
    deadline = chain.block.timestamp
    _, r, s = permit(token, "alice", BOB, 1, nonce=0, deadline=deadline)
    with reverts(SignatureChecks.ECDSAInvalidSignature):
        token.permit(ALICE, BOB, 1, deadline, v, r, s)


def test_the_zero_address_signs_nothing(chain: TestChain, token: ContractHandle) -> None:
    for r, s in ((bytes(32), bytes(32)), (b"\xff" * 32, (1).to_bytes(32)), ((1).to_bytes(32), bytes(32))):
        with reverts(SignatureChecks.ECDSAInvalidSignature):
            token.permit(NOBODY, BOB, 1, chain.block.timestamp, 27, r, s)


def test_the_domain_separator_is_that_of_eip_712(token: ContractHandle) -> None:
    """The version-1 signable message of eth_account holds the separator as its header."""
    message = {"owner": ALICE, "spender": BOB, "value": 1, "nonce": 0, "deadline": 1}
    signable = encode_typed_data(domain_of(token), PERMIT, message)
    assert token.DOMAIN_SEPARATOR() == signable.header


def test_a_contract_wallet_permits_with_its_own_signature(chain: TestChain, full: ContractHandle) -> None:
    wallet, deadline = chain.run_evm(answering(MAGIC)), chain.block.timestamp
    full.permit_with_bytes(wallet, BOB, 5, deadline, b"whatever it likes")
    assert (full.allowance(wallet, BOB), full.nonces(wallet)) == (5, 1)


@pytest.mark.parametrize(
    "code",
    [
        answering(bytes(32)),
        answering(MAGIC[:4]),
        reverting(MAGIC),
        answering(MAGIC[:4] + b"\xff" * 28),
        b"\x00",
    ],
    ids=["another word", "too short", "reverts", "more than four bytes", "stops"],
)
def test_a_contract_that_does_not_say_yes_permits_nothing(
    chain: TestChain, full: ContractHandle, code: bytes
) -> None:
    wallet = chain.run_evm(code)
    with reverts(ERC20Permit.ERC2612InvalidSigner, NOBODY, wallet):
        full.permit_with_bytes(wallet, BOB, 5, chain.block.timestamp, b"")
    assert full.nonces(wallet) == 0


def test_an_account_with_a_key_permits_with_65_bytes(chain: TestChain, full: ContractHandle) -> None:
    deadline = chain.block.timestamp
    v, r, s = permit(full, "alice", BOB, 5, nonce=0, deadline=deadline)
    for wrong in (r + s, r + s + bytes([v]) + b"\0", s + r + bytes([v]), r + s + bytes([55 - v]), b""):
        with reverts(ERC20Permit.ERC2612InvalidSigner, NOBODY, ALICE):
            full.permit_with_bytes(ALICE, BOB, 5, deadline, wrong)
    high = (ORDER - int.from_bytes(s)).to_bytes(32)
    with reverts(ERC20Permit.ERC2612InvalidSigner):
        full.permit_with_bytes(ALICE, BOB, 5, deadline, r + high + bytes([55 - v]))
    full.permit_with_bytes(ALICE, BOB, 5, deadline, r + s + bytes([v]))
    assert full.allowance(ALICE, BOB) == 5
    with reverts(ERC20Permit.ERC2612ExpiredSignature):
        full.permit_with_bytes(ALICE, BOB, 5, deadline - 1, b"")


def test_a_wallet_cannot_use_the_check_to_change_anything(chain: TestChain, full: ContractHandle) -> None:
    """The wallet is asked in a static call: moving tokens from there fails."""
    payload = full.transfer.encode(BOB, 0)
    wallet = chain.run_evm(reentering(full.address, payload, MAGIC))
    with reverts(ERC20Permit.ERC2612InvalidSigner):
        full.permit_with_bytes(wallet, BOB, 5, chain.block.timestamp, b"")


def test_both_kinds_of_permit_share_the_nonces_with_votes(chain: TestChain, full: ContractHandle) -> None:
    deadline = chain.block.timestamp
    full.permit(ALICE, BOB, 1, deadline, *permit(full, "alice", BOB, 1, nonce=0, deadline=deadline))
    v, r, s = permit(full, "alice", BOB, 2, nonce=1, deadline=deadline)
    full.permit_with_bytes(ALICE, BOB, 2, deadline, r + s + bytes([v]))
    assert full.nonces(ALICE) == 2
