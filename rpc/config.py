"""Settings of the RPC listener and of the JSON-RPC methods.

Owns every bound that protects the node from its RPC clients, with the reason for its default.
Never reads files, environment variables or the command line: the node passes a finished value.
Specification: the defaults follow go-ethereum's where it has the same limit (`rpc.gascap`,
`rpc.batch-request-limit`, `rpc.batch-response-max-size`, `rpc.rangelimit`), RFC 9112 for HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

LOCAL_HOSTS = ("localhost",)
"""Host names that the listener answers to by default; IP literals are always answered."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of one HTTP listener. Sizes in bytes, durations in seconds."""

    max_head_bytes: int = 16_384  # request line and headers; wallets send well under 2 kB
    max_body_bytes: int = 5 * 1024 * 1024  # geth's request limit
    max_response_bytes: int = 25_000_000  # geth's batch response limit, here for every JSON-RPC reply
    max_connections: int = 512  # the next one takes the place of an idle one or is answered 503
    max_connections_per_address: int = (
        256  # as above, or 429; not for this machine: see rpc/dispatch/clients.py on proxies
    )
    evict_idle_after_s: float = 5.0  # how long a connection is idle before a new one may take its place
    max_buffered_body_bytes: int = 32 * 1024 * 1024  # request bodies held for all connections together
    max_buffered_reply_bytes: int = 256 * 1024 * 1024  # large replies in the making or being sent, together
    head_timeout_s: float = 10.0  # from the first byte of a request to the end of its head
    idle_timeout_s: float = 120.0  # an open connection without a request
    handler_timeout_s: float = 30.0  # one HTTP request; a batch counts once
    write_timeout_s: float = 15.0  # a reply the client does not read, plus its size at the minimum rate
    min_transfer_bytes_per_s: int = 64 * 1024  # slowest client that may send a body or read a big reply
    drain_timeout_s: float = 10.0  # shutdown: time for the requests in flight


@dataclass(frozen=True, slots=True)
class WebSocketLimits:
    """Bounds of the WebSocket connections of one listener. Sizes in bytes, durations in seconds."""

    max_connections: int = 1_024  # not counted as HTTP connections; the next one is answered 503
    max_connections_per_address: int = 512  # the next one of that address is answered 429
    evict_idle_after_s: float = (
        60.0  # without requests and subscriptions, before a new one may take its place
    )
    max_message_bytes: int = 5 * 1024 * 1024  # as an HTTP body; a longer message ends the connection (1009)
    message_timeout_s: float = 90.0  # from its first piece to its last; 5 MiB at 64 kB a second take 80 s
    max_calls_in_progress: int = 16  # messages being answered; the connection is not read beyond
    max_queued_notifications: int = 20_000  # go-ethereum's clients keep that many; beyond: closed with 1013
    max_queued_bytes: int = 8 * 1024 * 1024  # of notifications for one slow client; beyond: closed with 1013
    max_queued_bytes_together: int = 64 * 1024 * 1024  # of notifications for all slow clients
    max_subscriptions: int = 256  # of one connection
    ping_after_s: float = 30.0  # of silence; go-ethereum's number
    pong_within_s: float = 30.0  # a client that sends nothing that long after a ping is gone
    write_timeout_s: float = 15.0  # for 256 kB: a client that reads slower is closed with 1013
    close_within_s: float = 5.0  # for the client to answer a closing handshake


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Bounds of the JSON-RPC methods."""

    max_batch_calls: int = 1_000  # geth's batch item limit
    gas_cap: int = 50_000_000  # gas of one eth_call or eth_estimateGas; geth's rpc.gascap
    call_timeout_s: float = 5.0  # run time of one heavy call; geth's rpc.evmtimeout
    trace_timeout_s: float = 5.0  # of each traced transaction, if the client names no other; geth's number
    max_trace_timeout_s: float = 20.0  # of a whole trace, also that of a block; below the time of a request
    max_trace_bytes: int = 25_000_000  # JSON of a trace, also that of a block; no longer reply would be sent
    max_pool_reply_bytes: int = 25_000_000  # JSON of txpool_content and txpool_inspect
    max_searched_blocks: int = 50_000  # of one ots_search*, most of them empty; a header takes 80 µs
    max_searched_transactions: int = 30_000  # of one ots_search*; 40 µs each, 110 µs where senders matter
    worker_threads: int = 2  # heavy calls hold the interpreter lock: more threads only add latency
    max_waiting_heavy_calls: int = 256  # beyond it, or a quarter from one address: -32005 at once
    max_log_blocks: int = 10_000  # blocks of one eth_getLogs range without address and topic
    max_indexed_log_blocks: int = 10_000_000  # with one of them: the index reads 1 µs per 20 blocks or so
    max_log_results: int = 10_000  # logs of one eth_getLogs reply
    max_log_reply_bytes: int = 25_000_000  # their JSON; contracts decide how long a log is
    max_filter_terms: int = 1_000  # addresses, or alternatives of one topic position; geth's number
    max_simulation_reply_bytes: int = (
        25_000_000  # JSON of one eth_simulateV1; gas alone allows four times that
    )
    max_fee_history_blocks: int = 1_024  # geth's number
    reply_cache_bytes: int = 32 * 1024 * 1024  # encoded block and receipt replies, by block hash
    max_filters: int = 10_000  # installed with eth_new*Filter, all clients together
    filter_idle_s: float = 300.0  # a filter that nobody polls that long is removed; geth's number
    max_criteria_bytes: int = 64 * 1024 * 1024  # addresses and topics of all filters and log subscriptions
    max_remembered_transactions: int = 32_768  # that pending-transaction filters have not been told yet
    max_remembered_transaction_bytes: int = 32 * 1024 * 1024  # of these


@dataclass(frozen=True, slots=True)
class RpcConfig:
    """One listener: where it binds, whom it answers, and its bounds.

    `port` 0 lets the system choose; the chosen one is reported through `task_status`.
    `cors_origins`: exact origins (`https://app.example`), or `("*",)` for every page; empty turns CORS off.
    `allowed_hosts`: host names (lower case, without port) accepted in the Host header next to IP
    literals, or `("*",)` for any; the guard stops DNS rebinding from a web page.
    `namespaces`: what is answered there, as `("eth", "net")`, or `("*",)` for everything that is public.
    `listens_on_tcp` and `ipc_path`: which listeners there are; the unix socket answers everything, admin_ too.
    """

    listens_on_tcp: bool = True
    ipc_path: Path | None = None
    namespaces: tuple[str, ...] = ("*",)
    host: str = "127.0.0.1"
    port: int = 8545
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = LOCAL_HOSTS
    http: HttpLimits = field(default_factory=HttpLimits)
    websocket: WebSocketLimits = field(default_factory=WebSocketLimits)
    calls: CallLimits = field(default_factory=CallLimits)
