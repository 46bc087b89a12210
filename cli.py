"""The `aurigraph` command: puts the command groups together. Every command lives in node.commands.

Exit codes: 0 done, 1 failure, 2 usage, 3 node unreachable, 4 transaction rejected, 5 transaction reverted,
6 timeout, 7 the engines disagree (vm.cross_check), 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from node.commands.common import ExitCode, errors_as_exit_codes, fail

# Groups are imported when they are used: a `--help` or a `keys list` must not pay for the network stack.
COMMANDS = {
    "init": ("node.commands.lifecycle", "Make a node's folder: keys, configuration, genesis."),
    "start": ("node.commands.lifecycle", "Run a node (with --dev: a local chain of one validator)."),
    "keys": ("node.commands.keys", "Account keys: new, list, show, import, export."),
    "tx": ("node.commands.tx", "Send transactions and look after them."),
    "query": ("node.commands.query", "Ask a node about blocks, transactions, balances, validators, peers."),
    "token": ("node.commands.token", "Make tokens from templates, and use tokens of any kind."),
    "staking": ("node.commands.staking", "Validators, delegations and rewards."),
    "contracts": ("node.commands.contracts", "The chain's own contracts: list, ABI, documentation, storage."),
    "evm": ("node.commands.evm", "Run, trace, list and compile bytecode, without a node."),
    "testnet": ("node.commands.testnet", "A local network of real validator processes."),
    "version": ("node.commands.lifecycle", "Versions of the program and its formats."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported only when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failure, 2 usage, 3 node unreachable, 4 transaction rejected, "
    "5 transaction reverted, 6 timeout, 7 the engines disagree (vm.cross_check).",
)
def root() -> None:
    """Aurigraph: a blockchain node with BFT consensus, EVM contracts and Ethereum JSON-RPC."""


def main(arguments: list[str] | None = None) -> Any:
    """Entry point of the `aurigraph` command."""
    with errors_as_exit_codes():
        try:
            return root.main(arguments, standalone_mode=False)
        except click.exceptions.Exit as leaving:
            sys.exit(leaving.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            fail("interrupted", ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
