import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from chain.block import Block
from chain.errors import InvariantViolation
from chain.header import Header
from chain.secp256k1 import PrivateKey
from chain.transaction import (
    RecoveredTransaction,
    TransactionType,
    UnsignedTransaction,
    sign_authorization,
    sign_transaction,
)
from chain.types import Hash32
from genesis import AUR
from node.application import MAX_OFFERS
from node.chain_rules import earliest_time_ms
from node.payload import BlockPayload, ConsensusRecord, decode_payload, encode_payload
from state.kv import DatabaseDamaged
from tests.node.chain_fixture import ACCOUNTS, RECEIVER, HandDrivenChain, commit_of, transfer
from vm.system.addresses import DISTRIBUTION
from vm.system.staking.parameters import StakingParameters
from vm.transaction import apply_transaction


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path)
    yield driven
    driven.close()


async def submit(chain: HandDrivenChain, *raws: bytes) -> list[object]:
    async with trio.open_nursery() as nursery:
        await nursery.start(chain.pool.run)
        answers = await chain.pool.submit(raws)
        nursery.cancel_scope.cancel()
    return list(answers)


def decoded(chain: HandDrivenChain, payload: bytes) -> BlockPayload:
    return decode_payload(payload, 1337, 10**7, lambda _hash: None)


async def test_an_empty_block_follows_genesis_and_survives_a_restart(tmp_path: Path) -> None:
    chain = HandDrivenChain(tmp_path)
    await chain.decide()
    await chain.decide()
    position = chain.application.position()
    chain.close()
    again = HandDrivenChain(tmp_path)
    assert again.application.position() == position
    assert position.height == 2
    assert position.last_commit is not None
    await again.decide()
    again.close()


async def test_a_transfer_is_included_paid_for_and_leaves_the_pool(chain: HandDrivenChain) -> None:
    transaction = transfer(0, 0, value=5 * AUR)
    assert await submit(chain, transaction.raw) == [transaction.hash]
    await chain.decide()
    block = chain.store.block(1)
    receipts = chain.store.receipts(1)
    assert block is not None
    assert receipts is not None
    assert [item.hash for item in block.transactions] == [transaction.hash]
    assert receipts[0].succeeded
    state = chain.store.latest_state()
    receiver, sender, fees = map(state.account, (RECEIVER, ACCOUNTS[0].address, DISTRIBUTION))
    assert receiver is not None
    assert sender is not None
    assert fees is not None
    assert receiver.balance == 5 * AUR
    tip = 21_000 * 10**9
    assert fees.balance == tip + StakingParameters().block_reward_wei
    burnt = 21_000 * block.header.base_fee_per_gas
    assert sender.balance == 10_000 * AUR - 5 * AUR - burnt - tip
    assert chain.pool.counts() == (0, 0, 0)
    assert chain.pool.pending_nonce(ACCOUNTS[0].address) == 1


