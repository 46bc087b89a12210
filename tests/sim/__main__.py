"""Run seeds of the simulation: `python -m tests.sim --seed 7 [--heights 30] [--trace]`, or `--seeds 0 100`."""

from __future__ import annotations

import argparse
import logging
import time

import structlog

from tests.sim.scenario import run_seed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FIRST", "END"))
    parser.add_argument("--heights", type=int, default=30)
    parser.add_argument("--calm", action="store_true", help="four nodes and no faults")
    parser.add_argument("--trace", action="store_true", help="print every event")
    parser.add_argument("--log", action="store_true", help="print the product's log")
    options = parser.parse_args()
    level = logging.DEBUG if options.log else logging.CRITICAL
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    seeds = range(*options.seeds) if options.seeds else [options.seed if options.seed is not None else 0]
    for seed in seeds:
        started = time.process_time()
        outcome = run_seed(seed, options.heights, calm=options.calm, trace=print if options.trace else None)
        cpu_s = time.process_time() - started
        print(
            f"seed {seed}: heights {outcome.heights} virtual {outcome.virtual_s:.1f} s cpu {cpu_s:.2f} s "
            f"messages {outcome.counters.messages} crashes {outcome.counters.crashes} "
            f"penalties {outcome.counters.penalties} trace {outcome.trace_hash}"
        )
        if options.calm:
            print(f"  syncs {outcome.syncs} sent {outcome.counters.by_kind}")


if __name__ == "__main__":
    main()
