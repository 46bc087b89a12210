"""The generator of decoders.

Owns: the source text of a function from encoded bytes to Python values, for one list of types.
Never does: compile twice what is asked for twice (codec.py).
Specification: Solidity documentation, "Contract ABI Specification"; what is accepted is what Solidity's own decoder
accepts (ABI coder v2), so the padding behind `bytes` and `string` is not looked at. Stricter in one thing: all values
together may not be longer than the input, because offsets that point at the same bytes again and again would make
gigabytes of a few words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from struct import error as struct_error
from typing import Any, Final, assert_never

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
from vm.system.errors import Revert

# The sizes that struct has a code for; others are read as bytes.
_UNSIGNED_CODES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_SIGNED_CODES: Final = {1: "b", 2: "h", 4: "i", 8: "q"}


class AbiDecodeError(Revert):
    """The bytes are no encoding of the types. As in Solidity, the call reverts with no data."""

    def __init__(self, reason: str) -> None:
        super().__init__(b"")
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


_KNOWN: Final[dict[str, object]] = {
    "AbiDecodeError": AbiDecodeError,
    "StructError": struct_error,
    "from_bytes": int.from_bytes,
    **{f"ZERO{size}": bytes(size) for size in range(1, WORD_BYTES)},
    **{f"ONES{size}": b"\xff" * size for size in range(1, WORD_BYTES)},
    "offsets_in": Struct(">24sQ").iter_unpack,
}
_SHORT: Final = "raise AbiDecodeError('shorter than its types')"
_BEYOND: Final = "raise AbiDecodeError('an offset or length beyond the end')"
_DIRTY: Final = "raise AbiDecodeError('a value outside its type')"


def generate_decoder(types: Sequence[AbiType], skip: int) -> Callable[[bytes], tuple[Any, ...]]:
    """A function from bytes to the values; the first `skip` bytes are not part of the encoding."""
    source = FunctionSource(_KNOWN)
    if types:
        _write_decoder(source, types, skip)
    else:
        source.line("return ()")
    text = ",".join(each.canonical for each in types)
    return source.compiled("decode", "data", f"decoder of ({text})")


def _write_decoder(source: FunctionSource, types: Sequence[AbiType], skip: int) -> None:
    head = _Head(source)
    places = [head.add(each) for each in types]
    head_size = sum(head_bytes(each) for each in types)
    if any(is_dynamic(each) for each in types):
        source.line("end = len(data)")
        # How long the values may yet become.
        source.line(f"left = end - {skip + head_size}")
        source.line(f"if left < 0: {_SHORT}")
        head.write_unpacking("data", str(skip))
    else:
        with source.block("try:"):
            head.write_unpacking("data", str(skip), with_checks=False)
        source.line(f"except StructError: {_SHORT} from None")
        head.write_checks()
    values = [place.written(str(skip)) for place in places]
    source.line(f"return ({', '.join(values)},)")


class _Place:
    """Where a head has a value or its offset. `written` makes the value's expression, once the head is unpacked."""

    def __init__(self, source: FunctionSource, abi_type: AbiType, parts: Sequence[str | _Place]) -> None:
        self._source = source
        self._type = abi_type
        self._parts = parts

    def written(self, base: str) -> str:
        """The expression; `base` is what offsets count from. Writes the lines that it needs before."""
        source = self._source
        if is_dynamic(self._type):
            offset = self._parts[0]
            at = source.fresh("at")
            source.line(f"{at} = {base} + {offset}")
            return _write_tail(source, self._type, at)
        inner = [part if isinstance(part, str) else part.written(base) for part in self._parts]
        match self._type:
            case ArrayType():
                return f"[{', '.join(inner)}]"
            case TupleType():
                return _tuple_of(source, self._type, inner)
            case _:
                return inner[0]


