"""A process that commits blocks until it is killed; test_crash starts it. It prints each number once committed."""

import sys
from pathlib import Path

from chain.receipt import EMPTY_BLOOM, Log, Receipt
from chain.transaction import TransactionType
from state import log_index
from state.account import Account
from state.chain_store import ChainStore
from state.changes import StateChanges
from tests.state.chain_builder import CHAIN_ID, ChainBuilder, make_address, make_transaction

ACCOUNTS = 60
TOKEN = make_address(1)
TRANSACTION = make_transaction(0)
LOG_EVERY = 3
"""Blocks from one with a log to the next."""


def changes_of(number: int) -> StateChanges:
    """Every block changes all accounts, so that a block that is half there would show."""
    accounts = {make_address(index): Account(number, number) for index in range(1, ACCOUNTS)}
    return StateChanges(accounts, {TOKEN: {0: number, number + 1: 1}})


def main(path: Path) -> None:
    builder = ChainBuilder(ChainStore.open(path, chain_id=CHAIN_ID))
    if not builder.store.is_initialised:
        builder.start(changes_of(0))
    log_index.SECTION_BLOCKS = 16  # type: ignore[misc]  # so that many kills hit the batch that ends a section
    print("open", flush=True)
    while True:
        number = builder.store.head.number + 1
        logs = (Log(TOKEN, (), b""),) if number % LOG_EVERY == 0 else ()
        receipt = Receipt(TransactionType.DYNAMIC_FEE, True, 21_000, EMPTY_BLOOM, logs)
        builder.commit(changes_of(number), [TRANSACTION], [receipt])
        print(number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
