"""Why a block is final, in a form that anybody can check: the commit of the validators with what they signed.

Owns the JSON form of a commit. Never checks a signature: a stored commit was checked before its block was written.
Specification: consensus/sign_bytes.py (what is signed), arXiv 1807.04938 (why more than 2/3 of the power are final).

To check a certificate: the signatures with vote `commit` are secp256k1 signatures (r || s, 64 bytes) over the
keccak-256 hash of `signBytes`, made with `publicKey`, whose address is `validator`; those with vote `nil` are over
`nilSignBytes`. The powers of the first kind must be more than 2/3 of `totalPower`. `signBytes` holds the chain id,
the height, the round and the hash of the header, which has everything else in it: its parent beacon block root is the
keccak-256 hash of a tag, the five hashes of `consensusData` and the time (consensus/consensus_root.py). So whoever
trusts one set knows the hash of the next one (consensus/validator_set.py says of what), and follows a set that moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chain.types import Address, Hash32, checksum_address
from consensus.consensus_root import ConsensusData
from consensus.sign_bytes import vote_sign_bytes
from consensus.types import BlockIdFlag, Commit, CommitSignature, Vote, VoteKind
from consensus.validator_set import ValidatorSet
from rpc.backend import Json

_VOTES = {BlockIdFlag.ABSENT: "absent", BlockIdFlag.COMMIT: "commit", BlockIdFlag.NIL: "nil"}


def certificate_json(
    chain_id: int, validators: ValidatorSet, commit: Commit, tied: ConsensusData
) -> Mapping[str, Json]:
    """The commit of a block by the validators that decided it; `tied` is what its header says of consensus."""
    slots = [_slot_json(validators, slot) for slot in commit.signatures]
    return {
        "chainId": chain_id,
        "height": commit.height,
        "round": commit.round,
        "blockHash": "0x" + commit.block_id.hex(),
        "signBytes": _sign_bytes(chain_id, commit, commit.block_id),
        "nilSignBytes": _sign_bytes(chain_id, commit, None),
        "validatorsHash": "0x" + validators.hash().hex(),
        "totalPower": validators.total_power,
        "signedPower": sum(
            validators.power_of(slot.validator)
            for slot in commit.signatures
            if slot.block_id_flag is BlockIdFlag.COMMIT
        ),
        "signatures": slots,
        "consensusData": {
            "validatorsHash": "0x" + tied.validators_hash.hex(),
            "nextValidatorsHash": "0x" + tied.next_validators_hash.hex(),
            "paramsHash": "0x" + tied.params_hash.hex(),
            "lastCommitHash": "0x" + tied.last_commit_hash.hex(),
            "evidenceHash": "0x" + tied.evidence_hash.hex(),
            "timestampMs": tied.timestamp_ms,
        },
    }


def validators_json(
    validators: ValidatorSet, operator_of: Callable[[Address], Address | None]
) -> Sequence[Mapping[str, Json]]:
    """A validator set in its order; `operator_of` tells who runs the validator of a consensus address."""
    return [
        {
            "address": checksum_address(validator.address),
            "publicKey": "0x" + validator.public_key33.hex(),
            "power": validator.power,
            "operator": None if operator is None else checksum_address(operator),
        }
        for validator in validators.validators
        for operator in (operator_of(validator.address),)
    ]


def _sign_bytes(chain_id: int, commit: Commit, block_id: Hash32 | None) -> str:
    nobody = Address(bytes(20))  # who votes is not part of what is signed
    vote = Vote(VoteKind.PRECOMMIT, commit.height, commit.round, block_id, nobody)
    return "0x" + vote_sign_bytes(chain_id, vote).hex()


def _slot_json(validators: ValidatorSet, slot: CommitSignature) -> Mapping[str, Json]:
    member = validators.get(slot.validator)
    return {
        "validator": checksum_address(slot.validator),
        "publicKey": "0x" + member.public_key33.hex() if member is not None else None,
        "power": validators.power_of(slot.validator),
        "vote": _VOTES[slot.block_id_flag],
        "signature": "0x" + slot.signature.hex() if slot.signature else None,
    }
