"""What a node may do after a restart, given what it finds on disk: one pure decision table.

Owns: `reconcile` and the named reasons to refuse a start. Never does: read or change anything.
Specification: the table below; cf. CometBFT `consensus/replay.go` (`ReplayBlocks`), of which our store needs
only a part, because block and state are committed in one atomic batch.

S: height of the block store; A: height of the state; W: height in the log; G: height of the newest signature.
The rows are tried from top to bottom.

    A != S                      refuse StateMismatch       one batch writes both: the database is damaged
    key, record missing         refuse SignerStateMissing  unless S = 0 and no log: a key that never ran
    W >= S + 2                  refuse StoreBehindLog      the database is older than the log
    W = S + 1, "committed"      refuse StoreBehindLog      the log saw a commit that the store lacks
    W = S + 1                   replay the log at S + 1
    W <= S or no log            begin S + 1 afresh
    and then, for all that start:
    G <= S                      sign from S + 1 on
    G = S + 1 with log S + 1    sign from S + 1 on         the normal crash; the guard knows the last step
    G = S + 1 without it        silent through G           what was locked in that height is forgotten
    G > S + 1                   silent through G           the database is an old copy; the signatures are not

Silence instead of refusal in the last rows, because it needs no operator and ends by itself: the node follows
its peers as an observer until the chain has passed the heights of which it forgot something.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.errors import EnvironmentFault
from consensus.wal import WalPosition


class StartRefused(EnvironmentFault):
    """What is on disk does not fit together; the message says what to restore."""


class StateMismatch(StartRefused):
    """Blocks and state are at different heights."""


class StoreBehindLog(StartRefused):
    """The log is ahead of the block store."""


class SignerStateMissing(StartRefused):
    """There is a consensus key and a chain, but no record of what the key has signed."""


@dataclass(frozen=True, slots=True)
class SignerFinding:
    """What was found of a validator's signer: the height signed last (0: none), None if the file is missing."""

    last_height: int | None


@dataclass(frozen=True, slots=True)
class StartPlan:
    """How to start: work on `height`, replaying the log or not, and without signing up to `silent_through`."""

    height: int
    replay: bool
    silent_through: int
    create_signer_state: bool


def reconcile(
    *, store_height: int, state_height: int, wal: WalPosition | None, signer: SignerFinding | None
) -> StartPlan:
    """Apply the table. `signer` is None on a node without a consensus key. Raises StartRefused."""
    if state_height != store_height:
        raise StateMismatch(
            f"blocks reach height {store_height} but state is at {state_height}: restore the database or "
            "remove it and synchronise again"
        )
    lost_signer_state = signer is not None and signer.last_height is None
    if lost_signer_state and (store_height > 0 or wal is not None):
        raise SignerStateMissing(
            f"there is a consensus key and a chain of height {store_height}, but the record of what the key "
            "has signed is missing; starting could sign twice. Restore the .state file from beside the key "
            "file, or use a new key"
        )
    height = store_height + 1
    if wal is not None and (wal.height > height or (wal.height == height and wal.ended)):
        raise StoreBehindLog(
            f"the log is at height {wal.height} but the block store only at {store_height}: the database is an "
            "old copy or lost a commit. Restore the newer one, or remove the log; this validator then stays "
            "silent until the chain has passed what it signed before"
        )
    replay = wal is not None and wal.height == height
    last_signed = signer.last_height if signer is not None and signer.last_height is not None else 0
    forgot = last_signed > height or (last_signed == height and not replay)
    return StartPlan(height, replay, last_signed if forgot else 0, lost_signer_state)
