"""Consensus keys: their text, and the proof that an operator has the key that it names.

Owns: what is signed for the proof, and the two forms of a key in text.
Never does: verify in a transaction (validators.py does, with the price of a recovery), or keep a secret.
Specification: Ristenpart and Yilek, "The Power of Proofs-of-Possession": without the proof anybody could register the
key of somebody else. The digest begins with a tag of its own, so that no vote is a proof and no proof is a vote.

    tag       30 bytes  b"aurigraph-consensus-key-proof\\x01"
    chain_id  32 bytes
    operator  20 bytes
"""

from __future__ import annotations

import binascii
from typing import Final

from chain.keccak import keccak256
from chain.secp256k1 import PUBLIC_KEY_BYTES, PrivateKey
from chain.types import Address, Hash32

PROOF_BYTES: Final = 65
"""r and s in 32 bytes each, then v: 27 or 28."""

MAX_KEY_TEXT: Final = 2 + 2 * PUBLIC_KEY_BYTES

_TAG: Final = b"aurigraph-consensus-key-proof\x01"


def proof_digest(chain_id: int, operator: Address) -> Hash32:
    """What the consensus key signs so that `operator` may use it."""
    return keccak256(_TAG + chain_id.to_bytes(32) + operator)


def prove_possession(key: PrivateKey, chain_id: int, operator: Address) -> bytes:
    """The proof, for `registerConsensusKey`."""
    signature = key.sign(proof_digest(chain_id, operator))
    return signature.r.to_bytes(32) + signature.s.to_bytes(32) + bytes((27 + signature.y_parity,))


def key_from_text(text: str) -> bytes | None:
    """33 bytes from Base64, as Cosmos writes keys, or from 0x and hex digits; None for anything else."""
    try:
        written = text.encode("ascii")
        if written.startswith(b"0x"):
            key = bytes.fromhex(text[2:])
            is_exact = b"0x" + key.hex().encode() == written.lower()  # deterministic: bytes, not text
        else:
            key = binascii.a2b_base64(written)
            is_exact = key_to_text(key) == text
    except ValueError:
        return None
    return key if is_exact and len(key) == PUBLIC_KEY_BYTES else None


def key_to_text(public_key: bytes) -> str:
    """Base64."""
    return binascii.b2a_base64(public_key, newline=False).decode("ascii")
