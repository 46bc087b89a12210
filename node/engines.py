"""Which engine of this machine runs Ethereum bytecode, and whether another one has to agree.

Owns: the choice from the settings, the report of a disagreement, and the error that stops the node.
Never does: compare (vm/cross_check.py) or execute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from chain.errors import InvariantViolation, NodeError
from chain.transaction import RecoveredTransaction
from node.config import VmSettings
from node.home import write_public
from state.reader import StateReader
from vm.cross_check import Difference, Verdict, differences_with
from vm.engines import INTERPRETER, NATIVE, PY_EVM, Engine
from vm.environment import BlockEnvironment

REFERENCE: Final = "py-evm"

_ENGINES: Final[Mapping[str, Engine]] = {"native": NATIVE, REFERENCE: PY_EVM}


class EnginesDisagree(InvariantViolation):
    """Two engines see one block differently: one of them is wrong, and this node must not decide which."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """name, evm: what runs blocks and calls. second_name, second: what runs blocks again, None for nothing.

    reports: the folder for reports of disagreements.
    """

    name: str = "native"
    evm: Engine = NATIVE
    second_name: str = ""
    second: Engine | None = None
    reports: Path = Path()

    @classmethod
    def of(cls, settings: VmSettings, reports: Path) -> EngineChoice:
        """What the settings ask for."""
        name = settings.evm_engine
        evm = INTERPRETER if name == "native" and not settings.compile else _ENGINES[name]
        if not settings.cross_check:
            return cls(name, evm, reports=reports)
        second = next(other for other in _ENGINES if other != name)
        return cls(name, evm, second, _ENGINES[second], reports)

    def confirm(
        self,
        reader: StateReader,
        env: BlockEnvironment,
        transactions: Sequence[RecoveredTransaction],
        verdict: Verdict,
    ) -> None:
        """Has the second engine execute the block that the first one has seen as `verdict`.

        Raises EnginesDisagree, after writing a report from which the block can be executed again.
        """
        if self.second is None:
            return
        differences = differences_with(self.second, reader, env, transactions, verdict)
        if not differences:
            return
        first = differences[0]
        text = (
            f"the engines disagree on block {env.number}: {first.what} is {first.first[:100]} with {self.name}, "
            f"{first.second[:100]} with {self.second_name}"
        )
        raise EnginesDisagree(f"{text}; {self._report(env, transactions, differences)}")

    def _report(
        self,
        env: BlockEnvironment,
        transactions: Sequence[RecoveredTransaction],
        differences: tuple[Difference, ...],
    ) -> str:
        path = self.reports / f"engines-disagree-{env.number}.json"
        content = {
            "engines": [self.name, self.second_name],
            "differences": [asdict(difference) for difference in differences],
            "block": {
                "chainId": env.chain_id,
                "number": env.number,
                "timestamp": env.timestamp,
                "beneficiary": "0x" + env.beneficiary.hex(),
                "gasLimit": env.gas_limit,
                "baseFeePerGas": env.base_fee_per_gas,
                "prevRandao": "0x" + env.prev_randao.hex(),
                "parentBeaconBlockRoot": "0x" + env.parent_beacon_block_root.hex(),
                "parentHash": "0x" + env.parent_hash.hex(),
                "fork": env.fork.name.lower(),
            },
            "transactions": ["0x" + recovered.transaction.raw.hex() for recovered in transactions],
        }
        try:
            write_public(path, json.dumps(content, indent=1).encode() + b"\n")
        except NodeError as error:
            return f"no report: {error}"
        return f"report: {path}"


NATIVE_ONLY: Final = EngineChoice()
