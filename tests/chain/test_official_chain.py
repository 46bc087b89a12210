"""The chain of ethereum/execution-apis: 54 blocks from Homestead to Osaka, read with our codecs."""

import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from eth_account import Account

from chain.fees import next_base_fee
from chain.header import Header, decode_header
from chain.keccak import keccak256
from chain.ordered_trie import ordered_root
from chain.receipt import Log, Receipt, decode_receipt, logs_bloom, merge_blooms
from chain.rlp import decode, encode, iterate_encoded_items
from chain.transaction import (
    BlobTransactionUnsupported,
    TransactionType,
    decode_transaction,
    recover_sender,
)
from chain.types import Hash32, checksum_address, parse_address

CANCUN_FIELDS = 20


class OfficialBlock(NamedTuple):
    header: bytes
    transactions: list[bytes]
    withdrawals: list[bytes] | None


@pytest.fixture(scope="module")
def folder(vectors_dir: Path) -> Path:
    path = vectors_dir / "execution-apis"
    if not (path / "chain.rlp").is_file():
        pytest.skip(f"no chain.rlp in {path}")
    return path


@pytest.fixture(scope="module")
def chain_id(folder: Path) -> int:
    identity: int = json.loads((folder / "genesis.json").read_text())["config"]["chainId"]
    return identity


@pytest.fixture(scope="module")
def blocks(folder: Path) -> list[OfficialBlock]:
    raw = (folder / "chain.rlp").read_bytes()
    result = []
    for _, _, block in iterate_encoded_items(raw, 0, len(raw)):
        header, transactions, _, *withdrawals = iterate_encoded_items(block, 0, len(block))
        result.append(
            OfficialBlock(
                header[1],
                [whole if is_list else inner for is_list, whole, inner in items_of(transactions)],
                [whole for _, whole, _ in items_of(withdrawals[0])] if withdrawals else None,
            )
        )
    return result


def items_of(part: tuple[bool, bytes, bytes]) -> list[tuple[bool, bytes, bytes]]:
    return list(iterate_encoded_items(part[2], 0, len(part[2])))


def modern_headers(blocks: list[OfficialBlock]) -> list[tuple[OfficialBlock, Header]]:
    return [
        (block, decode_header(block.header)) for block in blocks if len(decode(block.header)) >= CANCUN_FIELDS
    ]


def test_every_header_and_transaction_is_encoded_as_we_encode(blocks: list[OfficialBlock]) -> None:
    assert len(blocks) == 54
    for block in blocks:
        for raw in (block.header, *[tx if tx[0] >= 0xC0 else tx[1:] for tx in block.transactions]):
            assert encode(decode(raw)) == raw


def test_headers_since_cancun_link_by_hash_and_follow_the_base_fee(blocks: list[OfficialBlock]) -> None:
    headers = [header for _, header in modern_headers(blocks)]
    assert len(headers) == 13
    for parent, header in itertools.pairwise(headers):
        assert header.parent_hash == parent.hash
        assert header.base_fee_per_gas == next_base_fee(parent)
        assert decode_header(header.encode()) == header


def test_transaction_and_withdrawal_roots_match(blocks: list[OfficialBlock]) -> None:
    for block in blocks:
        fields: Any = decode(block.header)
        assert fields[4] == ordered_root(block.transactions)
        if block.withdrawals is not None:
            assert fields[16] == ordered_root(block.withdrawals)


def test_every_transaction_round_trips_and_recovers_as_eth_account_does(
    blocks: list[OfficialBlock], chain_id: int
) -> None:
    seen = dict.fromkeys(TransactionType, 0)
    for raw in [raw for block in blocks for raw in block.transactions]:
        if raw[0] == TransactionType.BLOB:
            seen[TransactionType.BLOB] += 1
            with pytest.raises(BlobTransactionUnsupported):
                decode_transaction(raw, chain_id)
            continue
        transaction = decode_transaction(raw, chain_id, allow_unprotected=True)
        seen[transaction.type] += 1
        assert transaction.hash == keccak256(raw)
        assert checksum_address(recover_sender(transaction)) == Account.recover_transaction(raw)
    assert min(seen.values()) > 0


def test_receipts_of_an_rpc_answer_have_the_receipts_root_of_their_block(
    folder: Path, blocks: list[OfficialBlock]
) -> None:
    text = (folder / "eth_getBlockReceipts" / "get-block-receipts-latest.io").read_text()
    answer = json.loads(next(line for line in text.splitlines() if line.startswith("<< "))[3:])["result"]
    receipts = [receipt_from_rpc(entry) for entry in answer]
    number = int(answer[0]["blockNumber"], 16)
    fields: Any = decode(blocks[number - 1].header)
    assert keccak256(blocks[number - 1].header).hex() == answer[0]["blockHash"][2:]
    assert fields[5] == ordered_root([receipt.encode() for receipt in receipts])
    assert fields[6] == merge_blooms([receipt.logs_bloom for receipt in receipts])
    assert [decode_receipt(receipt.encode()) for receipt in receipts] == receipts


def receipt_from_rpc(entry: dict[str, Any]) -> Receipt:
    logs = tuple(
        Log(
            parse_address(log["address"]),
            tuple(Hash32(bytes.fromhex(topic[2:])) for topic in log["topics"]),
            bytes.fromhex(log["data"][2:]),
        )
        for log in entry["logs"]
    )
    return Receipt(
        TransactionType(int(entry["type"], 16)),
        entry["status"] == "0x1",
        int(entry["cumulativeGasUsed"], 16),
        logs_bloom(logs),
        logs,
    )
