"""`aurigraph staking` on a development node, whose own validator nobody here operates."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chain.types import checksum_address
from genesis import DEV_OPERATOR
from node.commands.common import CommandFailed, ExitCode
from node.commands.staking_words import moment, parse_rate
from node.home import NodeHome
from node.initialise import create_validator_key
from tests.node.chain_fixture import VALIDATOR
from tests.node.command_line import NAMES, CommandLine, command_line
from vm.system.staking.parameters import StakingParameters

OPERATOR, DELEGATOR, THIRD = NAMES[:3]
DEV = checksum_address(DEV_OPERATOR)
AUR = 10**18
PARAMETERS = StakingParameters(
    unbonding_time_s=1_000, signed_blocks_window=8, min_signed_bps=5_000, downtime_jail_s=60
)


@pytest.fixture
async def line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CommandLine]:
    async with command_line(tmp_path, capsys, monkeypatch, PARAMETERS) as started:
        yield started


async def create(line: CommandLine, *words: str) -> None:
    create_validator_key(NodeHome(line.home), "new")
    await line("staking", "create-validator", "--amount", "50", "--moniker", "Fifth", *words, *line.signing())


async def test_the_first_validator_and_the_parameters_are_told(line: CommandLine) -> None:
    (only,) = await line.rows("staking", "validators")
    assert only == {
        "operator": DEV, "moniker": "dev", "status": "bonded", "jailed": False, "tokens": str(AUR), "commission": "0.1",
    }  # fmt: skip
    assert await line.rows("staking", "validators", "--status", "unbonded") == []
    told = await line.record("staking", "validator", DEV)
    assert told["consensusAddress"] == checksum_address(VALIDATOR.address)
    assert (told["maxCommission"], told["minSelfDelegation"], told["unbondingTime"]) == ("0.2", "1", 0)
    assert "10%" in await line("staking", "validator", DEV)
    params = await line.record("staking", "params")
    assert params["block_reward_wei"] == str(PARAMETERS.block_reward_wei)
    assert {name: str(value) for name, value in params.items()} == {
        name: str(getattr(PARAMETERS, name)) for name in StakingParameters.__dataclass_fields__
    }
    assert "min_signed_bps           5000  (50%)" in await line("staking", "params")
    assert (await line.record("staking", "pool"))["bondedPower"] == 1


async def test_a_validator_is_made_with_the_key_of_the_home_and_gets_a_seat(line: CommandLine) -> None:
    made = ("--commission-rate", "5%", "--website", "https://example.org")
    await create(line, *made)
    assert await line.dev.height() == 2
    told = await line.record("staking", "validator", OPERATOR)
    assert (told["status"], told["tokens"], told["commission"]) == ("bonded", str(50 * AUR), "0.05")
    assert (told["moniker"], told["website"], told["identity"]) == ("Fifth", "https://example.org", None)
    assert told["consensusKey"].startswith("0x0")
    assert len(told["consensusKey"]) == 68
    info = await line.record("staking", "signing-info", told["consensusAddress"])
    assert info == await line.record("staking", "signing-info", OPERATOR)
    assert (info["operator"], info["tombstoned"], info["missedBlocks"]) == (OPERATOR, False, 0)
    error = await line.fails(
        "staking", "create-validator", "--amount", "5", "--moniker", "x", *line.signing(), code=5
    )
    assert "would fail: execution reverted: validator has a key already" in error


async def test_a_validator_is_changed_only_where_it_is_said(line: CommandLine) -> None:
    await create(line, "--details", "at home")
    words = ("staking", "edit-validator")
    assert "nothing to change" in await line.fails(*words, *line.signing(), code=ExitCode.USAGE)
    out = await line(*words, "--moniker", "Sixth", "--min-self-delegation", "2.5", *line.signing())
    assert "commissionRate unchanged  minSelfDelegation 2.5 AUR" in out
    told = await line.record("staking", "validator", OPERATOR)
    assert (told["moniker"], told["details"], told["minSelfDelegation"]) == (
        "Sixth",
        "at home",
        str(5 * AUR // 2),
    )
    error = await line.fails(*words, "--commission-rate", "0.11", *line.signing(), code=5)
    assert "commission changed within the last 24 hours" in error
    await line.dev.call("evm_increaseTime", 86_400)
    await line.dev.call("evm_mine")
    out = await line(*words, "--commission-rate", "0.11", *line.signing())
    assert "commissionRate 11%  minSelfDelegation unchanged" in out
    assert (await line.record("staking", "validator", OPERATOR))["commission"] == "0.11"


async def test_nothing_is_sent_when_the_second_of_two_transactions_would_fail(line: CommandLine) -> None:
    create_validator_key(NodeHome(line.home), "new")
    words = ("staking", "create-validator", "--amount", "0.5", "--moniker", "x", *line.signing())
    error = await line.fails(*words, code=ExitCode.TRANSACTION_REVERTED)
    assert "a validator begins with at least one coin" in error
    words = ("staking", "create-validator", "--amount", "10001", "--moniker", "x", *line.signing())
    assert "insufficient" in await line.fails(*words, code=ExitCode.TRANSACTION_REJECTED)
    assert await line.dev.height() == 0


async def test_what_a_dry_run_signs_makes_the_validator_when_it_is_sent(line: CommandLine) -> None:
    create_validator_key(NodeHome(line.home), "new")
    words = ("staking", "create-validator", "--amount", "5", "--moniker", "x", *line.signing())
    signed = await line.rows(*words, "--dry-run")
    assert await line.dev.height() == 0
    for each in signed:
        assert await line.dev.call("eth_sendRawTransaction", each["raw"]) == each["hash"]
    assert (await line.record("staking", "validator", OPERATOR))["tokens"] == str(5 * AUR)


async def test_both_transactions_go_without_waiting_for_the_first(line: CommandLine) -> None:
    await line.dev.call("evm_setAutomine", False)
    create_validator_key(NodeHome(line.home), "new")
    words = ("staking", "create-validator", "--amount", "5", "--moniker", "x", *line.signing())
    assert [set(row) for row in await line.rows(*words, "--async")] == [{"hash"}, {"hash"}]
    await line.dev.call("evm_mine")
    assert (await line.record("staking", "validator", OPERATOR))["tokens"] == str(5 * AUR)


async def test_the_account_may_be_on_another_machine_than_the_key(line: CommandLine, tmp_path: Path) -> None:
    other = NodeHome(tmp_path / "validator")
    create_validator_key(other, "far")
    other.genesis.write_bytes((tmp_path / "genesis.json").read_bytes())
    there = ("staking", "proof", "--home", str(other.root))
    document = await line(*there, OPERATOR, "--json")
    path = tmp_path / "proof.json"
    path.write_text(document)
    assert json.loads(document)["chainId"] == 1337
    words = ("staking", "create-validator", "--amount", "5", "--moniker", "Far", "--proof", str(path))
    error = await line.fails(*words, *line.signing(1))
    assert f"the proof is for {OPERATOR} on chain 1337, not for {DELEGATOR}" in error
    await line(*words, *line.signing())
    assert (await line.record("staking", "validator", OPERATOR))["moniker"] == "Far"
    path.write_text("{}")
    assert "not a proof of possession: it has no chainId" in await line.fails(*words, *line.signing())
    path.write_text(await line(*there, DELEGATOR, "--chain-id", "5", "--json"))
    error = await line.fails(*words, *line.signing(1))
    assert "on chain 5" in error


async def test_stake_comes_moves_leaves_and_comes_back(line: CommandLine) -> None:
    await create(line)
    assert await line.rows("staking", "delegations", DELEGATOR) == []
    out = await line("staking", "delegate", DEV, "3aur", *line.signing(1))
    assert "amount 3 AUR" in out
    await line("staking", "redelegate", DEV, OPERATOR, "1", *line.signing(1))
    rows = await line.rows("staking", "delegations", DELEGATOR)
    assert {row["validator"]: row["amount"] for row in rows} == {DEV: str(2 * AUR), OPERATOR: str(AUR)}
    (moved,) = await line.rows("staking", "redelegations", DELEGATOR)
    assert (moved["from"], moved["to"], moved["amount"]) == (DEV, OPERATOR, str(AUR))

    receipt = await line.record("staking", "undelegate", DEV, "1.5", *line.signing(1))
    (event,) = receipt["events"]
    assert (event["name"], event["values"]["amount"]) == ("Unbond", str(3 * AUR // 2))
    (entry,) = await line.rows("staking", "unbondings", DELEGATOR)
    assert entry == (await line.rows("staking", "unbondings", DELEGATOR, "--validator", DEV))[0]
    assert await line.rows("staking", "unbondings", DELEGATOR, "--validator", OPERATOR) == []
    assert (entry["validator"], entry["amount"]) == (DEV, str(3 * AUR // 2))
    assert str(entry["completionTime"]) == event["values"]["completionTime"]
    assert moment(entry["completionTime"]) in await line("staking", "unbondings", DELEGATOR)

    words = ("staking", "cancel-unbonding", DEV, "1", str(entry["creationHeight"]))
    await line(*words, *line.signing(1))
    (entry,) = await line.rows("staking", "unbondings", DELEGATOR)
    assert (entry["amount"], entry["initialAmount"]) == (str(AUR // 2), str(3 * AUR // 2))
    await line.dev.call("evm_increaseTime", 1_100)
    await line.dev.call("evm_mine")
    assert await line.rows("staking", "unbondings", DELEGATOR) == []
    assert "no unbondings" not in await line("staking", "delegations", DELEGATOR)


async def test_rewards_and_commission_are_told_and_withdrawn(line: CommandLine) -> None:
    await create(line)
    await line("staking", "delegate", OPERATOR, "50", *line.signing(1))
    await line.dev.call("hardhat_mine", "0x5")
    (earned,) = await line.rows("staking", "rewards", DELEGATOR)
    assert (earned["validator"], earned["kind"]) == (OPERATOR, "rewards")
    assert int(earned["amount"]) > AUR
    own = await line.rows("staking", "rewards", OPERATOR)
    assert [row["kind"] for row in own] == ["rewards", "commission"]

    await line("staking", "set-withdraw-address", THIRD, *line.signing(1))
    before = await line.record("query", "balance", THIRD)
    out = await line("staking", "withdraw-rewards", OPERATOR, *line.signing(1))
    assert "WithdrawDelegatorReward" in out
    after = await line.record("query", "balance", THIRD)
    assert int(after["wei"]) - int(before["wei"]) > int(earned["amount"])
    receipt = await line.record("staking", "withdraw-rewards", *line.signing(1))
    assert [event["name"] for event in receipt["events"]] == ["WithdrawDelegatorReward", "ClaimRewards"]
    receipt = await line.record("staking", "withdraw-commission", *line.signing())
    (event,) = receipt["events"]
    assert int(event["values"]["commission"]) >= int(own[1]["amount"])
    error = await line.fails("staking", "withdraw-commission", *line.signing(1), code=5)
    assert "would fail: execution reverted" in error


async def test_gifts_go_to_the_community_pool(line: CommandLine) -> None:
    await line("staking", "fund-community-pool", "7aur", *line.signing(1))
    assert int((await line.record("staking", "pool"))["communityPool"]) > 7 * AUR


async def test_a_validator_that_never_signs_is_jailed_and_comes_back(line: CommandLine) -> None:
    create_validator_key(NodeHome(line.home), "new")
    words = ("staking", "create-validator", "--amount", "1", "--moniker", "Lazy")
    await line(*words, *line.signing())
    await line.dev.call("hardhat_mine", "0xc")
    told = await line.record("staking", "validator", OPERATOR)
    assert told["jailed"] is True
    (row,) = [row for row in await line.rows("staking", "validators") if row["operator"] == OPERATOR]
    assert (row["jailed"], row["status"]) == (True, "unbonding")
    error = await line.fails("staking", "unjail", *line.signing(), code=5)
    assert "validator is still jailed" in error
    info = await line.record("staking", "signing-info", OPERATOR)
    assert info["jailed"]
    assert info["jailedUntil"] > 0
    await line.dev.call("evm_increaseTime", 100)
    await line.dev.call("evm_mine")
    # The slash left less than one coin, which is not enough for a seat: first more stake, then out of jail.
    assert "minSelfDelegation" in await line.fails("staking", "unjail", *line.signing(), code=5)
    await line("staking", "delegate", OPERATOR, "1", *line.signing())
    await line("staking", "unjail", *line.signing())
    assert (await line.record("staking", "validator", OPERATOR))["status"] == "bonded"
    assert not (await line.record("staking", "signing-info", OPERATOR))["jailed"]


async def test_who_runs_no_validator_is_told_so(line: CommandLine) -> None:
    assert f"{OPERATOR} runs no validator" in await line.fails("staking", "validator", OPERATOR)
    assert "no signing info" in await line.fails("staking", "signing-info", OPERATOR)
    error = await line.fails("staking", "delegate", OPERATOR, "1", *line.signing(), code=5)
    assert "would fail: execution reverted: " in error
    for words in (("delegations",), ("unbondings",), ("rewards",), ("redelegations",)):
        assert await line.rows("staking", *words, THIRD) == []


@pytest.mark.parametrize(
    ("text", "rate"),
    [("0.05", 5 * 10**16), ("5%", 5 * 10**16), ("1", AUR), ("100%", AUR), ("0", 0), ("0.5%", 5 * 10**15)],
)
def test_rates_are_fractions_or_percentages(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["1.1", "101%", "-1", "5 percent", "", "%", "0.0000000000000000001"])
def test_what_is_no_rate_is_wrong_usage(text: str) -> None:
    with pytest.raises(CommandFailed, match="is no rate") as failed:
        parse_rate(text)
    assert failed.value.code is ExitCode.USAGE


def test_moments_are_told_as_far_as_calendars_go() -> None:
    assert moment(1_700_000_000) == "2023-11-14 22:13:20 UTC"
    assert (moment(0), moment(2**63)) == ("-", "for ever")
