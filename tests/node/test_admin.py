"""The operator's methods, over a node and a network in memory."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import structlog

from chain.errors import CallerError
from chain.types import Address, checksum_address
from node.admin import NodeAdmin
from node.config import LogSettings, MempoolSettings
from node.home import NodeHome
from node.key_proof import KeyProof, make_proof
from node.logging import configure_logging, log_level, set_log_level
from node.rpc_backend import CLIENT_VERSION, NodeRpcBackend
from p2p.memory_network import open_memory_hub
from p2p.multiaddress import peer_id_text
from p2p.network import Network
from tests.node.chain_fixture import OPERATOR, VALIDATOR, HandDrivenChain

ME, OTHER = (bytes.fromhex("00240801122000") + bytes([number]) * 31 for number in (1, 2))
ADDRESS = f"/ip4/127.0.0.1/tcp/26656/p2p/{peer_id_text(OTHER)}"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path)
    yield driven
    driven.close()


@pytest.fixture
def restored_log() -> Iterator[None]:
    before, level = structlog.get_config(), log_level()
    yield
    structlog.configure(**before)
    set_log_level(level)


def admin_of(
    chain: HandDrivenChain,
    network: Network | None,
    stopped: list[bool] | None = None,
    prove_key: Callable[[Address], KeyProof] | None = None,
) -> NodeAdmin:
    backend = NodeRpcBackend(
        chain.store,
        chain.application,
        chain.pool,
        MempoolSettings(),
        network,
        lambda: None,
        chain.clock,
    )
    stops = stopped if stopped is not None else []
    return NodeAdmin(NodeHome(Path("/x/../y")), backend, network, lambda: stops.append(True), prove_key)


@asynccontextmanager
async def connected(chain: HandDrivenChain) -> AsyncIterator[NodeAdmin]:
    async with open_memory_hub() as hub:
        me = hub.join(ME)
        hub.join(OTHER)
        yield admin_of(chain, me)


async def test_a_node_tells_who_it_is(chain: HandDrivenChain) -> None:
    async with connected(chain) as admin:
        info = admin.node_info()

    assert (info["name"], info["id"], info["chainId"]) == (CLIENT_VERSION, peer_id_text(ME), 1337)
    assert info["head"] == {"number": 0, "hash": "0x" + chain.store.head.hash.hex()}
    assert info["genesis"] == "0x" + chain.store.head.hash.hex()
    assert (info["listenAddresses"], info["logLevel"]) == ([], log_level())
    assert info["datadir"] == admin.data_directory() == "/x/../y"
    alone = admin_of(chain, None).node_info()
    assert (alone["id"], alone["listenAddresses"]) == (None, [])


async def test_peers_are_taken_away_by_address_or_id_and_added_again(chain: HandDrivenChain) -> None:
    async with connected(chain) as admin:
        for name in (ADDRESS, peer_id_text(OTHER)):
            assert [peer["id"] for peer in admin.peers()] == [peer_id_text(OTHER)]
            assert admin.remove_peer(name)
            assert admin.peers() == []
            assert not admin.remove_peer(name)
            assert admin.add_peer(ADDRESS)


@pytest.mark.parametrize("text", ["", "x", "/ip4/1.2.3.4/tcp/5", "enode://a@1.2.3.4:30303", "x" * 9_999])
async def test_what_names_no_peer_is_refused(chain: HandDrivenChain, text: str) -> None:
    async with connected(chain) as admin:
        for call in (admin.add_peer, admin.remove_peer):
            with pytest.raises(CallerError) as refused:
                call(text)
            assert len(str(refused.value)) < 200
        assert len(admin.peers()) == 1


async def test_a_node_without_network_has_no_peers_to_add(chain: HandDrivenChain) -> None:
    admin = admin_of(chain, None)

    assert admin.peers() == []
    with pytest.raises(CallerError, match="this node has no network"):
        admin.add_peer(ADDRESS)


async def test_stopping_is_passed_on(chain: HandDrivenChain) -> None:
    stopped: list[bool] = []

    assert admin_of(chain, None, stopped).stop() is True

    assert stopped == [True]


async def test_the_log_level_changes_also_for_loggers_in_use(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch, restored_log: None
) -> None:
    output = io.StringIO()
    monkeypatch.setattr(sys, "stderr", output)
    configure_logging(LogSettings(format="json"))
    log, admin = structlog.get_logger(), admin_of(chain, None)

    def events() -> list[str]:
        found = [json.loads(line)["event"] for line in output.getvalue().splitlines()]
        output.seek(0)
        output.truncate()
        return found

    log.debug("first")
    assert admin.set_log_level("debug") is True
    log.debug("second")
    assert events() == ["log_level_changed", "second"]
    admin.set_log_level("error")
    log.warning("third")
    log.error("fourth")
    assert events() == ["fourth"]
    assert logging.getLogger().level == logging.ERROR
    assert log_level() == "error"
    for unknown in ("verbose", "", "INFO", "x" * 1_000):
        with pytest.raises(CallerError, match="is none of debug, info, warning, error"):
            admin.set_log_level(unknown)


def test_the_consensus_key_is_proved_for_the_account_that_is_named(chain: HandDrivenChain) -> None:
    admin = admin_of(chain, None, prove_key=partial(make_proof, VALIDATOR, 1337))
    told = admin.prove_consensus_key("0x" + OPERATOR.hex())
    assert KeyProof.from_json(told) == make_proof(VALIDATOR, 1337, OPERATOR)
    assert told["operator"] == checksum_address(OPERATOR)
    with pytest.raises(CallerError, match="address"):
        admin.prove_consensus_key("0x12")
    with pytest.raises(CallerError, match="has no consensus key"):
        admin_of(chain, None).prove_consensus_key("0x" + OPERATOR.hex())
