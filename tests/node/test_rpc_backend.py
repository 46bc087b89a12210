from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from chain.errors import CallerError
from chain.fees import next_base_fee
from chain.keccak import keccak256
from chain.receipt import Log
from chain.secp256k1 import address_of_public_key, verify
from chain.types import Address, Hash32, checksum_address
from chain.validator_update import ValidatorUpdate
from consensus.consensus_root import ConsensusData
from consensus.status import ConsensusStatus
from consensus.types import Step
from genesis import ConsensusParameters
from node.config import MempoolSettings
from node.rpc_backend import STALE_HEAD_INTERVALS, NodeRpcBackend
from p2p.memory_network import open_memory_hub
from p2p.network import Network
from state.chain_store import StateUnavailable
from tests.node.chain_fixture import ACCOUNTS, OPERATOR, RECEIVER, VALIDATOR, HandDrivenChain, transfer
from vm.block_simulation import BlockOverrides, CallRules, SimulatedBlockRequest, simulate_blocks
from vm.simulation import CallRequest
from vm.system.runtime.faults import FAULTS


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path)
    yield driven
    driven.close()


def consensus_status(chain: HandDrivenChain, highest_peer_height: int = 0) -> ConsensusStatus:
    position = chain.application.position()
    return ConsensusStatus(
        height=position.height + 1,
        round=0,
        step=Step.PROPOSE,
        proposer=VALIDATOR.address,
        validators=position.validators.validators,
        own_address=VALIDATOR.address,
        is_validator=True,
        silent_through=0,
        last_block_id=position.block_id,
        last_block_time_ms=position.block_time_ms,
        peers=(),
        highest_peer_height=highest_peer_height,
        catching_up=False,
        evidence_count=0,
    )


def backend(
    chain: HandDrivenChain, status: ConsensusStatus | None = None, network: Network | None = None
) -> NodeRpcBackend:
    return NodeRpcBackend(
        chain.store,
        chain.application,
        chain.pool,
        MempoolSettings(min_tip_wei=7),
        network,
        lambda: status,
        chain.clock,
    )


async def submit(chain: HandDrivenChain, served: NodeRpcBackend, *raws: bytes) -> list[object]:
    async with trio.open_nursery() as nursery:
        await nursery.start(chain.pool.run)
        answers = await served.submit(raws)
        nursery.cancel_scope.cancel()
    return list(answers)


async def test_committed_blocks_are_told_by_number_hash_and_transaction(chain: HandDrivenChain) -> None:
    served = backend(chain)
    transaction = transfer(0, 0)
    assert await submit(chain, served, transaction.raw) == [transaction.hash]
    assert served.get(transaction.hash) is not None
    assert served.pending_nonce(ACCOUNTS[0].address) == 1
    await chain.decide()
    block = served.block(1)
    assert block is not None
    assert served.head().hash == block.hash
    assert served.block_number(block.hash) == 1
    assert served.header(1) == block.header
    assert [item.hash for item in block.transactions] == [transaction.hash]
    receipts = served.receipts(1)
    assert receipts is not None
    assert len(receipts) == 1
    location = served.transaction_location(transaction.hash)
    assert location is not None
    assert (location.block_number, location.index) == (1, 0)
    assert served.get(transaction.hash) is None
    account = served.state_at(1).account(RECEIVER)
    assert account is not None
    assert account.balance == 1
    assert (served.block(2), served.header(2), served.receipts(2)) == (None, None, None)
    assert (served.chain_id, served.minimum_tip()) == (1337, 7)
    assert served.client_version.startswith("aurigraph/v")


async def test_a_simulation_repeats_a_block_and_writes_nothing(chain: HandDrivenChain) -> None:
    await chain.decide()
    served = backend(chain)
    transaction = transfer(0, 0)
    await submit(chain, served, transaction.raw)
    await chain.decide()
    block, head = served.block(2), served.head()
    assert block is not None
    real = block.header
    asked = SimulatedBlockRequest(
        BlockOverrides(
            timestamp=real.timestamp,
            beneficiary=real.beneficiary,
            prev_randao=real.prev_randao,
            parent_beacon_block_root=real.parent_beacon_block_root,
        ),
        calls=[
            CallRequest(
                ACCOUNTS[0].address,
                transaction.to,
                transaction.gas_limit,
                None,
                transaction.max_fee_per_gas,
                transaction.max_priority_fee_per_gas,
                transaction.value,
            )
        ],
    )

    def free() -> None: ...

    base = served.simulation_base(1, free)
    rules = CallRules(validates=True, shows_transfers=False, checkpoint=free)
    (simulated,) = simulate_blocks(base, [asked], rules, gas_cap=10**6)
    header = simulated.block.header
    assert replace(header, extra_data=real.extra_data, transactions_root=real.transactions_root) == real
    assert served.head() == head
    with pytest.raises(StateUnavailable):
        served.simulation_base(9, free)


