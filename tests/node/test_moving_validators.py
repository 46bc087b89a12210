"""Validators join by staking, leave, are punished and come back, on nodes with the real contracts and stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.receipt import Log
from chain.transaction import RecoveredTransaction, recover_sender
from consensus.types import Evidence
from node.validator_registry import STAKING_REGISTRY
from tests.node.chain_fixture import ACCOUNTS
from tests.node.double_signing import double_vote
from tests.node.validator_network import PARAMETERS, POWER, ValidatorNetwork, consensus_key
from vm.block import execute_block
from vm.system.addresses import SLASHING, STAKING
from vm.system.staking.slashing import Slashing

ALL = dict.fromkeys(range(4), POWER)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[ValidatorNetwork]:
    made = ValidatorNetwork(tmp_path)
    yield made
    made.close()


def events(network: ValidatorNetwork, number: int) -> tuple[Log, ...]:
    record = network.nodes[0].application.chain_record(number)
    assert record is not None
    return record.events


def report(network: ValidatorNetwork, evidence: Evidence, nodes: range = range(5)) -> None:
    for index in nodes:
        network.nodes[index].application.report_evidence(evidence)


async def test_a_fifth_validator_joins_by_staking_and_proposes(network: ValidatorNetwork) -> None:
    await network.decide(2)
    assert network.members() == ALL
    await network.stake(4)
    await network.decide()
    staked_at = network.height
    record = network.nodes[0].application.chain_record(staked_at)
    assert record is not None
    assert [(update.public_key, update.power) for update in record.updates] == [
        (consensus_key(4).public_key, POWER)
    ]
    assert network.members() == ALL, "height h+1 is still decided by the old set"
    await network.decide()
    assert network.members() == {**ALL, 4: POWER}
    await network.decide(10)
    assert 4 in network.proposers[staked_at:]
    header = network.nodes[0].store.header(staked_at + 1 + network.proposers[staked_at + 1 :].index(4) + 1)
    assert header is not None
    assert header.beneficiary == ACCOUNTS[4].address


async def test_all_nodes_come_to_the_same_after_a_restart_in_the_middle_of_a_change(
    network: ValidatorNetwork,
) -> None:
    await network.stake(4)
    for index in range(5):
        await network.decide()
        position = network.nodes[index].application.position()
        network.restart(index)
        assert network.nodes[index].application.position() == position
    await network.decide(3, absent=[2])
    sets = [network.nodes[1].application.validators_of(height) for height in range(1, network.height + 3)]
    network.restart(1)
    again = [network.nodes[1].application.validators_of(height) for height in range(1, network.height + 3)]
    assert again == sets
    assert network.nodes[1].application.validators_of(network.height + 3) is None


async def test_a_validator_without_stake_leaves_and_the_others_go_on(network: ValidatorNetwork) -> None:
    await network.decide(2)
    await network.leave(3)
    await network.decide(2)
    assert network.members() == {0: POWER, 1: POWER, 2: POWER}
    left_at = network.height
    await network.decide(8)
    assert 3 not in network.proposers[left_at:]


async def test_the_last_validator_cannot_leave(tmp_path: Path) -> None:
    network = ValidatorNetwork(tmp_path, count=1, genesis=1)
    await network.decide()
    await network.leave(0)
    await network.decide(4)
    assert len(network.validators) == 1
    network.close()


@pytest.mark.parametrize("count", [1, 4])
async def test_the_set_is_not_emptied_though_everybody_signed_twice(tmp_path: Path, count: int) -> None:
    """Whoever is left goes on deciding: a chain without validators could never get one."""
    network = ValidatorNetwork(tmp_path, count=count, genesis=count)
    await network.decide(2)
    for index in range(count):
        report(network, double_vote(1, consensus_key(index)), range(count))
    await network.decide(6)
    assert len(network.validators) >= 1
    state = network.nodes[0].store.latest_state()
    for index in range(count):
        assert STAKING_REGISTRY.is_tombstoned(state, consensus_key(index).address)
    network.close()


async def test_the_set_is_not_emptied_though_all_stake_leaves(tmp_path: Path) -> None:
    network = ValidatorNetwork(tmp_path, count=3, genesis=3)
    await network.decide()
    for index in range(3):
        await network.leave(index)
    await network.decide(6)
    assert len(network.validators) >= 1
    network.close()


async def test_one_that_signs_twice_is_slashed_leaves_and_never_returns(network: ValidatorNetwork) -> None:
    await network.decide(3)
    state = network.nodes[0].store.latest_state()
    accused = consensus_key(2)
    assert STAKING_REGISTRY.may_be_accused(state, accused.address)
    report(network, double_vote(2, accused))
    await network.decide()
    punished_at = network.height
    state = network.nodes[0].store.latest_state()
    assert STAKING_REGISTRY.is_tombstoned(state, accused.address)
    assert STAKING_REGISTRY.operator_of(state, accused.address) == ACCOUNTS[2].address
    topics = [(log.address, log.topics[0]) for log in events(network, punished_at)]
    assert (SLASHING, Slashing.ValidatorEquivocated.signature.topic) in topics
    await network.decide()
    assert network.members() == {0: POWER, 1: POWER, 3: POWER}
    assert all(len(node.application._evidence) == 0 for node in network.nodes)

    # A second deed of the same height changes nothing, and may not even be in a block.
    report(network, double_vote(3, accused))
    await network.decide()
    record = network.nodes[0].application.chain_record(network.height)
    assert record is not None
    assert record.updates == ()
    refused = await network.send(2, SLASHING, Slashing.unjail.encode(ACCOUNTS[2].address))
    await network.decide()
    assert not network.succeeded(refused)


async def test_evidence_of_one_node_waits_for_its_turn_also_across_a_restart(
    network: ValidatorNetwork,
) -> None:
    await network.decide(2)
    accused = consensus_key(2)
    report(network, double_vote(1, accused), range(1, 2))
    network.restart(1)
    for _ in range(8):
        await network.decide()
        if network.proposers[-1] == 1:
            break
    assert STAKING_REGISTRY.is_tombstoned(network.nodes[3].store.latest_state(), accused.address)
    await network.decide(2)
    assert 2 not in network.members()


async def test_one_that_is_down_is_jailed_and_comes_back(network: ValidatorNetwork) -> None:
    await network.decide(2)
    for _ in range(PARAMETERS.signed_blocks_window + 4):
        await network.decide(absent=[3])
    assert network.members() == {0: POWER, 1: POWER, 2: POWER}
    await network.decide(6)
    await network.unjail(3)
    await network.decide(2)
    back = network.members()
    assert set(back) == {0, 1, 2, 3}
    assert back[3] < POWER, "slashed for downtime"
    await network.decide(8)
    assert 3 in network.proposers[-8:]
    assert len(network.members()) == 4


async def test_a_node_that_was_away_replays_all_changes(network: ValidatorNetwork, tmp_path: Path) -> None:
    """Its blocks are judged with the sets of their heights and the state that they left."""
    await network.stake(4)
    await network.decide(3)
    report(network, double_vote(2, consensus_key(1)))
    await network.decide(3)
    await network.leave(0)
    await network.decide(4)
    assert set(network.members()) == {2, 3, 4}
    served = await network.nodes[2].application.certified_blocks(1, 64, 10**8)
    assert len(served) == network.height
    late = network.opened(9)
    for payload, commit in served:
        validation = await late.application.validate(commit.height, payload, decided=True)
        assert validation.valid, validation.reason
        await late.application.commit(payload, commit)
    assert late.application.position() == network.nodes[2].application.position()
    again = network.opened(8)
    for payload, commit in served:
        await again.application.commit(payload, commit)
    assert again.store.head == late.store.head
    for node in (late, again):
        for height in range(1, network.height + 3):
            known = network.nodes[2].application.validators_of(height)
            assert node.application.validators_of(height) == known
        node.close()


async def test_sets_are_kept_in_the_store_without_their_members(network: ValidatorNetwork) -> None:
    await network.decide(5)
    rows = [network.nodes[0].store.consensus_record(number) for number in range(2, 6)]
    assert all(row is not None and consensus_key(3).public_key not in row for row in rows)


async def test_the_consensus_root_of_each_block_shows_the_set_and_the_next_one(
    network: ValidatorNetwork,
) -> None:
    await network.stake(4)
    await network.decide(5)
    application = network.nodes[0].application
    for number in range(1, network.height + 1):
        header = network.nodes[0].store.header(number)
        tied = application.consensus_data_of(number)
        assert header is not None
        assert tied is not None
        assert tied.root() == header.parent_beacon_block_root
        here, following = application.validators_of(number), application.validators_of(number + 1)
        assert here is not None
        assert following is not None
        assert (tied.validators_hash, tied.next_validators_hash) == (here.hash(), following.hash())


async def test_each_block_runs_again_in_the_environment_that_is_told_of_it(
    network: ValidatorNetwork,
) -> None:
    """Traces and simulations of old blocks stand on it: votes, evidence, who gets the fees."""
    await network.stake(4)
    await network.decide(2, absent=[1])
    report(network, double_vote(1, consensus_key(2)))
    await network.decide(3)
    await network.leave(0)
    await network.decide(3)
    node = network.nodes[3]
    deeds = 0
    for number in range(1, network.height + 1):
        environment, block = node.application.environment_of(number), node.store.block(number)
        assert environment is not None
        assert block is not None
        deeds += len(environment.misbehaviour)
        senders = [RecoveredTransaction(sent, recover_sender(sent)) for sent in block.transactions]
        parent = node.store.state_at(number - 1)
        result = execute_block(parent, environment, senders)
        assert result.requests_hash == block.header.requests_hash
        assert result.receipts_root == block.header.receipts_root
        assert node.store.state_root_after(parent, result.changes) == block.header.state_root
        record = node.application.chain_record(number)
        assert record is not None
        assert (record.updates, record.events) == (result.validator_updates, result.events)
    assert deeds == 1


async def test_what_the_contracts_know_is_read_from_the_state(network: ValidatorNetwork) -> None:
    await network.decide(5)
    state = network.nodes[0].store.latest_state()
    assert STAKING_REGISTRY.evidence_max_age_blocks(state) == PARAMETERS.evidence_max_age_blocks
    for index in range(5):
        operator = ACCOUNTS[index].address if index < 4 else None
        assert STAKING_REGISTRY.operator_of(state, consensus_key(index).address) == operator
        assert not STAKING_REGISTRY.is_tombstoned(state, consensus_key(index).address)
    staking = state.account(STAKING)
    assert staking is not None
    assert staking.balance == 4 * POWER * 10**18
