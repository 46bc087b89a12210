"""The trio driver on virtual time: start, restart, catch up, empty-block policy, slow applications, garbage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from chain.errors import PeerError
from consensus.codec import decode_message, encode_message
from consensus.messages import BlockRequest, Status, SyncRequest, SyncResponse
from consensus.params import ConsensusParams
from consensus.recovery import SignerStateMissing, StoreBehindLog
from consensus.signer import KeyInUse
from consensus.types import Step
from tests.consensus.trio_network import Hub, TrioNode, checker_of, until
from tests.sim.chain import key_of

PARAMS = ConsensusParams(block_interval_ms=200)
Network = tuple[list[TrioNode], trio.Nursery, Hub]


@asynccontextmanager
async def network(
    home: Path, count: int, params: ConsensusParams = PARAMS, *, followers: int = 0, drop: float = 0.0
) -> AsyncIterator[Network]:
    checker = checker_of(count)
    async with trio.open_nursery() as nursery:
        hub = Hub(nursery, drop=drop)
        nodes = [
            TrioNode(hub, checker, home, index, count, params, has_key=index < count)
            for index in range(count + followers)
        ]
        yield nodes, nursery, hub
        nursery.cancel_scope.cancel()


def reached(nodes: list[TrioNode], height: int) -> Callable[[], bool]:
    return lambda: all(node.height >= height for node in nodes)


async def test_a_single_validator_decides_alone_at_the_block_interval(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with network(tmp_path, 1) as (nodes, nursery, _):
        nursery.start_soon(nodes[0].run)
        await until(reached(nodes, 10), 4)
        assert trio.current_time() >= 9 * 0.2


async def test_four_validators_agree_though_messages_are_lost(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with network(tmp_path, 4, drop=0.1) as (nodes, nursery, _):
        for node in nodes:
            nursery.start_soon(node.run)
        await until(reached(nodes, 10), 60)
        assert not any(node.transport.penalties for node in nodes)


async def test_validators_stopped_at_any_moment_go_on_and_never_sign_twice(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The checker of the network raises on equivocation, broken locks, and anything sent before it was logged."""
    async with network(tmp_path, 4) as (nodes, nursery, _):
        for node in nodes:
            nursery.start_soon(node.run)
        for turn in range(20):
            await trio.sleep(0.037 * (turn % 9 + 1))
            stopped = nodes if turn % 5 == 0 else [nodes[turn % 4]]
            for node in stopped:
                node.stop()
            await trio.sleep(0.01 * (turn % 4 + 1))
            for node in stopped:
                nursery.start_soon(node.run)
        height = max(node.height for node in nodes)
        await until(reached(nodes, height + 5), 30)


