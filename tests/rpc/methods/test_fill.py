"""eth_fillTransaction over a real chain and socket: what it fills in, and that what it returns can be signed."""

from typing import Any

import pytest
import rlp

from chain.keccak import keccak256
from chain.transaction import (
    RecoveredTransaction,
    TransactionType,
    UnsignedTransaction,
    recover_sender,
    sign_authorization,
    sign_transaction,
)
from chain.types import Address
from tests.rpc.dev_chain import (
    ACCOUNTS,
    CHAIN_ID,
    COUNTER,
    GWEI,
    INIT_CODE,
    NOBODY,
    REVERTER,
    SENDER,
    WRITER,
    DevChain,
    FakeNode,
    hexed,
    signed,
    word,
)
from tests.rpc.wire import Wire

WRITE = word(1) + word(2)[2:]


async def fill(wire: Wire, **call: object) -> Any:
    return await wire.result("eth_fillTransaction", {"from": SENDER, "to": hexed(COUNTER)} | call)


async def test_what_is_missing_is_filled_in(wire: Wire, dev_chain: DevChain) -> None:
    filled = (await fill(wire, to=hexed(WRITER), input=WRITE))["tx"]
    tip = int(await wire.result("eth_maxPriorityFeePerGas"), 16)
    head = dev_chain.head_header()

    assert filled == filled | {
        "type": "0x2",
        "chainId": hex(CHAIN_ID),
        "nonce": "0xb",
        "to": hexed(WRITER),
        "value": "0x0",
        "input": WRITE,
        "accessList": [],
        "maxPriorityFeePerGas": hex(tip),
        "maxFeePerGas": hex(tip + 2 * head.base_fee_per_gas),
        "gas": await wire.result("eth_estimateGas", {"from": SENDER, "to": hexed(WRITER), "input": WRITE}),
        "v": "0x0",
        "r": "0x0",
        "s": "0x0",
        "yParity": "0x0",
    }
    assert not filled.keys() & {"blockHash", "blockNumber", "transactionIndex", "from"}


async def test_the_nonce_counts_what_waits(wire: Wire, fake_node: FakeNode) -> None:
    waiting = signed(11)
    fake_node.pool[waiting.hash] = RecoveredTransaction(waiting, ACCOUNTS[0].address)

    assert (await fill(wire))["tx"]["nonce"] == "0xc"


async def test_what_is_given_stays(wire: Wire) -> None:
    given = {
        "nonce": "0x63",
        "gas": "0x12345",
        "maxFeePerGas": hex(9 * GWEI),
        "maxPriorityFeePerGas": hex(2 * GWEI),
        "value": "0x7",
        "chainId": hex(CHAIN_ID),
        "accessList": [{"address": NOBODY, "storageKeys": [word(4)]}],
    }
    filled = (await fill(wire, **given, data="0x1234"))["tx"]
    assert filled == filled | given | {"input": "0x1234"}


async def test_the_price_is_completed_from_what_is_given(wire: Wire, dev_chain: DevChain) -> None:
    base_fee = dev_chain.head_header().base_fee_per_gas

    filled = (await fill(wire, maxPriorityFeePerGas=hex(5 * GWEI)))["tx"]
    assert filled["maxFeePerGas"] == hex(5 * GWEI + 2 * base_fee)
    assert filled["gasPrice"] == filled["maxFeePerGas"], (
        "as the official schema has it for what is in no block"
    )
    filled = (await fill(wire, maxFeePerGas=hex(50 * GWEI)))["tx"]
    assert filled["maxFeePerGas"] == hex(50 * GWEI)
    assert filled["maxPriorityFeePerGas"] == await wire.result("eth_maxPriorityFeePerGas")


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ({}, "0x2"),
        ({"accessList": []}, "0x2"),
        ({"gasPrice": hex(3 * GWEI)}, "0x0"),
        ({"gasPrice": hex(3 * GWEI), "accessList": [{"address": NOBODY, "storageKeys": []}]}, "0x1"),
    ],
)
async def test_the_type_follows_from_what_is_given(wire: Wire, call: dict[str, object], kind: str) -> None:
    assert (await fill(wire, **call))["tx"]["type"] == kind


async def test_authorisations_make_a_set_code_transaction(wire: Wire) -> None:
    authorization = sign_authorization(CHAIN_ID, COUNTER, 0, ACCOUNTS[5])
    listed = {
        "chainId": hex(CHAIN_ID),
        "address": hexed(COUNTER),
        "nonce": "0x0",
        "yParity": hex(authorization.y_parity),
        "r": hex(authorization.r),
        "s": hex(authorization.s),
    }
    filled = (await fill(wire, authorizationList=[listed]))["tx"]
    assert (filled["type"], filled["authorizationList"]) == ("0x4", [listed])
    assert int(filled["gas"], 16) > 21_000 + 12_500


