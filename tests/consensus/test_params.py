from dataclasses import replace

import pytest

from consensus.errors import InvalidConsensusParams
from consensus.params import MAX_TIMEOUT_MS, ConsensusParams
from consensus.types import TimeoutKind


@pytest.mark.parametrize(
    ("kind", "at_round", "expected_ms"),
    [
        (TimeoutKind.PROPOSE, 0, 1_000),
        (TimeoutKind.PROPOSE, 3, 2_500),
        (TimeoutKind.PREVOTE, 0, 400),
        (TimeoutKind.PREVOTE, 2, 900),
        (TimeoutKind.PRECOMMIT, 1, 650),
        (TimeoutKind.REBROADCAST, 1, 650),
        (TimeoutKind.PROPOSE, 18, 10_000),
        (TimeoutKind.PROPOSE, 2**31 - 1, 10_000),
    ],
)
def test_timeouts_grow_linearly_up_to_the_cap(kind: TimeoutKind, at_round: int, expected_ms: int) -> None:
    assert ConsensusParams().timeout_ms(kind, at_round) == expected_ms


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("block_interval_ms", 0),
        ("block_interval_ms", MAX_TIMEOUT_MS + 1),
        ("block_interval_ms", True),
        ("block_interval_ms", 1.5),
        ("empty_block_interval_ms", -1),
        ("timeout_propose_ms", 0),
        ("timeout_propose_ms", 10_001),  # above the cap
        ("timeout_prevote_delta_ms", -1),
        ("timeout_cap_ms", 0),
        ("max_block_bytes", 10),
        ("max_gas", 20_999),
        ("max_gas", None),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name(field: str, value: object) -> None:
    with pytest.raises(InvalidConsensusParams, match=field):
        replace(ConsensusParams(), **{field: value})  # type: ignore[arg-type]


def test_never_making_empty_blocks_is_allowed() -> None:
    assert replace(ConsensusParams(), empty_block_interval_ms=None).empty_block_interval_ms is None


def test_the_hash_is_pinned_and_covers_every_field() -> None:
    params = ConsensusParams()
    assert params.hash().hex() == "a4b257fd9ac7a712f7bd806eae98e1a23373253eac88e7ef904a4b8404e3cc7a"
    changed = {
        "block_interval_ms": 2_000,
        "empty_block_interval_ms": None,
        "timeout_propose_ms": 999,
        "timeout_propose_delta_ms": 499,
        "timeout_prevote_ms": 399,
        "timeout_prevote_delta_ms": 249,
        "timeout_precommit_ms": 399,
        "timeout_precommit_delta_ms": 249,
        "timeout_cap_ms": 9_999,
        "max_block_bytes": 1_000_000,
        "max_gas": 30_000_000,
    }
    hashes = {replace(params, **{name: value}).hash() for name, value in changed.items()}  # type: ignore[arg-type]
    assert len(hashes | {params.hash()}) == len(changed) + 1
