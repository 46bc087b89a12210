"""Compares engines: `python -m tests.fuzz --seed 7 [--cases 1000] [--minutes 60] [--fork PRAGUE] [--engines a,b]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.fuzz.cases import random_case
from tests.fuzz.differential import ALL_NAMES, THOROUGH, Effort, check, shrink
from vm.forks import Fork

FORKS = (Fork.PRAGUE, Fork.OSAKA, Fork.CANCUN, Fork.PRAGUE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    parser.add_argument("--cases", type=int, help="how many; without it one, or as many as there is time for")
    parser.add_argument("--minutes", type=float, help="stop after so long")
    parser.add_argument(
        "--fork", type=lambda name: Fork[name.upper()], help="one rule set instead of several"
    )
    parser.add_argument("--engines", default=",".join(ALL_NAMES), help="some of: " + ", ".join(ALL_NAMES))
    parser.add_argument("--quick", action="store_true", help="the effort of the tests")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first difference")
    parser.add_argument("--show", action="store_true", help="print the case")
    options = parser.parse_args(arguments)
    names = options.engines.split(",")
    cases = options.cases if options.cases is not None else (10**9 if options.minutes else 1)
    end_s = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    found = done = 0
    slowest = (0.0, 0)
    for seed in range(options.seed, options.seed + cases):
        if time.monotonic() > end_s:
            break
        case = random_case(seed, options.fork or FORKS[seed % len(FORKS)])
        if options.show:
            print(case)
        started = time.process_time()
        difference = check(case, names, Effort() if options.quick else THOROUGH)
        slowest = max(slowest, (time.process_time() - started, seed))
        done += 1
        if difference is not None:
            found += 1
            print(
                f"seed {seed} ({difference.case.fork.name}), as found: {difference.engine}\n{difference.text}"
            )
            print(f"made small: {shrink(difference)}\n", flush=True)
            if not options.keep_going:
                break
    print(
        f"{done} cases from seed {options.seed}, {found} differences, slowest {slowest[0]:.2f} s: seed {slowest[1]}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