async def test_the_encoding_is_that_of_the_transaction_with_zeros_for_a_signature(wire: Wire) -> None:
    answer = await fill(wire, to=hexed(WRITER), input=WRITE)
    raw, tx = bytes.fromhex(answer["raw"][2:]), answer["tx"]
    fields = rlp.decode(raw[1:])

    assert raw[0] == 2
    assert len(fields) == 12
    assert fields[9:] == [b"", b"", b""]
    assert tx["hash"] == hexed(keccak256(raw))
    unsigned = UnsignedTransaction(
        type=TransactionType.DYNAMIC_FEE,
        chain_id=int(tx["chainId"], 16),
        nonce=int(tx["nonce"], 16),
        max_priority_fee_per_gas=int(tx["maxPriorityFeePerGas"], 16),
        max_fee_per_gas=int(tx["maxFeePerGas"], 16),
        gas_limit=int(tx["gas"], 16),
        to=Address(bytes.fromhex(tx["to"][2:])),
        value=int(tx["value"], 16),
        data=bytes.fromhex(tx["input"][2:]),
    )
    ready = sign_transaction(unsigned, ACCOUNTS[0])
    assert recover_sender(ready) == ACCOUNTS[0].address
    assert rlp.decode(ready.raw[1:])[:9] == fields[:9]
    assert await wire.result("eth_sendRawTransaction", hexed(ready.raw)) == hexed(ready.hash)


async def test_a_legacy_transaction_is_encoded_without_a_type(wire: Wire) -> None:
    answer = await fill(wire, gasPrice=hex(3 * GWEI))
    fields = rlp.decode(bytes.fromhex(answer["raw"][2:]))
    assert len(fields) == 9
    assert fields[6:] == [b"", b"", b""]


async def test_a_creation(wire: Wire) -> None:
    filled = (await fill(wire, to=None, input=hexed(INIT_CODE)))["tx"]
    assert filled["to"] is None
    assert int(filled["gas"], 16) > 53_000


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (
            {"gasPrice": "0x1", "maxFeePerGas": "0x1"},
            (-32000, "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"),
        ),
        ({"gasPrice": "0x0"}, (-32000, "gasPrice must be non-zero after london fork")),
        ({"maxFeePerGas": "0x0", "maxPriorityFeePerGas": "0x0"}, (-32000, "maxFeePerGas must be non-zero")),
        (
            {"maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"},
            (-32000, "maxFeePerGas (0x1) < maxPriorityFeePerGas (0x2)"),
        ),
        ({"to": None}, (-32000, "contract creation without any data provided")),
        ({"chainId": "0x1"}, (-32000, "chainId does not match node's (have=1, want=1337)")),
        (
            {"blobVersionedHashes": [word(1)]},
            (-32000, "blob transactions are not supported by this chain"),
        ),
        (
            {"input": "0x01", "data": "0x02"},
            (
                -32000,
                'both "data" and "input" are set and not equal. Please use "input" to pass call data',
            ),
        ),
    ],
)
async def test_what_cannot_be_filled(wire: Wire, call: dict[str, object], error: tuple[int, str]) -> None:
    answer = await wire.rpc("eth_fillTransaction", {"from": SENDER, "to": hexed(COUNTER)} | call)
    assert (answer["error"]["code"], answer["error"]["message"]) == error


async def test_authorisations_go_with_neither_a_gas_price_nor_a_creation(wire: Wire) -> None:
    signed_by = sign_authorization(CHAIN_ID, COUNTER, 0, ACCOUNTS[5])
    listed = [
        {
            "chainId": hex(CHAIN_ID),
            "address": hexed(COUNTER),
            "nonce": "0x0",
            "yParity": hex(signed_by.y_parity),
            "r": hex(signed_by.r),
            "s": hex(signed_by.s),
        }
    ]
    for call, message in (
        ({"to": NOBODY, "gasPrice": "0x1"}, "both gasPrice and authorizationList specified"),
        ({"input": "0x00"}, 'authorizationList provided for contract creation, but "to" field is missing'),
    ):
        assert await wire.error("eth_fillTransaction", call | {"authorizationList": listed}) == (
            -32000,
            message,
        )


async def test_a_transaction_that_would_fail_is_not_filled(wire: Wire) -> None:
    answer = await wire.rpc("eth_fillTransaction", {"from": SENDER, "to": hexed(REVERTER), "input": "0x77"})
    assert answer["error"] == {"code": 3, "message": "execution reverted", "data": "0x77"}
    code, message = await wire.error("eth_fillTransaction", {"from": NOBODY, "to": hexed(COUNTER)})
    assert (code, message) == (-32000, "gas required exceeds allowance (0)")
