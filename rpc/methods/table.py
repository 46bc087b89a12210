"""The table of JSON-RPC methods.

Owns the list of what this node answers; everything else is `the method X does not exist/is not available`.
Never implements a method: each module of this package lists its own.
Specification: ethereum/execution-apis; the `node_` namespace is this project's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chain.errors import EnvironmentFault, InvariantViolation
from rpc.methods import (
    admin,
    blocks,
    capabilities,
    contracts,
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
from rpc.params.method import Method
from rpc.services import Services

METHODS_OF: Final[tuple[Callable[[Services], tuple[Method, ...]], ...]] = (
    node.methods,
    blocks.methods,
    state.methods,
    proofs.methods,
    execution.methods,
    fill.methods,
    capabilities.methods,
    contracts.methods,
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
    admin.methods,
)

EVERY_NAMESPACE: Final = ("*",)
"""Of the methods that a listener has at all."""


class UnknownNamespace(EnvironmentFault):
    """A configured namespace that no method is in."""


def method_table(services: Services, namespaces: tuple[str, ...] = EVERY_NAMESPACE) -> dict[str, Method]:
    """The methods of some namespaces by name; rpc_ is always among them.

    Raises UnknownNamespace, and InvariantViolation when two modules list the same method.
    """
    table: dict[str, Method] = {}
    for methods in METHODS_OF:
        for method in methods(services):
            if method.name in table:
                raise InvariantViolation(f"{method.name} is listed twice")
            table[method.name] = method
    table = _only(table, namespaces)
    for method in discover.methods(table, services.chain.client_version):
        table[method.name] = method
    return table


def _only(table: dict[str, Method], namespaces: tuple[str, ...]) -> dict[str, Method]:
    if EVERY_NAMESPACE[0] in namespaces:
        return table
    known = {_namespace(name) for name in table} | {_namespace(discover.MODULES)}
    for namespace in namespaces:
        if namespace not in known:
            raise UnknownNamespace(
                f"rpc.namespaces: there is no namespace {namespace} on TCP; there are {', '.join(sorted(known))}"
            )
    return {name: method for name, method in table.items() if _namespace(name) in namespaces}


def _namespace(method_name: str) -> str:
    return method_name.partition("_")[0]
