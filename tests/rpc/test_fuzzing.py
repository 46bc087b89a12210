"""A sample of the calls of fuzzing.py; `python -m tests.rpc.fuzzing` makes as many as one likes."""

import pytest

from tests.rpc.fuzzing import Fuzzer


@pytest.mark.parametrize("seed", range(3))
async def test_calls_made_from_the_types_are_answered_within_the_promise(seed: int) -> None:
    report = await Fuzzer(seed).run(1_000)

    assert report.faults == []
    assert report.outcomes["result"] > 200  # the calls are not all refused
    assert sum(count for code, count in report.outcomes.items() if code != "result") > 200
