"""Fungible tokens ready to use.

Owns: FixedToken, MintableToken, CappedToken, VotesToken, RestrictedToken and FullToken: which mix-ins they have, their
constructors, and who may mint and pause.
Never does: define what a mix-in does.
Specification: the contracts that OpenZeppelin's wizard writes for the same options.
"""

from __future__ import annotations

from vm.system.access.ownable import Ownable, owner_only
from vm.system.access.roles import DEFAULT_ADMIN
from vm.system.framework import address, external, u8, u256
from vm.system.tokens.erc20 import ERC20
from vm.system.tokens.erc20_extensions import (
    ERC20Burnable,
    ERC20Capped,
    ERC20Decimals,
    ERC20Pausable,
    ERC20Permit,
    ERC20WalletPermit,
)
from vm.system.tokens.identities import AGENT
from vm.system.tokens.restrictions import ERC20Restricted
from vm.system.tokens.templates.roles import MintersAndPausers, minter_only
from vm.system.tokens.votes import ERC20Votes


class _OwnerMints(ERC20, Ownable):
    """The owner makes tokens."""

    @external(only=owner_only, lock=False)
    def mint(self, to: address, amount: u256) -> None:
        """Makes `amount` tokens for `to`."""
        self._mint(to, amount)


class _MintersMint(ERC20Pausable, MintersAndPausers):
    """Minters make tokens."""

    @external(only=minter_only, lock=False)
    def mint(self, to: address, amount: u256) -> None:
        """Makes `amount` tokens for `to`."""
        self._mint(to, amount)


class FixedToken(ERC20Decimals, ERC20Permit, class_id=0x0100, version=1):
    """A token whose whole supply is made at once; nobody has rights beyond their own tokens. With permits."""

    def constructor(self, name: str, symbol: str, decimals: u8, supply: u256, owner: address) -> None:
        """Gives all of `supply` to `owner`."""
        self._set_names(name, symbol)
        self.decimals_ = decimals
        self._mint(owner, supply)


class MintableToken(ERC20Decimals, ERC20Burnable, ERC20Permit, _MintersMint, class_id=0x0101, version=1):
    """A token that minters make more of, holders may burn and pausers can stop. With roles and permits."""

    def constructor(self, name: str, symbol: str, decimals: u8, supply: u256, admin: address) -> None:
        """Gives `supply` and all roles to `admin`."""
        self._set_names(name, symbol)
        self.decimals_ = decimals
        self._grant_first_roles(admin)
        self._mint(admin, supply)


class CappedToken(
    ERC20Decimals, ERC20Burnable, ERC20Permit, ERC20Capped, _OwnerMints, class_id=0x0102, version=1
):
    """A token that its owner makes more of, up to a cap, and holders may burn. With permits."""

    def constructor(
        self, name: str, symbol: str, decimals: u8, cap: u256, supply: u256, owner: address
    ) -> None:
        """Gives `supply` and the contract to `owner`."""
        self._set_names(name, symbol)
        self.decimals_ = decimals
        self._set_cap(cap)
        self._set_first_owner(owner)
        self._mint(owner, supply)


class VotesToken(ERC20Burnable, ERC20Votes, ERC20Permit, _OwnerMints, class_id=0x0103, version=1):
    """A token whose balances are votes that holders delegate; its owner, such as a DAO, makes more. With permits."""

    def constructor(self, name: str, symbol: str, supply: u256, owner: address) -> None:
        """Gives `supply` and the contract to `owner`."""
        self._set_names(name, symbol)
        self._set_first_owner(owner)
        self._mint(owner, supply)


class RestrictedToken(ERC20Decimals, ERC20Restricted, class_id=0x0104, version=1):
    """A security token: verified investors, deny list, freezing, forced transfers and recovery (ERC-1404, ERC-3643)."""

    def constructor(
        self, name: str, symbol: str, decimals: u8, verificationRequired: bool, admin: address
    ) -> None:
        """Makes `admin` administrator and agent; agents mint."""
        self._set_names(name, symbol)
        self.decimals_ = decimals
        self._grant_role(DEFAULT_ADMIN, admin)
        self._grant_role(AGENT, admin)
        self._set_verification_required(verificationRequired)


class FullToken(
    ERC20Decimals,
    ERC20Burnable,
    ERC20Capped,
    ERC20Votes,
    ERC20WalletPermit,
    _MintersMint,
    class_id=0x0105,
    version=1,
):
    """Everything together: capped, mintable, burnable, pausable, roles, votes, and permits of contract wallets too."""

    def constructor(
        self, name: str, symbol: str, decimals: u8, cap: u256, supply: u256, admin: address
    ) -> None:
        """Gives `supply` and all roles to `admin`."""
        self._set_names(name, symbol)
        self.decimals_ = decimals
        self._set_cap(cap)
        self._grant_first_roles(admin)
        self._mint(admin, supply)
