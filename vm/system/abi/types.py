"""The types of the contract ABI as values, and how a Python annotation names one.

Owns: the closed union AbiType, its canonical text, its sizes in the head of an encoding and packed in storage.
Never does: encode or decode (codec.py).
Specification: Solidity documentation, "Contract ABI Specification" and "Layout of State Variables in Storage".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, assert_never, get_args, get_origin

from chain.types import Address, Hash32
from vm.system.errors import InvalidDeclaration

WORD_BYTES: Final = 32

# A head of this size is 32 kB of call data; its codec has a local variable for each word.
MAX_HEAD_WORDS: Final = 1024


@dataclass(frozen=True, slots=True)
class UintType:
    """`uint8` … `uint256`: an int."""

    bits: int

    def __post_init__(self) -> None:
        _check_bits(self.bits)

    @property
    def canonical(self) -> str:
        return f"uint{self.bits}"


@dataclass(frozen=True, slots=True)
class IntType:
    """`int8` … `int256`: an int."""

    bits: int

    def __post_init__(self) -> None:
        _check_bits(self.bits)

    @property
    def canonical(self) -> str:
        return f"int{self.bits}"


@dataclass(frozen=True, slots=True)
class AddressType:
    """`address`: 20 bytes."""

    @property
    def canonical(self) -> str:
        return "address"


@dataclass(frozen=True, slots=True)
class BoolType:
    """`bool`."""

    @property
    def canonical(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class FixedBytesType:
    """`bytes1` … `bytes32`: bytes of exactly this length."""

    size: int

    def __post_init__(self) -> None:
        if not 1 <= self.size <= WORD_BYTES:
            raise InvalidDeclaration(f"there is no bytes{self.size}")

    @property
    def canonical(self) -> str:
        return f"bytes{self.size}"


@dataclass(frozen=True, slots=True)
class BytesType:
    """`bytes`."""

    @property
    def canonical(self) -> str:
        return "bytes"


@dataclass(frozen=True, slots=True)
class StringType:
    """`string`: a str; bytes that are no UTF-8 are lone surrogates in it (PEP 383)."""

    @property
    def canonical(self) -> str:
        return "string"


@dataclass(frozen=True, slots=True)
class ArrayType:
    """`T[]`, or `T[length]`: a list."""

    element: AbiType
    length: int | None = None

    def __post_init__(self) -> None:
        # An element of no size would let a few bytes stand for any number of them.
        if self.length is not None and self.length < 1:
            raise InvalidDeclaration("an array of fixed length has at least one element")

    @property
    def canonical(self) -> str:
        return f"{self.element.canonical}[{'' if self.length is None else self.length}]"


@dataclass(frozen=True, slots=True)
class TupleType:
    """A struct: an instance of `python_class`, or a tuple where there is none.

    An instance is made by calling the class with the values in order, and read by the attributes of the components.
    """

    name: str
    components: tuple[Parameter, ...]
    python_class: Callable[..., object] | None = None

    def __post_init__(self) -> None:
        if not self.components:
            raise InvalidDeclaration(f"the struct {self.name} has no fields")

    @property
    def canonical(self) -> str:
        return f"({','.join(component.type.canonical for component in self.components)})"


AbiType = (
    UintType
    | IntType
    | AddressType
    | BoolType
    | FixedBytesType
    | BytesType
    | StringType
    | ArrayType
    | TupleType
)
_ABI_TYPES: Final = (
    UintType,
    IntType,
    AddressType,
    BoolType,
    FixedBytesType,
    BytesType,
    StringType,
    ArrayType,
    TupleType,
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named place for a value: an argument, a result, a field of a struct, event or error.

    `attribute` is the Python name where that is not the ABI's: `from_` for `from`.
    """

    name: str
    type: AbiType
    indexed: bool = False
    attribute: str = ""

    @property
    def python_name(self) -> str:
        return self.attribute or self.name


@dataclass(frozen=True, slots=True)
class Length:
    """Says the length of an array: `Annotated[list[u256], Length(2)]` is `uint256[2]`."""

    length: int


