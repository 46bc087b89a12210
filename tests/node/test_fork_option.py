"""Rule sets as people write them, and a chain that goes from one to the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import CallerError
from cli import main
from genesis import load_genesis
from node.config import MempoolSettings, VmSettings
from node.engines import EngineChoice
from node.fork_option import MAX_FORK_TEXT, check_forks, forks_text, parse_forks
from node.local_network import LocalNetwork, LocalNetworkError, LocalNetworkOptions
from node.rpc_backend import NodeRpcBackend
from tests.node.chain_fixture import ACCOUNTS, HandDrivenChain, transfer
from tests.vm.worlds import init_code
from vm.creation_address import create_address
from vm.forks import Fork, ForkSchedule, InvalidForkSchedule

SCHEDULABLE = [Fork.CANCUN, Fork.PRAGUE, Fork.OSAKA]
RETURNS_CLZ_OF_ONE = bytes.fromhex("60011e60005260206000f3")  # EIP-7939: 255
ABOVE_OSAKAS_CAP = 17_000_000  # EIP-7825: 2**24


@given(
    forks=st.lists(st.sampled_from(SCHEDULABLE), min_size=1, max_size=3, unique=True).map(sorted),
    numbers=st.lists(st.integers(0, 10**18 - 1), min_size=2, max_size=2).map(sorted),
)
def test_a_schedule_is_written_and_read_back(forks: list[Fork], numbers: list[int]) -> None:
    schedule = ForkSchedule.of(zip(forks, [0, *numbers], strict=False))
    assert parse_forks(forks_text(schedule)) == schedule
    assert len(forks_text(schedule)) <= MAX_FORK_TEXT
    assert check_forks(forks_text(schedule)) == forks_text(schedule)


def test_the_usual_rules_apply_until_the_first_named_ones() -> None:
    assert parse_forks("osaka@100") == ForkSchedule(((Fork.PRAGUE, 0), (Fork.OSAKA, 100)))
    assert parse_forks("osaka") == ForkSchedule.constant(Fork.OSAKA)
    assert parse_forks("cancun, prague@5,osaka@5").at(5) is Fork.OSAKA


@pytest.mark.parametrize(
    "text",
    ["", ",", "berlin", "Osaka", "osaka@", "osaka@-1", "osaka@x", "osaka@٣", "prague,cancun@5", "prague@5",
     "osaka@5,prague@9", "cancun,prague@9,osaka@5", "osaka@" + "9" * 19, "osaka," * 100],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(InvalidForkSchedule):
        parse_forks(text)
    with pytest.raises(ValueError):
        check_forks(text)


def test_new_chains_get_the_rule_sets_that_were_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", "--dev", "--home", str(tmp_path / "dev"), "--forks", "osaka@7", "--json"])
    assert json.loads(capsys.readouterr().out)["chain_id"] == 1337
    expected = ForkSchedule(((Fork.PRAGUE, 0), (Fork.OSAKA, 7)))
    assert load_genesis(tmp_path / "dev" / "genesis.json").forks == expected
    network = LocalNetwork(tmp_path / "net")
    network.create(LocalNetworkOptions(validators=1, forks="osaka"))
    assert load_genesis(network.home(0).genesis).forks == ForkSchedule.constant(Fork.OSAKA)
    (network.folder / "network.json").write_text('{"forks": "shanghai"}')
    with pytest.raises(LocalNetworkError, match="up --fresh"):
        _ = network.options


def test_wrong_rule_sets_on_the_command_line_are_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["init", "--dev", "--home", str(tmp_path / "dev"), "--forks", "shanghai"])
    assert left.value.code == 2
    assert "one of cancun, prague, osaka" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main(["init", "--home", str(tmp_path / "dev"), "--forks", "osaka"])
    assert left.value.code == 1
    assert "--forks goes with --dev" in capsys.readouterr().err


async def submit(chain: HandDrivenChain, *raws: bytes) -> list[object]:
    async with trio.open_nursery() as nursery:
        await nursery.start(chain.pool.run)
        answers = await chain.pool.submit(raws)
        nursery.cancel_scope.cancel()
    return list(answers)


def successes(chain: HandDrivenChain, number: int) -> list[bool]:
    receipts = chain.store.receipts(number)
    assert receipts is not None
    return [receipt.succeeded for receipt in receipts]


async def test_a_chain_crosses_into_osaka_at_its_height(tmp_path: Path) -> None:
    engines = EngineChoice.of(VmSettings(cross_check=True), tmp_path)
    chain = HandDrivenChain(tmp_path, engines=engines, forks="prague,osaka@3")
    contract = create_address(ACCOUNTS[0].address, 0)

    def calling(nonce: int) -> bytes:
        return transfer(0, nonce, to=contract, value=0, gas=100_000).raw

    too_large = transfer(1, 1, gas=ABOVE_OSAKAS_CAP)
    deploying = transfer(0, 0, to=None, value=0, data=init_code(RETURNS_CLZ_OF_ONE), gas=200_000)
    # The large one is good under Prague, but its nonce is not next yet.
    assert await submit(chain, deploying.raw, too_large.raw) == [deploying.hash, too_large.hash]
    await chain.decide()
    await submit(chain, calling(1))
    await chain.decide()
    assert (successes(chain, 1), successes(chain, 2)) == (
        [True],
        [False],
    )  # no such instruction yet
    assert chain.application.pending_environment().fork is Fork.OSAKA
    (refusal,) = await submit(chain, transfer(2, 0, gas=ABOVE_OSAKAS_CAP).raw)
    assert isinstance(refusal, CallerError)
    assert "gas" in str(refusal)
    await submit(chain, calling(2), transfer(1, 0).raw)  # the large one's turn would come in this block
    await chain.decide()
    assert successes(chain, 3) == [True, True]
    assert chain.pool.counts() == (0, 0, 0)
    backend = NodeRpcBackend(
        chain.store, chain.application, chain.pool, MempoolSettings(), None, lambda: None, chain.clock
    )
    assert [backend.environment_for(number).fork for number in (2, 3)] == [Fork.PRAGUE, Fork.OSAKA]
    assert backend.environment_for(3).evm is engines.evm
    chain.close()
