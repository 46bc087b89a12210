"""Which engine of this machine runs Ethereum bytecode, and whether another one has to agree.

Owns: the choice from the settings, and what happens when the second engine does not agree.
Never does: compare (vm/cross_check.py), execute, or lay out the report (node/engine_report.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from chain.block import Block
from chain.errors import NodeError
from chain.transaction import RecoveredTransaction
from chain.types import Hash32
from node.config import VmSettings
from node.engine_report import Disagreement, write_report
from node.errors import EnginesDisagree
from state.reader import StateReader
from vm.cross_check import (
    Difference,
    Execution,
    ReadState,
    differences,
    execute_watched,
    first_with_other_effects,
)
from vm.engines import INTERPRETER, NATIVE, PY_EVM, Engine
from vm.environment import BlockEnvironment
from vm.evm.code import CACHE_BYTES_LIMIT
from vm.evm.compiler.service import BackgroundCompiler
from vm.evm.engine import NativeEngine

REFERENCE: Final = "py-evm"
MAX_SHOWN_CHARACTERS: Final = 100  # of a value in an error line; the report holds all of it

log = structlog.get_logger(__name__)


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
        engines = {"native": _native(settings), REFERENCE: PY_EVM}
        name = settings.evm_engine
        if not settings.cross_check:
            return cls(name, engines[name], reports=reports)
        second = next(other for other in engines if other != name)
        return cls(name, engines[name], second, engines[second], reports)

    def confirm(
        self,
        reader: StateReader,
        env: BlockEnvironment,
        transactions: Sequence[RecoveredTransaction],
        first: Execution,
        *,
        parent_state_root: Hash32,
        block: Block | None = None,
    ) -> None:
        """Has the second engine execute what the first one has seen as `first`; block: what came of it, if anything.

        Raises EnginesDisagree, after writing a report from which the block can be executed again.
        """
        if self.second is None:
            return
        second = execute_watched(reader, replace(env, evm=self.second), transactions)
        found = differences(first, second)
        if not found:
            return
        read = ReadState(reader)
        remembered = replace(env, block_hash=read.remembering(env.block_hash))
        for engine in (self.evm, self.second):  # once more, only for what they look at
            execute_watched(read, replace(remembered, evm=engine), transactions)
        if found[0].transaction is None:
            blamed = first_with_other_effects(read, remembered, self.second, transactions)
            found = (replace(found[0], transaction=blamed), *found[1:])
        told = Disagreement(
            environment=env,
            parent_state_root=parent_state_root,
            transactions=transactions,
            block=block,
            names=(self.name, self.second_name),
            executions=(first, second),
            differences=found,
            read=read,
        )
        raise EnginesDisagree(f"{self._text(told)}; {self._report(told)}")

    def _text(self, told: Disagreement) -> str:
        difference = told.differences[0]
        place = f"block {told.environment.number}"
        if told.block is not None:
            place += f" (0x{told.block.hash.hex()})"
        index = difference.transaction
        if index is not None and index < len(told.transactions):
            place += f", transaction {index} (0x{told.transactions[index].transaction.hash.hex()})"
        values = f"{_shown(difference.first)} with {self.name}, {_shown(difference.second)} with {self.second_name}"
        return f"the engines disagree on {place}: {difference.what} is {values}"

    def _report(self, told: Disagreement) -> str:
        first: Difference = told.differences[0]
        try:
            report = f"report: {write_report(self.reports, told)}"
        except NodeError as error:
            report = f"no report: {error}"
        log.critical("engines_disagree", block=told.environment.number, difference=first.what, report=report)
        return report


def _native(settings: VmSettings) -> Engine:
    if settings.code_cache_bytes != CACHE_BYTES_LIMIT:
        compiler = BackgroundCompiler() if settings.compile else None
        return NativeEngine(compiler, settings.code_cache_bytes)
    return NATIVE if settings.compile else INTERPRETER


def _shown(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "…"


NATIVE_ONLY: Final = EngineChoice()
