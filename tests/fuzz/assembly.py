"""Programs as lists of items, so that a shrinker can take parts away and jumps still find their targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from vm.evm.instruction_set import instruction_set
from vm.forks import Fork

NEWEST = instruction_set(max(Fork))
CODES = {instruction.name: instruction.opcode for instruction in NEWEST if instruction.name.isidentifier()}
PUSH0, JUMPDEST = 0x5F, 0x5B
REFERENCE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Op:
    """One byte."""

    code: int


@dataclass(frozen=True, slots=True)
class Push:
    """`number` with so many bytes."""

    size: int
    number: int


@dataclass(frozen=True, slots=True)
class Label:
    """A place; a JUMPDEST stands there unless it is a place of data."""

    name: int
    is_target: bool = True


@dataclass(frozen=True, slots=True)
class Reference:
    """PUSH2 of a place, or one beside it; of 0 if the place is gone."""

    name: int
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """One PUSH of several places, two bytes each, the first one lowest."""

    names: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes as they are: data, or code that is cut off."""

    content: bytes


Item: TypeAlias = Op | Push | Label | Reference | Table | Raw
Program: TypeAlias = tuple[Item, ...]


def _size(item: Item) -> int:
    match item:
        case Op():
            return 1
        case Push(size, _):
            return 1 + size
        case Label(_, is_target):
            return 1 if is_target else 0
        case Reference():
            return 1 + REFERENCE_BYTES
        case Table(names):
            return 1 + REFERENCE_BYTES * len(names)
        case Raw(content):
            return len(content)


def assemble(program: Sequence[Item]) -> bytes:
    """The bytecode."""
    places: dict[int, int] = {}
    position = 0
    for item in program:
        if isinstance(item, Label):
            places[item.name] = position
        position += _size(item)
    code = bytearray()
    for item in program:
        match item:
            case Op(opcode):
                code.append(opcode)
            case Push(size, number):
                code += bytes([PUSH0 + size]) + number.to_bytes(size, "big")
            case Label(_, is_target):
                code += bytes([JUMPDEST] if is_target else [])
            case Reference(name, shift):
                place = max(0, places.get(name, 0) + shift) & 0xFFFF
                code += bytes([PUSH0 + REFERENCE_BYTES]) + place.to_bytes(REFERENCE_BYTES, "big")
            case Table(names):
                code.append(PUSH0 + REFERENCE_BYTES * len(names))
                for name in reversed(names):
                    code += (places.get(name, 0) & 0xFFFF).to_bytes(REFERENCE_BYTES, "big")
            case Raw(content):
                code += content
    return bytes(code)


def parse(code: bytes) -> Program:
    """Items of a finished code: one for each instruction, places are plain numbers."""
    items: list[Item] = []
    position = 0
    while position < len(code):
        width = NEWEST[code[position]].immediate
        end = position + 1 + width
        if width and end > len(code):
            items.append(Raw(code[position:]))
        elif width:
            items.append(Push(width, int.from_bytes(code[position + 1 : end], "big")))
        else:
            items.append(Op(code[position]))
        position = end
    return tuple(items)


def disassemble(code: bytes) -> Iterable[str]:
    """One line for each instruction."""
    position = 0
    while position < len(code):
        instruction = NEWEST[code[position]]
        end = position + 1 + instruction.immediate
        operand = f" 0x{code[position + 1 : end].hex()}" if instruction.immediate else ""
        yield f"{position:5} {instruction.name}{operand}{' (cut off)' if end > len(code) else ''}"
        position = end
