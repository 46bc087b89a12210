"""What a JSON-RPC client is told when a call fails: every code and text of this package, in one table.

Owns the mapping from errors of chain, state and vm to codes. Client libraries parse these texts, so they are
go-ethereum's; the tests hold them against the patterns of ethers, viem and web3.py.
Never decides whether something is an error.
Specification: JSON-RPC 2.0 section 5.1, EIP-1474, go-ethereum rpc/errors.go and internal/ethapi/errors.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from chain.errors import CallerError
from chain.transaction import BlobTransactionUnsupported, TransactionTypeUnsupported, UnprotectedTransaction
from vm.errors import (
    ExecutionReverted,
    FeeCapBelowBaseFee,
    FloorGasTooLow,
    InitcodeTooLarge,
    InsufficientFunds,
    IntrinsicGasTooLow,
    NonceMax,
    NonceTooHigh,
    NonceTooLow,
    SetCodeCreatesContract,
    TipAboveFeeCap,
    TransactionRejected,
    TransactionTypeNotSupported,
)
from vm.simulated_call import SimulatedBlockFull, SimulatedCallRejected
from vm.simulated_chain import BlockNumberOrder, BlockTimestampOrder, EmptySimulation, SimulationTooLarge


class Code(IntEnum):
    """Error codes on the wire; EIP-1474 and go-ethereum name them."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    SERVER_ERROR = -32000
    REQUEST_TIMED_OUT = -32002
    RESPONSE_TOO_LARGE = -32003
    LIMIT_EXCEEDED = -32005
    CLIENT_LIMIT_EXCEEDED = -38026
    HISTORY_PRUNED = 4444
    REVERTED = 3
    EXECUTION_FAILED = -32015
    NONCE_TOO_LOW = -38010
    NONCE_TOO_HIGH = -38011
    BASE_FEE_TOO_LOW = -38012
    INTRINSIC_GAS_TOO_LOW = -38013
    INSUFFICIENT_FUNDS = -38014
    BLOCK_GAS_LIMIT_REACHED = -38015
    BLOCK_NUMBER_ORDER = -38020
    BLOCK_TIMESTAMP_ORDER = -38021
    INITCODE_TOO_LARGE = -38025


MAX_QUOTED_CHARS = 128
"""Longest piece of a client's own input that an error text repeats."""


@dataclass(frozen=True, slots=True)
class _Entry:
    code: Code
    text: str


