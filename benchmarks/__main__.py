"""Runs benchmarks by name: `python -m benchmarks NAME [--json] [--full]`.

Owns the table of names. Without a name it lists them. With --json each measurement is one JSON object on one line:
{"name", "value", "unit", "better": "lower" | "higher", "peer"?, "ratio"?}; ratio says how many times better than peer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Final

from benchmarks.measurement import Measurement, Options, table

# Name -> module with `run(options)`. Imported only when asked for, because each pulls in its part of the node.
BENCHMARKS: Final[Mapping[str, str]] = {
    "state": "benchmarks.state",
    "execute": "benchmarks.execute",
    "precompiles": "benchmarks.precompiles",
    "evm": "benchmarks.evm",
    "system": "benchmarks.system",
    "chain": "benchmarks.chain",
    "logs": "benchmarks.logs",
    "rpc": "benchmarks.rpc",
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure a part of the node.")
    parser.add_argument("name", nargs="?", help=f"one of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--full", action="store_true", help="also what takes minutes")
    options = parser.parse_args(arguments)
    if options.name is None:
        print("\n".join(BENCHMARKS))
        return 0
    if options.name not in BENCHMARKS:
        parser.error(f"no benchmark named {options.name}; there are: {', '.join(BENCHMARKS)}")
    run: Callable[[Options], Iterator[Measurement]] = import_module(BENCHMARKS[options.name]).run
    measurements = []
    for measurement in run(Options(full=options.full)):
        measurements.append(measurement)
        if options.json:
            print(measurement.as_json(), flush=True)
        else:
            print(
                f"  {measurement.name}: {measurement.value:.4g} {measurement.unit}",
                file=sys.stderr,
                flush=True,
            )
    if not options.json:
        print(table(measurements))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
