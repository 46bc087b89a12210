"""Asking system contracts questions, outside of any block.

Owns: view calls on a given state, with their typed answers.
Never does: change anything; for code inside of contracts there is Contract.at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from chain.types import Address
from state.reader import StateReader
from vm.environment import BlockEnvironment
from vm.simulation import CallRequest, simulate_call
from vm.system.functions import Function

P = ParamSpec("P")
R = TypeVar("R")

ASK_GAS: Final = 50_000_000


@dataclass(frozen=True, slots=True)
class ContractReader:
    """The contracts on one state, in a block like `env`.

    checkpoint: called now and then, may raise to give up. gas: what one question may use.
    """

    reader: StateReader
    env: BlockEnvironment
    checkpoint: Callable[[], None] | None = None
    gas: int = ASK_GAS

    def ask(self, target: Address, function: Function[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `function` of the contract at `target` returns.

        Raises ExecutionReverted and ExecutionFailed, and AbiDecodeError where another contract stands.
        """
        request = CallRequest(to=target, input=function.encode(*args, **kwargs))
        result = simulate_call(self.reader, self.env, request, gas_cap=self.gas, checkpoint=self.checkpoint)
        result.raise_if_failed()
        return function.decode(result.output)
