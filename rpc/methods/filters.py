"""eth_newFilter, eth_newBlockFilter, eth_newPendingTransactionFilter and what is done with a filter.

Owns the parameters and which filter answers which method. Never keeps filters (rpc/notify/filters.py) and
never searches old blocks (rpc/methods/logs.py).
Specification: ethereum/execution-apis (filter), go-ethereum eth/filters/api.go.
"""

from __future__ import annotations

from rpc.methods.logs import LogMethods
from rpc.params.log_filter import log_filter
from rpc.params.method import MalformedArgument, Method, Parameter, optional
from rpc.params.values import boolean
from rpc.services import Services

WHOLE_TRANSACTIONS = optional(Parameter(boolean), default=False)


def methods(services: Services) -> tuple[Method, ...]:
    """The filters that clients poll."""
    table = services.filters
    logs = LogMethods(services.view, services.limits)
    criteria = log_filter(services.limits.max_filter_terms)
    return (
        Method("eth_newFilter", table.new_log_filter, (criteria,)),
        Method("eth_newBlockFilter", table.new_block_filter),
        Method("eth_newPendingTransactionFilter", table.new_transaction_filter, (WHOLE_TRANSACTIONS,)),
        Method("eth_getFilterChanges", table.changes, (FILTER_ID,)),
        Method("eth_getFilterLogs", lambda wanted: logs.get_logs(table.log_criteria(wanted)), (FILTER_ID,)),
        Method("eth_uninstallFilter", table.uninstall, (FILTER_ID,)),
    )


def _identifier(value: object) -> str:
    """Any text: one that no filter has is simply not found, as go-ethereum does."""
    if not isinstance(value, str):
        raise MalformedArgument("json: cannot unmarshal non-string into Go value of type rpc.ID")
    return value


FILTER_ID = Parameter(_identifier)
