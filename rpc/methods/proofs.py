"""eth_getProof: an account and some of its slots with Merkle proofs.

Owns: the keys as they come in and go out, the bound on their number, and the shape of the answer. The store makes the
proofs in a worker thread (state/proofs.py). Never checks a proof.
Specification: EIP-1186, go-ethereum internal/ethapi GetProof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chain.types import HASH_BYTES, ZERO_HASH, Address
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.errors import RpcFault
from rpc.params.method import Method, Parameter
from rpc.params.values import ADDRESS, BLOCK_OR_LATEST, BlockReference, BlockTag, elements, storage_key
from rpc.reading.chain_view import ChainView
from rpc.reading.rendering import JsonObject, text, word
from rpc.services import Services
from state.proofs import AccountProof

MAX_PROOF_KEYS: Final = 1_024
"""Slots of one call; go-ethereum's number. Each costs about 50 µs."""


@dataclass(frozen=True, slots=True)
class ProofKey:
    """A slot, and how the answer names it: a key of 32 bytes as it came, a shorter one as a number."""

    slot: int
    name: str


def proof_keys(value: object) -> tuple[ProofKey, ...]:
    """The slots to prove."""
    if isinstance(value, list) and len(value) > MAX_PROOF_KEYS:
        raise RpcFault.TOO_MANY_PROOF_KEYS.error(limit=MAX_PROOF_KEYS, count=len(value))
    return elements(value, _proof_key, "[]string")


def _proof_key(value: object) -> ProofKey:
    slot = storage_key(value)
    digits = str(value)
    digits = digits[2:] if digits[:2] in ("0x", "0X") else digits
    is_whole = (len(digits) + 1) // 2 == HASH_BYTES
    return ProofKey(slot, word(slot) if is_whole else hex(slot))


PROOF_KEYS: Final = Parameter(proof_keys)


def methods(services: Services) -> tuple[Method, ...]:
    """eth_getProof."""
    handlers = ProofMethods(services.view)
    return (Method("eth_getProof", handlers.get_proof, (ADDRESS, PROOF_KEYS, BLOCK_OR_LATEST)),)


class ProofMethods:
    """The handler, over the kept states of committed blocks."""

    def __init__(self, view: ChainView) -> None:
        self._view = view

    def get_proof(self, address: Address, keys: tuple[ProofKey, ...], reference: BlockReference) -> OffLoop:
        """eth_getProof. Of the pending block there is none: nobody signs its state root."""
        if reference is BlockTag.PENDING:
            raise RpcFault.PENDING_PROOF.error()
        number = self._view.state_number(reference)
        slots = [key.slot for key in keys]

        def run(deadline: Deadline) -> JsonObject:
            return _proof_json(address, keys, self._view.chain.prove(number, address, slots, deadline.check))

        return OffLoop(run)


def _proof_json(address: Address, keys: Sequence[ProofKey], proof: AccountProof) -> JsonObject:
    account = proof.account
    return {
        "address": text(address),
        "accountProof": [text(node) for node in proof.nodes],
        "balance": hex(account.balance if account is not None else 0),
        # An account that does not exist has no hashes at all, in go-ethereum's answer: zeros.
        "codeHash": text(account.code_hash if account is not None else ZERO_HASH),
        "nonce": hex(account.nonce if account is not None else 0),
        "storageHash": text(account.storage_root if account is not None else ZERO_HASH),
        "storageProof": [
            {"key": key.name, "value": hex(slot.value), "proof": [text(node) for node in slot.nodes]}
            for key, slot in zip(keys, proof.storage, strict=True)
        ],
    }
