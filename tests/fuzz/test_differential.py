"""A thousand random programs: single steps, decoded blocks, compiled regions, the hybrid and py-evm itself agree.

Each run has other programs: FUZZ_SEED names the first one, and a failure says which it was. An hour of it:
`python -m tests.fuzz --seed 1 --minutes 60`.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest

from tests.fuzz.assembly import assemble, parse
from tests.fuzz.cases import random_case
from tests.fuzz.differential import ALL_NAMES, Effort, check, shrink
from tests.fuzz.engines import Listener, run
from vm.evm.compiler.templates import TEMPLATES, Expression
from vm.evm.engine import NativeEngine
from vm.forks import Fork

FIRST_SEED = int(os.environ.get("FUZZ_SEED", "0"))
BATCHES, BATCH_CASES = 10, 100
FORKS = (Fork.PRAGUE, Fork.OSAKA, Fork.CANCUN, Fork.PRAGUE)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_programs_end_alike_on_all_engines(batch: int) -> None:
    for seed in range(FIRST_SEED + batch * BATCH_CASES, FIRST_SEED + (batch + 1) * BATCH_CASES):
        difference = check(random_case(seed, FORKS[seed % len(FORKS)]), ALL_NAMES, Effort())
        assert difference is None, f"seed {seed}: {shrink(difference)}"


def test_programs_do_more_than_fail() -> None:
    ends: Counter[object] = Counter()
    steps = 0
    for seed in range(100):
        listener = Listener()
        ends[run(random_case(seed, Fork.PRAGUE), NativeEngine(), listener).facts["status"]] += 1
        steps += listener.steps
    assert ends["SUCCESS"] > 35
    assert ends["REVERT"] > 3
    assert ends["FAILURE"] > 10
    assert steps > 20_000


def test_the_same_seed_is_the_same_case_and_other_seeds_are_others() -> None:
    assert random_case(7, Fork.PRAGUE) == random_case(7, Fork.PRAGUE)
    assert random_case(7, Fork.PRAGUE) != random_case(8, Fork.PRAGUE)


def test_what_is_parsed_is_assembled_to_the_same_bytes() -> None:
    for seed in range(30):
        for program in random_case(seed, Fork.OSAKA).programs:
            code = assemble(program)
            assert assemble(parse(code)) == code


def test_a_fault_of_the_compiler_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself is tested with an engine that has a fault: SUB forgets to wrap in compiled code."""
    monkeypatch.setitem(TEMPLATES, "SUB", lambda a, b: Expression(f"abs({a.text} - {b.text})"))
    for seed in range(200):
        difference = check(random_case(seed, Fork.PRAGUE), ["compiled"], Effort(limits=0, starved=0))
        if difference is not None:
            break
    assert difference is not None
    small = shrink(difference)
    assert sum(len(program) for program in small.case.programs) < 30
    assert any(b"\x03" in assemble(program) for program in small.case.programs)
    assert check(replace(small.case, gas=small.case.gas), ["blocks"], Effort()) is None
