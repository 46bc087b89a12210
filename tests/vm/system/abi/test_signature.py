"""Tests of signatures: what annotations of methods and classes mean, selectors and topics."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from vm.system.abi.annotations import Indexed, address, bytes32, u256
from vm.system.abi.signature import (
    Mutability,
    Parameter,
    error_signature,
    event_signature,
    fields_of,
    function_signature,
    parameters_of,
)
from vm.system.abi.types import AddressType, ArrayType, StringType, TupleType, UintType
from vm.system.errors import InvalidDeclaration


class Token:
    class Transfer:
        from_: Indexed[address]
        to: Indexed[address]
        value: u256

    class ERC20InsufficientBalance:
        registered: ClassVar[bool] = True
        sender: address
        balance: u256
        needed: u256

    class Plan:
        @staticmethod
        def __abi_components__() -> tuple[Parameter, ...]:
            return (Parameter("name", StringType()), Parameter("parts", ArrayType(UintType(64))))

    def constructor(self, name: str, plan: Plan) -> None: ...

    def transfer(self, to: address, value: u256) -> bool:
        return True

    def send_(self, from_: address) -> None: ...

    def sums(self, plans: list[Plan]) -> tuple[u256, bytes32]:
        return 0, b""

    def unsized(self, value: int) -> None: ...

    def optional(self, value: u256 = 5) -> None: ...

    def many(self, *values: u256) -> None: ...

    def named(self, *, value: u256) -> None: ...

    def one(self) -> tuple[u256]:
        return (0,)

    def unknown(self, value: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    def bare(self, value) -> None: ...  # type: ignore[no-untyped-def]

    def silent(self, value: u256): ...  # type: ignore[no-untyped-def]


class Approval:
    owner: Indexed[address]
    spender: Indexed[address]
    amount: Indexed[u256]


class WithTooMany:
    owner: Indexed[address]
    spender: Indexed[address]
    amount: Indexed[u256]
    more: Indexed[u256]


class Extended(Approval):
    more: u256


def test_a_function_has_the_selector_of_its_annotations() -> None:
    transfer = function_signature(Token.transfer, mutability=Mutability.NONPAYABLE)
    assert transfer.canonical == "transfer(address,uint256)"
    assert transfer.selector.hex() == "a9059cbb"
    assert transfer.inputs == (Parameter("to", AddressType()), Parameter("value", UintType(256)))
    assert [each.type.canonical for each in transfer.outputs] == ["bool"]
    assert transfer.mutability == "nonpayable"


def test_an_event_has_the_topic_of_its_annotations_and_an_error_its_selector() -> None:
    transfer = event_signature(Token.Transfer)
    assert transfer.topic.hex() == "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    assert [each.name for each in transfer.indexed] == ["from", "to"]
    assert [each.name for each in transfer.unindexed] == ["value"]
    assert transfer.inputs[0].python_name == "from_"
    error = error_signature(Token.ERC20InsufficientBalance)
    assert error.canonical == "ERC20InsufficientBalance(address,uint256,uint256)"
    assert error.selector.hex() == "e450d38c"


def test_a_trailing_underscore_is_no_part_of_an_abi_name() -> None:
    send = function_signature(Token.send_, mutability=Mutability.PAYABLE)
    assert (send.name, send.inputs[0].name, send.outputs) == ("send", "from", ())
    renamed = function_signature(Token.send_, name="sendAll", mutability=Mutability.PAYABLE)
    assert renamed.canonical == "sendAll(address)"


def test_a_tuple_of_results_is_several_outputs_with_names() -> None:
    sums = function_signature(
        Token.sums, mutability=Mutability.VIEW, returns=("total", "root"), scope=vars(Token)
    )
    assert sums.canonical == "sums((string,uint64[])[])"
    assert [(each.name, each.type.canonical) for each in sums.outputs] == [
        ("total", "uint256"),
        ("root", "bytes32"),
    ]


def test_classes_inside_the_contract_are_found_by_its_scope() -> None:
    name, plan = parameters_of(Token.constructor, scope=vars(Token))
    assert name.type == StringType()
    assert isinstance(plan.type, TupleType)
    assert plan.type.python_class is Token.Plan
    with pytest.raises(InvalidDeclaration, match=r"constructor.*Plan"):
        parameters_of(Token.constructor)


def test_fields_are_those_of_the_class_itself() -> None:
    assert [field.name for field in fields_of(Approval)] == ["owner", "spender", "amount"]
    assert [field.name for field in fields_of(Extended)] == ["more"]


def test_an_event_with_more_topics_than_a_log_can_have_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="indexed"):
        event_signature(WithTooMany)


@pytest.mark.parametrize(
    "function",
    [
        Token.unsized,
        Token.optional,
        Token.many,
        Token.named,
        Token.one,
        Token.unknown,
        Token.bare,
        Token.silent,
    ],
)
def test_a_function_that_the_abi_cannot_express_is_refused_by_its_name(
    function: Callable[..., object],
) -> None:
    with pytest.raises(InvalidDeclaration, match=function.__name__):
        function_signature(function, mutability=Mutability.VIEW)


def test_names_of_results_are_as_many_as_results() -> None:
    with pytest.raises(InvalidDeclaration, match="2 names"):
        function_signature(Token.transfer, mutability=Mutability.VIEW, returns=("a", "b"))
