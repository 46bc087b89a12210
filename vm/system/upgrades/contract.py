"""The chain contract UPGRADES: at a height announced before, accounts get a newer version of their class.

Owns: the authority, the schedule, and its execution at the begin of a block.
Never does: contain or move code: a version is a class of the program (vm/system/registry.py), and what changes is the
version in the account's code, with the class's own migration of its storage.

All validators must run a program that has the version before it is scheduled: where it is missing, `schedule` reverts,
and blocks differ from those of the others.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from vm.system.addresses import UPGRADES
from vm.system.contract import CLASS_ID_BYTES, CODE_BYTES, MARKER, code_of_class
from vm.system.framework import (
    ZERO_ADDRESS,
    Array,
    Contract,
    ContractError,
    Event,
    Guard,
    Indexed,
    Map,
    Slot,
    Struct,
    address,
    external,
    only_address,
    u8,
    u16,
    u32,
    u64,
    u256,
    view,
)
from vm.system.upgrades.parameters import UpgradesGenesis

MAX_WAITING_TARGETS: Final = 64
"""Accounts in all upgrades that wait: were they all due in one block, each still has a good share of the hook's gas."""

MAX_REASON_BYTES: Final = 256
"""Of the revert data of a failed migration, in its event."""

STEP_GAS: Final = 10_000
"""More than what one upgrade costs besides its accounts, and one account besides its migration: a slot of the list, the
call and the longest event. Kept back, so that migrations which use all that they get do not end the hook."""


class Status(IntEnum):
    """Of an upgrade. DONE: its height has come; `failures` of its accounts kept their version."""

    UNKNOWN = 0
    WAITING = 1
    CANCELLED = 2
    DONE = 3


class Upgrade(Struct):
    """One line of the schedule."""

    version: u16
    height: u64
    status: u8
    failures: u16
    targets: Array[address]


def _check_authority(contract: Upgrades) -> None:
    if contract.sender != contract.authority_:
        raise Upgrades.NotAuthority(contract.sender)


authority_only: Final = Guard("the authority", _check_authority)


