"""ots_* and erigon_*: the shapes that Otterscan reads, over a chain with contracts that call, create and destroy."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chain.types import Address
from rpc.config import CallLimits, RpcConfig
from rpc.reading.rendering import created_address
from state.chain_store import StateUnavailable
from tests.rpc.dev_chain import (
    ACCOUNTS,
    COUNTER,
    EMITTER,
    INVALID,
    NOBODY,
    REVERTER,
    SENDER,
    UNKNOWN_HASH,
    DevChain,
    FakeNode,
    build_dev_chain,
    hexed,
    signed,
)
from tests.rpc.wire import Wire
from vm.creation_address import create_address

Serve = Callable[..., Awaitable[int]]

OWNER = ACCOUNTS[3]
HEIR = Address(b"\x77" * 20)


def deployed(code: str) -> bytes:
    """Init code that returns `code`."""
    raw = bytes.fromhex(code.replace(" ", ""))
    return bytes.fromhex(f"60{len(raw):02x}600c60003960{len(raw):02x}6000f3") + raw


# Sends 5 wei to HEIR, calls it without value and by delegation, creates an empty contract with 1 wei, and reverts
# if there is call data.
BUSY = deployed(
    f"5f5f5f5f6005 73{HEIR.hex()} 5af150 5f5f5f5f5f 73{HEIR.hex()} 5af150"
    f" 5f5f5f5f 73{HEIR.hex()} 5af450 5f5f6001f050 36 600f5801 57 00 fe fe fe fe fe fe fe fe fe fe fe 5b 5f5ffd"
)
CREATES = deployed("6760fe5f5360015ff3 5f52 6008 6018 5f f0 00")  # a contract whose code is 0xfe
DESTROYS = deployed(f"73{HEIR.hex()}ff")


def busy_at(nonce: int) -> Address:
    return created_address(OWNER.address, nonce)


@pytest.fixture(scope="module")
def chain() -> DevChain:
    """Blocks 6 to 8 over the usual chain: contracts are deployed, then called."""
    chain = build_dev_chain()
    chain.append(
        signed(0, key=OWNER, to=None, data=BUSY, value=100),
        signed(1, key=OWNER, to=None, data=CREATES),
        signed(2, key=OWNER, to=None, data=DESTROYS, value=9),
    )
    chain.append(
        signed(3, key=OWNER, to=busy_at(0)),
        signed(4, key=OWNER, to=busy_at(0), data=b"\x01"),
        signed(5, key=OWNER, to=busy_at(1)),
        signed(6, key=OWNER, to=busy_at(2)),
    )
    chain.append(signed(7, key=OWNER, to=REVERTER, data=b"\xca\xfe"), signed(8, key=OWNER, to=INVALID))
    return chain


@pytest.fixture
def fake_node(chain: DevChain) -> FakeNode:
    return FakeNode(chain)


def hash_of(chain: DevChain, block: int, index: int) -> str:
    return hexed(chain.blocks[block - 1].transactions[index].hash)


# --- blocks


async def test_the_level_and_headers(wire: Wire) -> None:
    assert await wire.result("ots_getApiLevel") == 8
    block = await wire.result("eth_getBlockByNumber", "0x4", False)
    header = await wire.result("erigon_getHeaderByNumber", 4)
    assert {name: block[name] for name in header} == header
    assert await wire.result("erigon_getHeaderByNumber", "0x4") == header
    assert (await wire.result("erigon_getHeaderByNumber", "latest"))["number"] == "0x8"
    assert await wire.result("erigon_getHeaderByNumber", 99) is None
    for malformed in (-1, 2**63, True, "4"):
        code, _ = await wire.error("erigon_getHeaderByNumber", malformed)
        assert code == -32602


async def test_code_is_told_at_each_block(wire: Wire) -> None:
    busy = hexed(busy_at(0))

    assert await wire.result("ots_hasCode", hexed(COUNTER), "latest") is True
    assert await wire.result("ots_hasCode", NOBODY, "latest") is False
    assert await wire.result("ots_hasCode", SENDER, "pending") is False
    assert await wire.result("ots_hasCode", busy, 5) is False
    assert await wire.result("ots_hasCode", busy, 6) is True
    assert await wire.result("ots_hasCode", busy, {"blockNumber": "0x5"}) is False


async def test_details_of_a_block(wire: Wire, chain: DevChain) -> None:
    block = await wire.result("eth_getBlockByNumber", "0x4", False)
    receipts = await wire.result("eth_getBlockReceipts", "0x4")

    details = await wire.result("ots_getBlockDetails", 4)

    assert details["issuance"] == {"blockReward": "0x0", "uncleReward": "0x0", "issuance": "0x0"}
    fees = sum(int(item["gasUsed"], 16) * int(item["effectiveGasPrice"], 16) for item in receipts)
    assert details["totalFees"] == hex(fees)
    shown = details["block"]
    assert (shown.pop("transactionCount"), shown.pop("totalDifficulty")) == (5, "0x0")
    assert shown.pop("logsBloom") is None
    del block["transactions"], block["logsBloom"]
    assert shown == block
    for same in (("ots_getBlockDetails", "0x4"), ("ots_getBlockDetailsByHash", block["hash"])):
        assert (await wire.result(*same))["totalFees"] == details["totalFees"]
    assert await wire.result("ots_getBlockDetails", 99) is None
    assert await wire.result("ots_getBlockDetailsByHash", UNKNOWN_HASH) is None
    assert (await wire.result("ots_getBlockDetails", 3))["totalFees"] == "0x0"


async def test_pages_of_a_block_begin_at_its_end(wire: Wire, chain: DevChain) -> None:
    async def page(number: int, size: int) -> Any:
        return await wire.result("ots_getBlockTransactions", 4, number, size)

    hashes = [hexed(item.hash) for item in chain.blocks[3].transactions]
    pages = [await page(number, 2) for number in range(4)]
    assert [[item["hash"] for item in found["fullblock"]["transactions"]] for found in pages] == [
        hashes[3:],
        hashes[1:3],
        hashes[:1],
        [],
    ]
    assert [[item["transactionHash"] for item in found["receipts"]] for found in pages] == [
        hashes[3:],
        hashes[1:3],
        hashes[:1],
        [],
    ]
    first = pages[0]["fullblock"]
    assert first["transactionCount"] == 5
    assert {len(item["input"]) for item in first["transactions"]} == {10}
    receipt = await wire.result("eth_getTransactionReceipt", hashes[4])
    assert pages[0]["receipts"][1] == receipt | {"logs": None, "logsBloom": None}
    assert await wire.result("ots_getBlockTransactions", 99, 0, 25) is None
    assert await wire.error("ots_getBlockTransactions", 4, 0, 256) == (-32000, "max allowed page size: 255")


# --- transactions


async def test_the_error_of_a_transaction(wire: Wire, chain: DevChain) -> None:
    assert await wire.result("ots_getTransactionError", hash_of(chain, 8, 0)) == "0xcafe"
    assert await wire.result("ots_getTransactionError", hash_of(chain, 8, 1)) == "0x"  # failed, but no revert
    assert await wire.result("ots_getTransactionError", hash_of(chain, 7, 0)) == "0x"
    assert await wire.error("ots_getTransactionError", UNKNOWN_HASH) == (-32000, "transaction not found")


async def test_internal_operations(wire: Wire, chain: DevChain) -> None:
    busy, heir = hexed(busy_at(0)), hexed(HEIR)

    assert await wire.result("ots_getInternalOperations", hash_of(chain, 7, 0)) == [
        {"type": 0, "from": busy, "to": heir, "value": "0x5"},
        {"type": 2, "from": busy, "to": hexed(create_address(busy_at(0), 1)), "value": "0x1"},
    ]
    assert await wire.result("ots_getInternalOperations", hash_of(chain, 7, 1)) == []  # it reverted
    assert await wire.result("ots_getInternalOperations", hash_of(chain, 7, 3)) == [
        {"type": 1, "from": hexed(busy_at(2)), "to": heir, "value": "0x9"}
    ]
    assert await wire.result("ots_getInternalOperations", hash_of(chain, 1, 2)) == []  # not internal


async def test_the_list_of_calls(wire: Wire, chain: DevChain) -> None:
    busy, heir = hexed(busy_at(0)), hexed(HEIR)

    calls = await wire.result("ots_traceTransaction", hash_of(chain, 7, 0))

    assert [(call["type"], call["depth"], call["value"]) for call in calls] == [
        ("CALL", 0, "0x0"),
        ("CALL", 1, "0x5"),
        ("CALL", 1, "0x0"),
        ("DELEGATECALL", 1, None),
        ("CREATE", 1, "0x1"),
    ]
    assert (calls[0]["from"], calls[0]["to"]) == (hexed(OWNER.address), busy)
    assert {(call["from"], call["to"]) for call in calls[1:4]} == {(busy, heir)}
    assert {(call["input"], call["output"]) for call in calls} == {("0x", "0x")}
    undone = await wire.result("ots_traceTransaction", hash_of(chain, 7, 1))
    assert [call["type"] for call in undone] == [call["type"] for call in calls]
    gone = await wire.result("ots_traceTransaction", hash_of(chain, 7, 3))
    assert [(call["type"], call["depth"], call["to"]) for call in gone[1:]] == [("SELFDESTRUCT", 1, heir)]


# --- searches


async def test_transactions_of_an_account_are_found_page_by_page(wire: Wire, chain: DevChain) -> None:
    def hashes(page: Any) -> list[str]:
        assert [item["transactionHash"] for item in page["receipts"]] == [
            item["hash"] for item in page["txs"]
        ]
        return [item["hash"] for item in page["txs"]]

    own = [hexed(item.hash) for block in chain.blocks[5:] for item in block.transactions]
    owner = hexed(OWNER.address)

    whole = await wire.result("ots_searchTransactionsBefore", owner, 0, 25)
    assert hashes(whole) == own[::-1]
    assert (whole["firstPage"], whole["lastPage"]) == (True, True)
    # A block is never divided, so that the next page can begin below it.
    newest = await wire.result("ots_searchTransactionsBefore", owner, 0, 3)
    assert hashes(newest) == own[::-1][:6]
    assert (newest["firstPage"], newest["lastPage"]) == (True, False)
    older = await wire.result("ots_searchTransactionsBefore", owner, 7, 3)
    assert hashes(older) == own[::-1][6:]
    assert (older["firstPage"], older["lastPage"]) == (False, True)
    oldest = await wire.result("ots_searchTransactionsAfter", owner, 0, 2)
    assert hashes(oldest) == own[:3][::-1]
    assert (oldest["firstPage"], oldest["lastPage"]) == (False, True)
    rest = await wire.result("ots_searchTransactionsAfter", owner, 6, 25)
    assert hashes(rest) == own[3:][::-1]
    assert (rest["firstPage"], rest["lastPage"]) == (True, False)
    receipt = await wire.result("eth_getTransactionReceipt", own[-1])
    time = int((await wire.result("eth_getBlockByNumber", "0x8", False))["timestamp"], 16)
    assert whole["receipts"][0] == receipt | {"timestamp": time}
    assert whole["txs"][0] == await wire.result("eth_getTransactionByHash", own[-1])


async def test_what_counts_as_a_transaction_of_an_account(wire: Wire, chain: DevChain) -> None:
    async def found(address: str) -> list[str]:
        page = await wire.result("ots_searchTransactionsBefore", address, 0, 25)
        return [item["hash"] for item in page["txs"]]

    assert await found(hexed(busy_at(0))) == [
        hash_of(chain, 7, 1),
        hash_of(chain, 7, 0),
        hash_of(chain, 6, 0),
    ]
    assert len(await found(hexed(EMITTER))) == 5
    assert await found(NOBODY) == []
    assert await found(hexed(HEIR)) == []  # called by contracts only: documented


async def test_searches_are_bounded_and_say_so(serve: Serve, chain: DevChain) -> None:
    few = CallLimits(max_searched_blocks=3)
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=few)))

    partial = await wire.result("ots_searchTransactionsBefore", hexed(OWNER.address), 0, 25)
    assert (len(partial["txs"]), partial["lastPage"]) == (9, False)
    assert await wire.error("ots_searchTransactionsBefore", SENDER, 0, 25) == (
        -32005,
        f"nothing of {SENDER} in blocks 6 to 8: without an index of accounts a search goes no further",
    )
    code, message = await wire.error("ots_searchTransactionsAfter", hexed(OWNER.address), 1, 25)
    assert (code, "in blocks 2 to 4" in message) == (-32005, True)
    assert await wire.error("ots_searchTransactionsAfter", SENDER, 0, 26) == (
        -32000,
        "max allowed page size: 25",
    )
    one = await Wire.open(await serve(RpcConfig(port=0, calls=CallLimits(max_searched_transactions=2))))
    page = await one.result("ots_searchTransactionsBefore", hexed(OWNER.address), 0, 25)
    assert (len(page["txs"]), page["lastPage"]) == (2, False)


async def test_a_transaction_by_sender_and_nonce(
    wire: Wire, chain: DevChain, fake_node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, owner = "ots_getTransactionBySenderAndNonce", hexed(OWNER.address)

    async def check() -> None:
        for nonce, (block, index) in enumerate(
            [(6, 0), (6, 1), (6, 2), (7, 0), (7, 1), (7, 2), (7, 3), (8, 0), (8, 1)]
        ):
            assert await wire.result(method, owner, nonce) == hash_of(chain, block, index)
        assert await wire.result(method, owner, "0x3") == hash_of(chain, 7, 0)
        assert await wire.result(method, owner, 9) is None
        assert await wire.result(method, NOBODY, 0) is None
        assert await wire.result(method, SENDER, 10) == hash_of(chain, 5, 0)

    await check()
    # Account 2 used nonce 0 for an authorization in block 1.
    assert await wire.result(method, hexed(ACCOUNTS[2].address), 0) is None
    forget_states(fake_node, monkeypatch, 7)
    await check()
    assert await wire.result(method, hexed(ACCOUNTS[2].address), 0) is None


def forget_states(node: FakeNode, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    kept = node.store.state_at

    def state_at(number: int) -> Any:
        if number < first:
            raise StateUnavailable(f"historical state of block {number} is not available")
        return kept(number)

    monkeypatch.setattr(node, "state_at", state_at)
    monkeypatch.setattr(node, "oldest_state", lambda: first)


async def test_the_creator_of_a_contract(
    wire: Wire, chain: DevChain, fake_node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, owner = "ots_getContractCreator", hexed(OWNER.address)
    child = create_address(busy_at(1), 1)

    directly = {"hash": hash_of(chain, 6, 0), "creator": owner}
    assert await wire.result(method, hexed(busy_at(0))) == directly
    by_contract = {"hash": hash_of(chain, 7, 2), "creator": hexed(busy_at(1))}
    assert await wire.result(method, hexed(child)) == by_contract
    for nothing in (NOBODY, SENDER, hexed(ACCOUNTS[2].address), hexed(COUNTER)):
        assert await wire.result(method, nothing) is None, nothing  # the last one is of genesis

    forget_states(fake_node, monkeypatch, 7)
    assert await wire.result(method, hexed(busy_at(0))) == directly
    code, message = await wire.error(method, hexed(child))
    assert code == -32000
    assert message.startswith(f"the creator of {hexed(child)} is not known")
    assert "from block 7 on only" in message
    forget_states(fake_node, monkeypatch, 6)
    assert await wire.result(method, hexed(child)) == by_contract


def test_the_contracts_do_what_their_names_say(chain: DevChain) -> None:
    state = chain.store.latest_state()
    heir, child = state.account(HEIR), state.account(create_address(busy_at(1), 1))

    assert heir is not None
    assert heir.balance == 5 + 9
    assert child is not None
    assert state.code(child.code_hash) == b"\xfe"
