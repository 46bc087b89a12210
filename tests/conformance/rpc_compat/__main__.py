"""`python -m tests.conformance.rpc_compat DIR`: the official request and reply pairs, sent to this node's RPC code.

DIR is searched for `.io` files. The chain is chain.rlp with genesis.json in DIR or above it; otherwise the one in
tests/vectors. Ends with status 1 when a file fails.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

import chain.keccak  # noqa: F401  (selects the fast back end of eth-hash)
from tests.conformance.rpc_compat.official_chain import OFFICIAL_FOLDER, official_chain
from tests.conformance.rpc_compat.suite import Report, Status, files_of, run_files
from tests.rpc.json_schema import official_openrpc


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.rpc_compat", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with .io files")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="method, name, or method/name of files"
    )
    options = parser.parse_args(arguments)
    files = files_of(options.folder, options.only)
    if not files:
        parser.error(f"no .io files in {options.folder} fit")
    report: Report = trio.run(run_files, files, official_chain(_home(options.folder)), official_openrpc())
    print(json.dumps(report.as_json(), indent=2) if options.json else report.as_text())
    return 1 if report.of(Status.FAILED) else 0


def _home(folder: Path) -> Path:
    """Where the chain of a folder is."""
    candidates = (folder.resolve(), *folder.resolve().parents, OFFICIAL_FOLDER)
    return next(path for path in candidates if (path / "chain.rlp").is_file())


if __name__ == "__main__":
    sys.exit(main())
