"""The statements of one instruction.

Owns: a table from the name of an instruction to the function that writes it out, and the general form, which is a call
of the interpreter's handler with its arguments in a list.
Never does: charge the static part of a price: that is done once per block (vm/evm/compiler/region.py).
Specification: yellow paper appendix H.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from chain.keccak import keccak256
from vm.evm.compiler.path import WORD_BYTES, Path
from vm.evm.compiler.scan import Step
from vm.evm.compiler.templates import TEMPLATES, Expression
from vm.evm.compiler.values import Condition, Constant, Value
from vm.evm.compiler.writer import Writer
from vm.evm.frame import Frame
from vm.evm.instruction import Flow
from vm.gas import KECCAK_WORD

Emitter: TypeAlias = Callable[[Writer, int, Path, Step], bool]
"""(writer, indentation, path, step). False if this form does not fit the operands; then nothing was changed."""

ADDRESS_BITS = 160
SIZE_BITS = 48  # of lengths that fit memory
GAS_BITS = 64

MAX_KNOWN_MEMORY = 1 << 20
"""Places of memory above it are not kept in mind: nobody pays for them in code worth compiling."""

MAX_HASHED_WORDS = 16  # longer hashes are not compared with earlier ones

FRAME_VALUES: Mapping[str, tuple[str, int]] = {
    "CALLER": ('number(frame.caller, "big")', ADDRESS_BITS),
    "ADDRESS": ('number(frame.address, "big")', ADDRESS_BITS),
    "CALLVALUE": ("frame.value", 256),
    "CALLDATASIZE": ("len(data)", SIZE_BITS),
    "CODESIZE": ("len(frame.code)", SIZE_BITS),
    "ORIGIN": ('number(frame.context.transaction.origin, "big")', ADDRESS_BITS),
    "GASPRICE": ("frame.context.transaction.gas_price", 256),
    "TIMESTAMP": ("frame.context.block.timestamp", 256),
    "NUMBER": ("frame.context.block.number", 256),
    "CHAINID": ("frame.context.block.chain_id", 256),
    "GASLIMIT": ("frame.context.block.gas_limit", 256),
    "BASEFEE": ("frame.context.block.base_fee_per_gas", 256),
}
"""Instructions whose answer is the same all through a frame: expression and bits."""

MEMORY_WRITERS: Mapping[str, tuple[int, int]] = {
    "CALLDATACOPY": (0, 2),
    "CODECOPY": (0, 2),
    "RETURNDATACOPY": (0, 2),
    "MCOPY": (0, 2),
    "EXTCODECOPY": (1, 3),
    "CALL": (5, 6),
    "CALLCODE": (5, 6),
    "DELEGATECALL": (4, 5),
    "STATICCALL": (4, 5),
}
"""Which of the arguments say where, and how many bytes at most, memory changes."""

FOLDED = (*TEMPLATES, "SDIV", "SMOD", "CLZ")
"""Instructions that are computed while compiling when all their operands are known."""


def emit_call(writer: Writer, indent: int, path: Path, step: Step) -> None:
    """The general form: the handler does it."""
    instruction = step.instruction
    arguments = [path.pop() for _ in range(instruction.pops)]
    operand = step.gas_behind if instruction.name in ("SSTORE", "GAS") else step.operand
    listed = ", ".join(value.text for value in reversed(arguments))
    writer.line(indent, "frame.gas = gas")
    writer.line(indent, f"args = [{listed}]")
    writer.line(indent, f"op_{instruction.name}(frame, args, {operand})")
    if instruction.flow not in (Flow.END, Flow.REVERT):
        writer.line(indent, "gas = frame.gas")
    where = MEMORY_WRITERS.get(instruction.name)
    if where is not None:
        _note_written(path, arguments[where[0]], arguments[where[1]])
    if instruction.pushes:
        path.push(writer.local(indent, "args[0]", 256))


def _note_written(path: Path, start: Value, size: Value) -> None:
    if size == Constant(0):
        return
    if isinstance(start, Constant) and isinstance(size, Constant):
        path.forget_memory(start.number, size.number)
    else:
        path.words.clear()


def _plain(writer: Writer, indent: int, path: Path, step: Step) -> bool:
    """Arithmetic: folded, simplified, or one assignment."""
    count = step.instruction.pops
    operands = [path.pop() for _ in range(count)]
    constants = [value.number for value in operands if isinstance(value, Constant)]
    if len(constants) == count:
        path.push(Constant(_computed(step, constants)))
        return True
    template = TEMPLATES.get(step.instruction.name)
    if count > 1:
        # Text within text within text would double with each instruction that names an operand twice.
        operands = [_as_local(writer, indent, value) for value in operands]
    result = None if template is None else template(*operands)
    if result is None:
        for value in reversed(operands):
            path.push(value)
        return False
    if isinstance(result, Expression):
        result = _once(writer, indent, path, result.text, result.bits)
    path.push(result)
    return True


def _once(writer: Writer, indent: int, path: Path, text: str, bits: int) -> Value:
    """A local with the value of `text`, which cannot change within a frame; the one there is, if there is one."""
    value = path.frame_values.get(text)
    if value is None:
        value = path.frame_values[text] = writer.local(indent, text, bits)
    return value


def _computed(step: Step, operands: list[int]) -> int:
    """What the interpreter's handler makes of known operands, the top of the stack first."""
    handler = step.instruction.handler
    stack = operands[::-1]
    if handler is not None:
        handler(cast(Frame, None), stack, 0)  # arithmetic never looks at its frame
    return stack[0]


