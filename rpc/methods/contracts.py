"""node_* methods about the chain's own contracts: which there are, and the register of tokens.

Owns: nothing but the translation; contracts answer for themselves (vm/system/).
Never does: run on the event loop: each asks contracts on a state, in a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from chain.types import Address, checksum_address
from rpc.dispatch.deferred import OffLoop
from rpc.params.method import Method, Parameter, optional
from rpc.params.values import ADDRESS, BLOCK_OR_LATEST, BlockReference, uint64
from rpc.reading.chain_view import ChainView
from rpc.reading.rendering import JsonObject, text
from rpc.services import Services
from state.reader import StateReader
from vm.environment import BlockEnvironment
from vm.errors import ExecutionFailed, ExecutionReverted
from vm.system.abi.codec import AbiDecodeError
from vm.system.addresses import TOKEN_FACTORY
from vm.system.contract import Contract
from vm.system.functions import Function
from vm.system.reading import ContractReader
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.tokens.factory import MAX_PAGE, TokenFactory, TokenRecord
from vm.system.tokens.interfaces import IERC20Metadata

OPTIONAL_NUMBER: Final = optional(Parameter(uint64))
OPTIONAL_ADDRESS: Final = optional(ADDRESS)
DEFAULT_PAGE: Final = 50

TEXT_GAS: Final = 100_000
"""For a name or a symbol in a list: about 1,100 bytes, each word a cold slot. Anybody can make tokens whose names are
as long as a block has gas, some 40 kB; a page of them would be too long to be answered, and take seconds to read."""


def methods(services: Services) -> tuple[Method, ...]:
    """The chain's own contracts."""
    handlers = ContractMethods(services.view)
    return (
        Method("node_contracts", handlers.contracts, (BLOCK_OR_LATEST,)),
        Method("node_tokenTemplates", handlers.token_templates, (BLOCK_OR_LATEST,)),
        Method(
            "node_tokens",
            handlers.tokens,
            (OPTIONAL_NUMBER, OPTIONAL_NUMBER, OPTIONAL_ADDRESS, BLOCK_OR_LATEST),
        ),
    )


class ContractMethods:
    """Handlers over the contracts of a state."""

    def __init__(self, view: ChainView) -> None:
        self._view = view

    def contracts(self, reference: BlockReference) -> object:
        """node_contracts: the chain contracts of a block's state, with the class and version that run there."""

        def read(contracts: ContractReader) -> list[JsonObject]:
            rows: list[JsonObject] = []
            for entry in CHAIN_CONTRACTS.chain_contracts:
                account = contracts.reader.account(entry.address)
                code = b"" if account is None else contracts.reader.code(account.code_hash)
                running = CHAIN_CONTRACTS.contract(code)
                if running is not None:
                    rows.append({"name": entry.name, "address": text(entry.address), **_class_json(running)})
            return rows

        return self._read(reference, read)

    def token_templates(self, reference: BlockReference) -> object:
        """node_tokenTemplates: what the token factory makes."""

        def read(contracts: ContractReader) -> list[JsonObject]:
            rows: list[JsonObject] = []
            for template in contracts.ask(TOKEN_FACTORY, TokenFactory.templates):
                name, types, names, description = contracts.ask(
                    TOKEN_FACTORY, TokenFactory.template, template
                )
                arguments = [{"name": name, "type": kind} for name, kind in zip(names, types, strict=True)]
                rows.append(
                    {"id": text(template), "name": name, "arguments": arguments, "description": description}
                )
            return rows

        return self._read(reference, read)

    def tokens(
        self, start: int | None, limit: int | None, creator: Address | None, reference: BlockReference
    ) -> object:
        """node_tokens: a page of the token factory's register, oldest first, of one creator if one is named."""
        first, most = start or 0, min(DEFAULT_PAGE if limit is None else limit, MAX_PAGE)

        def read(contracts: ContractReader) -> JsonObject:
            if creator is None:
                total = contracts.ask(TOKEN_FACTORY, TokenFactory.tokenCount)
                page = contracts.ask(TOKEN_FACTORY, TokenFactory.tokens, first, most)
            else:
                total = contracts.ask(TOKEN_FACTORY, TokenFactory.tokenCountOf, creator)
                page = contracts.ask(TOKEN_FACTORY, TokenFactory.tokensOf, creator, first, most)
            return {"total": total, "tokens": [_token_json(contracts, record) for record in page]}

        return self._read(reference, read)

    def _read(self, reference: BlockReference, read: Callable[[ContractReader], object]) -> object:
        def use(state: StateReader, environment: BlockEnvironment) -> OffLoop:
            return OffLoop(lambda deadline: read(ContractReader(state, environment, deadline.check)))

        return self._view.with_execution(reference, use)


def _class_json(contract: type[Contract]) -> JsonObject:
    return {"class": contract.__name__, "version": contract.version, "code": text(contract.code)}


def _token_json(contracts: ContractReader, record: TokenRecord) -> JsonObject:
    """name, symbol and decimals are null where the token has none, as for multi-tokens, or a very long one."""
    token = Address(record.token)
    frugal = replace(contracts, gas=TEXT_GAS)

    def told(function: Function[[], object]) -> object:
        try:
            answer = frugal.ask(token, function)
        except (ExecutionReverted, ExecutionFailed, AbiDecodeError):
            return None
        return _valid(answer) if isinstance(answer, str) else answer

    return {
        "address": checksum_address(token),
        "template": text(record.template),
        "creator": checksum_address(Address(record.creator)),
        "blockNumber": record.blockNumber,
        "name": told(IERC20Metadata.name),
        "symbol": told(IERC20Metadata.symbol),
        "decimals": told(IERC20Metadata.decimals),
    }


def _valid(name: str) -> str:
    """What JSON can carry: contracts keep any bytes as text."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
