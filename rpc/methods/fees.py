"""eth_gasPrice, eth_maxPriorityFeePerGas, eth_feeHistory, eth_baseFee and eth_blobBaseFee.

Owns: the shape of the answers and the choice of thread. The figures come from rpc/reading/fees.py and the chain.
Specification: ethereum/execution-apis, go-ethereum eth/gasprice/feehistory.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chain.header import Header
from chain.types import Hash32
from rpc.backend import PoolBackend
from rpc.config import CallLimits
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.errors import RpcFault
from rpc.params.method import Method
from rpc.params.values import BLOCK_NUMBER, COUNT, PERCENTILES, BlockReference, BlockTag
from rpc.reading.chain_view import ChainView
from rpc.reading.fees import SUGGESTION_BLOCKS, FeeStatistics
from rpc.reading.rendering import JsonObject
from rpc.services import Services
from vm.environment import BlockEnvironment
from vm.rules import BLOB_BASE_FEE_MINIMUM, blob_base_fee, rules_of


def methods(services: Services) -> tuple[Method, ...]:
    """What a transaction should offer, and what others paid."""
    handlers = FeeMethods(services.view, services.pool, services.limits, services.fees)
    return (
        Method("eth_gasPrice", handlers.gas_price),
        Method("eth_maxPriorityFeePerGas", handlers.max_priority_fee_per_gas),
        Method("eth_feeHistory", handlers.fee_history, (COUNT, BLOCK_NUMBER, PERCENTILES)),
        Method("eth_baseFee", handlers.base_fee),
        Method("eth_blobBaseFee", handlers.blob_base_fee),
    )


class FeeMethods:
    """Handlers; the suggestion is computed once per head."""

    def __init__(
        self, view: ChainView, pool: PoolBackend, limits: CallLimits, statistics: FeeStatistics
    ) -> None:
        self._view = view
        self._chain = view.chain
        self._pool = pool
        self._limits = limits
        self._statistics = statistics
        self._suggestion: tuple[Hash32, int, int] | None = None  # head, minimum tip, suggestion

    def gas_price(self) -> object:
        """What a legacy transaction should offer: base fee of the next block plus suggested tip."""
        return self._suggest(lambda tip: hex(tip + self._chain.next_base_fee()))

    def max_priority_fee_per_gas(self) -> object:
        """eth_maxPriorityFeePerGas: the suggested tip, wei per gas."""
        return self._suggest(hex)

    def base_fee(self) -> str:
        """eth_baseFee: that of the next block, wei per gas."""
        return hex(self._chain.next_base_fee())

    def blob_base_fee(self) -> str:
        """eth_blobBaseFee: that of the next block, wei per blob gas."""
        return hex(_blob_base_fee(self._chain.pending_environment()))

    def fee_history(self, block_count: int, newest: BlockReference, percentiles: tuple[float, ...]) -> object:
        """Base fees, gas ratios and, for percentiles, tips of up to `block_count` blocks ending at `newest`."""
        head = self._view.head_number()
        last = self._last(newest, head)
        count = min(block_count, self._limits.max_fee_history_blocks, last + 1)
        if count == 0:
            return {"oldestBlock": "0x0", "baseFeePerGas": [], "gasUsedRatio": []}
        first = last - count + 1
        if not percentiles and count <= SUGGESTION_BLOCKS:
            return self._history(first, last, percentiles, None)
        return OffLoop(lambda deadline: self._history(first, last, percentiles, deadline))

    def _last(self, newest: BlockReference, head: int) -> int:
        if isinstance(newest, BlockTag):
            return 0 if newest is BlockTag.EARLIEST else head
        if isinstance(newest, int) and newest > head:
            raise RpcFault.FEE_HISTORY_BEYOND_HEAD.error(requested=newest, head=head)
        return self._view.state_number(newest)

    def _suggest(self, shape: Callable[[int], str]) -> object:
        """`shape` of the suggested tip; read in a worker thread when blocks have to be decoded for it."""
        head = self._chain.head()
        minimum = self._pool.minimum_tip()
        known = self._suggestion
        if known is not None and known[:2] == (head.hash, minimum):
            return shape(known[2])

        def compute(_deadline: Deadline | None) -> str:
            tip = self._statistics.suggested_tip(head.number, minimum)
            self._suggestion = (head.hash, minimum, tip)
            return shape(tip)

        return compute(None) if self._is_cheap(head.number) else OffLoop(compute)

    def _is_cheap(self, head_number: int) -> bool:
        for number in range(max(0, head_number - SUGGESTION_BLOCKS + 1), head_number + 1):
            header = self._chain.header(number)
            if header is not None and not self._statistics.is_cached(header):
                return False
        return True

    def _history(
        self, first: int, last: int, percentiles: Sequence[float], deadline: Deadline | None
    ) -> JsonObject:
        headers: list[Header] = []
        rewards: list[list[str]] = []
        for number in range(first, last + 1):
            if deadline is not None:
                deadline.check()
            header = self._chain.header(number)
            if header is None:
                raise RpcFault.HISTORY_PRUNED.error()
            headers.append(header)
            if percentiles:
                tips = self._statistics.of_block(header)
                rewards.append([hex(tip) for tip in tips.at_percentiles(percentiles, header.gas_used)])
        following = self._chain.header(last + 1)
        next_base_fee = following.base_fee_per_gas if following is not None else self._chain.next_base_fee()
        blob_fees = [hex(self._blob_base_fee_of(header)) for header in headers]
        history: JsonObject = {
            "oldestBlock": hex(first),
            "baseFeePerGas": [hex(header.base_fee_per_gas) for header in headers] + [hex(next_base_fee)],
            "gasUsedRatio": [
                header.gas_used / header.gas_limit if header.gas_limit else 0.0 for header in headers
            ],
            "baseFeePerBlobGas": [*blob_fees, blob_fees[-1]],
            "blobGasUsedRatio": [0.0] * len(headers),  # this chain has no blob transactions
        }
        if percentiles:
            history["reward"] = rewards
        return history

    def _blob_base_fee_of(self, header: Header) -> int:
        """The environment is needed for its rule set only, which makes no difference without excess."""
        if not header.excess_blob_gas:
            return BLOB_BASE_FEE_MINIMUM
        return _blob_base_fee(self._chain.environment_for(header.number))


def _blob_base_fee(environment: BlockEnvironment) -> int:
    return blob_base_fee(environment.excess_blob_gas, rules_of(environment.fork))
