"""Who the holders of a token are, as far as its rules must know.

Owns: Identities: the register of verified investors with their country, in the ABI of ERC-3643's identity registry,
the lists of denied accounts and of restricted countries.
Never does: know names: an identity is the address of a contract that holds claims, or any address that stands for a
person.
Specification: ERC-3643 (IIdentityRegistry), and T-REX's country restriction module.
"""

from __future__ import annotations

from typing import Final

from vm.system.access.roles import AccessControl, role_id, role_only
from vm.system.framework import (
    ZERO_ADDRESS,
    ContractError,
    Event,
    Indexed,
    Map,
    Slot,
    Struct,
    address,
    bytes32,
    external,
    require,
    u16,
    view,
)

AGENT: Final = role_id("AGENT_ROLE")
agent_only: Final = role_only(AGENT, "AGENT_ROLE")
admin_only: Final = role_only(bytes(32), "DEFAULT_ADMIN_ROLE")


class Investor(Struct):
    """One slot: who holds an account, and in which country (ISO 3166-1 numeric, 0 unknown)."""

    identity: address
    country: u16


class Identities(AccessControl):
    """Knows which accounts are verified investors, and from where; agents keep the register (after ERC-3643)."""

    class IdentityRegistered(Event):
        """`investorAddress` is a verified investor now."""

        investorAddress: Indexed[address]
        identity: Indexed[address]

    class IdentityRemoved(Event):
        """`investorAddress` is a verified investor no longer."""

        investorAddress: Indexed[address]
        identity: Indexed[address]

    class CountryUpdated(Event):
        """The investor's country is `country` now."""

        investorAddress: Indexed[address]
        country: Indexed[u16]

    class AddressDenied(Event):
        """`userAddress` may neither send nor receive, or may again."""

        userAddress: Indexed[address]
        isDenied: Indexed[bool]
        agent: Indexed[address]

    class CountryRestricted(Event):
        """Investors from `country` may receive nothing, or may again."""

        country: Indexed[u16]
        isRestricted: Indexed[bool]

    class VerificationRequired(Event):
        """Whether only verified investors may receive tokens."""

        isRequired: bool

    class IdentityInvalid(ContractError):
        """Neither an investor nor an identity can be the zero address."""

        account: address

    investors: Map[address, Investor]
    denied: Map[address, bool]
    restricted_countries: Map[u16, bool]
    is_verification_required: Slot[bool]

    @view
    def AGENT_ROLE(self) -> bytes32:
        """The role that keeps the register and acts for holders."""
        return AGENT

    @view
    def isVerified(self, userAddress: address) -> bool:
        """Whether the account is a registered investor whose country is not restricted."""
        investor = self.investors[userAddress]
        return investor.identity != ZERO_ADDRESS and not self.restricted_countries[investor.country]

    @view
    def contains(self, userAddress: address) -> bool:
        """Whether the account is registered."""
        return self.investors[userAddress].identity != ZERO_ADDRESS

    @view
    def identity(self, userAddress: address) -> address:
        """The identity behind an account; zero if it is not registered."""
        return self.investors[userAddress].identity

    @view
    def investorCountry(self, userAddress: address) -> u16:
        """The investor's country (ISO 3166-1 numeric)."""
        return self.investors[userAddress].country

    @view
    def isDenied(self, userAddress: address) -> bool:
        """Whether the account is on the deny list."""
        return self.denied[userAddress]

    @view
    def isCountryRestricted(self, country: u16) -> bool:
        """Whether investors from this country may receive nothing."""
        return self.restricted_countries[country]

    @view
    def isVerificationRequired(self) -> bool:
        """Whether only verified investors may receive tokens; otherwise everybody who is not denied may."""
        return self.is_verification_required

    @external(only=agent_only)
    def registerIdentity(self, userAddress: address, identity: address, country: u16) -> None:
        """Registers an investor, or registers it anew."""
        self._register(userAddress, identity, country)

    @external(only=agent_only)
    def batchRegisterIdentity(
        self, userAddresses: list[address], identities: list[address], countries: list[u16]
    ) -> None:
        """Registers several investors."""
        require(len(userAddresses) == len(identities) == len(countries), "array lengths differ")
        for account, identity, country in zip(userAddresses, identities, countries, strict=True):
            self._register(account, identity, country)

    @external(only=agent_only)
    def deleteIdentity(self, userAddress: address) -> None:
        """Takes an investor from the register. Its tokens stay."""
        self._unregister(userAddress)

    @external(only=agent_only)
    def updateCountry(self, userAddress: address, country: u16) -> None:
        """Changes an investor's country."""
        investor = self.investors[userAddress]
        if investor.identity == ZERO_ADDRESS:
            raise self.IdentityInvalid(userAddress)
        investor.country = country
        self.emit(self.CountryUpdated(userAddress, country))

    @external(only=agent_only)
    def setAddressDenied(self, userAddress: address, deny: bool) -> None:
        """Puts an account on the deny list or takes it off."""
        self._set_denied(userAddress, deny)

    @external(only=agent_only)
    def batchSetAddressDenied(self, userAddresses: list[address], deny: list[bool]) -> None:
        """Puts several accounts on the deny list or takes them off."""
        require(len(userAddresses) == len(deny), "array lengths differ")
        for account, flag in zip(userAddresses, deny, strict=True):
            self._set_denied(account, flag)

    @external(only=admin_only)
    def setCountryRestricted(self, country: u16, restricted: bool) -> None:
        """Keeps investors from `country` from receiving, or lets them."""
        self.restricted_countries[country] = restricted
        self.emit(self.CountryRestricted(country, restricted))

    @external(only=admin_only)
    def setVerificationRequired(self, required: bool) -> None:
        """Chooses between an allow list (verified investors only) and a deny list (everybody else too)."""
        self._set_verification_required(required)

    def _set_verification_required(self, required: bool) -> None:
        self.is_verification_required = required
        self.emit(self.VerificationRequired(required))

    def _register(self, account: address, identity: address, country: u16) -> None:
        if ZERO_ADDRESS in (account, identity):
            raise self.IdentityInvalid(ZERO_ADDRESS)
        self.investors[account] = Investor(identity, country)
        self.emit(self.IdentityRegistered(account, identity))
        self.emit(self.CountryUpdated(account, country))

    def _unregister(self, account: address) -> None:
        identity = self.investors[account].identity
        if identity == ZERO_ADDRESS:
            raise self.IdentityInvalid(account)
        self.investors[account] = Investor(ZERO_ADDRESS, 0)
        self.emit(self.IdentityRemoved(account, identity))

    def _set_denied(self, account: address, flag: bool) -> None:
        self.denied[account] = flag
        self.emit(self.AddressDenied(account, flag, self.sender))