async def test_a_restarted_validator_signs_again_within_ten_seconds(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with network(tmp_path, 4) as (nodes, nursery, _):
        for node in nodes:
            nursery.start_soon(node.run)
        await until(reached(nodes, 3), 10)
        nodes[3].stop()
        await until(reached(nodes[:3], 12), 20)
        nursery.start_soon(nodes[3].run)

        def signed() -> bool:
            _, commit = nodes[0].application.chain.blocks[-1]
            return any(slot.signature and slot.validator == key_of(3).address for slot in commit.signatures)

        await until(signed, 10)


async def test_a_late_node_and_a_follower_catch_up(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with network(tmp_path, 4, followers=1) as (nodes, nursery, _):
        for node in nodes[:3]:
            nursery.start_soon(node.run)
        await until(reached(nodes[:3], 20), 60)
        nursery.start_soon(nodes[3].run)
        nursery.start_soon(nodes[4].run)
        await until(reached(nodes, 20), 10)
        await until(reached(nodes, 23), 10)
        status = nodes[4].driver.status() if nodes[4].driver is not None else None
        assert status is not None
        assert not status.is_validator
        assert status.highest_peer_height >= 22


@pytest.mark.parametrize(("empty_ms", "expected"), [(0, 20), (1000, 4), (None, 0)])
async def test_empty_blocks_follow_the_policy_and_transactions_end_the_wait(
    tmp_path: Path, autojump_clock: MockClock, empty_ms: int | None, expected: int
) -> None:
    params = ConsensusParams(block_interval_ms=200, empty_block_interval_ms=empty_ms)
    async with network(tmp_path, 1, params) as (nodes, nursery, _):
        nodes[0].application.set_transactions(False)
        nursery.start_soon(nodes[0].run)
        await trio.sleep(4)
        assert expected * 0.9 <= nodes[0].height <= expected + 1
        before = nodes[0].height
        nodes[0].application.set_transactions(True)
        await until(reached(nodes, before + 1), 0.3)
        await trio.sleep(1)
        assert nodes[0].height >= before + 5


async def test_votes_are_counted_while_a_block_is_being_judged(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """One slow node of four: the others decide without it, and it takes their decision without judging again."""
    async with network(tmp_path, 4) as (nodes, nursery, _):
        nodes[3].application.validate_s = 0.5
        for node in nodes:
            nursery.start_soon(node.run)
        await until(reached(nodes[:3], 5), 10)
        await until(reached(nodes, 5), 10)


async def test_a_builder_that_hangs_costs_its_rounds_only(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with network(tmp_path, 4) as (nodes, nursery, _):
        nodes[1].application.build_s = 3600
        for node in nodes:
            nursery.start_soon(node.run)
        await until(reached(nodes, 8), 30)


async def test_garbage_is_penalised_and_harms_nobody(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with network(tmp_path, 1) as (nodes, nursery, _):
        nursery.start_soon(nodes[0].run)
        await until(reached(nodes, 1), 5)
        transport = nodes[0].transport
        garbage = [
            b"",
            b"\x00",
            b"\x01\x90",
            b"\xff" * 100,
            encode_message(SyncRequest(1, 1)),
            b"\x01" * 70_000,
        ]
        for raw in garbage:
            transport.put(b"peer-9", raw)
        await until(reached(nodes, 5), 5)
        assert len(transport.penalties) == len(garbage)


async def test_a_peer_that_claims_an_absurd_height_does_not_stop_the_chain(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with network(tmp_path, 1) as (nodes, nursery, _):
        nursery.start_soon(nodes[0].run)
        await until(reached(nodes, 1), 5)
        for height in (10**9, 2**63 - 1):
            nodes[0].transport.put(b"peer-9", encode_message(Status(height, 0, Step.PROPOSE)))
        await until(reached(nodes, 20), 6)


async def test_requests_are_served_and_bad_ones_refused(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with network(tmp_path, 1) as (nodes, nursery, _):
        nursery.start_soon(nodes[0].run)
        await until(reached(nodes, 5), 5)
        serve = nodes[0].transport.serve
        answer = decode_message(await serve(b"x", encode_message(SyncRequest(2, 3))))
        assert isinstance(answer, SyncResponse)
        assert [block.commit.height for block in answer.blocks] == [2, 3, 4]
        assert answer.head >= 5
        beyond = decode_message(await serve(b"x", encode_message(SyncRequest(999, 3))))
        assert beyond == SyncResponse(nodes[0].height, ())
        await serve(b"x", encode_message(BlockRequest(5, nodes[0].application.position().block_id)))
        for raw in (b"", b"nonsense", encode_message(Status(1, 0, Step.PROPOSE)), b"\x01" * 5000):
            with pytest.raises(PeerError):
                await serve(b"x", raw)
        assert [peer for peer, _ in nodes[0].transport.penalties] == [b"x"] * 4


async def test_status_is_there_once_the_node_runs(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with network(tmp_path, 4) as (nodes, nursery, _):
        for node in nodes:
            nursery.start_soon(node.run)
        await until(reached(nodes, 3), 10)
        driver = nodes[0].driver
        assert driver is not None
        status = driver.status()
        assert status is not None
        shown = status.as_json()
        assert shown["height"] == nodes[0].height + 1
        assert shown["isValidator"] is True
        assert isinstance(shown["validators"], list)
        assert len(shown["validators"]) == 4
        assert len(status.peers) == 3


async def test_a_database_older_than_the_log_refuses_to_start(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with network(tmp_path, 1) as (nodes, nursery, _):
        nursery.start_soon(nodes[0].run)
        await until(reached(nodes, 5), 5)
        nodes[0].stop()
        await trio.sleep(0.1)
        del nodes[0].application.chain.blocks[2:]
        with pytest.RaisesGroup(StoreBehindLog, flatten_subgroups=True):
            await nodes[0].run()


async def test_a_key_without_its_state_refuses_to_start_once_there_is_a_chain(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with network(tmp_path, 1) as (nodes, nursery, _):
        nursery.start_soon(nodes[0].run)
        await until(reached(nodes, 2), 5)
        nodes[0].stop()
        await trio.sleep(0.1)
        (nodes[0].home / "key.state").unlink()
        with pytest.RaisesGroup(SignerStateMissing, flatten_subgroups=True):
            await nodes[0].run()


async def test_two_nodes_cannot_run_with_one_key(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with network(tmp_path, 1) as (nodes, nursery, hub):
        nursery.start_soon(nodes[0].run)
        await until(reached(nodes, 1), 5)
        twin = TrioNode(hub, checker_of(1), tmp_path, 0, 1, PARAMS)
        with pytest.raises(KeyInUse):
            await twin.run()
