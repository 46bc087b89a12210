"""Runs one case on several engines and says where they differ; makes the case small while they still do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.fuzz.cases import Case
from tests.fuzz.engines import ENGINES, Listener, Result, Runner, differs_from_pure, is_for_pure_pyevm, run
from vm.evm.engine import NativeEngine
from vm.evm.instructions.storage import STIPEND_GUARD

REFERENCE = "steps"
PURE = "pure py-evm"
SHRINK_RUNS = 3_000
OUT_OF_GAS = "out of gas"
LEARNING = ("interpreter", "heated")  # what they have seen before changes how they run it again
ALL_NAMES = (*ENGINES, PURE)


@dataclass(frozen=True, slots=True)
class Difference:
    """`engine` does not do what the step loop does."""

    case: Case
    engine: str
    text: str

    def __str__(self) -> str:
        return f"{self.engine} differs from {REFERENCE}:\n{self.text}\n{self.case}"


@dataclass(frozen=True, slots=True)
class Effort:
    """How many gas limits each case gets: `limits` random ones among those where something ends, and from time to
    time (share `starved`) all of them, if they are not more than `most_limits`. slow_limits: for py-evm."""

    limits: int = 2
    starved: float = 0.02
    most_limits: int = 400
    slow_limits: int = 1
    pure_share: float = 0.25


THOROUGH = Effort(limits=12, starved=0.05, slow_limits=3, pure_share=0.5)


def compare(expected: Result, got: Result) -> str | None:
    """What differs. Texts of errors may differ if one of several errors was running out of gas: blocks are charged
    for as a whole."""
    names = {**expected.facts, **got.facts}
    lines = [
        f"  {name}: {expected.facts.get(name)} against {got.facts.get(name)}"
        for name in names
        if expected.facts.get(name) != got.facts.get(name)
    ]
    if not lines and expected.error != got.error and OUT_OF_GAS not in (expected.error, got.error):
        lines.append(f"  error: {expected.error} against {got.error}")
    return "\n".join(lines) or None


def gas_limits(case: Case) -> tuple[list[int], list[int]]:
    """Limits at which some frame has nothing left, one too little or one too much for some instruction; and limits
    at which an SSTORE has just enough left, or not (EIP-2200)."""
    listener = Listener()
    run(case, NativeEngine(), listener)
    used = {case.gas - left for left in listener.gas_seen}
    guarded = {case.gas - left + STIPEND_GUARD for left in listener.guarded}
    ends, guards = [
        sorted({max(0, amount + step) for amount in amounts for step in (-1, 0, 1)})
        for amounts in (used, guarded)
    ]
    return ends, guards


def chosen_limits(case: Case, effort: Effort) -> tuple[list[int], list[int]]:
    """Limits for all engines, and those of them for the slow one. The case's own comes first and last."""
    rng = Random(f"limits {case.seed}")
    limits, guards = gas_limits(case)
    if len(limits) > effort.most_limits or rng.random() >= effort.starved:
        limits = rng.sample(limits, min(effort.limits, len(limits)))
        guards = rng.sample(guards, min((effort.limits + 2) // 3, len(guards)))
    limits = sorted({*limits, *guards})
    # Running the same again shows what an engine has compiled meanwhile.
    return [case.gas, *limits, case.gas], [
        case.gas,
        *rng.sample(limits, min(effort.slow_limits, len(limits))),
    ]


def check(case: Case, names: Sequence[str], effort: Effort) -> Difference | None:
    """The first difference, if there is one."""
    rng = Random(f"check {case.seed}")
    limits, few = chosen_limits(case, effort)
    make_reference = ENGINES[REFERENCE]()
    results = {limit: make_reference(replace(case, gas=limit)) for limit in dict.fromkeys(limits)}
    for name in names:
        if name in (REFERENCE, PURE):
            continue
        runner = ENGINES[name]()
        wanted = limits if name in LEARNING else list(dict.fromkeys(limits))
        for limit in few if name == "py-evm" else wanted:
            at_limit = replace(case, gas=limit)
            text = _compared(results[limit], runner, at_limit, name)
            if text is not None:
                return Difference(at_limit, name, text)
    if PURE in names and is_for_pure_pyevm(case) and rng.random() < effort.pure_share:
        for limit in few:
            at_limit = replace(case, gas=limit)
            text = differs_from_pure(at_limit, results[limit])
            if text is not None:
                return Difference(at_limit, PURE, text)
    return None


def _compared(expected: Result, runner: Runner, case: Case, name: str) -> str | None:
    got = runner(case)
    if name == "py-evm":
        expected, got = replace(expected, error=None), replace(got, error=None)
    return compare(expected, got)


# --- making it small


def difference_of(case: Case, name: str) -> str | None:
    """What one engine does differently; engines that learn get several runs."""
    expected = ENGINES[REFERENCE]()(case)
    if name == PURE:
        return differs_from_pure(case, expected) if is_for_pure_pyevm(case) else None
    runner = ENGINES[name]()
    for _ in range(12 if name in LEARNING else 1):
        text = _compared(expected, runner, case, name)
        if text is not None:
            return text
    return None


def shrink(difference: Difference) -> Difference:
    """A smaller case with a difference of the same engine, found by leaving things out."""
    smallest, name = difference.case, difference.engine
    text = difference_of(smallest, name)
    if text is None:
        return difference  # it needs the history of its engine
    runs = 0

    def still_differs(case: Case) -> bool:
        nonlocal runs, text
        runs += 1
        found = difference_of(case, name)
        if found is not None:
            text = found
        return found is not None

    before = None
    while smallest != before and runs < SHRINK_RUNS:
        before = smallest
        for smaller in (_without_items, _simpler):
            smallest = smaller(smallest, still_differs)
    return Difference(smallest, name, text or difference.text)


def _without_items(case: Case, still_differs: Callable[[Case], bool]) -> Case:
    for index in range(len(case.programs)):
        size = max(1, len(case.programs[index]))
        while size:
            start = 0
            while start < len(case.programs[index]):
                program = case.programs[index]
                shorter = program[:start] + program[start + size :]
                candidate = replace(
                    case, programs=(*case.programs[:index], shorter, *case.programs[index + 1 :])
                )
                if still_differs(candidate):
                    case = candidate
                else:
                    start += size
            size //= 2
    return case


def _simpler(case: Case, still_differs: Callable[[Case], bool]) -> Case:
    for candidate in _candidates(case):
        merged = candidate(case)
        if merged != case and still_differs(merged):
            case = merged
    return case


def _candidates(case: Case) -> Iterator[Callable[[Case], Case]]:
    yield lambda current: replace(current, data=b"")
    yield lambda current: replace(current, value=0)
    yield lambda current: replace(current, is_static=False)
    yield lambda current: replace(current, is_creation=False)
    yield lambda current: replace(current, storage=tuple([() for _ in current.storage]))
    yield lambda current: replace(current, balances=tuple([0 for _ in current.balances]))
    for gas in (1_000, 10_000, 100_000):
        yield lambda current, gas=gas: replace(current, gas=min(current.gas, gas))  # type: ignore[misc]
