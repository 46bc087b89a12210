"""Proofs of possession: from the key file, from the node that holds it, and what is none."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from chain.errors import CallerError
from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey, recover_address
from chain.types import Address
from consensus.signer import FileSigner, KeyFile, KeyInUse
from node.home import NodeHome
from node.initialise import create_validator_key
from node.key_proof import InvalidKeyProof, KeyProof, make_proof, proof_from_home
from tests.node.test_service import dev_home, running

CHAIN_ID = 1337
OPERATOR = Address(b"\x0f" * 20)
KEY = PrivateKey(b"\x01" * 32)


def signer_of(proof: KeyProof) -> Address:
    """Whose signature it is, by the layout that the contract documents."""
    tag = b"aurigraph-consensus-key-proof\x01"
    digest = keccak256(tag + proof.chain_id.to_bytes(32) + proof.operator)
    r, s, v = proof.signature[:32], proof.signature[32:64], proof.signature[64]
    return recover_address(digest, v - 27, int.from_bytes(r), int.from_bytes(s))


def test_a_proof_is_signed_by_the_key_for_chain_and_operator() -> None:
    assert signer_of(make_proof(KEY, CHAIN_ID, OPERATOR)) == KEY.address


def test_the_signer_of_votes_makes_the_same_proof(tmp_path: Path) -> None:
    FileSigner.create(tmp_path / "key", KEY.secret)
    signer = FileSigner.load(tmp_path / "key", CHAIN_ID)
    before = signer.last_height()
    proof = signer.attest(lambda key: make_proof(key, CHAIN_ID, OPERATOR))
    assert (proof, signer.last_height()) == (make_proof(KEY, CHAIN_ID, OPERATOR), before)
    signer.close()


def test_the_key_file_is_free_again_after_a_proof(tmp_path: Path) -> None:
    home = NodeHome(tmp_path)
    identity = create_validator_key(home, "me")
    for _ in range(2):
        proof = proof_from_home(home, CHAIN_ID, OPERATOR)
        assert (signer_of(proof), proof.public_key) == (identity.address, identity.public_key)


def test_a_key_in_use_without_a_socket_says_what_to_do(tmp_path: Path) -> None:
    home = NodeHome(tmp_path)
    create_validator_key(home, "me")
    held = KeyFile.open(home.validator_key)
    with pytest.raises(KeyInUse, match=r"no node answers at .*node.sock.*ipc = true"):
        proof_from_home(home, CHAIN_ID, OPERATOR)
    held.close()


async def test_a_running_node_proves_the_key_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.service.load_trusted_setup", lambda: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    home = dev_home(tmp_path / "dev")
    before = proof_from_home(home, CHAIN_ID, OPERATOR)
    async with running(home):
        ask = partial(proof_from_home, home, CHAIN_ID, OPERATOR)
        assert await trio.to_thread.run_sync(ask) == before
        with pytest.raises(CallerError, match="is of chain 1337, not 5"):
            await trio.to_thread.run_sync(partial(proof_from_home, home, 5, OPERATOR))


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "proof",
        {},
        {"chainId": "1"},
        {"chainId": True},
        {"chainId": -1},
        {"operator": "0x12"},
        {"operator": 5},
        {"publicKey": "0x0202"},
        {"proof": "0xzz"},
        {"proof": None},
    ],
)
def test_what_is_no_proof_is_refused(wrong: Any) -> None:
    proof = make_proof(KEY, CHAIN_ID, OPERATOR)
    assert KeyProof.from_json(proof.as_json()) == proof
    document = {**proof.as_json(), **wrong} if isinstance(wrong, dict) and wrong else wrong
    with pytest.raises(InvalidKeyProof):
        KeyProof.from_json(document)