async def test_a_block_is_simulated_in_the_environment_it_ran_in(chain: HandDrivenChain) -> None:
    await chain.decide()
    await chain.decide()
    served = backend(chain)
    header = served.header(2)
    assert header is not None
    environment = served.environment_for(2)
    for name in (
        "number",
        "timestamp",
        "beneficiary",
        "gas_limit",
        "base_fee_per_gas",
        "prev_randao",
        "parent_hash",
    ):
        assert getattr(environment, name) == getattr(header, name)
    assert environment.parent_beacon_block_root == header.parent_beacon_block_root
    assert environment.block_hash(1) == header.parent_hash
    pending = served.pending_environment()
    assert (pending.number, pending.parent_hash, pending.beneficiary) == (3, header.hash, OPERATOR)
    assert pending.base_fee_per_gas == served.next_base_fee() == next_base_fee(header)


def test_what_is_not_there_is_the_callers_error(chain: HandDrivenChain) -> None:
    served = backend(chain)
    with pytest.raises(CallerError, match="header not found"):
        served.environment_for(9)
    with pytest.raises(StateUnavailable):
        served.state_at(9)


async def test_reads_hold_while_a_block_is_committed_in_another_thread(chain: HandDrivenChain) -> None:
    served = backend(chain)
    wrong: list[object] = []

    def read(stop: trio.Event) -> None:
        while not stop.is_set():
            before, environment, after = served.head(), served.pending_environment(), served.head()
            # The store has a block a moment before the application follows it, and any number of blocks may be
            # committed between two reads of a thread that has to wait.
            follows = before.number <= environment.number <= after.number + 1
            if not follows or served.header(after.number) is None:
                wrong.append((before.number, environment.number, after.number))

    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, read, stop)
        for _ in range(8):
            await chain.decide()
        stop.set()
    assert wrong == []


@pytest.mark.parametrize(("claimed", "is_syncing"), [(0, False), (1, False), (2, False), (3, True)])
async def test_one_block_behind_is_not_syncing(
    chain: HandDrivenChain, claimed: int, is_syncing: bool
) -> None:
    served = backend(chain)
    await chain.decide()
    assert served.syncing() is None
    served = backend(chain, consensus_status(chain, claimed))
    status = served.syncing()
    assert (status is not None) == is_syncing
    if status is not None:
        assert (status.starting_block, status.current_block, status.highest_block) == (1, 1, 3)
        assert not served.health().ready


async def test_a_node_is_not_ready_when_blocks_stay_away(tmp_path: Path) -> None:
    chain = HandDrivenChain(
        tmp_path, ConsensusParameters(block_interval_ms=100, empty_block_interval_ms=1000)
    )
    served = backend(chain)
    assert served.health().ready  # the first block may be long in coming
    await chain.decide()
    assert served.health().ready
    chain.clock.now_ms += 1000 * STALE_HEAD_INTERVALS + 200
    health = served.health()
    assert health.live
    assert not health.ready
    assert health.checks["height"] == 1
    chain.close()


async def test_without_empty_blocks_an_old_head_says_nothing(tmp_path: Path) -> None:
    chain = HandDrivenChain(tmp_path, ConsensusParameters(empty_block_interval_ms=None))
    await chain.decide()
    chain.clock.now_ms += 10**9
    assert backend(chain).health().ready
    chain.close()


async def test_status_validators_and_peers_are_plain_json(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FAULTS, "count", 3)
    await chain.decide()
    async with open_memory_hub() as hub:
        me, other = hub.join(b"\x00me"), hub.join(b"\x00other")
        me.penalise(other.me, "test")
        served = backend(chain, consensus_status(chain), me)
        status = json.loads(json.dumps(served.status()))
        assert status["height"] == 1
        assert status["hash"] == "0x" + chain.store.head.hash.hex()
        assert status["consensus"]["isValidator"] is True
        assert status["pool"] == {"executable": 0, "queued": 0, "bytes": 0}
        assert status["systemContractFaults"] == 3
        (validator,) = json.loads(json.dumps(served.validators()))
        assert validator == {
            "address": checksum_address(VALIDATOR.address),
            "publicKey": "0x" + VALIDATOR.public_key.hex(),
            "power": 1,
            "operator": checksum_address(OPERATOR),
        }
        (peer,) = json.loads(json.dumps(served.peers()))
        assert peer["penalty"] == 1
        assert (served.peer_count(), served.is_listening()) == (1, True)
    alone = backend(chain)
    assert (alone.peers(), alone.peer_count(), alone.is_listening()) == ([], 0, False)
    before_start = json.loads(json.dumps(alone.status()))
    assert (before_start["consensus"], before_start["peerId"]) == (None, None)


