"""The other side of eels_oracle.py: runs the execution specification's transition tool, in an environment of its own.

Imports nothing of this project. One JSON object a line: {"alloc", "env", "txs", "fork", "chain_id"}, then the answer.
"""

import io
import json
import sys
from importlib import import_module
from typing import Any


def main() -> None:
    tools: Any = import_module("ethereum_spec_tools.evm_tools")
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing that the tool prints gets among the answers
    for line in sys.stdin:
        request = json.loads(line)
        output = io.StringIO()
        arguments = [
            "t8n",
            "--state-test",
            "--input.env=stdin",
            "--input.alloc=stdin",
            "--input.txs=stdin",
            "--output.result=stdout",
            "--output.alloc=stdout",
            f"--state.fork={request['fork']}",
            f"--state.chainid={request['chain_id']}",
        ]
        given = {name: request[name] for name in ("alloc", "env", "txs")}
        try:
            tools.main(arguments, output, io.StringIO(json.dumps(given)))
            answer = json.loads(output.getvalue())
        except Exception as error:
            answer = {"fault": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
