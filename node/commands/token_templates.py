"""The token factory's templates on a command line: their names, and words as their arguments.

Owns the check of arguments before anything is sent. Never does: know a template; the node tells them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

from node.abi import InvalidCall, encode_arguments
from node.commands.common import CommandFailed, ExitCode
from node.commands.query import ask_rows, not_a_node
from node.rpc_client import RpcClient
from node.units import InvalidAmount, parse_units

DEFAULT_DECIMALS: Final = 18
AMOUNT_ARGUMENTS: Final = frozenset({"supply", "cap"})
"""Arguments of templates that count tokens; people write them as they write all amounts of the token."""

MAX_DECIMALS: Final = 255
"""They are a uint8."""

SALT_BYTES: Final = 32
_HEX_SALT: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_DECIMAL_SALT: Final = re.compile(r"[0-9]{1,77}")  # below 2**256
_DECIMALS: Final = re.compile(r"[0-9]{1,3}")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Template:
    """One of the factory's templates, as the node tells it. arguments: (name, ABI type)."""

    id: bytes
    name: str
    arguments: tuple[tuple[str, str], ...]
    description: str

    @property
    def usage(self) -> str:
        """The arguments as a command line has them."""
        return " ".join([f"{name}:{kind}" for name, kind in self.arguments])


def units_option(function: F) -> F:
    """`--units`, given to the command as `units`."""
    return click.option(
        "--units",
        type=click.Choice(["token", "wei"]),
        default="token",
        show_default=True,
        help="What amounts count: whole tokens, as 1.5, or the smallest unit.",
    )(function)


def salt_option(function: F) -> F:
    """`--salt`, given to the command as 32 bytes."""

    def checked(_context: object, _option: object, text: str) -> bytes:
        if _HEX_SALT.fullmatch(text):
            return bytes.fromhex(text[2:])
        if _DECIMAL_SALT.fullmatch(text):
            return int(text).to_bytes(SALT_BYTES)
        raise click.BadParameter("a number, or 0x and 64 hex digits")

    return click.option(
        "--salt",
        default="0",
        show_default=True,
        callback=checked,
        help="Another salt makes another token of the same arguments.",
    )(function)


def known_templates(rpc: RpcClient) -> list[Template]:
    """What the chain's factory makes. Raises NodeUnreachable, RpcCallFailed."""
    try:
        return [
            Template(
                bytes.fromhex(row["id"][2:]),
                row["name"],
                tuple([(each["name"], each["type"]) for each in row["arguments"]]),
                row["description"],
            )
            for row in ask_rows(rpc, "node_tokenTemplates")
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise not_a_node(rpc, "node_tokenTemplates") from error


def find_template(rpc: RpcClient, name: str) -> Template:
    """By name, or by id in hex. Raises CommandFailed."""
    known = known_templates(rpc)
    for template in known:
        if name in (template.name, "0x" + template.id.hex()):
            return template
    names = ", ".join([one.name for one in known])
    raise CommandFailed(f"there is no template {name!r}; there are: {names or 'none'}", ExitCode.USAGE)


def encode_template_arguments(template: Template, words: Sequence[str], units: str) -> bytes:
    """The arguments as the factory takes them. Raises CommandFailed, InvalidCall: the text names the argument."""
    if len(words) != len(template.arguments):
        raise CommandFailed(
            f"{template.name} takes {len(template.arguments)} arguments, not {len(words)}: {template.usage}",
            ExitCode.USAGE,
        )
    given = dict(zip([name for name, _ in template.arguments], words, strict=True))
    checked: list[str] = []
    for (name, kind), word in zip(template.arguments, words, strict=True):
        try:
            exact = word
            if name in AMOUNT_ARGUMENTS and units == "token":
                exact = str(parse_units(word, _decimals_of(given)))
            encode_arguments([kind], [exact])
        except (InvalidCall, InvalidAmount) as error:
            raise CommandFailed(f"{name}: {error}", ExitCode.USAGE) from error
        checked.append(exact)
    return encode_arguments([kind for _, kind in template.arguments], checked)


def _decimals_of(given: Mapping[str, str]) -> int:
    text = given.get("decimals", str(DEFAULT_DECIMALS))
    if _DECIMALS.fullmatch(text) is None or int(text) > MAX_DECIMALS:
        raise InvalidAmount(f"decimals {text!r} are no number from 0 to {MAX_DECIMALS}")
    return int(text)
