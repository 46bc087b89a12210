"""Makes tokens from templates and remembers them.

Owns: TokenFactory, a chain contract: creation at addresses known beforehand, and the register of what it made.
Never does: have any right over a token; its constructor says who has.
Specification: EIP-1014 for addresses: they follow from template, arguments, salt and creator, so nobody can take an
address that another creator counts on.
"""

from __future__ import annotations

from typing import Any, Final

from vm.system.abi.codec import AbiDecodeError
from vm.system.framework import (
    Array,
    Contract,
    ContractError,
    Event,
    Indexed,
    Map,
    Struct,
    address,
    bytes32,
    external,
    u64,
    u256,
    view,
)
from vm.system.gas import words_gas
from vm.system.tokens.templates.catalogue import TEMPLATES, Template

MAX_PAGE: Final = 256  # records in one answer; a page takes some 1.6 million gas


class TokenRecord(Struct):
    """A token that the factory made: from which template, for whom, in which block."""

    token: address
    template: bytes32
    creator: address
    blockNumber: u64


class TokenFactory(Contract, class_id=0x0120, version=1):
    """Creates tokens from templates, each at an address that is known beforehand, and lists them."""

    class TokenCreated(Event):
        """`creator` has a new token, made from `template` with `args`."""

        token: Indexed[address]
        template: Indexed[bytes32]
        creator: Indexed[address]
        salt: bytes32
        args: bytes

    class UnknownTemplate(ContractError):
        """There is no such template."""

        template: bytes32

    class InvalidTemplateArguments(ContractError):
        """`args` is no encoding of the template's arguments."""

        template: bytes32

    class TokenExists(ContractError):
        """The creator has made this very token with this salt already."""

        token: address

    class UnknownToken(ContractError):
        """The factory did not make this."""

        token: address

    records: Array[TokenRecord]
    positions: Map[address, u256]
    tokens_of_creator: Map[address, Array[u64]]

    @external(returns=("token",))
    def createToken(self, template: bytes32, args: bytes, salt: bytes32) -> address:
        """Makes a token. args: the template's arguments, ABI-encoded as one list; see `template`."""
        chosen, values = self._decoded(template, args)
        own_salt = self._salt_of(self.sender, salt)
        token = self.predict(chosen.contract, own_salt, *values)
        if self.positions[token]:
            raise self.TokenExists(token)
        token = self.deploy(chosen.contract, own_salt, *values)
        self.tokens_of_creator[self.sender].append(len(self.records))
        self.records.append(TokenRecord(token, template, self.sender, self.block_number))
        self.positions[token] = len(self.records)
        self.emit(self.TokenCreated(token, template, self.sender, salt, args))
        return token

    @view(name="predict", returns=("token",))
    def predict_token(self, template: bytes32, args: bytes, salt: bytes32, creator: address) -> address:
        """Where `createToken`, called by `creator` with the same, puts the token."""
        chosen, values = self._decoded(template, args)
        return self.predict(chosen.contract, self._salt_of(creator, salt), *values)

    @view
    def tokenCount(self) -> u256:
        """How many tokens the factory has made."""
        return len(self.records)

    @view
    def tokens(self, start: u256, limit: u256) -> list[TokenRecord]:
        """Records from number `start` on, oldest first: at most `limit`, and at most 256."""
        end = min(len(self.records), start + min(limit, MAX_PAGE))
        return [self.records[number].copy() for number in range(start, end)]

    @view
    def tokenCountOf(self, creator: address) -> u256:
        """How many tokens `creator` has made."""
        return len(self.tokens_of_creator[creator])

    @view
    def tokensOf(self, creator: address, start: u256, limit: u256) -> list[TokenRecord]:
        """As `tokens`, of one creator."""
        numbers = self.tokens_of_creator[creator]
        end = min(len(numbers), start + min(limit, MAX_PAGE))
        return [self.records[numbers[number]].copy() for number in range(start, end)]

    @view
    def isToken(self, token: address) -> bool:
        """Whether the factory made this."""
        return self.positions[token] != 0

    @view
    def record(self, token: address) -> TokenRecord:
        """What the factory knows of a token."""
        position = self.positions[token]
        if position == 0:
            raise self.UnknownToken(token)
        return self.records[position - 1].copy()

    @view
    def templates(self) -> list[bytes32]:
        """The ids of all templates: keccak of their names."""
        return list(TEMPLATES)

    @view(returns=("name", "argumentTypes", "argumentNames", "description"))
    def template(self, template: bytes32) -> tuple[str, list[str], list[str], str]:
        """What a template is, and which arguments it takes."""
        chosen = self._template(template)
        types = [parameter.type.canonical for parameter in chosen.parameters]
        return chosen.name, types, [parameter.name for parameter in chosen.parameters], chosen.description

    def _template(self, template: bytes32) -> Template:
        chosen = TEMPLATES.get(template)
        if chosen is None:
            raise self.UnknownTemplate(template)
        return chosen

    def _decoded(self, template: bytes32, args: bytes) -> tuple[Template, tuple[Any, ...]]:
        """The template and its arguments; two encodings of the same arguments are the same token."""
        chosen = self._template(template)
        self.charge(words_gas(len(args)))
        try:
            return chosen, chosen.decode(args)
        except AbiDecodeError:
            raise self.InvalidTemplateArguments(template) from None

    def _salt_of(self, creator: address, salt: bytes32) -> bytes32:
        """Each creator has salts of its own."""
        return self.keccak(bytes(12) + creator + salt)
