"""How staking looks on a command line: rates, times, stakes and events in words, and pages of validators.

Owns the forms only; amounts are node.units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from chain.types import Address, checksum_address
from node.commands.common import CommandFailed, ExitCode
from node.commands.query import not_a_node
from node.contract_calls import ContractCalls, EventInWords
from node.rpc_client import RpcClient
from node.units import InvalidAmount, format_aur, format_units, parse_units
from vm.system.addresses import STAKING
from vm.system.contract import Contract
from vm.system.staking.staking import Staking
from vm.system.staking.types import DECIMALS, ONE, UNCHANGED, BondStatus, DecCoin, PageRequest, Validator
from vm.system.storage.bind import layout_of
from vm.system.tooling.storage_reading import find
from vm.system.tooling.storage_reading import show as stored_value

PERCENT_DECIMALS: Final = 16
"""Of a rate with 18 decimals that is written as a percentage."""

MAX_PAGES: Final = 1_000
"""A hundred validators each: a node that never ends the list is not asked for ever."""

COIN_FIELDS: Final = frozenset({"amount", "value", "commission", "burnt", "minSelfDelegation"})
"""Fields of events that count wei."""

HASH_CHARACTERS: Final = 66
"""Of 32 bytes as 0x and hex: what an event has instead of an indexed text."""

NO_PAGE: Final = PageRequest(b"", 0, 0, False, False)


def parse_rate(text: str) -> int:
    """A rate with 18 decimals from `0.05` or `5%`, at most 1. Raises CommandFailed."""
    try:
        rate = parse_units(text[:-1], PERCENT_DECIMALS) if text.endswith("%") else parse_units(text, DECIMALS)
    except InvalidAmount as error:
        raise CommandFailed(
            f"{text!r} is no rate: write it as 0.05 or 5% ({error})", ExitCode.USAGE
        ) from error
    if rate > ONE:
        raise CommandFailed(f"{text!r} is no rate: it is above 1, which is 100%", ExitCode.USAGE)
    return rate


def percent(rate: int) -> str:
    """A rate with 18 decimals for people."""
    return f"{format_units(rate, PERCENT_DECIMALS)}%"


def decimal_rate(rate: int) -> str:
    """A rate with 18 decimals for programs."""
    return format_units(rate, DECIMALS)


def moment(seconds: int) -> str:
    """A time in seconds since 1970 for people; 0 is none, and what no calendar holds is for ever."""
    if seconds == 0:
        return "-"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "for ever"


def coins(wei: int) -> str:
    """An amount for people."""
    return f"{format_aur(wei)} AUR"


def wei_of(amounts: Sequence[DecCoin]) -> int:
    """Whole wei of what a contract lists as coins with decimals."""
    return sum([amount.amount // int(10**amount.precision) for amount in amounts])


def event_rows(events: Sequence[EventInWords]) -> dict[str, str]:
    """A row for each event, for people; of events of one name the number is told."""
    rows: dict[str, str] = {}
    for event in events:
        name, count = event.name, 1
        while name in rows:
            count += 1
            name = f"{event.name} {count}"
        rows[name] = "  ".join(
            [f"{field} {_in_words(field, value)}" for field, value in event.values.items()]
        )
    return rows


def event_json(events: Sequence[EventInWords]) -> list[Mapping[str, Any]]:
    """The same for programs."""
    return [{"address": event.address, "name": event.name, "values": dict(event.values)} for event in events]


def _in_words(field: str, value: Any) -> str:
    if field in ("commissionRate", "minSelfDelegation") and int(value) == UNCHANGED:
        return "unchanged"
    if field == "commissionRate":
        return percent(int(value))
    if field == "validatorAddress" and len(value) == HASH_CHARACTERS:
        return f"hash {value}"
    if field in COIN_FIELDS:
        return coins(int(value))
    return moment(int(value)) if field == "completionTime" else str(value)


def each_validator(calls: ContractCalls, status: str = "") -> Iterator[Validator]:
    """Validators in the order in which they were created; status as the contract names it, "" for all."""
    page = NO_PAGE
    for _ in range(MAX_PAGES):
        found, told = calls.ask(STAKING, Staking.validators, status, page)
        yield from found
        if not told.nextKey:
            return
        page = PageRequest(told.nextKey, 0, 0, False, False)


def known_validator(calls: ContractCalls, operator: Address) -> Validator:
    """Raises CommandFailed if this account runs no validator."""
    found = calls.ask(STAKING, Staking.validator, operator)
    if not found.consensusPubkey:
        raise CommandFailed(f"{checksum_address(operator)} runs no validator")
    return found


def status_word(status: int) -> str:
    """bonded, unbonding or unbonded."""
    return BondStatus(status).name.lower() if status in BondStatus.__members__.values() else str(status)


def stored(rpc: RpcClient, target: Address, contract: type[Contract], field: str) -> Any:
    """A field of a contract's storage, as JSON has it."""

    def load(slot: int) -> int:
        word = rpc.call("eth_getStorageAt", checksum_address(target), hex(slot), "latest")
        try:
            return int(word, 16)
        except (TypeError, ValueError) as error:
            raise not_a_node(rpc, "eth_getStorageAt") from error

    return stored_value(find(layout_of(contract).variables, [field], load), load)
