"""What a block itself did, beside its transactions: the logs of its hooks and the validators that it changed.

Owns the JSON form. These logs are in no receipt and no bloom; the header commits to them by its requests hash
(EIP-7685, vm/requests.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from chain.secp256k1 import address_of_public_key
from chain.types import Hash32, checksum_address
from node.chain_record import ChainRecord
from rpc.backend import Json


def block_events_json(number: int, block_hash: Hash32, record: ChainRecord | None) -> Mapping[str, Json]:
    """Logs in the form of eth_getLogs without the fields of a transaction; `record` is None for the genesis block."""
    place: dict[str, Json] = {"blockNumber": hex(number), "blockHash": "0x" + block_hash.hex()}
    events, updates = ((), ()) if record is None else (record.events, record.updates)
    return {
        **place,
        "logs": [
            {
                "address": "0x" + log.address.hex(),
                "topics": ["0x" + topic.hex() for topic in log.topics],
                "data": "0x" + log.data.hex(),
                **place,
                "logIndex": hex(index),
            }
            for index, log in enumerate(events)
        ],
        "validatorUpdates": [
            {
                "validator": checksum_address(address_of_public_key(update.public_key)),
                "publicKey": "0x" + update.public_key.hex(),
                "power": update.power,
            }
            for update in updates
        ],
    }