async def test_validating_on_another_node_gives_the_same_block(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = HandDrivenChain(tmp_path / "a"), HandDrivenChain(tmp_path / "b")
    await submit(first, *(transfer(0, nonce).raw for nonce in range(30)))
    for _ in range(3):
        height, block_id, payload = await first.build()
        verdict = await second.application.validate(height, payload)
        assert (verdict.valid, verdict.block_id) == (True, block_id)
        commit = commit_of(1337, height, block_id)
        await first.application.commit(payload, commit)
        # The second one forgets what it executed, as after a restart: commit executes again.
        second.application._executed.clear()
        await second.application.commit(payload, commit)
    assert first.store.head == second.store.head
    served = await second.application.certified_blocks(1, 10, 10**6)
    assert [commit.height for _, commit in served] == [1, 2, 3]
    (tmp_path / "c").mkdir()
    third = HandDrivenChain(tmp_path / "c")
    for payload, commit in served:
        await third.application.commit(payload, commit)
    assert third.store.head == first.store.head
    for driven in (first, second, third):
        driven.close()


def _with_header(payload: BlockPayload, **changes: object) -> BlockPayload:
    values = {
        name: getattr(payload.block.header, name) for name in Header.__dataclass_fields__ if name != "hash"
    }
    header = Header(**{**values, **changes})
    return BlockPayload(Block(header, payload.block.transactions), payload.transactions, payload.record)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parent_hash", Hash32(b"\x01" * 32)),
        ("state_root", Hash32(b"\x01" * 32)),
        ("receipts_root", Hash32(b"\x01" * 32)),
        ("gas_limit", 40_000_000),
        ("gas_used", 1),
        ("timestamp", 1),
        ("base_fee_per_gas", 1),
        ("difficulty", 1),
        ("number", 7),
        ("beneficiary", RECEIVER),
        ("prev_randao", Hash32(b"\x02" * 32)),
        ("parent_beacon_block_root", Hash32(b"\x02" * 32)),
        ("nonce", b"\x01" * 8),
        ("excess_blob_gas", 1),
        ("requests_hash", None),
    ],
)
async def test_a_header_that_lies_is_refused(chain: HandDrivenChain, field: str, value: object) -> None:
    await submit(chain, transfer(0, 0).raw)
    height, _, raw = await chain.build()
    lying = encode_payload(_with_header(decoded(chain, raw), **{field: value}))
    verdict = await chain.application.validate(height, lying)
    assert not verdict.valid
    assert verdict.reason
    assert (await chain.application.validate(height, raw)).valid


async def test_a_commit_of_the_parent_by_a_stranger_is_refused(chain: HandDrivenChain) -> None:
    await chain.decide()
    height, _, raw = await chain.build()
    payload = decoded(chain, raw)
    assert payload.record.last_commit is not None
    forged = commit_of(1337, 1, payload.record.last_commit.block_id, PrivateKey(b"\x13" * 32))
    record = ConsensusRecord(payload.record.timestamp_ms, forged)
    verdict = await chain.application.validate(
        height, encode_payload(dataclasses.replace(payload, record=record))
    )
    assert not verdict.valid


@pytest.mark.parametrize("shift_ms", [-(10**9), 60_000])
async def test_a_time_out_of_bounds_is_refused(chain: HandDrivenChain, shift_ms: int) -> None:
    await chain.decide()
    chain.clock.now_ms += shift_ms
    height, _, raw = await chain.build()
    chain.clock.now_ms -= shift_ms
    verdict = await chain.application.validate(height, raw)
    assert verdict.valid == (shift_ms < 0)  # a clock that goes back still gives a time after the parent's
    if shift_ms > 0:
        assert "ahead of the clock" in verdict.reason
        # Clocks differ and go on: a verdict on the block would bind this node to it for the whole height.
        assert verdict.block_id is None
        chain.clock.now_ms += shift_ms
        assert (await chain.application.validate(height, raw)).valid


