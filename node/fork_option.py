"""Rule sets of a new chain, as people write them: `osaka`, `osaka@100`, `cancun,prague@5,osaka@9`.

Owns: that text form.
Never does: know what a rule set changes (vm/rules.py), or read a genesis file (genesis/codec.py).
Specification: parts separated by commas; each is a name and, behind @, the block from which on it applies, else 0.
Where nothing applies from block 0, the usual rule set of a new chain does.
"""

from __future__ import annotations

import re
from typing import Final

from vm.forks import EARLIEST_FOR_A_CHAIN, Fork, ForkSchedule, InvalidForkSchedule

USUAL_FORK: Final = Fork.PRAGUE
MAX_FORK_TEXT: Final = 200  # all names with long numbers take less

_NAMES: Final = {fork.name.lower(): fork for fork in Fork if fork >= EARLIEST_FOR_A_CHAIN}
_PART: Final = re.compile(r"([a-z]+)(?:@([0-9]{1,18}))?")


def parse_forks(text: str) -> ForkSchedule:
    """The schedule that `text` means. Raises InvalidForkSchedule."""
    if len(text) > MAX_FORK_TEXT:
        raise InvalidForkSchedule(
            f"the rule sets take {len(text)} characters, at most {MAX_FORK_TEXT} are allowed"
        )
    activations: list[tuple[Fork, int]] = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None or match[1] not in _NAMES:
            raise InvalidForkSchedule(f"{part.strip()!r} is not NAME or NAME@BLOCK with one of {_listed()}")
        activations.append((_NAMES[match[1]], int(match[2] or 0)))
    if activations[0][1] != 0:
        activations.insert(0, (USUAL_FORK, 0))
    return ForkSchedule.of(activations)


def forks_text(schedule: ForkSchedule) -> str:
    """The text that `parse_forks` reads back as `schedule`."""
    return ",".join(
        fork.name.lower() + (f"@{number}" if number else "") for fork, number in schedule.activations
    )


def check_forks(text: str) -> str:
    """`text` in its usual form. Raises ValueError for command lines and files."""
    try:
        return forks_text(parse_forks(text))
    except InvalidForkSchedule as error:
        raise ValueError(str(error)) from error


def _listed() -> str:
    return ", ".join(_NAMES)
