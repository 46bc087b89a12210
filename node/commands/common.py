"""What all commands share: exit codes, the error line, tables for people and JSON for programs.

Results go to standard output, everything else to standard error. Never prints a secret.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from chain.errors import CallerError, InvariantViolation, NodeError
from chain.types import Address, InvalidAddress, parse_address
from node.abi import InvalidCall
from node.errors import EnginesDisagree
from node.fork_option import USUAL_FORK, check_forks
from node.home import NodeHome, default_home
from node.rpc_client import InvalidUrl, NodeUnreachable, RpcCallFailed, RpcClient
from node.units import InvalidAmount

MAX_SENTENCE_CHARACTERS = 200  # of a command in the list of its group
LEAST_TEXT_COLUMN = 30  # sentences are broken into lines of at least so many characters
BUG = "a fault of this program, please report it with the lines above"
# Longer texts quote an argument or an answer at full length; the lines of a log that `testnet up` shows are shorter.
MAX_ERROR_CHARACTERS = 8_000
DEFAULT_RPC_URL = "http://127.0.0.1:8545"

STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # general categories of Unicode

F = TypeVar("F", bound=Callable[..., Any])


class ExitCode(IntEnum):
    """What the shell sees; documented in `aurigraph --help`."""

    OK = 0
    FAILURE = 1
    USAGE = 2  # click's own
    NODE_UNREACHABLE = 3
    TRANSACTION_REJECTED = 4
    TRANSACTION_REVERTED = 5
    TIMEOUT = 6
    VERIFICATION_FAILED = 7  # with vm.cross_check: two engines disagree on a block
    INTERRUPTED = 130


class CommandGroup(click.Group):
    """A group whose list of commands has their first sentences whole, not cut to a line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(MAX_SENTENCE_CHARACTERS)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class CommandFailed(CallerError):
    """Ends a command with a text and an exit code."""

    def __init__(self, text: str, code: ExitCode = ExitCode.FAILURE) -> None:
        super().__init__(text)
        self.code = code


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Turns the project's errors into one line on standard error and an exit code."""
    try:
        yield
    except CommandFailed as error:
        fail(_one_line(error), error.code)
    except NodeUnreachable as error:
        fail(_one_line(error), ExitCode.NODE_UNREACHABLE)
    except RpcCallFailed as error:
        fail(_one_line(error), ExitCode.FAILURE)
    except EnginesDisagree as error:
        fail(str(error), ExitCode.VERIFICATION_FAILED)
    except InvariantViolation as error:
        traceback.print_exc()
        fail(f"{BUG}: {error}", ExitCode.FAILURE)
    except (InvalidAmount, InvalidCall, InvalidUrl) as error:
        fail(str(error), ExitCode.USAGE)
    except NodeError as error:
        fail(str(error), ExitCode.FAILURE)
    except BrokenPipeError:
        # The reader of our output has gone, as in `... | head -1`; what is buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.FAILURE)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        fail(f"{place}{error.strerror or error}", ExitCode.FAILURE)
    except BaseExceptionGroup as group:
        # A nursery wraps what its tasks raise: what the operator must mend is inside.
        ours, rest = group.split(NodeError)
        if ours is None or rest is not None:
            raise
        disagreement = ours.subgroup(EnginesDisagree)
        if disagreement is not None:
            fail(str(next(_leaves(disagreement))), ExitCode.VERIFICATION_FAILED)
        bug = group.subgroup(InvariantViolation)
        if bug is not None:
            traceback.print_exception(bug)
        text = "; ".join(dict.fromkeys(str(error) for error in _leaves(ours)))
        fail(text if bug is None else f"{BUG}: {text}", ExitCode.FAILURE)


def fail(text: str, code: ExitCode) -> NoReturn:
    """Prints the error line and leaves."""
    text = printable(text)
    if len(text) > MAX_ERROR_CHARACTERS:
        text = f"{text[:MAX_ERROR_CHARACTERS]}… ({len(text)} characters)"
    click.echo(f"error: {text}", err=True)
    sys.exit(code)


