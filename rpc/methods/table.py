"""The table of JSON-RPC methods: name, handler, parameters.

Owns the list of what this node answers; everything else is `the method X does not exist/is not available`.
Never implements a method.
Specification: ethereum/execution-apis; the `node_` namespace is this project's own.
"""

from __future__ import annotations

import msgspec

from rpc.backend import ChainBackend, NodeBackend, PoolBackend
from rpc.call_params import BLOCK_OVERRIDES, CALL, STATE_OVERRIDES
from rpc.chain_view import ChainView
from rpc.config import CallLimits
from rpc.log_filter import log_filter
from rpc.method import Method
from rpc.methods.blocks import BlockMethods
from rpc.methods.execution import ExecutionMethods
from rpc.methods.fees import FeeMethods
from rpc.methods.logs import LogMethods
from rpc.methods.node import NodeMethods, modules
from rpc.methods.state import StateMethods
from rpc.params import (
    ADDRESS,
    BLOCK,
    BLOCK_NUMBER,
    BLOCK_OR_LATEST,
    BYTES,
    COUNT,
    FULL_TRANSACTIONS,
    HASH,
    INDEX,
    PERCENTILES,
    STORAGE_KEY,
)
from rpc.reply_cache import ReplyCache


def method_table(
    chain: ChainBackend, pool: PoolBackend, node: NodeBackend, limits: CallLimits
) -> dict[str, Method]:
    """All methods by name."""
    view = ChainView(chain)
    methods = (
        *_node_methods(chain, node),
        *_block_methods(BlockMethods(view, pool, ReplyCache(limits.reply_cache_bytes))),
        *_state_methods(StateMethods(view, pool)),
        *_execution_methods(view, pool, limits),
    )
    table = {method.name: method for method in methods}
    module_versions = modules([*table, "rpc_modules"])
    table["rpc_modules"] = Method("rpc_modules", lambda: module_versions)
    return table


def _constant(name: str, value: object) -> Method:
    """A method whose answer never changes: it is encoded once."""
    return Method(name, lambda: value, constant=msgspec.Raw(msgspec.json.encode(value)))


def _node_methods(chain: ChainBackend, node: NodeBackend) -> tuple[Method, ...]:
    handlers = NodeMethods(chain, node)
    return (
        _constant("eth_chainId", hex(chain.chain_id)),
        _constant("net_version", str(chain.chain_id)),
        _constant("eth_protocolVersion", "0x44"),  # eth/68, the last that go-ethereum answered
        _constant("eth_accounts", []),
        Method("web3_clientVersion", handlers.client_version),
        Method("web3_sha3", handlers.sha3, (BYTES,)),
        Method("net_listening", handlers.listening),
        Method("net_peerCount", handlers.peer_count),
        Method("eth_syncing", handlers.syncing),
        Method("eth_coinbase", handlers.coinbase),
        Method("node_status", handlers.status),
        Method("node_validators", handlers.validators),
        Method("node_peers", handlers.peers),
    )


def _block_methods(handlers: BlockMethods) -> tuple[Method, ...]:
    return (
        Method("eth_blockNumber", handlers.block_number),
        Method("eth_getBlockByNumber", handlers.get_block, (BLOCK_NUMBER, FULL_TRANSACTIONS)),
        Method("eth_getBlockByHash", handlers.get_block, (HASH, FULL_TRANSACTIONS)),
        Method("eth_getBlockReceipts", handlers.get_block_receipts, (BLOCK,)),
        Method("eth_getBlockTransactionCountByNumber", handlers.transaction_count, (BLOCK_NUMBER,)),
        Method("eth_getBlockTransactionCountByHash", handlers.transaction_count, (HASH,)),
        Method("eth_getUncleCountByBlockNumber", handlers.uncle_count, (BLOCK_NUMBER,)),
        Method("eth_getUncleCountByBlockHash", handlers.uncle_count, (HASH,)),
        Method("eth_getUncleByBlockNumberAndIndex", handlers.uncle, (BLOCK_NUMBER, INDEX)),
        Method("eth_getUncleByBlockHashAndIndex", handlers.uncle, (HASH, INDEX)),
        Method("eth_getTransactionByHash", handlers.transaction_by_hash, (HASH,)),
        Method(
            "eth_getTransactionByBlockNumberAndIndex", handlers.transaction_in_block, (BLOCK_NUMBER, INDEX)
        ),
        Method("eth_getTransactionByBlockHashAndIndex", handlers.transaction_in_block, (HASH, INDEX)),
        Method("eth_getTransactionReceipt", handlers.transaction_receipt, (HASH,)),
    )


def _state_methods(handlers: StateMethods) -> tuple[Method, ...]:
    return (
        Method("eth_getBalance", handlers.get_balance, (ADDRESS, BLOCK_OR_LATEST)),
        Method("eth_getTransactionCount", handlers.get_transaction_count, (ADDRESS, BLOCK_OR_LATEST)),
        Method("eth_getCode", handlers.get_code, (ADDRESS, BLOCK_OR_LATEST)),
        Method("eth_getStorageAt", handlers.get_storage_at, (ADDRESS, STORAGE_KEY, BLOCK_OR_LATEST)),
        Method("eth_sendRawTransaction", handlers.send_raw_transaction, (BYTES,), submits=True),
    )


def _execution_methods(view: ChainView, pool: PoolBackend, limits: CallLimits) -> tuple[Method, ...]:
    execution = ExecutionMethods(view, limits.gas_cap)
    fees = FeeMethods(view, pool, limits)
    logs = LogMethods(view, limits)
    simulation = (CALL, BLOCK_OR_LATEST, STATE_OVERRIDES, BLOCK_OVERRIDES)
    return (
        Method("eth_call", execution.call, simulation),
        Method("eth_estimateGas", execution.estimate_gas, simulation),
        Method("eth_getLogs", logs.get_logs, (log_filter(limits.max_filter_terms),)),
        Method("eth_gasPrice", fees.gas_price),
        Method("eth_maxPriorityFeePerGas", fees.max_priority_fee_per_gas),
        Method("eth_feeHistory", fees.fee_history, (COUNT, BLOCK_NUMBER, PERCENTILES)),
        Method("eth_baseFee", fees.base_fee),
        Method("eth_blobBaseFee", fees.blob_base_fee),
    )
