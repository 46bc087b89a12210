"""What the node reads of the staking contracts is what their own functions answer, and it never writes."""

from __future__ import annotations

import pytest

from chain.errors import InvariantViolation
from chain.types import Address
from node.validator_registry import STAKING_REGISTRY, _slashing
from state.reader import DictReader
from tests.vm.system.staking.network import Network, consensus_key
from vm.system.addresses import SLASHING, STAKING
from vm.system.testing import address_of

STRANGER = Address(b"\x07" * 20)


def test_it_reads_what_the_contracts_say() -> None:
    network = Network()
    network.mine(2)
    network.mine(double=[("v1", 1)])
    state = DictReader(storage={at: network.chain.storage(at) for at in (STAKING, SLASHING)})
    for name in network.names.values():
        key = consensus_key(name)
        assert STAKING_REGISTRY.operator_of(state, key.address) == address_of(name)
        told = network.slashing.getSigningInfo(key.address)
        assert STAKING_REGISTRY.is_tombstoned(state, key.address) == told.tombstoned == (name == "v1")
        assert STAKING_REGISTRY.may_be_accused(state, key.address) == (name != "v1")
    assert STAKING_REGISTRY.evidence_max_age_blocks(state) == network.parameters.evidence_max_age_blocks
    assert STAKING_REGISTRY.operator_of(state, STRANGER) is None
    assert not STAKING_REGISTRY.may_be_accused(state, STRANGER)


def test_a_state_without_the_contracts_accuses_nobody() -> None:
    state = DictReader()
    assert not STAKING_REGISTRY.may_be_accused(state, STRANGER)
    assert not STAKING_REGISTRY.is_tombstoned(state, STRANGER)
    assert STAKING_REGISTRY.evidence_max_age_blocks(state) == 0


def test_it_never_writes() -> None:
    with pytest.raises(InvariantViolation, match="the node writes"):
        _slashing(DictReader()).signing[STRANGER].tombstoned = True