def _push(_writer: Writer, _indent: int, path: Path, step: Step) -> bool:
    path.push(Constant(step.operand))
    return True


def _pop(_writer: Writer, _indent: int, path: Path, _step: Step) -> bool:
    path.pop()
    return True


def _duplicate(position: int) -> Emitter:
    def emit(_writer: Writer, _indent: int, path: Path, _step: Step) -> bool:
        path.duplicate(position)
        return True

    return emit


def _swap(position: int) -> Emitter:
    def emit(_writer: Writer, _indent: int, path: Path, _step: Step) -> bool:
        path.swap(position)
        return True

    return emit


def _position(_writer: Writer, _indent: int, path: Path, step: Step) -> bool:
    path.push(Constant(step.position))
    return True


def _frame_value(writer: Writer, indent: int, path: Path, step: Step) -> bool:
    text, bits = FRAME_VALUES[step.instruction.name]
    path.push(_once(writer, indent, path, text, bits))
    return True


def _answer(text: str, bits: int) -> Emitter:
    """An instruction without operands whose answer changes within a frame."""

    def emit(writer: Writer, indent: int, path: Path, _step: Step) -> bool:
        path.push(writer.local(indent, text, bits))
        return True

    return emit


def _gas(writer: Writer, indent: int, path: Path, step: Step) -> bool:
    path.push(writer.local(indent, f"gas + {step.gas_behind}" if step.gas_behind else "gas", GAS_BITS))
    return True


def _input_word(writer: Writer, indent: int, path: Path, _step: Step) -> bool:
    path.push(_once(writer, indent, path, f"input_word(data, {path.pop().text})", 256))
    return True


# --- memory


def _make_room(writer: Writer, indent: int, path: Path, start: Value, size: int) -> None:
    """Memory of `size` > 0 bytes at `start` exists and is paid for."""
    if not isinstance(start, Constant):
        writer.line(
            indent, f"if {start.text} + {size} > len(memory): gas = grown(frame, {start.text} + {size}, gas)"
        )
        return
    end = start.number + size
    if end <= path.memory_bytes:
        return
    writer.line(indent, f"if len(memory) < {end}: gas = grown(frame, {end}, gas)")
    if end <= MAX_KNOWN_MEMORY:
        path.memory_bytes = (end + WORD_BYTES - 1) // WORD_BYTES * WORD_BYTES


def _range(start: Value, size: int) -> str:
    if isinstance(start, Constant):
        return f"memory[{start.number}:{start.number + size}]"
    return f"memory[{start.text}:{start.text} + {size}]"


def _as_local(writer: Writer, indent: int, value: Value) -> Value:
    """A value that can stand in many places without being computed again."""
    return writer.local(indent, value.text, 1) if isinstance(value, Condition) else value


