"""Roles with OpenZeppelin's ABI, against OpenZeppelin's rules as a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keccak import keccak256
from vm.system.access.roles import DEFAULT_ADMIN, AccessControl, IAccessControl, role_id, role_only
from vm.system.framework import address, bytes32, external, interface_id
from vm.system.testing import CallReverted, ContractHandle, TestChain, address_of, reverts

ALICE, BOB, CAROL = address_of("alice"), address_of("bob"), address_of("carol")
ROLE = role_id("DOER_ROLE")


class Controlled(AccessControl, class_id=0xFFFF0303, version=1):
    def constructor(self, admin: address) -> None:
        self._grant_role(DEFAULT_ADMIN, admin)

    @external(only=role_only(ROLE, "DOER_ROLE"))
    def do(self) -> None:
        pass

    @external
    def set_admin(self, role: bytes32, admin: bytes32) -> None:
        self._set_role_admin(role, admin)


@pytest.fixture
def chain() -> TestChain:
    return TestChain()


@pytest.fixture
def contract(chain: TestChain) -> ContractHandle:
    return chain.deploy(Controlled, ALICE)


def test_a_role_is_the_keccak_of_its_name(contract: ContractHandle) -> None:
    assert keccak256(b"DOER_ROLE") == ROLE
    assert contract.DEFAULT_ADMIN_ROLE() == bytes(32)
    assert interface_id(IAccessControl) == bytes.fromhex("7965db0b")
    assert contract.supportsInterface(bytes.fromhex("7965db0b"))


def test_the_admin_grants_and_revokes(chain: TestChain, contract: ContractHandle) -> None:
    with reverts(AccessControl.AccessControlUnauthorizedAccount, BOB, ROLE):
        contract.do(sender=BOB)
    contract.grantRole(ROLE, BOB, sender=ALICE)
    assert chain.logs == [AccessControl.RoleGranted(ROLE, BOB, ALICE)]
    contract.do(sender=BOB)
    contract.revokeRole(ROLE, BOB, sender=ALICE)
    assert chain.logs == [AccessControl.RoleRevoked(ROLE, BOB, ALICE)]
    assert not contract.hasRole(ROLE, BOB)


def test_what_changes_nothing_logs_nothing(chain: TestChain, contract: ContractHandle) -> None:
    contract.grantRole(ROLE, BOB, sender=ALICE)
    contract.grantRole(ROLE, BOB, sender=ALICE)
    assert chain.logs == []
    contract.revokeRole(ROLE, CAROL, sender=ALICE)
    assert chain.logs == []
    contract.renounceRole(ROLE, CAROL, sender=CAROL)
    assert chain.logs == []


def test_only_the_admin_role_gives_and_takes(contract: ContractHandle) -> None:
    contract.grantRole(ROLE, BOB, sender=ALICE)
    for stranger in (BOB, CAROL):
        with reverts(AccessControl.AccessControlUnauthorizedAccount, stranger, DEFAULT_ADMIN):
            contract.grantRole(ROLE, stranger, sender=stranger)
        with reverts(AccessControl.AccessControlUnauthorizedAccount, stranger, DEFAULT_ADMIN):
            contract.revokeRole(ROLE, BOB, sender=stranger)


def test_a_role_is_renounced_by_its_holder(chain: TestChain, contract: ContractHandle) -> None:
    contract.grantRole(ROLE, BOB, sender=ALICE)
    with reverts(AccessControl.AccessControlBadConfirmation):
        contract.renounceRole(ROLE, BOB, sender=ALICE)
    contract.renounceRole(ROLE, BOB, sender=BOB)
    assert chain.logs == [AccessControl.RoleRevoked(ROLE, BOB, BOB)]


def test_a_role_may_have_another_admin(chain: TestChain, contract: ContractHandle) -> None:
    admin = role_id("CHIEF_ROLE")
    contract.set_admin(ROLE, admin)
    assert chain.logs == [AccessControl.RoleAdminChanged(ROLE, DEFAULT_ADMIN, admin)]
    assert contract.getRoleAdmin(ROLE) == admin
    with reverts(AccessControl.AccessControlUnauthorizedAccount, ALICE, admin):
        contract.grantRole(ROLE, BOB, sender=ALICE)
    contract.grantRole(admin, CAROL, sender=ALICE)
    contract.grantRole(ROLE, BOB, sender=CAROL)
    contract.do(sender=BOB)


PEOPLE = (ALICE, BOB, CAROL)
ROLES = (DEFAULT_ADMIN, ROLE)
STEP = st.tuples(
    st.sampled_from(["grantRole", "revokeRole", "renounceRole"]),
    st.sampled_from(ROLES),
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
)


@given(steps=st.lists(STEP, max_size=12))
def test_any_sequence_ends_as_the_model_says(steps: list[tuple[str, bytes, bytes, bytes]]) -> None:
    contract = TestChain().deploy(Controlled, ALICE)
    held: set[tuple[bytes, bytes]] = {(DEFAULT_ADMIN, ALICE)}
    for name, role, account, sender in steps:
        allowed = account == sender if name == "renounceRole" else (DEFAULT_ADMIN, sender) in held
        try:
            getattr(contract, name)(role, account, sender=sender)
        except CallReverted:
            assert not allowed
        else:
            assert allowed
            (held.add if name == "grantRole" else held.discard)((role, account))
    assert held == {(role, who) for role in ROLES for who in PEOPLE if contract.hasRole(role, who)}
