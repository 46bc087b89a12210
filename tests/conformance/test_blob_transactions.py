"""The harness's own part of blob transactions: who pays what, and what is refused."""

from dataclasses import replace

import pytest

from chain.keccak import keccak256
from chain.rlp import RlpItem, encode, uint
from chain.transaction import MalformedTransaction
from chain.types import Hash32
from tests.conformance.blob_transactions import (
    BlobCreatesContract,
    BlobFeeCapTooLow,
    BlobTransaction,
    InvalidBlobHash,
    NoBlobs,
    TooManyBlobs,
    apply_blob_transaction,
    decode_blob_transaction,
)
from tests.vm.worlds import ALICE, BOB, CHAIN_ID, ENVIRONMENT, address, assemble, funded
from vm.errors import InsufficientFunds, TransactionRejected, TransactionTypeNotSupported
from vm.forks import Fork
from vm.rules import blob_base_fee, rules_of

CONTRACT = address(0xC0DE)
HASH = b"\x01" + b"\xab" * 31
EXCESS = 10 * 1024 * 1024
DEAR = replace(ENVIRONMENT, excess_blob_gas=EXCESS)


def signed(
    hashes: tuple[bytes, ...] = (HASH,), *, to: bytes = CONTRACT, fee_cap: int = 100, cut: int = 0
) -> bytes:
    numbers: list[RlpItem] = [uint(value) for value in (CHAIN_ID, 0, 2, 10, 100_000)]
    fields: list[RlpItem] = [*numbers, to, b"", b"", [], uint(fee_cap), list(hashes)]
    signature = ALICE.sign(keccak256(b"\x03" + encode(fields)))
    whole = [*fields, uint(signature.y_parity), uint(signature.r), uint(signature.s)]
    return b"\x03" + encode(whole[: len(whole) - cut])


def decoded(
    hashes: tuple[bytes, ...] = (HASH,), *, to: bytes = CONTRACT, fee_cap: int = 100
) -> BlobTransaction:
    return decode_blob_transaction(signed(hashes, to=to, fee_cap=fee_cap), CHAIN_ID)


def test_the_sender_pays_for_blobs_and_code_sees_their_hashes() -> None:
    code = assemble(1) + b"\x49" + assemble(0, "SSTORE")  # BLOBHASH(1)
    world = funded().add(CONTRACT, nonce=1, code=code).world
    before = world.get_balance(ALICE.address)
    blob = decoded((HASH, HASH[:-1] + b"\x07"))
    assert blob.recovered.sender == ALICE.address
    result = apply_blob_transaction(world, DEAR, blob)
    assert world.get_storage(CONTRACT, 0).to_bytes(32, "big") == HASH[:-1] + b"\x07"
    price = min(10, ENVIRONMENT.base_fee_per_gas + 2)
    blob_price = blob_base_fee(EXCESS, rules_of(DEAR.fork))
    assert blob_price > 1
    assert before - world.get_balance(ALICE.address) == result.gas_used * price + 2 * 131_072 * blob_price


@pytest.mark.parametrize(
    ("blob", "fork", "rejection"),
    [
        (decoded(()), Fork.PRAGUE, NoBlobs),
        (decoded((HASH,) * 7), Fork.CANCUN, TooManyBlobs),
        (decoded((HASH,) * 10), Fork.PRAGUE, TooManyBlobs),
        (decoded((HASH,) * 7), Fork.OSAKA, TooManyBlobs),
        (decoded((b"\x02" + HASH[1:],)), Fork.PRAGUE, InvalidBlobHash),
        (decoded(to=b""), Fork.PRAGUE, BlobCreatesContract),
        (decoded(fee_cap=7), Fork.PRAGUE, BlobFeeCapTooLow),
        (decoded(fee_cap=2**200), Fork.PRAGUE, InsufficientFunds),
        (decoded(), Fork.SHANGHAI, TransactionTypeNotSupported),
    ],
)
def test_what_is_refused_changes_nothing(
    blob: BlobTransaction, fork: Fork, rejection: type[TransactionRejected]
) -> None:
    world = funded().world
    with pytest.raises(rejection):
        apply_blob_transaction(world, replace(DEAR, fork=fork), blob)
    assert world.changes().is_empty


@pytest.mark.parametrize(
    "raw",
    [
        b"\x03\xc0",
        b"\x03\x80",
        b"\x03" + b"\xff" * 9,
        signed(cut=1),
        signed((b"\x01" * 31,)),
        signed(to=BOB.address[1:]),
    ],
)
def test_malformed_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedTransaction):
        decode_blob_transaction(raw, CHAIN_ID)


def test_another_sender_comes_from_another_signing_hash() -> None:
    blob = decoded()
    assert blob.blob_hashes == (Hash32(HASH),)
    assert decoded((HASH, HASH)).recovered.sender == blob.recovered.sender == ALICE.address