def _mload(writer: Writer, indent: int, path: Path, _step: Step) -> bool:
    start = _as_local(writer, indent, path.pop())
    known = path.words.get(start.number) if isinstance(start, Constant) else None
    if known is None:
        _make_room(writer, indent, path, start, WORD_BYTES)
        known = writer.local(indent, f'number({_range(start, WORD_BYTES)}, "big")', 256)
        if isinstance(start, Constant) and start.number <= MAX_KNOWN_MEMORY:
            path.words[start.number] = known
    path.push(known)
    return True


def _mstore(writer: Writer, indent: int, path: Path, _step: Step) -> bool:
    start = _as_local(writer, indent, path.pop())
    value = _as_local(writer, indent, path.pop())
    _make_room(writer, indent, path, start, WORD_BYTES)
    if isinstance(value, Constant):
        content = repr(value.number.to_bytes(WORD_BYTES, "big"))
    else:
        content = f'{value.text}.to_bytes({WORD_BYTES}, "big")'
    writer.line(indent, f"{_range(start, WORD_BYTES)} = {content}")
    path.store_word(start, value)
    return True


def _mstore8(writer: Writer, indent: int, path: Path, _step: Step) -> bool:
    start = _as_local(writer, indent, path.pop())
    value = path.pop()
    _make_room(writer, indent, path, start, 1)
    writer.line(indent, f"memory[{start.text}] = {value.text} & 255")
    _note_written(path, start, Constant(1))
    return True


def _keccak256(writer: Writer, indent: int, path: Path, _step: Step) -> bool:
    start, size = path.pop(), path.pop()
    if not isinstance(size, Constant) or not 0 < size.number <= MAX_KNOWN_MEMORY:
        path.push(size)
        path.push(start)
        return False
    start = _as_local(writer, indent, start)
    writer.line(indent, f"gas -= {KECCAK_WORD * ((size.number + WORD_BYTES - 1) // WORD_BYTES)}")
    writer.line(indent, "if gas < 0: raise OutOfGas")
    _make_room(writer, indent, path, start, size.number)
    text = f'number(keccak256(bytes({_range(start, size.number)})), "big")'
    words = _known_words(path, start, size.number)
    constants = [word.number for word in words if isinstance(word, Constant)]
    if not words:
        path.push(writer.local(indent, text, 256))
    elif len(constants) == len(words):
        content = b"".join([number.to_bytes(WORD_BYTES, "big") for number in constants])
        path.push(Constant(int.from_bytes(keccak256(content), "big")))
    else:
        key = f"keccak256 {[word.text for word in words]}"  # the same words were perhaps hashed before
        value = path.frame_values.get(key)
        if value is None:
            value = path.frame_values[key] = writer.local(indent, text, 256)
        path.push(value)
    return True


def _known_words(path: Path, start: Value, size: int) -> list[Value]:
    """What this memory holds, word by word, if all of it is known; else nothing."""
    if not isinstance(start, Constant) or size % WORD_BYTES or size > MAX_HASHED_WORDS * WORD_BYTES:
        return []
    words = [path.words.get(place) for place in range(start.number, start.number + size, WORD_BYTES)]
    known = [word for word in words if word is not None]
    return known if len(known) == len(words) else []


EMITTERS: Mapping[str, Emitter] = {
    **dict.fromkeys(FOLDED, _plain),
    **{f"PUSH{size}": _push for size in range(33)},
    **{f"DUP{position}": _duplicate(position) for position in range(1, 17)},
    **{f"SWAP{position}": _swap(position) for position in range(1, 17)},
    **dict.fromkeys(FRAME_VALUES, _frame_value),
    "POP": _pop,
    "PC": _position,
    "GAS": _gas,
    "MSIZE": _answer("len(memory)", SIZE_BITS),
    "RETURNDATASIZE": _answer("len(frame.return_data)", SIZE_BITS),
    "CALLDATALOAD": _input_word,
    "MLOAD": _mload,
    "MSTORE": _mstore,
    "MSTORE8": _mstore8,
    "KECCAK256": _keccak256,
}
