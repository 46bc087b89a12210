"""The logs of one block, found by address and rendered at most once.

Owns the walk over the receipts of one block. Never reads the chain and never decides which block is looked at.
Specification: go-ethereum eth/filters (filterLogs, includes).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from chain.block import Block
from chain.receipt import Log, Receipt
from chain.types import Address
from rpc.log_filter import LogFilter
from rpc.rendering import JsonObject, Place, log_json, text


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
        self._by_address: dict[Address, list[int]] | None = None
        self._encoded: dict[int, bytes] = {}

    def matching(self, criteria: LogFilter) -> list[int]:
        """The logs that the addresses and topics accept, in order."""
        logs, terms = self._logs, criteria.terms
        return [
            index
            for index in self._candidates(criteria)
            if terms.accepts(logs[index][0].address, logs[index][0].topics)
        ]

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

    def _candidates(self, criteria: LogFilter) -> Sequence[int]:
        if not criteria.addresses:
            return range(len(self._logs))
        if self._by_address is None:
            self._by_address = defaultdict(list)
            for index, (log, _) in enumerate(self._logs):
                self._by_address[log.address].append(index)
        if len(criteria.addresses) < len(self._by_address):
            found = [self._by_address.get(address, ()) for address in criteria.addresses]
        else:
            found = [at for address, at in self._by_address.items() if address in criteria.addresses]
        return sorted(index for indices in found for index in indices)
