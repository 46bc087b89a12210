"""Creation of contracts.

Owns: CREATE, CREATE2: their price, the gas they pass on, what they leave on the stack.
Never does: derive addresses or run init code; `context.execute_create` does.
Specification: yellow paper appendix H.2; EIP-150, EIP-214, EIP-1014 (CREATE2), EIP-3860 (limit and price of init code).
"""

from __future__ import annotations

from dataclasses import dataclass

from vm.context import CreateRequest
from vm.evm.frame import Frame, OutOfGas
from vm.evm.instruction import Handler
from vm.evm.instructions.accounts import refuse_static
from vm.gas import INITCODE_SIZE_LIMIT, INITCODE_WORD, KECCAK_WORD
from vm.message import Status


@dataclass(frozen=True, slots=True)
class CreateRules:
    """holds_back: a 64th of the gas stays with the creator (EIP-150). limit_bytes and word_price: of init code."""

    holds_back: bool = True
    limit_bytes: int | None = None
    word_price: int = 0


FRONTIER = CreateRules(holds_back=False)
TANGERINE_WHISTLE = CreateRules()
SHANGHAI = CreateRules(limit_bytes=INITCODE_SIZE_LIMIT, word_price=INITCODE_WORD)


def create(rules: CreateRules) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        value, start, size = stack.pop(), stack.pop(), stack.pop()
        _perform(frame, stack, rules, (value, start, size, None))

    return handler


def create2(rules: CreateRules) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        value, start, size, salt = stack.pop(), stack.pop(), stack.pop(), stack.pop()
        _perform(frame, stack, rules, (value, start, size, salt))

    return handler


def _perform(
    frame: Frame, stack: list[int], rules: CreateRules, request: tuple[int, int, int, int | None]
) -> None:
    """request: value, start and size of the init code in memory, salt."""
    value, start, size, salt = request
    refuse_static(frame)
    if rules.limit_bytes is not None and size > rules.limit_bytes:
        raise OutOfGas("max initcode size exceeded")
    frame.charge((rules.word_price + (0 if salt is None else KECCAK_WORD)) * (size + 31 >> 5))
    frame.extend_memory(start, size)
    gas = frame.gas - frame.gas // 64 if rules.holds_back else frame.gas
    frame.gas -= gas
    context = frame.context
    outcome = context.execute_create(
        context,
        CreateRequest(frame.address, value, frame.read_memory(start, size), gas, frame.depth + 1, salt),
    )
    frame.gas += outcome.gas_left
    frame.gas_of_calls += gas - outcome.gas_left
    frame.return_data = outcome.output if outcome.status is Status.REVERT else b""
    created = outcome.created if outcome.status is Status.SUCCESS else None
    stack.append(int.from_bytes(created) if created is not None else 0)
