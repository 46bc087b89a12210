"""`aurigraph contracts …`: the chain's own contracts: which there are, their interfaces, and what they store.

Owns: names on the command line, and the way from an account's code to the class and its fields. Only `storage` needs a
node. Never does: send a transaction.
"""

from __future__ import annotations

import json
from typing import Any, Final

import click

from chain.types import checksum_address
from node.commands.common import (
    CommandFailed,
    CommandGroup,
    ExitCode,
    json_option,
    read_address,
    rpc_option,
    show,
    show_rows,
)
from node.commands.query import block_tag, not_a_node
from node.rpc_client import RpcClient
from vm.system.contract import MARKER, Contract
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.storage.bind import layout_of
from vm.system.storage.description import type_label
from vm.system.tooling.declared import abi_of, first_paragraph, own_documentation, solidity_of
from vm.system.tooling.reference import chapter, newest
from vm.system.tooling.storage_reading import MAX_ELEMENTS, InvalidPath, find
from vm.system.tooling.storage_reading import show as read_value

EXACT_NUMBER: Final = (1 << 53) - 1
"""Greater numbers are text in JSON, because most programs would round them."""


@click.group(cls=CommandGroup)
def contracts() -> None:
    """The chain's own contracts: list, ABI, Solidity interface, documentation, storage."""


@contracts.command("list")
@json_option
def list_contracts(as_json: bool) -> None:
    """All classes that this program runs; those with an address are on every chain."""
    places = {entry.contract.class_id: entry for entry in CHAIN_CONTRACTS.chain_contracts}
    rows: list[dict[str, Any]] = []
    for contract in newest(CHAIN_CONTRACTS.classes):
        entry = places.get(contract.class_id)
        row: dict[str, Any] = {
            "name": contract.__name__,
            "address": None if entry is None else checksum_address(entry.address),
            "class": f"0x{contract.class_id or 0:08x}",
            "version": contract.version,
            "functions": len(contract.functions),
            "about": first_paragraph(own_documentation(contract)),
        }
        rows.append(row)
    show_rows(rows, as_json, empty="no contracts")


@contracts.command()
@click.argument("name")
def abi(name: str) -> None:
    """The ABI of contract NAME, as JSON."""
    click.echo(json.dumps(abi_of(contract_named(name)), indent=2))


@contracts.command()
@click.argument("name")
def sol(name: str) -> None:
    """The Solidity interface of contract NAME."""
    click.echo(solidity_of(contract_named(name)), nl=False)


@contracts.command()
@click.argument("name")
def docs(name: str) -> None:
    """What contract NAME is: functions, events, errors, storage; in Markdown."""
    click.echo(chapter(CHAIN_CONTRACTS, contract_named(name)), nl=False)


@contracts.command()
@click.argument("address")
@click.argument("field", required=False)
@click.argument("keys", nargs=-1)
@click.option("--block", "which", default="latest", show_default=True)
@rpc_option
@json_option
def storage(
    address: str, field: str | None, keys: tuple[str, ...], which: str, rpc: RpcClient, as_json: bool
) -> None:
    """What the system contract at ADDRESS stores: all fields, or FIELD, or what is under KEYS in it.

    KEYS are keys of mappings, indexes of arrays and members of structs, one after the other. Nobody can list the keys
    of a mapping, so without one only its type is shown; of an array the first elements are.
    """
    account = checksum_address(read_address(address))
    reader = _Reader(rpc, account, block_tag(which))
    contract = reader.contract()
    variables = layout_of(contract).variables
    try:
        if field is not None:
            place = find(variables, (field, *keys), reader.load)
            value = read_value(place, reader.load)
            if as_json:
                show({"type": type_label(place.type), "value": _exact(value)}, as_json=True)
            else:
                show(value if isinstance(value, dict) else {field: value}, as_json=False)
            return
        fields = {
            one.name: read_value(find(variables, (one.name,), reader.load), reader.load) for one in variables
        }
    except InvalidPath as error:
        raise CommandFailed(f"{contract.__name__}: {error}", ExitCode.USAGE) from error
    if as_json:
        show({"address": account, **_identity(contract), "storage": _exact(fields)}, as_json=True)
        return
    show({"contract": f"{contract.__name__} version {contract.version}", **fields}, as_json=False)


def contract_named(name: str) -> type[Contract]:
    """The newest version of a class, by its name or that of a chain contract, in any case. Raises CommandFailed."""
    known = {contract.__name__.lower(): contract for contract in newest(CHAIN_CONTRACTS.classes)}
    ids = {entry.name: entry.contract.__name__.lower() for entry in CHAIN_CONTRACTS.chain_contracts}
    wanted = name.lower()
    found = known.get(ids.get(wanted, wanted))
    if found is None:
        names = ", ".join(contract.__name__ for contract in known.values())
        raise CommandFailed(f"there is no contract {name!r}; there are: {names}", ExitCode.USAGE)
    return found


class _Reader:
    """The code and the slots of one account in one block."""

    def __init__(self, rpc: RpcClient, account: str, tag: str) -> None:
        self._rpc = rpc
        self._account = account
        # All slots must be of one block, or what is read may never have been.
        self._tag = hex(rpc.quantity("eth_blockNumber")) if tag in ("latest", "safe", "finalized") else tag

    def contract(self) -> type[Contract]:
        """The class that the account's code names. Raises CommandFailed."""
        code = self._bytes("eth_getCode", self._account, self._tag)
        if not code.startswith(MARKER):
            what = "a contract, but none of the chain's own" if code else "no contract"
            raise CommandFailed(f"{self._account} is {what}")
        found = CHAIN_CONTRACTS.contract(code)
        if found is None:
            raise CommandFailed(f"{self._account} runs 0x{code.hex()}, which this program does not know")
        return found

    def load(self, slot: int) -> int:
        """The word in a slot."""
        word = self._bytes("eth_getStorageAt", self._account, f"0x{slot:064x}", self._tag)
        if len(word) != 32:
            raise not_a_node(self._rpc, "eth_getStorageAt")
        return int.from_bytes(word)

    def _bytes(self, method: str, *params: str) -> bytes:
        answer = self._rpc.call(method, *params)
        try:
            if answer[:2] == "0x":
                return bytes.fromhex(answer[2:])
        except (TypeError, ValueError):
            pass
        raise not_a_node(self._rpc, method)


def _identity(contract: type[Contract]) -> dict[str, Any]:
    return {"contract": contract.__name__, "version": contract.version, "elementsShown": MAX_ELEMENTS}


def _exact(value: Any) -> Any:
    """The same with great numbers as text."""
    if isinstance(value, dict):
        return {name: _exact(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_exact(one) for one in value]
    if isinstance(value, int) and not -EXACT_NUMBER <= value <= EXACT_NUMBER:
        return str(value)
    return value
