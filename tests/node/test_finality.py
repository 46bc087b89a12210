"""A certificate shows every validator's slot, and what each signature is of."""

from __future__ import annotations

from typing import Any

import pytest

from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey, verify
from chain.types import Address, Hash32, checksum_address
from consensus.consensus_root import ConsensusData
from consensus.sign_bytes import sign_digest
from consensus.types import BlockIdFlag, Commit, CommitSignature, Vote, VoteKind
from consensus.validator_set import new_validator_set, validator_of
from node.finality import certificate_json, validators_json

CHAIN_ID, HEIGHT, ROUND = 7, 12, 3
BLOCK = Hash32(b"\xab" * 32)
KEYS = [PrivateKey(bytes([number]) * 32) for number in range(1, 5)]
POWERS = [40, 30, 20, 10]
ONE, TWO = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
TIED = ConsensusData(ONE, TWO, ONE, ONE, ONE, 1234)
VALIDATORS = new_validator_set(
    [validator_of(key.public_key, power) for key, power in zip(KEYS, POWERS, strict=True)]
)


def slot(key: PrivateKey, flag: BlockIdFlag) -> CommitSignature:
    if flag is BlockIdFlag.ABSENT:
        return CommitSignature(key.address, flag, b"")
    voted = BLOCK if flag is BlockIdFlag.COMMIT else None
    vote = Vote(VoteKind.PRECOMMIT, HEIGHT, ROUND, voted, key.address)
    return CommitSignature(key.address, flag, key.sign_compact(sign_digest(CHAIN_ID, vote)))


@pytest.fixture
def certificate() -> dict[str, Any]:
    flags = [BlockIdFlag.COMMIT, BlockIdFlag.COMMIT, BlockIdFlag.NIL, BlockIdFlag.ABSENT]
    slots = tuple(slot(key, flag) for key, flag in zip(KEYS, flags, strict=True))
    return dict(certificate_json(CHAIN_ID, VALIDATORS, Commit(HEIGHT, ROUND, BLOCK, slots), TIED))


def test_it_names_what_was_decided_and_by_how_much(certificate: dict[str, Any]) -> None:
    assert (certificate["chainId"], certificate["height"], certificate["round"]) == (CHAIN_ID, HEIGHT, ROUND)
    assert certificate["blockHash"] == "0x" + BLOCK.hex()
    assert (certificate["signedPower"], certificate["totalPower"]) == (70, 100)
    assert certificate["validatorsHash"] == "0x" + VALIDATORS.hash().hex()


def test_each_slot_says_how_its_validator_voted(certificate: dict[str, Any]) -> None:
    slots = certificate["signatures"]

    assert [item["vote"] for item in slots] == ["commit", "commit", "nil", "absent"]
    assert [item["power"] for item in slots] == POWERS
    assert [item["validator"] for item in slots] == [checksum_address(key.address) for key in KEYS]
    assert slots[3]["signature"] is None


def test_signatures_are_of_the_bytes_that_it_shows(certificate: dict[str, Any]) -> None:
    def holds(item: dict[str, Any], what: str) -> bool:
        message = bytes.fromhex(certificate[what][2:])
        key, signature = bytes.fromhex(item["publicKey"][2:]), bytes.fromhex(item["signature"][2:])
        return verify(key, keccak256(message), signature)

    first, second, third, _ = certificate["signatures"]
    for item in (first, second):
        assert holds(item, "signBytes")
        assert not holds(item, "nilSignBytes")
    assert holds(third, "nilSignBytes")
    assert not holds(third, "signBytes")


def test_validators_are_shown_in_their_order_with_their_operators() -> None:
    operators = {key.address: Address(bytes([9]) * 20) for key in KEYS[:3]}

    shown = validators_json(VALIDATORS, operators.get)

    assert [item["power"] for item in shown] == POWERS
    assert shown[0] == {
        "address": checksum_address(KEYS[0].address),
        "publicKey": "0x" + KEYS[0].public_key.hex(),
        "power": 40,
        "operator": checksum_address(Address(bytes([9]) * 20)),
    }
    assert shown[3]["operator"] is None, "staking forgot it, but it still decides"
