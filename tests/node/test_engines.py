"""The choice of the engine, and what happens when two engines disagree."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from chain.block import decode_block
from chain.errors import EnvironmentFault
from node.commands.common import ExitCode, errors_as_exit_codes
from node.config import NodeConfig, RpcSettings, VmSettings
from node.engine_report import MAX_REPORTS, read_report
from node.engines import EngineChoice
from node.errors import EnginesDisagree
from node.home import NodeHome
from node.initialise import initialise_dev_home
from node.rpc_client import RpcClient
from node.service import NodeOptions, serve_node
from state.kv import DatabaseDamaged
from tests.node.chain_fixture import ACCOUNTS, GENESIS_TIME, HandDrivenChain, transfer
from tests.node.test_service import free_port
from tests.vm.worlds import assemble, init_code, returning
from vm.context import ExecutionContext
from vm.cross_check import Execution, differences, execute_watched
from vm.engines import INTERPRETER, NATIVE, PY_EVM, Engine
from vm.evm.code import CACHE_BYTES_LIMIT
from vm.evm.engine import NativeEngine
from vm.message import Message, Outcome


class Changed:
    """The native engine, but what contracts leave behind is changed."""

    def __init__(self, change: Callable[[ExecutionContext, Message, Outcome], Outcome]) -> None:
        self._change = change

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        outcome = NATIVE.run(context, message, code)
        is_system = message.caller == b"\xff" * 19 + b"\xfe"
        return outcome if is_system else self._change(context, message, outcome)


def _crash(_context: ExecutionContext, _message: Message, _outcome: Outcome) -> Outcome:
    raise RuntimeError("broken on purpose")


def _write_a_slot(context: ExecutionContext, message: Message, outcome: Outcome) -> Outcome:
    context.world.set_storage(message.target, 7, 7)
    return outcome


def _lose_the_disk(_context: ExecutionContext, _message: Message, _outcome: Outcome) -> Outcome:
    raise DatabaseDamaged("on purpose")


GENEROUS = Changed(lambda _context, _message, outcome: replace(outcome, gas_left=outcome.gas_left + 1))
TALKATIVE = Changed(lambda _context, _message, outcome: replace(outcome, output=outcome.output + b"!"))
WRITING = Changed(_write_a_slot)
BROKEN = Changed(_crash)
WITHOUT_DISK = Changed(_lose_the_disk)

SENDER = f"0x{ACCOUNTS[0].address.hex()}"
REVERTING = assemble(0, 0, "REVERT")  # as init code: the transaction fails, and its output is nobody's code


def deployment(nonce: int = 0, code: bytes | None = None) -> bytes:
    """A transaction that runs bytecode."""
    return transfer(0, nonce, to=None, data=code or init_code(returning(1, 2, "ADD")), gas=200_000).raw


async def submit(chain: HandDrivenChain, *raws: bytes) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(chain.pool.run)
        assert all(isinstance(answer, bytes) for answer in await chain.pool.submit(raws))
        nursery.cancel_scope.cancel()


async def block_of(folder: Path, *raws: bytes) -> tuple[int, bytes]:
    """A block that an honest proposer makes of these transactions."""
    folder.mkdir()
    honest = HandDrivenChain(folder)
    await submit(honest, *raws)
    height, _, payload = await honest.build()
    honest.close()
    return height, payload


def checked(folder: Path, second: Engine, first: Engine = NATIVE) -> HandDrivenChain:
    return HandDrivenChain(folder, engines=EngineChoice("native", first, "second", second, folder))


def test_the_settings_choose_the_engine(tmp_path: Path) -> None:
    assert EngineChoice.of(VmSettings(), tmp_path).evm is NATIVE
    assert EngineChoice.of(VmSettings(), tmp_path).second is None
    assert EngineChoice.of(VmSettings(compile=False), tmp_path).evm is INTERPRETER
    small = EngineChoice.of(VmSettings(code_cache_bytes=1 << 20), tmp_path).evm
    assert isinstance(small, NativeEngine)
    assert small is not NATIVE
    assert VmSettings().code_cache_bytes == CACHE_BYTES_LIMIT
    chosen = EngineChoice.of(VmSettings(evm_engine="py-evm", cross_check=True), tmp_path)
    assert (chosen.name, chosen.evm) == ("py-evm", PY_EVM)
    assert (chosen.second_name, chosen.second) == ("native", NATIVE)


@pytest.mark.parametrize("engine", ["native", "py-evm"])
async def test_the_chosen_engine_runs_blocks_and_simulations(tmp_path: Path, engine: str) -> None:
    choice = EngineChoice.of(VmSettings(evm_engine=engine), tmp_path)
    chain = HandDrivenChain(tmp_path, engines=choice)
    assert chain.application.pending_environment().evm is choice.evm
    await submit(chain, deployment())
    await chain.decide()
    receipts = chain.store.receipts(1)
    assert receipts is not None
    assert [receipt.succeeded for receipt in receipts] == [True]
    chain.close()


@pytest.mark.parametrize("engine", ["native", "py-evm"])
async def test_engines_that_agree_change_nothing(tmp_path: Path, engine: str) -> None:
    settings = VmSettings(evm_engine=engine, cross_check=True)
    chain = HandDrivenChain(tmp_path, engines=EngineChoice.of(settings, tmp_path))
    await submit(chain, deployment(), deployment(1, REVERTING), transfer(1, 0).raw)
    await chain.decide()
    receipts = chain.store.receipts(1)
    assert receipts is not None
    assert sorted(receipt.succeeded for receipt in receipts) == [False, True, True]
    assert not list(tmp_path.glob("engines-disagree*"))
    chain.close()


async def test_a_validator_whose_engines_disagree_stops_before_it_votes(tmp_path: Path) -> None:
    height, payload = await block_of(tmp_path / "honest", transfer(1, 0).raw, deployment())
    chain = checked(tmp_path, GENEROUS)
    with pytest.raises(EnginesDisagree) as caught:  # and gives no verdict
        await chain.application.validate(height, payload)
    assert chain.store.head.number == 0
    parent_root = chain.store.head.state_root
    chain.close()
    report = json.loads((tmp_path / "engines-disagree-1.json").read_text())
    index = report["transactions"].index("0x" + deployment().hex())
    place = f"transaction {index} ({report['transactionHashes'][index]}): gas_used is "
    assert f"block 1 ({report['blockHash']}), {place}" in str(caught.value)
    assert str(tmp_path / "engines-disagree-1.json") in str(caught.value)
    assert report["engines"] == ["native", "second"]
    block = decode_block(bytes.fromhex(report["block"][2:]), 1337)
    assert ["0x" + sent.raw.hex() for sent in block.transactions] == report["transactions"]
    assert report["parentStateRoot"] == "0x" + parent_root.hex()
    named = {(difference["what"], difference["transaction"]) for difference in report["differences"]}
    assert named >= {("gas_used", index), ("cumulative_gas_used", index), (f"account {SENDER}", None)}
    used = [int(result["transactions"][index]["gasUsed"]) for result in report["results"]]
    assert used[0] == used[1] + 1
    assert report["results"][0]["changes"] != report["results"][1]["changes"]


async def test_a_decided_block_on_which_the_engines_disagree_is_not_written(tmp_path: Path) -> None:
    height, payload = await block_of(tmp_path / "honest", deployment())
    chain = checked(tmp_path, GENEROUS)
    with pytest.raises(EnginesDisagree):
        await chain.application.validate(height, payload, decided=True)
    assert chain.store.head.number == 0
    assert chain.store.block(1) is None
    chain.close()


async def test_the_block_of_a_report_can_be_executed_again_without_the_node(tmp_path: Path) -> None:
    height, payload = await block_of(tmp_path / "honest", transfer(1, 0).raw, deployment())
    chain = checked(tmp_path, GENEROUS)
    with pytest.raises(EnginesDisagree):
        await chain.application.validate(height, payload)
    chain.close()
    reported = read_report(tmp_path / "engines-disagree-1.json")
    written = json.loads((tmp_path / "engines-disagree-1.json").read_text())["differences"]

    def execute(engine: Engine) -> Execution:
        environment = replace(reported.environment, evm=engine)
        return execute_watched(reported.reader, environment, reported.transactions)

    native, generous, reference = map(execute, (NATIVE, GENEROUS, PY_EVM))
    found = differences(native, generous)
    assert [difference.first for difference in found] == [difference["first"] for difference in written]
    assert differences(native, reference) == ()
    (tmp_path / "other.json").write_text('{"format": 2}')
    with pytest.raises(EnvironmentFault, match="not a report"):
        read_report(tmp_path / "other.json")
    (tmp_path / "other.json").write_text('{"format": 1}')
    with pytest.raises(EnvironmentFault, match="this program reads 2"):
        read_report(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (GENEROUS, "gas_used is"),
        (TALKATIVE, "output is"),
        (BROKEN, "the end is finished with native, crashed with RuntimeError"),
    ],
)
async def test_a_proposer_whose_engines_disagree_offers_nothing(
    tmp_path: Path, second: Engine, what: str
) -> None:
    chain = checked(tmp_path, second)
    await submit(chain, deployment(0, REVERTING))
    with pytest.raises(EnginesDisagree, match=what):
        await chain.build()
    chain.close()


async def test_a_crash_of_the_first_engine_alone_is_a_disagreement_too(tmp_path: Path) -> None:
    height, payload = await block_of(tmp_path / "honest", deployment())
    chain = checked(tmp_path, NATIVE, first=BROKEN)
    with pytest.raises(EnginesDisagree, match="the end is crashed with RuntimeError"):
        await chain.application.validate(height, payload)
    await submit(chain, deployment())
    with pytest.raises(EnginesDisagree, match=r"transaction 0 \(0x.*the end is crashed with RuntimeError"):
        await chain.build()
    chain.close()


async def test_a_difference_in_the_state_alone_is_traced_to_its_transaction(tmp_path: Path) -> None:
    height, payload = await block_of(tmp_path / "honest", transfer(1, 0).raw, deployment())
    chain = checked(tmp_path, WRITING)
    with pytest.raises(
        EnginesDisagree, match=r"transaction \d \(0x.*slot of 0x.* is unchanged with native, 7"
    ):
        await chain.application.validate(height, payload)
    chain.close()
    report = json.loads((tmp_path / "engines-disagree-1.json").read_text())
    assert report["differences"][0]["transaction"] == report["transactions"].index("0x" + deployment().hex())


async def test_a_fault_of_this_machine_is_no_disagreement(tmp_path: Path) -> None:
    chain = checked(tmp_path, WITHOUT_DISK)
    await submit(chain, deployment())
    with pytest.raises(DatabaseDamaged):
        await chain.build()
    chain.close()


async def test_reports_are_kept_and_bounded(tmp_path: Path) -> None:
    chain = checked(tmp_path, GENEROUS)
    await submit(chain, deployment())
    with pytest.raises(EnginesDisagree, match=r"report: .*engines-disagree-1\.json"):
        await chain.build()
    with pytest.raises(EnginesDisagree, match=r"report: .*engines-disagree-1-2\.json"):
        await chain.build()
    for number in range(3, MAX_REPORTS + 1):
        (tmp_path / f"engines-disagree-1-{number}.json").touch()
    with pytest.raises(EnginesDisagree, match=r"no report: .*holds 16 reports"):
        await chain.build()
    chain.close()


async def test_a_report_that_cannot_be_written_does_not_hide_the_disagreement(tmp_path: Path) -> None:
    choice = EngineChoice("native", NATIVE, "generous", GENEROUS, tmp_path / "genesis.json")  # a file
    chain = HandDrivenChain(tmp_path, engines=choice)
    await submit(chain, deployment())
    with pytest.raises(EnginesDisagree, match="no report: "):
        await chain.build()
    chain.close()


async def test_a_node_whose_engines_disagree_ends_and_has_signed_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("node.service.load_trusted_setup", lambda: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("node.engines.PY_EVM", GENEROUS)
    home, port = NodeHome(tmp_path / "dev"), free_port()
    initialise_dev_home(home, NodeConfig(), GENESIS_TIME)
    signed_before = (home.root / "validator_key.state").read_bytes()
    config = NodeConfig(rpc=RpcSettings(port=port), vm=VmSettings(cross_check=True))
    client = RpcClient(f"http://127.0.0.1:{port}")

    async def send() -> None:
        while True:
            try:
                await trio.to_thread.run_sync(
                    client.call, "eth_sendRawTransaction", "0x" + deployment().hex()
                )
                return
            except Exception:
                await trio.sleep(0.02)

    async def serve_and_send() -> None:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                await serve_node(NodeOptions(home, config, with_network=False))

    with pytest.raises(BaseExceptionGroup) as caught:
        await serve_and_send()
    assert (home.root / "validator_key.state").read_bytes() == signed_before
    assert (home.root / "engines-disagree-1.json").is_file()
    with pytest.raises(SystemExit) as left, errors_as_exit_codes():
        raise caught.value
    assert left.value.code == ExitCode.VERIFICATION_FAILED
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: the engines disagree on block 1")
