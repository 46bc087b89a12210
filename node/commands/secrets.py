"""How commands get secrets: from a prompt, a file, or standard input; never from the command line.

Arguments of a process can be read by every user of the machine and stay in shell histories.
"""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from node.commands.common import CommandFailed

F = TypeVar("F", bound=Callable[..., Any])
MAX_SECRET_BYTES = 4096


def password_option(function: F) -> F:
    """`--password-file`, given to the command as `password_file`."""
    return click.option(
        "--password-file",
        type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
        envvar="AURIGRAPH_PASSWORD_FILE",
        help="File whose first line is the password ('-': standard input). Without it the password is asked for.",
    )(function)


def read_password(password_file: Path | None, prompt: str, *, confirm: bool = False) -> str:
    """The password from the file or, on a terminal, from a prompt; `confirm` for the password of a new key file."""
    if password_file is not None:
        try:
            password = read_secret_file(password_file).decode("utf-8", "strict")
        except UnicodeDecodeError:
            # Without the original error, which holds the bytes.
            raise CommandFailed(f"{password_file}: the password is not UTF-8 text") from None
        # Old keys may have an empty password; a new one gets it only by mistake, and is then open to everybody.
        if confirm and not password:
            raise CommandFailed(f"{password_file}: the first line is empty; write a password there")
        return password
    if not sys.stdin.isatty():
        raise CommandFailed("no terminal to ask for the password; give --password-file")
    text: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return text


def read_secret_file(path: Path) -> bytes:
    """The first line of a secret file. Refuses a file that others can read."""
    if str(path) == "-":
        return sys.stdin.buffer.readline(MAX_SECRET_BYTES).rstrip(b"\r\n")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise CommandFailed(f"{path} can be read by others (mode {mode:04o}); run: chmod 600 {path}")
        with path.open("rb") as file:
            return file.readline(MAX_SECRET_BYTES).rstrip(b"\r\n")
    except OSError as error:
        raise CommandFailed(f"{path}: cannot be read: {error.strerror}") from error
