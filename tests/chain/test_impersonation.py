"""The mark of transactions that nobody signed, and that it means nothing unless a development node asks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from chain.impersonation import as_impersonated, impersonated_sender, impersonation_signature
from chain.secp256k1 import PrivateKey
from chain.transaction import (
    TransactionType,
    UnsignedTransaction,
    assemble_transaction,
    decode_transaction,
    recover_sender,
    sign_transaction,
)
from chain.types import Address

ROOT = Path(__file__).parent.parent.parent
SENDERS = (Address(b"\xab" * 20), Address(bytes(20)), Address(b"\xff" * 20))
KINDS = (TransactionType.LEGACY, TransactionType.ACCESS_LIST, TransactionType.DYNAMIC_FEE)


def unsigned(kind: TransactionType) -> UnsignedTransaction:
    return UnsignedTransaction(kind, 1337, 7, 5, 5, 21_000, Address(b"\x01" * 20), 3)


@pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.hex()[:4])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_bytes_tell_the_sender_again(kind: TransactionType, sender: Address) -> None:
    made = assemble_transaction(unsigned(kind), impersonation_signature(sender))
    assert impersonated_sender(made) == sender
    read = as_impersonated(decode_transaction(made.raw, 1337))
    assert recover_sender(read) == sender
    assert read.hash == made.hash


def test_decoding_alone_gives_nobody_the_account() -> None:
    sender = SENDERS[0]
    made = assemble_transaction(unsigned(TransactionType.DYNAMIC_FEE), impersonation_signature(sender))
    assert made.impersonated is None
    assert recover_sender(decode_transaction(made.raw, 1337)) != sender


def test_two_senders_have_two_hashes() -> None:
    hashes = {
        assemble_transaction(unsigned(TransactionType.LEGACY), impersonation_signature(sender)).hash
        for sender in SENDERS
    }
    assert len(hashes) == len(SENDERS)


def test_a_signed_transaction_stays_what_it_is() -> None:
    key = PrivateKey(b"\x05" * 32)
    signed = sign_transaction(unsigned(TransactionType.DYNAMIC_FEE), key)
    assert as_impersonated(signed) is signed
    assert recover_sender(signed) == key.address


def test_only_the_development_node_reads_the_mark() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for package in ("chain", "state", "vm", "genesis", "consensus", "p2p", "rpc", "node")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "chain.impersonation"
    }
    assert users
    assert all(name.startswith(("node/dev/", "state/dev_store")) for name in users)
    assert "impersonated=" not in "".join(
        path.read_text() for path in (ROOT / "node").rglob("*.py") if "dev" not in path.parts
    )
