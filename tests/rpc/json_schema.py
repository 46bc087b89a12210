"""The part of JSON Schema (draft 7) that the official OpenRPC document uses."""

import json
import re
from pathlib import Path
from typing import Any


class OpenRpc:
    """Checks results of methods against their schemas."""

    def __init__(self, path: Path) -> None:
        document = json.loads(path.read_text())
        self.schemas: dict[str, Any] = document["components"]["schemas"]
        self.methods: dict[str, Any] = {method["name"]: method for method in document["methods"]}

    def complaints(self, method: str, result: object) -> list[str]:
        """What is wrong with a result; empty when nothing is."""
        return self._check(self.methods[method]["result"]["schema"], result, "result")

    def _check(self, schema: dict[str, Any], value: Any, place: str) -> list[str]:
        if "$ref" in schema:
            return self._check(
                self.schemas[schema["$ref"].removeprefix("#/components/schemas/")], value, place
            )
        found: list[str] = []
        for part in schema.get("allOf", []):
            found += self._check(part, value, place)
        for key in ("oneOf", "anyOf"):
            if key in schema:
                attempts: list[list[str]] = [self._check(part, value, place) for part in schema[key]]
                if all(attempts):
                    found += sorted(attempts, key=len)[0]
        if "type" in schema and not _has_type(schema["type"], value):
            return [*found, f"{place}: {value!r} is no {schema['type']}"]
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{place}: {value!r} is none of {schema['enum']}")
        if isinstance(value, str) and re.search(schema.get("pattern", ""), value) is None:
            found.append(f"{place}: {value[:80]!r} does not match {schema['pattern']}")
        if isinstance(value, dict):
            found += self._check_object(schema, value, place)
        if isinstance(value, list) and "items" in schema:
            for index, item in enumerate(value):
                found += self._check(schema["items"], item, f"{place}[{index}]")
        return found

    def _check_object(self, schema: dict[str, Any], value: dict[str, Any], place: str) -> list[str]:
        properties = schema.get("properties", {})
        found = [f"{place}: no {name}" for name in schema.get("required", []) if name not in value]
        for name, member in value.items():
            if name in properties:
                found += self._check(properties[name], member, f"{place}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{place}: {name} should not be there")
        return found


def _has_type(kind: str, value: object) -> bool:
    if kind in ("number", "integer"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, types[kind])
