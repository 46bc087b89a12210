"""What py-evm's instructions see of state, block and transaction.

Owns the translation from the names that py-evm's instructions use to WorldState and the environment.
Never does: journal or store anything; WorldState does. py-evm's own database, journal, snapshots and system
contract installation are not used.
Specification: py-evm 0.12.1b1, eth.abc.StateAPI and TransactionContextAPI, as far as instructions use them.
"""

from __future__ import annotations

from chain.types import Address, Hash32
from vm.context import ExecutionContext
from vm.message import CallData

BLOCK_HASHES_SERVED = 256  # yellow paper, BLOCKHASH


class _Chain:
    """py-evm's ExecutionContext, of which only the chain id is read directly."""

    __slots__ = ("chain_id",)

    def __init__(self, chain_id: int) -> None:
        self.chain_id = chain_id


class TransactionView:
    """py-evm's TransactionContext."""

    __slots__ = ("blob_versioned_hashes", "gas_price", "origin")

    def __init__(self, context: ExecutionContext) -> None:
        self.origin = context.transaction.origin
        self.gas_price = context.transaction.gas_price
        self.blob_versioned_hashes = context.transaction.blob_hashes


class StateView:
    """py-evm's State for one transaction."""

    __slots__ = (
        "_block_hash",
        "_context",
        "account_is_empty",
        "base_fee",
        "block_number",
        "coinbase",
        "execution_context",
        "gas_limit",
        "get_balance",
        "get_code",
        "get_code_hash",
        "is_address_warm",
        "mark_address_warm",
        "mix_hash",
        "timestamp",
        "transaction",
    )

    def __init__(self, context: ExecutionContext) -> None:
        world, block = context.world, context.block
        self._context = context
        self._block_hash = block.block_hash
        self.transaction = TransactionView(context)
        self.execution_context = _Chain(block.chain_id)
        self.coinbase = block.beneficiary
        self.timestamp = block.timestamp
        self.block_number = block.number
        self.mix_hash = block.prev_randao
        self.gas_limit = block.gas_limit
        self.base_fee = block.base_fee_per_gas
        self.account_is_empty = world.is_empty
        self.get_balance = world.get_balance
        self.get_code = world.get_code
        self.get_code_hash = world.get_code_hash
        self.is_address_warm = context.is_warm
        self.mark_address_warm = world.warm_address

    @property
    def blob_base_fee(self) -> int:
        """Wei per blob gas. The EVM word is capped: the price of an absurd excess does not fit it."""
        return min(self._context.blob_base_fee(), 2**256 - 1)

    def get_ancestor_hash(self, number: int) -> Hash32 | bytes:
        """BLOCKHASH: zero outside of the last 256 blocks."""
        if not max(0, self.block_number - BLOCK_HASHES_SERVED) <= number < self.block_number:
            return b""
        return self._block_hash(number) or b""


def state_view(context: ExecutionContext) -> StateView:
    """The view of `context`, made once per transaction."""
    view = context.engine_state.get("evm")
    if not isinstance(view, StateView):
        view = context.engine_state["evm"] = StateView(context)
    return view


class FrameMessage:
    """py-evm's Message, as far as instructions read it: the caller's and own address, value, call data."""

    __slots__ = ("data", "data_as_bytes", "depth", "is_static", "sender", "storage_address", "value")

    def __init__(
        self,
        *,
        sender: Address,
        target: Address,
        value: int,
        call_data: bytes | CallData,
        depth: int,
        is_static: bool,
    ) -> None:
        self.sender = sender
        self.storage_address = target
        self.value = value
        self.data = call_data
        self.data_as_bytes = call_data
        self.depth = depth
        self.is_static = is_static
