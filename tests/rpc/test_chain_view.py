"""The environment that estimates are made in."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from rpc.backend import ChainBackend
from rpc.chain_view import ChainView
from tests.vm.worlds import ENVIRONMENT
from vm.environment import BlockEnvironment

HEAD = 3


def view(*, next_fee: int, next_time: int) -> ChainView:
    """A chain whose blocks have a base fee of 100 and whose head has time 50."""

    def environment_for(number: int) -> BlockEnvironment:
        return replace(ENVIRONMENT, number=number, timestamp=47 + number, base_fee_per_gas=100)

    pending = replace(ENVIRONMENT, number=HEAD + 1, timestamp=next_time, base_fee_per_gas=next_fee)
    chain: Any = SimpleNamespace(
        head=lambda: SimpleNamespace(number=HEAD),
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
