"""A process that commits blocks until it is killed; test_crash starts it. It prints each number once committed."""

import sys
from pathlib import Path

from state.account import Account
from state.chain_store import ChainStore
from state.changes import StateChanges
from tests.state.chain_builder import CHAIN_ID, ChainBuilder, make_address

ACCOUNTS = 60
TOKEN = make_address(1)


def changes_of(number: int) -> StateChanges:
    """Every block changes all accounts, so that a block that is half there would show."""
    accounts = {make_address(index): Account(number, number) for index in range(1, ACCOUNTS)}
    return StateChanges(accounts, {TOKEN: {0: number, number + 1: 1}})


def main(path: Path) -> None:
    builder = ChainBuilder(ChainStore.open(path, chain_id=CHAIN_ID))
    if not builder.store.is_initialised:
        builder.start(changes_of(0))
    print("open", flush=True)
    while True:
        number = builder.store.head.number + 1
        builder.commit(changes_of(number))
        print(number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