class RpcFault(Enum):
    """The table: one member for each way in which a call fails inside this package."""

    PARSE = _Entry(Code.PARSE_ERROR, "parse error: {detail}")
    INVALID_REQUEST = _Entry(Code.INVALID_REQUEST, "invalid request")
    EMPTY_BATCH = _Entry(Code.INVALID_REQUEST, "empty batch")
    BATCH_TOO_LARGE = _Entry(Code.INVALID_REQUEST, "batch too large")
    REQUEST_TOO_COMPLEX = _Entry(Code.INVALID_REQUEST, "request holds too many values")
    UNKNOWN_METHOD = _Entry(Code.METHOD_NOT_FOUND, "the method {method} does not exist/is not available")
    NAMED_PARAMS = _Entry(Code.INVALID_PARAMS, "non-array args")
    MISSING_ARGUMENT = _Entry(Code.INVALID_PARAMS, "missing value for required argument {position}")
    TOO_MANY_ARGUMENTS = _Entry(Code.INVALID_PARAMS, "too many arguments, want at most {count}")
    INVALID_ARGUMENT = _Entry(Code.INVALID_PARAMS, "invalid argument {position}: {detail}")
    INVALID_STORAGE_KEY = _Entry(Code.INVALID_PARAMS, 'invalid hex in storage key: "{key}"')
    STORAGE_KEY_TOO_LONG = _Entry(
        Code.INVALID_PARAMS, 'storage key too long (want at most 32 bytes): "{key}"'
    )
    INTERNAL = _Entry(Code.INTERNAL_ERROR, "internal error")
    TIMED_OUT = _Entry(Code.REQUEST_TIMED_OUT, "request timed out")
    RESPONSE_TOO_LARGE = _Entry(Code.RESPONSE_TOO_LARGE, "response too large")
    REPLIES_BUSY = _Entry(
        Code.LIMIT_EXCEEDED, "limit exceeded: too many large replies at once, try again later"
    )
    BUSY = _Entry(Code.LIMIT_EXCEEDED, "limit exceeded: too many calls are waiting, try again later")
    CLIENT_BUSY = _Entry(
        Code.LIMIT_EXCEEDED, "limit exceeded: too many calls of your address are waiting, try again later"
    )
    EXECUTION_TIMED_OUT = _Entry(Code.SERVER_ERROR, "execution aborted (timeout = {seconds}s)")
    HEADER_NOT_FOUND = _Entry(Code.SERVER_ERROR, "header not found")
    HEADER_FOR_HASH_NOT_FOUND = _Entry(Code.SERVER_ERROR, "header for hash not found")
    PENDING_PROOF = _Entry(Code.SERVER_ERROR, "proofs of the pending block are not available")
    TOO_MANY_PROOF_KEYS = _Entry(
        Code.INVALID_PARAMS, "too many storage keys requested (max {limit}, got {count})"
    )
    TOO_MANY_SLOTS = _Entry(Code.CLIENT_LIMIT_EXCEEDED, "too many slots (max {limit})")
    EMPTY_REQUEST = _Entry(Code.INVALID_PARAMS, "empty request")
    PENDING_UNAVAILABLE = _Entry(Code.SERVER_ERROR, "pending block is not available")
    INPUT_AND_DATA = _Entry(
        Code.SERVER_ERROR,
        'both "data" and "input" are set and not equal. Please use "input" to pass call data',
    )
    TWO_PRICES = _Entry(
        Code.SERVER_ERROR, "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"
    )
    GAS_PRICE_AND_AUTHORIZATIONS = _Entry(Code.SERVER_ERROR, "both gasPrice and authorizationList specified")
    GAS_PRICE_ZERO = _Entry(Code.SERVER_ERROR, "gasPrice must be non-zero after london fork")
    FEE_CAP_ZERO = _Entry(Code.SERVER_ERROR, "maxFeePerGas must be non-zero")
    FEE_CAP_BELOW_TIP = _Entry(Code.SERVER_ERROR, "maxFeePerGas ({fee_cap}) < maxPriorityFeePerGas ({tip})")
    CREATION_WITHOUT_CODE = _Entry(Code.SERVER_ERROR, "contract creation without any data provided")
    CREATION_WITH_AUTHORIZATIONS = _Entry(
        Code.SERVER_ERROR,
        'authorizationList provided for contract creation, but "to" field is missing',
    )
    CALL_REJECTED = _Entry(Code.SERVER_ERROR, "err: {reason} (supplied gas {gas})")
    NOT_APPLIED = _Entry(Code.SERVER_ERROR, "failed to apply transaction: err: {reason}")
    CALL_FOR_OTHER_CHAIN = _Entry(
        Code.SERVER_ERROR, "chainId does not match node's (have={have}, want={want})"
    )
    BLOCK_OVERRIDE_UNSUPPORTED = _Entry(
        Code.SERVER_ERROR, 'block override "{field}" is not supported for this RPC method'
    )
    BLOB_CALL = _Entry(Code.SERVER_ERROR, "blob transactions are not supported by this chain")
    FEE_HISTORY_BEYOND_HEAD = _Entry(
        Code.SERVER_ERROR, "request beyond head block: requested {requested}, head {head}"
    )
    INVALID_PERCENTILE = _Entry(Code.SERVER_ERROR, "invalid reward percentile: {detail}")
    TOO_MANY_PERCENTILES = _Entry(Code.SERVER_ERROR, "over the query limit {limit}")
    HISTORY_PRUNED = _Entry(Code.HISTORY_PRUNED, "pruned history unavailable")
    GENESIS_NOT_TRACEABLE = _Entry(Code.SERVER_ERROR, "genesis is not traceable")
    TRANSACTION_NOT_FOUND = _Entry(Code.SERVER_ERROR, "transaction not found")
    BLOCK_NUMBER_NOT_FOUND = _Entry(Code.SERVER_ERROR, "block #{number} not found")
    BLOCK_HASH_NOT_FOUND = _Entry(Code.SERVER_ERROR, "block {hash} not found")
    PENDING_NOT_TRACEABLE = _Entry(Code.SERVER_ERROR, "tracing on top of pending is not supported")
    TRACE_STATE_UNAVAILABLE = _Entry(
        Code.SERVER_ERROR,
        "historical state of block {number} is not available: a trace starts from the state of the block before, "
        "and a node keeps the states of the last {kept} blocks since its start",
    )
    UNDECODABLE_BLOCK = _Entry(Code.SERVER_ERROR, "could not decode block: {detail}")
    TRACING_FAILED = _Entry(Code.SERVER_ERROR, "tracing failed: {detail}")
    UNKNOWN_TRACER = _Entry(
        Code.SERVER_ERROR, "tracer {name} not found; there are {known}, and no JavaScript tracers"
    )
    INVALID_DURATION = _Entry(Code.SERVER_ERROR, 'time: invalid duration "{text}"')
    TRANSACTION_INDEX_OUT_OF_RANGE = _Entry(
        Code.SERVER_ERROR, "transaction index {index} out of range for block {hash}"
    )
    POOL_TOO_LARGE = _Entry(
        Code.RESPONSE_TOO_LARGE,
        "the pool holds more than fits into a reply: ask txpool_contentFrom, or txpool_inspect",
    )
    PAGE_TOO_LARGE = _Entry(Code.SERVER_ERROR, "max allowed page size: {limit}")
    SEARCH_BOUND = _Entry(
        Code.LIMIT_EXCEEDED,
        "nothing of {address} in blocks {first} to {last}: without an index of accounts a search goes no further",
    )
    CREATOR_UNKNOWN = _Entry(
        Code.SERVER_ERROR,
        "the creator of {address} is not known: no transaction of blocks {first} to {last} created it directly, and "
        "what contracts create can be found from block {kept} on only",
    )
    LOG_RANGE_BEYOND_HEAD = _Entry(Code.INVALID_PARAMS, "block range extends beyond current head block")
    LOG_RANGE_INVALID = _Entry(Code.INVALID_PARAMS, "invalid block range params")
    LOG_RANGE_TOO_LARGE = _Entry(Code.LIMIT_EXCEEDED, "exceed maximum block range: {limit}")
    LOG_RESULTS_TOO_MANY = _Entry(Code.LIMIT_EXCEEDED, "query returned more than {limit} results")
    LOG_TOPICS_TOO_MANY = _Entry(Code.INVALID_PARAMS, "exceed max topics")
    LOG_TERMS_TOO_MANY = _Entry(Code.INVALID_PARAMS, "exceed max addresses or topics per search position")
    DEV_NO_FORKING = _Entry(Code.SERVER_ERROR, "forking another chain is not supported")
    LOG_PENDING = _Entry(Code.SERVER_ERROR, "pending logs are not supported")
    LOG_BLOCK_UNKNOWN = _Entry(Code.SERVER_ERROR, "unknown block")
    NOTIFICATIONS_UNSUPPORTED = _Entry(Code.METHOD_NOT_FOUND, "notifications not supported")
    SUBSCRIPTION_NAME_MISSING = _Entry(Code.INVALID_PARAMS, "expected subscription name as first argument")
    SUBSCRIPTION_UNKNOWN = _Entry(Code.METHOD_NOT_FOUND, 'no "{name}" subscription in eth namespace')
    SUBSCRIPTION_NOT_FOUND = _Entry(Code.SERVER_ERROR, "subscription not found")
    SUBSCRIPTIONS_TOO_MANY = _Entry(
        Code.LIMIT_EXCEEDED, "limit exceeded: more than {limit} subscriptions of one connection"
    )
    FILTER_NOT_FOUND = _Entry(Code.SERVER_ERROR, "filter not found")
    FILTER_FELL_BEHIND = _Entry(
        Code.SERVER_ERROR, "filter not found: it was polled too seldom, entries are lost and it was removed"
    )
    FILTERS_TOO_MANY = _Entry(Code.LIMIT_EXCEEDED, "limit exceeded: too many filters are installed")
    CRITERIA_TOO_LARGE = _Entry(
        Code.LIMIT_EXCEEDED, "limit exceeded: too many addresses and topics in filters and subscriptions"
    )

    def error(self, data: str | None = None, **values: object) -> RpcError:
        """The error of this entry, its text filled with `values`; `data` is hex, or None."""
        return RpcError(
            self.value.code,
            self.value.text.format(**{name: quoted(value) for name, value in values.items()}),
            data,
        )


