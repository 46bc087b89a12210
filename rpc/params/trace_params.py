"""Codecs of the options of traces (debug_trace*).

Owns the names of the options and go-ethereum's meaning of each. Options that are not known are ignored, as
go-ethereum does, because clients send those of other nodes. Never traces.
Specification: ethereum/execution-apis TraceConfig, go-ethereum eth/tracers/api.go (TraceConfig, TraceCallConfig).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from chain.types import Address
from rpc.errors import RpcFault
from rpc.params.call_params import BlockOverride, block_overrides, state_overrides
from rpc.params.method import MalformedArgument, Parameter
from rpc.params.values import boolean, members, uint64
from vm.overrides import AccountOverride
from vm.tracing.interface import Budget, TransactionTracer
from vm.tracing.run import OPTIONS, STRUCT_LOGS, TRACERS, make_tracer

_SECONDS: Final = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_PART: Final = r"(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:ns|us|µs|μs|ms|s|m|h)"
_DURATION: Final = re.compile(rf"[+]?(?:{_PART}){{1,16}}")
_PARTS: Final = re.compile(r"([0-9.]+)([a-zµμ]+)")


@dataclass(frozen=True, slots=True)
class TraceConfig:
    """A tracer with its options. `timeout_s`: for each traced transaction; None for the node's own."""

    tracer: str = STRUCT_LOGS
    options: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None

    def new_tracer(self, budget: Budget) -> TransactionTracer:
        """For one transaction. Raises InvalidTracer when an option has a wrong value."""
        return make_tracer(self.tracer, self.options, budget)


@dataclass(frozen=True, slots=True)
class CallTraceConfig:
    """How to trace a call. `transaction_index`: it finds the state that this transaction of the block found."""

    trace: TraceConfig = TraceConfig()
    overrides: Mapping[Address, AccountOverride] | None = None
    block: BlockOverride | None = None
    transaction_index: int | None = None


def trace_config(value: object) -> TraceConfig:
    """`tracer` with `tracerConfig`, or the options of the default tracer; `timeout`. `reexec` has no meaning here."""
    return _trace_config(members(value, "tracers.TraceConfig"))


def _trace_config(fields: Mapping[str, object]) -> TraceConfig:
    name = _text(fields.get("tracer", "")) or STRUCT_LOGS
    if name not in TRACERS:
        raise RpcFault.UNKNOWN_TRACER.error(name=name, known=", ".join(list(TRACERS)[1:]))
    given = fields if name == STRUCT_LOGS else members(fields.get("tracerConfig", {}), "json.RawMessage")
    options = {option: given[option] for option in OPTIONS[name] if option in given}
    for option, chosen in options.items():
        if option == "limit":
            _whole(chosen)
        else:
            boolean(chosen)
    timeout = fields.get("timeout")
    return TraceConfig(name, options, None if timeout is None else duration(_text(timeout)))


def call_trace_config(value: object) -> CallTraceConfig:
    """The options of a trace, and `stateOverrides`, `blockOverrides`, `txIndex`."""
    fields = members(value, "tracers.TraceCallConfig")
    states, block, index = (fields.get(name) for name in ("stateOverrides", "blockOverrides", "txIndex"))
    return CallTraceConfig(
        _trace_config(fields),
        None if states is None else state_overrides(states),
        None if block is None else block_overrides(block),
        None if index is None else uint64(index),
    )


def duration(text: str) -> float:
    """Seconds of a duration as Go writes it: `300ms`, `1m30s`. Raises RpcError."""
    if text == "0":
        return 0.0
    if _DURATION.fullmatch(text) is None:
        raise RpcFault.INVALID_DURATION.error(text=text)
    return float(sum(Decimal(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text)))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedArgument("json: cannot unmarshal non-string into Go value of type string")
    return value


def _whole(value: object) -> None:
    if type(value) is not int:
        raise MalformedArgument("json: cannot unmarshal non-number into Go value of type int")


TRACE: Final = Parameter(trace_config, required=False, default=TraceConfig())
CALL_TRACE: Final = Parameter(call_trace_config, required=False, default=CallTraceConfig())
