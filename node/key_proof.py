"""The proof that an operator has the consensus key it names, from the key file or from the node that holds it.

Owns its form for people and programs, and who makes it. Never gives the key away. What is signed:
vm/system/staking/consensus_key.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from chain.errors import CallerError
from chain.secp256k1 import PUBLIC_KEY_BYTES, PrivateKey
from chain.types import Address, InvalidAddress, checksum_address, parse_address
from consensus.signer import KeyFile, KeyInUse
from node.home import NodeHome
from node.rpc_client import NodeUnreachable, RpcCallFailed, call_socket
from vm.system.staking.consensus_key import PROOF_BYTES, prove_possession

PROVE_METHOD: Final = "admin_proveConsensusKey"


class InvalidKeyProof(CallerError):
    """A document that is no proof."""


@dataclass(frozen=True, slots=True)
class KeyProof:
    """On the chain `chain_id`, `operator` may use `public_key` (33 bytes). signature: r, s, v (65 bytes)."""

    chain_id: int
    operator: Address
    public_key: bytes
    signature: bytes

    def as_json(self) -> dict[str, str | int]:
        """What `from_json` reads."""
        return {
            "chainId": self.chain_id,
            "operator": checksum_address(self.operator),
            "publicKey": "0x" + self.public_key.hex(),
            "proof": "0x" + self.signature.hex(),
        }

    @classmethod
    def from_json(cls, document: Any) -> KeyProof:
        """Raises InvalidKeyProof."""
        try:
            chain_id, operator = document["chainId"], parse_address(document["operator"])
            public_key, signature = (
                bytes.fromhex(document[name].removeprefix("0x")) for name in ("publicKey", "proof")
            )
        except KeyError as error:
            raise InvalidKeyProof(f"not a proof of possession: it has no {error.args[0]}") from error
        except (TypeError, ValueError, AttributeError, InvalidAddress) as error:
            raise InvalidKeyProof(f"not a proof of possession: {error}") from error
        if type(chain_id) is not int or chain_id < 0:
            raise InvalidKeyProof("not a proof of possession: chainId is no number")
        if (len(public_key), len(signature)) != (PUBLIC_KEY_BYTES, PROOF_BYTES):
            raise InvalidKeyProof("not a proof of possession: publicKey has 33 bytes and proof 65")
        return cls(chain_id, operator, public_key, signature)


def make_proof(key: PrivateKey, chain_id: int, operator: Address) -> KeyProof:
    """Signs with the key itself."""
    return KeyProof(chain_id, operator, key.public_key, prove_possession(key, chain_id, operator))


def proof_from_home(home: NodeHome, chain_id: int, operator: Address) -> KeyProof:
    """With the consensus key in `home`; by the running node, through its socket, while it holds the key.

    Raises CallerError if that node is of another chain, KeyInUse if it does not answer, and what KeyFile.open raises.
    """
    try:
        opened = KeyFile.open(home.validator_key)
    except KeyInUse as in_use:
        proof = _ask_holder(home, operator, in_use)
        if (proof.chain_id, proof.operator) != (chain_id, operator):
            raise CallerError(
                f"the node of {home.root} is of chain {proof.chain_id}, not {chain_id}"
            ) from None
        return proof
    try:
        return make_proof(opened.key, chain_id, operator)
    finally:
        opened.close()


def _ask_holder(home: NodeHome, operator: Address, in_use: KeyInUse) -> KeyProof:
    try:
        return KeyProof.from_json(call_socket(home.ipc_socket, PROVE_METHOD, checksum_address(operator)))
    except (NodeUnreachable, RpcCallFailed) as error:
        raise KeyInUse(
            f"{in_use}; that node cannot be asked for the proof: {error}. Its [rpc] needs ipc = true; or stop it, "
            "run `aurigraph staking proof`, and start it again"
        ) from error
