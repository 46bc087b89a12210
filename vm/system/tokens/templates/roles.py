"""The roles of tokens that are not owned by one account.

Owns: MintersAndPausers: the roles that make tokens and that stop a contract, and stopping it.
Never does: mint: what a token is decides how.
Specification: the contracts that OpenZeppelin's wizard writes with "Roles" and "Pausable".
"""

from __future__ import annotations

from typing import Final

from vm.system.access.pausable import Pausable
from vm.system.access.roles import DEFAULT_ADMIN, AccessControl, role_id, role_only
from vm.system.framework import address, bytes32, external, view

MINTER: Final = role_id("MINTER_ROLE")
PAUSER: Final = role_id("PAUSER_ROLE")
minter_only: Final = role_only(MINTER, "MINTER_ROLE")
pauser_only: Final = role_only(PAUSER, "PAUSER_ROLE")


class MintersAndPausers(AccessControl, Pausable):
    """Minters make tokens, pausers stop the contract."""

    @view
    def MINTER_ROLE(self) -> bytes32:
        """The role that makes tokens."""
        return MINTER

    @view
    def PAUSER_ROLE(self) -> bytes32:
        """The role that stops the contract and lets it go on."""
        return PAUSER

    @external(only=pauser_only, lock=False)
    def pause(self) -> None:
        """Stops all movements of tokens."""
        self._pause()

    @external(only=pauser_only, lock=False)
    def unpause(self) -> None:
        """Lets tokens move again."""
        self._unpause()

    def _grant_first_roles(self, admin: address, *others: bytes32) -> None:
        """For constructors: gives `admin` all roles, `others` too."""
        for role in (DEFAULT_ADMIN, *others, PAUSER, MINTER):
            self._grant_role(role, admin)
