"""Tests of the JSON ABI."""

from __future__ import annotations

from tests.vm.system.abi.example import ENTRIES, Plan, PlanMissing, Planned
from vm.system.abi.description import (
    constructor_item,
    error_item,
    event_item,
    function_item,
    receive_item,
)
from vm.system.abi.signature import FunctionSignature, error_signature, event_signature, fields_of
from vm.system.abi.types import ArrayType, Parameter, TupleType, UintType


def test_a_function_is_described_as_solc_does() -> None:
    total = ENTRIES[2].signature
    assert isinstance(total, FunctionSignature)
    assert function_item(total) == {
        "inputs": [],
        "name": "total",
        "outputs": [{"internalType": "uint256", "name": "", "type": "uint256"}],
        "stateMutability": "view",
        "type": "function",
    }


def test_structs_are_tuples_with_components() -> None:
    inputs = constructor_item(fields_of(Plan), is_payable=True)["inputs"]
    assert isinstance(inputs, list)
    name, kind, coins, weights = inputs
    assert name == {"internalType": "string", "name": "name", "type": "string"}
    assert kind["name"] == "type"
    assert coins == {
        "components": [
            {"internalType": "string", "name": "denom", "type": "string"},
            {"internalType": "uint256", "name": "amount", "type": "uint256"},
        ],
        "internalType": "struct Coin[]",
        "name": "coins",
        "type": "tuple[]",
    }
    assert weights == {"internalType": "int64[2]", "name": "weights", "type": "int64[2]"}


def test_lengths_of_arrays_of_arrays_stand_in_the_order_of_solidity() -> None:
    pairs = ArrayType(ArrayType(TupleType("", (Parameter("x", UintType(8)),)), 2))
    assert constructor_item((Parameter("pairs", pairs),)) == {
        "inputs": [
            {
                "components": [{"internalType": "uint8", "name": "x", "type": "uint8"}],
                "internalType": "tuple[2][]",
                "name": "pairs",
                "type": "tuple[2][]",
            }
        ],
        "stateMutability": "nonpayable",
        "type": "constructor",
    }


def test_events_say_what_is_indexed_and_errors_do_not() -> None:
    event = event_item(event_signature(Planned))
    inputs = event["inputs"]
    assert isinstance(inputs, list)
    assert [(each["name"], each["indexed"]) for each in inputs] == [
        ("owner", True),
        ("id", True),
        ("plan", False),
    ]
    assert (event["name"], event["anonymous"], event["type"]) == ("Planned", False, "event")
    assert error_item(error_signature(PlanMissing)) == {
        "inputs": [{"internalType": "bytes32", "name": "id", "type": "bytes32"}],
        "name": "PlanMissing",
        "type": "error",
    }


def test_a_constructor_and_a_receive_function_are_items_too() -> None:
    assert constructor_item(())["stateMutability"] == "nonpayable"
    assert constructor_item((), is_payable=True)["stateMutability"] == "payable"
    assert receive_item() == {"stateMutability": "payable", "type": "receive"}
