"""LOG0 to LOG4.

Owns: their prices and the log entry.
Never does: number or collect logs; WorldState does. Specification: yellow paper appendix H.2, group a0s; EIP-214.
"""

from __future__ import annotations

from chain.receipt import Log
from chain.types import Hash32
from vm.evm.frame import Frame
from vm.evm.instruction import Handler
from vm.evm.instructions.accounts import refuse_static

LOG = 375
LOG_TOPIC = 375
LOG_BYTE = 8


def log(topics: int) -> Handler:
    """LOG with so many topics."""

    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        refuse_static(frame)
        start, size = stack.pop(), stack.pop()
        frame.charge(LOG_BYTE * size)
        frame.extend_memory(start, size)
        entries = tuple([Hash32(stack.pop().to_bytes(32)) for _ in range(topics)])
        frame.world.add_log(Log(frame.address, entries, frame.read_memory(start, size)))

    return handler
