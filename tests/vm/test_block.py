"""Blocks: hooks, receipts, roots, building against executing, budgets, determinism."""

from dataclasses import replace

import pytest

from chain.errors import InvariantViolation, PeerError
from chain.header import MAX_HEADER_BYTES
from chain.keccak import EMPTY_REQUESTS_HASH, EMPTY_TRIE_ROOT
from chain.ordered_trie import ordered_root
from chain.receipt import bloom_may_contain, logs_bloom
from chain.rlp import encode
from chain.secp256k1 import PrivateKey
from chain.transaction import RecoveredTransaction, TransactionType, sign_authorization
from tests.vm.worlds import (
    ALICE,
    BOB,
    CANCUN_ENVIRONMENT,
    CAROL,
    COINBASE,
    ENVIRONMENT,
    ETHER,
    Accounts,
    address,
    assemble,
    block_hash,
    call,
    funded,
    init_code,
    returning,
    transaction,
    word,
)
from vm.block import (
    BEACON_ROOTS_ADDRESS,
    HISTORY_STORAGE_ADDRESS,
    BlockBuilder,
    begin_block,
    execute_block,
)
from vm.creation_address import create_address
from vm.errors import (
    BlockBytesExhausted,
    BlockFull,
    BlockGasExhausted,
    InvalidBlock,
    NonceTooHigh,
    TransactionRejected,
)
from vm.forks import Fork
from vm.gas import BLOCK_SIZE_LIMIT
from vm.system.addresses import SYSTEM_ADDRESS

# The deployed code of the two system contracts, from EIP-4788 and EIP-2935.
BEACON_ROOTS_CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff8106"
    "90815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500"
)
HISTORY_CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff814303"
    "11604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)
COUNTER, LOGGER = address(0xC0), address(0x106)


def accounts() -> Accounts:
    return (
        funded()
        .add(BEACON_ROOTS_ADDRESS, nonce=1, code=BEACON_ROOTS_CODE)
        .add(HISTORY_STORAGE_ADDRESS, nonce=1, code=HISTORY_CODE)
        .add(COUNTER, nonce=1, code=assemble(1, 0, "SLOAD", "ADD", 0, "SSTORE"))
        .add(LOGGER, nonce=1, code=assemble(0, "CALLDATALOAD", 0, "MSTORE", 0x70, 32, 0, "LOG1"))
    )


def mixed_transactions() -> list[RecoveredTransaction]:
    """Something of every kind, failures included."""
    return [
        transaction(to=BOB.address, value=1),
        transaction(BOB, to=COUNTER, kind=TransactionType.LEGACY),
        transaction(CAROL, data=init_code(returning(1)), value=5),
        transaction(nonce=1, to=LOGGER, data=b"\x05" * 32),
        transaction(nonce=2, to=LOGGER, gas_limit=21_700),  # runs out of gas
        transaction(
            BOB, nonce=1, to=COUNTER, access_list=((COUNTER, (0,)),), kind=TransactionType.ACCESS_LIST
        ),
        transaction(
            CAROL,
            nonce=1,
            to=BOB.address,
            authorizations=(sign_authorization(0, COUNTER, 2, BOB),),
        ),
        transaction(nonce=3, to=COINBASE, value=2),
    ]


# --- hooks


def test_the_consensus_root_and_the_parent_hash_can_be_read_by_contracts() -> None:
    world = accounts().world
    begin_block(world, ENVIRONMENT)
    timestamp = ENVIRONMENT.timestamp.to_bytes(32, "big")
    assert call(world, BEACON_ROOTS_ADDRESS, data=timestamp).output == ENVIRONMENT.parent_beacon_block_root
    parent = (ENVIRONMENT.number - 1).to_bytes(32, "big")
    assert call(world, HISTORY_STORAGE_ADDRESS, data=parent).output == ENVIRONMENT.parent_hash


def test_the_history_contract_is_not_called_in_cancun() -> None:
    world = accounts().world
    begin_block(world, CANCUN_ENVIRONMENT)
    assert world.get_storage(HISTORY_STORAGE_ADDRESS, 999) == 0
    assert world.get_storage(BEACON_ROOTS_ADDRESS, ENVIRONMENT.timestamp % 8191) == ENVIRONMENT.timestamp


def test_system_calls_are_silent_without_the_contracts_and_leave_no_account() -> None:
    world = funded().world
    begin_block(world, ENVIRONMENT)
    assert world.changes().is_empty


