"""Runs works on pyrevm (revm 8.0.0, compiled Rust): a program of its own, because pyrevm lives in its own environment.

Owns nothing but the translation: one JSON object from stdin, one to stdout. benchmarks/evm_peers.py starts it.
A fresh EVM for each message: pyrevm never ends a transaction, so warm slots would leak into the next one.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from importlib import import_module
from typing import Any

SPECIFICATION = "Cancun"  # the latest that this revm has; unknown names silently mean it too
GAS_BASE, GAS_ZERO_BYTE, GAS_NONZERO_BYTE = 21_000, 4, 16


def main() -> None:
    pyrevm: Any = import_module("pyrevm")
    request = json.load(sys.stdin)
    answers = [_measure(pyrevm, work, request["block"], request["rounds"]) for work in request["works"]]
    json.dump(answers, sys.stdout)


def _measure(pyrevm: Any, work: dict[str, Any], block: dict[str, Any], rounds: int) -> dict[str, Any]:
    payload = bytes.fromhex(work["payload"])
    intrinsic = GAS_BASE + sum(GAS_NONZERO_BYTE if byte else GAS_ZERO_BYTE for byte in payload)
    gas = work["gas"] + intrinsic

    def prepare() -> Any:
        environment = pyrevm.Env(block=pyrevm.BlockEnv(**block))
        evm = pyrevm.EVM(env=environment, gas_limit=2**63, spec_id=SPECIFICATION)
        for address, holding in work["holdings"].items():
            code = bytes.fromhex(holding["code"])
            known = {"code": code} if code else {}
            account = pyrevm.AccountInfo(nonce=holding["nonce"], balance=holding["balance"], **known)
            evm.insert_account_info(address, account)
            for slot, value in holding["storage"]:
                # Taken back at once from the journal, where the slot would count as warm; the database keeps it.
                mark = evm.snapshot()
                evm.insert_account_storage(address, slot, value)
                evm.revert(mark)
        return evm

    def run(evm: Any) -> bytes:
        output: bytes = evm.message_call(work["caller"], work["to"], payload, gas=gas)
        return output

    evm = prepare()
    start = time.thread_time()
    output = run(evm)
    count = max(1, min(1_000, int(0.05 / max(time.thread_time() - start, 1e-6))))
    used = evm.result.gas_used + evm.result.gas_refunded - intrinsic
    times = []
    for _ in range(rounds):
        batch = [prepare() for _ in range(count)]
        gc.collect()
        start = time.thread_time()
        for evm in batch:
            run(evm)
        times.append((time.thread_time() - start) / count)
    return {"gas": used, "output": output.hex(), "seconds": min(times)}


if __name__ == "__main__":
    main()