async def test_a_follower_simulates_with_the_beneficiary_of_the_last_block(chain: HandDrivenChain) -> None:
    await chain.decide()
    chain.application._own_address = None
    assert backend(chain).pending_environment().beneficiary == OPERATOR
    assert replace(consensus_status(chain), own_address=None).as_json()["ownAddress"] is None
    assert backend(chain).pending_nonce(Address(b"\x55" * 20)) == 0


async def test_a_certificate_of_finality_can_be_checked_from_what_it_says(chain: HandDrivenChain) -> None:
    served = backend(chain)
    await chain.decide()
    await chain.decide()

    for number in (1, 2):
        certificate = served.finality_certificate(number)
        assert certificate is not None
        header = served.header(number)
        assert header is not None
        tied: Any = certificate["consensusData"]
        fields = ("validators", "nextValidators", "params", "lastCommit", "evidence")
        validators, following, params, commit, evidence = (
            Hash32(bytes.fromhex(tied[f"{field}Hash"][2:])) for field in fields
        )
        parts = ConsensusData(validators, following, params, commit, evidence, tied["timestampMs"])
        assert parts.root() == header.parent_beacon_block_root
        assert tied["validatorsHash"] == certificate["validatorsHash"]
        assert certificate["blockHash"] == "0x" + header.hash.hex()
        sign_bytes = bytes.fromhex(str(certificate["signBytes"])[2:])
        assert sign_bytes.endswith(header.hash)
        slots = certificate["signatures"]
        assert isinstance(slots, list)
        assert certificate["signedPower"] == certificate["totalPower"] == sum(slot["power"] for slot in slots)
        for slot in slots:
            key, signature = bytes.fromhex(slot["publicKey"][2:]), bytes.fromhex(slot["signature"][2:])
            assert checksum_address(address_of_public_key(key)) == slot["validator"]
            assert verify(key, keccak256(sign_bytes), signature)
            assert not verify(key, keccak256(bytes.fromhex(str(certificate["nilSignBytes"])[2:])), signature)
        assert served.validators(number) == served.validators()
    assert served.finality_certificate(0) is None
    assert served.finality_certificate(3) is None
    assert served.validators(0) is None
    assert served.validators(4) == served.validators(), "the set of the height after the next is known"
    assert served.validators(5) is None


async def test_the_events_of_a_block_are_told_with_the_validators_it_changed(chain: HandDrivenChain) -> None:
    log = Log(RECEIVER, (Hash32(b"\x01" * 32),), b"\x02")
    chain.update_validators(2, ValidatorUpdate(VALIDATOR.public_key, 5), logs=(log,))
    await chain.decide()
    await chain.decide()
    served = backend(chain)
    nothing: Any = served.block_events(1)
    assert (nothing["logs"], nothing["validatorUpdates"]) == ([], [])
    told: Any = served.block_events(2)
    place = {"blockNumber": "0x2", "blockHash": "0x" + chain.store.head.hash.hex()}
    assert told == {
        **place,
        "logs": [
            {
                "address": "0x" + RECEIVER.hex(),
                "topics": ["0x" + "01" * 32],
                "data": "0x02",
                "logIndex": "0x0",
                **place,
            }
        ],
        "validatorUpdates": [
            {
                "validator": checksum_address(VALIDATOR.address),
                "publicKey": "0x" + VALIDATOR.public_key.hex(),
                "power": 5,
            }
        ],
    }
    genesis: Any = served.block_events(0)
    assert genesis["logs"] == []
    assert served.block_events(3) is None


async def test_what_waits_is_told_by_sender(chain: HandDrivenChain) -> None:
    served = backend(chain)
    waiting = [transfer(0, 0), transfer(0, 1), transfer(0, 3), transfer(1, 0)]

    await submit(chain, served, *[item.raw for item in waiting])

    assert served.waiting() == (3, 1)
    content = served.content()
    assert {item.transaction.hash for item in content} == {item.hash for item in waiting}
    assert [item.transaction for item in served.content(ACCOUNTS[1].address)] == waiting[3:]
    assert served.content(RECEIVER) == []
