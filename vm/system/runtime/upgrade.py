"""Giving an account another version of its class.

Owns: the step from one version to a later one: code field first, then each migration on the way.
Never does: decide who may ask for it (vm/system/upgrades/), or undo a part: a revert undoes all of it.
Specification: docs/system-contracts.md, "Upgrades".
"""

from __future__ import annotations

from chain.types import Address
from vm.system.contract import Contract, code_of_class
from vm.system.errors import revert
from vm.system.runtime.engine import registry_of
from vm.system.runtime.frame import Frame


def upgrade_of(frame: Frame, target: Address, version: int) -> tuple[type[Contract], type[Contract]]:
    """The classes at `target` before and after. Reverts unless a system contract with such a later version is there."""
    registry = registry_of(frame.context)
    old = registry.contract(frame.code_of(target))
    if old is None or old.class_id is None:
        revert("no system contract")
    new = registry.contract(code_of_class(old.class_id, version))
    if new is None or version <= old.version:
        revert("no such later version")
    return old, new


def change_version(frame: Frame, target: Address, version: int) -> None:
    """Writes the code field of `target` and runs each `migrate_vN` on the way from its old version, paid by `frame`.

    Reverts as `upgrade_of` does, and with what a migration reverts with.
    """
    old, new = upgrade_of(frame, target, version)
    frame.world.set_code(target, new.code)
    for step in range(old.version + 1, new.version + 1):
        migration = getattr(new, f"migrate_v{step}", None)
        if migration is None:
            continue
        inner = Frame(
            frame.context, target, frame.address, 0, frame.gas, frame.depth + 1, frame.is_static, frame.locks
        )
        try:
            migration(new(inner))
        finally:
            frame.gas = inner.gas
