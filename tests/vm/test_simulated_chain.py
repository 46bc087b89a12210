"""Which blocks a simulation has."""

import pytest

from tests.vm.simulated_blocks import Chain, block, call
from tests.vm.worlds import (
    funded,
)
from vm.block_simulation import (
    SimulatedBlockRequest,
)
from vm.simulated_chain import (
    MAX_BLOCKS,
    MAX_CALLS,
    MAX_CALLS_IN_BLOCK,
    BlockNumberOrder,
    BlockTimestampOrder,
    EmptySimulation,
    SimulationTooLarge,
)


@pytest.mark.parametrize(
    ("blocks", "error", "message"),
    [
        ([], EmptySimulation, "empty input"),
        ([block(number=0)], BlockNumberOrder, "block numbers must be in order: 0 <= 0"),
        ([block(number=5), block(number=5)], BlockNumberOrder, "block numbers must be in order: 5 <= 5"),
        (
            [block(timestamp=1_700_000_000)],
            BlockTimestampOrder,
            "block timestamps must be in order: 1700000000 <= 1700000000",
        ),
        (
            [block(number=3, timestamp=1_700_000_024)],
            BlockTimestampOrder,
            "block timestamps must be in order: 1700000024 <= 1700000024",
        ),
        (
            [block(timestamp=2**64 - 5), block()],
            BlockTimestampOrder,
            "block timestamps must be in order: 7 <= 18446744073709551611",
        ),
        ([block(number=MAX_BLOCKS + 1)], SimulationTooLarge, "too many blocks"),
        ([block(number=2**255)], SimulationTooLarge, "too many blocks"),
        ([block()] * (MAX_BLOCKS + 1), SimulationTooLarge, "too many blocks"),
        (
            [block(*[call()] * (MAX_CALLS_IN_BLOCK + 1))],
            SimulationTooLarge,
            "too many calls in block: 5001 > 5000",
        ),
        (
            [block(*[call()] * (MAX_CALLS // 2)), block(*[call()] * (MAX_CALLS // 2)), block(call())],
            SimulationTooLarge,
            "too many calls: 10001 > 10000",
        ),
    ],
)
def test_order_and_number_of_blocks_and_calls(
    blocks: list[SimulatedBlockRequest], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        Chain(funded()).simulate(*blocks)
    assert str(caught.value) == message


def test_the_most_blocks_fit() -> None:
    blocks = Chain(funded()).simulate(block(number=MAX_BLOCKS))
    assert len(blocks) == MAX_BLOCKS
