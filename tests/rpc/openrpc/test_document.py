"""rpc.discover and docs/rpc.md tell the truth: complete, and valid for the replies that methods give."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from rpc.openrpc.document import descriptions, openrpc_document, types
from tests.rpc.reference import PAGE, Examples, page, undescribed

# Their examples are of a connection that can be notified, or of a filter that was made before.
NEED_MORE = ("eth_subscribe", "eth_unsubscribe", "eth_getFilterChanges", "eth_getFilterLogs")


@pytest.fixture(scope="module")
def examples() -> Examples:
    return Examples()


def references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from references(part)


def check(schema: Any, value: object) -> None:
    jsonschema.Draft7Validator({**schema, "components": {"schemas": dict(types())}}).validate(value)


def test_every_method_is_described(examples: Examples) -> None:
    assert undescribed(examples.table) == []


def test_every_type_that_is_named_exists_and_is_used() -> None:
    document = openrpc_document(descriptions(), "x")
    named = set(references(document))

    assert named - set(types()) == set()
    assert set(types()) - named == set()


def test_the_schemas_are_valid_themselves() -> None:
    for schema in types().values():
        jsonschema.Draft7Validator.check_schema(dict(schema))


def test_parameters_agree_with_those_that_the_method_reads(examples: Examples) -> None:
    for name, method in examples.table.items():
        if name == "eth_subscribe":
            continue  # it has a text of its own for a missing name
        described = descriptions()[name].signature.parameters
        assert [parameter.required for parameter in described] == [
            parameter.required for parameter in method.parameters
        ], name


async def test_every_example_has_the_described_form_and_so_has_its_reply(examples: Examples) -> None:
    for name in examples.table:
        entry = descriptions()[name]
        if entry.example is None or name in NEED_MORE:
            continue
        parameters = examples.filled(entry.example)
        for parameter, value in zip(entry.signature.parameters, parameters, strict=False):
            check(parameter.schema, value)
        reply = await examples.reply(name, parameters)
        assert "result" in reply, (name, reply)
        check(entry.signature.result, reply["result"])


def test_every_method_has_an_example(examples: Examples) -> None:
    without = {name for name, entry in descriptions().items() if entry.example is None}

    # A block or an answer too long to show, and methods that always refuse.
    assert without == {"debug_traceBlock", "anvil_setRpcUrl", "rpc.discover"}


async def test_the_page_is_up_to_date() -> None:
    assert await page() == PAGE.read_text(), "run: python -m tests.rpc.reference"


async def test_discover_answers_with_the_document_of_the_table(examples: Examples) -> None:
    document = (await examples.reply("rpc.discover", []))["result"]

    assert {method["name"] for method in document["methods"]} == set(examples.table)
    assert document["openrpc"] == "1.2.6"
