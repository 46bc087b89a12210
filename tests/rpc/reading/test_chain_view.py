"""The environment that estimates are made in."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from rpc.backend import ChainBackend
from rpc.params.values import BlockTag
from rpc.reading.chain_view import ChainView
from tests.vm.worlds import ENVIRONMENT
from vm.environment import BlockEnvironment

HEAD = 3


def view(*, next_fee: int, next_time: int, heads: Sequence[int] = (), followed: int = HEAD) -> ChainView:
    """A chain whose blocks have a base fee of 100 and whose head has time 50. `heads`: what it is at each look, while
    blocks are committed; `followed`: the block that the next one is built on."""
    looks = iter(heads)

    def environment_for(number: int) -> BlockEnvironment:
        return replace(ENVIRONMENT, number=number, timestamp=47 + number, base_fee_per_gas=100)

    pending = replace(ENVIRONMENT, number=followed + 1, timestamp=next_time, base_fee_per_gas=next_fee)
    chain: Any = SimpleNamespace(
        head=lambda: SimpleNamespace(number=next(looks, HEAD)),
        state_at=lambda number: f"state of {number}",
        environment_for=environment_for,
        pending_environment=lambda: pending,
    )
    return ChainView(cast(ChainBackend, chain))


def test_the_next_block_of_the_head_is_the_one_that_would_be_built() -> None:
    environment = view(next_fee=90, next_time=60).environment_of_next(HEAD)
    assert (environment.number, environment.timestamp, environment.base_fee_per_gas) == (HEAD + 1, 60, 90)


def test_time_passes_even_if_the_next_block_may_repeat_it() -> None:
    assert view(next_fee=90, next_time=50).environment_of_next(HEAD).timestamp == 51


def test_an_offer_that_was_enough_in_the_head_is_enough_for_an_estimate() -> None:
    assert view(next_fee=112, next_time=60).environment_of_next(HEAD).base_fee_per_gas == 100


def test_an_older_block_is_followed_by_the_one_that_followed() -> None:
    environment = view(next_fee=90, next_time=60).environment_of_next(1)
    assert (environment.number, environment.timestamp) == (2, 49)


def test_a_block_that_is_being_committed_is_followed_by_the_one_behind_it() -> None:
    environment = view(next_fee=90, next_time=60, followed=HEAD - 1).environment_of_next(HEAD)
    assert (environment.number, environment.timestamp, environment.base_fee_per_gas) == (HEAD + 1, 51, 100)


def test_a_block_that_came_while_it_was_asked_is_the_next_one() -> None:
    moved = view(next_fee=90, next_time=60, heads=(HEAD, HEAD + 1), followed=HEAD + 1)
    assert moved.environment_of_next(HEAD).number == HEAD + 1


def test_state_and_environment_of_the_head_belong_together_while_it_moves() -> None:
    moving = view(next_fee=90, next_time=60, heads=range(1, 9))
    found: Any = moving.with_execution(
        BlockTag.LATEST, lambda state, environment: (state, environment.number)
    )
    assert found[0] == f"state of {found[1]}"