def quoted(value: object) -> str:
    """`value` as it may stand in an error text: printable and bounded, because clients choose it."""
    text = str(value)
    if len(text) > MAX_QUOTED_CHARS:
        text = text[:MAX_QUOTED_CHARS] + "…"
    return text if text.isprintable() else ascii(text)[1:-1]


class RpcError(CallerError):
    """A finished JSON-RPC error object: code, message, and optional hex data."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


_TEXTS_OF_OTHER_PACKAGES: tuple[tuple[type[CallerError], str], ...] = (
    (UnprotectedTransaction, "only replay-protected (EIP-155) transactions allowed over RPC"),
    # viem looks for the second half of this text, the others for the first.
    (BlobTransactionUnsupported, "transaction type not supported: transaction type not valid: type 3 (blob)"),
    (TransactionTypeUnsupported, "transaction type not supported: transaction type not valid"),
)


_CODES_OF_SIMULATIONS: tuple[tuple[type[CallerError], Code], ...] = (
    (EmptySimulation, Code.INVALID_PARAMS),
    (SimulationTooLarge, Code.CLIENT_LIMIT_EXCEEDED),
    (BlockNumberOrder, Code.BLOCK_NUMBER_ORDER),
    (BlockTimestampOrder, Code.BLOCK_TIMESTAMP_ORDER),
    (SimulatedBlockFull, Code.BLOCK_GAS_LIMIT_REACHED),
)
_CODES_OF_REJECTIONS: tuple[tuple[type[TransactionRejected], Code], ...] = (
    (NonceTooLow, Code.NONCE_TOO_LOW),
    (NonceTooHigh, Code.NONCE_TOO_HIGH),
    (FeeCapBelowBaseFee, Code.BASE_FEE_TOO_LOW),
    (TipAboveFeeCap, Code.INVALID_PARAMS),
    (InsufficientFunds, Code.INSUFFICIENT_FUNDS),
    (IntrinsicGasTooLow, Code.INTRINSIC_GAS_TOO_LOW),
    # go-ethereum has no code for these three and says that the server is to blame.
    (FloorGasTooLow, Code.INTRINSIC_GAS_TOO_LOW),
    (SetCodeCreatesContract, Code.INVALID_PARAMS),
    (TransactionTypeNotSupported, Code.INVALID_PARAMS),
    (InitcodeTooLarge, Code.INITCODE_TOO_LARGE),
    (NonceMax, Code.INTERNAL_ERROR),  # as go-ethereum
)
"""Of calls in eth_simulateV1, where a code stands for each rule."""


def _simulation_code(error: CallerError) -> Code | None:
    if isinstance(error, SimulatedCallRejected):
        rejection = error.rejection
        return next((code for kind, code in _CODES_OF_REJECTIONS if isinstance(rejection, kind)), None)
    return next((code for kind, code in _CODES_OF_SIMULATIONS if isinstance(error, kind)), None)


def to_rpc_error(error: CallerError) -> RpcError:
    """The JSON-RPC error for an error of any package whose fault is the caller's.

    A revert carries code 3 and its output as hex, what ends a simulation a code of its own, everything else code
    -32000 (EIP-1474 and go-ethereum).
    """
    if isinstance(error, RpcError):
        return error
    if isinstance(error, ExecutionReverted):
        return RpcError(Code.REVERTED, str(error), "0x" + error.output.hex())
    for kind, text in _TEXTS_OF_OTHER_PACKAGES:
        if isinstance(error, kind):
            return RpcError(Code.SERVER_ERROR, text)
    return RpcError(_simulation_code(error) or Code.SERVER_ERROR, str(error) or type(error).__name__)
