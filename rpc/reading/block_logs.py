"""The logs of one block, found by address and topics and rendered at most once.

Owns the walk over the receipts of one block. Never reads the chain and never decides which block is looked at.
Specification: go-ethereum eth/filters (filterLogs, includes).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

import msgspec

from chain.block import Block
from chain.receipt import MAX_TOPICS, Log, Receipt
from rpc.params.log_filter import LogFilter
from rpc.reading.rendering import JsonObject, Place, log_json, text
from state.log_terms import ADDRESS_POSITION, LogTerms


class BlockLogs:
    """Made once for a block, asked once for each filter. A log is named by its index in the block."""

    def __init__(self, block: Block, receipts: Sequence[Receipt]) -> None:
        self._block = block
        self._place = Place.of(block.header)
        self._logs: list[tuple[Log, int]] = [
            (log, transaction_index)
            for transaction_index, receipt in enumerate(receipts)
            for log in receipt.logs
        ]
        self._by_term: list[dict[bytes, list[int]]] = []
        self._encoded: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._logs)

    def index(self) -> None:
        """Note which logs have which address and topics: 2 to 8 µs for each log; pays when many filters ask."""
        by_term: list[dict[bytes, list[int]]] = [defaultdict(list) for _ in range(MAX_TOPICS + 1)]
        for index, (log, _) in enumerate(self._logs):
            by_term[ADDRESS_POSITION][log.address].append(index)
            for position, topic in enumerate(log.topics, 1):
                by_term[position][topic].append(index)
        self._by_term = by_term

    def matching(self, criteria: LogFilter) -> list[int]:
        """The logs that the addresses and topics accept, in order."""
        logs, terms = self._logs, criteria.terms
        candidates = self._candidates(terms)
        return [
            index
            for index in (range(len(logs)) if candidates is None else sorted(chain.from_iterable(candidates)))
            if terms.accepts(logs[index][0].address, logs[index][0].topics)
        ]

    def effort(self, criteria: LogFilter) -> int:
        """How many logs `matching` looks at."""
        candidates = self._candidates(criteria.terms)
        return len(self._logs) if candidates is None else sum(map(len, candidates))

    def rendered(self, index: int) -> JsonObject:
        """A log as eth_getLogs shows it."""
        log, transaction_index = self._logs[index]
        transaction_hash = text(self._block.transactions[transaction_index].hash)
        return log_json(log, self._place, transaction_hash, hex(transaction_index), index)

    def encoded(self, index: int) -> bytes:
        """The same as finished JSON; kept, because many may ask for it."""
        encoded = self._encoded.get(index)
        if encoded is None:
            encoded = self._encoded[index] = msgspec.json.encode(self.rendered(index))
        return encoded

    def _candidates(self, terms: LogTerms) -> list[list[int]] | None:
        """The logs with the terms of the position that leaves the fewest of them; None: all have to be looked at."""
        best: list[list[int]] | None = None
        fewest = len(self._logs)
        if not self._by_term:
            return None
        for position, accepted in enumerate((terms.addresses, *terms.topics)):
            if not accepted:
                continue
            known = self._by_term[position]
            found = [known[term] for term in accepted if term in known]
            count = sum(map(len, found))
            if count < fewest:
                best, fewest = found, count
        return best
