"""The table of JSON-RPC methods.

Owns the list of what this node answers; everything else is `the method X does not exist/is not available`.
Never implements a method: each module of this package lists its own.
Specification: ethereum/execution-apis; the `node_` namespace is this project's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chain.errors import InvariantViolation
from rpc.method import Method
from rpc.methods import (
    blocks,
    capabilities,
    debug,
    dev,
    dev_accounts,
    discover,
    execution,
    fees,
    fill,
    filters,
    logs,
    node,
    otterscan,
    otterscan_search,
    proofs,
    raw,
    simulate,
    state,
    subscriptions,
    txpool,
)
from rpc.services import Services

METHODS_OF: Final[tuple[Callable[[Services], tuple[Method, ...]], ...]] = (
    node.methods,
    blocks.methods,
    state.methods,
    proofs.methods,
    execution.methods,
    fill.methods,
    capabilities.methods,
    simulate.methods,
    fees.methods,
    logs.methods,
    filters.methods,
    subscriptions.methods,
    debug.methods,
    raw.methods,
    txpool.methods,
    otterscan.methods,
    otterscan_search.methods,
    dev.methods,
    dev_accounts.methods,
)


def method_table(services: Services) -> dict[str, Method]:
    """All methods by name. Raises InvariantViolation when two modules list the same one."""
    table: dict[str, Method] = {}
    for methods in METHODS_OF:
        for method in methods(services):
            if method.name in table:
                raise InvariantViolation(f"{method.name} is listed twice")
            table[method.name] = method
    for method in discover.methods(table, services.chain.client_version):
        table[method.name] = method
    return table