async def test_a_block_before_the_interval_is_over_is_refused(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await chain.decide()
    earliest = earliest_time_ms
    monkeypatch.setattr("node.application.earliest_time_ms", lambda *parts: earliest(*parts) - 1)
    height, block_id, hasty = await chain.build()
    verdict = await chain.application.validate(height, hasty)
    assert (verdict.valid, verdict.block_id) == (False, block_id)
    assert "block interval" in verdict.reason


async def test_other_bytes_under_an_honest_header_say_nothing_about_the_block(chain: HandDrivenChain) -> None:
    await submit(chain, transfer(0, 0).raw)
    height, block_id, raw = await chain.build()
    payload = decoded(chain, raw)
    emptied = encode_payload(BlockPayload(Block(payload.block.header, ()), (), payload.record))
    later = dataclasses.replace(payload.record, timestamp_ms=payload.record.timestamp_ms + 1)
    for forged in (emptied, encode_payload(dataclasses.replace(payload, record=later))):
        verdict = await chain.application.validate(height, forged)
        assert (verdict.valid, verdict.block_id) == (False, None)
    assert (await chain.application.validate(height, raw)).block_id == block_id


async def test_a_decided_block_is_not_judged_by_the_local_clock(chain: HandDrivenChain) -> None:
    chain.clock.now_ms += 10**6
    height, _, raw = await chain.build()
    chain.clock.now_ms -= 10**6
    refusal = await chain.application.validate(height, raw)
    assert (refusal.valid, refusal.block_id, refusal.is_peer_fault) == (False, None, False)
    assert (await chain.application.validate(height, raw, decided=True)).valid


async def test_a_transaction_below_the_base_fee_makes_no_blocks(chain: HandDrivenChain) -> None:
    cheap = transfer(0, 0, tip=1, fee=10)
    assert await submit(chain, cheap.raw) == [cheap.hash]
    assert not chain.application.has_transactions()


async def test_a_fault_of_the_disk_while_building_is_not_blamed_on_a_transaction(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(chain, transfer(0, 0).raw)

    def failing(*_: object, **__: object) -> object:
        raise DatabaseDamaged("bad sector")

    monkeypatch.setattr("vm.block.apply_transaction", failing)
    with pytest.raises(DatabaseDamaged):
        await chain.build()
    assert chain.pool.counts()[0] == 1


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"\x94\x01\xc4\x00\x90\xc4\x00", b"\xff" * 100])
async def test_garbage_is_an_invalid_proposal(chain: HandDrivenChain, garbage: bytes) -> None:
    verdict = await chain.application.validate(1, garbage)
    assert (verdict.valid, verdict.block_id) == (False, None)


async def test_a_decided_block_that_does_not_execute_stops_the_node(chain: HandDrivenChain) -> None:
    height, _, raw = await chain.build()
    lying = _with_header(decoded(chain, raw), gas_used=1)
    commit = commit_of(1337, height, lying.block.hash)
    with pytest.raises(InvariantViolation, match="does not execute"):
        await chain.application.commit(encode_payload(lying), commit)
    assert chain.store.head.number == 0


