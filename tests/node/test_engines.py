"""The choice of the engine, and what happens when two engines disagree."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from node.config import VmSettings
from node.engines import EngineChoice, EnginesDisagree
from tests.node.chain_fixture import ACCOUNTS, HandDrivenChain, transfer
from tests.vm.worlds import init_code, returning
from vm.context import ExecutionContext
from vm.engines import INTERPRETER, NATIVE, PY_EVM
from vm.message import Message, Outcome


class Generous:
    """The native engine, but it gives one gas back."""

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        outcome = NATIVE.run(context, message, code)
        return replace(outcome, gas_left=outcome.gas_left + 1)


class Broken:
    """An engine with a fault that no contract causes."""

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        raise RuntimeError("broken on purpose")


async def submit(chain: HandDrivenChain, raw: bytes) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(chain.pool.run)
        (answer,) = await chain.pool.submit([raw])
        assert isinstance(answer, bytes)
        nursery.cancel_scope.cancel()


def deployment() -> bytes:
    """A transaction that runs bytecode."""
    return transfer(0, 0, to=None, data=init_code(returning(1, 2, "ADD")), gas=200_000).raw


def test_the_settings_choose_the_engine(tmp_path: Path) -> None:
    assert EngineChoice.of(VmSettings(), tmp_path).evm is NATIVE
    assert EngineChoice.of(VmSettings(compile=False), tmp_path).evm is INTERPRETER
    chosen = EngineChoice.of(VmSettings(evm_engine="py-evm", cross_check=True), tmp_path)
    assert (chosen.name, chosen.evm, chosen.second_name, chosen.second) == (
        "py-evm",
        PY_EVM,
        "native",
        NATIVE,
    )


async def test_engines_that_agree_change_nothing(tmp_path: Path) -> None:
    chain = HandDrivenChain(tmp_path, engines=EngineChoice.of(VmSettings(cross_check=True), tmp_path))
    await submit(chain, deployment())
    await chain.decide()
    receipts = chain.store.receipts(1)
    assert receipts is not None
    assert [receipt.succeeded for receipt in receipts] == [True]
    assert not list(tmp_path.glob("engines-disagree*"))
    chain.close()


async def test_a_validator_whose_engines_disagree_stops_before_it_votes(tmp_path: Path) -> None:
    honest = HandDrivenChain(tmp_path)
    await submit(honest, deployment())
    height, _, payload = await honest.build()
    honest.close()
    choice = EngineChoice("native", NATIVE, "generous", Generous(), tmp_path)
    chain = HandDrivenChain(tmp_path, engines=choice)
    with pytest.raises(EnginesDisagree, match="block 1: transaction 0, cumulative_gas_used is"):
        await chain.application.validate(height, payload)
    assert chain.store.head.number == 0
    chain.close()
    report = json.loads((tmp_path / "engines-disagree-1.json").read_text())
    assert report["engines"] == ["native", "generous"]
    assert report["transactions"] == ["0x" + deployment().hex()]
    named = [difference["what"] for difference in report["differences"]]
    assert "transaction 0, cumulative_gas_used" in named
    assert f"account 0x{ACCOUNTS[0].address.hex()}" in named


@pytest.mark.parametrize("wrong", [Generous(), Broken()])
async def test_a_proposer_whose_engines_disagree_offers_nothing(
    tmp_path: Path, wrong: Generous | Broken
) -> None:
    chain = HandDrivenChain(tmp_path, engines=EngineChoice("native", NATIVE, "wrong", wrong, tmp_path))
    await submit(chain, deployment())
    with pytest.raises(EnginesDisagree, match="report: "):
        await chain.build()
    chain.close()


async def test_a_report_that_cannot_be_written_does_not_hide_the_disagreement(tmp_path: Path) -> None:
    choice = EngineChoice("native", NATIVE, "generous", Generous(), tmp_path / "genesis.json")  # a file
    chain = HandDrivenChain(tmp_path, engines=choice)
    await submit(chain, deployment())
    with pytest.raises(EnginesDisagree, match="no report: "):
        await chain.build()
    chain.close()
