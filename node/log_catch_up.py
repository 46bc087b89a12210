"""Gives a database from before the log index its index, beside consensus.

Owns the pace. Never holds the event loop, and has nothing to do on a database that was made with the index.
"""

from __future__ import annotations

import structlog
import trio

from state.chain_store import ChainStore
from state.kv import DatabaseDamaged

# A step computes for about 20 ms and shares the interpreter with the execution of blocks: a quarter of the time.
PAUSE_PER_STEP = 3.0

log = structlog.get_logger(__name__)


async def complete_log_index(store: ChainStore) -> None:
    """Returns when all blocks are in the index. Until then searches look at the blooms of the others.

    Damaged receipts end it too, with a line in the log: they are no reason to stop a node that votes.
    """
    begun = store.logs_indexed_to
    if begun <= store.head.number:
        log.info("log_index_growing", indexed_to=begun, height=store.head.number)
    try:
        while True:
            step_begun = trio.current_time()
            if not await trio.to_thread.run_sync(store.extend_log_index):
                break
            await trio.sleep(PAUSE_PER_STEP * (trio.current_time() - step_begun))
    except DatabaseDamaged as error:
        log.error("log_index_incomplete", indexed_to=store.logs_indexed_to, reason=str(error))
        return
    if store.logs_indexed_to > begun:
        log.info("log_index_complete", indexed_to=store.logs_indexed_to)