async def test_a_full_block_leaves_the_rest_for_the_next(tmp_path: Path) -> None:
    chain = HandDrivenChain(tmp_path)
    count = chain.constants.gas_limit // 21_000 + 10
    raws = [transfer(sender, nonce).raw for sender in range(10) for nonce in range(count // 10 + 1)]
    answers = await submit(chain, *raws)
    assert all(isinstance(answer, bytes) for answer in answers)
    await chain.decide()
    first = chain.store.block(1)
    assert first is not None
    assert first.header.gas_used <= chain.constants.gas_limit
    await chain.decide()
    second = chain.store.block(2)
    assert second is not None
    assert len(first.transactions) + len(second.transactions) == len(raws)
    chain.close()


async def test_a_block_that_missed_its_round_is_offered_again_and_an_empty_one_is_built_anew(
    chain: HandDrivenChain,
) -> None:
    _, empty, _ = await chain.build()
    await submit(chain, transfer(0, 0).raw)
    _, first, _ = await chain.build()
    await submit(chain, transfer(0, 1).raw)
    assert (await chain.build())[1] == first != empty
    await chain.decide()
    block = chain.store.block(1)
    assert block is not None
    assert block.hash == first
    await chain.decide()
    second = chain.store.block(2)
    assert second is not None
    assert len(second.transactions) == 1


async def test_a_peers_block_that_missed_its_round_is_offered_rather_than_another_one(
    chain: HandDrivenChain, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Otherwise each round makes everybody execute one more block, if one takes longer than a round."""
    peer = HandDrivenChain(tmp_path_factory.mktemp("peer"))
    await submit(peer, transfer(0, 0).raw)
    _, theirs, payload = await peer.build()
    peer.close()
    await submit(chain, transfer(0, 0).raw, transfer(0, 1).raw)
    _, own, _ = await chain.build()
    assert own != theirs
    assert (await chain.application.validate(1, payload)).valid
    offered = [(await chain.build())[1] for _ in range(MAX_OFFERS + MAX_OFFERS)]
    assert offered[:MAX_OFFERS] == [theirs] * MAX_OFFERS
    assert offered[MAX_OFFERS : 2 * MAX_OFFERS - 1] == [own] * (MAX_OFFERS - 1)


async def test_an_authorization_of_another_sender_does_not_leave_transactions_waiting_for_ever(
    chain: HandDrivenChain,
) -> None:
    """EIP-7702: the set-code transaction of account 1 raises the nonce of account 0, which sent nothing itself."""
    authorization = sign_authorization(1337, RECEIVER, 0, ACCOUNTS[0])
    set_code = sign_transaction(
        UnsignedTransaction(
            type=TransactionType.SET_CODE,
            chain_id=1337,
            nonce=0,
            max_priority_fee_per_gas=50 * 10**9,
            max_fee_per_gas=100 * 10**9,
            gas_limit=100_000,
            to=RECEIVER,
            value=0,
            data=b"",
            authorizations=(authorization,),
        ),
        ACCOUNTS[1],
    )
    later = transfer(0, 1)
    await submit(chain, transfer(0, 0).raw, later.raw, set_code.raw)
    await chain.decide()
    assert chain.pool.counts()[:2] == (1, 0)
    assert chain.pool.pending_nonce(ACCOUNTS[0].address) == 2
    await chain.decide()
    block = chain.store.block(2)
    assert block is not None
    assert [item.hash for item in block.transactions] == [later.hash]


async def test_waiting_for_transactions_ends_with_the_first(chain: HandDrivenChain) -> None:
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(chain.pool.run)
            nursery.start_soon(chain.pool.submit, [transfer(0, 0).raw])
            await chain.application.wait_for_transactions()
            nursery.cancel_scope.cancel()
    assert chain.application.has_transactions()


async def test_wrong_transactions_are_answered_with_their_reasons(chain: HandDrivenChain) -> None:
    answers = await submit(
        chain,
        b"",
        b"\x02\xc0",
        b"\x03" + b"\xc0",
        transfer(0, 0, chain_id=5).raw,
        transfer(0, 0, gas=20_000).raw,
        transfer(0, 0, gas=31_000_000).raw,
        transfer(0, 0, value=10_001 * AUR).raw,
        transfer(0, 0).raw,
        transfer(0, 0).raw,
    )
    texts = [str(answer) for answer in answers]
    for text, words in zip(
        texts,
        ["", "", "transaction type not supported", "chain id", "intrinsic gas too low", "exceeds block gas limit",
         "insufficient funds for gas * price + value", "", "already known"],
        strict=True,
    ):  # fmt: skip
        assert words in text
    assert isinstance(answers[7], bytes)


async def test_acknowledged_transactions_survive_a_restart(tmp_path: Path) -> None:
    chain = HandDrivenChain(tmp_path, journal=True)
    raws = [transfer(0, nonce).raw for nonce in range(5)]
    await submit(chain, *raws)
    chain.close()
    again = HandDrivenChain(tmp_path, journal=True)
    await submit(again, transfer(1, 0).raw)
    assert again.pool.counts()[:2] == (6, 0)
    again.close()


async def test_a_transaction_that_crashes_execution_is_left_out_and_refused(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours in the engine must cost one transaction, not the node."""
    good, poison = transfer(0, 0), transfer(1, 0)
    await submit(chain, good.raw, poison.raw)
    height, _, with_poison = await chain.build()
    apply = apply_transaction

    def crashing(world: object, env: object, recovered: RecoveredTransaction, **rest: object) -> object:
        if recovered.transaction.hash == poison.hash:
            raise RecursionError("a bug")
        return apply(world, env, recovered, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr("vm.block.apply_transaction", crashing)
    verdict = await chain.application.validate(height, with_poison)
    assert not verdict.valid
    assert "crashed" in verdict.reason
    await chain.decide()
    block = chain.store.block(1)
    assert block is not None
    assert [item.hash for item in block.transactions] == [good.hash]
    assert chain.pool.counts()[0] == 0