def test_a_system_contract_that_fails_does_not_stop_the_block() -> None:
    failing = funded().add(HISTORY_STORAGE_ADDRESS, nonce=1, code=assemble(1, 0, "SSTORE", "INVALID"))
    result = execute_block(failing.reader, ENVIRONMENT, [])
    assert result.changes.is_empty


def test_system_calls_come_from_the_system_address_with_30m_gas_and_cost_nothing() -> None:
    probe = assemble(
        "GAS", 0, "SSTORE", "CALLER", 1, "SSTORE", "ORIGIN", 2, "SSTORE", "GASPRICE", 3, "SSTORE"
    )
    reader = funded().add(HISTORY_STORAGE_ADDRESS, nonce=1, code=probe).reader
    result = execute_block(reader, ENVIRONMENT, [])
    system = int.from_bytes(SYSTEM_ADDRESS, "big")
    assert result.changes.storage[HISTORY_STORAGE_ADDRESS] == {0: 30_000_000 - 2, 1: system, 2: system}
    assert result.changes.accounts == {}
    assert result.gas_used == 0


def test_the_warm_set_of_a_system_call_does_not_reach_the_transactions() -> None:
    reader = accounts().add(CAROL.address, nonce=1, code=assemble(HISTORY_STORAGE_ADDRESS, "BALANCE", "POP"))
    result = execute_block(reader.reader, ENVIRONMENT, [transaction(to=CAROL.address)])
    assert result.gas_used == 21_000 + 3 + 2_600 + 2


# --- receipts and roots


def test_an_empty_block_has_empty_roots() -> None:
    result = execute_block(funded().reader, ENVIRONMENT, [])
    assert (result.receipts_root, result.transactions_root) == (EMPTY_TRIE_ROOT, EMPTY_TRIE_ROOT)
    assert result.requests_hash == EMPTY_REQUESTS_HASH
    assert execute_block(funded().reader, CANCUN_ENVIRONMENT, []).requests_hash is None


def test_receipts_count_gas_up_and_carry_type_status_logs_and_bloom() -> None:
    transactions = mixed_transactions()
    result = execute_block(accounts().reader, ENVIRONMENT, transactions)
    assert [receipt.type for receipt in result.receipts] == [sent.transaction.type for sent in transactions]
    assert [receipt.succeeded for receipt in result.receipts] == [True] * 4 + [False] + [True] * 3
    gas = [receipt.cumulative_gas_used for receipt in result.receipts]
    assert gas == sorted(gas)
    assert gas[-1] == result.gas_used
    (log,) = result.receipts[3].logs
    assert (log.address, log.data) == (LOGGER, b"\x05" * 32)
    assert result.receipts[3].logs_bloom == logs_bloom((log,)) == result.logs_bloom
    assert bloom_may_contain(result.logs_bloom, LOGGER)
    assert result.receipts[4].logs == ()
    assert result.receipts_root == ordered_root([receipt.encode() for receipt in result.receipts])
    assert result.transactions_root == ordered_root([sent.transaction.raw for sent in transactions])


def test_changes_are_the_net_effect_of_the_block() -> None:
    result = execute_block(accounts().reader, ENVIRONMENT, mixed_transactions())
    counted = result.changes.storage[COUNTER]
    assert counted == {0: 2}
    bob = result.changes.accounts[BOB.address]
    assert bob is not None
    assert bob.nonce == 3
    assert result.changes.storage[BOB.address] == {0: 1}  # the delegated counter ran for BOB
    total = sum(changed.balance for changed in result.changes.accounts.values() if changed is not None)
    assert total == 300 * ETHER - result.gas_used * ENVIRONMENT.base_fee_per_gas


# --- building


def test_a_built_block_executes_to_the_same_result() -> None:
    builder = BlockBuilder(accounts().reader, ENVIRONMENT)
    for recovered in mixed_transactions():
        builder.try_add(recovered)
    built = builder.finish()
    assert execute_block(accounts().reader, ENVIRONMENT, builder.included) == built


def test_a_rejected_transaction_leaves_no_trace() -> None:
    builder = BlockBuilder(accounts().reader, ENVIRONMENT)
    rejected = [
        transaction(nonce=9, to=BOB.address),
        transaction(to=BOB.address, value=1_000 * ETHER),
        transaction(to=BOB.address, gas_limit=20_000),
        transaction(to=BOB.address, fee_cap=1, tip=1),
        transaction(to=BOB.address, gas_limit=30_000_001),
        transaction(PrivateKey(b"\x77" * 32), to=BOB.address),
    ]
    for recovered in mixed_transactions():
        for bad in rejected:
            with pytest.raises(TransactionRejected):
                builder.try_add(bad)
        builder.try_add(recovered)
    assert builder.finish() == execute_block(accounts().reader, ENVIRONMENT, mixed_transactions())


