"""The description of what a development node answers, against its methods and what they answer."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import jsonschema

from rpc.openrpc.document import descriptions, types
from tests.node.dev.dev_fixture import open_dev
from tests.rpc.methods.test_dev import ANSWERS


async def test_every_method_is_described_with_its_parameters(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        table = dev.dispatcher._methods
        entries = tomllib.loads(files("rpc.openrpc").joinpath("methods", "dev.toml").read_text("utf-8"))
        spaces = ("evm_", "hardhat_", "anvil_", "personal_")
        assert {name for name in table if name.startswith(spaces)} <= set(entries) <= set(table)
        for name in entries:
            method = table[name]
            described = descriptions()[name].signature.parameters
            required = [parameter.required for parameter in method.parameters]
            assert [parameter.required for parameter in described] == required, name


async def test_answers_have_the_described_form(tmp_path: Path) -> None:
    schemas = {"components": {"schemas": dict(types())}}
    async with open_dev(tmp_path) as dev:
        for method, params, answer in ANSWERS:
            signature = descriptions()[method].signature
            for parameter, value in zip(signature.parameters, params, strict=False):
                jsonschema.validate(value, {**parameter.schema, **schemas})
            jsonschema.validate(answer, {**signature.result, **schemas})
        for method in ("anvil_nodeInfo", "anvil_metadata", "hardhat_metadata", "eth_accounts"):
            result = await dev.call(method)
            jsonschema.validate(result, {**descriptions()[method].signature.result, **schemas})
        document = await dev.call("rpc.discover")
        assert {"evm_mine", "anvil_nodeInfo", "personal_sign"} <= {
            entry["name"] for entry in document["methods"]
        }


async def test_the_examples_are_answered_in_the_described_form(tmp_path: Path) -> None:
    schemas = {"components": {"schemas": dict(types())}}
    entries = tomllib.loads(files("rpc.openrpc").joinpath("methods", "dev.toml").read_text("utf-8"))
    async with open_dev(tmp_path) as dev:
        for name, entry in entries.items():
            if "example" not in entry:
                continue
            signature = descriptions()[name].signature
            for parameter, value in zip(signature.parameters, entry["example"], strict=False):
                jsonschema.validate(value, {**parameter.schema, **schemas})
            jsonschema.validate(await dev.call(name, *entry["example"]), {**signature.result, **schemas})