class _Head:
    """The words that lie one behind the other: read in one step, then checked in one."""

    def __init__(self, source: FunctionSource) -> None:
        self._source = source
        self._format = ""
        self._names: list[str] = []
        self._checks: list[str] = []

    def add(self, abi_type: AbiType) -> _Place:
        """Reserves the place of the next value."""
        if is_dynamic(abi_type):
            high, offset = self._read("24s"), self._read("Q")
            self._checks.append(f"{high} != ZERO24")
            return _Place(self._source, abi_type, [offset])
        match abi_type:
            case ArrayType(element, length):
                return _Place(self._source, abi_type, [self.add(element) for _ in range(length or 0)])
            case TupleType():
                return _Place(self._source, abi_type, [self.add(each.type) for each in abi_type.components])
            case _:
                return _Place(self._source, abi_type, [self._word(abi_type)])

    def write_unpacking(self, buffer: str, base: str, *, with_checks: bool = True) -> None:
        """Lines that read all places from `base` on, which the caller knows to be inside."""
        unpack = self._source.constant("unpack", Struct(f">{self._format}").unpack_from)
        self._source.line(f"{self.names} = {unpack}({buffer}, {base})")
        if with_checks:
            self.write_checks()

    def write_checks(self) -> None:
        if self._checks:
            self._source.line(f"if {' or '.join(self._checks)}: {_DIRTY}")

    @property
    def names(self) -> str:
        """The target of an assignment from what was read."""
        return f"{', '.join(self._names)},"

    @property
    def iterator(self) -> str:
        """The function that reads such heads one after another."""
        return self._source.constant("each", Struct(f">{self._format}").iter_unpack)

    @property
    def is_unchecked(self) -> bool:
        return not self._checks

    def _read(self, code: str) -> str:
        name = self._source.fresh("w")
        self._format += code
        self._names.append(name)
        return name

    def _word(self, abi_type: AbiType) -> str:
        """Reads the word of a value type and returns the expression of its value."""
        size = packed_bytes(abi_type)
        if size is None:
            raise InvariantViolation(f"{abi_type.canonical} is no value type")
        rest = WORD_BYTES - size
        match abi_type:
            case FixedBytesType():
                value = self._read(f"{size}s")
                self._zero(rest)
                return value
            case AddressType():
                self._zero(rest)
                return self._read(f"{size}s")
            case BoolType():
                self._zero(rest)
                value = self._read("B")
                self._checks.append(f"{value} > 1")
                return f"{value} == 1"
            case UintType():
                self._zero(rest)
                if size in _UNSIGNED_CODES:
                    return self._read(_UNSIGNED_CODES[size])
                return f"from_bytes({self._read(f'{size}s')})"
            case IntType():
                return self._signed(size, rest)
        raise InvariantViolation(f"{abi_type.canonical} is no value type")

    def _zero(self, size: int) -> None:
        if size:
            self._checks.append(f"{self._read(f'{size}s')} != ZERO{size}")

    def _signed(self, size: int, rest: int) -> str:
        high = self._read(f"{rest}s") if rest else ""
        if size in _SIGNED_CODES:
            value = self._read(_SIGNED_CODES[size])
            is_negative, expression = f"{value} < 0", value
        else:
            value = self._read(f"{size}s")
            is_negative, expression = f"{value}[0] > 127", f"from_bytes({value}, 'big', signed=True)"
        if rest:
            self._checks.append(f"{high} != (ONES{rest} if {is_negative} else ZERO{rest})")
        return expression


def _write_tail(source: FunctionSource, abi_type: AbiType, at: str) -> str:
    """Lines that read a dynamic value at the position `at`, which may be anything; returns its expression."""
    match abi_type:
        case BytesType() | StringType():
            # A position beyond the end makes this slice short, and then `stop` lies beyond the end too.
            stop = source.fresh("stop")
            source.line(f"{at} += 32")
            source.line(f"{stop} = {at} + from_bytes(data[{at} - 32:{at}])")
            _write_bounds(source, stop, f"32 + {stop} - {at}")
            value = f"data[{at}:{stop}]"
            return value if abi_type == BytesType() else f"{value}.decode('utf-8', 'surrogateescape')"
        case ArrayType(element, length):
            size = head_bytes(element)
            stop = source.fresh("stop")
            if length is None:
                source.line(f"{at} += 32")
                source.line(f"{stop} = {at} + {size} * from_bytes(data[{at} - 32:{at}])")
                _write_bounds(source, stop, f"32 + {stop} - {at}")
            else:
                source.line(f"{stop} = {at} + {size * length}")
                _write_bounds(source, stop, str(size * length))
            return _write_elements(source, element, at, stop)
        case TupleType():
            head = _Head(source)
            places = [head.add(each.type) for each in abi_type.components]
            size = sum(head_bytes(each.type) for each in abi_type.components)
            _write_bounds(source, f"{at} + {size}", str(size))
            head.write_unpacking("data", at)
            return _tuple_of(source, abi_type, [place.written(at) for place in places])
        case UintType() | IntType() | AddressType() | BoolType() | FixedBytesType():
            raise InvariantViolation(f"{abi_type.canonical} has no tail")
    assert_never(abi_type)


def _write_bounds(source: FunctionSource, stop: str, taken: str) -> None:
    source.line(f"left -= {taken}")
    source.line(f"if left < 0 or {stop} > end: {_BEYOND}")


def _write_elements(source: FunctionSource, element: AbiType, at: str, stop: str) -> str:
    head = _Head(source)
    place = head.add(element)
    elements = source.fresh("list")
    if head.is_unchecked and not isinstance(element, ArrayType | TupleType):
        value = place.written(at)
        source.line(f"{elements} = [{value} for {head.names} in {head.iterator}(data[{at}:{stop}])]")
        return elements
    source.line(f"{elements} = []")
    with source.loop(f"for {head.names} in {head.iterator}(data[{at}:{stop}]):"):
        head.write_checks()
        source.line(f"{elements}.append({place.written(at)})")
    return elements


def _tuple_of(source: FunctionSource, abi_type: TupleType, values: Sequence[str]) -> str:
    if abi_type.python_class is None:
        return f"({', '.join(values)},)"
    return f"{source.constant('make', abi_type.python_class)}({', '.join(values)})"
