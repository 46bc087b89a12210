"""Staking parameters of a new chain, as people write them: `signed_blocks_window=20`.

Owns: that text form.
Never does: know what a parameter does or how far it may go (vm/system/staking/parameters.py).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from vm.system.staking.parameters import InvalidStaking, StakingParameters

PARAMETER_NAMES: Final = tuple([parameter.name for parameter in dataclasses.fields(StakingParameters)])

_SETTING: Final = re.compile(r"([a-z0-9_]{1,64})=([0-9]{1,30})", re.ASCII)


def parse_staking(texts: Iterable[str]) -> dict[str, int]:
    """What `texts` set, each a NAME=NUMBER; the last of several with one name counts. Raises ValueError."""
    settings: dict[str, int] = {}
    for text in texts:
        match = _SETTING.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not NAME=NUMBER, as in signed_blocks_window=20")
        settings[match[1]] = int(match[2])
    staking_parameters(settings)
    return settings


def staking_parameters(settings: Mapping[str, int]) -> StakingParameters:
    """The usual parameters with these changes. Raises ValueError for an unknown name or a number out of bounds."""
    if not isinstance(settings, Mapping):
        raise ValueError(f"staking is {settings!r}, must be an object of numbers")
    for name in settings:
        if name not in PARAMETER_NAMES:
            near = get_close_matches(name, PARAMETER_NAMES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(PARAMETER_NAMES)}"
            raise ValueError(f"unknown staking parameter {name[:64]}; {hint}")
    try:
        return dataclasses.replace(StakingParameters(), **settings)
    except InvalidStaking as error:
        raise ValueError(str(error)) from error
