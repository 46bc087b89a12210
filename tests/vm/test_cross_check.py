"""Two engines on one block: agreement is silent, every kind of difference has a name and a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chain.errors import EnvironmentFault
from chain.transaction import RecoveredTransaction
from tests.vm.test_block import COUNTER, accounts, mixed_transactions
from tests.vm.worlds import ALICE, BOB, ENVIRONMENT, funded, transaction
from vm.block import BlockResult, execute_block
from vm.context import ExecutionContext
from vm.cross_check import (
    MAX_DIFFERENCES,
    Crash,
    Difference,
    Execution,
    ReadState,
    differences,
    execute_watched,
    first_with_other_effects,
)
from vm.engines import INTERPRETER, NATIVE, PY_EVM, Engine
from vm.errors import InvalidBlock
from vm.message import Message, Outcome


class Faulty:
    """Fails with `error` when it runs the code of `COUNTER`."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        if message.target == COUNTER:
            raise self.error
        return NATIVE.run(context, message, code)


class Writing:
    """Writes one slot that nobody asked for; gas and output are right."""

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        if message.target == COUNTER:
            context.world.set_storage(message.target, 9, 9)
        return NATIVE.run(context, message, code)


def executed(engine: Engine, sent: Sequence[RecoveredTransaction] | None = None) -> Execution:
    environment = replace(ENVIRONMENT, evm=engine)
    return execute_watched(accounts().reader, environment, mixed_transactions() if sent is None else sent)


def test_a_watched_execution_gives_what_execution_gives() -> None:
    watched = executed(NATIVE)
    assert watched.result() == execute_block(accounts().reader, ENVIRONMENT, mixed_transactions())
    assert len(watched.outcomes) == len(mixed_transactions())
    assert sum(outcome.gas_used for outcome in watched.outcomes) == watched.result().gas_used


@pytest.mark.parametrize("other", [INTERPRETER, PY_EVM])
def test_engines_that_agree_have_no_differences(other: Engine) -> None:
    assert differences(executed(NATIVE), executed(other)) == ()


def test_a_transaction_that_may_not_run_is_refused_alike() -> None:
    sent = [transaction(to=BOB.address), transaction(to=BOB.address)]  # one nonce twice
    native, reference = executed(NATIVE, sent), executed(PY_EVM, sent)
    assert differences(native, reference) == ()
    with pytest.raises(InvalidBlock, match="transaction 1: nonce too low"):
        native.result()
    finished = executed(NATIVE, sent[:1])
    (found,) = differences(native, finished)
    assert (found.what, found.second, found.transaction) == ("the end", "finished", 1)


def test_a_crash_of_one_engine_is_a_difference_and_of_both_is_none() -> None:
    crashed = executed(Faulty(RuntimeError("on purpose")))
    assert isinstance(crashed.verdict, Crash)
    (found,) = differences(executed(NATIVE), crashed)
    assert (found.what, found.first, found.transaction) == ("the end", "finished", len(crashed.outcomes))
    assert "on purpose" in found.second
    assert differences(crashed, executed(Faulty(ValueError("another text")))) == ()
    with pytest.raises(RuntimeError, match="on purpose"):
        crashed.result()


def test_a_fault_of_the_machine_is_not_an_answer() -> None:
    with pytest.raises(EnvironmentFault):
        executed(Faulty(EnvironmentFault("no disk")))


def test_a_difference_in_the_state_alone_is_found_and_traced() -> None:
    sent = mixed_transactions()
    native, writing = executed(NATIVE), executed(Writing())
    assert differences(native, writing) == (Difference(f"slot of 0x{COUNTER.hex()} 9", "unchanged", "9"),)
    first = next(index for index, item in enumerate(sent) if item.transaction.to == COUNTER)
    environment = replace(ENVIRONMENT, evm=NATIVE)
    assert first_with_other_effects(accounts().reader, environment, Writing(), sent) == first
    assert first_with_other_effects(accounts().reader, environment, PY_EVM, sent) is None


def test_texts_of_errors_are_not_compared_and_differences_are_bounded() -> None:
    sent = [transaction(nonce=nonce, to=BOB.address) for nonce in range(MAX_DIFFERENCES + 1)]
    native = executed(NATIVE, sent)
    other_texts = tuple(replace(outcome, error="some other words") for outcome in native.outcomes)
    assert differences(native, replace(native, outcomes=other_texts)) == ()
    other_gas = tuple(replace(outcome, gas_used=outcome.gas_used + 1) for outcome in native.outcomes)
    found = differences(native, replace(native, outcomes=other_gas))
    assert len(found) == MAX_DIFFERENCES
    assert found[0] == Difference("gas_used", "21000", "21001", 0)


def test_what_the_block_commits_to_is_compared_too() -> None:
    native = executed(NATIVE)
    result = native.verdict
    assert isinstance(result, BlockResult)
    changes = replace(result.changes, wiped=(COUNTER,))
    for other, what in (
        (replace(result, requests_hash=None), "requests_hash"),
        (replace(result, logs_bloom=b"\xff" * 256), "logs_bloom"),
        (replace(result, receipts=result.receipts[:-1]), "receipt"),
        (replace(result, changes=changes), "wiped accounts"),
    ):
        assert [found.what for found in differences(native, replace(native, verdict=other))] == [what]


def test_the_state_that_was_read_is_enough_to_do_it_again() -> None:
    read = ReadState(funded().reader)
    sent = [transaction(to=BOB.address, value=5)]
    result = execute_watched(read, ENVIRONMENT, sent).result()
    assert {ALICE.address, BOB.address} <= set(read.accounts)
    assert all(account is None or not account.is_empty for account in read.accounts.values())
    assert execute_watched(funded().reader, ENVIRONMENT, sent).result() == result
