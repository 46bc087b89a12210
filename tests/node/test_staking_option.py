"""Staking parameters as people write them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cli import main
from node.staking_option import PARAMETER_NAMES, parse_staking, staking_parameters
from vm.system.staking.parameters import StakingParameters


def test_settings_change_the_usual_parameters() -> None:
    settings = parse_staking(["signed_blocks_window=20", "block_reward_wei=0", "signed_blocks_window=30"])
    assert settings == {"signed_blocks_window": 30, "block_reward_wei": 0}
    assert staking_parameters(settings) == StakingParameters(signed_blocks_window=30, block_reward_wei=0)
    assert staking_parameters(parse_staking([])) == StakingParameters()
    everything = dataclasses.asdict(StakingParameters())
    assert parse_staking([f"{name}={everything[name]}" for name in PARAMETER_NAMES]) == everything


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not NAME=NUMBER"),
        ("signed_blocks_window", "not NAME=NUMBER"),
        ("signed_blocks_window=-1", "not NAME=NUMBER"),
        ("signed_blocks_window=1.5", "not NAME=NUMBER"),
        ("signed_blocks_window=٣", "not NAME=NUMBER"),
        ("signed_blocks_window=" + "9" * 31, "not NAME=NUMBER"),
        ("signed_block_window=20", "did you mean signed_blocks_window"),
        ("x=1", "known are unbonding_time_s"),
        ("max_validators=201", "max_validators: 201 is not a whole number from 1 to 200"),
    ],
)
def test_what_is_no_setting_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_staking([text])


def test_a_wrong_setting_on_the_command_line_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "net"
    with pytest.raises(SystemExit) as left:
        main(["testnet", "--home", str(home), "up", "--detach", "--staking", "signed_block_window=20"])
    assert left.value.code == 2
    assert "did you mean signed_blocks_window" in capsys.readouterr().err
    assert not home.exists()
