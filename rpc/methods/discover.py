"""rpc.discover and rpc_modules: what this listener answers, told by itself.

Owns: nothing but the two answers, encoded once. The description is rpc/openrpc's.
Specification: OpenRPC 1.2.6, service discovery; go-ethereum rpc/server.go (modules).
"""

from __future__ import annotations

from collections.abc import Iterable

from rpc.openrpc.document import openrpc_document
from rpc.params.method import Method, constant

DISCOVER = "rpc.discover"
MODULES = "rpc_modules"


def methods(method_names: Iterable[str], client_version: str) -> tuple[Method, ...]:
    """Both methods, for a listener that answers `method_names` besides."""
    names = [*method_names, DISCOVER, MODULES]
    return (
        constant(DISCOVER, openrpc_document(names, client_version)),
        constant(MODULES, modules(names)),
    )


def modules(method_names: Iterable[str]) -> dict[str, str]:
    """The namespaces, each with the version that go-ethereum gives to all of them."""
    spaces = {name.partition("_")[0] for name in method_names if "_" in name}
    return dict.fromkeys(sorted(spaces), "1.0")
