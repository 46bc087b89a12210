"""Every row of the start-up table."""

import pytest

from consensus.recovery import (
    SignerFinding,
    SignerStateMissing,
    StartPlan,
    StartRefused,
    StateMismatch,
    StoreBehindLog,
    reconcile,
)
from consensus.wal import WalPosition

LOG_5 = WalPosition(5, False)
ENDED_5 = WalPosition(5, True)


@pytest.mark.parametrize(
    ("store", "wal", "last_signed", "expected"),
    [
        # a first start, with and without a signer state
        (0, None, 0, StartPlan(1, False, 0, False)),
        (0, None, None, StartPlan(1, False, 0, True)),
        (0, WalPosition(1, False), 1, StartPlan(1, True, 0, False)),
        # normal restarts: in the middle of a height, and around the commit
        (4, LOG_5, 5, StartPlan(5, True, 0, False)),
        (4, LOG_5, 4, StartPlan(5, True, 0, False)),
        (5, LOG_5, 5, StartPlan(6, False, 0, False)),
        (5, ENDED_5, 5, StartPlan(6, False, 0, False)),
        # a new data directory behind an old key, a log that was removed, a database from a snapshot
        (0, None, 5, StartPlan(1, False, 5, False)),
        (4, None, 5, StartPlan(5, False, 5, False)),
        (4, WalPosition(4, True), 5, StartPlan(5, False, 5, False)),
        (9, LOG_5, 5, StartPlan(10, False, 0, False)),
        # the signer state is newer than everything else
        (4, LOG_5, 8, StartPlan(5, True, 8, False)),
    ],
)
def test_a_validator_starts(
    store: int, wal: WalPosition | None, last_signed: int | None, expected: StartPlan
) -> None:
    found = reconcile(store_height=store, state_height=store, wal=wal, signer=SignerFinding(last_signed))
    assert found == expected


def test_a_node_without_a_key_starts() -> None:
    plan = reconcile(store_height=4, state_height=4, wal=LOG_5, signer=None)
    assert plan == StartPlan(5, True, 0, False)


@pytest.mark.parametrize(
    ("store", "state", "wal", "last_signed", "refusal"),
    [
        (5, 4, None, 5, StateMismatch),
        (4, 5, None, 5, StateMismatch),
        (5, 5, None, None, SignerStateMissing),
        (0, 0, WalPosition(1, False), None, SignerStateMissing),
        (3, 3, LOG_5, 5, StoreBehindLog),
        (4, 4, ENDED_5, 5, StoreBehindLog),
    ],
)
def test_a_start_is_refused(
    store: int, state: int, wal: WalPosition | None, last_signed: int | None, refusal: type[StartRefused]
) -> None:
    with pytest.raises(refusal):
        reconcile(store_height=store, state_height=state, wal=wal, signer=SignerFinding(last_signed))


def test_no_combination_signs_in_a_height_whose_beginning_was_forgotten() -> None:
    for store in range(6):
        for wal in [None, *(WalPosition(h, ended) for h in range(1, 8) for ended in (False, True))]:
            for last_signed in range(8):
                try:
                    plan = reconcile(
                        store_height=store, state_height=store, wal=wal, signer=SignerFinding(last_signed)
                    )
                except StartRefused:
                    continue
                assert plan.height == store + 1
                knows_the_height = plan.replay and wal is not None and wal.height == last_signed
                if last_signed > store and not knows_the_height:
                    assert plan.silent_through >= last_signed