class Upgrades(Contract, class_id=0x0018, version=1):
    """New versions of system contracts, announced before they act.

    An authority lists accounts, the version they get and the height. When the block of that height begins, before
    anything else in it, each account gets the version and its storage is migrated, or, if that fails, stays as it was.
    """

    is_privileged = True

    class AuthorityTransferStarted(Event):
        """Another account may accept to be the authority."""

        previousAuthority: Indexed[address]
        newAuthority: Indexed[address]

    class AuthorityTransferred(Event):
        """Another account is the authority."""

        previousAuthority: Indexed[address]
        newAuthority: Indexed[address]

    class UpgradeScheduled(Event):
        """At `height` the targets get `version`, unless the upgrade is cancelled before."""

        id: Indexed[u256]
        targets: list[address]
        version: u16
        height: u64

    class UpgradeCancelled(Event):
        """The upgrade will not happen."""

        id: Indexed[u256]

    class UpgradeApplied(Event):
        """From this block on the target runs `version`."""

        id: Indexed[u256]
        target: Indexed[address]
        version: u16

    class UpgradeFailed(Event):
        """The target keeps its version; `reason` is the begin of what its migration reverted with."""

        id: Indexed[u256]
        target: Indexed[address]
        version: u16
        reason: bytes

    class NotAuthority(ContractError):
        """Only the authority may do this, or, for acceptAuthority, whom it named."""

        account: address

    class TooSoon(ContractError):
        """The earliest height is that of this block and the notice."""

        height: u64
        earliest: u64

    class NoTargets(ContractError):
        """An upgrade is of something."""

    class TooManyTargets(ContractError):
        """All upgrades that wait have `most` targets at most."""

        most: u256

    class TargetTwice(ContractError):
        """The same account stands twice in the list."""

        target: address

    class NotSystemContract(ContractError):
        """The account has no system contract's code."""

        target: address

    class NotNewer(ContractError):
        """The account has this version, or a later one."""

        target: address
        present: u16

    class UnknownVersion(ContractError):
        """The program has no such version of the account's class."""

        target: address
        version: u16

    class NotWaiting(ContractError):
        """There is no such upgrade, or it was cancelled, or its height has come."""

        id: u256

    authority_: Slot[address]
    pending_authority: Slot[address]
    notice_blocks: Slot[u64]
    next_height: Slot[u64]
    waiting_targets: Slot[u64]
    count: Slot[u256]
    upgrades: Map[u256, Upgrade]
    waiting: Array[u256]

    # --- the authority ------------------------------------------------------------------------------------

    @view
    def authority(self) -> address:
        """Who may schedule upgrades; the zero address if nobody may."""
        return self.authority_

    @view
    def pendingAuthority(self) -> address:
        """Who may accept to be the authority."""
        return self.pending_authority

    @external(only=authority_only)
    def setAuthority(self, newAuthority: address) -> None:
        """Offers the authority to `newAuthority`, which must accept; the zero address takes an offer back."""
        self.pending_authority = newAuthority
        self.emit(self.AuthorityTransferStarted(self.authority_, newAuthority))

    @external
    def acceptAuthority(self) -> None:
        """Makes the caller the authority, if that was offered to it."""
        if self.sender != self.pending_authority:
            raise self.NotAuthority(self.sender)
        self.emit(self.AuthorityTransferred(self.authority_, self.sender))
        self.authority_ = self.sender
        self.pending_authority = ZERO_ADDRESS

    # --- the schedule -------------------------------------------------------------------------------------

    @external(only=authority_only, returns=("id",))
    def schedule(self, targets: list[address], version: u16, height: u64) -> u256:
        """Announces that the system contracts at `targets` get `version` when block `height` begins."""
        earliest = self.block_number + self.notice_blocks
        if height < earliest:
            raise self.TooSoon(height, earliest)
        if not targets:
            raise self.NoTargets()
        waiting = self.waiting_targets + len(targets)
        if waiting > MAX_WAITING_TARGETS:
            raise self.TooManyTargets(MAX_WAITING_TARGETS)
        upgrade_id = self.count + 1
        entry = self.upgrades[upgrade_id]
        for place, target in enumerate(targets):
            if target in targets[:place]:
                raise self.TargetTwice(target)
            self._check_newer(target, version)
            entry.targets.append(target)
        entry.version, entry.height, entry.status = version, height, Status.WAITING
        self.count = upgrade_id
        self.waiting_targets = waiting
        self.waiting.append(upgrade_id)
        self.next_height = height if self.next_height == 0 else min(self.next_height, height)
        self.emit(self.UpgradeScheduled(upgrade_id, targets, version, height))
        return upgrade_id

    @external(only=authority_only)
    def cancel(self, id_: u256) -> None:
        """Takes an upgrade back whose height has not come."""
        entry = self.upgrades[id_]
        if entry.status != Status.WAITING:
            raise self.NotWaiting(id_)
        entry.status = Status.CANCELLED
        self._keep_waiting([waiting for waiting in self._waiting() if waiting != id_])
        self.emit(self.UpgradeCancelled(id_))

    @view
    def noticeBlocks(self) -> u64:
        """Least number of blocks between the block that schedules an upgrade and the one that begins with it."""
        return self.notice_blocks

    @view
    def upgradeCount(self) -> u256:
        """How many upgrades were ever scheduled. The first has the id 1."""
        return self.count

    @view(name="upgrade", returns=("targets", "version", "height", "status", "failures"))
    def one_upgrade(self, id_: u256) -> tuple[list[address], u16, u64, u8, u16]:
        """One upgrade. `status` is 0 for an unknown id, 1 waiting, 2 cancelled, 3 done; `failures` of its targets kept
        their version."""
        entry = self.upgrades[id_]
        return list(entry.targets.values()), entry.version, entry.height, entry.status, entry.failures

    @view(returns=("ids", "total"))
    def pending(self, start: u256, limit: u256) -> tuple[list[u256], u256]:
        """At most `limit` of the upgrades that wait, from place `start` on, in the order in which they were scheduled;
        and how many wait altogether."""
        total = len(self.waiting)
        ids = [self.waiting[place] for place in range(min(start, total), min(start + limit, total))]
        return ids, total

    @view(returns=("classId", "version"))
    def versionOf(self, target: address) -> tuple[u32, u16]:
        """Class and version of a system contract; zeros for any other account."""
        return self._class_and_version(target) or (0, 0)

    @external(only=only_address(UPGRADES, "this contract"))
    def applyTo(self, target: address, version: u16) -> None:
        """One step of an upgrade, as a call of its own, so that a failure undoes this step alone."""
        self.upgrade(target, version)

    # --- hooks --------------------------------------------------------------------------------------------

    def genesis(self, config: UpgradesGenesis) -> None:
        """Names the first authority."""
        self.authority_ = config.authority
        self.notice_blocks = config.notice_blocks

    def begin_block(self) -> None:
        """Applies what is due."""
        first = self.next_height
        if first == 0 or self.block_number < first:
            return
        due: list[u256] = []
        later: list[u256] = []
        for upgrade_id in self._waiting():
            (due if self.upgrades[upgrade_id].height <= self.block_number else later).append(upgrade_id)
        self._keep_waiting(later)
        targets = sum([len(self.upgrades[upgrade_id].targets) for upgrade_id in due])
        share = (self.frame.gas - STEP_GAS * (len(due) + targets)) // targets
        for upgrade_id in due:
            self._apply(upgrade_id, share)

    def _apply(self, upgrade_id: int, share: int) -> None:
        entry = self.upgrades[upgrade_id]
        version = entry.version
        failures = 0
        for target in list(entry.targets.values()):  # bounded: MAX_WAITING_TARGETS
            succeeded, output = self.call(self.address, Upgrades.applyTo.encode(target, version), gas=share)
            if succeeded:
                self.emit(self.UpgradeApplied(upgrade_id, target, version))
            else:
                failures += 1
                self.emit(self.UpgradeFailed(upgrade_id, target, version, output[:MAX_REASON_BYTES]))
        entry.status, entry.failures = Status.DONE, failures

    def _waiting(self) -> list[int]:
        return list(self.waiting.values())

    def _keep_waiting(self, ids: list[int]) -> None:
        while len(self.waiting) > len(ids):  # bounded: MAX_WAITING_TARGETS, each has a target at least
            self.waiting.pop()
        heights = [self.upgrades[waiting].height for waiting in ids]
        for place, waiting in enumerate(ids):
            self.waiting[place] = waiting
        self.next_height = min(heights, default=0)
        self.waiting_targets = sum([len(self.upgrades[waiting].targets) for waiting in ids])

    def _class_and_version(self, target: address) -> tuple[int, int] | None:
        code = self.frame.code_of(target)
        if len(code) != CODE_BYTES or not code.startswith(MARKER):
            return None
        class_end = len(MARKER) + CLASS_ID_BYTES
        return int.from_bytes(code[len(MARKER) : class_end]), int.from_bytes(code[class_end:])

    def _check_newer(self, target: address, version: int) -> None:
        from vm.system.runtime.engine import registry_of  # which knows every class, this one too

        present = self._class_and_version(target)
        if present is None:
            raise self.NotSystemContract(target)
        if version <= present[1]:
            raise self.NotNewer(target, present[1])
        if registry_of(self.frame.context).contract(code_of_class(present[0], version)) is None:
            raise self.UnknownVersion(target, version)
