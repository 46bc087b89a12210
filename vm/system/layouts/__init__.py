"""Storage layouts of every version of every contract, one file each, and what a new version may change.

Owns: the rule: a new version only appends. Everything an older version stored is found where it was.
Never does: make the files (`python -m vm.system.tooling` does) or run migrations. One that must move something copies
it to a new field, and leaves the old field where it is.
Specification: docs/system-contracts.md, "Upgrades"; OpenZeppelin's upgrade checks ask for the same.
"""

from __future__ import annotations

from typing import Any

from vm.system.storage.description import LayoutDescription, VariableDescription


def appends_only(old: LayoutDescription, new: LayoutDescription) -> bool:
    """Whether contracts with the old layout can become contracts with the new one."""
    return not changes(old, new)


def changes(old: LayoutDescription, new: LayoutDescription) -> tuple[str, ...]:
    """What the new layout does to variables of the old one; empty if it only appends.

    Structs may get new members at their end where nothing lies behind them: as values of mappings.
    """
    return tuple(_Comparison(old["types"], new["types"]).variables("", old["storage"], new["storage"]))


class _Comparison:
    """Finds the differences between two layouts, each with its own table of types."""

    def __init__(self, old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> None:
        self._old = old
        self._new = new

    def variables(
        self, within: str, old: list[VariableDescription], new: list[VariableDescription]
    ) -> list[str]:
        found = []
        for index, before in enumerate(old):
            name = within + before["label"]
            if index >= len(new):
                found.append(f"{name} is gone")
                continue
            after = new[index]
            if after["label"] != before["label"]:
                found.append(f"{name} has become {after['label']}, or something stands in front of it")
            elif (after["slot"], after["offset"]) != (before["slot"], before["offset"]):
                found.append(
                    f"{name} moved from slot {before['slot']} offset {before['offset']} "
                    f"to slot {after['slot']} offset {after['offset']}"
                )
            else:
                found += self._types(name, before["type"], after["type"], may_grow=False)
        return found

    def _types(self, name: str, old_name: str, new_name: str, *, may_grow: bool) -> list[str]:
        old, new = self._old[old_name], self._new[new_name]
        if "members" in old and "members" in new and old["label"] == new["label"]:
            return self._structs(name, old, new, may_grow=may_grow)
        if old["encoding"] == new["encoding"] == "mapping" and old["key"] == new["key"]:
            return self._types(f"{name}[]", old["value"], new["value"], may_grow=True)
        if old["encoding"] == new["encoding"] == "dynamic_array":
            return self._types(f"{name}[]", old["base"], new["base"], may_grow=False)
        return [] if old == new else [f"{name} was {old['label']} and is {new['label']}"]

    def _structs(self, name: str, old: dict[str, Any], new: dict[str, Any], *, may_grow: bool) -> list[str]:
        found = self.variables(f"{name}.", old["members"], new["members"])
        if len(new["members"]) > len(old["members"]) and not may_grow:
            found.append(f"{name}: the struct may not get members here, where others lie behind it")
        return found
