"""The notation of signatures and types."""

import pytest

from chain.errors import InvariantViolation
from rpc.openrpc.notation import Parameter, Signature, read_signature, read_type


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_a_signature_names_its_parameters_and_result() -> None:
    assert read_signature("(address: Address, block?: Block) -> Quantity") == Signature(
        (Parameter("address", reference("Address"), True), Parameter("block", reference("Block"), False)),
        reference("Quantity"),
    )


def test_a_signature_may_take_nothing() -> None:
    assert read_signature("() -> Boolean") == Signature((), {"type": "boolean"})


def test_alternatives_arrays_and_literals() -> None:
    assert read_type('("latest" | Hash)[] | null') == {
        "anyOf": [
            {
                "type": "array",
                "items": {"anyOf": [{"type": "string", "enum": ["latest"]}, reference("Hash")]},
            },
            {"type": "null"},
        ]
    }


def test_an_object_has_exactly_its_members_unless_it_is_open() -> None:
    assert read_type("{a: String, b?: Integer}") == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert read_type("{a?: Any, ...}") == {
        "type": "object",
        "properties": {"a": {}},
        "additionalProperties": True,
    }


def test_an_object_may_be_a_map() -> None:
    assert read_type("{[Address]: Quantity[]}") == {
        "type": "object",
        "properties": {},
        "propertyNames": reference("Address"),
        "additionalProperties": {"type": "array", "items": reference("Quantity")},
    }


@pytest.mark.parametrize("text", ["", "{a}", "{a: }", "A |", "A B", "(A", "[A]", "{a: A", "A; B", '"open'])
def test_what_is_not_of_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(InvariantViolation):
        read_type(text)


@pytest.mark.parametrize("text", ["", "()", "() ->", "(a) -> A", "(a: A b: B) -> C", "(a: A) -> B extra"])
def test_a_broken_signature_is_refused(text: str) -> None:
    with pytest.raises(InvariantViolation):
        read_signature(text)