@dataclass(frozen=True, slots=True)
class IndexedMark:
    """Says that a field of an event is a topic (annotations.Indexed)."""


def is_dynamic(abi_type: AbiType) -> bool:
    """Whether the head of an encoding has only the offset of such a value."""
    match abi_type:
        case BytesType() | StringType():
            return True
        case ArrayType(element, length):
            return length is None or is_dynamic(element)
        case TupleType():
            return any(is_dynamic(component.type) for component in abi_type.components)
        case UintType() | IntType() | AddressType() | BoolType() | FixedBytesType():
            return False
    assert_never(abi_type)


def head_bytes(abi_type: AbiType) -> int:
    """Bytes that a value takes in the head of an encoding, a multiple of 32.

    Raises:
        InvalidDeclaration: the head is too large.
    """
    if is_dynamic(abi_type):
        return WORD_BYTES
    match abi_type:
        case ArrayType(element, length) if length is not None:
            size = head_bytes(element) * length
        case TupleType():
            size = sum(head_bytes(component.type) for component in abi_type.components)
        case _:
            return WORD_BYTES
    if size > MAX_HEAD_WORDS * WORD_BYTES:
        raise InvalidDeclaration(f"{abi_type.canonical} takes more than {MAX_HEAD_WORDS} words")
    return size


def packed_bytes(abi_type: AbiType) -> int | None:
    """Bytes of a value type when packed, in storage or by abi.encodePacked; None for all other types."""
    match abi_type:
        case UintType(bits) | IntType(bits):
            return bits // 8
        case AddressType():
            return 20
        case BoolType():
            return 1
        case FixedBytesType(size):
            return size
        case BytesType() | StringType() | ArrayType() | TupleType():
            return None
    assert_never(abi_type)


def abi_type_of(annotation: object) -> AbiType:
    """The type that an evaluated annotation names.

    A class is a struct if it has `__abi_components__`: a tuple of Parameter, or a callable that returns one.

    Raises:
        InvalidDeclaration: the annotation names no ABI type (an int without a size, for example).
    """
    plain = _PLAIN.get(annotation) if isinstance(annotation, type) or annotation in _NEW_TYPES else None
    if plain is not None:
        return plain
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:])
    if origin is list:
        return ArrayType(abi_type_of(arguments[0]))
    if origin is tuple and arguments and Ellipsis not in arguments:
        return TupleType("", tuple(Parameter("", abi_type_of(argument)) for argument in arguments))
    if isinstance(annotation, type) and hasattr(annotation, "__abi_components__"):
        return struct_type(annotation)
    raise InvalidDeclaration(f"{_text(annotation)} is no ABI type: say its size, as in u256, or use a Struct")


def struct_type(python_class: type) -> TupleType:
    """The type of a class that has `__abi_components__`."""
    components = getattr(python_class, "__abi_components__")  # noqa: B009 - mypy knows no such attribute
    if callable(components):
        components = components()
    return TupleType(python_class.__name__.removesuffix("_"), tuple(components), python_class)


def _annotated(base: object, marks: tuple[object, ...]) -> AbiType:
    abi_type: AbiType | None = None
    for mark in marks:
        if isinstance(mark, _ABI_TYPES):
            abi_type = mark
        elif isinstance(mark, Length):
            element = abi_type_of(base)
            if not isinstance(element, ArrayType):
                raise InvalidDeclaration(f"only a list has a Length, not {_text(base)}")
            abi_type = ArrayType(element.element, mark.length)
    return abi_type_of(base) if abi_type is None else abi_type


def _check_bits(bits: int) -> None:
    if bits % 8 or not 8 <= bits <= 256:
        raise InvalidDeclaration(f"an integer has 8, 16, … 256 bits, not {bits}")


def _text(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


_NEW_TYPES: Final[tuple[object, ...]] = (Address, Hash32)
_PLAIN: Final[dict[object, AbiType]] = {
    bool: BoolType(),
    bytes: BytesType(),
    str: StringType(),
    Address: AddressType(),
    Hash32: FixedBytesType(32),
}
