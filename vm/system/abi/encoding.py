"""The generator of encoders.

Owns: the source text of a function from Python values to encoded bytes, for one list of types.
Never does: compile twice what is asked for twice (codec.py).
Specification: Solidity documentation, "Contract ABI Specification".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, assert_never

from chain.errors import InvariantViolation
from vm.system.abi.source import FunctionSource
from vm.system.abi.types import (
    WORD_BYTES,
    AbiType,
    AddressType,
    ArrayType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    TupleType,
    UintType,
    head_bytes,
    is_dynamic,
    packed_bytes,
)
from vm.system.errors import Panic, PanicCode

# Up to here `a + b` is faster than b"".join((a, b)).
_MAX_ADDED: Final = 4


def _wrong(value: object, expected: str) -> NoReturn:
    found = f"{len(value)} bytes" if isinstance(value, bytes) else type(value).__name__
    raise TypeError(f"{found} for {expected}")


_KNOWN: Final[dict[str, object]] = {
    "Panic": Panic,
    "OVERFLOW": PanicCode.OVERFLOW,
    "wrong": _wrong,
    "join": b"".join,
    "FALSE": bytes(WORD_BYTES),
    "TRUE": (1).to_bytes(WORD_BYTES),
    **{f"ZERO{size}": bytes(size) for size in range(1, WORD_BYTES)},
    **{f"ONES{size}": b"\xff" * size for size in range(1, WORD_BYTES)},
}


@dataclass(frozen=True, slots=True)
class _Expression:
    """Python that has bytes as its value. Only an unchecked one may turn out to be something else."""

    text: str
    is_checked: bool = True


_Part = bytes | _Expression


def generate_encoder(types: Sequence[AbiType], prefix: bytes) -> Callable[..., bytes]:
    """A function from the values to `prefix` and their encoding."""
    source = FunctionSource(_KNOWN)
    arguments = [source.fresh("v") for _ in types]
    with source.block("try:"):
        parts = [prefix, *_write_sequence(source, types, arguments)]
        source.line(f"return {_joined(source, parts)}")
    source.line("except OverflowError: raise Panic(OVERFLOW) from None")
    with source.block("except (AttributeError, ValueError) as error:"):
        source.line("raise TypeError(str(error)) from error")
    text = ",".join(each.canonical for each in types)
    return source.compiled("encode", ", ".join(arguments), f"encoder of ({text})")


def _write_sequence(source: FunctionSource, types: Sequence[AbiType], values: Sequence[str]) -> list[_Part]:
    """Parts of the encoding of values one after another: all heads, then all tails."""
    heads: list[_Part] = []
    tails: list[_Part] = []
    offset = sum(head_bytes(each) for each in types)
    position = ""
    last = max((index for index, each in enumerate(types) if is_dynamic(each)), default=-1)
    for index, (abi_type, value) in enumerate(zip(types, values, strict=True)):
        if not is_dynamic(abi_type):
            heads += _write_static(source, abi_type, value)
            continue
        heads.append(_Expression(f"{position}.to_bytes(32)") if position else offset.to_bytes(WORD_BYTES))
        tail = _write_dynamic(source, abi_type, value)
        if index != last:
            whole, following = source.fresh("tail"), source.fresh("offset")
            source.line(f"{whole} = {_joined(source, tail)}")
            source.line(f"{following} = {position or offset} + len({whole})")
            position = following
            tail = [_Expression(whole)]
        tails += tail
    return heads + tails


def _write_static(source: FunctionSource, abi_type: AbiType, value: str) -> list[_Part]:
    match abi_type:
        case ArrayType(element, length):
            return [_write_elements(source, element, value, length)]
        case TupleType():
            return _write_components(source, abi_type, value)
        case _:
            return _word(abi_type, value)


def _write_dynamic(source: FunctionSource, abi_type: AbiType, value: str) -> list[_Part]:
    match abi_type:
        case BytesType() | StringType():
            raw, size = value, source.fresh("size")
            if abi_type == StringType():
                raw = source.fresh("raw")
                source.line(f"{raw} = {value}.encode('utf-8', 'surrogateescape')")
            source.line(f"{size} = len({raw})")
            return [
                _Expression(f"{size}.to_bytes(32)"),
                _Expression(raw, is_checked=False),
                _Expression(f"bytes(-{size} % 32)"),
            ]
        case ArrayType(element, length):
            elements = _write_elements(source, element, value, length)
            return [elements] if length is not None else [_Expression(f"len({value}).to_bytes(32)"), elements]
        case TupleType():
            return _write_components(source, abi_type, value)
        case UintType() | IntType() | AddressType() | BoolType() | FixedBytesType():
            raise InvariantViolation(f"{abi_type.canonical} has no tail")
    assert_never(abi_type)


def _write_elements(source: FunctionSource, element: AbiType, value: str, length: int | None) -> _Expression:
    wanted = f"{element.canonical}[{'' if length is None else length}]"
    source.line(f"if not isinstance({value}, (list, tuple)): wrong({value}, {wanted!r})")
    if length is not None:
        source.line(f"if len({value}) != {length}: raise TypeError('wrong length of {wanted}')")
    each = source.fresh("e")
    if packed_bytes(element) is not None:
        return _Expression(f"join([{_joined(source, _word(element, each))} for {each} in {value}])")
    pieces = source.fresh("list")
    source.line(f"{pieces} = []")
    if not is_dynamic(element):
        with source.loop(f"for {each} in {value}:"):
            source.line(f"{pieces}.append({_joined(source, _write_static(source, element, each))})")
        return _Expression(f"join({pieces})")
    heads, offset, tail = source.fresh("heads"), source.fresh("offset"), source.fresh("tail")
    source.line(f"{heads} = []")
    source.line(f"{offset} = 32 * len({value})")
    with source.loop(f"for {each} in {value}:"):
        source.line(f"{tail} = {_joined(source, _write_dynamic(source, element, each))}")
        source.line(f"{heads}.append({offset}.to_bytes(32))")
        source.line(f"{pieces}.append({tail})")
        source.line(f"{offset} += len({tail})")
    return _Expression(f"join({heads} + {pieces})")


def _write_components(source: FunctionSource, abi_type: TupleType, value: str) -> list[_Part]:
    names = [source.fresh("v") for _ in abi_type.components]
    if abi_type.python_class is None:
        source.line(f"if not isinstance({value}, tuple): wrong({value}, 'a tuple')")
        source.line(f"{', '.join(names)}, = {value}")
    else:
        for name, component in zip(names, abi_type.components, strict=True):
            source.line(f"{name} = {value}.{component.python_name}")
    return _write_sequence(source, [each.type for each in abi_type.components], names)


def _word(abi_type: AbiType, value: str) -> list[_Part]:
    """Parts of a value type; `value` is a name, so that its text may be repeated."""
    size = packed_bytes(abi_type)
    if size is None:
        raise InvariantViolation(f"{abi_type.canonical} is no value type")
    rest = WORD_BYTES - size
    checked = _Expression(
        f"({value} if len({value}) == {size} else wrong({value}, '{abi_type.canonical}'))", False
    )
    match abi_type:
        case AddressType():
            return [bytes(rest), checked]
        case FixedBytesType():
            return [checked, bytes(rest)]
        case BoolType():
            choice = f"TRUE if {value} is True else FALSE if {value} is False else wrong({value}, 'bool')"
            return [_Expression(f"({choice})")]
        case UintType():
            return [bytes(rest), _Expression(f"{value}.to_bytes({size})")]
        case IntType():
            low = _Expression(f"{value}.to_bytes({size}, 'big', signed=True)")
            return [_Expression(f"(ONES{rest} if {value} < 0 else ZERO{rest})"), low] if rest else [low]
    raise InvariantViolation(f"{abi_type.canonical} is no value type")


def _joined(source: FunctionSource, parts: Iterable[_Part]) -> str:
    """An expression of all parts together, whose value is bytes or that raises TypeError."""
    merged: list[_Part] = []
    for part in parts:
        if isinstance(part, bytes) and merged and isinstance(merged[-1], bytes):
            merged[-1] += part
        elif part:
            merged.append(part)
    texts = [source.constant("bytes", part) if isinstance(part, bytes) else part.text for part in merged]
    if not merged:
        return "b''"
    first = merged[0]
    if len(texts) > _MAX_ADDED or (isinstance(first, _Expression) and not first.is_checked):
        return f"join(({', '.join(texts)},))"
    return " + ".join(texts)
