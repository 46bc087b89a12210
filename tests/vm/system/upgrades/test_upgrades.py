"""New versions of system contracts: who may schedule them, when they act, and what a failing migration leaves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.types import ZERO_ADDRESS, Address
from tests.vm.system.upgrades.probe import ProbeV1, ProbeV2, ProbeV3, StrangerV2
from vm.system.addresses import UPGRADES
from vm.system.registry import ChainContract, Registry
from vm.system.testing import ContractHandle, TestChain, address_of, reverts
from vm.system.upgrades.contract import MAX_WAITING_TARGETS, Status, Upgrades
from vm.system.upgrades.parameters import UpgradesGenesis

NOTICE = 5
PROBE = Address(bytes(17) + b"\x5c\x00\xfe")
AUTHORITY = address_of("authority")


@pytest.fixture
def chain() -> TestChain:
    """UPGRADES before a chain contract whose hook counts, as it stands before all others on a real chain."""
    entries = [ChainContract("upgrades", UPGRADES, Upgrades), ChainContract("probe", PROBE, ProbeV1)]
    made = TestChain(registry=Registry([ProbeV2, ProbeV3, StrangerV2], entries))
    made.genesis((Upgrades, UpgradesGenesis(AUTHORITY, NOTICE)), (ProbeV1, None))
    made.sender = AUTHORITY
    return made


@pytest.fixture
def upgrades(chain: TestChain) -> ContractHandle:
    return chain.at(UPGRADES, Upgrades)


@pytest.fixture
def probe(chain: TestChain) -> ContractHandle:
    return chain.at(PROBE, ProbeV2)


def test_genesis_names_authority_and_notice(chain: TestChain, upgrades: ContractHandle) -> None:
    assert upgrades.authority() == AUTHORITY
    assert upgrades.pendingAuthority() == ZERO_ADDRESS
    assert upgrades.noticeBlocks() == NOTICE
    assert upgrades.upgradeCount() == 0
    assert upgrades.pending(0, 100) == ([], 0)
    assert upgrades.upgrade(1) == ([], 0, 0, Status.UNKNOWN, 0)
    assert upgrades.versionOf(PROBE) == (0xC1_0001, 1)
    assert upgrades.versionOf(UPGRADES) == (0x18, 1)
    assert upgrades.versionOf(chain.run_evm(b"\x00" * 9)) == (0, 0)
    assert upgrades.versionOf(AUTHORITY) == (0, 0)


def test_a_version_acts_from_its_height_on_with_its_migration_and_its_hooks(
    chain: TestChain, upgrades: ContractHandle, probe: ContractHandle
) -> None:
    height = chain.block.number + NOTICE
    assert upgrades.schedule([PROBE], 2, height) == 1
    assert chain.logs == [Upgrades.UpgradeScheduled(1, [PROBE], 2, height)]
    assert upgrades.upgrade(1) == ([PROBE], 2, height, Status.WAITING, 0)
    assert upgrades.pending(0, 1) == ([1], 1)
    while chain.block.number < height - 1:
        (block,) = chain.mine()
        assert not block.events
    assert probe.count() == 100 * (NOTICE - 1)
    probe.add()
    assert probe.count() == 100 * (NOTICE - 1) + 1
    assert upgrades.versionOf(PROBE) == (0xC1_0001, 1)
    (block,) = chain.mine()
    assert list(block.events) == [Upgrades.UpgradeApplied(1, PROBE, 2)]
    assert upgrades.versionOf(PROBE) == (0xC1_0001, 2)
    assert probe.sinceBlock() == height
    assert probe.count() == 100 * (NOTICE - 1) + 1 + 200  # the hook of the new version, in this block already
    probe.add()
    assert probe.count() == 100 * (NOTICE - 1) + 1 + 200 + 2
    assert upgrades.upgrade(1) == ([PROBE], 2, height, Status.DONE, 0)
    assert upgrades.pending(0, 100) == ([], 0)
    (block,) = chain.mine()
    assert not block.events


def test_versions_between_are_migrated_too(
    chain: TestChain, upgrades: ContractHandle, probe: ContractHandle
) -> None:
    upgrades.schedule([PROBE], 3, chain.block.number + NOTICE)
    chain.mine(NOTICE)
    assert probe.sinceBlock() == chain.block.number
    assert probe.count() == 100 * (NOTICE - 1) + 1_000_000 + 200


@pytest.mark.parametrize(("trap", "reason"), [("refuse", b"migration refused"), ("spend", b"")])
def test_a_failing_migration_leaves_the_old_version_and_an_event_and_the_others_go_on(
    chain: TestChain, upgrades: ContractHandle, trap: str, reason: bytes
) -> None:
    probes = [chain.deploy(ProbeV1) for _ in range(3)]
    getattr(probes[1], trap)()
    before = chain.storage(probes[1])
    height = chain.block.number + NOTICE
    upgrades.schedule(probes, 2, height)
    (block,) = chain.mine(NOTICE)[-1:]
    assert [(event.name, event.target) for event in block.events] == [
        ("UpgradeApplied", probes[0].address),
        ("UpgradeFailed", probes[1].address),
        ("UpgradeApplied", probes[2].address),
    ]
    assert reason in block.events[1].reason
    assert chain.storage(probes[1]) == before
    assert [upgrades.versionOf(one)[1] for one in probes] == [2, 1, 2]
    assert upgrades.upgrade(1)[3:] == (Status.DONE, 1)
    probes[1].add()
    assert probes[1].count() == 1


def test_a_version_that_another_upgrade_gave_meanwhile_is_a_failure(
    chain: TestChain, upgrades: ContractHandle
) -> None:
    height = chain.block.number + NOTICE
    assert upgrades.schedule([PROBE], 2, height + 1) == 1
    assert upgrades.schedule([PROBE], 3, height) == 2
    chain.mine(NOTICE)
    assert upgrades.pending(0, 10) == ([1], 1)
    (block,) = chain.mine()
    assert [event.name for event in block.events] == ["UpgradeFailed"]
    assert upgrades.versionOf(PROBE)[1] == 3
    assert upgrades.upgrade(1)[3:] == (Status.DONE, 1)


def test_upgrades_of_one_height_run_in_the_order_in_which_they_were_scheduled(
    chain: TestChain, upgrades: ContractHandle
) -> None:
    height = chain.block.number + NOTICE
    upgrades.schedule([PROBE], 2, height)
    upgrades.schedule([PROBE], 3, height)
    (block,) = chain.mine(NOTICE)[-1:]
    assert list(block.events) == [
        Upgrades.UpgradeApplied(1, PROBE, 2),
        Upgrades.UpgradeApplied(2, PROBE, 3),
    ]


def test_a_cancelled_upgrade_does_not_happen(chain: TestChain, upgrades: ContractHandle) -> None:
    height = chain.block.number + NOTICE
    for version in (2, 3, 2):
        upgrades.schedule([PROBE], version, height)
    upgrades.cancel(2)
    assert chain.logs == [Upgrades.UpgradeCancelled(2)]
    assert upgrades.pending(0, 10) == ([1, 3], 2)
    assert upgrades.pending(1, 2**256 - 1) == ([3], 2)
    assert upgrades.pending(2**256 - 1, 2**256 - 1) == ([], 2)
    assert upgrades.upgrade(2)[3] == Status.CANCELLED
    for gone in (0, 2, 4):
        with reverts(Upgrades.NotWaiting, gone):
            upgrades.cancel(gone)
    upgrades.cancel(3)
    upgrades.cancel(1)
    assert not any(block.events for block in chain.mine(NOTICE))
    assert upgrades.versionOf(PROBE)[1] == 1
    upgrades.schedule([PROBE], 2, chain.block.number + NOTICE)
    chain.mine(NOTICE)
    assert upgrades.versionOf(PROBE)[1] == 2
    with reverts(Upgrades.NotWaiting, 4):
        upgrades.cancel(4)


def test_what_cannot_be_scheduled(chain: TestChain, upgrades: ContractHandle) -> None:
    earliest = chain.block.number + NOTICE
    plain = chain.run_evm(b"\x00")
    unknown = chain.run_evm(b"\xef\x53\x43" + bytes(4) + b"\x00\x01")
    with reverts(Upgrades.TooSoon, earliest - 1, earliest):
        upgrades.schedule([PROBE], 2, earliest - 1)
    with reverts(Upgrades.NoTargets):
        upgrades.schedule([], 2, earliest)
    with reverts(Upgrades.TargetTwice, PROBE):
        upgrades.schedule([PROBE, PROBE], 2, earliest)
    for account in (plain, AUTHORITY, ZERO_ADDRESS):
        with reverts(Upgrades.NotSystemContract, account):
            upgrades.schedule([account], 2, earliest)
    for version in (0, 1):
        with reverts(Upgrades.NotNewer, PROBE, 1):
            upgrades.schedule([PROBE], version, earliest)
    with reverts(Upgrades.UnknownVersion, PROBE, 4):
        upgrades.schedule([PROBE], 4, earliest)
    with reverts(Upgrades.UnknownVersion, unknown, 2):
        upgrades.schedule([unknown], 2, earliest)
    assert upgrades.upgradeCount() == 0


def test_what_waits_is_bounded_and_fits_the_hook(chain: TestChain, upgrades: ContractHandle) -> None:
    probes = [chain.deploy(ProbeV1) for _ in range(MAX_WAITING_TARGETS)]
    for probe in probes:
        probe.spend()
    earliest = chain.block.number + NOTICE
    with reverts(Upgrades.TooManyTargets, MAX_WAITING_TARGETS):
        upgrades.schedule([*probes, PROBE], 2, earliest)
    for probe in probes:
        upgrades.schedule([probe], 2, earliest)
    with reverts(Upgrades.TooManyTargets, MAX_WAITING_TARGETS):
        upgrades.schedule([PROBE], 2, earliest)
    upgrades.cancel(7)
    assert upgrades.schedule([PROBE], 2, earliest) == MAX_WAITING_TARGETS + 1
    ids, total = upgrades.pending(0, 1_000)
    assert total == len(ids) == MAX_WAITING_TARGETS
    (block,) = chain.mine(NOTICE)[-1:]
    names = [event.name for event in block.events]
    assert names == ["UpgradeFailed"] * (MAX_WAITING_TARGETS - 1) + ["UpgradeApplied"]
    assert upgrades.versionOf(PROBE)[1] == 2


def test_migrations_that_take_all_their_gas_do_not_end_the_hook(
    chain: TestChain, upgrades: ContractHandle
) -> None:
    probes = [chain.deploy(ProbeV1) for _ in range(MAX_WAITING_TARGETS)]
    height = chain.block.number + NOTICE
    for probe in probes:  # an upgrade each, which costs the most besides the migrations
        probe.spend()
        upgrades.schedule([probe], 2, height)
    (block,) = chain.mine(NOTICE)[-1:]
    assert [event.name for event in block.events] == ["UpgradeFailed"] * MAX_WAITING_TARGETS
    assert upgrades.pending(0, 100) == ([], 0)


def test_the_authority_moves_in_two_steps(chain: TestChain, upgrades: ContractHandle) -> None:
    heir, stranger = chain.account("heir"), chain.account("stranger")
    upgrades.setAuthority(heir)
    assert chain.logs == [Upgrades.AuthorityTransferStarted(AUTHORITY, heir)]
    assert (upgrades.authority(), upgrades.pendingAuthority()) == (AUTHORITY, heir)
    with reverts(Upgrades.NotAuthority, stranger):
        upgrades.acceptAuthority(sender=stranger)
    upgrades.acceptAuthority(sender=heir)
    assert chain.logs == [Upgrades.AuthorityTransferred(AUTHORITY, heir)]
    assert (upgrades.authority(), upgrades.pendingAuthority()) == (heir, ZERO_ADDRESS)
    with reverts(Upgrades.NotAuthority, AUTHORITY):
        upgrades.setAuthority(AUTHORITY)
    upgrades.setAuthority(stranger, sender=heir)
    upgrades.setAuthority(ZERO_ADDRESS, sender=heir)
    with reverts(Upgrades.NotAuthority, stranger):
        upgrades.acceptAuthority(sender=stranger)
    assert upgrades.authority() == heir


def test_only_the_authority_schedules_and_nobody_applies_by_hand(
    chain: TestChain, upgrades: ContractHandle
) -> None:
    stranger = chain.account("stranger")
    height = chain.block.number + NOTICE
    upgrades.schedule([PROBE], 2, height)
    for call, arguments in (
        (upgrades.schedule, ([PROBE], 2, height)),
        (upgrades.cancel, (1,)),
        (upgrades.setAuthority, (stranger,)),
        (upgrades.acceptAuthority, ()),
    ):
        with reverts(Upgrades.NotAuthority, stranger):
            call(*arguments, sender=stranger)
    for sender in (stranger, AUTHORITY):
        with reverts():
            upgrades.applyTo(PROBE, 2, sender=sender)
    assert upgrades.versionOf(PROBE)[1] == 1


def test_a_chain_without_an_authority_never_changes() -> None:
    made = TestChain(registry=Registry([ProbeV2], [ChainContract("upgrades", UPGRADES, Upgrades)]))
    made.genesis((Upgrades, UpgradesGenesis(ZERO_ADDRESS, NOTICE)))
    upgrades = made.at(UPGRADES, Upgrades)
    probe = made.deploy(ProbeV1)
    for call, arguments in (
        (upgrades.setAuthority, (AUTHORITY,)),
        (upgrades.acceptAuthority, ()),
        (upgrades.schedule, ([probe], 2, made.block.number + NOTICE)),
    ):
        with reverts(Upgrades.NotAuthority, AUTHORITY):
            call(*arguments, sender=AUTHORITY)


def test_scheduling_leaves_no_trace_at_any_lack_of_gas(chain: TestChain, upgrades: ContractHandle) -> None:
    upgrades.schedule([PROBE], 3, chain.block.number + NOTICE + 1)
    chain.starve(upgrades.schedule, [PROBE], 2, chain.block.number + NOTICE)
    chain.starve(upgrades.cancel, 1)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["schedule", "cancel", "mine"]),
            st.integers(2, 3),
            st.integers(0, 4),
            st.integers(1, 12),
        ),
        max_size=20,
    )
)
def test_the_schedule_says_what_waits_whatever_happens(steps: list[tuple[str, int, int, int]]) -> None:
    entries = [ChainContract("upgrades", UPGRADES, Upgrades), ChainContract("probe", PROBE, ProbeV1)]
    chain = TestChain(registry=Registry([ProbeV2, ProbeV3], entries))
    chain.genesis((Upgrades, UpgradesGenesis(AUTHORITY, NOTICE)), (ProbeV1, None))
    chain.sender = AUTHORITY
    upgrades = chain.at(UPGRADES, Upgrades)
    waiting: dict[int, tuple[int, int]] = {}
    count, present = 0, 1
    for step, version, later, upgrade_id in steps:
        if step == "schedule" and version > present:
            count += 1
            waiting[count] = (version, chain.block.number + NOTICE + later)
            assert upgrades.schedule([PROBE], version, waiting[count][1]) == count
        elif step == "cancel" and upgrade_id in waiting:
            upgrades.cancel(upgrade_id)
            del waiting[upgrade_id]
        elif step == "mine":
            chain.mine()
            for due in [one for one, (_, height) in waiting.items() if height == chain.block.number]:
                present = max(present, waiting.pop(due)[0])
        assert upgrades.pending(0, 100) == (list(waiting), len(waiting))
        assert upgrades.versionOf(PROBE)[1] == present