def printable(text: str) -> str:
    """`text` without what would steer a terminal or turn the direction of writing: names of tokens and validators, and
    reasons of contracts, come from strangers."""
    if text.isprintable():
        return text
    return "".join(["\ufffd" if _steers(character) else character for character in text])


def _steers(character: str) -> bool:
    """Control and format characters, halves of surrogate pairs and line separators; not a line feed of ours."""
    return character != "\n" and unicodedata.category(character) in STEERING


def _one_line(error: Exception) -> str:
    """The text of an error that may quote a server: that chooses its own line breaks."""
    return " ".join(str(error).split())


def read_address(text: str) -> Address:
    """An address that the user wrote. Raises CommandFailed."""
    try:
        return parse_address(text)
    except InvalidAddress as error:
        raise CommandFailed(f"{text!r} is not an address: {error}", ExitCode.USAGE) from error


def _leaves(group: BaseExceptionGroup[Any]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def home_option(function: F) -> F:
    """`--home`, given to the command as a NodeHome."""
    return click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        default=None,
        callback=lambda _context, _option, value: NodeHome(value if value is not None else default_home()),
        help="Folder of the node [default: AURIGRAPH_HOME or ~/.aurigraph].",
    )(function)


def rpc_option(function: F) -> F:
    """`--rpc`, given to the command as an RpcClient."""
    return click.option(
        "--rpc",
        "rpc",
        default=DEFAULT_RPC_URL,
        envvar="AURIGRAPH_RPC",
        show_default=True,
        callback=lambda _context, _option, value: RpcClient(value),
        help="Address of a node's JSON-RPC.",
    )(function)


def json_option(function: F) -> F:
    """`--json`, given to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(function)


def forks_option(function: F) -> F:
    """`--forks`, given to the command in its usual text form, or None."""

    def checked(_context: object, _option: object, value: str | None) -> str | None:
        try:
            return None if value is None else check_forks(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return click.option(
        "--forks",
        callback=checked,
        metavar="NAME[@BLOCK],…",
        help=f"Rule sets of a new chain, as in osaka or prague,osaka@100 [default: {USUAL_FORK.name.lower()}].",
    )(function)


def show(record: Mapping[str, Any], as_json: bool) -> None:
    """One record: a two-column table, or one JSON object on a line."""
    if as_json:
        click.echo(json.dumps(record))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    _add_column(table, "", list(record), style="bold")
    _add_column(table, "", [_text(value) for value in record.values()])
    for name, value in record.items():
        table.add_row(name, _text(value))
    _print(table)


def show_rows(rows: Sequence[Mapping[str, Any]], as_json: bool, empty: str) -> None:
    """Several records with the same fields: a table, or a JSON object per line; `empty` is said if there are none."""
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    if not rows:
        click.echo(empty, err=True)
        return
    table = Table(box=None, pad_edge=False)
    cells = [[_text(value) for value in row.values()] for row in rows]
    for name, column in zip(rows[0], zip(*cells, strict=True), strict=True):
        _add_column(table, name, column)
    for line in cells:
        table.add_row(*line)
    _print(table)


def _add_column(table: Table, name: str, cells: Sequence[str], style: str = "") -> None:
    """A column of words, such as addresses, is never broken, so that they can be copied; one of sentences is, between
    words."""
    longest = max(map(len, [name, *cells]))
    longest_word = max([len(word) for cell in cells for word in cell.split()], default=0)
    is_sentences = longest_word < longest > LEAST_TEXT_COLUMN
    least = max(longest_word, LEAST_TEXT_COLUMN) if is_sentences else longest
    table.add_column(name, overflow="fold", no_wrap=not is_sentences, min_width=least, style=style)


def _print(table: Table) -> None:
    """As wide as the terminal, and wider where the table needs it: the terminal then breaks lines without cutting what
    is copied. To files and programs whole lines go."""
    printer = Console(highlight=False, markup=False)
    unbounded = printer.options.update(width=sys.maxsize)
    needed = Measurement.get(printer, unbounded, table)
    printer.width = max(printer.width, needed.minimum) if printer.is_terminal else needed.maximum
    with printer.capture() as captured:
        printer.print(table, soft_wrap=False, crop=False)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())  # without the blanks that fill a table to its width


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value) if isinstance(value, dict | list) else printable(str(value))
