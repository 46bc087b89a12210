import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from state.chain_store import ChainStore
from state.log_terms import LogTerms
from tests.state.chain_builder import CHAIN_ID, check_tries, make_address
from tests.state.commit_forever import ACCOUNTS, LOG_EVERY, TOKEN

REPOSITORY = Path(__file__).resolve().parents[2]


def run_until_killed(path: Path, after_seconds: float) -> int:
    """Let a process commit blocks, kill it in the middle; returns the last block that it had reported."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.state.commit_forever", str(path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(after_seconds)
        process.send_signal(signal.SIGKILL)
        reported = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    return int(reported[-1]) if reported else -1


def check_after_crash(path: Path, reported: int) -> None:
    """The database opens at the last reported block or the one after it, and is whole."""
    store = ChainStore.open(path, chain_id=CHAIN_ID)
    try:
        head = store.head
        assert reported <= head.number <= reported + 1 or reported == -1
        view = store.latest_state()
        for index in range(1, ACCOUNTS):
            account = view.account(make_address(index))
            assert account is not None
            assert account.balance == head.number
        assert view.storage(TOKEN, 0) == head.number
        block = store.block(head.number)
        assert block is not None
        assert block.hash == head.hash
        assert store.canonical_hash(head.number + 1) is None
        assert store.consensus_record(head.number) == (b"record %d" % head.number if head.number else None)
        with_log = list(store.log_candidates(LogTerms(frozenset((TOKEN,))), 0, head.number, lambda: None))
        assert with_log == list(range(LOG_EVERY, head.number + 1, LOG_EVERY))
        check_tries(store._rows, head.state_root)
    finally:
        store.close()


def test_a_process_killed_during_commits_leaves_a_whole_block(tmp_path: Path) -> None:
    reported = run_until_killed(tmp_path / "chain", 0.3)
    assert reported > 0
    check_after_crash(tmp_path / "chain", reported)


@pytest.mark.slow
def test_a_database_survives_many_kills_in_a_row(tmp_path: Path) -> None:
    rng = random.Random(9)
    last = 0
    for _ in range(12):
        reported = run_until_killed(tmp_path / "chain", rng.uniform(0.0, 0.5))
        check_after_crash(tmp_path / "chain", reported)
        assert reported == -1 or reported > last
        last = max(last, reported)
    assert last > 100
