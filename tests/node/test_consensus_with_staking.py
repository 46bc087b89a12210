"""Real consensus, stores and staking contracts in one process: one joins, one signs twice and leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from chain.types import Hash32
from consensus.codec import encode_message
from consensus.driver import ConsensusDriver
from consensus.sign_bytes import sign_digest
from consensus.signer import FileSigner
from consensus.types import BlockIdFlag, Vote, VoteKind
from genesis import ConsensusParameters
from node.clock import wall_time_ms
from node.validator_registry import STAKING_REGISTRY
from tests.consensus.trio_network import Hub, MemoryTransport
from tests.node.chain_fixture import ACCOUNTS, Clock, HandDrivenChain
from tests.node.validator_network import (
    CHAIN_ID,
    POWER,
    consensus_key,
    network_genesis,
    signed_call,
    staking_calls,
)
from vm.system.addresses import STAKING

GENESIS = network_genesis(4, ConsensusParameters(block_interval_ms=100, empty_block_interval_ms=0))
WITHIN_S = 40


class WallClock(Clock):
    """The real one."""

    def __call__(self) -> int:
        return wall_time_ms()


class Machine:
    """A node of the network. `key` names whose consensus key it has; None for none."""

    def __init__(self, hub: Hub, folder: Path, name: str, key: int | None) -> None:
        self.home = folder / name
        self.home.mkdir(exist_ok=True)
        self.name, self.key = name, key
        self.transport = MemoryTransport(hub, name.encode(), lambda _: None)
        self.chain = self._opened()
        self._scope = trio.CancelScope()
        self._stopped = trio.Event()

    def _opened(self) -> HandDrivenChain:
        address = None if self.key is None else consensus_key(self.key).address
        return HandDrivenChain(self.home, genesis=GENESIS, own_address=address, clock=WallClock())

    async def run(self, hub: Hub) -> None:
        """Until `stop`."""
        signer = None
        path = self.home / "key.json"
        if self.key is not None:
            if not path.exists():
                FileSigner.create(path, consensus_key(self.key).secret)
            signer = FileSigner.load(path, CHAIN_ID)
        self.transport = MemoryTransport(hub, self.name.encode(), lambda _: None)
        self.transport.connect()
        driver = ConsensusDriver(
            chain_id=CHAIN_ID,
            params=self.chain.constants.params,
            signer=signer,
            wal_folder=self.home / "wal",
            application=self.chain.application,
            transport=self.transport,
            wall_time_ms=wall_time_ms,
        )
        self._scope, self._stopped = trio.CancelScope(), trio.Event()
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    await nursery.start(self.chain.pool.run)
                    nursery.start_soon(driver.run)
        finally:
            self.transport.disconnect()
            if signer is not None:
                signer.close()
            self._stopped.set()

    async def restart(self, nursery: trio.Nursery, hub: Hub) -> None:
        """Stop, read everything from disk again, go on."""
        self._scope.cancel()
        await self._stopped.wait()
        self.chain.close()
        self.chain = self._opened()
        nursery.start_soon(self.run, hub)

    @property
    def height(self) -> int:
        return self.chain.application.position().height

    def members(self) -> set[bytes]:
        return {member.address for member in self.chain.application.position().validators.validators}

    def signers(self) -> set[bytes]:
        """Who signed the commit of the head."""
        commit = self.chain.application.position().last_commit
        slots = () if commit is None else commit.signatures
        return {slot.validator for slot in slots if slot.block_id_flag is BlockIdFlag.COMMIT}


@asynccontextmanager
async def running(
    folder: Path, count: int, without: int | None = None
) -> AsyncIterator[tuple[trio.Nursery, Hub, list[Machine]]]:
    async with trio.open_nursery() as nursery:
        hub = Hub(nursery)
        machines = [Machine(hub, folder, f"node{index}", index) for index in range(count) if index != without]
        for machine in machines:
            nursery.start_soon(machine.run, hub)
        try:
            yield nursery, hub, machines
        finally:
            nursery.cancel_scope.cancel()
    for machine in machines:
        machine.chain.close()


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(WITHIN_S):
        while not condition():
            await trio.sleep(0.02)


@pytest.mark.slow
async def test_a_fifth_node_joins_by_staking_and_one_that_signs_twice_leaves(tmp_path: Path) -> None:
    async with running(tmp_path, 5) as (nursery, hub, machines):
        first, fifth = machines[0], consensus_key(4).address
        await until(lambda: all(machine.height >= 3 for machine in machines))
        assert fifth not in first.members()
        for nonce, (payload, value) in enumerate(staking_calls(4)):
            raw = signed_call(4, nonce, STAKING, payload, value).raw
            for machine in machines:
                await machine.chain.pool.submit([raw])
        await until(lambda: fifth in first.members())
        await until(lambda: fifth in first.signers())
        await machines[1].restart(nursery, hub)
        operator = ACCOUNTS[4].address

        def last_proposer() -> bytes:
            header = first.chain.store.header(first.chain.store.head.number)
            return b"" if header is None else header.beneficiary

        await until(lambda: last_proposer() == operator)
        assert first.chain.application.position().validators.power_of(fifth) == POWER

        # A second machine with the key of node 2: what twins do when both vote.
        accused = consensus_key(2).address
        twin = Machine(hub, tmp_path, "twin", 2)
        nursery.start_soon(twin.run, hub)
        await until(lambda: accused not in first.members())
        for machine in (machines[0], machines[1], machines[3], machines[4]):
            await until(lambda machine=machine: accused not in machine.members())  # type: ignore[misc]
            state = machine.chain.store.latest_state()
            assert STAKING_REGISTRY.is_tombstoned(state, accused)
            assert len(machine.chain.application._evidence) == 0
        height = first.height
        await until(lambda: first.height >= height + 8)
        assert first.members() == {consensus_key(index).address for index in (0, 1, 3, 4)}
        known = {
            machine.chain.store.canonical_hash(height) for machine in machines if machine.height >= height
        }
        assert len(known) == 1
        honest = [machine.transport.penalties for machine in machines]
        assert honest == [[]] * 5
    twin.chain.close()


def _precommit(height: int, block_id: Hash32 | None) -> bytes:
    key = consensus_key(2)
    vote = Vote(VoteKind.PRECOMMIT, height, 0, block_id, key.address)
    return encode_message(vote.signed(key.sign_compact(sign_digest(CHAIN_ID, vote))))


@pytest.mark.slow
async def test_one_that_tells_each_node_something_else_is_found_out_by_the_commits_in_blocks(
    tmp_path: Path,
) -> None:
    """No node ever gets two contradicting votes: one hears nil, the others a block that does not exist."""
    accused = consensus_key(2).address
    async with running(tmp_path, 4, without=2) as (_, hub, machines):
        liar = MemoryTransport(hub, b"liar", lambda _: None)
        liar.connect()
        first, last = machines[0], machines[-1]
        told = 0
        with trio.fail_after(WITHIN_S):
            while accused in first.members():
                height = max(machine.height for machine in machines) + 1
                if height > told:
                    told = height
                    nil, other = _precommit(height, None), _precommit(height, Hash32(b"\x17" * 32))
                    for machine in machines:
                        await liar.send(machine.name.encode(), nil if machine is last else other)
                await trio.sleep(0.01)
        assert STAKING_REGISTRY.is_tombstoned(first.chain.store.latest_state(), accused)
        penalised = {peer for machine in machines for peer, _ in machine.transport.penalties}
        assert penalised <= {b"liar"}, "it goes on voting when it has no seat any more"
