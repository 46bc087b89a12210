"""The three back ends of RPC over the imported official chain, and the dispatcher that a listener would put on them.

Owns: nothing but the choice of parts. The back ends are those of the other RPC tests, over another chain and store.
"""

from dataclasses import replace
from typing import Final

from rpc.backend import ForkConfiguration
from rpc.config import CallLimits, HttpLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.dispatcher import Dispatcher
from rpc.dispatch.heavy import HeavyCalls
from rpc.methods.table import method_table
from rpc.services import Services
from tests.conformance.rpc_compat.official_chain import OfficialChain
from tests.rpc.dev_chain import FakeNode

CALL_TIMEOUT_S: Final = 60.0
"""The machines that run the tests are shared; a node's own limit is shorter."""


class OfficialNode(FakeNode):
    """All three back ends; the pool starts empty."""

    def __init__(self, chain: OfficialChain) -> None:
        super().__init__(chain)
        self.chain_id = chain.chain_id
        self._forks = chain.fork_configurations

    def fork_configurations(self) -> tuple[ForkConfiguration, ...]:
        return self._forks


def official_dispatcher(chain: OfficialChain) -> Dispatcher:
    """What answers a request about the chain; a fresh one for each file, whose exchanges share one pool."""
    node = OfficialNode(chain)
    calls = replace(CallLimits(), call_timeout_s=CALL_TIMEOUT_S)
    http = HttpLimits()
    return Dispatcher(
        method_table(Services.of(node, node, node, calls)),
        node,
        HeavyCalls(calls.worker_threads, calls.max_waiting_heavy_calls, calls.call_timeout_s),
        ByteBudget(http.max_buffered_reply_bytes),
        max_batch_calls=calls.max_batch_calls,
        max_response_bytes=http.max_response_bytes,
        handler_timeout_s=2 * CALL_TIMEOUT_S,
    )
