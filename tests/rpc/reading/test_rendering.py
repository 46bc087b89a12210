"""What the official suite (tests/conformance/rpc_compat) does not ask for: all its replies are compared there."""

from typing import Any

from chain.keccak import keccak256
from chain.receipt import EMPTY_BLOOM, Log, Receipt
from chain.transaction import TransactionType
from chain.types import Address
from rpc.reading.rendering import (
    Place,
    block_json,
    created_address,
    header_json,
    receipts_with_offsets,
    transaction_json,
)
from tests.conformance.rpc_compat.official_chain import OFFICIAL_FOLDER, official_chain
from tests.rpc.dev_chain import ACCOUNTS, SENDER, DevChain, signed
from tests.rpc.header_from_json import header_from_json


def test_headers_of_all_forks_keep_their_hash_through_our_json(dev_chain: DevChain) -> None:
    """The JSON of a block holds everything that its hash commits to."""
    chain = official_chain(OFFICIAL_FOLDER)
    for block in [*chain.blocks, *dev_chain.blocks]:
        rendered: Any = block_json(block, None)

        assert keccak256(header_from_json(rendered)) == bytes.fromhex(rendered["hash"][2:])
        assert header_json(block.header).items() <= rendered.items()


def test_a_pending_transaction_has_no_place_and_its_highest_price() -> None:
    rendered = transaction_json(signed(7, fee=900, tip=5), ACCOUNTS[0].address, None, None)

    assert [rendered[name] for name in ("blockHash", "blockNumber", "transactionIndex")] == [None] * 3
    assert (rendered["from"], rendered["nonce"], rendered["gasPrice"]) == (SENDER, "0x7", hex(900))


def test_a_committed_transaction_shows_the_price_that_it_paid() -> None:
    place = Place("0xab", "0x5", "0x6", base_fee=100)
    rendered = transaction_json(signed(7, fee=900, tip=5), ACCOUNTS[0].address, place, 3)

    assert (rendered["blockHash"], rendered["blockNumber"], rendered["transactionIndex"]) == (
        "0xab",
        "0x5",
        "0x3",
    )
    assert (rendered["gasPrice"], rendered["maxFeePerGas"]) == (hex(105), hex(900))


def test_gas_and_log_numbers_of_receipts_count_within_their_block() -> None:
    log = Log(Address(bytes(20)), (), b"")
    receipts = [
        Receipt(TransactionType.LEGACY, True, gas, EMPTY_BLOOM, (log,) * logs)
        for gas, logs in ((21_000, 0), (50_000, 2), (90_000, 1))
    ]

    assert [(gas, first) for _, gas, first in receipts_with_offsets(receipts)] == [
        (21_000, 0),
        (29_000, 0),
        (40_000, 2),
    ]


def test_a_created_contract_has_the_address_that_ethereum_gives_it() -> None:
    """Hardhat and Foundry users know these: the first contracts of the first development account."""
    sender = ACCOUNTS[0].address
    assert sender.hex() == "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert created_address(sender, 0).hex() == "5fbdb2315678afecb367f032d93f642f64180aa3"
    assert created_address(sender, 1).hex() == "e7f1725e7734ce288f8367e1bb143e90bb3f0512"
