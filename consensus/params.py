"""Consensus parameters of the chain: timeouts, block interval, block size.

Owns: `ConsensusParams`, its validation, its hash, and the length of every timeout.
Never does: read local configuration; these values are part of the genesis file and the same on every node.
Specification: timeouts grow linearly with the round (arXiv 1807.04938, section III) but are capped, because
an unbounded timeout keeps a chain halted long after power returned (besu issue 7642).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from typing import Final, assert_never

from chain.keccak import keccak256
from chain.types import Hash32
from consensus.errors import InvalidConsensusParams
from consensus.types import Round, TimeoutKind

MAX_TIMEOUT_MS: Final = 3_600_000
"""No timeout or interval may exceed an hour: a longer one is a typing mistake that would halt the chain."""
MAX_BLOCK_BYTES_LIMIT: Final = 64 * 1024 * 1024
"""Payloads are held in memory and sent as one message."""
MAX_GAS_LIMIT: Final = 2**63 - 1
_HASH_TAG: Final = b"aurigraph-consensus-params\x01"
_NEVER: Final = 2**64 - 1
"""Stands for an empty-block interval of None in the hashed bytes; above every valid interval."""


@dataclass(frozen=True, slots=True)
class ConsensusParams:
    """Chain-wide parameters; durations in milliseconds, sizes in bytes.

    `block_interval_ms`: least time between the times of two blocks. `empty_block_interval_ms`: 0 makes empty
    blocks at the block interval, N at most every N ms, None never. Each timeout is base + delta x round, at
    most `timeout_cap_ms`.
    """

    block_interval_ms: int = 1_000
    empty_block_interval_ms: int | None = 0
    timeout_propose_ms: int = 1_000
    timeout_propose_delta_ms: int = 500
    timeout_prevote_ms: int = 400
    timeout_prevote_delta_ms: int = 250
    timeout_precommit_ms: int = 400
    timeout_precommit_delta_ms: int = 250
    timeout_cap_ms: int = 10_000
    max_block_bytes: int = 2 * 1024 * 1024
    max_gas: int = 60_000_000

    def __post_init__(self) -> None:
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if value is None and name == "empty_block_interval_ms":
                continue
            if type(value) is not int or not least <= value <= most:
                raise InvalidConsensusParams(
                    f"{name} is {value!r}, must be a whole number in {least}..{most}"
                )
        for name in ("timeout_propose_ms", "timeout_prevote_ms", "timeout_precommit_ms"):
            if getattr(self, name) > self.timeout_cap_ms:
                raise InvalidConsensusParams(f"{name} is above timeout_cap_ms ({self.timeout_cap_ms})")

    def timeout_ms(self, kind: TimeoutKind, at_round: Round) -> int:
        """Length of a timeout started in `at_round`, in milliseconds."""
        match kind:
            case TimeoutKind.PROPOSE:
                base, delta = self.timeout_propose_ms, self.timeout_propose_delta_ms
            case TimeoutKind.PREVOTE | TimeoutKind.REBROADCAST:
                # Repeating at the pace of prevotes heals a lost message within about one step.
                base, delta = self.timeout_prevote_ms, self.timeout_prevote_delta_ms
            case TimeoutKind.PRECOMMIT:
                base, delta = self.timeout_precommit_ms, self.timeout_precommit_delta_ms
            case _:
                assert_never(kind)
        return min(base + delta * at_round, self.timeout_cap_ms)

    def hash(self) -> Hash32:
        """Keccak of the tag and every field as an unsigned 64-bit big-endian number, in declaration order."""
        numbers = [getattr(self, field.name) for field in fields(self)]
        words = [_NEVER if number is None else number for number in numbers]
        return keccak256(_HASH_TAG + struct.pack(f">{len(words)}Q", *words))


_RANGES: Final[tuple[tuple[str, int, int], ...]] = (
    ("block_interval_ms", 1, MAX_TIMEOUT_MS),
    ("empty_block_interval_ms", 0, MAX_TIMEOUT_MS),
    ("timeout_propose_ms", 1, MAX_TIMEOUT_MS),
    ("timeout_propose_delta_ms", 0, MAX_TIMEOUT_MS),
    ("timeout_prevote_ms", 1, MAX_TIMEOUT_MS),
    ("timeout_prevote_delta_ms", 0, MAX_TIMEOUT_MS),
    ("timeout_precommit_ms", 1, MAX_TIMEOUT_MS),
    ("timeout_precommit_delta_ms", 0, MAX_TIMEOUT_MS),
    ("timeout_cap_ms", 1, MAX_TIMEOUT_MS),
    ("max_block_bytes", 1_024, MAX_BLOCK_BYTES_LIMIT),
    ("max_gas", 21_000, MAX_GAS_LIMIT),
)
