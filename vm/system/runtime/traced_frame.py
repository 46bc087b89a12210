"""A frame that tells a tracer what it does: system contracts have no instructions that a tracer could follow.

Owns: what counts as touching an account or a slot, which is what the EVM's instructions for the same would touch.
Never does: change an outcome. Without a tracer the frame itself runs, and nothing of this costs anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chain.receipt import Log
from chain.types import Address, Hash32
from vm.message import Outcome
from vm.system.runtime.frame import Frame

if TYPE_CHECKING:
    from vm.tracer import Tracer


class TracedFrame(Frame):
    """See the module's docstring."""

    __slots__ = ()

    @property
    def _tracer(self) -> Tracer:
        tracer = self.context.tracer
        if tracer is None:
            raise TypeError("a traced frame needs a tracer")
        return tracer

    def sload(self, slot: int) -> int:
        word = super().sload(slot)
        self._tracer.touch(self.address, slot)
        return word

    def sstore(self, slot: int, value: int) -> None:
        super().sstore(slot, value)
        self._tracer.touch(self.address, slot)

    def log(self, topics: tuple[Hash32, ...], payload: bytes) -> None:
        super().log(topics, payload)
        self._tracer.log(Log(self.address, topics, payload))

    def balance_of(self, address: Address) -> int:
        wei = super().balance_of(address)
        self._tracer.touch(address, None)
        return wei

    def code_of(self, address: Address) -> bytes:
        code = super().code_of(address)
        self._tracer.touch(address, None)
        return code

    def mint(self, to: Address, wei: int) -> None:
        super().mint(to, wei)
        self._tracer.touch(to, None)  # there is no call that tells whose balance changes

    def call(
        self, target: Address, payload: bytes, value: int = 0, gas: int | None = None, *, static: bool = False
    ) -> Outcome:
        self._tracer.touch(target, None)
        delegate = self.context.delegation_of(target)
        if delegate is not None:
            self._tracer.touch(delegate, None)
        return super().call(target, payload, value, gas, static=static)
