"""The development chain: what it does with blocks, time, state and snapshots, and what is left after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from chain.impersonation import impersonation_signature
from chain.secp256k1 import PrivateKey
from chain.transaction import (
    TransactionType,
    UnsignedTransaction,
    assemble_transaction,
    decode_transaction,
    recover_sender,
)
from chain.types import parse_address
from consensus.certificates import verify_commit
from consensus.types import BlockIdFlag
from genesis import GenesisValidator, dev_genesis, dump_genesis, testnet_genesis
from node.chain_start import open_dev_store, open_store, read_chain
from node.dev.clock import MAX_TIME_S
from node.errors import ConfigError, HomeError
from state.dev_store import DEV_MARK
from tests.node.chain_fixture import GENESIS_TIME, OPERATOR, VALIDATOR
from tests.node.dev.dev_fixture import ACCOUNTS, AUR, FIRST, SECOND, STRANGER, WallClock, open_dev
from vm.system.addresses import STAKING
from vm.system.staking.consensus_key import key_to_text, prove_possession
from vm.system.staking.staking import Staking
from vm.system.staking.types import CommissionRates, Description

ANSWER_10 = "0x600a60005260206000f3"


async def test_a_transaction_is_mined_before_it_is_answered(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        sent = await dev.pay(5)
        assert await dev.height() == 1
        receipt = await dev.call("eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1"
        assert receipt["from"] == FIRST
        assert await dev.number("eth_getBalance", STRANGER) == 5
        # Nobody of the accounts earns the fees, so that a test can reckon with what they pay.
        paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        assert await dev.number("eth_getBalance", FIRST) == 10_000 * AUR - 5 - paid


async def test_raw_transactions_are_mined_too_and_those_of_a_batch_together(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        for nonce in range(3):
            signed = await dev.call(
                "eth_signTransaction", {"from": FIRST, "to": STRANGER, "nonce": hex(nonce), "gas": "0x5208"}
            )
            await dev.call("eth_sendRawTransaction", signed["raw"])
            assert await dev.height() == nonce + 1
            assert await dev.number("eth_getTransactionCount", FIRST) == nonce + 1


async def test_many_at_once_get_their_nonces_in_order(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        sent: list[str] = []

        async def pay() -> None:
            sent.append(await dev.pay())

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(pay)
        assert len(set(sent)) == 20
        assert await dev.number("eth_getTransactionCount", FIRST) == 20
        assert await dev.number("eth_getBalance", STRANGER) == 20


async def test_without_automine_blocks_come_on_request(tmp_path: Path) -> None:
    async with open_dev(tmp_path, automine=False) as dev:
        assert await dev.call("hardhat_getAutomine") is False
        sent = await dev.pay()
        assert await dev.call("eth_getTransactionReceipt", sent) is None
        assert await dev.number("eth_getTransactionCount", FIRST, "pending") == 1
        assert (await dev.block("pending"))["transactions"] == [sent]
        assert await dev.call("evm_mine") == "0x0"
        assert (await dev.call("eth_getTransactionReceipt", sent))["blockNumber"] == "0x1"
        await dev.call("evm_setAutomine", True)
        await dev.pay()
        assert await dev.height() == 2


async def test_blocks_come_at_an_interval(tmp_path: Path) -> None:
    async with open_dev(tmp_path, automine=False, interval_ms=20) as dev:
        with trio.fail_after(10):
            while await dev.height() < 3:
                await trio.sleep(0.01)
        await dev.call("evm_setIntervalMining", 0)
        assert dev.node.interval_ms is None
        await trio.sleep(0.05)
        height = await dev.height()
        await trio.sleep(0.1)
        assert await dev.height() == height


async def test_times_grow_by_a_second_and_follow_the_clock(tmp_path: Path) -> None:
    wall = WallClock()
    async with open_dev(tmp_path, wall=wall) as dev:
        await dev.call("evm_mine")
        first = await dev.time()
        assert first == wall.now_ms // 1000
        await dev.call("evm_mine")
        assert await dev.time() == first + 1
        wall.now_ms += 60_000
        await dev.call("evm_mine")
        assert await dev.time() == first + 60


async def test_the_clock_can_be_moved_and_stays_moved_after_a_restart(tmp_path: Path) -> None:
    wall = WallClock()
    async with open_dev(tmp_path, wall=wall) as dev:
        assert await dev.call("evm_increaseTime", 1000) == 1000
        assert await dev.call("evm_increaseTime", "0x64") == 1100
        await dev.call("evm_mine")
        moved = await dev.time()
        assert moved == wall.now_ms // 1000 + 1100
        assert await dev.call("evm_setNextBlockTimestamp", moved + 500) is None
        await dev.call("evm_mine")
        assert await dev.time() == moved + 500
    wall.now_ms += 3_000
    async with open_dev(tmp_path, wall=wall) as dev:
        await dev.call("evm_mine")
        assert await dev.time() == moved + 503


async def test_time_cannot_go_back_or_out_of_range(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.call("evm_mine")
        now = await dev.time()
        code, text = await dev.error("evm_setNextBlockTimestamp", now)
        assert code == -32000
        assert text == f"Timestamp {now} is lower than or equal to previous block's timestamp {now}"
        assert "out of range" in (await dev.error("evm_increaseTime", 2**200))[1]
        assert "lower than or equal" in (await dev.error("evm_mine", now))[1]
        assert await dev.height() == 1


async def test_the_end_of_time_is_no_end_of_the_node(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.call("evm_setNextBlockTimestamp", MAX_TIME_S)
        await dev.call("evm_mine")
        assert await dev.time() == MAX_TIME_S
        for method, params in (
            ("evm_mine", ()),
            ("hardhat_mine", ("0x5",)),
            ("eth_sendTransaction", ({"from": FIRST, "to": STRANGER},)),
        ):
            assert "out of range" in (await dev.error(method, *params))[1]
        dev.node.set_interval_ms(1)
        with trio.fail_after(5):
            while dev.node.interval_ms is not None:
                await trio.sleep(0.01)
        await dev.call("hardhat_reset")
        await dev.pay()


async def test_blocks_may_have_an_interval_of_their_own(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.call("hardhat_mine", "0x3", "0xe10")
        times = [int((await dev.block(hex(number)))["timestamp"], 16) for number in (1, 2, 3)]
        assert [times[1] - times[0], times[2] - times[1]] == [3600, 3600]
        await dev.call("anvil_setBlockTimestampInterval", 12)
        await dev.call("anvil_mine", 2)
        assert await dev.time() == times[2] + 24
        assert await dev.call("anvil_removeBlockTimestampInterval") is True
        assert await dev.call("anvil_removeBlockTimestampInterval") is False


async def test_wishes_for_the_next_block(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.call("hardhat_setNextBlockBaseFeePerGas", hex(2 * 10**9))
        await dev.call("hardhat_setPrevRandao", "0x" + "00" * 31 + "63")
        await dev.call("hardhat_setCoinbase", STRANGER)
        await dev.call("evm_setBlockGasLimit", hex(50_000_000))
        assert await dev.number("eth_baseFee") == 2 * 10**9
        await dev.call("evm_mine")
        block = await dev.block()
        assert block["baseFeePerGas"] == hex(2 * 10**9)
        assert block["mixHash"] == "0x" + "00" * 31 + "63"
        assert (block["miner"], block["gasLimit"]) == (STRANGER, hex(50_000_000))
        await dev.call("evm_mine")
        following = await dev.block()
        assert following["baseFeePerGas"] != hex(2 * 10**9)
        assert following["mixHash"] != block["mixHash"]
        assert (following["miner"], following["gasLimit"]) == (STRANGER, hex(50_000_000))


async def test_a_block_may_be_free(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        code, text = await dev.error(
            "eth_sendTransaction", {"from": FIRST, "to": STRANGER, "gasPrice": "0x0"}
        )
        assert (code, "max fee per gas less than block base fee" in text) == (-32000, True)
        await dev.call("hardhat_setNextBlockBaseFeePerGas", "0x0")
        await dev.pay(gasPrice="0x0")
        assert (await dev.block())["baseFeePerGas"] == "0x0"
        assert await dev.number("eth_getBalance", FIRST) == 10_000 * AUR - 1


async def test_state_set_by_hand_is_there_at_once_in_the_next_block_and_after_a_restart(
    tmp_path: Path,
) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.call("hardhat_setBalance", STRANGER, hex(3 * AUR))
        await dev.call("hardhat_setNonce", STRANGER, "0x9")
        await dev.call("anvil_setCode", SECOND, ANSWER_10)
        await dev.call("hardhat_setStorageAt", SECOND, "0x3", "0x" + "00" * 31 + "2a")
    async with open_dev(tmp_path) as dev:
        for _ in range(2):
            assert await dev.number("eth_getBalance", STRANGER) == 3 * AUR
            assert await dev.number("eth_getTransactionCount", STRANGER) == 9
            assert await dev.call("eth_getCode", SECOND) == ANSWER_10
            assert int(await dev.call("eth_getStorageAt", SECOND, "0x3"), 16) == 42
            assert int(await dev.call("eth_call", {"to": SECOND}), 16) == 10
            await dev.call("evm_mine")
        proof = await dev.call("eth_getProof", STRANGER, [], "latest")
        assert proof["balance"] == hex(3 * AUR)
        assert (await dev.block())["stateRoot"] == "0x" + dev.store.head.state_root.hex()


async def test_what_is_set_to_nothing_is_gone(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        root = (await dev.block())["stateRoot"]
        await dev.call("hardhat_setStorageAt", STRANGER, "0x1", "0x" + "00" * 32)
        await dev.call("hardhat_setBalance", STRANGER, "0x5")
        await dev.call("hardhat_setCode", STRANGER, ANSWER_10)
        await dev.call("hardhat_setStorageAt", STRANGER, "0x1", "0x" + "00" * 31 + "01")
        assert dev.store.head.state_root.hex() != root[2:]
        await dev.call("hardhat_setStorageAt", STRANGER, "0x1", "0x" + "00" * 32)
        await dev.call("hardhat_setCode", STRANGER, "0x")
        await dev.call("hardhat_setBalance", STRANGER, "0x0")
        assert dev.store.head.state_root.hex() == root[2:]


async def test_balances_cannot_add_up_to_more_than_a_word(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        most = 2**256 - 1 - 100_000 * AUR
        code, text = await dev.error("hardhat_setBalance", STRANGER, hex(2**256 - 1))
        assert (code, f"{most} wei are left" in text) == (-32000, True)
        await dev.call("hardhat_setBalance", STRANGER, hex(most))
        await dev.call("hardhat_impersonateAccount", STRANGER)
        await dev.pay(most - AUR, sender=STRANGER, to=FIRST)
        assert await dev.number("eth_getBalance", FIRST) == 10_000 * AUR + most - AUR
        assert "wei are left" in (await dev.error("hardhat_setBalance", STRANGER, "0x1"))[1]


async def test_an_impersonated_contract_sends_and_the_block_still_reads_after_a_restart(
    tmp_path: Path,
) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.call("hardhat_setCode", STRANGER, ANSWER_10)
        await dev.call("hardhat_setBalance", STRANGER, hex(AUR))
        assert (await dev.error("eth_sendTransaction", {"from": STRANGER, "to": FIRST}))[
            1
        ] == "unknown account"
        await dev.call("hardhat_impersonateAccount", STRANGER)
        sent = await dev.pay(7, sender=STRANGER, to=SECOND)
        assert (await dev.call("eth_getTransactionReceipt", sent))["from"] == STRANGER
        assert await dev.call("hardhat_stopImpersonatingAccount", STRANGER) is True
        assert await dev.call("hardhat_stopImpersonatingAccount", STRANGER) is False
        assert (await dev.error("eth_sendTransaction", {"from": STRANGER, "to": FIRST}))[
            1
        ] == "unknown account"
    async with open_dev(tmp_path) as dev:
        assert (await dev.call("eth_getTransactionByHash", sent))["from"] == STRANGER
        assert (await dev.call("eth_getTransactionReceipt", sent))["from"] == STRANGER
        full = await dev.call("eth_getBlockByNumber", "latest", True)
        assert [item["from"] for item in full["transactions"]] == [STRANGER]
        await dev.call("anvil_autoImpersonateAccount", True)
        again = await dev.pay(7, sender=STRANGER, to=SECOND)
        trace = await dev.call("debug_traceTransaction", again, {"tracer": "callTracer"})
        assert trace["from"] == STRANGER


async def test_an_account_of_the_node_sends_although_a_test_has_put_code_there(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.call("hardhat_setCode", FIRST, ANSWER_10)
        sent = await dev.pay(5)
        assert (await dev.call("eth_getTransactionReceipt", sent))["from"] == FIRST
        await dev.call("hardhat_setCode", FIRST, "0xef0100" + SECOND[2:])  # EIP-7702: its key may send
        sent = await dev.pay(5)
        assert (await dev.call("eth_getTransactionByHash", sent))["from"] == FIRST
        assert (await dev.call("node_status"))["development"]["automine"] is True


async def test_an_unsigned_transaction_needs_no_impersonation(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.call("anvil_addBalance", STRANGER, hex(AUR))
        await dev.call("anvil_addBalance", STRANGER, hex(AUR))
        assert await dev.number("eth_getBalance", STRANGER) == 2 * AUR
        fields = {"from": STRANGER, "to": SECOND, "value": "0x7"}
        sent = await dev.call("eth_sendUnsignedTransaction", fields)
        assert (await dev.call("eth_getTransactionReceipt", sent))["from"] == STRANGER
        assert (await dev.error("eth_sendTransaction", fields))[1] == "unknown account"


async def test_nobody_impersonates_by_sending_the_mark(tmp_path: Path) -> None:
    unsigned = UnsignedTransaction(
        TransactionType.DYNAMIC_FEE, 1337, 0, 10**9, 10**11, 21_000, parse_address(STRANGER), 1
    )
    raw = assemble_transaction(unsigned, impersonation_signature(parse_address(SECOND))).raw
    async with open_dev(tmp_path) as dev:
        code, text = await dev.error("eth_sendRawTransaction", "0x" + raw.hex())
        assert (code, "invalid transaction v, r, s values" in text) == (-32000, True)
        assert await dev.number("eth_getBalance", SECOND) == 10_000 * AUR
        await dev.call("hardhat_impersonateAccount", SECOND)
        await dev.call("eth_sendRawTransaction", "0x" + raw.hex())
        assert await dev.number("eth_getBalance", STRANGER) == 1
    assert recover_sender(decode_transaction(raw, 1337)) != parse_address(SECOND)


async def test_a_snapshot_brings_back_everything(tmp_path: Path) -> None:
    wall = WallClock()
    async with open_dev(tmp_path, wall=wall) as dev:
        await dev.pay(3)
        await dev.call("evm_setAutomine", False)
        waiting = await dev.pay(4)
        before = await dev.block()
        snapshot = await dev.call("evm_snapshot")
        await dev.call("evm_increaseTime", 10_000)
        await dev.call("hardhat_setCoinbase", SECOND)
        await dev.call("hardhat_setBalance", SECOND, "0x1")
        for _ in range(20):
            await dev.pay(1)
            await dev.call("evm_mine")
        assert await dev.height() == 21
        mined = await dev.block("0x5")

        assert await dev.call("evm_revert", snapshot) is True

        assert await dev.block() == before
        assert await dev.block("0x5") is None
        assert await dev.call("eth_getBlockByHash", mined["hash"], False) is None
        assert await dev.number("eth_getBalance", STRANGER) == 3
        assert await dev.number("eth_getBalance", SECOND) == 10_000 * AUR
        assert (await dev.call("eth_getTransactionByHash", waiting))["blockNumber"] is None
        assert await dev.number("eth_getTransactionCount", FIRST, "pending") == 2
        assert await dev.number("eth_getBalance", STRANGER, "0x0") == 0
        await dev.call("evm_mine")
        assert await dev.time() == int(before["timestamp"], 16) + 1
        assert (await dev.block())["miner"] != SECOND
        assert await dev.number("eth_getBalance", STRANGER) == 7
        assert await dev.call("evm_revert", snapshot) is False


async def test_logs_follow_a_revert_across_sections_of_their_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("state.log_index.SECTION_BLOCKS", 16)
    logs_topic = "0x602035600052600035637465737460206000a200"  # log of two topics, data word 1
    async with open_dev(tmp_path) as dev:
        await dev.call("anvil_setCode", STRANGER, logs_topic)

        async def emit(topic: int, word: int) -> None:
            data = f"0x{topic:064x}{word:064x}"
            await dev.pay(0, data=data, gas="0x186a0")

        async def seen(topic: int) -> list[int]:
            found = await dev.call(
                "eth_getLogs",
                {"fromBlock": "0x0", "address": STRANGER, "topics": [None, f"0x{topic:064x}"]},
            )
            return [int(log["data"], 16) for log in found]

        await emit(1, 10)
        assert await seen(1) == [10]
        snapshot = await dev.call("evm_snapshot")
        await emit(1, 11)
        await dev.call("hardhat_mine", hex(40))
        await emit(2, 12)
        assert [await seen(1), await seen(2)] == [[10, 11], [12]]
        await dev.call("evm_revert", snapshot)
        assert [await seen(1), await seen(2)] == [[10], []]
        await emit(2, 13)
        await dev.call("hardhat_mine", hex(40))
        assert [await seen(1), await seen(2)] == [[10], [13]]
    async with open_dev(tmp_path) as dev:
        found = await dev.call("eth_getLogs", {"fromBlock": "0x0", "address": STRANGER})
        assert [int(log["data"], 16) for log in found] == [10, 13]


async def test_snapshots_nest_and_an_earlier_one_uses_up_the_later(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        numbers = []
        for _ in range(3):
            numbers.append(await dev.call("evm_snapshot"))
            await dev.pay()
        assert await dev.call("evm_revert", numbers[1]) is True
        assert await dev.height() == 1
        assert await dev.call("evm_revert", numbers[2]) is False
        assert await dev.call("evm_revert", numbers[0]) is True
        assert await dev.height() == 0
        assert await dev.call("evm_revert", "0x99") is False
        await dev.pay()
    async with open_dev(tmp_path) as dev:
        assert await dev.height() == 1
        assert await dev.call("evm_revert", numbers[0]) is False


async def test_a_fixture_is_loaded_again_and_again(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.pay(5)
        snapshot = await dev.call("evm_snapshot")
        for _ in range(30):
            await dev.pay(1)
            assert await dev.number("eth_getBalance", STRANGER) == 6
            await dev.call("evm_revert", snapshot)
            snapshot = await dev.call("evm_snapshot")
        assert await dev.height() == 1
        assert dev.store._undo.held_bytes == 0


async def test_a_reset_starts_over(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        instance = (await dev.call("hardhat_metadata"))["instanceId"]
        genesis = await dev.block("0x0")
        await dev.call("hardhat_setBalance", STRANGER, "0x5")
        await dev.call("evm_increaseTime", 1000)
        await dev.pay()
        snapshot = await dev.call("evm_snapshot")
        assert await dev.call("hardhat_reset") is True
        assert await dev.block() == genesis
        assert await dev.number("eth_getBalance", STRANGER) == 0
        assert await dev.call("evm_revert", snapshot) is False
        assert (await dev.call("hardhat_metadata"))["instanceId"] != instance
        await dev.pay()
        assert dev.application.clock.offset_ms == 0
    async with open_dev(tmp_path) as dev:
        assert await dev.height() == 1
        assert dev.store.meta_get(DEV_MARK) is not None


async def test_blocks_are_ordinary_ones_with_a_signed_commit(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.pay()
        await dev.pay()
        blocks = await dev.application.certified_blocks(1, 10, 10**6)
        assert [commit.height for _, commit in blocks] == [1, 2]
        position = dev.application.position()
    assert position.last_commit is not None
    assert position.last_validators is not None
    verify_commit(1337, position.last_validators, 2, position.block_id, position.last_commit)


async def test_a_test_may_make_further_validators_and_blocks_go_on(tmp_path: Path) -> None:
    """They have no machine: each commit shows them absent. A snapshot brings the set back too."""
    key, operator = PrivateKey(b"\x61" * 32), ACCOUNTS[0].address
    proof = prove_possession(key, 1337, operator)
    rates = CommissionRates(10**17, 2 * 10**17, 10**16)
    calls = (
        (Staking.registerConsensusKey.encode(key.public_key, proof), 0),
        (
            Staking.createValidator.encode(
                Description("second", "", "", "", ""),
                rates,
                1,
                operator,
                key_to_text(key.public_key),
                50 * AUR,
            ),
            50 * AUR,
        ),
    )
    async with open_dev(tmp_path) as dev:
        before = dev.application.position().validators
        snapshot = await dev.call("evm_snapshot")
        for payload, value in calls:
            sent = await dev.pay(
                value, to="0x" + STAKING.hex(), data="0x" + payload.hex(), gas=hex(2_000_000)
            )
            assert (await dev.call("eth_getTransactionReceipt", sent))["status"] == "0x1"
        (update,) = (await dev.call("node_blockEvents", "latest"))["validatorUpdates"]
        assert (update["publicKey"], update["power"]) == ("0x" + key.public_key.hex(), 50)
        for _ in range(4):
            await dev.pay()
        position = dev.application.position()
        assert len(position.validators) == 2
        assert position.last_commit is not None
        assert [slot.block_id_flag for slot in position.last_commit.signatures] == [
            BlockIdFlag.ABSENT,
            BlockIdFlag.COMMIT,
        ]
        assert await dev.call("evm_revert", snapshot) is True
        assert dev.application.position().validators.hash() == before.hash()
        await dev.pay()
        await dev.pay()
        assert len(dev.application.position().validators) == 1


async def test_bounds_are_told(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        for method, params in (
            ("hardhat_mine", (hex(2**60),)),
            ("anvil_mine", (2**60,)),
            ("evm_mine", ({"blocks": 2**60},)),
        ):
            code, text = await dev.error(method, *params)
            assert (code, f"cannot mine {2**60} blocks at once: at most 100000" in text) == (-32000, True)
        assert "block gas limit" in (await dev.error("evm_setBlockGasLimit", "0x1"))[1]
        assert "base fee" in (await dev.error("hardhat_setNextBlockBaseFeePerGas", hex(2**255)))[1]
        assert "nonce" in (await dev.error("hardhat_setNonce", STRANGER, hex(2**64 - 1)))[1]
        assert "interval" in (await dev.error("evm_setIntervalMining", 2**60))[1]
        assert await dev.height() == 0


async def test_a_cancelled_request_leaves_whole_blocks(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        with trio.move_on_after(0.05):
            await dev.node.mine(100_000)
        height = await dev.height()
        assert 0 < height < 100_000
        await dev.pay()
        assert await dev.height() == height + 1


async def test_dropped_transactions_are_gone(tmp_path: Path) -> None:
    async with open_dev(tmp_path, automine=False) as dev:
        sent = await dev.pay()
        assert await dev.call("hardhat_dropTransaction", sent) is True
        assert await dev.call("hardhat_dropTransaction", sent) is False
        sent = await dev.pay()
        assert await dev.call("anvil_dropTransaction", sent) == sent
        assert await dev.call("anvil_dropTransaction", sent) is None
        await dev.pay()
        await dev.pay()
        assert await dev.call("anvil_dropAllTransactions") is None
        await dev.call("evm_mine")
        assert (await dev.block())["transactions"] == []


async def test_other_nodes_refuse_the_database(tmp_path: Path) -> None:
    async with open_dev(tmp_path):
        pass
    with pytest.raises(HomeError, match="start it with --dev"):
        open_store(tmp_path / "chain", read_chain(tmp_path / "genesis.json"))


def test_other_chains_are_refused(tmp_path: Path) -> None:
    one = GenesisValidator("one", VALIDATOR.public_key, 1, OPERATOR)
    two = GenesisValidator("two", ACCOUNTS[0].public_key, 1, ACCOUNTS[0].address)
    real = testnet_genesis(
        [one], chain_id=4242, timestamp=GENESIS_TIME, allocations={}, upgrade_authority=OPERATOR
    )
    shared = dev_genesis([one, two], timestamp=GENESIS_TIME)
    for genesis, words in ((real, "chain id 4242 is not"), (shared, "2 validators needs consensus")):
        path = tmp_path / f"{genesis.chain_id}.json"
        path.write_bytes(dump_genesis(genesis))
        with pytest.raises(ConfigError, match=words):
            open_dev_store(tmp_path / "db", read_chain(path))


async def test_the_methods_are_not_there_without_the_development_node(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        names = set(dev.dispatcher._methods)
    async with open_dev(tmp_path, without_dev=True) as dev:
        for name in sorted(names - set(dev.dispatcher._methods)):
            code, text = await dev.error(name)
            assert (code, text) == (-32601, f"the method {name} does not exist/is not available")
        assert await dev.call("eth_accounts") == []