def test_a_transaction_that_the_checkpoint_ends_leaves_no_trace() -> None:
    """It has created a contract, written, logged and called, for the checkpoint is asked at every call."""
    busy = address(0xB5)
    inner = init_code(assemble("STOP"))
    code = assemble(
        1, 2, "SSTORE", 0, 0, "LOG0",
        int.from_bytes(inner, "big"), 0, "MSTORE", len(inner), 32 - len(inner), 5, "CREATE",
        0, 0, 0, 0, 9, address(0xEE), "GAS", "CALL", "STOP",
    )  # fmt: skip
    state = funded().add(busy, nonce=1, balance=100, code=code)

    def builder(give_up_at: int, asked: list[int]) -> BlockBuilder:
        def checkpoint() -> None:
            asked.append(0)
            if len(asked) == give_up_at:
                raise TimeoutError

        return BlockBuilder(state.reader, ENVIRONMENT, checkpoint=checkpoint)

    asked: list[int] = []
    assert builder(0, asked).try_add(transaction(ALICE, to=busy, value=3)).succeeded
    plain = BlockBuilder(state.reader, ENVIRONMENT)
    plain.try_add(transaction(BOB, to=CAROL.address, value=1))
    expected = plain.finish()
    assert len(asked) >= 4
    for give_up_at in range(1, len(asked) + 1):
        made = builder(give_up_at, [])
        with pytest.raises(TimeoutError):
            made.try_add(transaction(ALICE, to=busy, value=3))
        assert (made.included, made.gas_left) == ((), ENVIRONMENT.gas_limit)
        made.try_add(transaction(BOB, to=CAROL.address, value=1))
        assert made.finish() == expected


def test_a_block_takes_transactions_until_its_gas_is_used() -> None:
    env = replace(ENVIRONMENT, gas_limit=50_000)
    builder = BlockBuilder(funded().reader, env)
    builder.try_add(transaction(to=BOB.address, gas_limit=50_000))  # uses 21000 of them
    assert builder.gas_left == 29_000
    with pytest.raises(BlockGasExhausted) as caught:
        builder.try_add(transaction(nonce=1, to=BOB.address, gas_limit=29_001))
    assert isinstance(caught.value, BlockFull)
    builder.try_add(transaction(nonce=1, to=BOB.address, gas_limit=29_000))
    assert builder.finish().gas_used == 42_000


def test_a_block_takes_transactions_until_its_bytes_are_used() -> None:
    first, second = transaction(to=BOB.address), transaction(nonce=1, to=BOB.address)
    size = len(first.transaction.encode_in_list())
    builder = BlockBuilder(funded().reader, ENVIRONMENT, max_bytes=2 * size)
    builder.try_add(first)
    with pytest.raises(BlockBytesExhausted):
        builder.try_add(second)
    assert [added.transaction for added in builder.included] == [first.transaction]


def test_a_finished_block_takes_nothing_more() -> None:
    builder = BlockBuilder(funded().reader, ENVIRONMENT)
    builder.finish()
    with pytest.raises(InvariantViolation):
        builder.try_add(transaction(to=BOB.address))


# --- executing


def test_a_block_with_a_bad_transaction_is_invalid_and_names_it() -> None:
    with pytest.raises(InvalidBlock) as caught:
        execute_block(
            funded().reader, ENVIRONMENT, [transaction(to=BOB.address), transaction(nonce=2, to=BOB.address)]
        )
    assert caught.value.transaction_index == 1
    assert caught.value.reason.startswith("nonce too high")
    assert isinstance(caught.value, PeerError)
    assert isinstance(caught.value.__cause__, NonceTooHigh)


def test_a_block_over_its_gas_limit_is_invalid() -> None:
    env = replace(ENVIRONMENT, gas_limit=41_999)
    sent = [transaction(nonce=nonce, to=BOB.address, gas_limit=21_000) for nonce in (0, 1)]
    with pytest.raises(InvalidBlock, match="transaction 1: gas limit reached"):
        execute_block(funded().reader, env, sent)


