"""Our JSON against that of the official suite, object by object, for the same transactions and blocks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chain.block import Block
from chain.header import decode_header
from chain.keccak import keccak256
from chain.receipt import Log, Receipt
from chain.rlp import decode, iterate_encoded_items
from chain.transaction import (
    BlobTransactionUnsupported,
    Transaction,
    TransactionType,
    decode_transaction,
    recover_sender,
)
from chain.types import Address, Hash32
from rpc.rendering import Place, block_json, receipt_json, transaction_json

BASE_FEE_FIELD = 15
CANCUN_FIELDS = 20


@dataclass
class OfficialChain:
    transactions: dict[str, tuple[Transaction, Place, int]]
    blocks: dict[str, Block]  # those whose header has the shape of ours and that hold no blob transaction
    folder: Path

    def replies(self, *methods: str) -> Iterator[Any]:
        """The results of the recorded exchanges."""
        for method in methods:
            for path in sorted((self.folder / method).glob("*.io")):
                for line in path.read_text().splitlines():
                    if line.startswith("<< "):
                        yield json.loads(line[3:]).get("result")


@pytest.fixture(scope="module")
def official(vectors_dir: Path) -> OfficialChain:
    folder = vectors_dir / "execution-apis"
    if not (folder / "chain.rlp").is_file():
        pytest.skip(f"no chain.rlp in {folder}")
    chain_id = json.loads((folder / "genesis.json").read_text())["config"]["chainId"]
    chain = OfficialChain({}, {}, folder)
    raw = (folder / "chain.rlp").read_bytes()
    for _, _, payload in iterate_encoded_items(raw, 0, len(raw)):
        (_, header, _), (_, _, body), *_ = iterate_encoded_items(payload, 0, len(payload))
        fields = decode(header)
        assert isinstance(fields, list)
        numbers = [int.from_bytes(field, "big") for field in fields if isinstance(field, bytes)]
        base_fee = numbers[BASE_FEE_FIELD] if len(fields) > BASE_FEE_FIELD else 0
        place = Place("0x" + keccak256(header).hex(), hex(numbers[8]), hex(numbers[11]), base_fee)
        transactions: list[Transaction] = []
        has_blobs = False
        for index, (is_list, whole, inner) in enumerate(iterate_encoded_items(body, 0, len(body))):
            try:
                transaction = decode_transaction(
                    whole if is_list else inner, chain_id, allow_unprotected=True
                )
            except BlobTransactionUnsupported:
                has_blobs = True
                continue
            transactions.append(transaction)
            chain.transactions["0x" + transaction.hash.hex()] = (transaction, place, index)
        if len(fields) >= CANCUN_FIELDS and not has_blobs:
            chain.blocks[place.block_hash] = Block(decode_header(header), tuple(transactions))
    return chain


def test_transactions_are_rendered_as_in_the_official_replies(official: OfficialChain) -> None:
    kinds = set()
    for expected in official.replies("eth_getTransactionByHash", "eth_getTransactionByBlockHashAndIndex"):
        if expected is None or expected["hash"] not in official.transactions:
            continue
        transaction, place, index = official.transactions[expected["hash"]]

        assert transaction_json(transaction, recover_sender(transaction), place, index) == expected
        kinds.add(transaction.type)

    assert TransactionType.LEGACY in kinds


def test_blocks_are_rendered_as_in_the_official_replies(official: OfficialChain) -> None:
    compared = 0
    for expected in official.replies("eth_getBlockByNumber", "eth_getBlockByHash"):
        if expected is None or expected["hash"] not in official.blocks:
            continue
        block = official.blocks[expected["hash"]]
        full = any(isinstance(item, dict) for item in expected["transactions"])
        senders = [recover_sender(transaction) for transaction in block.transactions]

        rendered = block_json(block, senders if full else None)
        if expected["withdrawals"]:  # this chain has none
            rendered["withdrawals"] = expected["withdrawals"]
            rendered["size"] = expected["size"]

        assert rendered == expected
        compared += 1

    assert compared >= 3


def test_receipts_are_rendered_as_in_the_official_replies(official: OfficialChain) -> None:
    replies = list(official.replies("eth_getTransactionReceipt"))
    for receipts in official.replies("eth_getBlockReceipts"):
        replies += receipts or []
    kinds, created = set(), 0
    for expected in replies:
        if (
            expected is None
            or "status" not in expected
            or expected["transactionHash"] not in official.transactions
        ):
            continue
        transaction, place, index = official.transactions[expected["transactionHash"]]
        receipt = Receipt(
            TransactionType(int(expected["type"], 16)),
            expected["status"] == "0x1",
            int(expected["cumulativeGasUsed"], 16),
            bytes.fromhex(expected["logsBloom"][2:]),
            tuple(_log(log) for log in expected["logs"]),
        )

        rendered = receipt_json(
            receipt,
            transaction,
            recover_sender(transaction),
            place,
            index,
            gas_used=int(expected["gasUsed"], 16),
            first_log_index=int(expected["logs"][0]["logIndex"], 16) if expected["logs"] else 0,
        )

        assert rendered == expected
        kinds.add(receipt.type)
        created += expected["contractAddress"] is not None

    assert kinds == {
        TransactionType.LEGACY,
        TransactionType.ACCESS_LIST,
        TransactionType.DYNAMIC_FEE,
        TransactionType.SET_CODE,
    }


def _log(value: dict[str, Any]) -> Log:
    return Log(
        Address(bytes.fromhex(value["address"][2:])),
        tuple(Hash32(bytes.fromhex(topic[2:])) for topic in value["topics"]),
        bytes.fromhex(value["data"][2:]),
    )


def test_official_blocks_keep_their_hash_through_our_json(official: OfficialChain) -> None:
    """The JSON of a block holds everything that its hash commits to."""
    assert len(official.blocks) > 5
    for block_hash, block in official.blocks.items():
        rendered: Any = block_json(block, None)

        assert rendered["hash"] == block_hash
        assert keccak256(header_from_json(rendered)) == bytes.fromhex(block_hash[2:])


def header_from_json(block: dict[str, Any]) -> bytes:
    """The RLP of a header, made from its JSON alone."""
    from chain.rlp import encode

    def octets(name: str) -> bytes:
        return bytes.fromhex(block[name][2:])

    def number(name: str) -> bytes:
        value = int(block[name], 16)
        return value.to_bytes((value.bit_length() + 7) // 8, "big")

    fields = [octets(name) for name in ("parentHash", "sha3Uncles", "miner", "stateRoot")]
    fields += [octets(name) for name in ("transactionsRoot", "receiptsRoot", "logsBloom")]
    fields += [number(name) for name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")]
    fields += [octets(name) for name in ("extraData", "mixHash", "nonce")]
    fields += [
        number("baseFeePerGas"),
        octets("withdrawalsRoot"),
        number("blobGasUsed"),
        number("excessBlobGas"),
    ]
    fields.append(octets("parentBeaconBlockRoot"))
    if "requestsHash" in block:
        fields.append(octets("requestsHash"))
    return encode(fields)
