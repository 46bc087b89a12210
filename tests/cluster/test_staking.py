"""A network of real processes whose validators change: one joins by staking, one is down, one signs twice.

The network is made once; the tests run in the order of the file, each from where the one before left it.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chain.errors import NodeError
from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address, Hash32, checksum_address
from consensus.codec import encode_message
from consensus.sign_bytes import sign_digest
from consensus.signer import KeyFile
from consensus.types import Vote, VoteKind
from genesis import dev_accounts
from node.local_network import LocalNetwork, LocalNetworkOptions
from node.rpc_client import RpcClient
from tests.cluster.load import wait_for_receipts
from tests.cluster.signed_messages import Listener
from vm.system.addresses import DISTRIBUTION, SLASHING, STAKING
from vm.system.functions import Function
from vm.system.staking.consensus_key import prove_possession
from vm.system.staking.distribution import Distribution
from vm.system.staking.slashing import Slashing
from vm.system.staking.staking import Staking
from vm.system.staking.types import ONE, CommissionRates, Description, PageRequest

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
BASE_PORT = 20_145
LISTENER_PORT = 20_245
CHAIN_ID = 1337
COIN = 10**18
STAKE = 100
"""Coins of each validator of a local network, and of the one that joins."""
WINDOW = 20
RULES = {
    "signed_blocks_window": WINDOW,
    "min_signed_bps": 5_000,
    "downtime_jail_s": 4,
    "unbonding_time_s": 60,
    "slash_downtime_bps": 100,
}
JOINED, DOWN, TWICE = 4, 3, 2
"""Indexes of the node that joins, of the one that is down for a while, and of the one that signs twice."""


@dataclass
class Staked:
    """The network, and what the tests send and ask."""

    network: LocalNetwork
    listener: Listener
    folder: Path

    @property
    def node(self) -> RpcClient:
        return self.client(0)

    def client(self, index: int) -> RpcClient:
        return RpcClient(self.network.rpc_url(index), timeout_s=5)

    def send(self, key: PrivateKey, to: Address, payload: bytes, value: int = 0) -> dict[str, Any]:
        """The receipt."""
        nonce = self.node.quantity("eth_getTransactionCount", checksum_address(key.address), "pending")
        unsigned = UnsignedTransaction(
            TransactionType.DYNAMIC_FEE, CHAIN_ID, nonce, 10**9, 100 * 10**9, 2_000_000, to, value, payload
        )
        raw = sign_transaction(unsigned, key).raw
        transaction_hash = self.node.call("eth_sendRawTransaction", "0x" + raw.hex())
        assert wait_for_receipts(self.node, [transaction_hash], 30) == []
        receipt: dict[str, Any] = self.node.call("eth_getTransactionReceipt", transaction_hash)
        return receipt

    def ask(self, to: Address, function: Function[..., Any], *arguments: object) -> Any:
        request = {"to": checksum_address(to), "input": "0x" + function.encode(*arguments).hex()}
        return function.decode(bytes.fromhex(self.node.call("eth_call", request, "latest")[2:]))

    def height(self, index: int = 0) -> int:
        return self.client(index).quantity("eth_blockNumber")

    def operators(self) -> list[str]:
        """Of the validators that decide the next block."""
        return sorted([str(row["operator"]) for row in self.node.call("node_validators")])

    def consensus_key(self, index: int) -> PrivateKey:
        """Read from a copy: the node holds a lock on the file."""
        copy = self.folder / f"key{index}"
        shutil.copy(self.network.home(index).validator_key, copy)
        opened = KeyFile.open(copy)
        opened.close()
        return opened.key

    def kill(self, index: int) -> None:
        self.network.signal_node(index, signal.SIGKILL)
        self.until(lambda: self.network.pid(index) is None, "it lives on")

    def until(self, holds: Callable[[], bool], otherwise: str, timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if holds():
                    return
            except NodeError:
                pass
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.1)


def operator_key(index: int) -> PrivateKey:
    return dev_accounts()[index]


def operator(index: int) -> Address:
    return operator_key(index).address


def operators_of(*indexes: int) -> list[str]:
    return sorted([checksum_address(operator(index)) for index in indexes])


@pytest.fixture(scope="module")
def staked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staked]:
    folder = tmp_path_factory.mktemp("staking")
    network = LocalNetwork(folder / "net")
    listener = Listener(network, folder, f"/ip4/127.0.0.1/tcp/{LISTENER_PORT}")
    options = LocalNetworkOptions(validators=4, block_ms=300, base_port=BASE_PORT, staking=RULES)
    network.create(options, observers=[listener.identity.text])
    try:
        with listener:
            for index in range(4):
                network.start(index)
            network.wait_until_up()
            yield Staked(network, listener, folder)
            for index in range(network.node_count):
                assert "system_contract_fault" not in network.log_path(index).read_text()
    finally:
        network.stop()


def test_the_first_validators_are_stakers(staked: Staked) -> None:
    validators, page = staked.ask(STAKING, Staking.validators, "", _whole_page())
    assert sorted([one.tokens for one in validators]) == [STAKE * COIN] * 4
    assert page.total == 4
    assert staked.operators() == operators_of(0, 1, 2, 3)
    assert (
        int(staked.node.call("eth_getBalance", checksum_address(STAKING), "latest"), 16) == 4 * STAKE * COIN
    )


def test_a_fifth_node_joins_by_staking_and_proposes_blocks(staked: Staked) -> None:
    joined = staked.network.add_node()
    assert joined.index == JOINED
    key, owner = staked.consensus_key(JOINED), operator_key(JOINED)
    staked.network.start(JOINED)
    staked.until(lambda: staked.height(JOINED) >= staked.height() - 1, "the fifth node does not follow")
    proof = prove_possession(key, CHAIN_ID, owner.address)
    stolen = staked.send(operator_key(9), STAKING, Staking.registerConsensusKey.encode(key.public_key, proof))
    assert stolen["status"] == "0x0"
    registered = staked.send(owner, STAKING, Staking.registerConsensusKey.encode(key.public_key, proof))
    created = staked.send(owner, STAKING, _create_validator(owner.address, key), value=STAKE * COIN)
    assert (registered["status"], created["status"]) == ("0x1", "0x1")
    asked = int(created["blockNumber"], 16)
    staked.until(lambda: staked.operators() == operators_of(0, 1, 2, 3, JOINED), "it is no validator")
    events = staked.node.call("node_blockEvents", created["blockNumber"])
    assert [update["power"] for update in events["validatorUpdates"]] == [STAKE]
    staked.until(lambda: staked.height() >= asked + 2, "no blocks")
    sets = [len(staked.node.call("node_validators", hex(number))) for number in (asked, asked + 1, asked + 2)]
    assert sets == [4, 4, 5]
    own = checksum_address(owner.address).lower()
    staked.until(
        lambda: any(_block(staked, number)["miner"] == own for number in _recent(staked)),
        "it proposes nothing",
    )
    _assert_same_blocks(staked)


def test_delegators_earn_and_withdraw(staked: Staked) -> None:
    delegator, chosen = operator_key(9), checksum_address(operator(JOINED))
    payload = Staking.delegate.encode(delegator.address, chosen, 50 * COIN)
    assert staked.send(delegator, STAKING, payload, value=50 * COIN)["status"] == "0x1"
    wait_for = staked.height() + 5
    staked.until(lambda: staked.height() >= wait_for, "no blocks")
    earned = staked.ask(DISTRIBUTION, Distribution.delegationRewards, delegator.address, chosen)
    assert earned[0].amount > 0
    before = _balance(staked, delegator.address)
    payload = Distribution.withdrawDelegatorRewards.encode(delegator.address, chosen)
    receipt = staked.send(delegator, DISTRIBUTION, payload)
    paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert receipt["status"] == "0x1"
    assert _balance(staked, delegator.address) + paid - before > 0
    assert staked.node.call("node_validators")[0]["power"] == STAKE + 50


def test_one_that_is_down_is_jailed_and_comes_back(staked: Staked) -> None:
    address = checksum_address(operator(DOWN))
    staked.kill(DOWN)
    staked.until(lambda: address not in staked.operators(), "it keeps its seat", timeout_s=90)
    validator = staked.ask(STAKING, Staking.validator, operator(DOWN))
    assert validator.jailed
    assert validator.tokens == STAKE * COIN * 99 // 100
    staked.network.start(DOWN)
    staked.until(lambda: staked.height(DOWN) >= staked.height() - 1, "it does not catch up")
    unjail = Slashing.unjail.encode(operator(DOWN))
    assert staked.send(operator_key(9), SLASHING, unjail)["status"] == "0x0"

    def unjailed() -> bool:
        return bool(staked.send(operator_key(DOWN), SLASHING, unjail)["status"] == "0x1")

    staked.until(unjailed, "it stays in jail")
    staked.until(lambda: address in staked.operators(), "it gets no seat")
    consensus_address = staked.consensus_key(DOWN).address
    seat = staked.height() + 2
    staked.until(lambda: staked.listener.heights.get(consensus_address, 0) > seat, "it signs nothing")
    _assert_same_blocks(staked)


def test_one_that_signs_twice_is_slashed_and_leaves_for_ever(staked: Staked) -> None:
    key, address = staked.consensus_key(TWICE), checksum_address(operator(TWICE))

    def gone() -> bool:
        """Another vote of its key for each height to come, until somebody has both."""
        height = staked.height()
        for ahead in (1, 2):
            vote = Vote(VoteKind.PREVOTE, height + ahead, 0, Hash32(b"\x66" * 32), key.address, b"")
            signed = vote.signed(key.sign_compact(sign_digest(CHAIN_ID, vote)))
            staked.listener.send_to_all(encode_message(signed))
        return address not in staked.operators()

    staked.until(gone, "it keeps its seat", timeout_s=60)
    validator = staked.ask(STAKING, Staking.validator, operator(TWICE))
    assert (validator.jailed, validator.tokens) == (True, STAKE * COIN * 95 // 100)
    assert staked.ask(SLASHING, Slashing.getSigningInfo, key.address).tombstoned
    refused = staked.send(operator_key(TWICE), SLASHING, Slashing.unjail.encode(operator(TWICE)))
    assert refused["status"] == "0x0"
    height = staked.height()
    staked.until(lambda: staked.height() >= height + 5, "the chain stands still")
    assert staked.ask(STAKING, Staking.validator, operator(TWICE)).tokens == validator.tokens  # once only
    _assert_same_blocks(staked)


def test_all_of_it_survives_a_restart_of_everybody(staked: Staked) -> None:
    before = staked.operators()
    assert before == operators_of(0, 1, DOWN, JOINED)
    for index in range(staked.network.node_count):
        staked.kill(index)
    for index in range(staked.network.node_count):
        staked.network.start(index)
    heights: list[int] = []

    def answers() -> bool:
        heights.append(staked.height())
        return True

    # While five processes start on two cores, an answer may take long.
    staked.until(answers, "no node answers")
    for index in range(staked.network.node_count):
        staked.until(lambda index=index: staked.height(index) >= heights[0] + 3, "one stays behind")  # type: ignore[misc]
    assert staked.operators() == before
    _assert_same_blocks(staked)
    cheat = staked.consensus_key(TWICE).address
    assert {place[0] for place in staked.listener.double_signatures()} <= {cheat}


def _create_validator(owner: Address, key: PrivateKey) -> bytes:
    return Staking.createValidator.encode(
        Description("fifth", "", "", "", ""),
        CommissionRates(ONE // 10, ONE // 5, ONE // 100),
        COIN,
        owner,
        "0x" + key.public_key.hex(),
        STAKE * COIN,
    )


def _whole_page() -> Any:
    return PageRequest(b"", 0, 50, True, False)


def _block(staked: Staked, number: int) -> dict[str, Any]:
    block: dict[str, Any] = staked.node.call("eth_getBlockByNumber", hex(number), False)
    return block


def _recent(staked: Staked) -> range:
    head = staked.height()
    return range(max(1, head - 8), head + 1)


def _balance(staked: Staked, address: Address) -> int:
    return int(staked.node.call("eth_getBalance", checksum_address(address), "latest"), 16)


def _assert_same_blocks(staked: Staked) -> None:
    """All nodes tell the same of the last blocks."""
    nodes = [staked.client(index) for index in range(staked.network.node_count)]
    last = min([int(node.call("eth_blockNumber"), 16) for node in nodes])
    for number in range(max(0, last - 30), last + 1):
        hashes = {node.call("eth_getBlockByNumber", hex(number), False)["hash"] for node in nodes}
        assert len(hashes) == 1, f"height {number}: {hashes}"
