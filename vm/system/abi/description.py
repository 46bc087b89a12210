"""The JSON that describes a contract's ABI to wallets and libraries.

Owns: items as solc writes them, with `internalType`.
Never does: collect what a contract has (vm/system/tooling/).
Specification: Solidity documentation, "JSON" of the contract ABI.
"""

from __future__ import annotations

from collections.abc import Sequence

from vm.system.abi.signature import ErrorSignature, EventSignature, FunctionSignature, Mutability, Parameter
from vm.system.abi.types import AbiType, ArrayType, TupleType


def constructor_item(inputs: Sequence[Parameter], *, is_payable: bool = False) -> dict[str, object]:
    """The constructor with its arguments."""
    mutability = Mutability.PAYABLE if is_payable else Mutability.NONPAYABLE
    return {"inputs": _parameters(inputs), "stateMutability": mutability.value, "type": "constructor"}


def receive_item() -> dict[str, object]:
    """That the contract takes plain coins."""
    return {"stateMutability": Mutability.PAYABLE.value, "type": "receive"}


def function_item(function: FunctionSignature) -> dict[str, object]:
    """A function."""
    return {
        "inputs": _parameters(function.inputs),
        "name": function.name,
        "outputs": _parameters(function.outputs),
        "stateMutability": function.mutability.value,
        "type": "function",
    }


def event_item(event: EventSignature) -> dict[str, object]:
    """An event; its inputs say also whether they are indexed."""
    inputs = [{"indexed": each.indexed, **_parameter(each.name, each.type)} for each in event.inputs]
    return {"anonymous": False, "inputs": inputs, "name": event.name, "type": "event"}


def error_item(error: ErrorSignature) -> dict[str, object]:
    """A custom error."""
    return {"inputs": _parameters(error.inputs), "name": error.name, "type": "error"}


def _parameters(parameters: Sequence[Parameter]) -> list[dict[str, object]]:
    return [_parameter(each.name, each.type) for each in parameters]


def _parameter(name: str, abi_type: AbiType) -> dict[str, object]:
    base, lengths = _without_lengths(abi_type)
    if not isinstance(base, TupleType):
        return {"internalType": base.canonical + lengths, "name": name, "type": base.canonical + lengths}
    named = f"struct {base.name}" if base.name else "tuple"
    return {
        "components": _parameters(base.components),
        "internalType": named + lengths,
        "name": name,
        "type": f"tuple{lengths}",
    }


def _without_lengths(abi_type: AbiType) -> tuple[AbiType, str]:
    """What arrays are made of at last, and their lengths as text: `[2][]`."""
    lengths = ""
    while isinstance(abi_type, ArrayType):
        lengths = f"[{'' if abi_type.length is None else abi_type.length}]{lengths}"
        abi_type = abi_type.element
    return abi_type, lengths
