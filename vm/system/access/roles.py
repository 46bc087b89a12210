"""Roles: who may do what, and who may say so.

Owns: AccessControl with OpenZeppelin's ABI, errors and events, and the guard `role_only(role)`.
Never does: give out roles by itself: constructors grant the first ones.
Specification: OpenZeppelin Contracts 5, access/AccessControl.sol.
"""

from __future__ import annotations

from typing import Final

from chain.keccak import keccak256
from vm.system.access.erc165 import ERC165
from vm.system.framework import (
    ContractError,
    Event,
    Guard,
    Indexed,
    Interface,
    Map,
    address,
    bytes32,
    external,
    view,
)

DEFAULT_ADMIN: Final = bytes(32)


def role_id(name: str) -> bytes:
    """The id of a role: keccak of its name, as `keccak256("MINTER_ROLE")` in Solidity."""
    return keccak256(name.encode())


def role_only(role: bytes, name: str) -> Guard:
    """Only holders of `role`; `name` goes to the documents."""

    def check(contract: AccessControl) -> None:
        contract._check_role(role)

    return Guard(f"holders of {name}", check)


class IAccessControl(Interface):
    """OpenZeppelin's AccessControl, id 0x7965db0b."""

    @view
    def hasRole(self, role: bytes32, account: address) -> bool:
        """Whether `account` has `role`."""
        raise NotImplementedError

    @view
    def getRoleAdmin(self, role: bytes32) -> bytes32:
        """The role whose holders grant and revoke `role`."""
        raise NotImplementedError

    @external
    def grantRole(self, role: bytes32, account: address) -> None:
        """Gives `role` to `account`."""
        raise NotImplementedError

    @external
    def revokeRole(self, role: bytes32, account: address) -> None:
        """Takes `role` from `account`."""
        raise NotImplementedError

    @external
    def renounceRole(self, role: bytes32, callerConfirmation: address) -> None:
        """Takes `role` from the caller."""
        raise NotImplementedError


class AccessControl(ERC165, implements=(IAccessControl,)):
    """Roles, each with a role that grants and revokes it (OpenZeppelin's AccessControl)."""

    class RoleAdminChanged(Event):
        """Holders of another role grant and revoke `role` now."""

        role: Indexed[bytes32]
        previousAdminRole: Indexed[bytes32]
        newAdminRole: Indexed[bytes32]

    class RoleGranted(Event):
        """`account` has `role` now."""

        role: Indexed[bytes32]
        account: Indexed[address]
        sender: Indexed[address]

    class RoleRevoked(Event):
        """`account` does not have `role` any more."""

        role: Indexed[bytes32]
        account: Indexed[address]
        sender: Indexed[address]

    class AccessControlUnauthorizedAccount(ContractError):
        """`account` lacks the role that this needs."""

        account: address
        neededRole: bytes32

    class AccessControlBadConfirmation(ContractError):
        """A role is renounced by its holder alone."""

    role_members: Map[bytes32, Map[address, bool]]
    role_admins: Map[bytes32, bytes32]

    @view
    def DEFAULT_ADMIN_ROLE(self) -> bytes32:
        """The role that grants and revokes all roles which have no other admin: zero."""
        return DEFAULT_ADMIN

    @view
    def hasRole(self, role: bytes32, account: address) -> bool:
        """Whether `account` has `role`."""
        return self.role_members[role][account]

    @view
    def getRoleAdmin(self, role: bytes32) -> bytes32:
        """The role whose holders grant and revoke `role`."""
        return self.role_admins[role]

    @external
    def grantRole(self, role: bytes32, account: address) -> None:
        """Gives `role` to `account`; only for holders of the role's admin role."""
        self._check_role(self.role_admins[role])
        self._grant_role(role, account)

    @external
    def revokeRole(self, role: bytes32, account: address) -> None:
        """Takes `role` from `account`; only for holders of the role's admin role."""
        self._check_role(self.role_admins[role])
        self._revoke_role(role, account)

    @external
    def renounceRole(self, role: bytes32, callerConfirmation: address) -> None:
        """Takes `role` from the caller, who must name itself."""
        if callerConfirmation != self.sender:
            raise self.AccessControlBadConfirmation()
        self._revoke_role(role, callerConfirmation)

    def _check_role(self, role: bytes32) -> None:
        if not self.role_members[role][self.sender]:
            raise self.AccessControlUnauthorizedAccount(self.sender, role)

    def _grant_role(self, role: bytes32, account: address) -> None:
        members = self.role_members[role]
        if not members[account]:
            members[account] = True
            self.emit(self.RoleGranted(role, account, self.sender))

    def _revoke_role(self, role: bytes32, account: address) -> None:
        members = self.role_members[role]
        if members[account]:
            members[account] = False
            self.emit(self.RoleRevoked(role, account, self.sender))

    def _set_role_admin(self, role: bytes32, admin: bytes32) -> None:
        previous = self.role_admins[role]
        self.role_admins[role] = admin
        self.emit(self.RoleAdminChanged(role, previous, admin))