def test_execution_is_deterministic() -> None:
    results = [execute_block(accounts().reader, ENVIRONMENT, mixed_transactions()) for _ in range(3)]
    assert results[0] == results[1] == results[2]
    orders = [list(result.changes.accounts) for result in results]
    assert orders[0] == orders[1] == orders[2]


def test_a_contract_of_the_same_block_can_be_called() -> None:
    created = create_address(ALICE.address, 0)
    caller = returning(32, 0, 0, 0, created, "GAS", "STATICCALL", "POP", 0, "MLOAD")
    reader = funded().add(COUNTER, nonce=1, code=caller).reader
    builder = BlockBuilder(reader, ENVIRONMENT)
    builder.try_add(transaction(data=init_code(returning(42))))
    assert int.from_bytes(builder.try_add(transaction(nonce=1, to=COUNTER)).output, "big") == 42


def test_an_account_destroyed_in_its_transaction_is_gone_for_the_next_one() -> None:
    destroy = init_code(assemble(BOB.address, "SELFDESTRUCT"))
    # CREATE2 with salt 0 from call data, then call the new contract: it exists and dies in one transaction.
    factory = assemble("CALLDATASIZE", 0, 0, "CALLDATACOPY", 0, "CALLDATASIZE", 0, "CALLVALUE", "CREATE2")
    factory += assemble(0, 0, 0, 0, 0)
    factory += bytes([0x85]) + assemble("GAS", "CALL", "POP", 0, "MSTORE", 32, 0, "RETURN")  # DUP6
    reader = funded().add(COUNTER, nonce=1, code=factory).reader
    builder = BlockBuilder(reader, ENVIRONMENT)
    first = builder.try_add(transaction(to=COUNTER, data=destroy, value=3))
    second = builder.try_add(transaction(nonce=1, to=COUNTER, data=destroy, value=4))
    assert first.output == second.output != bytes(32)
    result = builder.finish()
    bob = result.changes.accounts[BOB.address]
    assert bob is not None
    assert bob.balance == 100 * ETHER + 7
    assert first.output[12:] not in result.changes.accounts


def test_block_values_are_visible_to_contracts() -> None:
    expected = {
        "COINBASE": int.from_bytes(COINBASE, "big"),
        "TIMESTAMP": ENVIRONMENT.timestamp,
        "NUMBER": ENVIRONMENT.number,
        "PREVRANDAO": int.from_bytes(ENVIRONMENT.prev_randao, "big"),
        "GASLIMIT": ENVIRONMENT.gas_limit,
        "CHAINID": ENVIRONMENT.chain_id,
        "BASEFEE": 7,
        "BLOBBASEFEE": 1,
        "GASPRICE": 10,
    }
    for instruction, value in expected.items():
        world = funded().add(COUNTER, nonce=1, code=returning(instruction)).world
        assert word(call(world, COUNTER)) == value, instruction


@pytest.mark.parametrize(
    ("asked", "known"), [(999, True), (744, True), (743, False), (1_000, False), (2**255, False)]
)
def test_block_hashes_reach_back_256_blocks(asked: int, known: bool) -> None:
    world = funded().add(COUNTER, nonce=1, code=returning(asked, "BLOCKHASH")).world
    expected = int.from_bytes(block_hash(asked), "big") if known else 0
    assert word(call(world, COUNTER)) == expected


def test_osaka_bounds_the_size_of_a_block() -> None:
    """EIP-7934: the encoding of the whole block takes 8 MiB at most."""
    roomy = replace(ENVIRONMENT, gas_limit=1_000_000_000)
    large = [
        transaction(to=BOB.address, nonce=nonce, data=bytes(130_900), gas_limit=1_400_000)
        for nonce in range(65)
    ]
    osaka = replace(roomy, fork=Fork.OSAKA)
    builder = BlockBuilder(funded().reader, osaka)
    for recovered in large[:64]:
        builder.try_add(recovered)
    with pytest.raises(BlockBytesExhausted):
        builder.try_add(large[64])
    encoded = encode([recovered.transaction.encode_in_list() for recovered in builder.included])
    assert BLOCK_SIZE_LIMIT - 65_536 < len(encoded) + MAX_HEADER_BYTES < BLOCK_SIZE_LIMIT
    assert len(execute_block(funded().reader, osaka, large[:64]).receipts) == 64
    with pytest.raises(InvalidBlock, match="block size limit reached"):
        execute_block(funded().reader, osaka, large)
    assert len(execute_block(funded().reader, roomy, large).receipts) == 65
