"""Events and custom errors as classes whose fields are their ABI.

Owns: what turns `class Transfer(Event)` into topics and data, and `class Paused(ContractError)` into revert data.
Never does: emit; `Contract.emit` does.
Specification: Solidity's contract ABI, "Events" and "Errors".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, dataclass_transform

from chain.types import Hash32
from vm.system.abi.codec import encoder, topic_encoder
from vm.system.abi.signature import ErrorSignature, EventSignature, fields_of, types_of
from vm.system.errors import Revert


@dataclass_transform()
class Event:
    """`class Transfer(Event)` with fields `from_: Indexed[address]`, `value: u256` …, in the order of the ABI.

    An instance is ready to be logged: `topics`, and `data` for the fields that are not indexed.
    """

    signature: ClassVar[EventSignature]
    topics: tuple[Hash32, ...]
    data: bytes

    def __init_subclass__(cls) -> None:
        cls.signature = EventSignature(cls.__name__, fields_of(cls))
        cls.__init__ = _event_constructor(cls.signature)  # type: ignore[method-assign]


@dataclass_transform()
class ContractError(Revert):
    """`class ERC20InvalidSender(ContractError)` with fields, in the order of the ABI; raise an instance to revert."""

    signature: ClassVar[ErrorSignature]

    def __init_subclass__(cls) -> None:
        signature = cls.signature = ErrorSignature(cls.__name__, fields_of(cls))
        encode = encoder(signature.input_types, signature.selector)
        names = ", ".join([parameter.python_name for parameter in signature.inputs])
        source = f"def __init__(__self, {names}):\n    __revert(__self, __encode({names}))\n"
        known: dict[str, Any] = {"__revert": Revert.__init__, "__encode": encode}
        cls.__init__ = _compiled(source, known, cls.__name__)  # type: ignore[method-assign]


def _event_constructor(signature: EventSignature) -> Callable[..., None]:
    """Compiled for each event, as dataclasses do: tokens log one with each transfer."""
    known: dict[str, Any] = {"__topic": signature.topic}
    topics = ["__topic"]
    plain: list[str] = []
    for parameter in signature.inputs:
        name = parameter.python_name
        if parameter.indexed:
            known[f"__topic_{name}"] = topic_encoder(parameter.type)
            topics.append(f"__topic_{name}({name})")
        else:
            plain.append(name)
    known["__encode"] = encoder(types_of(signature.unindexed))
    source = (
        f"def __init__(__self, {', '.join([parameter.python_name for parameter in signature.inputs])}):\n"
        f"    __self.topics = ({', '.join(topics)},)\n"
        f"    __self.data = __encode({', '.join(plain)})\n"
    )
    return _compiled(source, known, signature.name)


def _compiled(source: str, known: dict[str, Any], name: str) -> Callable[..., None]:
    """The constructor in `source`, which is made of identifiers of a class only."""
    exec(compile(source, f"<{name}>", "exec"), known)  # noqa: S102
    constructor: Callable[..., None] = known["__init__"]
    return constructor
